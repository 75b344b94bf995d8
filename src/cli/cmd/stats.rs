//! `kledger stats`.

use std::{
    fmt::{self, Write},
    path::PathBuf,
};

use crate::{
    cli::{
        context::Context,
        edit_args::Settings,
        error::CliError,
        page::{Page, bytes, many},
        report::{Render, Report},
    },
    engine::StatisticsText,
    input,
    ledger::{
        MOST_SAMPLED_TOKENS,
        verb::stats::{StatsOptions, StatsReport},
    },
};

/// Compute the statistics that editing needs from your own text
///
/// Without this, commits compute them from text that the model itself writes. Each line of a
/// corpus file is a document.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger stats --corpus wikipedia.txt
  kledger stats --tokens 200000")]
pub struct Args {
    /// Text files, one document a line; without any, the model writes the text
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["tokens", "seed"])]
    corpus: Vec<PathBuf>,
    /// Tokens the model writes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_SAMPLED_TOKENS))]
    tokens: Option<u64>,
    /// Seed of what the model writes
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    settings: Settings,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let (text, source) = if args.corpus.is_empty() {
        let tokens = args.tokens.unwrap_or(repo.config().statistics_tokens);
        let seed = args.seed.unwrap_or(repo.config().seed);
        let source = format!("{tokens} tokens sampled from the base, seed {seed}");
        (StatisticsText::Sampled { seed, tokens }, source)
    } else {
        let (documents, names) = corpus(cx, &args.corpus)?;
        (StatisticsText::Corpus(documents), names)
    };
    let (editor, settings) = args.settings.read(cx)?;
    let options = StatsOptions { text, source, editor, settings };
    let actor = cx.actor(Some(&repo))?;
    let mut open = |base: &std::path::Path| cx.runtime().open(base);
    let report = repo.stats(&actor, &options, &mut open, cx.stoppable().as_mut())?;
    Ok(Report::done("stats", report))
}

/// The lines of files that have text in them, and the files' names.
pub(super) fn corpus(cx: &Context, files: &[PathBuf]) -> Result<(Vec<String>, String), CliError> {
    let mut documents = Vec::new();
    let mut names = Vec::new();
    for path in files {
        let text = input::text(&cx.path(path))
            .map_err(|source| CliError::Read { path: path.clone(), source })?;
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        documents.extend(lines.map(str::to_owned));
        names.push(path.display().to_string());
    }
    Ok((documents, names.join(", ")))
}

impl Render for StatsReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let tensors = many(self.tensors.len() as u64, "tensor");
        writeln!(page, "Statistics of {tensors} on {} tokens", self.tokens)?;
        page.note(format_args!("{}, {}", self.source, bytes(self.bytes)))
    }
}
