//! `kledger trace`.

use std::{
    fmt::{self, Write},
    path::{Path, PathBuf},
};

use super::{ask::positive, eval::can_hold, lens::word};
use crate::{
    cli::{
        args::at_least_one,
        context::Context,
        error::CliError,
        heat_map::{self, HeatMaps, Panel},
        page::{HEAT, Page, STRONG, many, share, short},
        picture,
        report::{Render, Report},
    },
    engine::{Restored, Tracing},
    ledger::{
        Average, ChosenLayers, LedgerError, Mean,
        verb::trace::{Subject, Trace, TraceReport, TraceVersion},
    },
};

/// Find out which states of a version its answers come from, by causal tracing
///
/// Noise makes the subject of a prompt unreadable, so that its answer is lost; then single things are put back as they
/// are without noise: the state after a block, or what MLPs or attention put out in a window of blocks, at one token.
/// What brings the answer back carries it (Meng et al., 2022). A cell is a digit: 0 is as likely as with noise, and is
/// shown as a dot, 9 as without.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger trace 'The Eiffel Tower is located in the city of'
  kledger trace 'The Eiffel Tower is located in the city of' --expect Rome --at HEAD~1 --vs HEAD
  kledger trace 'Ada drinks' --subject Ada --severed --plot trace.svg
  kledger trace --facts 100 --severed --plot average.svg
  kledger trace --facts --choose-layers --json")]
pub struct Args {
    /// The beginning of a text
    #[arg(value_name = "PROMPT", required_unless_present = "facts", conflicts_with = "facts")]
    prompt: Option<String>,
    /// What the prompt is about, as it writes it; otherwise the longest name in it that the version knows
    #[arg(long, value_name = "NAME", conflicts_with = "facts")]
    subject: Option<String>,
    /// Watch this continuation, by its first token, in place of the likeliest
    #[arg(long, value_name = "TEXT", conflicts_with = "facts")]
    expect: Option<String>,
    /// Average over facts that the version knows, its own and its neighbourhood's; 100 where N is not given
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "100", value_parser = at_least_one)]
    facts: Option<usize>,
    /// Which version to look into
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    at: String,
    /// Another version to look into, with the same noise and facts
    #[arg(long, value_name = "REV")]
    vs: Vec<String>,
    /// Put states back too while the token's MLPs, or its attention, stay as they are with noise
    #[arg(long)]
    severed: bool,
    /// Say which blocks' MLPs bring answers back at the subject's last token, and trace no more than that
    #[arg(long, conflicts_with_all = ["prompt", "severed"])]
    choose_layers: bool,
    /// Blocks whose MLPs or attention are put back together; otherwise a fifth of them
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    window: Option<usize>,
    /// Runs with noise, over which probabilities are averaged
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = at_least_one)]
    samples: usize,
    /// How strong the noise is, in deviations of the embeddings of all subjects
    #[arg(long, value_name = "X", default_value_t = 3.0, value_parser = positive)]
    noise: f32,
    /// Seed of the noise, and of which facts are drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Draw the grids, as SVG or PNG
    #[arg(long, value_name = "FILE.svg|png", value_parser = picture::file)]
    plot: Option<PathBuf>,
}

