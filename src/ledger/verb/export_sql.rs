//! `export --format sqlite`, `sql` and `postgres`: the facts of a version as a database, or as the script that makes one.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::facts::WrittenFacts;
use crate::{
    commit::Commit,
    durable,
    fact::{Fact, Iri, Words, tree},
    id::Id,
    ledger::{LedgerError, Repo},
    sql::{
        Login,
        write::{Contents, Layout},
    },
};

/// How a database is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SqlForm {
    /// A file of SQLite.
    Sqlite,
    /// A script that makes it.
    Sql,
}

/// What `export` wrote of the facts of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SqlExportReport {
    /// What is in it.
    #[serde(flatten)]
    pub written: WrittenFacts,
    /// The file written.
    pub file: PathBuf,
    /// How.
    pub format: SqlForm,
    /// Its length.
    pub bytes: u64,
    /// The mapping that reads it back.
    pub mapping: PathBuf,
}

/// What `export` wrote of the facts of a version into a database of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerExportReport {
    /// What is in it.
    #[serde(flatten)]
    pub written: WrittenFacts,
    /// The database.
    pub database: String,
    /// The schema made in it.
    pub schema: String,
    /// The mapping that reads it back.
    pub mapping: PathBuf,
}

/// The facts of a version, with what is said of how things are called and asked.
struct Gathered {
    version: Id<Commit>,
    facts: Vec<Fact>,
    words: Vec<Fact>,
    /// Things and predicates with words.
    worded: u64,
    many: BTreeSet<Iri>,
    meta: [(&'static str, String); 2],
}

impl Gathered {
    fn layout(&self) -> Layout<'_> {
        let Self { facts, words, many, meta, .. } = self;
        Layout::new(Contents { facts, words, many, meta })
    }

    const fn written(&self) -> WrittenFacts {
        let facts = self.facts.len() as u64;
        WrittenFacts { commit: self.version, facts, words: self.worded }
    }
}

impl Repo {
    /// Writes the facts that hold at `revision`, with their words, to the new file `file` as a database or as a script, and
    /// beside it the mapping that reads them back. Both files are there in the end, or none.
    ///
    /// # Errors
    /// When there is no such revision, the store cannot be read, or something is where a file goes.
    pub fn export_sql(
        &self,
        revision: &str,
        file: &Path,
        format: SqlForm,
    ) -> Result<SqlExportReport, LedgerError> {
        let mapping = file.with_extension("r2rml.ttl");
        free(&[file, &mapping])?;
        let gathered = self.gathered(revision)?;
        let layout = gathered.layout();
        with_mapping(&layout, &mapping, || write(&layout, file, format))?;
        let length = fs::metadata(file).map(|found| found.len());
        let bytes = length.map_err(|source| LedgerError::Read { path: file.to_owned(), source })?;
        let written = gathered.written();
        Ok(SqlExportReport { written, file: file.to_owned(), format, bytes, mapping })
    }

    /// Writes the same to a new schema of a database of PostgreSQL, and the mapping that reads it back to the new file
    /// `mapping`. Both are there in the end, or none.
    ///
    /// # Errors
    /// As for [`Repo::export_sql`]; and when the server cannot be reached, or refuses.
    pub fn export_to_server(
        &self,
        revision: &str,
        (login, schema): (&Login, &str),
        mapping: &Path,
    ) -> Result<ServerExportReport, LedgerError> {
        free(&[mapping])?;
        let gathered = self.gathered(revision)?;
        let layout = gathered.layout().in_schema(schema);
        with_mapping(&layout, mapping, || Ok(layout.put(login, schema)?))?;
        Ok(ServerExportReport {
            written: gathered.written(),
            database: login.name().to_owned(),
            schema: schema.to_owned(),
            mapping: mapping.to_owned(),
        })
    }

    fn gathered(&self, revision: &str) -> Result<Gathered, LedgerError> {
        let ledger = self.view()?;
        let version = ledger.resolve(revision)?;
        let commit = ledger.commit(version)?;
        let lexicon = ledger.lexicon(&commit);
        let mut facts: Vec<Fact> = Vec::new();
        let (mut named, mut many) = (BTreeSet::new(), BTreeSet::new());
        for entry in tree::iter(&ledger, commit.facts) {
            let (_, fact) = entry?;
            let iris = fact.iris().flat_map(|iri| [iri.clone(), Words::names_iri(iri)]);
            named.extend(iris.chain([fact.question()]));
            if lexicon.multi_valued(&fact.predicate)? {
                many.insert(fact.predicate.clone());
            }
            facts.push(fact);
        }
        facts.sort_unstable();
        let (mut words, mut worded) = (Vec::new(), 0);
        for iri in &named {
            let said = lexicon.words(iri)?.triples();
            worded += u64::from(!said.is_empty());
            words.extend(said);
        }
        let meta = [("commit", version.to_string()), ("format", "1".to_owned())];
        Ok(Gathered { version, facts, words, worded, many, meta })
    }
}

/// Refuses where something is already.
fn free(paths: &[&Path]) -> Result<(), LedgerError> {
    match paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Err(LedgerError::Taken { path: (*path).to_owned() }),
        None => Ok(()),
    }
}

/// Writes the mapping, and then what it reads.
fn with_mapping(
    layout: &Layout<'_>,
    mapping: &Path,
    rest: impl FnOnce() -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    durable::write(mapping, layout.mapping().as_bytes())?;
    rest().inspect_err(|_| {
        // It would be of no use by itself.
        let _gone: io::Result<()> = fs::remove_file(mapping);
    })
}

fn write(layout: &Layout<'_>, file: &Path, format: SqlForm) -> Result<(), LedgerError> {
    Ok(durable::write_with(file, |temporary| match format {
        SqlForm::Sqlite => layout.create(temporary),
        SqlForm::Sql => {
            let mut out = BufWriter::new(File::create(temporary)?);
            layout.script(&mut |statement| writeln!(out, "{statement};"))?;
            out.flush()
        }
    })?)
}
