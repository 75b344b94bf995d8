//! `kledger train`.

use std::{
    fmt::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    cli::{
        context::Context,
        edit_args::Settings,
        error::CliError,
        page::{Page, bytes, many, share, short},
        report::{Render, Report},
    },
    engine::Validation,
    eval::dataset::{Dataset, Reading, Verbaliser},
    ledger::verb::train::{TrainOn, TrainOptions, TrainReport},
};

/// Train an editor that learns, on the base, with the facts of a version
///
/// Facts are given other objects of their predicate, and the editor learns to make such edits: so that other wordings give
/// the new object too, and other facts and what the model writes stay as they are. A ninth of the predicates and an eighth
/// of the subjects are held back, and nothing of the subjects that are staged is learned from. Training ends after its steps
/// or minutes, or when validation gets no better; Ctrl-C stops it, and the same command goes on. Commits by that editor are
/// made with what was trained last.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger train mend
  kledger train mend --minutes 30 --from main
  kledger train mend --data zsre_mend_train.json
  kledger train mend --steps 500 --set layers='[3, 4, 5]'
  kledger train enn && kledger import --from-artefact 1f3a
  kledger commit --editor mend -m 'With what was trained'")]
pub struct Args {
    /// Name of the editor
    #[arg(value_name = "EDITOR")]
    name: String,
    /// Whose facts are learned from
    #[arg(long, value_name = "REV", default_value = "HEAD", conflicts_with = "data")]
    from: String,
    /// Learn from the records of benchmarks in place of a version's facts: CounterFact, zsRE, EasyEdit or FEVER
    #[arg(long, value_name = "FILE", num_args = 1..)]
    data: Vec<PathBuf>,
    /// Steps at most
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(..=10_000_000))]
    steps: u64,
    /// How long to train, at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    minutes: Option<u32>,
    /// Seed of what is drawn
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// A setting of the editor; kledger editors NAME explains them
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Settings of the editor from a file, below --set
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

impl Args {
    /// What is learned from.
    fn on(&self, cx: &Context) -> Result<TrainOn, CliError> {
        if self.data.is_empty() {
            return Ok(TrainOn::Revision(self.from.clone()));
        }
        let mut cases = Vec::new();
        for file in &self.data {
            let name = file.to_string_lossy();
            let reading = Reading { verbaliser: Verbaliser::labels(), ..Reading::default() };
            let data = Dataset::read(&cx.path(file), &name, &reading)?;
            cases.extend(data.cases.into_iter().map(|(_, case)| case));
        }
        let names: Vec<_> = self.data.iter().map(|file| file.display().to_string()).collect();
        Ok(TrainOn::Cases { source: names.join(", "), cases })
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let settings = Settings::of(Some(args.name.clone()), args.set.clone(), args.settings.clone());
    let (editor, settings) = settings.read(cx)?;
    let options = TrainOptions {
        editor: editor.unwrap_or_else(|| args.name.clone()),
        settings,
        seed: args.seed,
        on: args.on(cx)?,
        steps: args.steps,
        time: args.minutes.map(|minutes| Duration::from_secs(60 * u64::from(minutes))),
    };
    let actor = cx.actor(Some(&repo))?;
    let mut open = |base: &Path| cx.runtime().open(base);
    let report = repo.train(&actor, &options, &mut open, cx.stoppable().as_mut())?;
    Ok(Report::done("train", report))
}

impl Render for TrainReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let facts = many(self.held_back.learned, "fact");
        writeln!(
            page,
            "Trained {} on {facts} in {} steps: {}",
            self.editor,
            self.steps,
            short(self.artefact)
        )?;
        let predicates = match self.held_back.predicates.len() as u64 {
            0 => String::new(),
            held => format!(", {} of {}", self.held_back.unseen, many(held, "predicate")),
        };
        page.note(format_args!(
            "{}; held back: {} of other subjects{predicates}",
            self.source,
            many(self.held_back.seen, "fact")
        ))?;
        page.note(format_args!("the best of step {}, {}", self.best, bytes(self.bytes)))?;
        validated(page, "subjects that it did not learn from", self.seen.as_ref())?;
        validated(page, "predicates that it did not learn from", self.unseen.as_ref())?;
        self.notes.iter().try_for_each(|note| page.note(note))
    }
}

/// How single edits went.
pub(super) fn validated(page: &mut Page, of: &str, validation: Option<&Validation>) -> fmt::Result {
    let Some(validation) = validation else { return Ok(()) };
    writeln!(
        page,
        "  {} of {of}: {} hold, {} in other words; {} of others stay",
        many(validation.edits, "edit"),
        share(validation.reliability),
        share(validation.generality),
        share(validation.locality)
    )
}
