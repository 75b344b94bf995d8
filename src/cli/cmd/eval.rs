//! `kledger eval`.

use std::{
    fmt::{self, Write},
    path::{Path, PathBuf},
};

use crate::{
    cli::{
        args::at_least_one,
        context::Context,
        error::CliError,
        page::{Page, many, short},
        picture,
        plot::{Chart, Line, Places, Plot},
        report::{Render, Report},
    },
    durable,
    engine::{Drawing, Length},
    eval::{
        Case, EASYEDIT, MEND, Metric, PROTOCOLS, Protocol, Source, Weights,
        dataset::{Answer, Dataset, Layout, Reading, References, Verbaliser},
    },
    input,
    ledger::{
        Evaluation, LedgerError, Repo, Texts,
        verb::eval::{EvalOptions, EvalReport, Evaluated, Material},
    },
};

/// Tokens of a text that a model writes, its beginning included, as in ROME and MEMIT.
const TEXT: usize = 100;
/// Likeliest tokens of which the next one is drawn, as there.
const TOP: usize = 5;

/// Measure how good a version's edits are, with the protocols of the papers
///
/// Figures carry the name and version of their protocol, because those of different protocols cannot
/// be compared: docs/evaluation.md says what each asks and computes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger eval --facts
  kledger eval HEAD --vs HEAD~1 --dataset counterfact.json --limit 100
  kledger eval --dataset zsre_mend_eval.json --protocol mend --records cases.jsonl
  kledger eval --dataset counterfact.json --store --plot history.svg
  kledger eval --text wikitext.txt")]
pub struct Args {
    /// The version
    #[arg(value_name = "REV", default_value = "HEAD")]
    revision: String,
    /// Another version to measure beside it
    #[arg(long, value_name = "REV")]
    vs: Option<String>,
    #[command(flatten)]
    material: MaterialArgs,
    /// What to measure: counterfact, zsre, mend, easyedit, fever or wild; otherwise what the dataset's authors
    /// do, and easyedit for facts
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol, conflicts_with = "text")]
    protocol: Option<&'static Protocol>,
    /// Cases to measure at most
    #[arg(long, value_name = "N", value_parser = at_least_one, conflicts_with = "text")]
    limit: Option<usize>,
    /// Of several records for one subject and predicate, take the first, as add --from does
    #[arg(long, requires = "dataset")]
    skip_conflicts: bool,
    /// The words for true and false claims [default: True,False, or the classes SUPPORTS,REFUTES of a model that has them]
    #[arg(long, value_name = "TRUE,FALSE", requires = "dataset")]
    words: Option<Verbaliser>,
    /// Have the model write texts too, for fluency and consistency; this takes long
    #[arg(long, conflicts_with = "text")]
    generate: bool,
    /// Seed of those texts
    #[arg(long, value_name = "N", default_value_t = 0, requires = "generate")]
    seed: u64,
    /// Reference texts for consistency, as in CounterFact's attribute_snippets.json
    #[arg(long, value_name = "FILE", requires_all = ["generate", "dataset"])]
    references: Option<PathBuf>,
    /// Write each case, what was asked and how likely each token was, as JSON Lines
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    records: Option<PathBuf>,
    /// Keep the figures in the repository; kledger show shows them
    #[arg(long)]
    store: bool,
    /// Draw the version's history: figures that are stored or just measured against the number of facts
    #[arg(long, value_name = "FILE.svg|png", value_parser = picture::file, conflicts_with = "text")]
    plot: Option<PathBuf>,
}

/// What to examine versions in.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct MaterialArgs {
    /// A benchmark's file: CounterFact, zsRE, EasyEdit's layout or FEVER
    #[arg(long, value_name = "FILE")]
    dataset: Option<PathBuf>,
    /// The version's own facts, with the paraphrases and neighbours that no edit saw
    #[arg(long)]
    facts: bool,
    /// A text, for its perplexity
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
}

