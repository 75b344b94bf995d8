//! Where facts are looked up, and what should be found there: what editors that change one place in the model
//! share.
//!
//! `lookup` puts requests into tokens and `prefixes` samples what stands before them; `keys` says where they are
//! looked up, `z` what each should look like there. All of it lives on causality: nothing in a stream depends on
//! what comes later in its text.

#[cfg(feature = "torch")]
pub(super) mod adam;
#[cfg(feature = "torch")]
pub(super) mod bucket;
#[cfg(feature = "torch")]
mod budget;
#[cfg(feature = "torch")]
pub(super) mod keys;
#[cfg(feature = "torch")]
mod lbfgs;
#[cfg(feature = "torch")]
pub(super) mod lookup;
#[cfg(feature = "torch")]
pub(super) mod openings;
#[cfg(feature = "torch")]
pub(super) mod place;
#[cfg(feature = "torch")]
pub(super) mod prefixes;
#[cfg(feature = "torch")]
mod search;
pub(super) mod settings;
#[cfg(feature = "torch")]
mod tails;
#[cfg(feature = "torch")]
mod term;
#[cfg(feature = "torch")]
pub(super) mod z;
