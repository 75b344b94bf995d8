//! `switch`: HEAD to another branch.

use serde::Serialize;

use crate::{
    ledger::{
        LedgerError, Repo,
        actor::Actor,
        history::revision::Revision,
        report::view::HeadView,
        state::{open::Ledger, update::Update},
    },
    store::Head,
};

/// Where `switch` went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SwitchReport {
    /// Where HEAD is now.
    pub head: HeadView,
    /// Whether the branch is new.
    pub created: bool,
    /// Staged facts that stay staged.
    pub staged: u64,
}

impl Repo {
    /// Attaches HEAD to the branch `name`, or to the one that `-` or `@{-2}` says it was on. With `from`,
    /// makes the branch there first. Writes no weights; what is staged stays staged.
    ///
    /// # Errors
    /// When there is no such branch, HEAD was on none, or with `from` there is one already.
    pub fn switch(
        &self,
        actor: &Actor,
        name: &str,
        from: Option<&str>,
    ) -> Result<SwitchReport, LedgerError> {
        let ledger = self.read()?;
        let mut update = Update::default();
        let mut name = name.to_owned();
        if let Some(from) = from {
            let commit = ledger.resolve(from)?;
            ledger.check_new_name(&name)?;
            update = update.moving_branch(&name, None, Some(commit));
        } else {
            name = branch_left(&ledger, &name)?.unwrap_or(name);
            ledger.branch(&name)?;
        }
        update.heading(ledger.session.head()?, Head::Branch(name)).apply(&ledger, actor)?;
        Ok(SwitchReport {
            head: ledger.head_view()?,
            created: from.is_some(),
            staged: ledger.staged()?,
        })
    }
}

/// The branch that `text` says HEAD was on; `None` where it does not speak of earlier switches.
fn branch_left(ledger: &Ledger<'_>, text: &str) -> Result<Option<String>, LedgerError> {
    let Ok(revision) = Revision::parse(text) else { return Ok(None) };
    let Some(count) = revision.as_left() else { return Ok(None) };
    match revision.left(ledger, count)? {
        Head::Branch(name) => Ok(Some(name)),
        Head::Detached(commit) => Err(LedgerError::WasDetached { text: text.to_owned(), commit }),
    }
}
