//! Why a database cannot be read, or not as a mapping says.

use std::{fmt::Write, path::PathBuf, time::Duration};

/// Why a database cannot be read, or not as a mapping says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    /// The file is no database.
    #[error("{} is no SQLite database", path.display())]
    NoDatabase {
        /// The file.
        path: PathBuf,
    },
    /// It is a database of another kind.
    #[error("{name} is no file: of databases those of SQLite and PostgreSQL are read")]
    Kind {
        /// What was named.
        name: String,
    },
    /// What names a server makes no sense.
    #[error("this names no database of PostgreSQL: {why}")]
    Address {
        /// What is wrong with it.
        why: String,
    },
    /// A password stands where others see it.
    #[error("the password is on the command line, where other users and the operation log see it")]
    Password,
    /// There is no connection with the server.
    #[error("cannot connect to {name}: {why}")]
    Unreachable {
        /// The database.
        name: String,
        /// What the system or the server says.
        why: String,
    },
    /// The connection ended while it was needed.
    #[error("the database {name} went away: {why}")]
    Lost {
        /// The database.
        name: String,
        /// What the system or the server says.
        why: String,
    },
    /// The server does not do what it is asked.
    #[error("the database {name} refuses: {why}")]
    Refused {
        /// The database.
        name: String,
        /// What the server says.
        why: String,
    },
    /// A row is longer than what is held.
    #[error("a row of {map} has more than {} MiB", most >> 20)]
    LongRow {
        /// The triples map.
        map: String,
        /// Bytes that it may have.
        most: usize,
    },
    /// Values of a column are no literals.
    #[error("{map} wants the column {column}, and its type {kind} is none of a single value")]
    Unfit {
        /// The triples map.
        map: String,
        /// The column.
        column: String,
        /// Its type.
        kind: String,
    },
    /// The schema that is to be written is there.
    #[error("the database {name} has a schema {schema} already")]
    SchemaTaken {
        /// The database.
        name: String,
        /// The schema.
        schema: String,
    },
    /// A text that PostgreSQL cannot hold.
    #[error("a text has a NUL, which PostgreSQL cannot hold: {shown:?}")]
    Nul {
        /// Its beginning.
        shown: String,
    },
    /// SQLite cannot read it.
    #[error("cannot read the database {name}: {why}")]
    Read {
        /// What was named.
        name: String,
        /// What SQLite says.
        why: String,
    },
    /// Somebody is writing to it.
    #[error("the database {name} is locked by another program")]
    Locked {
        /// What was named.
        name: String,
    },
    /// There is nothing in it.
    #[error("the database {name} has no tables")]
    Empty {
        /// What was named.
        name: String,
    },
    /// The mapping makes no sense.
    #[error("{}", listed(name, wrong, *total))]
    Mapping {
        /// The file as the user named it.
        name: String,
        /// The first mistakes, each with its line.
        wrong: Vec<(u64, String)>,
        /// How many there are.
        total: u64,
    },
    /// The mapping is longer than is read.
    #[error("the mapping {name} has more than {} MiB", most >> 20)]
    LongMapping {
        /// The file as the user named it.
        name: String,
        /// Bytes that it may have.
        most: usize,
    },
    /// The mapping names a table that there is not.
    #[error("{map} wants the table {table}, and the database has {}", some(known))]
    NoTable {
        /// The triples map.
        map: String,
        /// The table.
        table: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The mapping names a column that there is not.
    #[error("{map} wants the column {column}, and its rows have {}", some(known))]
    NoColumn {
        /// The triples map.
        map: String,
        /// The column.
        column: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A query gives two columns the same name.
    #[error("the query of {map} has two columns {column}")]
    TwoColumns {
        /// The triples map.
        map: String,
        /// The name.
        column: String,
    },
    /// A query does not run.
    #[error("the query of {map} does not run: {why}")]
    Query {
        /// The triples map.
        map: String,
        /// What SQLite says.
        why: String,
    },
    /// There is no file to be read.
    #[error("cannot read the database {name}: {why}")]
    Absent {
        /// The database as the user named it.
        name: String,
        /// What is there.
        why: &'static str,
    },
    /// A query would do something else than select.
    #[error("the query of {map} is none that only selects")]
    NotSelect {
        /// The triples map.
        map: String,
    },
    /// Reading took too long.
    #[error("the rows were not read after {} s", after.as_secs_f64())]
    TooSlow {
        /// The limit.
        after: Duration,
    },
    /// There are too many rows.
    #[error("there are more than {most} rows")]
    TooManyRows {
        /// The limit.
        most: u64,
    },
}

/// Names that are listed.
const NAMED: usize = 10;

fn some(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let first: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    let more = if names.len() > NAMED { ", ..." } else { "" };
    format!("{}{more}", first.join(", "))
}

fn listed(name: &str, wrong: &[(u64, String)], total: u64) -> String {
    if let ([(line, why)], 1) = (wrong, total) {
        return format!("{name}:{line}: {why}");
    }
    let mut text = format!("{total} mistakes in the mapping, and nothing was staged");
    for (line, why) in wrong {
        let _ = write!(text, "\n  {name}:{line}: {why}");
    }
    match total - wrong.len() as u64 {
        0 => text,
        more => format!("{text}\n  and {more} more"),
    }
}

impl SqlError {
    /// What the user can do about it.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Absent { .. } => return None,
            Self::NoDatabase { .. } => {
                "a script of SQL is made a database by sqlite3 NEW.db < FILE; a table that is a text is read by kledger \
                 add --from csv FILE"
            }
            Self::Kind { .. } => {
                "name a file, as sqlite:crm.db or crm.db, or a database of PostgreSQL, as postgres://host/crm; of other \
                 databases export the tables as CSV: kledger add --from csv FILE"
            }
            Self::Address { .. } => {
                "name it as postgres://USER@HOST:PORT/DATABASE, or in the words of libpq: 'host=HOST dbname=DATABASE'"
            }
            Self::Password => {
                "give it by the variable PGPASSWORD, or in ~/.pgpass as HOST:PORT:DATABASE:USER:PASSWORD"
            }
            Self::Unreachable { .. } => {
                "see whether psql connects so; the password is that of PGPASSWORD or ~/.pgpass; a server elsewhere has to \
                 encrypt, with a certificate that the system trusts (SSL_CERT_FILE), unless the address says \
                 sslmode=disable"
            }
            Self::Lost { .. } => {
                "nothing was staged or written; run it again when the server is there"
            }
            Self::Refused { .. } => {
                "psql says more of it; there \\dp lists rights on tables, \\l those on the database"
            }
            Self::LongRow { .. } => {
                "have a query leave its long columns out: rr:sqlQuery \"SELECT id, name FROM t\""
            }
            Self::Unfit { .. } => {
                "have a query take it apart: rr:sqlQuery \"SELECT id, unnest(tags) AS tag FROM t\"; or leave the column out"
            }
            Self::SchemaTaken { .. } => {
                "name another by --schema NAME; one that is there is not written to"
            }
            Self::Nul { .. } => "kledger export --format sqlite holds it, or --format nt",
            Self::Read { .. } => {
                "sqlite3 FILE 'PRAGMA integrity_check' says whether it is whole; a copy by sqlite3 FILE '.backup NEW' can \
                 be read while others write"
            }
            Self::Locked { .. } => {
                "wait until that is done, or read a copy: sqlite3 FILE '.backup NEW'"
            }
            Self::Empty { .. } => {
                "see whether it is the right one: sqlite3 FILE .schema lists its tables, and psql's \\d those of a server"
            }
            Self::Mapping { .. } => {
                "https://www.w3.org/TR/r2rml/ has the vocabulary; without --mapping the tables are read as they are, under \
                 --base IRI"
            }
            Self::LongMapping { .. } => "divide it, and add the parts one after the other",
            Self::NoTable { .. } | Self::NoColumn { .. } => {
                "name it as the database does, in double quotes where the name has capitals or other signs than letters: \
                 rr:column \"\\\"Full name\\\"\""
            }
            Self::TwoColumns { .. } => "give one of them another name: SELECT a.id AS a, b.id AS b",
            Self::Query { .. } => {
                "try it by itself, in sqlite3 or psql; texts are in single quotes"
            }
            Self::NotSelect { .. } => {
                "rr:sqlQuery is one SELECT, which reads the database and nothing else"
            }
            Self::TooSlow { .. } => {
                "--timeout SECONDS gives it longer; a join without an index, or without a condition, makes it slow"
            }
            Self::TooManyRows { .. } => {
                "--max-rows N allows more; or select fewer of them by rr:sqlQuery"
            }
        })
    }
}
