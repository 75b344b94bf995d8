//! Revisions as the ledger resolves them.

use std::collections::{BTreeMap, BTreeSet};

use super::revision::Revision;
use crate::{
    commit::Commit,
    id::Id,
    ledger::{
        error::LedgerError,
        history::revision::History,
        state::{open::Ledger, refs::branch_ref},
    },
    store::{Head, Operation, RefUpdate},
};

impl Ledger<'_> {
    /// The commit a user means by `text`.
    pub(crate) fn resolve(&self, text: &str) -> Result<Id<Commit>, LedgerError> {
        Revision::parse(text)?.resolve(self)
    }

    /// Where HEAD goes when `text` is checked out: a branch's name attaches it, HEAD leaves it where
    /// it is, anything else detaches it.
    pub(crate) fn head_for(&self, text: &str) -> Result<Head, LedgerError> {
        let revision = Revision::parse(text)?;
        if revision.is_head() {
            return Ok(self.session.head()?);
        }
        if let Some(count) = revision.as_left() {
            return revision.left(self, count);
        }
        if let Some(name) = revision.as_name()
            && self.branch_at(name)?.is_some()
        {
            return Ok(Head::Branch(name.to_owned()));
        }
        Ok(Head::Detached(revision.resolve(self)?))
    }
}

impl History for Ledger<'_> {
    type Error = LedgerError;

    fn head(&self) -> Result<Id<Commit>, LedgerError> {
        self.head()
    }

    fn named(&self, name: &str) -> Result<Option<Id<Commit>>, LedgerError> {
        self.named(name)
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

/// Adds a place where a ref was, unless it is where it was already.
fn note(moves: &mut Vec<Id<Commit>>, commit: Option<Id<Commit>>) {
    if commit.is_some() && moves.last().copied() != commit {
        moves.extend(commit);
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
                Ok(!(made && self.is_ancestor(*old, *new)?))
            }
            (Head::Detached(_), Head::Branch(_)) => Ok(true),
        }
    }
}
