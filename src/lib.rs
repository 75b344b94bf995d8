//! kledger: a persistent edit ledger and versioned model store for knowledge editing.

pub mod checkpoint;
#[cfg(feature = "cli")]
pub mod cli;
pub mod codec;
pub mod delta;
pub mod durable;
pub mod editor;
#[cfg(feature = "torch")]
pub mod engine;
pub mod eval;
pub mod fact;
pub mod id;
pub mod input;
pub mod ledger;
#[cfg(feature = "torch")]
pub mod model;
pub mod store;
