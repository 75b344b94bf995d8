//! `switch`: HEAD to another branch.

use serde::Serialize;

use crate::{
    ledger::{Actor, LedgerError, Repo, view::HeadView, write::Change},
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
    /// Attaches HEAD to the branch `name`. With `from`, makes the branch there first. Writes no
    /// weights; what is staged stays staged.
    ///
    /// # Errors
    /// When there is no such branch, or with `from` there is one already.
    pub fn switch(
        &self,
        actor: &Actor,
        name: &str,
        from: Option<&str>,
    ) -> Result<SwitchReport, LedgerError> {
        let ledger = self.read()?;
        let mut change = Change::default();
        if let Some(from) = from {
            let commit = ledger.resolve(from)?;
            ledger.check_new_name(name)?;
            change = change.moving_branch(name, None, Some(commit));
        } else {
            ledger.branch(name)?;
        }
        change
            .heading(ledger.session.head()?, Head::Branch(name.to_owned()))
            .apply(&ledger, actor)?;
        Ok(SwitchReport {
            head: ledger.head_view()?,
            created: from.is_some(),
            staged: ledger.staged()?,
        })
    }
}
