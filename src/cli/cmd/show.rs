//! `kledger show`.

use std::fmt::{self, Write};

use super::{
    commit, eval,
    log::{row, step},
};
use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, STRONG, bytes, many, refs, share, short, summary, time, words},
        report::{Render, Report},
    },
    engine::{Answer, FoundWith},
    ledger::{
        About, CitationView, Evaluation,
        verb::{
            show::{DeltaView, ShowReport, ShowStatReport},
            show_fact::{FactStory, Holder, ShowFactReport},
        },
    },
};

/// Show a commit in full: its facts, its edit and how that went
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger show
  kledger show HEAD~1 -v
  kledger show --stat draft
  kledger show --fact 'Eiffel Tower'
  kledger show HEAD~1 --fact 'Eiffel Tower' --predicate location")]
pub struct Args {
    /// The version
    #[arg(value_name = "REV", default_value = "HEAD")]
    revision: String,
    /// Count what it changed, by predicate, instead of listing it
    #[arg(long, conflicts_with = "fact")]
    stat: bool,
    /// Show instead what is known of the facts about this, an IRI or a name
    #[arg(long, value_name = "SUBJECT")]
    fact: Option<String>,
    /// Of those facts, the ones with this predicate
    #[arg(long, value_name = "PREDICATE", requires = "fact")]
    predicate: Option<String>,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    if args.fact.is_some() {
        let about = About::new(args.fact.as_deref(), args.predicate.as_deref()).by_any_name();
        return Ok(Report::done("show", repo.show_facts(&args.revision, &about)?));
    }
    if args.stat {
        return Ok(Report::done("show", repo.show_stat(&args.revision)?));
    }
    Ok(Report::done("show", repo.show(&args.revision)?))
}

impl Render for ShowFactReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        for (number, story) in self.facts.iter().enumerate() {
            if number > 0 {
                writeln!(page)?;
            }
            story.render(page)?;
        }
        Ok(())
    }
}

impl Render for FactStory {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "{STRONG}{}{STRONG:#}", words(&self.fact))?;
        let commit = &self.commit;
        let mut rows = vec![
            row("triple", &self.fact.triple),
            row("set by", format!("{:.12} {}", commit.id, summary(commit))),
            row("author", &commit.author),
            row("date", time(commit.time)),
        ];
        rows.extend(self.citation.iter().flat_map(cited));
        rows.extend(self.prompt.as_ref().map(|prompt| row("prompt", prompt)));
        rows.extend(self.paraphrases.iter().map(|prompt| row("paraphrase", prompt)));
        rows.extend(self.holders.iter().map(|Holder { delta, column }| {
            row("held by", format!("column {column} of delta {delta:.12}"))
        }));
        if let Some(check) = &self.check {
            let said = |answer: &Answer| {
                format!("{} (p {})", answer.text.trim(), share(f64::from(answer.confidence)))
            };
            rows.push(row(
                "answer",
                format!("{}, before {}", said(&check.after), said(&check.before)),
            ));
        }
        page.table(&rows)
    }
}

/// Where a fact was read.
fn cited(citation: &CitationView) -> Vec<[String; 2]> {
    let CitationView { place, sentence, query, source, licence } = citation;
    let said = [("sentence", sentence), ("query", query), ("source", source), ("licence", licence)];
    let said = said.into_iter().filter_map(|(what, said)| Some(row(what, said.as_ref()?)));
    [row("read in", place)].into_iter().chain(said).collect()
}

impl Render for ShowStatReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let commit = &self.commit;
        writeln!(page, "commit {}{}", short(commit.id), refs(commit))?;
        let mut rows = vec![row("author", &commit.author), row("date", time(commit.time))];
        rows.extend(step(commit));
        rows.push(row("facts", self.facts.to_string()));
        page.table(&rows)?;
        writeln!(page)?;
        for line in commit.message.lines() {
            writeln!(page, "    {line}")?;
        }
        if let Some(stat) = &self.stat {
            writeln!(page)?;
            stat.render(page)?;
        }
        Ok(())
    }
}

