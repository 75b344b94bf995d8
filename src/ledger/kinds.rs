//! All kinds of objects that a ledger stores, and what each refers to.

use super::state::{
    bisection::Bisection, checkout_journal::PendingCheckout, citations::Cited,
    evaluations::Evaluations, open::Ledger, provenance::Provenance, stash::Stash, undone::Undone,
};
use crate::{
    checkpoint::{Base, Verified},
    codec::{self, Rewrite, rewrite},
    commit::{Artefact, Artefacts, Commit, Report, ReportRows, Spec, StatisticsRecord, Step},
    delta::{Delta, Lineage, TensorFile},
    fact::{
        Attribution, Citation, Fact, Staged, StoredStage, Words,
        tree::{Entry, Long, Node, Slot},
    },
    ledger::{
        LedgerError,
        edit::found::ZInputs,
        forget::note::Forgetting,
        history::cache::{
            by_subject::Contents,
            changed_facts::Changes,
            scanned::{StoredScan, StoredUnits},
        },
        merge::task::TaskInProgress,
    },
    store::{Head, Kinds, References},
};

/// All kinds that are written here or by what the ledger is made of, for fuzzing.
#[doc(hidden)]
pub const KINDS: &[Rewrite] = &[
    rewrite::<Node<Fact>>,
    rewrite::<Node<Words>>,
    rewrite::<Node<Staged>>,
    rewrite::<Node<Provenance>>,
    rewrite::<Node<Citation>>,
    rewrite::<Node<Cited>>,
    rewrite::<Long<Fact>>,
    rewrite::<Long<Words>>,
    rewrite::<Long<Staged>>,
    rewrite::<Long<Provenance>>,
    rewrite::<Long<Citation>>,
    rewrite::<Long<Cited>>,
    rewrite::<Attribution>,
    rewrite::<StoredStage>,
    rewrite::<Base>,
    rewrite::<TensorFile>,
    rewrite::<Delta>,
    rewrite::<Lineage>,
    rewrite::<Commit>,
    rewrite::<Spec>,
    rewrite::<StatisticsRecord>,
    rewrite::<Artefact>,
    rewrite::<Artefacts>,
    rewrite::<Report>,
    rewrite::<ReportRows>,
    rewrite::<Evaluations>,
    rewrite::<TaskInProgress>,
    rewrite::<Stash>,
    rewrite::<Bisection>,
    rewrite::<Undone>,
    rewrite::<ZInputs>,
    rewrite::<PendingCheckout>,
    rewrite::<Forgetting>,
    rewrite::<Changes>,
    rewrite::<Contents>,
    rewrite::<Verified>,
    rewrite::<StoredScan>,
    rewrite::<StoredUnits>,
];

impl Ledger<'_> {
    /// All kinds of objects, and what each refers to; a commit also to where its facts were read, which lies beside it.
    pub(crate) fn kinds(&self) -> Result<Kinds, LedgerError> {
        let cited = self.all_cited()?;
        Ok(kinds().with(move |object: &Commit| {
            commit(object).objects(cited.get(&codec::id_of(object)).copied())
        }))
    }
}

/// All kinds of objects, and what each refers to in itself.
pub(crate) fn kinds() -> Kinds {
    let none = References::default;
    Kinds::of_the_store()
        .with(node::<Fact>)
        .with(node::<Words>)
        .with(long::<Fact>)
        .with(long::<Words>)
        .with(node::<Staged>)
        .with(node::<Provenance>)
        .with(long::<Provenance>)
        .with(long::<Staged>)
        .with(node::<Citation>)
        .with(long::<Citation>)
        .with(node::<Cited>)
        .with(long::<Cited>)
        .with(move |_: &Attribution| none())
        .with(|stage: &StoredStage| {
            References::default()
                .object(stage.changes)
                .object(stage.words)
                .object(stage.neighbourhood)
                .objects(*stage.citations)
        })
        .with(bisection)
        .with(move |_: &Undone| none())
        .with(|report: &Report| References::default().objects(report.parts()))
        .with(move |_: &ReportRows| none())
        .with(move |_: &Base| none())
        .with(|spec: &Spec| References::default().objects(spec.statistics).objects(spec.artefact))
        .with(|artefact: &Artefact| {
            References::default().object(artefact.base).object(artefact.file).file(artefact.file)
        })
        .with(|artefacts: &Artefacts| {
            References::default().objects(artefacts.entries.iter().copied())
        })
        .with(|record: &StatisticsRecord| {
            References::default().object(record.base).object(record.file).file(record.file)
        })
        .with(|file: &TensorFile| References::default().file(codec::id_of(file)))
        .with(|delta: &Delta| References::default().object(delta.file).file(delta.file))
        .with(|lineage: &Lineage| {
            References::default().object(lineage.delta).objects(lineage.before)
        })
        .with(commit)
        .with(|unfinished: &TaskInProgress| {
            References::default()
                .objects([unfinished.from, unfinished.at])
                .objects(unfinished.left.iter().copied())
        })
        .with(|evaluations: &Evaluations| {
            // They keep no commit: without it they mean nothing.
            References::default().objects(evaluations.entries.iter().map(|entry| entry.report))
        })
        .with(|stash: &Stash| {
            let entries = stash.entries.iter();
            References::default()
                .objects(entries.clone().map(|entry| entry.stage))
                .objects(entries.map(|entry| entry.commit))
        })
}

fn node<V: Entry>(node: &Node<V>) -> References {
    match node {
        Node::Leaf(entries) => {
            let mut references = References::default();
            for (_, slot) in entries {
                match slot {
                    Slot::Inline(value) => references.objects.extend(value.names()),
                    Slot::Long(id) => references = references.object(*id),
                }
            }
            references
        }
        Node::Branch(children) => {
            References::default().objects(children.iter().flatten().map(|child| child.id))
        }
    }
}

fn long<V: Entry>(Long(value): &Long<V>) -> References {
    References { objects: value.names(), ..References::default() }
}

fn bisection(bisection: &Bisection) -> References {
    let start = match &bisection.start {
        Head::Detached(id) => Some(*id),
        Head::Branch(_) => None,
    };
    let named = bisection.bad.iter().chain(&bisection.good).chain(&bisection.skipped);
    References::default().objects(start).objects(named.copied())
}

fn commit(commit: &Commit) -> References {
    let reverted = match &commit.step {
        Step::Revert(id) => Some(*id),
        // The original of a cherry-picked or rebased commit need not stay.
        Step::Root
        | Step::Edit
        | Step::Merge
        | Step::Pick(_)
        | Step::Consolidate
        | Step::Import(_)
        | Step::Repair => None,
    };
    References::default()
        .objects(commit.parents.iter().copied())
        .objects(reverted)
        .object(commit.base)
        .object(commit.facts)
        .object(commit.lexicon)
        .object(commit.neighbourhood)
        .objects(commit.spec)
        .objects(commit.delta)
        .objects(commit.lineage)
        .objects(commit.report)
}
