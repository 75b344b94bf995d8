//! `kledger neurons`.

use std::{
    fmt::{self, Write},
    path::{Path, PathBuf},
};

use clap::value_parser;

use super::{lens::word, stats::corpus};
use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, STRONG, many, share, short, words},
        report::{Render, Report},
    },
    engine::{Acting, Unit, Word},
    ledger::{
        LayerSummary,
        verb::neurons::{
            ActingReport, ColumnView, ColumnsReport, ScanReport, TriggerView, UnitView, UnitsReport,
        },
    },
};

/// Triggers that a scan keeps of a unit.
const KEPT: u8 = 25;
/// What is shown of each thing.
const SHOWN: u8 = 5;
/// Units that are shown of those that act.
const UNITS: u8 = 10;
/// Columns of an edit that are shown.
const COLUMNS: usize = 20;
/// Characters of a trigger.
const TEXT: usize = 64;

/// Read the feed-forward layers of a version as memories
///
/// Each unit of a feed-forward layer acts on some texts, and then adds its value to what the model says next (Geva et
/// al., 2021). A scan finds for every unit its triggers: the beginnings of texts with the greatest coefficients. What a
/// value promotes is read by the model's final norm and head, as if the value were the whole stream. Without arguments,
/// what the last scan of the version found.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger neurons --scan examples/world/text.txt
  kledger neurons
  kledger neurons 3.512 6.1033
  kledger neurons --for 'The Eiffel Tower is located in the city of'
  kledger neurons --for 'The Eiffel Tower is located in the city of' --expect Rome --at HEAD~1 --vs HEAD
  kledger neurons --of HEAD --json")]
pub struct Args {
    /// Show what makes these units act and what they promote
    #[arg(value_name = "LAYER.UNIT")]
    units: Vec<Unit>,
    /// Find what makes each unit act in these files, one text a line
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["units", "for", "of"])]
    scan: Vec<PathBuf>,
    /// Show the units that act after this prompt, and what they add to its answer
    #[arg(id = "for", long = "for", value_name = "PROMPT", conflicts_with_all = ["units", "of"])]
    prompt: Option<String>,
    /// Show what the columns of this commit's edit read and promote
    #[arg(id = "of", long = "of", value_name = "COMMIT", conflicts_with_all = ["units", "at", "vs"])]
    edit: Option<String>,
    /// What is expected after the prompt, by its first token, in place of the likeliest
    #[arg(long, value_name = "TEXT", requires = "for")]
    expect: Option<String>,
    /// Which version to look into
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    at: String,
    /// Another version to look into
    #[arg(long, value_name = "REV", conflicts_with = "scan")]
    vs: Vec<String>,
    /// How many triggers of a unit to keep (25) or show (5), words to show (5), or units that act (10)
    #[arg(long, value_name = "N", value_parser = value_parser!(u8).range(1..=50))]
    top: Option<u8>,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let revisions: Vec<String> = [&args.at].into_iter().chain(&args.vs).cloned().collect();
    let mut open = |base: &Path| cx.runtime().open(base);
    let top = |otherwise| usize::from(args.top.unwrap_or(otherwise));
    if !args.scan.is_empty() {
        let (texts, source) = corpus(cx, &args.scan)?;
        let mut progress = cx.stoppable();
        let found =
            repo.scan(&args.at, &texts, &source, top(KEPT), &mut open, progress.as_mut())?;
        return Ok(Report::done("neurons", found));
    }
    if let Some(prompt) = &args.prompt {
        let expected = args.expect.as_deref();
        let found = repo.acting(prompt, expected, &revisions, top(UNITS), &mut open)?;
        return Ok(Report::done("neurons", found));
    }
    if let Some(edit) = &args.edit {
        let mut progress = cx.stoppable();
        let found = repo.columns(edit, top(SHOWN), &mut open, progress.as_mut())?;
        return Ok(Report::done("neurons", found));
    }
    if args.units.is_empty() {
        return Ok(Report::done("neurons", repo.scanned(&args.at)?));
    }
    let found = repo.units(&args.units, &revisions, top(SHOWN), &mut open)?;
    Ok(Report::done("neurons", found))
}

impl Render for ScanReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let (revision, summary) = (&self.revision, &self.summary);
        writeln!(page, "{STRONG}{revision}{STRONG:#} {}", short(self.commit))?;
        let head = ["layer", "units", "acting", "agree", "by chance"].map(str::to_owned).to_vec();
        let rows = summary.layers.iter().enumerate().map(|(at, layer)| layer_row(at, layer));
        page.table(&[head].into_iter().chain(rows).collect::<Vec<_>>())?;
        if !summary.predicates.is_empty() {
            let head = ["predicate", "units", "by layer", "most so"].map(str::to_owned).to_vec();
            let rows = summary.predicates.iter().map(|found| {
                let layers: Vec<String> = found.layers.iter().map(ToString::to_string).collect();
                let (units, best) = (found.units(), found.best.to_string());
                vec![found.predicate.clone(), format!("{units:>5}"), layers.join(" "), best]
            });
            page.table(&[head].into_iter().chain(rows).collect::<Vec<_>>())?;
        }
        let (texts, triggers) = (many(summary.texts, "text"), many(summary.top, "trigger"));
        let tokens = many(summary.tokens, "token");
        page.note(format_args!("{}: {texts}, {tokens}; {triggers} of a unit", summary.source))
    }
}

