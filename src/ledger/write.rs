//! Everything a verb changes, in one transaction.

use std::collections::BTreeMap;

use super::{
    Actor, Commit, LedgerError, StatisticsRecord,
    edit::{ZKey, ZPlace},
};
use crate::{
    fact::Stage,
    id::Id,
    store::{Head, Logged, Operation, RefChange, Session, StoreError, Transaction},
};

/// What a verb changes. Whatever it does not name stays. Each part says what it was when the verb
/// read it; if that is no longer so, nothing is changed.
#[derive(Default)]
pub(super) struct Change {
    objects: BTreeMap<[u8; 32], Vec<u8>>,
    refs: Vec<RefChange>,
    head: Option<(Head, Head)>,
    stage: Option<(Stage, Stage)>,
    z: Vec<(ZKey, ZPlace)>,
    statistics: Option<Id<StatisticsRecord>>,
}

impl Change {
    /// Adds `objects` and nothing else yet.
    pub(super) fn new(objects: BTreeMap<[u8; 32], Vec<u8>>) -> Self {
        Self { objects, ..Self::default() }
    }

    /// Moves, makes or deletes a branch.
    pub(super) fn moving_branch(
        self,
        name: &str,
        expect: Option<Id<Commit>>,
        new: Option<Id<Commit>>,
    ) -> Self {
        self.moving(branch_ref(name), expect, new)
    }

    /// Makes or deletes a tag.
    pub(super) fn moving_tag(
        self,
        name: &str,
        expect: Option<Id<Commit>>,
        new: Option<Id<Commit>>,
    ) -> Self {
        self.moving(tag_ref(name), expect, new)
    }

    fn moving(
        mut self,
        name: String,
        expect: Option<Id<Commit>>,
        new: Option<Id<Commit>>,
    ) -> Self {
        self.refs.push(RefChange { name, expect, new });
        self
    }

    /// Points HEAD elsewhere.
    pub(super) fn heading(mut self, was: Head, to: Head) -> Self {
        if was != to {
            self.head = Some((was, to));
        }
        self
    }

    /// Moves the branch that `head` is attached to, or HEAD itself where it is detached.
    pub(super) fn moving_head(self, head: Head, from: Id<Commit>, to: Id<Commit>) -> Self {
        match head {
            Head::Branch(name) => self.moving_branch(&name, Some(from), Some(to)),
            Head::Detached(_) => self.heading(head, Head::Detached(to)),
        }
    }

    /// Replaces the stage.
    pub(super) fn staging(mut self, was: Stage, to: Stage) -> Self {
        self.stage = Some((was, to));
        self
    }

    /// Puts back what `operation`, the newest one not yet undone by this change, changed.
    pub(super) fn undoing(mut self, operation: &Logged) -> Self {
        for RefChange { name, expect, new } in &operation.refs {
            match self.refs.iter_mut().find(|change| change.name == *name) {
                Some(change) => change.new = *expect,
                None => self = self.moving(name.clone(), *new, *expect),
            }
        }
        if let Some((was, to)) = &operation.head {
            let now = self.head.map_or_else(|| to.clone(), |(now, _)| now);
            self.head = Some((now, was.clone()));
        }
        if let Some((was, to)) = &operation.stage {
            let now = self.stage.map_or_else(|| to.clone(), |(now, _)| now);
            self.stage = Some((now, was.clone()));
        }
        self
    }

    /// Says where z vectors are.
    pub(super) fn with_z(mut self, z: Vec<(ZKey, ZPlace)>) -> Self {
        self.z = z;
        self
    }

    /// Has later edits use these statistics.
    pub(super) fn with_statistics(mut self, record: Id<StatisticsRecord>) -> Self {
        self.statistics = Some(record);
        self
    }

    /// Does all of it or nothing.
    ///
    /// # Errors
    /// [`LedgerError::Moved`] when something is not as it was read.
    pub(super) fn apply(self, session: &Session, actor: &Actor) -> Result<(), LedgerError> {
        let Self { objects, refs, head, stage, z, statistics } = self;
        let operation = Operation {
            command: actor.command.clone(),
            author: actor.author.clone(),
            time: actor.time,
        };
        let transaction = Transaction { objects, refs, head, stage, z, statistics, operation };
        session.transact(transaction).map_err(|error| match error {
            StoreError::RefMoved { name, .. } => {
                LedgerError::Moved { what: name }
            }
            StoreError::StageMoved => LedgerError::Moved { what: "the stage".to_owned() },
            other => other.into(),
        })
    }
}

/// Name of a branch among the refs.
pub(super) fn branch_ref(name: &str) -> String {
    format!("branch/{name}")
}

/// Name of a tag among the refs.
pub(super) fn tag_ref(name: &str) -> String {
    format!("tag/{name}")
}
