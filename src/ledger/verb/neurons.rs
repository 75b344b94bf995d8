//! `neurons`: the feed-forward layers of a version as memories: what makes units act, what they add, what an edit's columns
//! read and write.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::trace::traceable;
use crate::{
    commit::{Commit, FactView},
    delta::{Change, ChangeForm},
    engine::{Acting, Columns, Factors, Prefix, Progress, Traceable, Unit, Word},
    fact::{FactKey, Iri, tree},
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        edit::{
            examine::WordedFact,
            sample::{Draw, if_worded, question},
        },
        evaluate::scanning::ScanSummary,
        history::cache::scanned::{Scanned, StoredScan},
        lineage::load,
        state::open::Ledger,
    },
    store::StoreError,
};

/// Facts besides the edited ones at which the columns of an edit are looked at.
const OTHERS: usize = 500;

/// What a scan of texts found in a version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScanReport {
    /// The revision as given.
    pub revision: String,
    /// The commit it names.
    pub commit: Id<Commit>,
    /// What was found.
    #[serde(flatten)]
    pub summary: ScanSummary,
}

/// What units are in versions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnitsReport {
    /// One for each version looked into, in the order asked for.
    pub versions: Vec<UnitsVersion>,
}

/// What units are in one version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnitsVersion {
    /// The revision as given.
    pub revision: String,
    /// The commit it names.
    pub commit: Id<Commit>,
    /// The names of the files that were scanned; none where nothing was scanned on these weights.
    pub source: Option<String>,
    /// Each unit, in the order asked for.
    pub units: Vec<UnitView>,
}

/// What makes a unit act, and what it then adds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnitView {
    /// The unit.
    #[serde(flatten)]
    pub unit: Unit,
    /// What its value promotes, the likeliest first.
    pub promotes: Vec<Word>,
    /// What makes it act, most first; `None` where nothing was scanned.
    pub triggers: Option<Vec<TriggerView>>,
}

/// What makes a unit act.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TriggerView {
    /// How much it makes it act.
    pub coefficient: f32,
    /// The text up to the token at which the unit acts.
    #[serde(flatten)]
    pub prefix: Prefix,
}

/// Which units act after a prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActingReport {
    /// The prompt.
    pub prompt: String,
    /// What was expected after it, if anything was.
    pub expected: Option<String>,
    /// One for each version looked into, in the order asked for.
    pub versions: Vec<ActingVersion>,
}

/// Which units of one version act.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActingVersion {
    /// The revision as given.
    pub revision: String,
    /// The commit it names.
    pub commit: Id<Commit>,
    /// Which.
    #[serde(flatten)]
    pub acting: Acting,
}

/// What the columns of a commit's edit read and write.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnsReport {
    /// The revision as given.
    pub revision: String,
    /// The commit it names.
    pub commit: Id<Commit>,
    /// First line of its message.
    pub summary: String,
    /// Facts at whose subjects the columns were looked at.
    pub facts: u64,
    /// Each tensor that it changed by columns.
    pub tensors: Vec<TensorColumns>,
    /// Tensors that it changed otherwise.
    pub others: Vec<String>,
}

/// What the columns of the change of one tensor read and write.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TensorColumns {
    /// Its name.
    pub tensor: String,
    /// Each column.
    pub columns: Vec<ColumnView>,
}

/// What a column of an edit reads and writes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnView {
    /// The fact it belongs to, where it belongs to one that the commit has words for.
    pub fact: Option<FactView>,
    /// How often it is added where its own fact is looked up.
    pub own: Option<f32>,
    /// The facts where it is added most often, or taken, most first.
    pub reads: Vec<Read>,
    /// What it promotes, the likeliest first; nothing where it is not added to the stream.
    pub promotes: Option<Vec<Word>>,
}

/// A fact that a column reads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Read {
    /// The prompt, as far as its subject's last token.
    pub prompt: String,
    /// How often the column is added there.
    pub times: f32,
}