fn protocol(name: &str) -> Result<&'static Protocol, String> {
    let known: Vec<&str> = PROTOCOLS.iter().map(|protocol| protocol.name).collect();
    PROTOCOLS
        .into_iter()
        .find(|protocol| protocol.name == name)
        .ok_or_else(|| format!("expected one of {}", known.join(", ")))
}

/// Lines that are told apart by colour.
const LINES: usize = 4;

/// The first figures of each evaluation in `history`, oldest first; `like` says which.
fn plot(like: &Evaluation, history: &[Evaluated]) -> Plot {
    let line = |line: &Metric| {
        let at = |it: &Evaluated| {
            let mut metrics = it.evaluation.metrics.iter();
            Some((it.facts, metrics.find(|metric| metric.name == line.name)?.mean))
        };
        Line { name: line.name.clone(), points: history.iter().filter_map(at).collect() }
    };
    let title = format!("{} {} on {}", like.protocol, like.protocol_version, like.source.name);
    let lines = like.metrics.iter().take(LINES).map(line).collect();
    let charts = vec![Chart { heading: String::new(), lines }];
    Plot { title: vec![title], places: Places::Numbers("facts".to_owned()), charts }
}

/// The cases of a dataset and how they are measured.
struct Loaded {
    source: Source,
    cases: Vec<Case>,
    protocol: &'static Protocol,
    weights: Weights,
    notes: Vec<String>,
}

