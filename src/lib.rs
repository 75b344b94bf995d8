//! kledger: a persistent edit ledger and versioned model store for knowledge editing.

pub mod checkpoint;
#[cfg(feature = "cli")]
pub mod cli;
pub mod codec;
pub mod commit;
pub mod delta;
pub mod durable;
pub mod editor;
pub mod engine;
pub mod eval;
pub mod fact;
pub mod id;
pub mod input;
pub mod ledger;
#[cfg(feature = "torch")]
pub mod model;
#[cfg(feature = "torch")]
pub mod runtime;
pub mod store;
pub mod tensor;
