//! `kledger facts`.

use std::{
    fmt::{self, Write as _},
    io::{self, Write},
    path::Path,
};

use clap::ValueEnum;
use jiff::Timestamp;

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, date, many, share, short},
        report::{Render, Report},
        ui,
        visible::Spelling,
    },
    fact::{Term, write::RdfFormat},
    ledger::{
        About, CitationView, LedgerError, OpenEngine,
        verb::facts::{FactCheck, FactsReport, ListedFact},
    },
};

/// List the facts of a version, in words or for other programs
///
/// Each row has the commit since which the fact holds, and where it was read. Subject, predicate and object are IRIs, or names as reports
/// show them. With --check the model is asked whether it holds them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger facts
  kledger facts v1 --predicate location --object Rome
  kledger facts --subject 'Eiffel Tower' --check
  kledger facts main --format csv > facts.csv
  kledger facts HEAD~1 --format ttl --words | rapper -i turtle - http://example.org/")]
pub struct Args {
    /// The version whose facts are listed
    #[arg(value_name = "REV", default_value = "HEAD")]
    revision: String,
    /// Only facts about this
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// Only facts with this predicate
    #[arg(long, value_name = "PREDICATE")]
    predicate: Option<String>,
    /// Only facts with this object
    #[arg(long, value_name = "OBJECT")]
    object: Option<String>,
    /// How to write them down
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Ask the model whether it holds each
    #[arg(long)]
    check: bool,
    /// In RDF, write also labels and templates of what the facts name: all that kledger add needs elsewhere
    #[arg(long)]
    words: bool,
}

/// How facts are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Names in columns
    Table,
    /// N-Triples
    Nt,
    /// Turtle
    Ttl,
    /// JSON-LD
    Jsonld,
    /// CSV with a header; where datatype is empty the object is an IRI
    Csv,
    /// A JSON object a line, as in facts of --json
    Jsonl,
}

