//! `export --format sqlite` and `sql`: the facts of a version as a database, or as the script that makes one.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::facts::WrittenFacts;
use crate::{
    durable,
    fact::{Fact, Words, tree},
    ledger::{LedgerError, Repo},
    sql::write::{Contents, Layout},
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
        for path in [file, &mapping] {
            if path.symlink_metadata().is_ok() {
                return Err(LedgerError::Taken { path: path.to_owned() });
            }
        }
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
        drop(lexicon);
        drop(ledger);
        let meta = [("commit", version.to_string()), ("format", "1".to_owned())];
        let contents = Contents { facts: &facts, words: &words, many: &many, meta: &meta };
        write(&Layout::new(contents), (file, &mapping), format)?;
        let length = fs::metadata(file).map(|found| found.len());
        let bytes = length.map_err(|source| LedgerError::Read { path: file.to_owned(), source })?;
        let written = WrittenFacts { commit: version, facts: facts.len() as u64, words: worded };
        Ok(SqlExportReport { written, file: file.to_owned(), format, bytes, mapping })
    }
}

/// Writes the mapping, and then the rest.
fn write(
    layout: &Layout<'_>,
    (file, mapping): (&Path, &Path),
    format: SqlForm,
) -> Result<(), LedgerError> {
    durable::write(mapping, layout.mapping().as_bytes())?;
    let written = durable::write_with(file, |temporary| match format {
        SqlForm::Sqlite => layout.create(temporary),
        SqlForm::Sql => {
            let mut out = BufWriter::new(File::create(temporary)?);
            layout.script(&mut |statement| writeln!(out, "{statement};"))?;
            out.flush()
        }
    });
    written.map_err(|error| {
        // It would be of no use by itself.
        let _gone: io::Result<()> = fs::remove_file(mapping);
        error.into()
    })
}