impl Render for ShowReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let commit = &self.commit;
        writeln!(page, "commit {}{}", short(commit.id), refs(commit))?;
        let mut rows = Vec::new();
        for parent in &commit.parents {
            rows.push(row("parent", format!("{parent:.12}")));
        }
        rows.push(row("author", &commit.author));
        rows.push(row("date", time(commit.time)));
        rows.push(row("base", format!("{:.12}", self.base)));
        rows.extend(step(commit));
        rows.push(row("facts", self.facts.to_string()));
        rows.push(row("neighbours", self.neighbourhood.to_string()));
        if let Some(spec) = &self.spec {
            rows.push(row("editor", format!("{} {}", spec.editor, spec.editor_version)));
            rows.extend(spec.statistics.iter().zip(spec.statistics_tokens).map(
                |(statistics, tokens)| row("statistics", format!("{statistics} ({tokens} tokens)")),
            ));
            rows.extend(spec.artefact.map(|id| row("artefact", format!("{id:.12}"))));
        }
        if let Some(with) = &self.found_with {
            let FoundWith { device, dtype, threads, kernels, library, program, .. } = with;
            let threads = many(*threads, "thread");
            rows.push(row(
                "found with",
                format!("{device}, {dtype}, {threads}, {kernels}, {library}, kledger {program}"),
            ));
        }
        if let Some(check) = self.check.as_ref().filter(|check| commit::has_rates(check)) {
            rows.push(row("check", commit::check_rates(check)));
        }
        page.table(&rows)?;
        writeln!(page)?;
        for line in commit.message.lines() {
            writeln!(page, "    {line}")?;
        }
        if !self.changes.is_empty() {
            writeln!(page)?;
            page.changes(&self.changes)?;
        }
        if let Some(delta) = &self.delta {
            writeln!(page)?;
            delta.render(page)?;
        }
        if let Some(check) = &self.check {
            commit::check(check, &[], page)?;
        }
        for evaluation in &self.evaluations {
            evaluation.render(page)?;
        }
        if page.verbose {
            if let Some(spec) = &self.spec {
                writeln!(page)?;
                writeln!(page, "settings (seed {})", spec.seed)?;
                for line in spec.settings.lines() {
                    writeln!(page, "  {line}")?;
                }
            }
            writeln!(page)?;
            writeln!(page, "weights ({})", many(self.deltas, "delta"))?;
            let weights = self.weights.iter();
            let rows: Vec<_> =
                weights.map(|tensor| [format!("{:.12}", tensor.id), tensor.name.clone()]).collect();
            page.table(&rows)?;
        }
        Ok(())
    }
}

impl Render for Evaluation {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let Self { protocol, protocol_version, source, .. } = self;
        writeln!(page)?;
        writeln!(page, "{protocol} {protocol_version} on {}", source.name)?;
        let metrics = self.metrics.iter();
        let rows = metrics.map(|metric| [metric.name.clone(), eval::figure(metric)]);
        page.table(&rows.collect::<Vec<_>>())
    }
}

impl Render for DeltaView {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let (id, size) = (short(self.id), bytes(self.bytes));
        write!(page, "delta {id}  {size}, {}", many(self.columns, "column"))?;
        if self.dropped > 0 {
            write!(page, " ({} no longer count)", self.dropped)?;
        }
        writeln!(page)?;
        let rows: Vec<_> = self
            .tensors
            .iter()
            .map(|tensor| {
                let widths = format!("{} x {}", tensor.outputs, tensor.inputs);
                [tensor.name.clone(), widths, rank(tensor.rank)]
            })
            .collect();
        page.table(&rows)
    }
}

/// `rank 3`, or that the tensor is whole.
pub(super) fn rank(rank: Option<u64>) -> String {
    rank.map_or_else(|| "whole".to_owned(), |rank| format!("rank {rank}"))
}
