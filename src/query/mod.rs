//! SPARQL 1.1 over triples: an index that is mapped from a file, a dataset made of it, and an evaluation that ends.
//!
//! An [`Index`] holds the terms of many triples and the triples in three orders. A [`Dataset`] is one such index with
//! graphs that differ from it, so that many versions of nearly the same facts are one dataset. [`run`](run::run)
//! evaluates a parsed [`Text`] on a thread of its own, within [`Limits`]: what a query holds and repeats has no bound
//! of its own.
//!
//! Nothing is fetched: `SERVICE` and graphs that would have to be loaded are refused by name. Nothing here knows of
//! commits, models or the store.

mod dataset;
mod error;
mod index;
mod memory;
mod results;
mod run;
mod terms;
mod text;
mod update;
mod walk;

pub use dataset::{Dataset, Departure, Triple};
pub use error::QueryError;
pub use index::{Building, Encoded, Index};
pub use results::{Answer, AnswerFormat, Rows, Value};
pub use run::{Function, How, Limits, ModelCall, Summary, run};
pub use text::{DEEPEST, Form, LONGEST, Text, large_stack};
pub use update::{Step, Update};
