//! Tables: CSV, TSV, and JSON objects line by line.
//!
//! A row says a fact in columns for subject, predicate and object, or has a column for each predicate. What is in a
//! cell is an IRI, or a name of which an IRI is made under a base that the user gives, with the name as its label.

mod layout;
mod objects;
mod records;
mod things;

pub(super) use self::{layout::Layout, objects::Objects, records::Records};
pub use self::{
    layout::{Column, ColumnError},
    things::{Base, BaseError, predicate},
};

/// How a table is written, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// How its rows are written.
    pub kind: TableKind,
    /// Columns that do not say themselves what is in them.
    pub columns: Vec<Column>,
    /// Under what IRIs are made of names.
    pub base: Option<Base>,
    /// Whether the first row has the names of the columns. JSON objects have them in each.
    pub header: bool,
    /// What stands between cells, where that is not what the kind says.
    pub delimiter: Option<u8>,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// Cells apart by commas, in quotes where they have commas, quotes or line breaks themselves.
    Csv,
    /// Cells apart by tabs, without quotes.
    Tsv,
    /// A JSON object in each line.
    JsonLines,
}

impl Table {
    /// A table of this kind with a header and without a base.
    #[must_use]
    pub const fn new(kind: TableKind) -> Self {
        Self { kind, columns: Vec::new(), base: None, header: true, delimiter: None }
    }
}
