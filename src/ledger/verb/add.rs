//! `add`: triples to the stage.

use std::collections::BTreeSet;

use serde::Serialize;

use super::sync::{Earlier, Synced};
use crate::{
    codec::{self, Draft},
    eval::dataset::Requests,
    fact::{
        AddOutcome, Intake, Role, StageError, StagedChange, StoredStage, United, fact_key,
        read::{LeftOut, Tally},
        tree,
    },
    id::Id,
    ledger::{
        LedgerError, Repo,
        actor::Actor,
        report::{unread::SentencesView, view::FactChange, wording},
        state::{open::Ledger, roots::STAGE},
    },
};

/// Changes that a dry run lists.
const LISTED: usize = 20;

/// How facts are added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddOptions {
    /// What they are added as.
    pub role: Role,
    /// Whether facts staged earlier give way.
    pub replace: bool,
    /// Whether facts are left out for which there is no template, or no rule that puts their object into words.
    pub skip_unknown: bool,
    /// Whether facts about names that the input says to be equal (`owl:sameAs`) go to one of these.
    pub same_as: bool,
    /// Whether it is only said what would be staged.
    pub dry_run: bool,
    /// Who or what says the facts, in the user's words.
    pub source: Option<String>,
    /// Under which licence, in the user's words.
    pub licence: Option<String>,
}

impl AddOptions {
    /// All facts are staged as this, unless others stand in their way.
    #[must_use]
    pub const fn new(role: Role) -> Self {
        Self {
            role,
            replace: false,
            skip_unknown: false,
            same_as: false,
            dry_run: false,
            source: None,
            licence: None,
        }
    }
}

/// What `add` staged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AddReport {
    /// What the facts were added as.
    pub role: Role,
    /// Whether nothing was staged, and all this is what would be.
    pub dry_run: bool,
    /// What became of the triples.
    #[serde(flatten)]
    pub outcome: AddOutcome,
    /// Facts on the stage now, retractions among them.
    pub staged: u64,
    /// The first of the changes that would be staged; none where it was done.
    pub changes: Vec<FactChange>,
    /// Facts of the input by predicate, most first; of very many predicates some.
    pub predicates: Vec<PredicateCount>,
    /// What of the input was left out.
    pub left_out: Vec<LeftOutView>,
    /// What of the input was left out and why, in words.
    pub notes: Vec<String>,
    /// What became of equal names, where they were to be made one.
    pub same_as: Option<United>,
    /// What became of the sentences, where some were read.
    pub sentences: Option<SentencesView>,
    /// What became of the facts that the source said before, where these were looked at.
    pub sync: Option<Synced>,
}

/// Facts of one predicate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PredicateCount {
    /// Its IRI.
    pub predicate: String,
    /// How many.
    pub count: u64,
}

/// Triples that were left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOutView {
    /// Why.
    pub why: Why,
    /// How many.
    pub count: u64,
    /// By predicate, most first, where they were counted so; of very many predicates some.
    pub predicates: Vec<PredicateCount>,
}

/// Why triples are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// They have a blank node.
    BlankNode,
    /// They are in another graph.
    Graph,
    /// They have another predicate.
    Predicate,
    /// Their predicate has no template.
    NoTemplate,
    /// No rule puts their object into words.
    NoRule,
}

impl Why {
    /// In words, behind "triples skipped".
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::BlankNode => "with a blank node",
            Self::Graph => "in another graph",
            Self::Predicate => "with another predicate",
            Self::NoTemplate => "with a predicate that has no template",
            Self::NoRule => "with a value that no rule puts into words",
        }
    }
}

impl Repo {
    /// Stages the facts and words of `input`, all of them or none. With `replace`, facts staged
    /// earlier give way.
    ///
    /// # Errors
    /// When the input makes no sense, or contradicts itself or the stage.
    pub fn add(
        &self,
        actor: &Actor,
        input: Intake,
        role: Role,
        replace: bool,
    ) -> Result<AddReport, LedgerError> {
        self.add_with(actor, input, AddOptions { replace, ..AddOptions::new(role) })
    }