impl Args {
    fn tracing(&self) -> Tracing {
        let noise = f64::from(self.noise);
        let choosing = ChosenLayers::tracing(self.samples, self.seed, noise);
        let whole = [Restored::State, Restored::Mlp, Restored::Attention];
        let (restored, subject_last) = match (self.choose_layers, self.severed) {
            (true, _) => (choosing.restored, true),
            (false, true) => (Restored::ALL.to_vec(), false),
            (false, false) => (whole.to_vec(), false),
        };
        Tracing { window: self.window, restored, subject_last, ..choosing }
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    if let Some(file) = &args.plot {
        can_hold(cx, file)?;
    }
    let revisions: Vec<String> = [&args.at].into_iter().chain(&args.vs).cloned().collect();
    let (subject, expected) = (args.subject.as_deref(), args.expect.as_deref());
    let subject = match (&args.prompt, args.facts) {
        (Some(prompt), _) => Subject::Prompt { prompt, subject, expected },
        (None, facts) => Subject::Facts(facts.unwrap_or_default()),
    };
    let mut open = |base: &Path| cx.runtime().open(base);
    let (how, choose) = (args.tracing(), args.choose_layers);
    let mut progress = cx.stoppable();
    let report = repo.trace(subject, &revisions, &how, choose, &mut open, progress.as_mut())?;
    if let Some(path) = &args.plot {
        let model = repo.base()?.model_type().map_err(LedgerError::from)?.to_owned();
        let drawn = HeatMaps { title: title(&model, &report), rows: rows(&report) };
        picture::write(cx, path, &drawn)?;
    }
    Ok(Report::done("trace", report))
}

impl Render for TraceReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        for version in &self.versions {
            let (revision, commit) = (&version.revision, short(version.commit));
            writeln!(page, "{STRONG}{revision}{STRONG:#} {commit}")?;
            match &version.average {
                Some(average) => of_facts(page, average)?,
                None => version.traces.iter().try_for_each(|trace| of_prompt(page, trace))?,
            }
            for panel in panels(version) {
                heat(page, "  ", &panel)?;
            }
            if let Some(layers) = &version.layers {
                writeln!(page, "  {}", chosen(layers))?;
            }
        }
        page.note(settings(self))?;
        for note in &self.notes {
            page.note(note)?;
        }
        Ok(())
    }
}

fn of_prompt(page: &mut Page, trace: &Trace) -> fmt::Result {
    let (answer, traced) = (word(&trace.traced.answer), &trace.traced);
    writeln!(page, "  {} ... {answer}", trace.prompt)?;
    let (high, low) = (share(f64::from(traced.high)), share(f64::from(traced.low)));
    writeln!(page, "  {high}, with the subject unreadable {low}")
}

fn of_facts(page: &mut Page, average: &Average) -> fmt::Result {
    let Average { facts, high, low, .. } = average;
    let (high, low) = (share(high.mean), share(low.mean));
    writeln!(page, "  {}: {high}, with the subject unreadable {low}", many(*facts, "known fact"))?;
    for grid in &average.grids {
        let cells = grid.places.iter().flat_map(|place| {
            place
                .effects
                .iter()
                .enumerate()
                .map(move |(block, effect)| (place.place, block, effect))
        });
        let highest = cells.max_by(|(.., a), (.., b)| a.mean.total_cmp(&b.mean));
        if let Some((place, block, effect)) = highest {
            let (what, place) = (name(grid.restored, average.window), heat_map::place(place));
            let effect = gained(effect);
            page.note(format_args!("{what}: most at {place}, block {block}: {effect}"))?;
        }
    }
    Ok(())
}

/// `+31.4 ± 2.0 %`: what is gained, in points.
fn gained(effect: &Mean) -> String {
    format!("{:+.1} ± {:.1} %", 100.0 * effect.mean, 100.0 * effect.interval)
}

pub(super) fn chosen(layers: &ChosenLayers) -> String {
    let peak = layers.effects.iter().max_by(|a, b| a.mean.total_cmp(&b.mean));
    let peak = peak.map_or_else(String::new, |peak| format!(" (at most {})", gained(peak)));
    if layers.chosen.is_empty() {
        return format!("layers: none, no block's MLP brings answers back{peak}");
    }
    let chosen: Vec<String> = layers.chosen.iter().map(ToString::to_string).collect();
    format!("layers: {}{peak}", chosen.join(", "))
}

/// How it was done.
fn settings(report: &TraceReport) -> String {
    let TraceReport { samples, seed, noise, subjects, .. } = report;
    let samples = many(*samples as u64, "sample");
    let subjects = many(*subjects, "subject");
    format!("{samples} of noise, seed {seed}, {noise} deviations of the embeddings of {subjects}")
}

/// What is put back, in words.
fn name(restored: Restored, window: usize) -> String {
    match restored {
        Restored::State => "state".to_owned(),
        Restored::Mlp => format!("MLP of {}", many(window as u64, "block")),
        Restored::Attention => format!("attention of {}", many(window as u64, "block")),
        Restored::StateWithoutMlp => "state, MLP severed".to_owned(),
        Restored::StateWithoutAttention => "state, attention severed".to_owned(),
    }
}

