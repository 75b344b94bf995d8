//! Everything a verb changes, in one transaction.

use super::{
    open::Ledger,
    refs::{branch_ref, tag_ref},
    roots::{BISECTION, STAGE, STASH, STATISTICS, TASK},
};
use crate::{
    codec::{self, Draft, NewObjects, Object},
    commit::{Commit, StatisticsRecord},
    fact::StoredStage,
    id::Id,
    ledger::{actor::Actor, error::LedgerError},
    store::{Head, Operation, RefChange, RootUpdate, StoreError, Transaction, ZMemo},
};

/// A name, and what it is moved from and to.
type Move<'a, T> = (&'a String, Option<T>, Option<T>);

/// What a verb changes. Whatever it does not name stays. Each part says what it was when the verb
/// read it; if that is no longer so, nothing is changed.
#[derive(Debug, Default)]
pub(crate) struct Update {
    objects: NewObjects,
    refs: Vec<RefChange>,
    head: Option<(Head, Head)>,
    roots: Vec<RootUpdate>,
    z: Vec<ZMemo>,
}

impl Update {
    /// Adds `objects` and nothing else yet.
    pub(crate) fn new(objects: NewObjects) -> Self {
        Self { objects, ..Self::default() }
    }

    /// Moves, makes or deletes a branch.
    pub(crate) fn moving_branch(
        self,
        name: &str,
        expect: Option<Id<Commit>>,
        new: Option<Id<Commit>>,
    ) -> Self {
        self.moving(branch_ref(name), expect, new)
    }

    /// Makes or deletes a tag.
    pub(crate) fn moving_tag(
        self,
        name: &str,
        expect: Option<Id<Commit>>,
        new: Option<Id<Commit>>,
    ) -> Self {
        self.moving(tag_ref(name), expect, new)
    }

    /// Adds objects.
    pub(crate) fn adding(mut self, objects: NewObjects) -> Self {
        self.objects.extend(objects);
        self
    }

    /// Moves, makes or deletes the ref with this full name.
    pub(crate) fn moving(
        mut self,
        name: String,
        expect: Option<Id<Commit>>,
        new: Option<Id<Commit>>,
    ) -> Self {
        self.refs.push(RefChange { name, expect, new });
        self
    }

    /// Moves HEAD.
    pub(crate) fn heading(mut self, was: Head, to: Head) -> Self {
        if was != to {
            self.head = Some((was, to));
        }
        self
    }

    /// Moves the branch that `head` is attached to, or HEAD itself where it is detached.
    pub(crate) fn moving_head(self, head: Head, from: Id<Commit>, to: Id<Commit>) -> Self {
        match head {
            Head::Branch(name) => self.moving_branch(&name, Some(from), Some(to)),
            Head::Detached(_) => self.heading(head, Head::Detached(to)),
        }
    }

    /// Replaces the stage by one that is stored, or is among the objects added.
    pub(crate) fn restaging(self, old: Option<[u8; 32]>, new: Option<[u8; 32]>) -> Self {
        self.rerooting(STAGE, old, new)
    }

    /// Replaces what is current under `name` by what is stored, or is among the objects added.
    pub(crate) fn rerooting(
        mut self,
        name: &str,
        old: Option<[u8; 32]>,
        new: Option<[u8; 32]>,
    ) -> Self {
        self.roots.push(RootUpdate { name: name.to_owned(), old, new });
        self
    }

    /// Replaces the object that is current under `name`.
    pub(crate) fn rooting<T: Object>(
        mut self,
        name: &str,
        was: Option<&T>,
        to: Option<&T>,
    ) -> Self {
        let old = was.map(|was| *codec::id_of(was).as_bytes());
        let new = to.map(|to| *self.objects.put(to).as_bytes());
        self.roots.push(RootUpdate { name: name.to_owned(), old, new });
        self
    }

    /// Puts back what `operation`, the newest one not yet undone by this change, changed of refs, HEAD,
    /// stage, stash and bisection.
    pub(crate) fn undoing(self, operation: &Operation) -> Self {
        let refs = operation.refs.iter().map(|update| (&update.name, update.new, update.old));
        let head = operation.head.as_ref().map(|head| (&head.new, &head.old));
        let roots = undoable(operation).map(|update| (&update.name, update.new, update.old));
        self.making(refs, head, roots)
    }

    /// Makes the moves of `operation` again, on top of what this change makes already.
    pub(crate) fn redoing(self, operation: &Operation) -> Self {
        let refs = operation.refs.iter().map(|update| (&update.name, update.old, update.new));
        let head = operation.head.as_ref().map(|head| (&head.old, &head.new));
        let roots = undoable(operation).map(|update| (&update.name, update.old, update.new));
        self.making(refs, head, roots)
    }