    /// [`Repo::add`] with all that can be said of how.
    ///
    /// # Errors
    /// As for [`Repo::add`].
    pub fn add_with(
        &self,
        actor: &Actor,
        input: Intake,
        options: AddOptions,
    ) -> Result<AddReport, LedgerError> {
        self.add_and_take_back(actor, input, options, None)
    }

    /// [`Repo::add_with`]; what `said` said before and is not in `input` is taken back.
    pub(super) fn add_and_take_back(
        &self,
        actor: &Actor,
        mut input: Intake,
        options: AddOptions,
        said: Option<Earlier<'_>>,
    ) -> Result<AddReport, LedgerError> {
        let AddOptions { role, replace, skip_unknown, same_as, dry_run, source, licence } = options;
        input.attribute_all(source.as_deref(), licence.as_deref());
        let ledger = self.read()?;
        let (_, commit) = ledger.head_commit()?;
        let roots = commit.roots();
        let before = ledger.session.root(STAGE)?.map(Id::from_bytes);
        let gone = said.map(|said| said.gone(&ledger, &mut input)).transpose()?;
        let united = if same_as { Some(ledger.unite(&mut input)?) } else { None };
        let mut draft = Draft::new(&ledger);
        if skip_unknown {
            input.leave_out_unknown(&mut draft, before, roots, &ledger.config.language)?;
        }
        let (left_out, notes) = (left_out(input.left_out()), notes(input.left_out()));
        let predicates = input.predicates().map(|(iri, count)| counted((iri.as_str(), count)));
        let mut predicates: Vec<_> = predicates.collect();
        most_first(&mut predicates);
        let rest = match &gone {
            Some(gone) => gone.take_back(&mut draft, before, roots)?,
            None => before,
        };
        let (after, outcome) = StoredStage::add(&mut draft, rest, roots, input, role, replace)?;
        let sync = gone.map(|gone| gone.counted(&draft, after)).transpose()?;
        let (staged, changes) = if dry_run {
            let staged = match before {
                Some(before) => codec::get(&draft, before)?.changes(&draft)?,
                None => 0,
            };
            (staged, changes(&ledger, draft, (before, after), role, LISTED)?.1)
        } else {
            (ledger.restage(actor, draft, before, after)?, Vec::new())
        };
        Ok(AddReport {
            role,
            dry_run,
            outcome,
            staged,
            changes,
            predicates,
            left_out,
            notes,
            same_as: united,
            sentences: None,
            sync,
        })
    }

    /// Stages what a dataset asks to be edited in, with the words for it, all of it or nothing.
    ///
    /// # Errors
    /// When words make no sense, or facts exclude one another or what is staged.
    pub fn add_requests(
        &self,
        actor: &Actor,
        requests: Requests,
        options: AddOptions,
    ) -> Result<AddReport, LedgerError> {
        let Requests { triples, skipped: records, undecided, unusable } = requests;
        let input = Intake::of(triples.into_iter().map(Ok)).map_err(StageError::Read)?;
        let report = self.add_with(actor, input, options)?;
        let left_out = [
            (records, "record", "an earlier one answers the same question"),
            (undecided, "claim", "neither true nor false"),
            (unusable, "paraphrase", "without its subject, or with braces"),
        ];
        let notes = left_out.into_iter().filter(|(count, ..)| *count > 0);
        let notes = notes.map(|(count, what, why)| skipped(count, what, why)).collect();
        Ok(AddReport { notes, ..report })
    }
}

