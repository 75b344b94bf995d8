//! `fsck`: everything stored, verified.

use serde::Serialize;

use crate::{
    checkpoint::{self, Base},
    codec,
    delta::{Delta, Lineage, TensorFile},
    fact::{
        Fact, Staged, StoredStage, Words,
        tree::{Entry, Long, Node, Slot},
    },
    ledger::{
        Commit, LedgerError, Progress, Repo, Report, Spec, Stash, StatisticsRecord, Step,
        Unfinished, bisection::Bisection, undone::Undone,
    },
    store::Head,
    store::fsck::{self, Kinds, References},
};

/// What `fsck` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FsckReport {
    /// Objects read and verified.
    pub objects: u64,
    /// Tensor files read and verified.
    pub tensor_files: u64,
    /// Versions whose weights were built and compared.
    pub versions: u64,
    /// What is wrong, one line each.
    pub problems: Vec<String>,
    /// What was repaired, one line each.
    pub repaired: Vec<String>,
    /// Harmless remarks: files left over, objects that nothing refers to.
    pub remarks: Vec<String>,
}

/// What `fsck` does besides reading everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FsckOptions {
    /// Build the index again from packs and journal where it is damaged.
    pub repair: bool,
    /// Build the weights of every version that a ref leads to.
    pub weights: bool,
}

impl Repo {
    /// Reads everything stored and verifies it. Damage is in the report, not an error.
    ///
    /// # Errors
    /// When the store is busy or cannot be read at all.
    pub fn fsck(
        &self,
        options: &FsckOptions,
        progress: &mut dyn Progress,
    ) -> Result<FsckReport, LedgerError> {
        let mut check = |what: &str| progress.start(what, None);
        let mut findings = fsck::check(self.store(), &kinds(), &mut check)?;
        let mut repaired = Vec::new();
        if options.repair && findings.problems.iter().any(|problem| problem.repairable) {
            self.store().rebuild()?;
            repaired.push("the index, from packs and journal".to_owned());
            findings = fsck::check(self.store(), &kinds(), &mut check)?;
        }
        let mut problems: Vec<String> = findings
            .problems
            .iter()
            .map(|problem| format!("{}: {}", problem.path.display(), problem.what))
            .collect();
        // What the store finds damaged would be found again by whoever reads it.
        let mut versions = 0;
        if problems.is_empty() {
            self.check_base(&mut problems)?;
            if options.weights {
                versions = self.check_weights(&mut problems, progress)?;
            }
        }
        progress.finish("");
        Ok(FsckReport {
            objects: findings.objects,
            tensor_files: findings.tensor_files,
            versions,
            problems,
            repaired,
            remarks: findings.remarks,
        })
    }

    /// Compares the copy of the base with its fingerprint.
    fn check_base(&self, problems: &mut Vec<String>) -> Result<(), LedgerError> {
        let ledger = self.read()?;
        let base = codec::get(&ledger, ledger.head_commit()?.1.base)?;
        drop(ledger);
        match checkpoint::verify(&self.base_dir(), &base) {
            Ok(found) => problems.extend(found.into_iter().map(|what| format!("base: {what}"))),
            Err(error) => problems.push(format!("base: {error}")),
        }
        Ok(())
    }

    /// Builds the weights of every version that a ref leads to; returns how many there are.
    fn check_weights(
        &self,
        problems: &mut Vec<String>,
        progress: &mut dyn Progress,
    ) -> Result<u64, LedgerError> {
        let ledger = self.read()?;
        let mut versions = Vec::new();
        for (id, commit) in ledger.reachable()? {
            let line = ledger.line(&commit)?;
            versions.push((id, commit, line));
        }
        drop(ledger);
        progress.start("weights", Some(versions.len() as u64));
        for (done, (id, commit, line)) in (1..).zip(&versions) {
            match self.weights(*id, commit, line) {
                Ok(_) => {}
                Err(error @ LedgerError::Engine(_)) => return Err(error),
                Err(error) => problems.push(error.to_string()),
            }
            progress.advance(done, "")?;
        }
        Ok(versions.len() as u64)
    }
}

/// All kinds of objects, and what each refers to.
fn kinds() -> Kinds {
    let none = References::default;
    Kinds::of_the_store()
        .with(node::<Fact>)
        .with(node::<Words>)
        .with(move |_: &Long<Fact>| none())
        .with(move |_: &Long<Words>| none())
        .with(node::<Staged>)
        .with(move |_: &Long<Staged>| none())
        .with(|stage: &StoredStage| {
            References::default()
                .object(stage.changes)
                .object(stage.words)
                .object(stage.neighbourhood)
        })
        .with(bisection)
        .with(move |_: &Undone| none())
        .with(move |_: &Report| none())
        .with(move |_: &Base| none())
        .with(|spec: &Spec| References::default().object(spec.statistics))
        .with(|record: &StatisticsRecord| {
            References::default().object(record.base).file(record.file)
        })
        .with(|file: &TensorFile| References::default().file(codec::id_of(file)))
        .with(|delta: &Delta| References::default().object(delta.file).file(delta.file))
        .with(|lineage: &Lineage| {
            References::default().object(lineage.delta).objects(lineage.before)
        })
        .with(commit)
        .with(|unfinished: &Unfinished| {
            References::default()
                .objects([unfinished.from, unfinished.at])
                .objects(unfinished.left.iter().copied())
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
            References::default().objects(entries.iter().filter_map(|(_, slot)| match slot {
                Slot::Inline(_) => None,
                Slot::Long(id) => Some(*id),
            }))
        }
        Node::Branch(children) => {
            References::default().objects(children.iter().flatten().map(|child| child.id))
        }
    }
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
        // A commit made again elsewhere need not stay.
        Step::Root
        | Step::Edit
        | Step::Merge
        | Step::Pick(_)
        | Step::Consolidate
        | Step::Import(_) => None,
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
