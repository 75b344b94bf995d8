//! A database of PostgreSQL that is only read.
//!
//! One transaction sees it all as it is at one moment, and cannot write. Types are those that the server prepares a
//! query with; values come by `COPY (query) TO STDOUT`, row by row as the server has them, as texts, which is what the
//! natural mapping wants. A query is prepared by itself first, so that it is one that ends where it seems to.

mod catalogue;
mod values;
mod write;

use std::{
    cell::RefCell,
    error::Error as _,
    io::{self, BufRead as _},
    time::{Duration, Instant},
};

use ::postgres::{Client, Config, NoTls, Statement, config::SslMode, error::SqlState};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    address::Login,
    database::{Cell, ColumnShape, Limits, Source, TableShape, TakeRow},
    error::SqlError,
    names::Capitals,
};
use values::Values;

/// Bytes of a row that are read.
const LONGEST: usize = 64 << 20;
/// How long another program may hold a table, in milliseconds.
const PATIENCE: u64 = 5000;

/// A connection that only reads.
pub(super) struct Postgres {
    client: RefCell<Client>,
    limits: Limits,
    opened: Instant,
    name: String,
}

impl Postgres {
    /// Connects, and finds the tables.
    ///
    /// # Errors
    /// When the server cannot be reached, or does not let its tables be listed.
    pub(super) fn connect(
        login: &Login,
        limits: Limits,
    ) -> Result<(Self, Vec<TableShape>), SqlError> {
        let (name, opened) = (login.name().to_owned(), Instant::now());
        let client = connected(&login.config, &name)?;
        let database = Self { client: RefCell::new(client), limits, opened, name };
        let guard = format!(
            "SET default_transaction_read_only = on; SET lock_timeout = {PATIENCE}; SET DateStyle = 'ISO, YMD'; \
             SET IntervalStyle = 'iso_8601'; SET TimeZone = 'UTC'; SET bytea_output = 'hex'; SET extra_float_digits = 3; \
             BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        );
        let guarded = database.client.borrow_mut().batch_execute(&guard);
        guarded.map_err(|error| database.wrong(&error))?;
        database.hurry()?;
        let tables = catalogue::tables(&mut database.client.borrow_mut());
        let tables = tables.map_err(|error| database.wrong(&error))?;
        Ok((database, tables))
    }

    /// Has the server end what it does when time is up.
    fn hurry(&self) -> Result<(), SqlError> {
        let left = self.limits.time.saturating_sub(self.opened.elapsed());
        let left = left.max(Duration::from_millis(1)).as_millis().min(i32::MAX as u128);
        let set =
            self.client.borrow_mut().batch_execute(&format!("SET statement_timeout = {left}"));
        set.map_err(|error| self.wrong(&error))
    }

    /// Prepares a query that only selects.
    fn prepare(&self, map: &str, sql: &str) -> Result<Statement, SqlError> {
        let not_select = || SqlError::NotSelect { map: map.to_owned() };
        let statement = self.client.borrow_mut().prepare(sql).map_err(|error| {
            let several = error.as_db_error().is_some_and(|said| {
                *said.code() == SqlState::SYNTAX_ERROR
                    && said.message().contains("multiple commands")
            });
            if several { not_select() } else { self.wrong(&error) }
        })?;
        match statement.columns().is_empty() || !statement.params().is_empty() {
            true => Err(not_select()),
            false => Ok(statement),
        }
    }

    /// What an error says.
    fn wrong(&self, error: &::postgres::Error) -> SqlError {
        wrong(&self.name, Some(self.limits.time), error)
    }
}

impl Source for Postgres {
    fn capitals(&self) -> Capitals {
        Capitals::Folded
    }

    fn columns(&self, map: &str, sql: &str) -> Result<Vec<ColumnShape>, SqlError> {
        let statement = self.prepare(map, sql)?;
        let columns = statement.columns().iter();
        Ok(columns
            .map(|column| ColumnShape {
                name: column.name().to_owned(),
                unfit: Values::of(column.type_()).err(),
            })
            .collect())
    }

    fn rows(&self, map: &str, sql: &str, take: &mut TakeRow<'_>) -> Result<(), SqlError> {
        let statement = self.prepare(map, sql)?;
        let kinds: Vec<Option<Values>> =
            statement.columns().iter().map(|column| Values::of(column.type_()).ok()).collect();
        self.hurry()?;
        let mut client = self.client.borrow_mut();
        let copied = client.copy_out(&format!("COPY ({sql}\n) TO STDOUT"));
        let mut rows = copied.map_err(|error| match error.code() {
            // What gives rows and is no SELECT, such as SHOW, or writes.
            Some(&SqlState::SYNTAX_ERROR | &SqlState::READ_ONLY_SQL_TRANSACTION) => {
                SqlError::NotSelect { map: map.to_owned() }
            }
            _ => self.wrong(&error),
        })?;
        let broken = |error: &io::Error| {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
            inner.map_or_else(
                || SqlError::Lost { name: self.name.clone(), why: error.to_string() },
                |error| self.wrong(error),
            )
        };
        let (mut line, mut values) = (Vec::new(), Vec::<Cell>::with_capacity(kinds.len()));
        loop {
            line.clear();
            if rows.read_until(b'\n', &mut line).map_err(|error| broken(&error))? == 0 {
                return Ok(());
            }
            if self.opened.elapsed() > self.limits.time {
                return Err(SqlError::TooSlow { after: self.limits.time });
            }
            if line.len() > LONGEST {
                return Err(SqlError::LongRow { map: map.to_owned(), most: LONGEST });
            }
            values.clear();
            let fields = line.strip_suffix(b"\n").unwrap_or(&line).split(|byte| *byte == b'\t');
            values.extend(fields.zip(&kinds).map(|(field, kind)| values::cell(field, *kind)));
            take(&values)?;
        }
    }
}

/// Connects as an address says; to another machine in secret.
fn connected(config: &Config, name: &str) -> Result<Client, SqlError> {
    let unreachable = |why: String| SqlError::Unreachable { name: name.to_owned(), why };
    let client = if config.get_ssl_mode() == SslMode::Disable {
        config.connect(NoTls)
    } else {
        let trusted = MakeRustlsConnect::with_native_certs();
        let (tls, _) = trusted
            .map_err(|_| unreachable("the system has no certificates that it trusts".to_owned()))?;
        config.connect(tls)
    };
    client.map_err(|error| unreachable(message(&error)))
}

/// What an error of the server or the connection says.
fn wrong(name: &str, limit: Option<Duration>, error: &::postgres::Error) -> SqlError {
    let name = name.to_owned();
    match error.code() {
        Some(&SqlState::QUERY_CANCELED) if limit.is_some() => {
            SqlError::TooSlow { after: limit.unwrap_or_default() }
        }
        Some(&SqlState::LOCK_NOT_AVAILABLE) => SqlError::Locked { name },
        None
        | Some(
            &SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN | &SqlState::CANNOT_CONNECT_NOW,
        ) => SqlError::Lost { name, why: message(error) },
        Some(_) => SqlError::Refused { name, why: message(error) },
    }
}

/// What an error says, in one line.
fn message(error: &::postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let why = inner.to_string();
        if !text.contains(&why) {
            text = format!("{text}: {why}");
        }
        source = inner.source();
    }
    text
}