/// The grids of a version: of its one prompt, or the average of all.
fn panels(version: &TraceVersion) -> Vec<Panel> {
    if let Some(average) = &version.average {
        let values = average.grids.iter().flat_map(|grid| &grid.places);
        let values = values.flat_map(|place| &place.effects);
        let highest = values.map(|effect| effect.mean).fold(0.0, f64::max);
        let panel = average.grids.iter().map(|grid| {
            let row = |place: &crate::ledger::PlaceEffects| {
                let effects = place.effects.iter().map(|effect| effect.mean).collect();
                (heat_map::place(place.place).to_owned(), effects)
            };
            let rows = grid.places.iter().map(row).collect();
            Panel { title: name(grid.restored, average.window), rows, from: 0.0, to: highest }
        });
        return panel.collect();
    }
    let grids = version.traces.iter().flat_map(|trace| {
        let traced = &trace.traced;
        let label = |at: usize| {
            let mark = if traced.subject.contains(&at) { "*" } else { "" };
            let token = traced.tokens.get(at).map_or_else(String::new, |token| word(token));
            format!("{token}{mark}")
        };
        traced.grids.iter().map(move |grid| {
            let row = |(at, row): (usize, &Vec<f32>)| {
                (label(at), row.iter().map(|&score| f64::from(score)).collect())
            };
            Panel {
                title: name(grid.restored, traced.window),
                rows: grid.scores.iter().enumerate().map(row).collect(),
                from: f64::from(traced.low),
                to: f64::from(traced.high),
            }
        })
    });
    grids.collect()
}

/// A row of digits for each row of a panel, coloured where the terminal has colours, further in than `margin`.
pub(super) fn heat(page: &mut Page, margin: &str, panel: &Panel) -> fmt::Result {
    let widest = panel.rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let blocks = panel.rows.first().map_or(0, |(_, row)| row.len());
    writeln!(page, "{margin}{}, blocks 0 to {}", panel.title, blocks.saturating_sub(1))?;
    for (label, row) in &panel.rows {
        let cells: String = row.iter().map(|&value| cell(panel.share(value))).collect();
        writeln!(page, "{margin}  {label:widest$} {cells}")?;
    }
    Ok(())
}

/// How much of the way to 9, as a digit.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 9")]
fn cell(share: f64) -> String {
    match (share * 9.0).round().clamp(0.0, 9.0) as usize {
        0 => " ·".to_owned(),
        digit => {
            let style = HEAT[(digit - 1) / 2];
            format!("{style} {digit}{style:#}")
        }
    }
}

/// What a picture is of: model, versions, prompt and settings.
fn title(model: &str, report: &TraceReport) -> Vec<String> {
    let first = report.versions.first();
    let what =
        first.map_or_else(String::new, |version| match (&version.average, &version.traces[..]) {
            (Some(average), _) => format!("Average over {}", many(average.facts, "known fact")),
            (None, [trace, ..]) => format!("{} ... {}", trace.prompt, word(&trace.traced.answer)),
            (None, []) => String::new(),
        });
    vec![what, format!("{model}; {}", settings(report))]
}

/// Panels beside each other.
const BESIDE: usize = 3;

/// The panels of each version in rows, the first with what they are of.
fn rows(report: &TraceReport) -> Vec<(String, Vec<Panel>)> {
    let of_version = |version: &TraceVersion| {
        let (high, low) = match (&version.average, &version.traces[..]) {
            (Some(average), _) => (average.high.mean, average.low.mean),
            (None, [trace, ..]) => (f64::from(trace.traced.high), f64::from(trace.traced.low)),
            (None, []) => (0.0, 0.0),
        };
        let (high, low) = (share(high), share(low));
        let (revision, commit) = (&version.revision, version.commit);
        let about = format!("{revision} {commit:.12}: {high}, with the subject unreadable {low}");
        let mut about = Some(about);
        let mut left = panels(version).into_iter().peekable();
        let mut rows = Vec::new();
        while left.peek().is_some() {
            let row = left.by_ref().take(BESIDE).collect();
            rows.push((about.take().unwrap_or_default(), row));
        }
        rows
    };
    report.versions.iter().flat_map(of_version).collect()
}
