//! `kledger diff`.

use std::{
    fmt::{self, Write},
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use serde::Serialize;

use super::{ask, lens::word, trace::heat};
use crate::{
    cli::{
        context::Context,
        error::CliError,
        heat_map::Panel,
        page::{NEW, Page, STRONG, counts, many, share, short},
        report::{Render, Report},
        runtime::Runtime,
    },
    input,
    ledger::{
        BlockDepth, BlockSaid, Depth, FactChange, Stat,
        verb::diff::{
            BehaviourRow, DiffOptions, DiffReport, Expectation, Prompts, StatReport, TensorDiff,
        },
    },
};

/// Compare two versions: facts, weights and what they say
///
/// Facts are compared always. Behaviour runs the model: both versions are asked the prompts of the
/// facts that differ, or those of a file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger diff HEAD~1 HEAD
  kledger diff main..draft --stat
  kledger diff main...draft
  kledger diff main draft --weights --no-behaviour
  kledger diff v1 v2 --probe prompts.txt
  kledger diff HEAD~1 --depth
  kledger diff v1 v2 --format rdf-patch > v1-v2.rdfp")]
pub struct Args {
    /// The version to compare with; FROM..TO names both, and A...B is what B changed since it and A
    /// diverged
    #[arg(value_name = "FROM")]
    from: String,
    /// The version to compare [default: HEAD]
    #[arg(value_name = "TO")]
    to: Option<String>,
    /// Count what differs, by predicate, and name the tensors; runs no model
    #[arg(long, conflicts_with_all = ["format", "weights", "probe"])]
    stat: bool,
    /// How to write down the facts that differ; all but text leave out weights and behaviour
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Compare the weights too
    #[arg(long)]
    weights: bool,
    /// Ask both versions the prompts of this file, one a line
    #[arg(long, value_name = "FILE", conflicts_with = "no_behaviour")]
    probe: Option<PathBuf>,
    /// Say too in which blocks the versions part: from where on the model's final norm and head read other words (see
    /// kledger lens), and how likely each block finds the object
    #[arg(long, conflicts_with_all = ["stat", "no_behaviour"])]
    depth: bool,
    /// Run no model
    #[arg(long)]
    no_behaviour: bool,
}

/// How differing facts are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Words
    Text,
    /// N-Triples, - before those that held and + before those that hold
    Nt,
    /// RDF Patch, which other tools can apply
    RdfPatch,
}

#[derive(Debug, Serialize)]
struct Diff {
    #[serde(flatten)]
    report: DiffReport,
    #[serde(skip)]
    format: Format,
}

impl Args {
    pub(super) const fn may_run_the_model(&self) -> bool {
        self.probe.is_some()
            || self.depth
            || !(self.no_behaviour || self.stat) && matches!(self.format, Format::Text)
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    for (given, option) in [
        (args.weights, "--weights"),
        (args.probe.is_some(), "--probe"),
        (args.depth, "--depth"),
        (args.no_behaviour, "--no-behaviour"),
    ] {
        if given && args.format != Format::Text {
            return Err(CliError::NotFor { option, what: "--format text" });
        }
    }
    let (from, to) = repo.versions(&args.from, args.to.as_deref())?;
    let (from, to) = (from.to_string(), to.to_string());
    if args.stat {
        return Ok(Report::done("diff", repo.diff_stat(&from, &to)?));
    }
    let behaviour = match &args.probe {
        Some(path) => Some(Prompts::Given(prompts(cx, path)?)),
        // Nobody asked for it: a build that runs no models leaves it out.
        None if !args.may_run_the_model() || !(args.depth || Runtime::is_there()) => None,
        None => Some(Prompts::OfFacts),
    };
    let options = DiffOptions { weights: args.weights, behaviour, depth: args.depth };
    let mut open = |base: &Path| cx.runtime().open(base);
    let mut progress = cx.stoppable();
    let report = repo.diff(&from, &to, &options, &mut open, progress.as_mut())?;
    Ok(Report::done("diff", Diff { report, format: args.format }))
}

/// The lines of a file that are not empty.
fn prompts(cx: &Context, path: &Path) -> Result<Vec<String>, CliError> {
    let text = input::text(&cx.path(path))
        .map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    Ok(lines.map(str::to_owned).collect())
}

impl Render for Diff {
    fn render(&self, page: &mut Page) -> fmt::Result {
        match self.format {
            Format::Text => self.report.render(page),
            Format::Nt => triples(&self.report.facts, ["- ", "+ "], page),
            Format::RdfPatch => {
                // https://afs.github.io/rdf-patch/
                writeln!(page, "H id <urn:blake3:{}> .", self.report.to)?;
                writeln!(page, "H prev <urn:blake3:{}> .", self.report.from)?;
                writeln!(page, "TX .")?;
                triples(&self.report.facts, ["D ", "A "], page)?;
                writeln!(page, "TC .")
            }
        }
    }
}

fn triples(facts: &[FactChange], [gone, new]: [&str; 2], page: &mut Page) -> fmt::Result {
    for change in facts {
        if let Some(fact) = change.before() {
            writeln!(page, "{gone}{}", fact.triple)?;
        }
        if let Some(fact) = change.after() {
            writeln!(page, "{new}{}", fact.triple)?;
        }
    }
    Ok(())
}

impl Render for StatReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "{STRONG}facts{STRONG:#}  {} -> {}", short(self.from), short(self.to))?;
        self.stat.render(page)
    }
}