impl Ledger<'_> {
    /// Makes equal names of `input` one.
    fn unite(&self, input: &mut Intake) -> Result<United, LedgerError> {
        let (_, commit) = self.head_commit()?;
        let stage = self.stored_stage()?;
        let mut staged = BTreeSet::new();
        if let Some(stage) = &stage {
            for entry in tree::iter(self, stage.changes) {
                staged.insert(entry?.1.change.fact().subject.clone());
            }
        }
        let lexicon = self.lexicon(&commit);
        let lexicon = match stage {
            Some(stage) => lexicon.with(stage.words),
            None => lexicon,
        };
        input.unite(|name| {
            Ok(staged.contains(name)
                || !lexicon.words(name)?.is_empty()
                || !self.facts_about(commit.facts, name)?.is_empty())
        })
    }
}

/// The first of what the stage `after` would change that the one `before` does not, at most `most`.
pub(super) fn changes<'d>(
    ledger: &Ledger<'_>,
    mut draft: Draft<'d>,
    (before, after): (Option<Id<StoredStage>>, Id<StoredStage>),
    role: Role,
    most: usize,
) -> Result<(Draft<'d>, Vec<FactChange>), LedgerError> {
    let (_, commit) = ledger.head_commit()?;
    let before = match before {
        Some(before) => codec::get(&draft, before)?,
        None => StoredStage::empty(&mut draft),
    };
    let after = codec::get(&draft, after)?;
    let (before, staged, held) = match role {
        Role::Edit => (before.changes, after.changes, commit.facts),
        Role::Neighbourhood => (before.neighbourhood, after.neighbourhood, commit.neighbourhood),
    };
    let lexicon = ledger.lexicon_at(&draft, commit.lexicon).with(after.words);
    let mut changes = Vec::new();
    for difference in tree::diff(&draft, before, staged) {
        let (key, _, after) = difference?;
        let held = tree::get(&draft, held, fact_key(key))?;
        let after = match after.map(|staged| staged.change) {
            Some(StagedChange::Set(fact)) => Some(fact),
            Some(StagedChange::Retract(_)) => None,
            None => held.clone(),
        };
        changes.extend(wording::fact_change(&lexicon, held.as_ref(), after.as_ref())?);
        if changes.len() >= most {
            break;
        }
    }
    drop(lexicon);
    Ok((draft, changes))
}

fn counted((predicate, count): (impl ToString, u64)) -> PredicateCount {
    PredicateCount { predicate: predicate.to_string(), count }
}

/// Sorts counts, and keeps as many as are kept apart.
fn most_first(counts: &mut Vec<PredicateCount>) {
    counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.predicate.cmp(&b.predicate)));
    counts.truncate(Tally::APART);
}

/// What was left out, by why.
fn left_out(left: &LeftOut) -> Vec<LeftOutView> {
    let graph = Tally { total: left.other_graph, ..Tally::default() };
    let all = [
        (Why::BlankNode, &left.blank),
        (Why::Graph, &graph),
        (Why::Predicate, &left.other_predicate),
        (Why::NoTemplate, &left.no_template),
        (Why::NoRule, &left.no_rule),
    ];
    let some = all.into_iter().filter(|(_, tally)| tally.total > 0);
    let view = |(why, tally): (Why, &Tally)| {
        let mut predicates: Vec<_> = tally
            .by_predicate
            .iter()
            .map(|(predicate, count)| counted((predicate, *count)))
            .collect();
        most_first(&mut predicates);
        LeftOutView { why, count: tally.total, predicates }
    };
    some.map(view).collect()
}

/// What was left out, in words.
fn notes(left: &LeftOut) -> Vec<String> {
    let mut notes: Vec<String> = left_out(left)
        .iter()
        .map(|left| skipped(left.count, "triple", left.why.in_words()))
        .collect();
    if !left.columns.is_empty() {
        let columns: Vec<&str> = left.columns.iter().map(String::as_str).collect();
        notes.push(format!("columns from which nothing was taken: {}", columns.join(", ")));
    }
    notes
}

fn skipped(count: u64, what: &str, why: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural} skipped: {why}")
}
