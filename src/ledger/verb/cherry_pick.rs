//! `cherry-pick`: commits from another branch applied to HEAD.

use crate::{
    commit::Commit,
    engine::Progress,
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        actor::Actor,
        history::revision::range::Range,
        merge::{
            how::{How, Task},
            outcome::ProceedReport,
            task::TaskInProgress,
        },
        state::open::Ledger,
    },
};

impl Repo {
    /// Makes the commits that `revisions` name again on HEAD, in that order. `A..B` names those that
    /// are ancestors of `B` and not of `A`, oldest first and without merges; a merge that is named by itself is
    /// what it changed of its first parent.
    ///
    /// Conflicts are reported, and the rest then waits for [`Repo::resolve`] and [`Repo::go_on`],
    /// [`Repo::skip`] or [`Repo::abort`]. HEAD's branch moves once all are made.
    ///
    /// # Errors
    /// When there is no such revision or it is the base, something else is in progress, weights are
    /// damaged, or an edit fails.
    pub fn cherry_pick(
        &self,
        actor: &Actor,
        revisions: &[String],
        how: &How,
        open: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<ProceedReport, LedgerError> {
        let ledger = self.read_to_change()?;
        ledger.require_no_task()?;
        let mut task =
            TaskInProgress::new(Task::CherryPick, ledger.head()?, revisions.join(" "), how);
        for text in revisions {
            let range = Range::parse([text.as_str()])?;
            match range.tips.as_slice() {
                [single] if range.hidden.is_empty() => {
                    task.left.push(not_root(&ledger, single.resolve(&ledger)?)?);
                }
                _ => task.left.extend(Ledger::to_reapply(ledger.walk(&range, false)?)?),
            }
        }
        drop(ledger);
        self.proceed(actor, task, None, open, progress)
    }
}

/// Makes sure that a commit has changes to apply.
fn not_root(ledger: &Ledger<'_>, commit: Id<Commit>) -> Result<Id<Commit>, LedgerError> {
    if ledger.commit(commit)?.parents.is_empty() {
        return Err(LedgerError::PickRoot { commit });
    }
    Ok(commit)
}
