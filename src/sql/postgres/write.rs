//! Facts into a database of PostgreSQL.

use super::{connected, wrong};
use crate::sql::{address::Login, error::SqlError, names::quoted, write::Layout};

impl Layout<'_> {
    /// Makes the tables in a new schema of a database, all or nothing.
    ///
    /// # Errors
    /// When the server cannot be reached, the schema is there, or the server refuses.
    pub fn put(&self, login: &Login, schema: &str) -> Result<(), SqlError> {
        if let Some(shown) = self.nul() {
            return Err(SqlError::Nul { shown });
        }
        let name = login.name();
        let mut client = connected(&login.config, name)?;
        let refused = |error: &::postgres::Error| wrong(name, None, error);
        let is_there = client.query("SELECT FROM pg_namespace WHERE nspname = $1", &[&schema]);
        if !is_there.map_err(|error| refused(&error))?.is_empty() {
            let (name, schema) = (name.to_owned(), schema.to_owned());
            return Err(SqlError::SchemaTaken { name, schema });
        }
        let schema = quoted(schema);
        let begun = format!("BEGIN; CREATE SCHEMA {schema}; SET LOCAL search_path = {schema}");
        let mut run = |text: &str| client.batch_execute(text).map_err(|error| refused(&error));
        run("SET standard_conforming_strings = on")?;
        run(&begun)?;
        self.statements(&mut run)?;
        run("COMMIT")
    }
}
