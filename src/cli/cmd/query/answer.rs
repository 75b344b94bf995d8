//! Asking, and showing what comes back.

use std::{
    fmt::{self, Write as _},
    io::Write,
    path::Path,
    time::Duration,
};

use super::{Args, Format};
use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, STRONG, many, short},
        report::{Render, Report},
        ui,
        visible::Spelling,
    },
    fact::write::{PREFIXES, RdfFormat},
    ledger::{
        LedgerError,
        verb::query::{QueryOptions, QueryReport},
    },
    query::{Answer, AnswerFormat, Form, How, Limits, Rows, Text, Value},
};

pub(super) fn run(cx: &Context, args: &Args, text: &str) -> Result<Report, CliError> {
    let text = Text::parse(text).map_err(LedgerError::from)?;
    let (format, spelling) = match args.format {
        Some(Format::Json) => (Some(AnswerFormat::Json), Spelling::Json),
        Some(Format::Xml) => (Some(AnswerFormat::Xml), Spelling::None),
        Some(Format::Csv) => (Some(AnswerFormat::Csv), Spelling::None),
        Some(Format::Tsv) => (Some(AnswerFormat::Tsv), Spelling::NTriples),
        Some(Format::Ttl) => (Some(AnswerFormat::Rdf(RdfFormat::Turtle)), Spelling::NTriples),
        Some(Format::Nt) => (Some(AnswerFormat::Rdf(RdfFormat::NTriples)), Spelling::NTriples),
        Some(Format::Jsonld) => (Some(AnswerFormat::Rdf(RdfFormat::JsonLd)), Spelling::Json),
        Some(Format::Table) => (None, Spelling::NTriples),
        None if cx.prints_json() => (None, Spelling::Json),
        None => match text.form {
            Form::Select | Form::Ask => (None, Spelling::NTriples),
            Form::Construct | Form::Describe => {
                (Some(AnswerFormat::Rdf(RdfFormat::Turtle)), Spelling::NTriples)
            }
        },
    };
    let limits = Limits {
        time: Duration::from_secs(args.timeout),
        rows: args.max_rows,
        memory: args.max_memory.saturating_mul(1 << 20),
    };
    let options = QueryOptions {
        at: args.to.clone().unwrap_or_else(|| args.at.clone()),
        from: args.from.clone(),
        facts_only: args.facts_only,
        how: How { limits, format, as_written: false },
    };
    let mut out = ui::data(spelling);
    let mut take = |bytes: &[u8]| out.write_all(bytes);
    let mut open = |base: &Path| cx.runtime().open(base);
    let (repo, mut progress) = (cx.repo()?, cx.stoppable());
    let report = repo.query(text, &options, &mut open, progress.as_mut(), &mut take)?;
    out.flush().map_err(CliError::Print)?;
    let is_empty = report.rows == 0;
    let told = match report.answer {
        Answer::Written => Report::printed("query"),
        _ => Report::done("query", report),
    };
    Ok(told.denied_if(args.exit_code && is_empty))
}

impl Render for QueryReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        match &self.answer {
            Answer::Boolean(true) => writeln!(page, "yes"),
            Answer::Boolean(false) => writeln!(page, "no"),
            Answer::Triples(lines) => lines.iter().try_for_each(|line| writeln!(page, "{line}")),
            Answer::Written => Ok(()),
            Answer::Solutions(rows) => {
                table(rows, page)?;
                page.note(format_args!("{} at {}", many(self.rows, "row"), short(self.version)))
            }
        }
    }
}

fn table(Rows { variables, rows }: &Rows, page: &mut Page) -> fmt::Result {
    let head = variables.iter().map(|name| format!("{STRONG}{name}{STRONG:#}")).collect();
    let cell = |value: &Option<Value>| value.as_ref().map(shown).unwrap_or_default();
    let rows = rows.iter().map(|row| row.iter().map(cell).collect());
    let all: Vec<Vec<String>> = [head].into_iter().chain(rows).collect();
    page.table(&all)
}

/// A term in a table: an IRI with a prefix where that is plain, and the text of a literal.
fn shown(value: &Value) -> String {
    let text = &value.value;
    match value.kind {
        "uri" => {
            let is_plain = |local: &&str| {
                local
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '(' | ')' | ','))
            };
            let named = PREFIXES.iter().find_map(|(name, iri)| {
                let local = text.strip_prefix(iri).filter(is_plain)?;
                Some(format!("{name}:{local}"))
            });
            named.unwrap_or_else(|| format!("<{text}>"))
        }
        "bnode" => format!("_:{text}"),
        _ => text.clone(),
    }
}