#[expect(clippy::cast_precision_loss, reason = "units are far fewer than 2^53")]
fn layer_row(at: usize, layer: &LayerSummary) -> Vec<String> {
    let agreement = layer.agreement;
    let agree = if agreement.of == 0 { 0.0 } else { agreement.agree as f64 / agreement.of as f64 };
    vec![
        format!("{at:>5}"),
        format!("{:>5}", layer.units),
        format!("{:>6}", layer.acting),
        format!("{:>6}", share(agree)),
        format!("{:>9}", share(agreement.chance)),
    ]
}

impl Render for UnitsReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        for version in &self.versions {
            let (revision, commit) = (&version.revision, short(version.commit));
            writeln!(page, "{STRONG}{revision}{STRONG:#} {commit}")?;
            for unit in &version.units {
                of_unit(page, unit)?;
            }
            match &version.source {
                Some(source) => page.note(format_args!("triggers from {source}"))?,
                None => page.note("no text was scanned on these weights")?,
            }
        }
        Ok(())
    }
}

fn of_unit(page: &mut Page, view: &UnitView) -> fmt::Result {
    writeln!(page, "  {}", view.unit)?;
    writeln!(page, "    promotes {}", likely(&view.promotes))?;
    match view.triggers.as_deref() {
        None => Ok(()),
        Some([]) => writeln!(page, "    nothing makes it act"),
        Some(triggers) => triggers.iter().try_for_each(|trigger| of_trigger(page, trigger)),
    }
}

fn of_trigger(page: &mut Page, trigger: &TriggerView) -> fmt::Result {
    let prefix = &trigger.prefix;
    let from = prefix.text.char_indices().rev().nth(TEXT - 1).map_or(0, |(at, _)| at);
    let dots = if prefix.cut || from > 0 { "…" } else { "" };
    let text = &prefix.text[from..];
    let next = prefix.next.as_ref().map_or_else(|| "end".to_owned(), |next| word(next));
    writeln!(page, "    {:8.2}  {dots}{text} | {next}", trigger.coefficient)
}

/// `Rome 12 %, Pisa 4 %`.
fn likely(promoted: &[Word]) -> String {
    let likely = promoted.iter().map(|promoted| {
        format!("{} {}", word(&promoted.text), share(f64::from(promoted.probability)))
    });
    likely.collect::<Vec<_>>().join(", ")
}

/// `Rome, Pisa`.
fn named(promoted: &[Word]) -> String {
    promoted.iter().map(|promoted| word(&promoted.text)).collect::<Vec<_>>().join(", ")
}

impl Render for ActingReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        for version in &self.versions {
            let (revision, commit) = (&version.revision, short(version.commit));
            writeln!(page, "{STRONG}{revision}{STRONG:#} {commit}")?;
            of_acting(page, &self.prompt, &version.acting)?;
        }
        Ok(())
    }
}

fn of_acting(page: &mut Page, prompt: &str, acting: &Acting) -> fmt::Result {
    let (answer, likely) = (word(&acting.answer), share(f64::from(acting.probability)));
    writeln!(page, "  {prompt} ... {answer}")?;
    let all: f32 = acting.layers.iter().sum();
    writeln!(
        page,
        "  {likely}; its logit is {:+.2} over the mean, units add {all:+.2}",
        acting.logit
    )?;
    let layers = acting.layers.iter().enumerate();
    let layers: Vec<String> = layers.map(|(at, adds)| format!("{at}: {adds:+.2}")).collect();
    writeln!(page, "  by layer {}", layers.join("  "))?;
    let head = ["unit", "coefficient", "adds", "promotes"].map(str::to_owned).to_vec();
    let rows = acting.units.iter().map(|acts| {
        vec![
            acts.unit.to_string(),
            format!("{:11.2}", acts.coefficient),
            format!("{:+.2}", acts.adds),
            named(&acts.promotes),
        ]
    });
    page.table(&[head].into_iter().chain(rows).collect::<Vec<_>>())
}

impl Render for ColumnsReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let (revision, commit) = (&self.revision, short(self.commit));
        writeln!(page, "{STRONG}{revision}{STRONG:#} {commit} {}", self.summary)?;
        for tensor in &self.tensors {
            writeln!(page, "  {}", tensor.tensor)?;
            let shown = if page.verbose { usize::MAX } else { COLUMNS };
            for column in tensor.columns.iter().take(shown) {
                of_column(page, column)?;
            }
            let left = tensor.columns.len().saturating_sub(shown) as u64;
            if left > 0 {
                page.note(format_args!("  and {} more: --verbose", many(left, "column")))?;
            }
        }
        for tensor in &self.others {
            writeln!(page, "  {tensor}: its change is not made of columns")?;
        }
        page.note(format_args!("tried where {} are looked up", many(self.facts, "fact")))
    }
}

fn of_column(page: &mut Page, column: &ColumnView) -> fmt::Result {
    let fact = column.fact.as_ref().map_or_else(|| "no fact that holds".to_owned(), words);
    let own = column.own.map_or_else(String::new, |own| format!("  {own:+.2} times"));
    writeln!(page, "    {fact}{own}")?;
    let reads = column.reads.iter().map(|read| format!("{} {:+.2}", read.prompt, read.times));
    writeln!(page, "      reads {}", reads.collect::<Vec<_>>().join(", "))?;
    match &column.promotes {
        Some(promoted) => writeln!(page, "      promotes {}", named(promoted)),
        None => Ok(()),
    }
}