    fn making<'a>(
        mut self,
        refs: impl Iterator<Item = Move<'a, Id<Commit>>>,
        head: Option<(&Head, &Head)>,
        roots: impl Iterator<Item = Move<'a, [u8; 32]>>,
    ) -> Self {
        for (name, from, to) in refs {
            match self.refs.iter_mut().find(|change| change.name == *name) {
                Some(change) => change.new = to,
                None => self = self.moving(name.clone(), from, to),
            }
        }
        if let Some((from, to)) = head {
            let from = self.head.map_or_else(|| from.clone(), |(from, _)| from);
            self.head = Some((from, to.clone()));
        }
        for (name, old, new) in roots {
            match self.roots.iter_mut().find(|root| root.name == *name) {
                Some(root) => root.new = new,
                None => self.roots.push(RootUpdate { name: name.clone(), old, new }),
            }
        }
        self
    }

    /// Says where z vectors are.
    pub(crate) fn with_z(mut self, memo: ZMemo) -> Self {
        self.z.push(memo);
        self
    }

    /// Has later edits use these statistics.
    pub(crate) fn with_statistics(
        mut self,
        was: Option<Id<StatisticsRecord>>,
        to: Id<StatisticsRecord>,
    ) -> Self {
        self.roots.push(RootUpdate {
            name: STATISTICS.to_owned(),
            old: was.map(|id| *id.as_bytes()),
            new: Some(*to.as_bytes()),
        });
        self
    }

    /// Does all of it or nothing.
    ///
    /// # Errors
    /// [`LedgerError::Moved`] when something is not as it was read, [`LedgerError::InProgress`] when it
    /// would move HEAD under a task in progress.
    pub(crate) fn apply(self, ledger: &Ledger<'_>, actor: &Actor) -> Result<(), LedgerError> {
        self.permit(ledger)?;
        ledger.transact(self.transaction(actor))
    }

    /// Refuses to move HEAD under a task in progress.
    pub(crate) fn permit(&self, ledger: &Ledger<'_>) -> Result<(), LedgerError> {
        if self.moves_head(ledger)? && !self.roots.iter().any(|root| root.name == TASK) {
            ledger.require_no_task()?;
        }
        Ok(())
    }

    /// What the store is asked to do.
    pub(crate) fn transaction(self, actor: &Actor) -> Transaction {
        let Self { objects, refs, head, roots, z } = self;
        Transaction {
            objects,
            refs,
            head,
            roots,
            z,
            time: actor.time,
            author: actor.author.clone(),
            command: actor.command.clone(),
        }
    }
}

impl Ledger<'_> {
    /// Replaces the stage `was` by `to`, whose new objects are in `draft`, and says how many facts it is to
    /// edit in or take back. An empty one is not stored.
    ///
    /// # Errors
    /// As [`Update::apply`].
    pub(crate) fn restage(
        &self,
        actor: &Actor,
        draft: Draft<'_>,
        was: Option<Id<StoredStage>>,
        to: Id<StoredStage>,
    ) -> Result<u64, LedgerError> {
        let stage = codec::get(&draft, to)?;
        let staged = stage.changes(&draft)?;
        let to = (!stage.is_empty(&draft)?).then_some(to);
        if to != was {
            let objects = if to.is_some() { draft.into_new() } else { NewObjects::default() };
            let [was, to] = [was, to].map(|stage| stage.map(|id| *id.as_bytes()));
            Update::new(objects).restaging(was, to).apply(self, actor)?;
        }
        Ok(staged)
    }

    /// Does all of `transaction` or nothing.
    ///
    /// # Errors
    /// [`LedgerError::Moved`] when something is not as it was read.
    pub(crate) fn transact(&self, transaction: Transaction) -> Result<(), LedgerError> {
        self.session.transact(transaction).map_err(|error| match error {
            StoreError::RefMoved { name, .. } => {
                let short = name.trim_start_matches("heads/").trim_start_matches("tags/");
                LedgerError::Moved { what: short.to_owned() }
            }
            StoreError::HeadMoved => LedgerError::Moved { what: "HEAD".to_owned() },
            StoreError::RootMoved { name } => LedgerError::Moved { what: format!("the {name}") },
            other => other.into(),
        })
    }
}

impl Update {
    fn moves_head(&self, ledger: &Ledger<'_>) -> Result<bool, LedgerError> {
        let current = match ledger.session.head()? {
            Head::Branch(name) => branch_ref(&name),
            Head::Detached(_) => return Ok(self.head.is_some()),
        };
        Ok(self.head.is_some() || self.refs.iter().any(|change| change.name == current))
    }
}

/// What an operation did to stage, stash and bisection, which `undo` takes back with refs and HEAD.
pub(crate) fn undoable(operation: &Operation) -> impl Iterator<Item = &RootUpdate> {
    let taken_back = [STAGE, STASH, BISECTION];
    operation.roots.iter().filter(move |root| taken_back.contains(&root.name.as_str()))
}
