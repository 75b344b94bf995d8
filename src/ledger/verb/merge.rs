//! `merge`: another branch's history joined to HEAD's.

use std::collections::BTreeSet;

use crate::{
    engine::Progress,
    ledger::{
        LedgerError, OpenEngine, Repo,
        actor::Actor,
        history::revision::Revision,
        merge::{
            how::{How, Task},
            outcome::ProceedReport,
            task::TaskInProgress,
        },
    },
};

/// Whether a branch that is only behind moves forward without a commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FastForward {
    /// It does.
    #[default]
    Allowed,
    /// A commit with two parents is made all the same.
    Never,
    /// Anything else is refused.
    Only,
}

/// What `merge` is to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MergeOptions {
    /// Message of the commit, in place of the usual one.
    pub message: Option<String>,
    /// Whether the branch may move forward without a commit.
    pub fast_forward: FastForward,
    /// How conflicts are decided and weights are made.
    pub how: How,
}

impl Repo {
    /// Merges what `revision` changed since it and HEAD diverged into HEAD.
    ///
    /// Conflicts are reported, and the merge then stops until [`Repo::resolve`] and [`Repo::go_on`], or
    /// [`Repo::abort`]. Without an engine the deltas are summed and nothing is asked.
    ///
    /// # Errors
    /// When there is no such revision, the histories have no common ancestor, something else is
    /// in progress, weights are damaged, or an edit fails.
    pub fn merge(
        &self,
        actor: &Actor,
        revision: &str,
        options: &MergeOptions,
        open: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<ProceedReport, LedgerError> {
        let ledger = self.read_to_change()?;
        ledger.require_no_task()?;
        let (ours, theirs) = (ledger.head()?, ledger.resolve(revision)?);
        let named = Revision::parse(revision)?.as_name().map(str::to_owned);
        let name = match named {
            Some(name) if ledger.named(&name)?.is_some() => name,
            _ => format!("{theirs:.12}"),
        };
        let mut task = TaskInProgress::new(Task::Merge, ours, name, &options.how);
        task.message.clone_from(&options.message);
        let bases = ledger.merge_bases(&BTreeSet::from([ours]), theirs)?;
        let forward = bases == [ours] && options.fast_forward != FastForward::Never;
        if bases == [theirs] {
            // All of it is here already.
        } else if forward {
            task.at = theirs;
        } else if options.fast_forward == FastForward::Only {
            return Err(LedgerError::NotForward { revision: revision.to_owned() });
        } else {
            task.left.push(theirs);
        }
        drop(ledger);
        self.proceed(actor, task, None, open, progress)
    }
}
