//! Where something is said of a subject.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    codec::{self, Object, Objects as _},
    fact::{
        Fact, FactKey, FactTree, Iri, Lexicon, LexiconTree, Stage, StoredStage, Term, Words, tree,
    },
    id::Id,
    ledger::{
        About, Commit, LedgerError, Stash, Unfinished, bisection::Bisection, read::Ledger,
        stash::STASH,
    },
};

/// What is to be forgotten, and where it is.
pub(in crate::ledger) struct Scope {
    /// The subjects.
    pub(in crate::ledger) subjects: BTreeSet<Iri>,
    /// What is said of them anywhere, neighbourhood included, by their triples.
    pub(in crate::ledger) facts: BTreeMap<String, Fact>,
    /// The keys of these facts.
    pub(in crate::ledger) keys: BTreeSet<FactKey>,
    /// Subjects that facts about others need, as their object or predicate: their words stay.
    pub(in crate::ledger) objects: BTreeSet<Iri>,
    /// All commits that a ref leads to or an operation names, each after its parents.
    pub(in crate::ledger) history: Vec<(Id<Commit>, Commit)>,
    /// Those of them that say something of a subject, or come after one that does.
    pub(in crate::ledger) tainted: BTreeSet<Id<Commit>>,
    /// Those that a ref leads to.
    pub(in crate::ledger) reachable: BTreeSet<Id<Commit>>,
}

impl Scope {
    /// Finds what is said of the subjects that `about` means.
    ///
    /// # Errors
    /// When something cannot be read.
    pub(in crate::ledger) fn find(ledger: &Ledger<'_>, about: &About) -> Result<Self, LedgerError> {
        let tips = ledger.tips()?;
        let mut named: BTreeSet<Id<Commit>> = tips.iter().copied().collect();
        for hash in named_by_operations(ledger)? {
            if tag(ledger, &hash)? == Some(Commit::TAG) {
                named.insert(Id::from_bytes(hash));
            }
        }
        let mut scope = Self {
            subjects: BTreeSet::new(),
            facts: BTreeMap::new(),
            keys: BTreeSet::new(),
            objects: BTreeSet::new(),
            history: after_parents(ledger.ancestry(named)?),
            tainted: BTreeSet::new(),
            reachable: ledger.ancestry(tips.iter().copied())?.into_keys().collect(),
        };
        let mut lexicons = Vec::new();
        for tip in tips {
            lexicons.push(ledger.commit(tip)?.lexicon);
        }
        let stages = scope.stages(ledger)?;
        scope.find_subjects(ledger, about, &lexicons, &stages)?;
        scope.find_facts(ledger, &stages)?;
        scope.find_commits(ledger)?;
        Ok(scope)
    }

    /// The stage and those put aside.
    pub(in crate::ledger) fn stages(&self, ledger: &Ledger<'_>) -> Result<Vec<Stage>, LedgerError> {
        let mut stages = vec![ledger.stage()?];
        for entry in ledger.stash()?.entries {
            stages.push(Stage::load(ledger, entry.stage)?);
        }
        Ok(stages)
    }

