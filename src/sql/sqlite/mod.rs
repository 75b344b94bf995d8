//! A database of SQLite that is only read.

use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{
    Connection, ErrorCode, OpenFlags, Statement,
    config::DbConfig,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
};

use super::{
    database::{Cell, ColumnShape, ForeignKey, Limits, Source, TableShape, TakeRow},
    error::SqlError,
    names::Capitals,
};
pub(super) use values::{Declared, natural};

mod values;

/// How a database file begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// How long another program may hold it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a value or row that SQLite holds.
const LONGEST: i32 = 64 << 20;
/// Bytes of memory that SQLite may take.
const MEMORY: u64 = 1 << 30;
/// Steps of SQLite's machine after which time is looked at.
const STEPS: i32 = 10_000;
/// Names by which rows of a table are known that has no key, unless columns are called so.
const ROW_IDS: &[&str] = &["rowid", "_rowid_", "oid"];
/// The schema of what is in the file itself.
const SCHEMA: &str = "main";

/// A connection that only reads.
pub(super) struct Sqlite {
    connection: Connection,
    limits: Limits,
    opened: Instant,
    /// What the user named it.
    name: String,
}

impl Sqlite {
    /// Opens the database in the file `path`, which `name` names in messages and places, and finds its tables.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub(super) fn open(
        path: &Path,
        name: &str,
        limits: Limits,
    ) -> Result<(Self, Vec<TableShape>), SqlError> {
        let wrong = |why: String| SqlError::Read { name: name.to_owned(), why };
        looks_like_one(path, name)?;
        // A name that begins with a slash is no URI to SQLite.
        let path = std::path::absolute(path).map_err(|error| wrong(error.to_string()))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags);
        let connection = connection.map_err(|error| wrong(error.to_string()))?;
        let opened = Instant::now();
        let database = Self { connection, limits, opened, name: name.to_owned() };
        database.guard().map_err(|error| database.wrong(&error))?;
        let tables = database.shapes().map_err(|error| database.wrong(&error))?;
        let select_alone = database.connection.authorizer(Some(allowed));
        select_alone.map_err(|error| database.wrong(&error))?;
        Ok((database, tables))
    }

    /// Has what a file or a mapping may try do no harm, and all be read as of now.
    fn guard(&self) -> rusqlite::Result<()> {
        let connection = &self.connection;
        connection.busy_timeout(PATIENCE)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        // A column that is not there would be a text otherwise.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST)?;
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        connection.execute_batch(&format!(
            "PRAGMA hard_heap_limit = {MEMORY}; PRAGMA cell_size_check = ON; PRAGMA query_only = ON; BEGIN"
        ))?;
        let (end, limit) = (self.opened, self.limits.time);
        connection.progress_handler(STEPS, Some(move || end.elapsed() > limit))
    }

    fn shapes(&self) -> rusqlite::Result<Vec<TableShape>> {
        let mut found = self.connection.prepare(
            "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view', 'virtual') \
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
        )?;
        let tables = found.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?))
        })?;
        let mut shapes = Vec::new();
        for table in tables {
            let (name, kind, without_row_id) = table?;
            let mut columns = self.connection.prepare(
                "SELECT name, pk FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid",
            )?;
            let columns = columns
                .query_map([&name], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?)))?;
            let columns = columns.collect::<rusqlite::Result<Vec<_>>>()?;
            let mut key: Vec<_> = columns.iter().filter(|(_, pk)| *pk > 0).collect();
            key.sort_by_key(|(_, pk)| *pk);
            let key = key.into_iter().map(|(name, _)| name.clone()).collect();
            let columns: Vec<String> = columns.into_iter().map(|(name, _)| name).collect();
            let is_free = |id: &&str| !columns.iter().any(|column| column.eq_ignore_ascii_case(id));
            let is_direct = kind == "table";
            let has_row_id = is_direct && !without_row_id;
            let free = ROW_IDS.iter().position(is_free).filter(|_| has_row_id);
            shapes.push(TableShape {
                schema: SCHEMA.to_owned(),
                is_visible: true,
                is_direct,
                key,
                row_ids: free.map_or(&[], |at| &ROW_IDS[at..=at]),
                foreign_keys: self.foreign_keys(&name)?,
                name,
                columns,
            });
        }
        Ok(shapes)
    }

    fn foreign_keys(&self, table: &str) -> rusqlite::Result<Vec<ForeignKey>> {
        let mut statement = self.connection.prepare(
            "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1, 'main') ORDER BY id DESC, seq",
        )?;
        let mut rows = statement.query([table])?;
        let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, parent): (i64, String) = (row.get(0)?, row.get(1)?);
            let (from, to): (String, Option<String>) = (row.get(2)?, row.get(3)?);
            if keys.last().is_none_or(|(last, _)| *last != id) {
                let (columns, parents) = (Vec::new(), Vec::new());
                let table = (SCHEMA.to_owned(), parent);
                keys.push((id, ForeignKey { columns, table, parents }));
            }
            if let Some((_, key)) = keys.last_mut() {
                key.columns.push(from);
                key.parents.extend(to);
            }
        }
        Ok(keys.into_iter().map(|(_, key)| key).collect())
    }

    /// Prepares a query that only selects.
    fn prepare(&self, map: &str, sql: &str) -> Result<Statement<'_>, SqlError> {
        let not_select = || SqlError::NotSelect { map: map.to_owned() };
        let statement = self.connection.prepare(sql).map_err(|error| match &error {
            rusqlite::Error::MultipleStatement => not_select(),
            _ if error.sqlite_error_code() == Some(ErrorCode::AuthorizationForStatementDenied) => {
                not_select()
            }
            _ => self.wrong(&error),
        })?;
        if statement.column_count() == 0 || !statement.readonly() {
            return Err(not_select());
        }
        Ok(statement)
    }

    /// What SQLite's error says.
    fn wrong(&self, error: &rusqlite::Error) -> SqlError {
        let name = self.name.clone();
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => SqlError::TooSlow { after: self.limits.time },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SqlError::Locked { name },
            Some(ErrorCode::NotADatabase) => SqlError::NoDatabase { path: PathBuf::from(name) },
            _ => SqlError::Read { name, why: message(error) },
        }
    }
}

