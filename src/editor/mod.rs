//! Editors: requests in, a low-rank change of weights out.
//!
//! There is one, MEMIT (Meng et al., "Mass-Editing Memory in a Transformer", 2023). `memit` reads
//! like the algorithm box of the paper; what it does is spread over `z` (what each fact should
//! look like), `keys` (where it is looked up), `statistics` (what else the model knows) and
//! `solve` (the smallest change that puts one at the other).
//!
//! Letters are those of the paper: k is a key, `[in]`; z a value, `[d]`; C = E[k kᵀ]; R what is
//! missing; λ the weight of C. The model is the same before and after an edit, also when it fails.
//!
//! This module knows nothing of commits. Without the feature `torch` there are only its settings, so that they
//! can be checked.

#[cfg(feature = "torch")]
mod adam;
#[cfg(feature = "torch")]
mod approximate;
#[cfg(feature = "torch")]
mod bucket;
#[cfg(feature = "torch")]
mod budget;
#[cfg(feature = "torch")]
mod error;
#[cfg(feature = "torch")]
mod keys;
#[cfg(feature = "torch")]
mod lookup;
#[cfg(feature = "torch")]
mod matrix;
#[cfg(feature = "torch")]
mod memit;
#[cfg(feature = "torch")]
mod openings;
#[cfg(feature = "torch")]
mod prefixes;
#[cfg(feature = "torch")]
mod search;
mod settings;
#[cfg(feature = "torch")]
mod solve;
#[cfg(feature = "torch")]
mod statistics;
#[cfg(feature = "torch")]
mod tails;
#[cfg(feature = "torch")]
mod term;
mod weight;
#[cfg(feature = "torch")]
mod z;

#[cfg(feature = "torch")]
pub use approximate::approximate;
#[cfg(feature = "torch")]
pub use error::EditError;
#[cfg(feature = "torch")]
pub(crate) use lookup::continuation;
#[cfg(feature = "torch")]
pub use memit::{VERSION, edit};
#[cfg(feature = "torch")]
pub use prefixes::sample_prefixes;
pub use settings::{Matmul, ModelSize, NAME, Settings, SettingsError, SolveFactor, ZOn};
#[cfg(feature = "torch")]
pub use solve::{Prior, Singular, Solver, System};
#[cfg(feature = "torch")]
pub use statistics::{sample_documents, second_moments};
pub use weight::Weight;
