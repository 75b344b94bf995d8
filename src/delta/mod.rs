//! Changes of weights as data, and the arithmetic that turns them into weights.
//!
//! A version's weights are *built*: base plus the lineage's deltas in order, in one fixed
//! arithmetic ([`Accumulator`]). Nothing is ever subtracted from edited weights, so a version has
//! the same bytes however it was reached.
//!
//! This module knows nothing of commits, facts' meaning, or how a delta was found.

mod confined;
mod leading;
mod live;
mod materialise;
mod object;
mod product;
mod sums;
mod tuned;
mod version;

pub use confined::confined;
pub use leading::leading_to;
pub use materialise::Accumulator;
pub use object::{DENSE, Delta, DeltaTensor, Form, Lineage, TensorEntry, TensorFile};
pub use sums::{Sum, Sums};
pub use tuned::{Rounding, Tuned, compare, tensors_of_base};
pub use version::{Change, ChangeForm, LoadedDelta, Version, VersionError};