impl Source for Sqlite {
    fn capitals(&self) -> Capitals {
        Capitals::Alike
    }

    fn columns(&self, map: &str, sql: &str) -> Result<Vec<ColumnShape>, SqlError> {
        let names = self.prepare(map, sql)?;
        let names = names.column_names().into_iter().map(str::to_owned);
        Ok(names.map(|name| ColumnShape { name, unfit: None }).collect())
    }

    fn rows(&self, map: &str, sql: &str, take: &mut TakeRow<'_>) -> Result<(), SqlError> {
        let mut statement = self.prepare(map, sql)?;
        let columns = statement.columns();
        let declared: Vec<Declared> =
            columns.into_iter().map(|column| Declared::of(column.decl_type())).collect();
        let mut rows = statement.query([]).map_err(|error| self.wrong(&error))?;
        let mut values: Vec<Cell> = Vec::with_capacity(declared.len());
        while let Some(row) = rows.next().map_err(|error| self.wrong(&error))? {
            values.clear();
            values.extend(declared.iter().enumerate().map(|(at, declared)| {
                natural(row.get_ref(at).map_err(|error| message(&error))?, *declared)
            }));
            take(&values)?;
        }
        Ok(())
    }
}

/// What SQLite says, without the query that it was asked.
fn message(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

/// What may be done from now on: to select.
fn allowed(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => {
            Authorization::Allow
        }
        AuthAction::Function { function_name }
            if !function_name.eq_ignore_ascii_case("load_extension") =>
        {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}

/// Refuses what does not begin as a database does. SQLite takes an empty file for an empty one.
fn looks_like_one(path: &Path, name: &str) -> Result<(), SqlError> {
    let wrong = |why: String| SqlError::Read { name: name.to_owned(), why };
    let absent = |why| SqlError::Absent { name: name.to_owned(), why };
    let kind = std::fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => absent("there is no such file"),
        _ => wrong(error.to_string()),
    })?;
    if !kind.is_file() {
        return Err(absent("it is no file"));
    }
    let mut start = Vec::new();
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    file.take(MAGIC.len() as u64)
        .read_to_end(&mut start)
        .map_err(|error| wrong(error.to_string()))?;
    match start.is_empty() {
        true => Err(SqlError::Empty { name: name.to_owned() }),
        false if start == MAGIC => Ok(()),
        false => Err(SqlError::NoDatabase { path: PathBuf::from(name) }),
    }
}
