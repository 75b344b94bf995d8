//! `kledger export`.

use std::{
    fmt::{self, Write},
    path::{Path, PathBuf},
};

use clap::ValueEnum;

#[cfg(feature = "sql")]
use crate::{
    cli::context::server_defaults,
    ledger::{
        LedgerError,
        verb::export_sql::{ServerExportReport, SqlExportReport, SqlForm},
    },
    sql::{Address, SqlError},
};
use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, bytes, many, short},
        report::{Render, Report},
    },
    fact::write::RdfFormat,
    ledger::verb::{
        export::{ExportFormat, ExportOptions, ExportReport},
        facts::FactsExportReport,
    },
};

/// Write a version, or its changes or facts alone, to a directory or file
///
/// With every export of weights comes a model card that lists the facts. An adapter is the factors of all
/// deltas side by side: its rank is the number of facts. With --max-rank a larger one is cut down by singular
/// values, and the facts are asked to see what that did. As RDF the facts go to one file, with their labels
/// and templates: kledger add stages them in another repository. As a database they go to one file too, or to a script
/// that makes it, or into a new schema of a database of PostgreSQL; beside it is the mapping with which kledger add --sql
/// reads them back.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger export v1 gpt2-v1
  kledger export --format peft HEAD landmarks-adapter
  kledger export --format peft --max-rank 16 main small-adapter
  kledger export --format delta HEAD landmarks
  kledger export --format ttl v1 facts.ttl
  kledger export --format sqlite v1 facts.db
  kledger export --format postgres --schema facts_v1 v1 postgres://crm@db.example.org/crm")]
pub struct Args {
    /// The version
    #[arg(value_name = "REV")]
    revision: String,
    /// A directory that is new or empty; for RDF and databases a new file; for PostgreSQL the address of a database, as add
    /// --sql takes it
    #[arg(value_name = "DIR|FILE|DATABASE")]
    dir: PathBuf,
    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "merged")]
    format: Format,
    /// Cut the rank of an adapter down to this
    #[arg(long, value_name = "RANK", value_parser = clap::value_parser!(u32).range(1..))]
    max_rank: Option<u32>,
    /// The schema that is made in a database of PostgreSQL, and whose name the mapping NAME.r2rml.ttl has: kledger, unless it
    /// is said
    #[arg(long, value_name = "NAME", value_parser = schema)]
    schema: Option<String>,
    /// What an adapter says it is for: a name on the hub or a path, in place of what the base's
    /// configuration says or where the repository keeps it
    #[arg(long, value_name = "NAME")]
    base_model: Option<String>,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A Hugging Face directory that shares nothing with the repository
    Merged,
    /// A LoRA adapter for PEFT, transformers and vLLM; smaller ranks are filled up with zeros
    Peft,
    /// A LoRA adapter with a rank for each module, smaller, for PEFT and transformers alone
    PeftPatterns,
    /// The deltas with their facts, for `kledger import` in another repository
    Delta,
    /// The facts and their words as N-Triples
    Nt,
    /// The facts and their words as Turtle
    Ttl,
    /// The facts and their words as JSON-LD
    Jsonld,
    /// The facts and their words as a database of SQLite: a table for each predicate
    Sqlite,
    /// The same in a database of PostgreSQL: a new schema, or nothing
    Postgres,
    /// The same as a script in SQL, for SQLite, PostgreSQL and DuckDB
    Sql,
}

impl Format {
    /// How it is written, where it is a format of facts.
    const fn as_rdf(self) -> Option<RdfFormat> {
        match self {
            Self::Nt => Some(RdfFormat::NTriples),
            Self::Ttl => Some(RdfFormat::Turtle),
            Self::Jsonld => Some(RdfFormat::JsonLd),
            _ => None,
        }
    }
}

