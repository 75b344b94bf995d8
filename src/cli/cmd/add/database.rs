//! `add --sql`: what a database says.

#[cfg(feature = "sql")]
use std::time::Duration;

use super::Args;
#[cfg(feature = "sql")]
use crate::{
    cli::context::server_defaults,
    fact::{StageError, read::ReadError},
    input,
    ledger::LedgerError,
    sql::{self, Address, Database, Limits, Mapping},
};
use crate::{
    cli::{context::Context, error::CliError},
    ledger::{Actor, Repo, verb::add::AddReport},
};

impl Args {
    /// Stages what a database says.
    #[cfg(feature = "sql")]
    pub(super) fn database(
        &self,
        cx: &Context,
        repo: &Repo,
        actor: &Actor,
    ) -> Result<AddReport, CliError> {
        let name = self.sql.clone().unwrap_or_default();
        let limits = Limits::default();
        let limits = Limits {
            time: self.timeout.map_or(limits.time, Duration::from_secs),
            rows: self.max_rows.unwrap_or(limits.rows),
        };
        let base = self.base.as_ref().map(|base| base.iri().as_str());
        let address = Address::parse(&name, &server_defaults()).map_err(LedgerError::from)?;
        if self.mapping.is_none() && base.is_none() {
            return Err(CliError::NoMapping { name });
        }
        let database = match &address {
            // In places and messages it is the file.
            Address::File(path) => Database::open(&cx.path(path), &path.to_string_lossy(), limits),
            Address::Server(login) => Database::connect(login, limits),
        };
        let database = database.map_err(LedgerError::from)?;
        let name = database.name().to_owned();
        let mapping = match (&self.mapping, base) {
            (Some(file), _) => {
                let text = input::text(&cx.path(file));
                let text = text.map_err(|source| CliError::Read { path: file.clone(), source })?;
                Mapping::parse(&text, &file.to_string_lossy(), base)
            }
            (None, base) => Mapping::direct(&database, base.unwrap_or_default()),
        };
        let mapping = mapping.map_err(LedgerError::from)?;
        let choice = self.choice();
        let input = sql::read::<LedgerError>(&database, &mapping, (base, &choice))?;
        drop(database);
        if self.sync {
            return Ok(repo.sync(actor, input, (&name, &choice), self.options())?);
        }
        if input.is_empty() {
            let none = ReadError::no_triples(&name, input.left_out().clone());
            return Err(LedgerError::from(StageError::from(none)).into());
        }
        Ok(repo.add_with(actor, input, self.options())?)
    }

    #[cfg(not(feature = "sql"))]
    pub(super) fn database(&self, _: &Context, _: &Repo, _: &Actor) -> Result<AddReport, CliError> {
        let _unused = (&self.mapping, self.sync, self.timeout, self.max_rows);
        Err(CliError::NoDatabases)
    }
}
