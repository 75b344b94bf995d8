//! `revert`: an earlier commit's changes taken back by a new commit.

use serde::Serialize;

use crate::{
    commit::{Check, FactRow, FactView, Rate},
    engine::Progress,
    ledger::{
        LedgerError, OpenEngine, Repo,
        actor::Actor,
        edit::options::EditOptions,
        history::revision::range::Range,
        merge::{
            how::{Favour, How, Strategy, Task},
            outcome::ProceedReport,
            task::TaskInProgress,
        },
        report::view::{CommitView, FactChange, HeadView},
        state::open::Ledger,
    },
};

/// What `revert` did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RevertReport {
    /// The new commit.
    pub commit: CommitView,
    /// Where HEAD is now.
    pub head: HeadView,
    /// The commit taken back.
    pub reverted: CommitView,
    /// Facts that changed.
    pub changes: Vec<FactChange>,
    /// Facts that a later commit changed again and that stay as they are.
    pub stayed: Vec<FactView>,
    /// Other facts about the same subjects that were edited again.
    pub again: u64,
    /// Whether the weights are, bit for bit, those of the reverted commit's parent.
    pub as_before: bool,
    /// Facts that still hold, of those that were checked; `None` when none were.
    pub kept: Option<Rate>,
    /// Facts that should hold and no longer do.
    pub lost: Vec<FactRow>,
    /// What was not measured and why, in words.
    pub notes: Vec<String>,
}

/// How a commit is taken back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RevertOptions {
    /// Why, in place of the usual message.
    pub message: Option<String>,
    /// How what else is said of a subject is edited again, over what it was edited with.
    pub edit: EditOptions,
}

impl Repo {
    /// Takes back what the commit that `revision` names did, by a new commit on HEAD.
    ///
    /// Facts that have not changed since go back to what they were in its parent, held by the columns
    /// that held them there; facts that were changed again stay. Of a merge, what came from its other
    /// parents is taken back. With an engine, what else is said of their subjects is edited again, as it was edited, where the
    /// editor seeks one z for all of it, and the facts that hold then are asked.
    ///
    /// # Errors
    /// When the revision is the base or not in the history of HEAD, nothing of it is left, weights
    /// are damaged, the model fails, or the version does not reach what is required.
    pub fn revert(
        &self,
        actor: &Actor,
        revision: &str,
        options: &RevertOptions,
        open: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<RevertReport, LedgerError> {
        let revisions = [revision.to_owned()];
        let asks = open.is_some();
        let mut done = self.revert_all(actor, &revisions, options, open, progress)?;
        let ledger = self.read()?;
        let Some(made) = done.made.pop() else {
            return Err(LedgerError::NothingLeft { commit: ledger.resolve(revision)? });
        };
        let reverted = ledger.commit_view(made.of, &ledger.commit(made.of)?)?;
        let as_before = made.as_in.is_some() && made.as_in == reverted.parents.first().copied();
        let mut notes = made.notes;
        if as_before {
            notes.push("not checked: these weights are the parent's, bit for bit".to_owned());
        }
        let (kept, lost) = made.check.map_or((None, Vec::new()), verdict);
        if asks && !as_before && kept.is_none() && lost.is_empty() {
            notes.push("nothing to check: no fact is left to be asked".to_owned());
        }
        let ground = |id| Ok::<_, LedgerError>(ledger.line(&ledger.commit(id)?)?.ground());
        if !lost.is_empty() && ground(made.commit.id)? != ground(made.commit.parents[0])? {
            notes.push(format!(
                "{} of the facts do not hold without what was imported, which they were edited on: kledger \
                 consolidate edits all facts again, or take them back and add them again",
                lost.len()
            ));
        }
        Ok(RevertReport {
            commit: made.commit,
            head: done.head,
            reverted,
            changes: made.changes,
            stayed: made.settled.into_iter().filter_map(|conflict| conflict.holds).collect(),
            again: made.delta.map_or(0, |delta| delta.facts),
            as_before,
            kept,
            lost,
            notes,
        })
    }

    /// Takes back the commits that `revisions` name, singly or as ranges, each by a commit of its own: of a range the newest
    /// first. HEAD's branch moves when all of them are made.
    ///
    /// # Errors
    /// As [`Repo::revert`]. What was made until then waits to be gone on with.
    pub fn revert_all(
        &self,
        actor: &Actor,
        revisions: &[String],
        options: &RevertOptions,
        open: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<ProceedReport, LedgerError> {
        let ledger = self.read_to_change()?;
        ledger.require_no_task()?;
        let head = ledger.head()?;
        let how = How {
            strategy: Some(Strategy::Sum),
            // What later commits changed again stays.
            favour: Favour::Ours,
            edit: options.edit.clone(),
        };
        let mut task = TaskInProgress::new(Task::Revert, head, revisions.join(" "), &how);
        task.message.clone_from(&options.message);
        for text in revisions {
            let range = Range::parse([text.as_str()])?;
            match range.tips.as_slice() {
                [single] if range.hidden.is_empty() => task.left.push(single.resolve(&ledger)?),
                _ => {
                    let mut commits = Ledger::to_reapply(ledger.walk(&range, false)?)?;
                    commits.reverse();
                    task.left.extend(commits);
                }
            }
        }
        for &commit in &task.left {
            if ledger.commit(commit)?.parents.is_empty() {
                return Err(LedgerError::RevertRoot { commit });
            }
            ledger.require_ancestor(commit, head)?;
        }
        drop(ledger);
        self.proceed(actor, task, None, open, progress)
    }
}

/// Facts that hold of those that should, and those that do not: restored ones whatever they were
/// before, others if they held before.
fn verdict(check: Check) -> (Option<Rate>, Vec<FactRow>) {
    let kept = Rate::sum([check.efficacy, check.kept]);
    let restored = check.facts.into_iter().filter(|row| !row.after.matches);
    (kept, restored.chain(check.lost).collect())
}