impl Args {
    fn load(&self, cx: &Context, repo: &Repo, file: &Path) -> Result<Loaded, CliError> {
        let alternative = [EASYEDIT.name, MEND.name];
        let answer = match self.protocol {
            Some(protocol) if alternative.contains(&protocol.name) => Answer::Alternative,
            _ => Answer::True,
        };
        let verbaliser = match &self.words {
            Some(words) => words.clone(),
            None => {
                let (base, labels) = (repo.base()?, Verbaliser::labels());
                let has = |class: &str| base.classes().any(|own| own == class);
                if has(&labels.holds) && has(&labels.fails) {
                    labels
                } else {
                    Verbaliser::default()
                }
            }
        };
        let reading = Reading { limit: self.limit, answer, verbaliser };
        let mut dataset = Dataset::read(&cx.path(file), &file.to_string_lossy(), &reading)?;
        if self.words.is_some() && dataset.layout != Layout::Fever {
            return Err(CliError::NotFor { option: "--words", what: "FEVER's claims" });
        }
        let mut weights = Weights::default();
        if let Some(file) = &self.references {
            let references = References::read(&cx.path(file), &file.to_string_lossy())?;
            dataset.refer(&references);
            weights = references.weights();
        }
        if self.skip_conflicts {
            dataset.skip_conflicts();
        }
        let left_out = [
            (dataset.skipped, "left out: an earlier one answers the same question"),
            (dataset.passed_over, "left out: labelled neither true nor false"),
        ];
        let left_out = left_out.into_iter().filter(|(count, _)| *count > 0);
        let notes = left_out.map(|(count, why)| format!("{} {why}", many(count, "record")));
        let notes = notes.collect();
        Ok(Loaded {
            source: Source { name: name(file), ..dataset.source },
            protocol: self.protocol.unwrap_or_else(|| dataset.layout.protocol()),
            cases: dataset.cases.into_iter().map(|(_, case)| case).collect(),
            weights,
            notes,
        })
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    for file in [&args.records, &args.plot].into_iter().flatten() {
        can_hold(cx, file)?;
    }
    let actor = args.store.then(|| cx.actor(Some(&repo))).transpose()?;
    let revisions: Vec<String> = [&args.revision].into_iter().chain(&args.vs).cloned().collect();
    let loaded = match &args.material.dataset {
        Some(file) => args.load(cx, &repo, file)?,
        None => Loaded {
            source: Source::facts(),
            cases: Vec::new(),
            protocol: args.protocol.unwrap_or(&EASYEDIT),
            weights: Weights::default(),
            notes: Vec::new(),
        },
    };
    let text = match &args.material.text {
        Some(path) => {
            let text = input::text(&cx.path(path));
            let text = text.map_err(|source| CliError::Read { path: path.clone(), source })?;
            Some((Source::file(&name(path), text.as_bytes()), text))
        }
        None => None,
    };
    let material = match &text {
        Some((source, text)) => Material::Text(source, text),
        None if args.material.facts => Material::Facts(args.limit),
        None => Material::Cases(&loaded.source, &loaded.cases),
    };
    let drawing = Drawing { length: Length::Whole(TEXT), top: TOP, seed: args.seed };
    let options = EvalOptions {
        revisions: &revisions,
        material,
        protocol: loaded.protocol,
        texts: Texts { drawing: args.generate.then_some(drawing), weights: &loaded.weights },
        store: actor.as_ref(),
    };
    let mut open = |base: &Path| cx.runtime().open(base);
    let mut report = repo.eval(&options, &mut open, cx.progress().as_mut())?;
    report.notes.extend(loaded.notes);
    if let Some(path) = &args.records {
        let mut lines = String::new();
        for record in &report.records {
            let line = serde_json::to_string(record)
                .expect("because records are strings and finite numbers");
            lines.push_str(&line);
            lines.push('\n');
        }
        durable::write(&cx.path(path), lines.as_bytes()).map_err(LedgerError::from)?;
    }
    if let (Some(path), Some(version)) = (&args.plot, report.versions.first()) {
        let made = report.versions.iter().map(|made| (made.commit, report.evaluation(made)));
        let like = report.evaluation(version);
        let history = repo.evaluated(&args.revision, &like, &made.collect::<Vec<_>>())?;
        picture::write(cx, path, &plot(&like, &history))?;
    }
    Ok(Report::done("eval", report))
}

/// Refuses a file in a directory that is not there: after measuring for hours it would be too late.
pub(super) fn can_hold(cx: &Context, file: &Path) -> Result<(), CliError> {
    let dir = file.parent().unwrap_or(Path::new(""));
    let there = cx.path(dir).is_dir();
    let refusal = || CliError::NoPlace { path: file.to_owned(), dir: dir.to_owned() };
    there.then_some(()).ok_or_else(refusal)
}

/// What a file is called in reports.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

impl Render for EvalReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "{} {} on {}", self.protocol, self.protocol_version, self.source.name)?;
        for version in &self.versions {
            let (revision, facts) = (&version.revision, many(version.facts, "fact"));
            let cases = if self.protocol == crate::eval::PERPLEXITY.0 { "token" } else { "case" };
            let cases = many(version.cases, cases);
            page.note(format_args!("{revision} {}  {facts}, {cases}", short(version.commit)))?;
        }
        match self.versions.as_slice() {
            [one] => {
                let rows = one.metrics.iter().map(|m| [m.name.clone(), figure(m), m.about.clone()]);
                page.table(&rows.collect::<Vec<_>>())?;
            }
            [one, other, ..] => {
                let head = ["", &one.revision, &other.revision, ""].map(str::to_owned);
                let rows = one.metrics.iter().map(|metric| {
                    let same = other.metrics.iter().find(|other| other.name == metric.name);
                    let beside = same.map_or_else(String::new, figure);
                    [metric.name.clone(), figure(metric), beside, metric.about.clone()]
                });
                page.table(&[head].into_iter().chain(rows).collect::<Vec<_>>())?;
            }
            [] => {}
        }
        for note in &self.notes {
            page.note(note)?;
        }
        Ok(())
    }
}

/// `98.9 ± 0.2`, with the digits that papers print.
pub(super) fn figure(metric: &Metric) -> String {
    let digits = metric.unit.digits();
    match metric.interval {
        Some(interval) => format!("{:.digits$} ± {interval:.digits$}", metric.mean),
        None => format!("{:.digits$}", metric.mean),
    }
}
