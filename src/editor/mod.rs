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
//! This module knows nothing of commits.

mod adam;
mod approximate;
mod bucket;
mod budget;
mod error;
mod keys;
mod lookup;
mod matrix;
mod memit;
mod openings;
mod prefixes;
mod search;
mod settings;
mod solve;
mod statistics;
mod tails;
mod term;
mod z;

pub use approximate::approximate;
pub use error::EditError;
pub(crate) use lookup::continuation;
pub use memit::{NAME, VERSION, edit};
pub use prefixes::sample_prefixes;
pub use settings::{Matmul, ModelSize, Settings, SettingsError, SolveFactor, ZOn};
pub use solve::{Prior, Singular, Solver, System};
pub use statistics::{sample_documents, second_moments};