    fn find_subjects(
        &mut self,
        ledger: &Ledger<'_>,
        about: &About,
        lexicons: &[Id<LexiconTree>],
        stages: &[Stage],
    ) -> Result<(), LedgerError> {
        let lexicons: Vec<Lexicon<'_>> =
            lexicons.iter().map(|root| ledger.lexicon_at(ledger, *root)).collect();
        let mut subjects = BTreeSet::new();
        let mut look = |own: Option<&Lexicon<'_>>, fact: &Fact| {
            if !subjects.contains(&fact.subject) {
                for lexicon in lexicons.iter().chain(own) {
                    if about.matches(lexicon, fact)? {
                        subjects.insert(fact.subject.clone());
                    }
                }
            }
            Ok::<_, LedgerError>(())
        };
        self.each_fact(ledger, |commit, _, fact| look(Some(&ledger.lexicon(commit)), fact))?;
        for stage in stages {
            for staged in stage.changes.values().chain(stage.neighbourhood.values()) {
                look(None, staged.change.fact())?;
            }
        }
        self.subjects = subjects;
        Ok(())
    }

    fn find_facts(&mut self, ledger: &Ledger<'_>, stages: &[Stage]) -> Result<(), LedgerError> {
        let (mut facts, mut keys, mut objects) =
            (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let mut look = |key: FactKey, fact: &Fact| {
            if self.subjects.contains(&fact.predicate) {
                objects.insert(fact.predicate.clone());
            }
            if self.subjects.contains(&fact.subject) {
                keys.insert(key);
                facts.insert(fact.to_string(), fact.clone());
            } else if let Term::Iri(object) = &fact.object
                && self.subjects.contains(object)
            {
                objects.insert(object.clone());
            }
        };
        self.each_fact(ledger, |_, key, fact| {
            look(key, fact);
            Ok(())
        })?;
        for stage in stages {
            for (key, staged) in stage.changes.iter().chain(&stage.neighbourhood) {
                look(*key, staged.change.fact());
            }
        }
        (self.facts, self.keys, self.objects) = (facts, keys, objects);
        Ok(())
    }

    /// Shows every fact that some commit has and its first parent has not.
    fn each_fact(
        &self,
        ledger: &Ledger<'_>,
        mut show: impl FnMut(&Commit, FactKey, &Fact) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let by_id: BTreeMap<Id<Commit>, &Commit> =
            self.history.iter().map(|(id, commit)| (*id, commit)).collect();
        for (_, commit) in &self.history {
            let parent = commit.parents.first().and_then(|parent| by_id.get(parent));
            for trees in [|commit: &Commit| commit.facts, |commit: &Commit| commit.neighbourhood] {
                let Some(parent) = parent else {
                    for entry in tree::iter(ledger, trees(commit)) {
                        let (key, fact) = entry?;
                        show(commit, key, &fact)?;
                    }
                    continue;
                };
                for difference in tree::diff(ledger, trees(parent), trees(commit)) {
                    if let (key, _, Some(fact)) = difference? {
                        show(commit, key, &fact)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn find_commits(&mut self, ledger: &Ledger<'_>) -> Result<(), LedgerError> {
        let mut tainted = BTreeSet::new();
        for (id, commit) in &self.history {
            if commit.parents.iter().any(|parent| tainted.contains(parent))
                || self.in_tree(ledger, commit.facts)?
                || self.in_tree(ledger, commit.neighbourhood)?
                || self.in_lexicon(ledger, commit.lexicon)?
            {
                tainted.insert(*id);
            }
        }
        self.tainted = tainted;
        Ok(())
    }

    fn in_tree(&self, ledger: &Ledger<'_>, root: Id<FactTree>) -> Result<bool, LedgerError> {
        let keys: Vec<FactKey> = self.keys.iter().copied().collect();
        Ok(!tree::get_many(ledger, root, &keys)?.is_empty())
    }

    fn in_lexicon(&self, ledger: &Ledger<'_>, root: Id<LexiconTree>) -> Result<bool, LedgerError> {
        Ok(!tree::get_many(ledger, root, &self.names())?.is_empty())
    }

    /// Keys of the words that are forgotten too, ascending: names of subjects that no other fact needs,
    /// and those for questions about the subjects.
    pub(in crate::ledger) fn names(&self) -> Vec<Id<Words>> {
        let names = self.subjects.difference(&self.objects).map(Words::key);
        let questions = self.facts.values().map(|fact| Words::key(&fact.question()));
        let mut names: Vec<_> = names.chain(questions).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Whether there is nothing to forget.
    pub(in crate::ledger) fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// The stage without what is forgotten.
    pub(in crate::ledger) fn strip(&self, stage: &Stage) -> Stage {
        let mut left = stage.clone();
        let questions: BTreeSet<Iri> = self.facts.values().map(Fact::question).collect();
        left.changes.retain(|_, staged| !self.subjects.contains(&staged.change.fact().subject));
        left.neighbourhood
            .retain(|_, staged| !self.subjects.contains(&staged.change.fact().subject));
        left.words.retain(|iri, _| {
            let about = self.subjects.contains(iri) && !self.objects.contains(iri);
            !about && !questions.contains(iri)
        });
        left
    }

    /// Objects that operations name and that say something of a subject.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(in crate::ledger) fn remembered(
        &self,
        ledger: &Ledger<'_>,
    ) -> Result<BTreeSet<[u8; 32]>, LedgerError> {
        let mut found: BTreeSet<[u8; 32]> = self.tainted.iter().map(|id| *id.as_bytes()).collect();
        for hash in named_by_operations(ledger)? {
            let commits = match tag(ledger, &hash)? {
                Some(StoredStage::TAG) => {
                    let stage = Stage::load(ledger, Id::from_bytes(hash))?;
                    if self.strip(&stage) != stage {
                        found.insert(hash);
                    }
                    continue;
                }
                Some(Stash::TAG) => {
                    let stash = codec::get(ledger, Id::<Stash>::from_bytes(hash))?;
                    for entry in &stash.entries {
                        let stage = Stage::load(ledger, entry.stage)?;
                        if self.strip(&stage) != stage {
                            found.insert(hash);
                        }
                    }
                    stash.entries.into_iter().map(|entry| entry.commit).collect()
                }
                Some(Unfinished::TAG) => {
                    let task = codec::get(ledger, Id::<Unfinished>::from_bytes(hash))?;
                    [vec![task.from, task.at], task.left].concat()
                }
                Some(Bisection::TAG) => {
                    let search = codec::get(ledger, Id::<Bisection>::from_bytes(hash))?;
                    let bad = search.bad.into_iter().collect();
                    [bad, search.good, search.skipped].concat()
                }
                _ => continue,
            };
            if commits.iter().any(|commit| self.tainted.contains(commit)) {
                found.insert(hash);
            }
        }
        Ok(found)
    }
}

/// Objects that operations name and that are still there.
fn named_by_operations(ledger: &Ledger<'_>) -> Result<BTreeSet<[u8; 32]>, LedgerError> {
    let mut named = BTreeSet::new();
    for operation in ledger.session.operations() {
        named.extend(operation?.names());
    }
    named.extend(ledger.session.root(STASH)?);
    Ok(named)
}

/// The tag of a stored object; `None` when there is none.
fn tag(ledger: &Ledger<'_>, hash: &[u8; 32]) -> Result<Option<u8>, LedgerError> {
    Ok(ledger.bytes(hash)?.and_then(|bytes| bytes.first().copied()))
}

/// The commits in an order in which each comes after its parents.
fn after_parents(mut history: BTreeMap<Id<Commit>, Commit>) -> Vec<(Id<Commit>, Commit)> {
    let mut sorted = Vec::with_capacity(history.len());
    while let Some((&first, _)) = history.first_key_value() {
        let mut ahead = vec![first];
        while let Some(&id) = ahead.last() {
            let Some(commit) = history.get(&id) else {
                ahead.pop();
                continue;
            };
            let before = ahead.len();
            ahead.extend(commit.parents.iter().filter(|parent| history.contains_key(*parent)));
            if ahead.len() == before {
                ahead.pop();
                sorted.extend(history.remove_entry(&id));
            }
        }
    }
    sorted
}