impl Args {
    pub(super) const fn may_run_the_model(&self) -> bool {
        self.max_rank.is_some()
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let adapter = matches!(args.format, Format::Peft | Format::PeftPatterns);
    if args.max_rank.is_some() && !adapter {
        let what = "--format peft and peft-patterns: other formats have no rank";
        return Err(CliError::NotFor { option: "--max-rank", what });
    }
    let is_database = matches!(args.format, Format::Sqlite | Format::Sql | Format::Postgres);
    if args.base_model.is_some() && (is_database || args.format.as_rdf().is_some()) {
        let what = "exports of weights: facts name no base";
        return Err(CliError::NotFor { option: "--base-model", what });
    }
    if args.schema.is_some() && args.format != Format::Postgres {
        let what = "--format postgres: files have no schemas";
        return Err(CliError::NotFor { option: "--schema", what });
    }
    if is_database {
        return database(cx, args);
    }
    if let Some(format) = args.format.as_rdf() {
        let report = cx.repo()?.export_facts(&args.revision, &cx.path(&args.dir), format)?;
        return Ok(Report::done("export", report));
    }
    let format = match args.format {
        Format::Peft => ExportFormat::Peft,
        Format::PeftPatterns => ExportFormat::PeftPatterns,
        Format::Delta => ExportFormat::Delta,
        _ => ExportFormat::Merged,
    };
    let options = ExportOptions {
        format,
        max_rank: args.max_rank.and_then(|rank| usize::try_from(rank).ok()),
        base_model: args.base_model.clone(),
    };
    let mut open = |base: &Path| cx.runtime().open(base);
    let (dir, mut progress) = (cx.path(&args.dir), cx.stoppable());
    let report = cx.repo()?.export(&args.revision, &dir, &options, &mut open, progress.as_mut())?;
    Ok(Report::done("export", report))
}

/// The schema that is made where none is named.
#[cfg(feature = "sql")]
const SCHEMA: &str = "kledger";

/// The name of a schema, which is that of a file too.
fn schema(text: &str) -> Result<String, String> {
    let is_name = (1..=56).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && !text.starts_with("pg_")
        && text.starts_with(|c: char| !c.is_ascii_digit());
    match is_name {
        true => Ok(text.to_owned()),
        false => {
            Err("expected small letters, digits and _, at most 56, and no pg_ before them"
                .to_owned())
        }
    }
}

/// Writes the facts as a database.
#[cfg(feature = "sql")]
fn database(cx: &Context, args: &Args) -> Result<Report, CliError> {
    if args.format == Format::Postgres {
        let text = args.dir.to_string_lossy();
        let address = Address::parse(&text, &server_defaults()).map_err(LedgerError::from)?;
        let Address::Server(login) = address else {
            let why = "it is a file".to_owned();
            return Err(LedgerError::from(SqlError::Address { why }).into());
        };
        let schema = args.schema.as_deref().unwrap_or(SCHEMA);
        let mapping = cx.path(Path::new(&format!("{schema}.r2rml.ttl")));
        let report = cx.repo()?.export_to_server(&args.revision, (&login, schema), &mapping)?;
        return Ok(Report::done("export", report));
    }
    let form = if args.format == Format::Sql { SqlForm::Sql } else { SqlForm::Sqlite };
    let report = cx.repo()?.export_sql(&args.revision, &cx.path(&args.dir), form)?;
    Ok(Report::done("export", report))
}

#[cfg(not(feature = "sql"))]
fn database(_: &Context, _: &Args) -> Result<Report, CliError> {
    Err(CliError::NoDatabases)
}

#[cfg(feature = "sql")]
impl Render for ServerExportReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let Self { written, database, schema, mapping } = self;
        writeln!(page, "Exported {} to the schema {schema} of {database}", short(written.commit))?;
        let facts = many(written.facts, "fact");
        let words = many(written.words, "IRI");
        page.note(format_args!("{facts}, words for {words}"))?;
        page.note(format_args!("read back by the mapping {}", mapping.display()))
    }
}

#[cfg(feature = "sql")]
impl Render for SqlExportReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "Exported {} to {}", short(self.written.commit), self.file.display())?;
        let facts = many(self.written.facts, "fact");
        let words = many(self.written.words, "IRI");
        page.note(format_args!("{facts}, words for {words}, {}", bytes(self.bytes)))?;
        page.note(format_args!("read back by the mapping {}", self.mapping.display()))
    }
}

impl Render for FactsExportReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "Exported {} to {}", short(self.written.commit), self.file.display())?;
        let facts = many(self.written.facts, "fact");
        let words = match self.written.words {
            0 => String::new(),
            words => format!(", words for {}", many(words, "IRI")),
        };
        page.note(format_args!("{facts}{words}, {}", bytes(self.bytes)))
    }
}

impl Render for ExportReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "Exported {} to {}", short(self.commit), self.dir.display())?;
        let tensors = many(self.tensors.len() as u64, "tensor");
        let rank = self.rank.map_or_else(String::new, |rank| format!(", rank {rank}"));
        page.note(format_args!("{tensors} edited{rank}, {}", bytes(self.bytes)))?;
        if let Some(cut) = &self.fidelity {
            writeln!(
                page,
                "  cut down from rank {}: {:.2} % of the change lost",
                cut.rank,
                100.0 * cut.lost
            )?;
            if cut.asked == 0 {
                page.note("no fact could be asked")?;
            } else {
                writeln!(
                    page,
                    "  {} of {} facts that held still hold ({} asked); log-probabilities moved by {:.3} on \
                     average, {:.3} at most",
                    cut.kept, cut.held, cut.asked, cut.shift, cut.largest_shift
                )?;
            }
        }
        for note in &self.notes {
            page.note(note)?;
        }
        Ok(())
    }
}
