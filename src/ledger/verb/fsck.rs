//! `fsck`: everything stored, verified.

use serde::Serialize;

use crate::{
    checkpoint::{self, Base, CheckpointError},
    codec,
    delta::{Delta, Lineage, TensorFile},
    fact::{
        Fact, FactTree, Stage, Words,
        tree::{Entry, Long, Node, Slot},
    },
    ledger::{Class, Commit, LedgerError, Progress, Repo, Report, Spec, StatisticsRecord},
    store::{
        Session,
        fsck::{self, Findings, Kinds, Problem, References},
    },
};

/// What `fsck` found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
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
    /// Harmless remarks: files that killed processes left behind.
    pub remarks: Vec<String>,
}

/// What `fsck` does besides reading the store and the base.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FsckOptions {
    /// Build the index again where it is damaged.
    pub repair: bool,
    /// Build the weights of every version and compare them with the hashes its commit names.
    pub weights: bool,
}

impl Repo {
    /// Reads and verifies everything stored. Damage is not an error but in the report.
    ///
    /// # Errors
    /// When the store is in use or unreadable, or cannot be repaired.
    pub fn fsck(
        &self,
        options: &FsckOptions,
        progress: &mut dyn Progress,
    ) -> Result<FsckReport, LedgerError> {
        let mut findings = self.read_everything(progress)?;
        let mut repaired = Vec::new();
        if options.repair && findings.problems.iter().any(|problem| problem.repairable) {
            self.store().rebuild()?;
            let before = findings.problems;
            findings = self.read_everything(progress)?;
            let is_gone = |problem: &&Problem| !findings.problems.contains(problem);
            repaired = before.iter().filter(is_gone).map(line).collect();
        }
        let mut report = FsckReport {
            objects: findings.objects,
            tensor_files: findings.tensor_files,
            versions: 0,
            problems: findings.problems.iter().map(line).collect(),
            repaired,
            remarks: findings.remarks,
        };
        match self.verify_versions(options.weights, progress, &mut report) {
            Err(error) if error.class() == Class::Damage => report.problems.push(chain(&error)),
            result => result?,
        }
        Ok(report)
    }

    fn read_everything(&self, progress: &mut dyn Progress) -> Result<Findings, LedgerError> {
        progress.start("store", None);
        let mut read = 0;
        let findings = fsck::check(self.store(), &kinds(), &mut |what| {
            read += 1;
            // Reading is not worth stopping between two steps.
            let _continue = progress.advance(read, what);
        })?;
        progress.finish("");
        Ok(findings)
    }

    /// Verifies the base and, with `weights`, every version's weights.
    fn verify_versions(
        &self,
        weights: bool,
        progress: &mut dyn Progress,
        report: &mut FsckReport,
    ) -> Result<(), LedgerError> {
        let ledger = self.read()?;
        let (_, head) = ledger.head_commit()?;
        let base: Base = codec::get(&ledger, head.base)?;
        let versions = commits(&ledger.session)?
            .into_iter()
            .map(|id| {
                let commit = ledger.commit(id)?;
                let line = ledger.line(&commit)?;
                Ok((id, commit, line))
            })
            .collect::<Result<Vec<_>, LedgerError>>()?;
        drop(ledger);

        match checkpoint::verify(&self.base_dir(), &base) {
            Ok(found) => report.problems.extend(found),
            Err(error @ CheckpointError::Read { .. }) => return Err(error.into()),
            Err(error) => report.problems.push(chain(&error)),
        }
        if !weights || !report.problems.is_empty() {
            return Ok(());
        }
        progress.start("versions", Some(versions.len() as u64));
        for (id, commit, line) in &versions {
            match self.weights(*id, commit, line) {
                Ok(_) => report.versions += 1,
                Err(error) => report.problems.push(chain(&error)),
            }
            progress.advance(report.versions, "")?;
        }
        progress.finish("");
        Ok(())
    }
}

fn commits(session: &Session) -> Result<Vec<crate::id::Id<Commit>>, LedgerError> {
    Ok(session.commits_with_prefix("")?)
}

fn line(problem: &Problem) -> String {
    format!("{}: {}", problem.path.display(), problem.what)
}

/// An error and what it comes from, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

/// Every kind of object that a repository holds, and what each refers to.
fn kinds() -> Kinds {
    let kinds = Kinds::of_the_store()
        .with(commit)
        .with(|spec: &Spec| References::default().object(spec.statistics))
        .with(|record: &StatisticsRecord| {
            References::default().object(record.base).file(record.file)
        })
        .with(|_: &Report| References::default())
        .with(|_: &Base| References::default())
        .with(|_: &TensorFile| References::default())
        .with(|delta: &Delta| References::default().file(delta.file))
        .with(|line: &Lineage| References::default().object(line.delta).objects(line.before))
        .with(|_: &Stage| References::default());
    of_tree::<Words>(of_tree::<Fact>(kinds))
}

fn commit(commit: &Commit) -> References {
    References::default()
        .objects(commit.parents.iter().copied())
        .object(commit.base)
        .object::<FactTree>(commit.facts)
        .object(commit.lexicon)
        .object(commit.neighbourhood)
        .objects(commit.spec)
        .objects(commit.delta)
        .objects(commit.lineage)
        .objects(commit.report)
}

/// The kinds that a tree of `V` consists of.
fn of_tree<V: Entry>(kinds: Kinds) -> Kinds {
    kinds.with(|_: &Long<V>| References::default()).with(|node: &Node<V>| match node {
        Node::Leaf(entries) => {
            let long = entries.iter().filter_map(|(_, slot)| match slot {
                Slot::Inline(_) => None,
                Slot::Long(id) => Some(*id),
            });
            References::default().objects(long)
        }
        Node::Branch(children) => {
            References::default().objects(children.iter().flatten().map(|child| child.id))
        }
    })
}
