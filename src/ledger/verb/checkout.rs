//! `checkout`: a version as a Hugging Face directory.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{
    commit::Commit,
    id::Id,
    ledger::{
        LedgerError, Repo,
        actor::Actor,
        report::view::{CommitView, HeadView},
        state::{
            checkout::{InTheWay, SetAside},
            update::Update,
        },
    },
    store::Head,
};

/// What `checkout` wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckoutReport {
    /// Where HEAD is now.
    pub head: HeadView,
    /// The commit checked out.
    pub commit: CommitView,
    /// The directory written.
    pub dir: PathBuf,
    /// Tensors that differ from the base.
    pub edited: u64,
    /// Staged facts that stay staged.
    pub staged: u64,
    /// Files that had to make room.
    pub set_aside: Vec<SetAside>,
}

impl Repo {
    /// Writes the version that `revision` names as a Hugging Face directory, to `to` or where the
    /// settings say, and moves HEAD to it: to the branch if `revision` is a branch's name, else to
    /// the commit. What is staged stays staged. Files in the directory that kledger did not write stay as well;
    /// `way` says what becomes of those that are in the way, as is one that kledger wrote and that is another now.
    ///
    /// # Errors
    /// When there is no such revision, its weights are not those its commit names, the base is damaged, files
    /// are in the way, or the directory cannot be written. Nothing is then changed.
    pub fn checkout(
        &self,
        actor: &Actor,
        revision: &str,
        to: Option<&Path>,
        way: InTheWay,
    ) -> Result<CheckoutReport, LedgerError> {
        let ledger = self.read()?;
        let head = ledger.head_for(revision)?;
        let id = ledger.resolve(revision)?;
        drop(ledger);
        self.check_out(actor, id, head, Update::default(), to, way)
    }

    /// As [`Repo::checkout`], after making the branch `name` there.
    ///
    /// # Errors
    /// When the name is taken or cannot be one, or as [`Repo::checkout`]. There is no branch then.
    pub fn checkout_new(
        &self,
        actor: &Actor,
        name: &str,
        revision: &str,
        to: Option<&Path>,
        way: InTheWay,
    ) -> Result<CheckoutReport, LedgerError> {
        let ledger = self.read()?;
        ledger.check_new_name(name)?;
        let id = ledger.resolve(revision)?;
        drop(ledger);
        let update = Update::default().moving_branch(name, None, Some(id));
        self.check_out(actor, id, Head::Branch(name.to_owned()), update, to, way)
    }

    /// Writes the version `id` and makes `change`, which with `head` moves HEAD there.
    fn check_out(
        &self,
        actor: &Actor,
        id: Id<Commit>,
        head: Head,
        update: Update,
        to: Option<&Path>,
        way: InTheWay,
    ) -> Result<CheckoutReport, LedgerError> {
        let dir = to.map_or_else(|| self.checkout_dir(), Path::to_owned);
        let filled = self.fill_checkout(id, &dir, way)?;
        let commit = filled.commit.clone();
        let ledger = self.read()?;
        let was = ledger.session.head()?;
        let set_aside = update.heading(was, head).land(&ledger, actor, filled)?;
        Ok(CheckoutReport {
            head: ledger.head_view()?,
            commit: ledger.commit_view(id, &commit)?,
            dir,
            edited: commit.weights.len() as u64,
            staged: ledger.staged()?,
            set_aside,
        })
    }
}
