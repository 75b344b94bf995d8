//! `kledger log`.

use std::{
    collections::BTreeSet,
    fmt::{self, Write},
    path::PathBuf,
};

use regex::Regex;
use serde::Serialize;

use super::{commit::rates, eval::can_hold};
use crate::{
    cli::{
        context::Context,
        error::CliError,
        graph::Graph,
        page::{Page, counts, many, refs, share, short, summary, time},
        picture,
        plot::{Chart, Line, Places, Plot},
        report::{Render, Report},
    },
    commit::{Commit, ProbesAsked},
    id::Id,
    ledger::{
        About, CommitView, LedgerError, StepView,
        history::revision::range::Range,
        verb::log::{LogEntry, LogOptions, LogReport},
    },
};

/// Show a version and its ancestors, newest first
///
/// With --author only those whose author's name and address match it, a part of them or a regular
/// expression.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger log
  kledger log -5 --oneline draft
  kledger log main..draft
  kledger log --graph --all --oneline
  kledger log --subject 'Eiffel Tower' --predicate location
  kledger log --author 'Ada|Bert'
  kledger log --plot drift.svg")]
pub struct Args {
    /// Where to start; a..b: what b has and a does not; a...b: what only one of them has; ^a: not
    /// what a has; -N: as -n N [default: HEAD]
    #[arg(value_name = "REV", allow_negative_numbers = true)]
    revisions: Vec<String>,
    /// Start at every branch, every tag and HEAD
    #[arg(long)]
    all: bool,
    /// Only commits that changed a fact about this, an IRI or a name
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// Only commits that changed a fact with this predicate, an IRI or a name
    #[arg(long, value_name = "PREDICATE")]
    predicate: Option<String>,
    /// Of a merge's parents, go to the first only
    #[arg(long)]
    first_parent: bool,
    /// Draw how commits follow from each other
    #[arg(long)]
    graph: bool,
    /// How many commits at most
    #[arg(short = 'n', long = "number", value_name = "N")]
    number: Option<usize>,
    /// One line for each commit
    #[arg(long)]
    oneline: bool,
    /// Draw how far these versions have drifted from the base, oldest first: weights, perplexity and probes, as far as their
    /// checks measured them
    #[arg(long, value_name = "FILE.svg|png", value_parser = picture::file)]
    plot: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Log {
    #[serde(flatten)]
    report: LogReport,
    #[serde(skip)]
    oneline: bool,
    #[serde(skip)]
    graph: bool,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let mut revisions = args.revisions.clone();
    let mut number = args.number;
    revisions.retain(|text| match text.strip_prefix('-').and_then(|text| text.parse().ok()) {
        Some(count) => {
            number = Some(count);
            false
        }
        None => true,
    });
    let options = LogOptions {
        range: Range::parse(revisions.iter().map(String::as_str)).map_err(LedgerError::from)?,
        all: args.all,
        about: About::new(args.subject.as_deref(), args.predicate.as_deref()).by_any_name(),
        author: cx.named_author().map(pattern).transpose()?,
        limit: number,
        first_parent: args.first_parent,
    };
    let repo = cx.repo()?;
    if let Some(file) = &args.plot {
        can_hold(cx, file)?;
    }
    let report = repo.log(&options)?;
    if let Some(path) = &args.plot {
        let model = repo.base()?.model_type().map_err(LedgerError::from)?.to_owned();
        let of = if args.all { "all branches".to_owned() } else { args.revisions.join(" ") };
        picture::write(cx, path, &drift(&model, &of, &report.entries)?)?;
    }
    Ok(Report::done("log", Log { report, oneline: args.oneline, graph: args.graph }))
}

/// Names of places have so many digits.
const DIGITS: usize = 8;

/// How far the versions of a log have drifted, oldest first.
fn drift(model: &str, of: &str, entries: &[LogEntry]) -> Result<Plot, CliError> {
    type Figure = fn(&LogEntry) -> Option<f64>;
    let line = |name: &str, figure: Figure, before: Figure| {
        // What was not measured there may have been with what was made of it.
        let children = entries.iter().rev().skip(1).map(Some).chain([None]);
        let points = (0..).zip(entries.iter().rev().zip(children));
        let points = points.filter_map(|(place, (entry, child))| {
            let child =
                child.filter(|child| child.commit.parents.first() == Some(&entry.commit.id));
            Some((place, figure(entry).or_else(|| before(child?))?))
        });
        Line { name: name.to_owned(), points: points.collect() }
    };
    let all = [
        (
            "drift: |W - W0| / |W0| of the tensor farthest from the base's",
            line("drift", growth, |_| None),
        ),
        ("perplexity", line("perplexity", perplexity, |child| Some(child.text.as_ref()?.before))),
        (
            "probes that go on as in the base, %",
            line(
                "probes",
                |entry| probes(entry, |it| it.after),
                |child| probes(child, |it| it.before),
            ),
        ),
    ];
    let chart = |(heading, line): (&str, Line)| {
        (!line.points.is_empty()).then(|| Chart { heading: heading.to_owned(), lines: vec![line] })
    };
    let charts: Vec<Chart> = all.into_iter().filter_map(chart).collect();
    if charts.is_empty() {
        return Err(CliError::NothingMeasured);
    }
    let of = if of.is_empty() { "HEAD" } else { of };
    let versions = many(entries.len() as u64, "version");
    let ends = [entries.last(), entries.first()].map(|entry| entry.map(|entry| entry.commit.id));
    let ends: Vec<String> = ends.into_iter().flatten().map(|id| format!("{id:.12}")).collect();
    let mut title =
        vec![format!("Drift of {of}, {}", ends.join(" to ")), format!("{model}; {versions}")];
    let newest = |source: fn(&LogEntry) -> Option<&String>| entries.iter().find_map(source);
    let sources = [
        ("perplexity", newest(|entry| entry.text.as_ref().map(|text| &text.source))),
        ("probes", newest(|entry| entry.probes.as_ref().map(|probes| &probes.source))),
    ];
    for (what, source) in sources {
        title.extend(source.map(|source| format!("{what} on {source}")));
    }
    let names = entries.iter().rev();
    let names = names.map(|entry| format!("{:.DIGITS$}", entry.commit.id)).collect();
    Ok(Plot { title, places: Places::Names(names), charts })
}

fn growth(entry: &LogEntry) -> Option<f64> {
    Some(entry.growth.as_ref()?.relative)
}

fn perplexity(entry: &LogEntry) -> Option<f64> {
    Some(entry.text.as_ref()?.after)
}

fn probes(entry: &LogEntry, of: fn(&ProbesAsked) -> u64) -> Option<f64> {
    let probes = entry.probes.as_ref()?;
    Some(100.0 * ProbesAsked { after: of(probes), ..probes.clone() }.share())
}

/// `0.9626, perplexity 17.02, probes 96 %`: what was measured.
fn drifted(entry: &LogEntry) -> Option<String> {
    let parts = [
        growth(entry).map(|relative| format!("{relative:.4}")),
        perplexity(entry).map(|perplexity| format!("perplexity {perplexity:.2}")),
        entry.probes.as_ref().map(|probes| format!("probes {}", share(probes.share()))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What authors are to match: a part of them as it is written, or a regular expression.
fn pattern(text: &str) -> Result<Regex, CliError> {
    let wrong = |error: regex::Error| {
        let pattern = text.to_owned();
        let why = error.to_string().lines().last().unwrap_or_default().to_owned();
        CliError::Pattern { pattern, why: why.trim_start_matches("error: ").to_owned() }
    };
    Regex::new(text).map_err(wrong)?;
    Regex::new(&format!("{}|{text}", regex::escape(text))).map_err(wrong)
}

impl Render for Log {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let mut graph = Graph::empty();
        let shown: BTreeSet<Id<Commit>> =
            self.report.entries.iter().map(|entry| entry.commit.id).collect();
        for (number, entry) in self.report.entries.iter().enumerate() {
            let commit = &entry.commit;
            let mut text = Page::new(page.verbose, page.quiet);
            if self.oneline {
                writeln!(text, "{}{} {}", short(commit.id), refs(commit), summary(commit))?;
            } else {
                entry.render(&mut text)?;
                if number + 1 < self.report.entries.len() {
                    writeln!(text)?;
                }
            }
            if !self.graph {
                for line in text.lines() {
                    writeln!(page, "{line}")?;
                }
                continue;
            }
            let lines = graph.next(commit.id, &commit.parents, |parent| shown.contains(&parent));
            for (number, line) in text.lines().enumerate() {
                let prefix = if number == 0 { &lines.first } else { &lines.further };
                writeln!(page, "{}", format!("{prefix}{line}").trim_end())?;
            }
            for joint in &lines.joints {
                writeln!(page, "{}", joint.trim_end())?;
            }
        }
        if self.report.more && !self.oneline {
            page.note("older commits are not shown")?;
        }
        Ok(())
    }
}

impl Render for LogEntry {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let commit = &self.commit;
        writeln!(page, "commit {}{}", short(commit.id), refs(commit))?;
        let mut rows = Vec::new();
        if commit.parents.len() > 1 {
            let parents: Vec<String> =
                commit.parents.iter().map(|parent| format!("{parent:.12}")).collect();
            rows.push(row("merges", parents.join(" ")));
        }
        rows.extend([row("author", commit.author.clone()), row("date", time(commit.time))]);
        if commit.step != StepView::Root {
            rows.push(row("facts", counts(&self.facts)));
        }
        rows.extend(step(commit));
        if self.efficacy.is_some() || self.neighbourhood.is_some() {
            let text = rates(self.efficacy, self.paraphrase, self.neighbourhood);
            rows.push(row("check", text));
        }
        rows.extend(drifted(self).map(|text| row("drift", text)));
        page.table(&rows)?;
        writeln!(page)?;
        for line in commit.message.lines() {
            writeln!(page, "    {line}")?;
        }
        Ok(())
    }
}

/// What a commit did, where it did not just edit.
pub(super) fn step(commit: &CommitView) -> Option<[String; 2]> {
    match &commit.step {
        StepView::Root | StepView::Edit | StepView::Merge => None,
        StepView::Revert { of } => Some(row("reverts", format!("{of:.12}"))),
        StepView::Pick { of } => Some(row("picks", format!("{of:.12}"))),
        StepView::Consolidate => Some(row("step", "all facts in one delta")),
        StepView::Import { source } => Some(row("imports", source)),
        StepView::Repair => Some(row("step", "facts that did not hold, edited again")),
    }
}

/// A row of a table of two columns.
pub(super) fn row(name: &str, text: impl Into<String>) -> [String; 2] {
    [name.to_owned(), text.into()]
}
