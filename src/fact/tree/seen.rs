//! Nodes that were read lately.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    node::{Entry, Node},
    walk::Subtree,
};
use crate::{
    codec::{ObjectError, Objects},
    id::Id,
};

/// Nodes that were read lately, so that they need not be read again: histories compare each tree with the one
/// before it and the one after, and many things are looked up in one tree.
pub struct Seen<V: Entry> {
    nodes: Mutex<BTreeMap<Stand<V>, Node<V>>>,
    most: usize,
}

/// Where a node stands, and which it is.
type Stand<V> = (Id<V>, usize, Id<Node<V>>);

impl<V: Entry> Default for Seen<V> {
    fn default() -> Self {
        Self::of_at_most(1024)
    }
}

impl<V: Entry> Seen<V> {
    /// None yet, and never more than `most`.
    #[must_use]
    pub const fn of_at_most(most: usize) -> Self {
        Self { nodes: Mutex::new(BTreeMap::new()), most }
    }

    /// What `look` makes of the topmost node of a subtree.
    pub(super) fn look<T>(
        &self,
        objects: &dyn Objects,
        (place, id, count): Subtree<V>,
        look: impl FnOnce(&Node<V>) -> T,
    ) -> Result<T, ObjectError> {
        let (prefix, depth) = place.path();
        let stand = (prefix, depth, id);
        if let Some(node) = self.nodes().get(&stand)
            && (count.is_none() || count == node.count())
        {
            return Ok(look(node));
        }
        let node = place.read(objects, id, count)?;
        let found = look(&node);
        let mut nodes = self.nodes();
        if nodes.len() >= self.most {
            nodes.clear();
        }
        nodes.insert(stand, node);
        Ok(found)
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<Stand<V>, Node<V>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
