//! A database that is only read, as it is at one moment, whatever it is of.

use std::{iter, path::Path, time::Duration};

use super::{
    address::Login,
    error::SqlError,
    names::{Capitals, Name},
    natural::Natural,
    postgres::Postgres,
    sqlite::Sqlite,
};

/// What reading may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take.
    pub time: Duration,
    /// Rows of all tables and queries.
    pub rows: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(600), rows: 10_000_000 }
    }
}

/// What answers queries that only select.
pub(super) trait Source {
    /// Which capitals it tells apart.
    fn capitals(&self) -> Capitals;

    /// The columns of a query that `map` has.
    fn columns(&self, map: &str, sql: &str) -> Result<Vec<ColumnShape>, SqlError>;

    /// Hands the rows of a query that `map` has to `take`, up to its first error.
    fn rows(&self, map: &str, sql: &str, take: &mut TakeRow<'_>) -> Result<(), SqlError>;
}

/// A value of a row: nothing where it is NULL, and in words why it is no literal.
pub(super) type Cell = Result<Option<Natural>, String>;

/// Takes a row.
pub(super) type TakeRow<'t> = dyn FnMut(&[Cell]) -> Result<(), SqlError> + 't;

/// What is known of a column that a query gives.
#[derive(Debug, Clone)]
pub(super) struct ColumnShape {
    pub(super) name: String,
    /// Its type, where values of it are no literals.
    pub(super) unfit: Option<String>,
}

/// What is known of a table or view.
#[derive(Debug, Clone)]
pub(super) struct TableShape {
    pub(super) schema: String,
    pub(super) name: String,
    /// Whether it is found without the name of its schema.
    pub(super) is_visible: bool,
    /// Whether the Direct Mapping reads it.
    pub(super) is_direct: bool,
    pub(super) columns: Vec<String>,
    /// The columns of its primary key.
    pub(super) key: Vec<String>,
    /// Columns that are not listed, by which its rows are known without one.
    pub(super) row_ids: &'static [&'static str],
    pub(super) foreign_keys: Vec<ForeignKey>,
}

/// A foreign key.
#[derive(Debug, Clone)]
pub(super) struct ForeignKey {
    pub(super) columns: Vec<String>,
    /// The schema and name of the table that it leads to.
    pub(super) table: (String, String),
    /// Its columns; its primary key where there are none.
    pub(super) parents: Vec<String>,
}

impl TableShape {
    /// As a mapping names it.
    pub(super) fn shown(&self) -> String {
        if self.is_visible { self.name.clone() } else { format!("{}.{}", self.schema, self.name) }
    }
}

/// A database that is open, as it is at one moment.
pub struct Database {
    /// What it is called in messages and places.
    name: String,
    pub(super) limits: Limits,
    tables: Vec<TableShape>,
    pub(super) source: Box<dyn Source>,
}

impl Database {
    /// Opens the database of SQLite in the file `path`, which `name` names in messages and places.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn open(path: &Path, name: &str, limits: Limits) -> Result<Self, SqlError> {
        let (source, tables) = Sqlite::open(path, name, limits)?;
        Ok(Self { name: name.to_owned(), limits, tables, source: Box::new(source) })
    }

    /// Connects with a database of PostgreSQL.
    ///
    /// # Errors
    /// When it cannot be reached or read.
    pub fn connect(login: &Login, limits: Limits) -> Result<Self, SqlError> {
        let (source, tables) = Postgres::connect(login, limits)?;
        Ok(Self { name: login.name().to_owned(), limits, tables, source: Box::new(source) })
    }

    /// What it is called in messages and places.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its tables and views.
    pub(super) fn tables(&self) -> &[TableShape] {
        &self.tables
    }

    /// The table or view that a mapping means.
    pub(super) fn table(&self, path: &[Name]) -> Option<&TableShape> {
        let capitals = self.source.capitals();
        let (schema, name) = match path {
            [name] => (None, name),
            [schema, name] => (Some(schema), name),
            _ => return None,
        };
        let in_it = |table: &&TableShape| match schema {
            Some(schema) => capitals.find(schema, iter::once(table.schema.as_str())).is_some(),
            None => table.is_visible,
        };
        let mut tables = self.tables.iter().filter(in_it);
        let found = capitals.find(name, tables.clone().map(|table| table.name.as_str()))?;
        tables.find(|table| table.name == found)
    }
}
