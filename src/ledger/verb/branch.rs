//! `branch`: list, make, rename and delete branches.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    commit::Commit,
    id::Id,
    ledger::{
        LedgerError, Repo,
        actor::Actor,
        state::{refs::RefView, update::Update},
    },
    store::Head,
};

/// What `branch` did and the branches there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BranchReport {
    /// What was done.
    #[serde(flatten)]
    pub action: RefAction,
    /// All branches, sorted by name.
    pub branches: Vec<RefView>,
}

/// What was done to a ref.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum RefAction {
    /// Nothing: they were listed.
    Listed,
    /// It was made.
    Created {
        /// Its name.
        name: String,
        /// Where it points.
        commit: Id<Commit>,
    },
    /// It was there and points elsewhere now.
    Moved {
        /// Its name.
        name: String,
        /// Where it pointed.
        from: Id<Commit>,
        /// Where it points.
        commit: Id<Commit>,
    },
    /// It was deleted.
    Deleted {
        /// Its name.
        name: String,
        /// Where it pointed.
        commit: Id<Commit>,
    },
    /// It has another name.
    Renamed {
        /// Its old name.
        from: String,
        /// Its new name.
        to: String,
    },
}

impl Repo {
    /// The branches there are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn branches(&self) -> Result<BranchReport, LedgerError> {
        let branches = self.view()?.branches()?;
        Ok(BranchReport { action: RefAction::Listed, branches })
    }

    /// Makes the branch `name` at `revision`.
    ///
    /// # Errors
    /// When the name is taken or cannot be one, or there is no such revision.
    pub fn create_branch(
        &self,
        actor: &Actor,
        name: &str,
        revision: &str,
    ) -> Result<BranchReport, LedgerError> {
        let ledger = self.read()?;
        let commit = ledger.resolve(revision)?;
        ledger.check_new_name(name)?;
        Update::default().moving_branch(name, None, Some(commit)).apply(&ledger, actor)?;
        let action = RefAction::Created { name: name.to_owned(), commit };
        Ok(BranchReport { action, branches: ledger.branches()? })
    }

    /// Deletes the branch `name`, all of which HEAD has. `undo` brings it back.
    ///
    /// # Errors
    /// When there is no such branch, HEAD is on it, or HEAD does not have all of its commits.
    pub fn delete_branch(&self, actor: &Actor, name: &str) -> Result<BranchReport, LedgerError> {
        let ledger = self.read()?;
        let commit = ledger.branch(name)?;
        let known = ledger.ancestry([ledger.head()?])?.into_keys().collect::<BTreeSet<_>>();
        if !known.contains(&commit) {
            let count = ledger.walk_from([commit], known).count();
            return Err(LedgerError::NotMerged { name: name.to_owned(), count });
        }
        drop(ledger);
        self.discard_branch(actor, name)
    }

    /// Deletes the branch `name`, whatever has its commits. They stay for now, and `undo` brings it back.
    ///
    /// # Errors
    /// When there is no such branch or HEAD is on it.
    pub fn discard_branch(&self, actor: &Actor, name: &str) -> Result<BranchReport, LedgerError> {
        let ledger = self.read()?;
        let commit = ledger.branch(name)?;
        if ledger.session.head()? == Head::Branch(name.to_owned()) {
            return Err(LedgerError::OnBranch { name: name.to_owned() });
        }
        Update::default().moving_branch(name, Some(commit), None).apply(&ledger, actor)?;
        let action = RefAction::Deleted { name: name.to_owned(), commit };
        Ok(BranchReport { action, branches: ledger.branches()? })
    }

    /// Gives the branch `from` the name `to`; HEAD stays on it.
    ///
    /// # Errors
    /// When there is no such branch, or the new name is taken or cannot be one.
    pub fn rename_branch(
        &self,
        actor: &Actor,
        from: &str,
        to: &str,
    ) -> Result<BranchReport, LedgerError> {
        let ledger = self.read()?;
        let commit = ledger.branch(from)?;
        ledger.check_new_name(to)?;
        let mut update = Update::default().moving_branch(from, Some(commit), None).moving_branch(
            to,
            None,
            Some(commit),
        );
        let head = ledger.session.head()?;
        if head == Head::Branch(from.to_owned()) {
            update = update.heading(head, Head::Branch(to.to_owned()));
        }
        update.apply(&ledger, actor)?;
        let action = RefAction::Renamed { from: from.to_owned(), to: to.to_owned() };
        Ok(BranchReport { action, branches: ledger.branches()? })
    }
}
