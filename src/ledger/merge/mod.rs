//! Two histories made one: merge, cherry-pick and rebase.
//!
//! [`three_way`] combines facts and columns, [`weights`] makes the weights of it, and [`questions`] are what it asks
//! them. [`sequencer`] goes from one commit to the next, one [`step`] at a time. [`task`] is what it keeps between two
//! commands, [`outcome`] what it says at the end.

pub(super) mod how;
pub(super) mod outcome;
pub(super) mod questions;
pub(super) mod sequencer;
pub(super) mod step;
pub(super) mod task;
pub(super) mod three_way;
pub(super) mod weights;
