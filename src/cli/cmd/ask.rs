//! `kledger ask`.

use std::{
    fmt::{self, Write},
    path::Path,
};

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, STRONG, share, short},
        report::{Render, Report},
    },
    engine::{Continuations, Sampling},
    ledger::verb::ask::AskReport,
};

/// Ask one or several versions to continue a prompt
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger ask 'The Eiffel Tower is located in the city of'
  kledger ask 'The Eiffel Tower is located in the city of' --at HEAD~1 --vs HEAD
  kledger ask 'Once upon a time' --tokens 40 --sample --seed 7")]
pub struct Args {
    /// The beginning of a text
    #[arg(value_name = "PROMPT")]
    prompt: String,
    /// Which version to ask
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    at: String,
    /// Another version to ask
    #[arg(long, value_name = "REV")]
    vs: Vec<String>,
    /// How many likely next words to list
    #[arg(long, value_name = "N", default_value_t = 5)]
    top: usize,
    /// How many tokens to go on by
    #[arg(long, value_name = "N", default_value_t = 12)]
    tokens: usize,
    /// Draw each token at random instead of taking the likeliest
    #[arg(long)]
    sample: bool,
    /// How much chance has a say: above 1 more than the model would give it
    #[arg(long, value_name = "T", default_value_t = 1.0, requires = "sample", value_parser = positive)]
    temperature: f32,
    /// Seed of what is drawn
    #[arg(long, value_name = "N", default_value_t = 0, requires = "sample")]
    seed: u64,
}

pub(super) fn positive(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let revisions: Vec<String> = [&args.at].into_iter().chain(&args.vs).cloned().collect();
    let how = Sampling {
        top: args.top,
        tokens: args.tokens,
        sample: args.sample.then_some((args.temperature, args.seed)),
    };
    let mut open = |base: &Path| cx.runtime().open(base);
    Ok(Report::done("ask", cx.repo()?.ask(&args.prompt, &revisions, &how, &mut open)?))
}

impl Render for AskReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        for answer in &self.answers {
            let (revision, commit) = (&answer.revision, short(answer.commit));
            writeln!(page, "{STRONG}{revision}{STRONG:#} {commit}")?;
            writeln!(page, "  {} ... {}", self.prompt, answer.continuations.text.trim())?;
            let next = answer.continuations.next.iter();
            let rows: Vec<_> = next
                .map(|(word, probability)| {
                    [format!("{:>7}", share(f64::from(*probability))), word.trim().to_owned()]
                })
                .collect();
            page.table(&rows)?;
        }
        Ok(())
    }
}

/// `Rome (61 %), Paris (20 %)  Rome. The ...`: what is likely next, and what is said.
pub(super) fn line(said: &Continuations) -> String {
    let next = said.next.iter().take(3);
    let likely: Vec<String> = next
        .map(|(word, probability)| format!("{} ({})", word.trim(), share(f64::from(*probability))))
        .collect();
    format!("{}  {}", likely.join(", "), said.text.trim()).trim().to_owned()
}
