//! `tag`: list, make and delete tags.

use serde::Serialize;

use super::branch::RefAction;
use crate::ledger::{
    LedgerError, Repo,
    actor::Actor,
    state::{
        refs::{RefView, tag_ref},
        update::Update,
    },
};

/// What `tag` did and the tags there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagReport {
    /// What was done.
    #[serde(flatten)]
    pub action: RefAction,
    /// All tags, sorted by name.
    pub tags: Vec<RefView>,
}

impl Repo {
    /// The tags there are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn tags(&self) -> Result<TagReport, LedgerError> {
        Ok(TagReport { action: RefAction::Listed, tags: self.view()?.tags()? })
    }

    /// Makes the tag `name` at `revision`. A tag does not move.
    ///
    /// # Errors
    /// When the name is taken or cannot be one, or there is no such revision.
    pub fn create_tag(
        &self,
        actor: &Actor,
        name: &str,
        revision: &str,
    ) -> Result<TagReport, LedgerError> {
        let ledger = self.read()?;
        let commit = ledger.resolve(revision)?;
        ledger.check_new_name(name)?;
        Update::default().moving_tag(name, None, Some(commit)).apply(&ledger, actor)?;
        let action = RefAction::Created { name: name.to_owned(), commit };
        Ok(TagReport { action, tags: ledger.tags()? })
    }

    /// Makes the tag `name` at `revision`, or moves it there.
    ///
    /// # Errors
    /// When the name is a branch's or cannot be one, or there is no such revision.
    pub fn move_tag(
        &self,
        actor: &Actor,
        name: &str,
        revision: &str,
    ) -> Result<TagReport, LedgerError> {
        let ledger = self.read()?;
        let Some(from) = ledger.session.reference(&tag_ref(name))? else {
            drop(ledger);
            return self.create_tag(actor, name, revision);
        };
        let commit = ledger.resolve(revision)?;
        if commit != from {
            Update::default().moving_tag(name, Some(from), Some(commit)).apply(&ledger, actor)?;
        }
        let action = RefAction::Moved { name: name.to_owned(), from, commit };
        Ok(TagReport { action, tags: ledger.tags()? })
    }

    /// Deletes the tag `name`.
    ///
    /// # Errors
    /// When there is no such tag.
    pub fn delete_tag(&self, actor: &Actor, name: &str) -> Result<TagReport, LedgerError> {
        let ledger = self.read()?;
        let commit = ledger.tag(name)?;
        Update::default().moving_tag(name, Some(commit), None).apply(&ledger, actor)?;
        let action = RefAction::Deleted { name: name.to_owned(), commit };
        Ok(TagReport { action, tags: ledger.tags()? })
    }
}