/// An edit as its columns, and facts to try them at.
struct Edit {
    revision: String,
    id: Id<Commit>,
    commit: Commit,
    /// Whose each column is.
    columns: Vec<FactKey>,
    changes: BTreeMap<String, Change>,
    /// Those it edited, then others.
    facts: Vec<(FactKey, WordedFact)>,
}

impl Repo {
    /// Finds what makes each unit of a version act in `texts`, the `top` beginnings with the greatest coefficients, and
    /// keeps it beside the store. `source` names the texts' files.
    ///
    /// # Errors
    /// When there is no such revision, its weights are not those its commit names, the texts have no token, the model
    /// fails, `progress` asks to stop, or what was found cannot be written. An earlier scan is then as it was.
    pub fn scan(
        &self,
        revision: &str,
        texts: &[String],
        source: &str,
        top: usize,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<ScanReport, LedgerError> {
        let commit = self.read()?.resolve(revision)?;
        if texts.is_empty() {
            return Err(LedgerError::NothingToScan { source_of: source.to_owned() });
        }
        let mut engine = self.engine(open)?;
        progress.part("weights");
        let (found, weights) = self.weights_at(commit)?;
        engine.set_weights(&weights)?;
        let scan = engine.scan(texts, top, progress)?;
        let ledger = self.read()?;
        let (lexicon, used) = (ledger.lexicon(&found), predicates(&ledger, &found)?);
        let summary = ScanSummary::of(&scan, source.to_owned(), top, &lexicon, &used)?;
        drop(lexicon);
        drop(ledger);
        let text =
            serde_json::to_string(&summary).expect("because it has string keys and plain values");
        let scanned = Scanned::of(self.store().dir(), &found);
        scanned.write(text, &scan).map_err(StoreError::from)?;
        Ok(ScanReport { revision: revision.to_owned(), commit, summary })
    }

    /// What the last scan of a version found.
    ///
    /// # Errors
    /// When there is no such revision, or no text was scanned on its weights.
    pub fn scanned(&self, revision: &str) -> Result<ScanReport, LedgerError> {
        let ledger = self.view()?;
        let commit = ledger.resolve(revision)?;
        let summary = summary_of(&self.scan_of(&ledger, commit)?);
        let not_scanned = || LedgerError::NotScanned { revision: revision.to_owned() };
        let summary = summary.ok_or_else(not_scanned)?;
        Ok(ScanReport { revision: revision.to_owned(), commit, summary })
    }

    fn scan_of(&self, ledger: &Ledger<'_>, id: Id<Commit>) -> Result<Scanned, LedgerError> {
        Ok(Scanned::of(self.store().dir(), &ledger.commit(id)?))
    }

    /// What makes units of the versions that `revisions` name act, as far as texts were scanned, and what they promote:
    /// `top` of each at most.
    ///
    /// # Errors
    /// When there is no such revision or unit, weights are not those their commit names, or the model fails.
    pub fn units(
        &self,
        units: &[Unit],
        revisions: &[String],
        top: usize,
        open: OpenEngine<'_>,
    ) -> Result<UnitsReport, LedgerError> {
        let ledger = self.read()?;
        let mut named = Vec::new();
        for revision in revisions {
            let id = ledger.resolve(revision)?;
            named.push((revision, id, self.scan_of(&ledger, id)?));
        }
        drop(ledger);
        let mut engine = self.engine(open)?;
        let mut versions = Vec::new();
        for (revision, commit, scanned) in named {
            engine.set_weights(&self.weights_at(commit)?.1)?;
            let promoted = engine.promoted(units, top)?;
            let view = |(&unit, promotes): (&Unit, Vec<Word>)| {
                let triggers = scanned.triggers(unit).map(|triggers| {
                    let triggers = triggers.into_iter().take(top);
                    let view = |(prefix, coefficient)| TriggerView { coefficient, prefix };
                    triggers.map(view).collect()
                });
                UnitView { unit, promotes, triggers }
            };
            versions.push(UnitsVersion {
                revision: revision.clone(),
                commit,
                source: summary_of(&scanned).map(|summary| summary.source),
                units: units.iter().zip(promoted).map(view).collect(),
            });
        }
        Ok(UnitsReport { versions })
    }

    /// The `top` units of the versions that `revisions` name that add most to what is `expected` after a prompt, or else to
    /// what is likeliest.
    ///
    /// # Errors
    /// When there is no such revision, its weights are not those its commit names, the prompt has no token or too many,
    /// or the model fails.
    pub fn acting(
        &self,
        prompt: &str,
        expected: Option<&str>,
        revisions: &[String],
        top: usize,
        open: OpenEngine<'_>,
    ) -> Result<ActingReport, LedgerError> {
        let ledger = self.read()?;
        let mut named = Vec::new();
        for revision in revisions {
            named.push((revision, ledger.resolve(revision)?));
        }
        drop(ledger);
        let mut engine = self.engine(open)?;
        let mut versions = Vec::new();
        for (revision, commit) in named {
            engine.set_weights(&self.weights_at(commit)?.1)?;
            let acting = engine.acting(prompt, expected, top)?;
            versions.push(ActingVersion { revision: revision.clone(), commit, acting });
        }
        let expected = expected.map(str::to_owned);
        Ok(ActingReport { prompt: prompt.to_owned(), expected, versions })
    }

    /// What the columns of the edit that a commit made read, among the facts it edited and others that its version knows, and
    /// what they promote: `top` of each at most.
    ///
    /// # Errors
    /// When there is no such revision, the commit made no edit of columns, its weights are not those it names, the
    /// model fails or `progress` asks to stop.
    pub fn columns(
        &self,
        revision: &str,
        top: usize,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<ColumnsReport, LedgerError> {
        let edit = self.edit_of(revision)?;
        let prompts: Vec<(FactKey, Traceable)> = edit
            .facts
            .iter()
            .filter_map(|(key, fact)| Some((*key, traceable(&fact.request)?)))
            .collect();
        let mut engine = self.engine(open)?;
        progress.part("weights");
        engine.set_weights(&self.weights_at(edit.id)?.1)?;
        let asked: Vec<Traceable> = prompts.iter().map(|(_, prompt)| prompt.clone()).collect();
        let factors = edit.changes.iter().filter_map(|(name, change)| match &change.form {
            ChangeForm::LowRank { left, right } => Some((name.clone(), Factors { left, right })),
            ChangeForm::Dense(_) | ChangeForm::Tuned(_) => None,
        });
        let found = engine.columns(&factors.collect(), &asked, top, progress)?;
        let others = edit.changes.keys().filter(|name| !found.contains_key(*name));
        Ok(ColumnsReport {
            others: others.cloned().collect(),
            tensors: found
                .iter()
                .map(|(name, columns)| TensorColumns {
                    tensor: name.clone(),
                    columns: edit.views(columns, &prompts, top),
                })
                .collect(),
            revision: edit.revision,
            commit: edit.id,
            summary: edit.commit.summary().to_owned(),
            facts: prompts.len() as u64,
        })
    }

    /// The edit that a commit made.
    fn edit_of(&self, revision: &str) -> Result<Edit, LedgerError> {
        let ledger = self.read()?;
        let id = ledger.resolve(revision)?;
        let commit = ledger.commit(id)?;
        let refused = |why| LedgerError::NoColumns { commit: id, why };
        let made = commit.delta.ok_or_else(|| refused("edited no weights"))?;
        let line = ledger.line(&commit)?;
        let entry = line.entries().iter().find(|entry| entry.id == made);
        let entry = entry.ok_or_else(|| refused("has nothing left of its edit"))?.clone();
        let columns = entry.delta.columns.clone();
        let facts = known(&ledger, &commit, &columns)?;
        drop(ledger);
        let read = load::read(&self.store().tensors(), &[entry])?;
        let changes = read.into_iter().next().map(|delta| delta.changes.clone());
        let changes = changes.unwrap_or_default();
        if changes.values().all(|change| change.rank().is_none()) {
            return Err(refused("made an edit that is not made of columns"));
        }
        Ok(Edit { revision: revision.to_owned(), id, commit, columns, changes, facts })
    }
}

/// The predicates of a version's facts and of its neighbourhood.
fn predicates(ledger: &Ledger<'_>, commit: &Commit) -> Result<BTreeSet<Iri>, LedgerError> {
    let mut used = BTreeSet::new();
    for root in [commit.facts, commit.neighbourhood] {
        for entry in tree::iter(ledger, root) {
            let (_, fact) = entry?;
            if !used.contains(&fact.predicate) {
                used.insert(fact.predicate);
            }
        }
    }
    Ok(used)
}

/// What a scan found as a whole; nothing where it cannot be read: then it is as if there were none.
fn summary_of(scanned: &Scanned) -> Option<ScanSummary> {
    let StoredScan { summary } = scanned.summary()?;
    serde_json::from_str(&summary).ok()
}

/// The facts of the columns, as far as they have words, and others that hold in the version or are its neighbourhood, drawn
/// by the repository's seed.
fn known(
    ledger: &Ledger<'_>,
    commit: &Commit,
    columns: &[FactKey],
) -> Result<Vec<(FactKey, WordedFact)>, LedgerError> {
    let (lexicon, roots) = (ledger.lexicon(commit), commit.roots());
    let mut edited: Vec<FactKey> = columns.to_vec();
    edited.sort_unstable();
    edited.dedup();
    let mut facts = Vec::new();
    for &key in &edited {
        if let Some(fact) = tree::get(ledger, roots.facts, key)? {
            facts.extend(if_worded(question(&lexicon, &fact))?.map(|fact| (key, fact)));
        }
    }
    let mut others = Draw::new(ledger.config.seed, OTHERS);
    for entry in tree::iter(ledger, roots.facts) {
        let (key, fact) = entry?;
        if edited.binary_search(&key).is_err() {
            others.offer(key, &fact);
        }
    }
    for entry in tree::iter(ledger, roots.neighbourhood) {
        let (key, fact) = entry?;
        // What an edit says of the same question counts, not what the base knew.
        if tree::get(ledger, roots.facts, key)?.is_none() {
            others.offer(key, &fact);
        }
    }
    for fact in others.drawn.into_values() {
        let key = fact.key(lexicon.multi_valued(&fact.predicate)?);
        facts.extend(if_worded(question(&lexicon, &fact))?.map(|fact| (key, fact)));
    }
    Ok(facts)
}

impl Edit {
    /// What was found of each column of a tensor, in words.
    fn views(
        &self,
        found: &Columns,
        prompts: &[(FactKey, Traceable)],
        top: usize,
    ) -> Vec<ColumnView> {
        let facts: BTreeMap<FactKey, &FactView> =
            self.facts.iter().map(|(key, fact)| (*key, &fact.fact)).collect();
        let places: BTreeMap<FactKey, usize> =
            prompts.iter().enumerate().map(|(at, (key, _))| (*key, at)).collect();
        let mut promoted = found.promotes.clone().map(Vec::into_iter);
        let view = |column: usize| {
            let times = found.responses.row(column);
            let fact = self.columns.get(column);
            let mut order: Vec<usize> = (0..times.len()).collect();
            order.sort_by(|&a, &b| times[b].abs().total_cmp(&times[a].abs()).then(a.cmp(&b)));
            let reads = order.into_iter().take(top).map(|at| {
                let prompt = &prompts[at].1;
                Read { prompt: prompt.prompt[..prompt.subject.end].to_owned(), times: times[at] }
            });
            ColumnView {
                fact: fact.and_then(|key| facts.get(key)).map(|&fact| fact.clone()),
                own: fact.and_then(|key| places.get(key)).map(|&at| times[at]),
                reads: reads.collect(),
                promotes: promoted.as_mut().and_then(Iterator::next),
            }
        };
        (0..found.responses.rows).map(view).collect()
    }
}
