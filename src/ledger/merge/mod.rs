//! Two histories made one: merge, cherry-pick and rebase.
//!
//! [`three_way`] combines facts and columns, [`weights`] makes the weights of it, [`sequencer`] goes from one
//! commit to the next, and [`task`] is what it keeps between two commands.

pub(super) mod how;
pub(super) mod sequencer;
pub(super) mod step;
pub(super) mod task;
pub(super) mod three_way;
pub(super) mod weights;
