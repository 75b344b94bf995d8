//! A large sorted map as a tree of small objects.
//!
//! A tree maps the 32-byte ids of things to the things. It is a radix tree over the hexadecimal digits
//! of the id: up to sixteen entries are a leaf, more are a branch of up to sixteen subtrees. Its shape
//! depends on what it holds and on nothing else, so equal maps have equal root ids however they came
//! about, trees share what they have in common, and two trees are compared by walking only where they
//! differ.
//!
//! **Invariants**, checked whenever a node is read: a subtree of at most [`LEAF`] entries is a leaf,
//! one of more is a branch; entries ascend by key and lie where their digits lead; counts agree; a
//! value is inline if and only if its bytes are at most [`Entry::INLINE`], which keeps nodes to some
//! kilobytes. The empty tree is the empty leaf.
//!
//! This module knows nothing of what is kept in a tree.

mod compare;
mod node;
mod seen;
mod update;
mod walk;
mod written;

pub use compare::{
    Clash, Counts, Difference, Differences, Merge, diff, diff_at, diff_counts, diff_seen, merge3,
};
pub use node::{Child, Entry, FactTree, LEAF, LexiconTree, Long, Node, Slot};
pub use seen::Seen;
pub use update::{
    Encoded, TreeEdit, build, build_encoded, empty, update, update_encoded, update_sorted,
};
pub use walk::{Iter, filter_map, get, get_many, get_seen, iter, len, select, starting_with};
