//! `fsck`: everything stored, verified.

use std::{fs, sync::Arc};

use serde::Serialize;

use crate::{
    checkpoint::{self, Checkpoint, Reading, Verified},
    codec, durable,
    engine::Progress,
    ledger::{LedgerError, Repo, kinds::kinds, lineage::load},
    store::fsck::{self, Findings, Repaired},
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
    /// Make index and journal again where they are damaged, each from the other and from packs, put what can be read
    /// of damaged packs into new ones, and remove what killed processes left behind. What was damaged is kept under
    /// another name.
    pub repair: bool,
    /// Build the weights of every version that a ref reaches.
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
        self.store().make_room();
        let mut say = |what: &str| progress.start(what, None);
        let mut repaired = Vec::new();
        let mut findings = if options.repair {
            self.store().alone(|| self.repair_store(&mut repaired, &mut say))?
        } else {
            fsck::check(self.store(), &kinds(), &mut say)?
        };
        let left = findings.leftovers.iter();
        findings.remarks.extend(left.map(|path| format!("{} is used by nothing", path.display())));
        let aside = findings.aside.iter().map(|path| {
            format!(
                "{} was put aside by a repair: move it out of the repository once nothing is missing; \
                 until then what is used by nothing stays",
                path.display()
            )
        });
        findings.remarks.extend(aside);
        let mut problems: Vec<String> = findings
            .problems
            .iter()
            .map(|problem| format!("{}: {}", problem.path.display(), problem.what))
            .collect();
        // What the store finds damaged would be found again by every reader.
        let mut versions = 0;
        if problems.is_empty() {
            self.check_base(&mut problems)?;
            if options.weights {
                versions = self.check_weights(&mut problems, progress)?;
            }
        }
        for path in self.snapshots().damaged() {
            if options.repair {
                fs::remove_file(&path)
                    .map_err(|source| LedgerError::Read { path: path.clone(), source })?;
                repaired.push(format!("{}, which is rebuilt when it is needed", path.display()));
            } else {
                problems.push(format!("{}: it is not what was written", path.display()));
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

    /// Makes index and journal again where they are damaged and removes what killed processes left behind: in
    /// the store and where checkouts are. Returns what is found afterwards.
    fn repair_store(
        &self,
        repaired: &mut Vec<String>,
        say: &mut dyn FnMut(&str),
    ) -> Result<Findings, LedgerError> {
        let Repaired { findings, made, mut removed } = fsck::repair(self.store(), &kinds(), say)?;
        repaired.extend(made);
        removed.extend(durable::sweep(self.root())?);
        removed.extend(durable::sweep(&self.checkout_dir())?);
        let removed = removed.iter().map(|path| format!("{}, used by nothing", path.display()));
        repaired.extend(removed);
        Ok(findings)
    }

    /// Compares the copy of the base with its fingerprint.
    fn check_base(&self, problems: &mut Vec<String>) -> Result<(), LedgerError> {
        let ledger = self.read()?;
        let id = ledger.head_commit()?.1.base;
        let base = codec::get(&ledger, id)?;
        drop(ledger);
        match checkpoint::verify(&self.base_dir(), &base, &Verified::nothing(id), Reading::All) {
            Ok((found, _)) => {
                problems.extend(found.into_iter().map(|what| format!("base: {what}")));
            }
            Err(error) => problems.push(format!("base: {error}")),
        }
        Ok(())
    }

    /// Builds the weights of every version that a ref reaches; returns how many there are.
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
        // It was compared before; where it is damaged the versions say so.
        let base = Arc::new(Checkpoint::open(&self.base_dir())?);
        progress.start("weights", Some(versions.len() as u64));
        for (done, (id, commit, line)) in (1..).zip(&versions) {
            // From all deltas: snapshots are nothing to compare with.
            let built = load::load(&self.store().tensors(), base.clone(), line)
                .and_then(|version| Ok(version.materialise()?));
            match built.and_then(|weights| load::verify(&weights, *id, commit)) {
                Ok(()) => {}
                Err(error @ LedgerError::Engine(_)) => return Err(error),
                Err(error) => problems.push(error.to_string()),
            }
            progress.advance(done, "")?;
        }
        Ok(versions.len() as u64)
    }
}
