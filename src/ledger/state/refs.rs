//! Branches, tags, and what revisions are resolved in.

use serde::Serialize;

use super::open::Ledger;
use crate::{
    commit::Commit,
    id::Id,
    ledger::{error::LedgerError, near::nearest},
    store::{Head, StoreError, check_ref_name},
};

/// How the full names of branches and of tags begin.
const BRANCH: &str = "heads/";
const TAG: &str = "tags/";

/// Full name of a branch.
pub(crate) fn branch_ref(name: &str) -> String {
    format!("{BRANCH}{name}")
}

/// Full name of a tag.
pub(crate) fn tag_ref(name: &str) -> String {
    format!("{TAG}{name}")
}

impl Ledger<'_> {
    /// All branches, sorted by name.
    pub(crate) fn branches(&self) -> Result<Vec<RefView>, LedgerError> {
        self.refs_under(BRANCH)
    }

    /// All tags, sorted by name.
    pub(crate) fn tags(&self) -> Result<Vec<RefView>, LedgerError> {
        self.refs_under(TAG)
    }

    fn refs_under(&self, kind: &str) -> Result<Vec<RefView>, LedgerError> {
        let head = self.session.head()?;
        let mut views = Vec::new();
        for (name, commit) in self.session.refs()? {
            let Some(name) = name.strip_prefix(kind) else { continue };
            views.push(RefView {
                name: name.to_owned(),
                commit,
                summary: self.commit(commit)?.summary().to_owned(),
                current: kind == BRANCH && head == Head::Branch(name.to_owned()),
            });
        }
        Ok(views)
    }

    /// Names of the branches, then of the tags, that point at a commit.
    pub(crate) fn names_of(&self, commit: Id<Commit>) -> Result<Vec<String>, LedgerError> {
        let all = self.session.refs()?;
        let under = |kind: &'static str| {
            let named = all.iter().filter(move |(_, at)| **at == commit);
            named.filter_map(move |(name, _)| Some(name.strip_prefix(kind)?.to_owned()))
        };
        Ok(under(BRANCH).chain(under(TAG)).collect())
    }

    /// Where a branch points, if there is one.
    pub(crate) fn branch_at(&self, name: &str) -> Result<Option<Id<Commit>>, LedgerError> {
        Ok(self.session.reference(&branch_ref(name))?)
    }

    /// Where a branch points.
    pub(crate) fn branch(&self, name: &str) -> Result<Id<Commit>, LedgerError> {
        match self.branch_at(name)? {
            Some(commit) => Ok(commit),
            None => Err(no_ref("branch", name, &self.branches()?)),
        }
    }

    /// Where a tag points.
    pub(crate) fn tag(&self, name: &str) -> Result<Id<Commit>, LedgerError> {
        match self.session.reference(&tag_ref(name))? {
            Some(commit) => Ok(commit),
            None => Err(no_ref("tag", name, &self.tags()?)),
        }
    }

    /// The branch or tag of that name.
    pub(crate) fn named(&self, name: &str) -> Result<Option<Id<Commit>>, LedgerError> {
        match self.branch_at(name)? {
            Some(commit) => Ok(Some(commit)),
            None => Ok(self.session.reference(&tag_ref(name))?),
        }
    }

    /// Makes sure that `name` can be given to a new branch or tag.
    pub(crate) fn check_new_name(&self, name: &str) -> Result<(), LedgerError> {
        check_ref_name(&branch_ref(name)).map_err(StoreError::from)?;
        match self.named(name)? {
            Some(commit) => Err(LedgerError::RefExists { name: name.to_owned(), commit }),
            None => Ok(()),
        }
    }
}

fn no_ref(what: &'static str, name: &str, known: &[RefView]) -> LedgerError {
    let known = known.iter().map(|known| known.name.clone());
    LedgerError::NoRef { what, name: name.to_owned(), near: nearest(name, known) }
}

/// A branch or tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefView {
    /// Its name.
    pub name: String,
    /// Where it points.
    pub commit: Id<Commit>,
    /// First line of that commit's message.
    pub summary: String,
    /// Whether HEAD is attached to it.
    pub current: bool,
}
