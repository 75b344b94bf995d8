//! A database of SQLite that is only read.

use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{
    Connection, ErrorCode, OpenFlags,
    config::DbConfig,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
};

use super::error::SqlError;

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
const ROW_IDS: [&str; 3] = ["rowid", "_rowid_", "oid"];

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

/// A database that is open, as it is at one moment.
pub struct Database {
    pub(super) connection: Connection,
    pub(super) limits: Limits,
    opened: Instant,
    /// What the user named it.
    name: String,
    tables: Vec<TableShape>,
}

/// What is known of a table or view.
#[derive(Debug, Clone)]
pub(super) struct TableShape {
    pub(super) name: String,
    pub(super) is_view: bool,
    pub(super) columns: Vec<String>,
    /// The columns of its primary key.
    pub(super) key: Vec<String>,
    /// What its rows are known by without one.
    pub(super) row_id: Option<&'static str>,
    pub(super) foreign_keys: Vec<ForeignKey>,
}

/// A foreign key.
#[derive(Debug, Clone)]
pub(super) struct ForeignKey {
    pub(super) columns: Vec<String>,
    pub(super) table: String,
    pub(super) parents: Vec<String>,
}

impl Database {
    /// The path that a user means by `sqlite:PATH` or `PATH`.
    ///
    /// # Errors
    /// When it is a database of another kind.
    pub fn path(name: &str) -> Result<&Path, SqlError> {
        let path = name.strip_prefix("sqlite:").unwrap_or(name);
        match path.split_once("://") {
            Some((scheme, _)) if !scheme.contains('/') => {
                Err(SqlError::Kind { name: name.to_owned() })
            }
            _ if ["postgres:", "postgresql:", "mysql:"]
                .iter()
                .any(|kind| path.starts_with(kind)) =>
            {
                Err(SqlError::Kind { name: name.to_owned() })
            }
            _ => Ok(Path::new(path)),
        }
    }

    /// Opens the database in the file `path`, which `name` names in messages and places.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn open(path: &Path, name: &str, limits: Limits) -> Result<Self, SqlError> {
        let wrong = |why: String| SqlError::Read { name: name.to_owned(), why };
        looks_like_one(path, name)?;
        // A name that begins with a slash is no URI to SQLite.
        let path = std::path::absolute(path).map_err(|error| wrong(error.to_string()))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags);
        let connection = connection.map_err(|error| wrong(error.to_string()))?;
        let opened = Instant::now();
        let tables = Vec::new();
        let mut database = Self { connection, limits, opened, name: name.to_owned(), tables };
        database.guard().map_err(|error| database.wrong(&error))?;
        database.tables = database.shapes().map_err(|error| database.wrong(&error))?;
        let select_alone = database.connection.authorizer(Some(allowed));
        select_alone.map_err(|error| database.wrong(&error))?;
        Ok(database)
    }

    /// What the user named it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
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
            let row_id =
                ROW_IDS.into_iter().find(is_free).filter(|_| kind == "table" && !without_row_id);
            let (is_view, foreign_keys) = (kind != "table", self.foreign_keys(&name)?);
            shapes.push(TableShape { name, is_view, columns, key, row_id, foreign_keys });
        }
        Ok(shapes)
    }

    /// Its tables and views.
    pub(super) fn tables(&self) -> &[TableShape] {
        &self.tables
    }

    /// The table or view of this name; capitals matter where there are several.
    pub(super) fn table(&self, path: &[String]) -> Option<&TableShape> {
        let (name, schema) = match path {
            [name] => (name, "main"),
            [schema, name] => (name, schema.as_str()),
            _ => return None,
        };
        let exact = self.tables.iter().find(|table| table.name == *name);
        let alike = || self.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name));
        exact.or_else(alike).filter(|_| schema.eq_ignore_ascii_case("main"))
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
                keys.push((id, ForeignKey { columns, table: parent, parents }));
            }
            if let Some((_, key)) = keys.last_mut() {
                key.columns.push(from);
                key.parents.extend(to);
            }
        }
        Ok(keys.into_iter().map(|(_, key)| key).collect())
    }

    /// What SQLite's error says.
    pub(super) fn wrong(&self, error: &rusqlite::Error) -> SqlError {
        let name = self.name.clone();
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => SqlError::TooSlow { after: self.limits.time },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SqlError::Locked { name },
            Some(ErrorCode::NotADatabase) => SqlError::NoDatabase { path: PathBuf::from(name) },
            _ => SqlError::Read { name, why: message(error) },
        }
    }
}

/// What SQLite says, without the query that it was asked.
pub(super) fn message(error: &rusqlite::Error) -> String {
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
