//! Where something is said of a subject.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    codec::{self, Draft, Object, ObjectError, Objects},
    commit::Commit,
    delta::{Delta, DeltaTensor, Form, Lineage},
    fact::{
        Attribution, Fact, FactKey, FactTree, Iri, Lexicon, LexiconTree, Staged, StoredStage, Term,
        Words, fact_key, staged_key, tree,
    },
    id::Id,
    ledger::{
        LedgerError,
        history::select::About,
        merge::task::TaskInProgress,
        state::{
            bisection::Bisection,
            citations,
            open::Ledger,
            roots::{STAGE, STASH},
            stash::Stash,
        },
    },
    store::Head,
};

/// What is to be forgotten, and where it is.
pub(crate) struct Scope {
    /// The subjects.
    pub(crate) subjects: BTreeSet<Iri>,
    /// What is said of them anywhere, neighbourhood included, by their triples.
    pub(crate) facts: BTreeMap<String, Fact>,
    /// The keys of these facts.
    pub(crate) keys: BTreeSet<FactKey>,
    /// Subjects that facts about others need, as their object or predicate: their words stay.
    pub(crate) objects: BTreeSet<Iri>,
    /// The texts that what is said of them was read from.
    pub(crate) quoted: BTreeSet<Id<Attribution>>,
    /// Keys of the words that are forgotten too: names of subjects that no other fact needs, and those for
    /// questions about the subjects.
    words: BTreeSet<Id<Words>>,
    /// All commits that are reachable or that an operation names, each after its parents.
    pub(crate) history: Vec<(Id<Commit>, Commit)>,
    /// Those of them that say something of a subject, or come after one that does.
    pub(crate) tainted: BTreeSet<Id<Commit>>,
    /// Those that a ref, HEAD or a stash reaches.
    pub(crate) reachable: BTreeSet<Id<Commit>>,
    /// Deltas of these that [keep the numbers](Self::keeps_numbers) of what is forgotten.
    pub(crate) shared: BTreeSet<Id<Delta>>,
}

impl Scope {
    /// Finds what is said of the subjects that `about` means.
    ///
    /// # Errors
    /// When something cannot be read.
    pub(crate) fn find(ledger: &Ledger<'_>, about: &About) -> Result<Self, LedgerError> {
        let mut tips = ledger.tips()?;
        // A stage can be stashed on a commit that nothing else reaches any more.
        tips.extend(ledger.stash()?.entries.iter().map(|entry| entry.commit));
        let mut named: BTreeSet<Id<Commit>> = tips.iter().copied().collect();
        let mut stages = current_stages(ledger)?;
        for hash in named_by_operations(ledger)? {
            match tag(ledger, &hash)? {
                Some(Commit::TAG) => {
                    named.insert(Id::from_bytes(hash));
                }
                Some(StoredStage::TAG) => {
                    stages.insert(Id::from_bytes(hash));
                }
                Some(Stash::TAG) => {
                    let stash = codec::get(ledger, Id::<Stash>::from_bytes(hash))?;
                    stages.extend(stash.entries.into_iter().map(|entry| entry.stage));
                }
                _ => {}
            }
        }
        let mut scope = Self {
            subjects: BTreeSet::new(),
            facts: BTreeMap::new(),
            keys: BTreeSet::new(),
            objects: BTreeSet::new(),
            quoted: BTreeSet::new(),
            words: BTreeSet::new(),
            history: after_parents(ledger.ancestry(named)?),
            tainted: BTreeSet::new(),
            reachable: ledger.ancestry(tips.iter().copied())?.into_keys().collect(),
            shared: BTreeSet::new(),
        };
        let mut lexicons = BTreeSet::new();
        for tip in tips {
            lexicons.insert(ledger.commit(tip)?.lexicon);
        }
        scope.find_subjects(ledger, about, &lexicons, &stages)?;
        scope.find_facts(ledger, &stages)?;
        scope.find_quoted(ledger, &stages)?;
        scope.find_words();
        scope.find_commits(ledger)?;
        scope.find_shared(ledger)?;
        Ok(scope)
    }

