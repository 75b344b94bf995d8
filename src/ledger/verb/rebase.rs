//! `rebase`: HEAD's own commits reapplied on another branch.

use std::collections::BTreeSet;

use crate::{
    engine::Progress,
    ledger::{
        LedgerError, OpenEngine, Repo,
        actor::Actor,
        merge::{
            how::{How, Task},
            outcome::ProceedReport,
            task::TaskInProgress,
        },
        state::open::Ledger,
    },
};

impl Repo {
    /// Reapplies the ancestors of HEAD that `upstream` does not have, on `onto` or on `upstream`
    /// itself, and moves HEAD's branch there once all are made. Merges among them are left out: what
    /// they joined is reapplied commit by commit. In conflicts, ours is what was reapplied so far and
    /// theirs the commit that is being reapplied.
    ///
    /// Conflicts are reported, and the rest then waits for [`Repo::resolve`] and [`Repo::go_on`],
    /// [`Repo::skip`] or [`Repo::abort`].
    ///
    /// # Errors
    /// When there is no such revision, the histories have nothing in common, something else is not
    /// finished, weights are damaged, or an edit fails.
    pub fn rebase(
        &self,
        actor: &Actor,
        upstream: &str,
        onto: Option<&str>,
        how: &How,
        open: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<ProceedReport, LedgerError> {
        let ledger = self.read_to_change()?;
        ledger.require_no_task()?;
        let (head, base) = (ledger.head()?, ledger.resolve(upstream)?);
        let bases = ledger.merge_bases(&BTreeSet::from([head]), base)?;
        if bases.is_empty() {
            return Err(LedgerError::Unrelated { commit: base });
        }
        let mut task = TaskInProgress::new(Task::Rebase, head, onto.unwrap_or(upstream), how);
        if onto.is_some() || bases != [base] {
            task.at = onto.map_or(Ok(base), |onto| ledger.resolve(onto))?;
            let known = ledger.ancestry([base])?.into_keys().collect();
            task.left = Ledger::to_reapply(ledger.walk_from([head], known))?;
        }
        drop(ledger);
        self.proceed(actor, task, None, open, progress)
    }
}