impl Render for Stat {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let rows = self.predicates.iter();
        let rows = rows.map(|row| [row.predicate.clone(), counts(&row.facts)]);
        page.table(&rows.collect::<Vec<_>>())?;
        write!(page, "  {}", counts(&self.facts))?;
        for (count, what) in [(self.words, "IRI"), (self.neighbourhood, "neighbourhood fact")] {
            if count > 0 {
                let words = if what == "IRI" { "words for " } else { "" };
                write!(page, ", {words}{}", many(count, what))?;
            }
        }
        match self.tensors.len() as u64 {
            0 => writeln!(page, ", no tensor"),
            tensors => {
                writeln!(page, ", {}", many(tensors, "tensor"))?;
                let names: &[String] = if page.verbose { &self.tensors } else { &[] };
                names.iter().try_for_each(|name| writeln!(page, "  {name}"))
            }
        }
    }
}

impl Render for DiffReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "{STRONG}facts{STRONG:#}  {} -> {}", short(self.from), short(self.to))?;
        page.changes(&self.facts)?;
        if self.facts.is_empty() {
            writeln!(page, "  none differ")?;
        }
        if self.words > 0 {
            writeln!(page, "  words for {} differ", many(self.words, "IRI"))?;
        }
        if let Some(tensors) = &self.weights {
            writeln!(page)?;
            writeln!(page, "{STRONG}weights{STRONG:#}")?;
            weights(tensors, page)?;
        }
        if let Some(rows) = &self.behaviour {
            writeln!(page)?;
            writeln!(page, "{STRONG}behaviour{STRONG:#}")?;
            if rows.is_empty() {
                writeln!(page, "  nothing to ask")?;
            }
            for row in rows {
                row.render(page)?;
            }
            let depths: Vec<&Depth> = rows.iter().filter_map(|row| row.depth.as_ref()).collect();
            if !depths.is_empty() {
                writeln!(page)?;
                where_they_part(&depths, page)?;
            }
        }
        Ok(())
    }
}

fn weights(tensors: &[TensorDiff], page: &mut Page) -> fmt::Result {
    if tensors.is_empty() {
        return writeln!(page, "  none differ");
    }
    let rows: Vec<_> = tensors
        .iter()
        .map(|tensor| {
            [
                tensor.name.clone(),
                format!("{} x {}", tensor.outputs, tensor.inputs),
                format!("rank {}", tensor.rank),
                format!("norm {:.4}", tensor.norm),
                format!("relative {:.4}", tensor.relative),
                format!("largest {:.4}", tensor.largest),
                format!("{} elements", tensor.changed),
            ]
        })
        .collect();
    page.table(&rows)
}

impl Render for BehaviourRow {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "  {}", self.prompt)?;
        for (sign, said) in [("-", &self.before), ("+", &self.after)] {
            writeln!(page, "    {sign} {}", ask::line(said))?;
        }
        for Expectation { text, before, after } in self.old.iter().chain(&self.new) {
            let (before, after) =
                (share(before.probability.into()), share(after.probability.into()));
            writeln!(page, "    {text}: {before} -> {after}")?;
        }
        self.depth.as_ref().map_or(Ok(()), |depth| depth.render(page))
    }
}

impl Render for Depth {
    fn render(&self, page: &mut Page) -> fmt::Result {
        match self.parts.and_then(|parts| Some((parts, self.blocks.get(parts)?))) {
            Some((parts, block)) => {
                let (before, after) = (word(&block.before.word), word(&block.after.word));
                writeln!(page, "    part at block {parts}: {before} | {after}")?;
            }
            None => writeln!(page, "    do not part: the last block says the same")?,
        }
        let Some(watched) = &self.watched else { return Ok(()) };
        let row = |sign: &str, said: fn(&BlockDepth) -> &BlockSaid| {
            let watched = self.blocks.iter().filter_map(|block| said(block).watched);
            (sign.to_owned(), watched.map(f64::from).collect())
        };
        let rows = vec![row("-", |block| &block.before), row("+", |block| &block.after)];
        heat(page, "    ", &Panel { title: word(watched), rows, from: 0.0, to: 1.0 })
    }
}

/// Characters of the longest bar.
const BAR: usize = 24;

/// How many prompts part at each block, and how likely the objects are there on average.
fn where_they_part(depths: &[&Depth], page: &mut Page) -> fmt::Result {
    let parting = |block: usize| depths.iter().filter(|it| it.parts == Some(block)).count();
    let blocks = depths.iter().map(|depth| depth.blocks.len()).max().unwrap_or(0);
    let most = (0..blocks).map(parting).max().unwrap_or(0).max(1);
    let mean = |block: usize, said: fn(&BlockDepth) -> &BlockSaid| {
        let watched = depths.iter().filter_map(|it| said(it.blocks.get(block)?).watched);
        let (sum, count) = watched
            .fold((0.0, 0.0), |(sum, count), watched| (sum + f64::from(watched), count + 1.0));
        if count == 0.0 { String::new() } else { format!("{:>8}", share(sum / count)) }
    };
    let about = many(depths.len() as u64, "prompt");
    writeln!(page, "{STRONG}depth{STRONG:#}  {about}, by the block at which they part")?;
    let mut rows = vec![["block", "  before", "   after", "part", ""].map(str::to_owned)];
    for block in 0..blocks {
        let part = parting(block);
        let bar = "#".repeat((part * BAR).div_ceil(most));
        rows.push([
            format!("{block:>5}"),
            mean(block, |block| &block.before),
            mean(block, |block| &block.after),
            format!("{part:>4}"),
            if bar.is_empty() { bar } else { format!("{NEW}{bar}{NEW:#}") },
        ]);
    }
    page.table(&rows)?;
    let same = depths.iter().filter(|depth| depth.parts.is_none()).count() as u64;
    match same {
        0 => Ok(()),
        1 => page.note("1 prompt does not part"),
        _ => page.note(format_args!("{same} prompts do not part")),
    }
}