    fn find_subjects(
        &mut self,
        ledger: &Ledger<'_>,
        about: &About,
        lexicons: &BTreeSet<Id<LexiconTree>>,
        stages: &BTreeSet<Id<StoredStage>>,
    ) -> Result<(), LedgerError> {
        let lexicons: Vec<Lexicon<'_>> =
            lexicons.iter().map(|root| ledger.lexicon_at(ledger, *root)).collect();
        let mut subjects = BTreeSet::new();
        let mut look = |own: &Lexicon<'_>, fact: &Fact| {
            if !subjects.contains(&fact.subject) {
                for lexicon in lexicons.iter().chain([own]) {
                    if about.matches(lexicon, fact)? {
                        subjects.insert(fact.subject.clone());
                    }
                }
            }
            Ok::<_, LedgerError>(())
        };
        self.each_fact(ledger, |commit, _, fact| look(&ledger.lexicon(commit), fact))?;
        for id in stages {
            let stage = codec::get(ledger, *id)?;
            let own = ledger.lexicon_at(ledger, stage.words);
            each_staged(ledger, stage, |_, fact| look(&own, fact))?;
        }
        self.subjects = subjects;
        Ok(())
    }

    fn find_facts(
        &mut self,
        ledger: &Ledger<'_>,
        stages: &BTreeSet<Id<StoredStage>>,
    ) -> Result<(), LedgerError> {
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
            Ok(())
        };
        self.each_fact(ledger, |_, key, fact| look(key, fact))?;
        for id in stages {
            each_staged(ledger, codec::get(ledger, *id)?, &mut look)?;
        }
        (self.facts, self.keys, self.objects) = (facts, keys, objects);
        Ok(())
    }

    fn find_quoted(
        &mut self,
        ledger: &Ledger<'_>,
        stages: &BTreeSet<Id<StoredStage>>,
    ) -> Result<(), LedgerError> {
        let mut trees = BTreeSet::new();
        for (id, _) in &self.history {
            trees.extend(ledger.cited(*id)?);
        }
        for id in stages {
            trees.extend(*codec::get(ledger, *id)?.citations);
        }
        for root in trees {
            self.quoted.extend(citations::quoted(ledger, root, &self.keys)?);
        }
        Ok(())
    }

    fn find_words(&mut self) {
        let names = self.subjects.difference(&self.objects);
        let names = names.flat_map(|iri| [Words::key(iri), Words::key(&Words::names_iri(iri))]);
        let questions = self.facts.values().map(|fact| Words::key(&fact.question()));
        self.words = names.chain(questions).collect();
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
        let (mut tainted, mut lineages) = (BTreeSet::new(), BTreeMap::new());
        for (id, commit) in &self.history {
            if commit.parents.iter().any(|parent| tainted.contains(parent))
                || holds_any(ledger, commit.facts, &self.keys)?
                || holds_any(ledger, commit.neighbourhood, &self.keys)?
                || holds_any(ledger, commit.lexicon, &self.words)?
                || self.in_lineage(ledger, commit.lineage, &mut lineages)?
            {
                tainted.insert(*id);
            }
        }
        self.tainted = tainted;
        Ok(())
    }

    fn find_shared(&mut self, ledger: &Ledger<'_>) -> Result<(), LedgerError> {
        let (mut seen, mut shared) = (BTreeSet::new(), BTreeSet::new());
        let stays = self.tainted.intersection(&self.reachable);
        let by_id: BTreeMap<_, _> = self.history.iter().map(|(id, commit)| (id, commit)).collect();
        for commit in stays.filter_map(|id| by_id.get(id)) {
            let mut at = commit.lineage;
            while let Some(id) = at.filter(|id| seen.insert(*id)) {
                let node: Lineage = codec::get(ledger, id)?;
                if self.keeps_numbers(&codec::get(ledger, node.delta)?) {
                    shared.insert(node.delta);
                }
                at = node.before;
            }
        }
        self.shared = shared;
        Ok(())
    }

    /// Whether a delta cannot be cut where what is forgotten ends: its other facts hold the same numbers.
    pub(crate) fn keeps_numbers(&self, delta: &Delta) -> bool {
        let facts = delta.facts();
        let forgotten = facts.intersection(&self.keys).count();
        let is_cut = |tensor: &DeltaTensor| matches!(tensor.form, Form::LowRank { .. });
        (1..facts.len()).contains(&forgotten)
            && !(delta.together.is_empty() && delta.tensors.iter().all(is_cut))
    }

    /// Whether a delta of a lineage has a column of what is forgotten, though it may count no more. A pick can
    /// take one in whose facts it leaves. `known` says it of the lineages seen before.
    fn in_lineage(
        &self,
        ledger: &Ledger<'_>,
        newest: Option<Id<Lineage>>,
        known: &mut BTreeMap<Id<Lineage>, bool>,
    ) -> Result<bool, LedgerError> {
        let (mut nodes, mut at, mut found) = (Vec::new(), newest, false);
        while let Some(id) = at {
            if let Some(known) = known.get(&id) {
                found = *known;
                break;
            }
            let node: Lineage = codec::get(ledger, id)?;
            at = node.before;
            nodes.push((id, node.delta));
        }
        for (id, delta) in nodes.into_iter().rev() {
            if !found {
                let delta: Delta = codec::get(ledger, delta)?;
                found = delta.facts().iter().any(|key| self.keys.contains(key));
            }
            known.insert(id, found);
        }
        Ok(found)
    }

    /// Whether there is nothing to forget.
    pub(crate) fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// A tree of facts without what is forgotten.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(crate) fn strip_facts(
        &self,
        draft: &mut Draft<'_>,
        root: Id<FactTree>,
    ) -> Result<Id<FactTree>, ObjectError> {
        without(draft, root, &self.keys)
    }

    /// A tree of words without what is forgotten.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(crate) fn strip_words(
        &self,
        draft: &mut Draft<'_>,
        root: Id<LexiconTree>,
    ) -> Result<Id<LexiconTree>, ObjectError> {
        without(draft, root, &self.words)
    }

    /// The stage without what is forgotten.
    ///
    /// # Errors
    /// When the stage cannot be read.
    pub(crate) fn strip(
        &self,
        draft: &mut Draft<'_>,
        stage: StoredStage,
    ) -> Result<StoredStage, ObjectError> {
        let keys = self.staged_keys();
        Ok(StoredStage {
            changes: without(draft, stage.changes, &keys)?,
            words: without(draft, stage.words, &self.words)?,
            neighbourhood: without(draft, stage.neighbourhood, &keys)?,
            citations: match *stage.citations {
                Some(root) => citations::without(draft, root, &self.keys, &self.quoted)?,
                None => None,
            }
            .into(),
        })
    }

    /// How many facts of the stage and of those put aside are forgotten.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(crate) fn staged(&self, ledger: &Ledger<'_>) -> Result<u64, LedgerError> {
        let keys: Vec<Id<Staged>> = self.staged_keys().into_iter().collect();
        let mut staged = 0;
        for id in current_stages(ledger)? {
            let stage = codec::get(ledger, id)?;
            for root in [stage.changes, stage.neighbourhood] {
                staged += tree::get_many(ledger, root, &keys)?.len() as u64;
            }
        }
        Ok(staged)
    }

    fn staged_keys(&self) -> BTreeSet<Id<Staged>> {
        self.keys.iter().map(|key| staged_key(*key)).collect()
    }

    fn in_stage(&self, ledger: &Ledger<'_>, id: Id<StoredStage>) -> Result<bool, LedgerError> {
        let (stage, keys) = (codec::get(ledger, id)?, self.staged_keys());
        if let Some(root) = stage.citations.filter(|_| !self.quoted.is_empty()) {
            for entry in tree::iter(ledger, root) {
                if entry?.1.attribution.is_some_and(|id| self.quoted.contains(&id)) {
                    return Ok(true);
                }
            }
        }
        Ok(holds_any(ledger, stage.changes, &keys)?
            || holds_any(ledger, stage.neighbourhood, &keys)?
            || holds_any(ledger, stage.words, &self.words)?)
    }

    /// Objects that operations name and that say something of a subject.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(crate) fn forgotten_objects(
        &self,
        ledger: &Ledger<'_>,
    ) -> Result<BTreeSet<[u8; 32]>, LedgerError> {
        let mut found: BTreeSet<[u8; 32]> = self.tainted.iter().map(|id| *id.as_bytes()).collect();
        for hash in named_by_operations(ledger)? {
            let commits = match tag(ledger, &hash)? {
                Some(StoredStage::TAG) => {
                    if self.in_stage(ledger, Id::from_bytes(hash))? {
                        found.insert(hash);
                    }
                    continue;
                }
                Some(Stash::TAG) => {
                    let stash = codec::get(ledger, Id::<Stash>::from_bytes(hash))?;
                    for entry in &stash.entries {
                        if self.in_stage(ledger, entry.stage)? {
                            found.insert(hash);
                        }
                    }
                    stash.entries.into_iter().map(|entry| entry.commit).collect()
                }
                Some(TaskInProgress::TAG) => {
                    let task = codec::get(ledger, Id::<TaskInProgress>::from_bytes(hash))?;
                    if task.settled.keys().any(|key| self.keys.contains(key)) {
                        found.insert(hash);
                    }
                    [vec![task.from, task.at], task.left].concat()
                }
                Some(Bisection::TAG) => {
                    let search = codec::get(ledger, Id::<Bisection>::from_bytes(hash))?;
                    let start = match search.start {
                        Head::Detached(id) => vec![id],
                        Head::Branch(_) => Vec::new(),
                    };
                    let bad = search.bad.into_iter().collect();
                    [start, bad, search.good, search.skipped].concat()
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

/// The stage and those put aside.
fn current_stages(ledger: &Ledger<'_>) -> Result<BTreeSet<Id<StoredStage>>, LedgerError> {
    let stage = ledger.session.root(STAGE)?.map(Id::from_bytes);
    let aside = ledger.stash()?.entries.into_iter().map(|entry| entry.stage);
    Ok(stage.into_iter().chain(aside).collect())
}

/// Shows every fact of a stage.
fn each_staged(
    ledger: &Ledger<'_>,
    stage: StoredStage,
    mut show: impl FnMut(FactKey, &Fact) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    for root in [stage.changes, stage.neighbourhood] {
        for entry in tree::iter(ledger, root) {
            let (key, staged) = entry?;
            show(fact_key(key), staged.change.fact())?;
        }
    }
    Ok(())
}

/// Whether a tree holds something under one of `keys`.
fn holds_any<V: tree::Entry>(
    objects: &dyn Objects,
    root: Id<tree::Node<V>>,
    keys: &BTreeSet<Id<V>>,
) -> Result<bool, ObjectError> {
    let keys: Vec<Id<V>> = keys.iter().copied().collect();
    Ok(!tree::get_many(objects, root, &keys)?.is_empty())
}

/// A tree without what it holds under `keys`.
fn without<V: tree::Entry>(
    draft: &mut Draft<'_>,
    root: Id<tree::Node<V>>,
    keys: &BTreeSet<Id<V>>,
) -> Result<Id<tree::Node<V>>, ObjectError> {
    let keys: Vec<Id<V>> = keys.iter().copied().collect();
    let held = tree::get_many(draft, root, &keys)?;
    let gone = held.into_keys().map(|key| (key, None)).collect();
    tree::update(draft, root, &gone)
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
