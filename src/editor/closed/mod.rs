//! Editors in closed form: the smallest change that puts what is wanted at the keys of the facts.
//!
//! There is one, MEMIT (Meng et al., "Mass-Editing Memory in a Transformer", 2023). `memit` reads like the algorithm
//! box of the paper; `statistics` is what else the model knows, and `solve` finds the change.

pub mod alphaedit;
pub mod emmet;
#[cfg(feature = "torch")]
mod layers;
pub mod memit;
mod method;
pub mod pmet;
pub mod rome;
pub(super) mod settings;
#[cfg(feature = "torch")]
mod solve;
#[cfg(feature = "torch")]
mod stand_ins;
#[cfg(feature = "torch")]
mod statistics;
mod weight;

#[cfg(feature = "torch")]
pub use layers::ClosedForm;
pub use settings::{SolveFactor, Solving};
#[cfg(feature = "torch")]
pub use solve::{Prior, Singular, Solver, System};
#[cfg(feature = "torch")]
pub use statistics::{sample_documents, second_moments};
pub use weight::Weight;
