//! Databases as sources of facts, and facts as a database.
//!
//! An R2RML [`Mapping`] says what quads the rows of a database make; without one it is made of the database's own tables
//! and keys, as the W3C's Direct Mapping wants. [`read`] makes the quads, and facts of them. [`mod@write`] is the way back: a
//! script that makes a database of facts, with the mapping that reads it again.
//!
//! A [`Database`] is a file of SQLite or on a server of PostgreSQL; what reads a mapping does not know which. It is opened
//! to be read alone, and seen as it is at one moment. What a mapping's queries may do is to select;
//! how long they take and how many rows they give has limits. Nothing here knows of commits, models or the store.

mod address;
mod database;
mod direct;
mod error;
mod mapping;
mod names;
mod natural;
mod postgres;
mod r2rml;
mod read;
mod sqlite;
mod term;
pub mod write;

pub use address::{Address, Login, ServerDefaults};
pub use database::{Database, Limits};
pub use error::SqlError;
pub use mapping::Mapping;
pub use read::{Take, quads, read};
