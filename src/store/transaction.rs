//! All that one command changes, at once or not at all.

use bincode::{Decode, Encode};

use super::{
    Session, StoreError, check_ref_name,
    journal::{Entry, HeadUpdate, Operation, RefUpdate, RootUpdate},
    place::Record,
    refs::Head,
};
use crate::{
    codec::{self, NewObjects},
    commit::Commit,
    id::Id,
    store::ZMemo,
};

/// All that one command changes. Tensor files it refers to are on disk already.
#[derive(Debug, Default)]
pub struct Transaction {
    /// New objects by hash; ones the store has are left out.
    pub objects: NewObjects,
    /// Refs to move.
    pub refs: Vec<RefChange>,
    /// HEAD, as it must be and as it is to be.
    pub head: Option<(Head, Head)>,
    /// Roots to change, each as it must be and as it is to be.
    pub roots: Vec<RootUpdate>,
    /// z vectors found.
    pub z: Vec<ZMemo>,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// Who ran the command.
    pub author: String,
    /// The command line, for people.
    pub command: String,
}

impl Transaction {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.objects.is_empty()
            && self.refs.is_empty()
            && self.head.is_none()
            && self.roots.is_empty()
            && self.z.is_empty()
    }
}

/// A ref to move, make or remove.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RefChange {
    /// Full name, `heads/…` or `tags/…`.
    pub name: String,
    /// Where it must be; `None`: it must not exist.
    pub expect: Option<Id<Commit>>,
    /// Where it is to be; `None` removes it.
    pub new: Option<Id<Commit>>,
}

impl Session {
    /// Makes all changes of `transaction`, or none. When this returns they are on disk.
    ///
    /// # Errors
    /// [`StoreError::RefMoved`], [`StoreError::HeadMoved`] or [`StoreError::RootMoved`] when something is not as
    /// expected; a write error, after which nothing has changed.
    pub fn transact(&self, transaction: Transaction) -> Result<(), StoreError> {
        self.opened()?.transact_opened(transaction)
    }

    fn transact_opened(&self, transaction: Transaction) -> Result<(), StoreError> {
        let Transaction { mut objects, refs, head, roots, z, time, author, command } = transaction;
        let mut updates = Vec::new();
        for change in refs {
            if change.new.is_some() {
                check_ref_name(&change.name)?;
            }
            let old = self.reference(&change.name)?;
            if change.expect != old {
                let (name, expected) = (change.name, change.expect);
                return Err(StoreError::RefMoved { name, expected, found: old });
            }
            if old != change.new {
                updates.push(RefUpdate { name: change.name, old, new: change.new });
            }
        }
        if let Some((old, _)) = &head
            && self.head()? != *old
        {
            return Err(StoreError::HeadMoved);
        }
        for update in &roots {
            if self.root(&update.name)? != update.old {
                return Err(StoreError::RootMoved { name: update.name.clone() });
            }
        }

        let mut rows = Vec::new();
        for memo in &z {
            let bytes = codec::encode(memo);
            let hash = *Id::<ZMemo>::of(&bytes).as_bytes();
            if !self.contains(&hash)? {
                rows.extend(memo.rows());
                objects.insert(hash, &bytes);
            }
        }
        objects.leave_out(&self.stored(&objects.hashes())?);
        let operation = Operation {
            sequence: self.position()?.sequence + 1,
            time,
            author,
            command,
            refs: updates,
            head: head.filter(|(old, new)| old != new).map(|(old, new)| HeadUpdate { old, new }),
            roots: roots.into_iter().filter(|update| update.old != update.new).collect(),
        };
        let mut entry = Entry { operation, pack: None };
        // Whether all of it can be read back is known before anything is written.
        let mut record = NewObjects::default();
        record.put(&entry);
        record.fit()?;
        objects.fit()?;
        let pack = if objects.is_empty() { None } else { Some(self.packs().write(&objects)?) };
        drop(objects);
        let (pack, places) = pack.unzip();
        let mut places: Vec<Record> = places.unwrap_or_default();
        places.extend(rows);
        entry.pack = pack;
        self.record(entry, places)
    }
}
