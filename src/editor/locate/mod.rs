//! Where facts are looked up, and what should be found there: what editors that change one place in the model
//! share.
//!
//! `lookup` puts requests into tokens and `prefixes` samples what stands before them; `keys` says where they are
//! looked up, `z` what each should look like there. All of it lives on causality: nothing in a stream depends on
//! what comes later in its text.

mod adam;
mod bucket;
mod budget;
pub(super) mod keys;
pub(super) mod lookup;
mod openings;
pub(super) mod prefixes;
mod search;
mod tails;
mod term;
pub(super) mod z;
