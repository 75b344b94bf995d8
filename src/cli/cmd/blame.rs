//! `kledger blame`.

use std::fmt;

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, date, many, words},
        report::{Render, Report},
    },
    ledger::{About, CitationView, verb::blame::BlameReport},
};

/// Show which commit set each fact, and where it was read
///
/// Subject and predicate are IRIs, or names as reports show them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger blame
  kledger blame 'Eiffel Tower'
  kledger blame http://dbpedia.org/resource/Eiffel_Tower http://dbpedia.org/ontology/location
  kledger blame 'Eiffel Tower' location --at HEAD~3")]
pub struct Args {
    /// Only facts about this
    #[arg(value_name = "SUBJECT")]
    subject: Option<String>,
    /// Only facts with this predicate
    #[arg(value_name = "PREDICATE")]
    predicate: Option<String>,
    /// The version whose facts are meant
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    at: String,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let about = About::new(args.subject.as_deref(), args.predicate.as_deref()).by_any_name();
    Ok(Report::done("blame", cx.repo()?.blame(&args.at, &about)?))
}

impl Render for BlameReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let rows: Vec<_> = self
            .facts
            .iter()
            .map(|blamed| {
                let commit = &blamed.commit;
                let author = commit.author.split(" <").next().unwrap_or_default();
                let id = format!("{:.12}", commit.id);
                let place = blamed.citation.as_ref().map(CitationView::in_short);
                let place = place.unwrap_or_default();
                [id, date(commit.time), author.to_owned(), words(&blamed.fact), place]
            })
            .collect();
        page.table(&rows)?;
        if self.facts.is_empty() {
            page.note(format_args!("{} hold", many(0, "fact")))?;
        }
        Ok(())
    }
}
