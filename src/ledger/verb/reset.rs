//! `reset`: HEAD's branch to another commit, or the stage emptied.

use std::path::PathBuf;

use serde::Serialize;

use crate::{
    commit::Commit,
    id::Id,
    ledger::{
        LedgerError, Repo,
        actor::Actor,
        report::view::HeadView,
        state::{
            checkout::{InTheWay, SetAside},
            roots::STAGE,
            update::Update,
        },
    },
};

/// What `reset` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResetReport {
    /// Where HEAD is now.
    pub head: HeadView,
    /// Where it was.
    pub from: Id<Commit>,
    /// Staged facts that were thrown away.
    pub unstaged: u64,
    /// The directory that was checked out again, with `Reset::Hard`.
    pub dir: Option<PathBuf>,
    /// Files in it that had to make room.
    pub set_aside: Vec<SetAside>,
}

/// What `reset` resets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// The branch moves; what is staged stays staged.
    Branch,
    /// The stage is emptied; nothing moves.
    Stage,
    /// The branch moves, the stage is emptied, and the checkout is written again.
    /// Files that are in the way of that stay or are set aside.
    Hard(InTheWay),
}

impl Repo {
    /// Moves HEAD's branch (a detached HEAD itself) to the commit that `revision` names, or empties
    /// the stage, or both. Commits that no branch reaches any more stay, and `undo` goes back.
    ///
    /// # Errors
    /// When there is no such revision, or the checkout cannot be written.
    pub fn reset(
        &self,
        actor: &Actor,
        revision: &str,
        reset: Reset,
    ) -> Result<ResetReport, LedgerError> {
        self.store().make_room();
        let mut ledger = self.read()?;
        let from = ledger.head()?;
        let to = if reset == Reset::Stage { from } else { ledger.resolve(revision)? };
        let mut filled = None;
        if let Reset::Hard(way) = reset {
            drop(ledger);
            filled = Some(self.fill_checkout(to, &self.checkout_dir(), way)?);
            ledger = self.read()?;
            if ledger.head()? != from {
                return Err(LedgerError::Moved { what: "HEAD".to_owned() });
            }
        }
        let mut update = Update::default();
        if to != from {
            update = update.moving_head(ledger.session.head()?, from, to);
        }
        let mut unstaged = 0;
        if reset != Reset::Branch
            && let Some(stage) = ledger.session.root(STAGE)?
        {
            unstaged = ledger.staged()?;
            update = update.restaging(Some(stage), None);
        }
        let dir = filled.is_some().then(|| self.checkout_dir());
        let mut set_aside = Vec::new();
        match filled {
            Some(filled) => set_aside = update.land(&ledger, actor, filled)?,
            None => update.apply(&ledger, actor)?,
        }
        Ok(ResetReport { head: ledger.head_view()?, from, unstaged, dir, set_aside })
    }
}