impl Args {
    pub(super) const fn may_run_the_model(&self) -> bool {
        self.check
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let about = About::new(args.subject.as_deref(), args.predicate.as_deref())
        .with_object(args.object.as_deref());
    if cx.prints_json() && args.format != Format::Table {
        let what = "text: --json has a form of its own";
        return Err(CliError::NotFor { option: "--format", what });
    }
    let rdf = match args.format {
        Format::Table | Format::Csv | Format::Jsonl => None,
        Format::Nt => Some((RdfFormat::NTriples, Spelling::NTriples)),
        Format::Ttl => Some((RdfFormat::Turtle, Spelling::NTriples)),
        Format::Jsonld => Some((RdfFormat::JsonLd, Spelling::Json)),
    };
    if args.words && rdf.is_none() {
        let what = "--format nt, ttl and jsonld: the others have names";
        return Err(CliError::NotFor { option: "--words", what });
    }
    if let Some((format, spelling)) = rdf {
        if args.check {
            let what = "--format table, csv and jsonl: a triple has no room for an answer";
            return Err(CliError::NotFor { option: "--check", what });
        }
        let mut out = ui::data(spelling);
        cx.repo()?.write_facts(&args.revision, &about, (format, args.words), &mut out)?;
        out.flush().map_err(CliError::Print)?;
        return Ok(Report::printed("facts"));
    }
    let mut open = |base: &Path| cx.runtime().open(base);
    let check = args.check.then_some(&mut open as OpenEngine<'_>);
    let mut progress = cx.stoppable();
    let (repo, revision) = (cx.repo()?, &args.revision);
    match args.format {
        Format::Csv => {
            let out = csv::Writer::from_writer(ui::data(Spelling::None));
            let mut table = Table { out, check: args.check };
            table.header()?;
            let mut take = |fact: ListedFact| table.row(&fact);
            repo.each_fact(revision, &about, check, progress.as_mut(), &mut take)?;
            table.out.flush().map_err(CliError::Print)?;
            Ok(Report::printed("facts"))
        }
        Format::Jsonl => {
            let mut out = ui::data(Spelling::Json);
            let mut take = |fact: ListedFact| {
                serde_json::to_writer(&mut out, &fact)?;
                out.write_all(b"\n")
            };
            repo.each_fact(revision, &about, check, progress.as_mut(), &mut take)?;
            out.flush().map_err(CliError::Print)?;
            Ok(Report::printed("facts"))
        }
        _ => {
            let report = repo.facts(revision, &about, check, progress.as_mut())?;
            Ok(Report::done("facts", report))
        }
    }
}

/// Facts as CSV.
struct Table<W: Write> {
    out: csv::Writer<W>,
    check: bool,
}

impl<W: Write> Table<W> {
    fn header(&mut self) -> Result<(), LedgerError> {
        let columns = [
            "subject",
            "predicate",
            "object",
            "datatype",
            "language",
            "subject_label",
            "predicate_label",
            "object_label",
            "commit",
            "author",
            "time",
            "place",
            "sentence",
            "query",
            "source",
            "licence",
        ];
        let asked: &[&str] =
            if self.check { &["prompt", "holds", "answer", "probability"] } else { &[] };
        let columns = columns.iter().chain(asked);
        self.out.write_record(columns).map_err(|error| LedgerError::Output(error.into()))
    }

    fn row(&mut self, fact: &ListedFact) -> io::Result<()> {
        let (object, datatype, language) = match &fact.object {
            Term::Iri(iri) => (iri.as_str(), "", ""),
            Term::Literal(literal) => (
                literal.lexical.as_str(),
                literal.datatype.as_str(),
                literal.language.as_deref().unwrap_or_default(),
            ),
        };
        let commit = &fact.commit;
        let time = Timestamp::from_millisecond(commit.time).map(|time| time.to_string());
        let (id, time) = (commit.id.to_string(), time.unwrap_or_default());
        let mut row = vec![
            fact.subject.as_str(),
            fact.predicate.as_str(),
            object,
            datatype,
            language,
            &fact.fact.subject,
            &fact.fact.predicate,
            &fact.fact.object,
            &id,
            &commit.author,
            &time,
        ];
        let cited = fact.citation.as_ref();
        let said = |part: fn(&CitationView) -> Option<&str>| cited.and_then(part);
        row.extend(
            [
                cited.map(|cited| cited.place.as_str()),
                said(|cited| cited.sentence.as_deref()),
                said(|cited| cited.query.as_deref()),
                said(|cited| cited.source.as_deref()),
                said(|cited| cited.licence.as_deref()),
            ]
            .map(Option::unwrap_or_default),
        );
        let probability;
        match &fact.check {
            Some(FactCheck::Asked { prompt, answer, .. }) => {
                probability = answer.probability.to_string();
                let holds = if answer.matches { "true" } else { "false" };
                row.extend([prompt, holds, &answer.text, &probability]);
            }
            _ if self.check => row.extend([""; 4]),
            _ => {}
        }
        Ok(self.out.write_record(row)?)
    }
}

impl Render for FactsReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let mut rows = Vec::with_capacity(self.facts.len());
        for ListedFact { fact, commit, citation, check, .. } in &self.facts {
            let author = commit.author.split(" <").next().unwrap_or_default();
            rows.push([
                fact.subject.clone(),
                fact.predicate.clone(),
                fact.object.clone(),
                short(commit.id),
                date(commit.time),
                author.to_owned(),
                citation.as_ref().map(CitationView::in_short).unwrap_or_default(),
                check.as_ref().map(said).unwrap_or_default(),
            ]);
        }
        page.table(&rows)?;
        let count = many(self.facts.len() as u64, "fact");
        let checks: Vec<_> = self.facts.iter().filter_map(|fact| fact.check.as_ref()).collect();
        if checks.is_empty() {
            return page.note(format_args!("{count} at {}", short(self.version)));
        }
        let asked = checks.iter().filter(|check| matches!(check, FactCheck::Asked { .. }));
        let (asked, held) = asked.fold((0, 0), |(asked, held), check| {
            let holds = matches!(check, FactCheck::Asked { answer, .. } if answer.matches);
            (asked + 1, held + usize::from(holds))
        });
        writeln!(page, "  {held} of {asked} asked hold, {count} at {}", short(self.version))
    }
}

/// What the model made of a fact, in a word or two.
fn said(check: &FactCheck) -> String {
    match check {
        FactCheck::Asked { answer, .. } if answer.matches => {
            format!("holds, {}", share(f64::from(answer.probability)))
        }
        FactCheck::Asked { answer, .. } => {
            let (said, likely) = (answer.text.trim(), share(f64::from(answer.probability)));
            format!("no, {likely}: {said}")
        }
        FactCheck::Wordless { why } => format!("not asked: {why}"),
    }
}
