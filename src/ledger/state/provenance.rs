//! What edits were found with: the machine and the program, on which the last bits of what is sought depend
//! and which no setting names.
//!
//! Commits do not name it, so that one does not get another id for having been made on another machine. It lies
//! beside them, in a tree by commit, so that a long history costs no more to add to than a short one.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};

use super::{open::Ledger, update::Update};
use crate::{
    codec::Draft,
    commit::Commit,
    engine::FoundWith,
    fact::tree::{self, Entry, Node},
    id::{Id, Kind},
    ledger::error::LedgerError,
};

/// Root of the store: the tree of them; absent while there are none.
const PROVENANCE: &str = "provenance";

/// What the edit of a commit was found with.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Provenance {
    /// The commit.
    commit: Id<Commit>,
    /// With what.
    found_with: FoundWith,
}

impl Kind for Provenance {
    const NAME: &'static str = "commit's provenance";
}

impl Entry for Provenance {
    const NODE_NAME: &'static str = "provenance";
    const NODE_TAG: u8 = 0x07;
    const LONG_NAME: &'static str = "long provenance";
    const LONG_TAG: u8 = 0x08;

    fn belongs(&self, key: Id<Self>) -> bool {
        key_of(self.commit) == key
    }
}

const fn key_of(commit: Id<Commit>) -> Id<Provenance> {
    Id::from_bytes(*commit.as_bytes())
}

impl Ledger<'_> {
    fn provenance(&self) -> Result<Option<Id<Node<Provenance>>>, LedgerError> {
        Ok(self.session.root(PROVENANCE)?.map(Id::from_bytes))
    }

    /// What the edit of a commit was found with, where that was recorded.
    pub(crate) fn found_with(&self, id: Id<Commit>) -> Result<Option<FoundWith>, LedgerError> {
        let Some(root) = self.provenance()? else { return Ok(None) };
        Ok(tree::get(self, root, key_of(id))?.map(|provenance| provenance.found_with))
    }
}

impl Update {
    /// Records what the edit of a new commit was found with.
    pub(crate) fn found_with(
        self,
        ledger: &Ledger<'_>,
        id: Id<Commit>,
        found_with: &FoundWith,
    ) -> Result<Self, LedgerError> {
        let provenance = Provenance { commit: id, found_with: found_with.clone() };
        self.changing_provenance(ledger, &BTreeMap::from([(key_of(id), Some(provenance))]))
    }

    /// Keeps it for commits that are rewritten: their deltas are the same but for columns that are gone.
    pub(crate) fn moving_found_with(
        self,
        ledger: &Ledger<'_>,
        commits: impl IntoIterator<Item = Id<Commit>>,
        now: &dyn Fn(Id<Commit>) -> Id<Commit>,
    ) -> Result<Self, LedgerError> {
        let mut changes = BTreeMap::new();
        for old in commits {
            if let Some(found_with) = ledger.found_with(old)? {
                changes.insert(key_of(old), None);
                let commit = now(old);
                if commit != old {
                    changes.insert(key_of(commit), Some(Provenance { commit, found_with }));
                }
            }
        }
        if changes.is_empty() { Ok(self) } else { self.changing_provenance(ledger, &changes) }
    }

    fn changing_provenance(
        self,
        ledger: &Ledger<'_>,
        changes: &BTreeMap<Id<Provenance>, Option<Provenance>>,
    ) -> Result<Self, LedgerError> {
        let mut draft = Draft::new(ledger);
        let was = ledger.provenance()?;
        let root = was.unwrap_or_else(|| tree::empty(&mut draft));
        let to = tree::update(&mut draft, root, changes)?;
        let bytes = |id: Id<Node<Provenance>>| *id.as_bytes();
        Ok(self.adding(draft.into_new()).rerooting(PROVENANCE, was.map(bytes), Some(bytes(to))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec,
        fact::tree::{Long, Slot},
    };

    #[test]
    fn golden_bytes() {
        let found_with = FoundWith {
            device: "cpu".to_owned(),
            dtype: "f32".to_owned(),
            threads: 2,
            kernels: "avx2".to_owned(),
            library: "l".to_owned(),
            program: "p".to_owned(),
            known: 3,
        };
        let provenance = Provenance { commit: Id::from_bytes([7; 32]), found_with };
        let number = |n: u8| [n, 0, 0, 0, 0, 0, 0, 0];
        let fields = [
            [7; 32].as_slice(),
            &number(3),
            b"cpu",
            &number(3),
            b"f32",
            &number(2),
            &number(4),
            b"avx2",
            &number(1),
            b"l",
            &number(1),
            b"p",
            &number(3),
        ];
        let fields = fields.concat();
        let key = key_of(provenance.commit);
        assert!(provenance.belongs(key));
        let leaf = Node::Leaf(vec![(key, Slot::Inline(provenance.clone()))]);
        let bytes =
            [[0x07, 1].as_slice(), &[0; 4], &number(1), &[7; 32], &[0; 4], &fields].concat();
        assert_eq!(codec::encode(&leaf), bytes);
        assert_eq!(codec::decode::<Node<Provenance>>(&bytes).unwrap(), leaf);
        let bytes = [[0x08, 1].as_slice(), &fields].concat();
        assert_eq!(codec::encode(&Long(provenance)), bytes);
    }
}
