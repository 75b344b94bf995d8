//! Branches, tags, and what revisions are resolved in.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Commit, LedgerError,
    read::Ledger,
    revision::{History, nearest},
    verb::branch::RefView,
};
use crate::{
    id::Id,
    store::{Head, Operation, RefUpdate, StoreError, check_ref_name},
};

/// How the full names of branches and of tags begin.
const BRANCH: &str = "heads/";
const TAG: &str = "tags/";

/// Full name of a branch.
pub(super) fn branch_ref(name: &str) -> String {
    format!("{BRANCH}{name}")
}

/// Full name of a tag.
pub(super) fn tag_ref(name: &str) -> String {
    format!("{TAG}{name}")
}

impl Ledger<'_> {
    /// All branches, sorted by name.
    pub(super) fn branches(&self) -> Result<Vec<RefView>, LedgerError> {
        self.refs_under(BRANCH)
    }

    /// All tags, sorted by name.
    pub(super) fn tags(&self) -> Result<Vec<RefView>, LedgerError> {
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
    pub(super) fn names_of(&self, commit: Id<Commit>) -> Result<Vec<String>, LedgerError> {
        let all = self.session.refs()?;
        let under = |kind: &'static str| {
            let named = all.iter().filter(move |(_, at)| **at == commit);
            named.filter_map(move |(name, _)| Some(name.strip_prefix(kind)?.to_owned()))
        };
        Ok(under(BRANCH).chain(under(TAG)).collect())
    }

    /// Where a branch points, if there is one.
    pub(super) fn branch_at(&self, name: &str) -> Result<Option<Id<Commit>>, LedgerError> {
        Ok(self.session.reference(&branch_ref(name))?)
    }

    /// Where a branch points.
    pub(super) fn branch(&self, name: &str) -> Result<Id<Commit>, LedgerError> {
        match self.branch_at(name)? {
            Some(commit) => Ok(commit),
            None => Err(no_ref("branch", name, &self.branches()?)),
        }
    }

    /// Where a tag points.
    pub(super) fn tag(&self, name: &str) -> Result<Id<Commit>, LedgerError> {
        match self.session.reference(&tag_ref(name))? {
            Some(commit) => Ok(commit),
            None => Err(no_ref("tag", name, &self.tags()?)),
        }
    }

    /// Makes sure that `name` can be given to a new branch or tag.
    pub(super) fn check_new_name(&self, name: &str) -> Result<(), LedgerError> {
        check_ref_name(&branch_ref(name)).map_err(StoreError::from)?;
        match self.named(name)? {
            Some(commit) => Err(LedgerError::RefExists { name: name.to_owned(), commit }),
            None => Ok(()),
        }
    }
}

impl Ledger<'_> {
    /// Whether an operation that moved HEAD left one place for another. One that gave the branch another
    /// name did not, nor one that made commits on a detached HEAD.
    fn is_switch(
        &self,
        operation: &Operation,
        old: &Head,
        new: &Head,
    ) -> Result<bool, LedgerError> {
        match (old, new) {
            (Head::Branch(name), _) => {
                let branch = branch_ref(name);
                let gone = |update: &RefUpdate| update.name == branch && update.new.is_none();
                Ok(!operation.refs.iter().any(gone))
            }
            (Head::Detached(old), Head::Detached(new)) => {
                if !self.is_kept(*old)? || !self.is_kept(*new)? {
                    return Ok(true);
                }
                let made = self.commit(*new)?.time == operation.time;
                Ok(!(made && self.leads_to(*old, *new)?))
            }
            (Head::Detached(_), Head::Branch(_)) => Ok(true),
        }
    }
}

fn no_ref(what: &'static str, name: &str, known: &[RefView]) -> LedgerError {
    let known = known.iter().map(|known| known.name.clone());
    LedgerError::NoRef { what, name: name.to_owned(), near: nearest(name, known) }
}

/// Adds a place where a ref was, unless it is where it was already.
fn note(moves: &mut Vec<Id<Commit>>, commit: Option<Id<Commit>>) {
    if commit.is_some() && moves.last().copied() != commit {
        moves.extend(commit);
    }
}

impl History for Ledger<'_> {
    type Error = LedgerError;

    fn head(&self) -> Result<Id<Commit>, LedgerError> {
        match self.session.head()? {
            Head::Detached(commit) => Ok(commit),
            Head::Branch(name) => self.branch(&name),
        }
    }

    fn named(&self, name: &str) -> Result<Option<Id<Commit>>, LedgerError> {
        match self.branch_at(name)? {
            Some(commit) => Ok(Some(commit)),
            None => Ok(self.session.reference(&tag_ref(name))?),
        }
    }

    fn names(&self) -> Result<Vec<String>, LedgerError> {
        Ok(self.branches()?.into_iter().chain(self.tags()?).map(|known| known.name).collect())
    }

    fn with_prefix(&self, prefix: &str) -> Result<Vec<Id<Commit>>, LedgerError> {
        Ok(self.session.commits_with_prefix(prefix)?)
    }

    fn moves(&self, name: Option<&str>) -> Result<Vec<Id<Commit>>, LedgerError> {
        let (mut refs, mut head) = (self.session.refs()?, self.session.head()?);
        let mut moves: Vec<Id<Commit>> = Vec::new();
        let mut look = |refs: &BTreeMap<String, Id<Commit>>, head: &Head| {
            let branch = match (name, head) {
                (Some(name), _) => name,
                (None, Head::Branch(name)) => name,
                (None, Head::Detached(commit)) => return note(&mut moves, Some(*commit)),
            };
            note(&mut moves, refs.get(&branch_ref(branch)).copied());
        };
        look(&refs, &head);
        for operation in self.session.operations() {
            let operation = operation?;
            for update in operation.refs {
                match update.old {
                    Some(commit) => refs.insert(update.name, commit),
                    None => refs.remove(&update.name),
                };
            }
            if let Some(update) = operation.head {
                head = update.old;
            }
            look(&refs, &head);
        }
        Ok(moves)
    }

    fn left(&self, count: usize) -> Result<Vec<Head>, LedgerError> {
        let mut left = Vec::new();
        for operation in self.session.operations() {
            if left.len() == count {
                break;
            }
            let operation = operation?;
            if let Some(update) = &operation.head
                && self.is_switch(&operation, &update.old, &update.new)?
            {
                left.push(update.old.clone());
            }
        }
        Ok(left)
    }

    fn is_kept(&self, commit: Id<Commit>) -> Result<bool, LedgerError> {
        Ok(self.session.contains(commit.as_bytes())?)
    }

    fn parents(&self, commit: Id<Commit>) -> Result<Vec<Id<Commit>>, LedgerError> {
        Ok(self.commit(commit)?.parents)
    }

    fn with_message(
        &self,
        from: Option<Id<Commit>>,
        text: &str,
    ) -> Result<Option<Id<Commit>>, LedgerError> {
        let tips = from.map_or_else(|| self.tips(), |from| Ok(vec![from]))?;
        for commit in self.walk_from(tips, BTreeSet::new()) {
            let (id, commit) = commit?;
            if commit.message.contains(text) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    fn summary(&self, commit: Id<Commit>) -> Result<String, LedgerError> {
        Ok(self.commit(commit)?.summary().to_owned())
    }
}
