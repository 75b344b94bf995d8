//! `kledger lens`.

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
    engine::{Lens, Said},
    ledger::verb::lens::LensReport,
};

/// Characters of a word in a grid.
const WORD: usize = 12;

/// Show what each block of a version would say after a prompt
///
/// The model's final norm and head read the stream as it leaves each block (the logit lens). Entropy says how undecided
/// a block is; the last column how far what it says is from what the model says in the end, both in nats.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger lens 'The Eiffel Tower is located in the city of' --expect Paris
  kledger lens 'The Eiffel Tower is located in the city of' --expect Rome --at HEAD~1 --vs HEAD
  kledger lens 'The Eiffel Tower is located in the city of' --all-tokens
  kledger lens 'The Eiffel Tower is located in the city of' --json")]
pub struct Args {
    /// The beginning of a text
    #[arg(value_name = "PROMPT")]
    prompt: String,
    /// Say of each block how likely this would be after the prompt, by its first token
    #[arg(long, value_name = "TEXT")]
    expect: Option<String>,
    /// Which version to look into
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    at: String,
    /// Another version to look into
    #[arg(long, value_name = "REV")]
    vs: Vec<String>,
    /// Show the likeliest word after each token of the prompt, not only after the last
    #[arg(long)]
    all_tokens: bool,
}

/// A report, and how much of it is read.
#[derive(Debug, serde::Serialize)]
struct Shown {
    #[serde(flatten)]
    report: LensReport,
    #[serde(skip)]
    all_tokens: bool,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let revisions: Vec<String> = [&args.at].into_iter().chain(&args.vs).cloned().collect();
    let mut open = |base: &Path| cx.runtime().open(base);
    let expected = args.expect.as_deref();
    let report = cx.repo()?.lens(&args.prompt, expected, &revisions, &mut open)?;
    Ok(Report::done("lens", Shown { report, all_tokens: args.all_tokens }))
}

impl Render for Shown {
    fn render(&self, page: &mut Page) -> fmt::Result {
        render(&self.report, self.all_tokens, page)
    }
}

impl Render for LensReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        render(self, false, page)
    }
}

fn render(report: &LensReport, all_tokens: bool, page: &mut Page) -> fmt::Result {
    for version in &report.versions {
        let (revision, commit) = (&version.revision, short(version.commit));
        writeln!(page, "{STRONG}{revision}{STRONG:#} {commit}")?;
        if all_tokens {
            page.table(&everywhere(&version.lens))?;
        } else {
            writeln!(page, "  {} ...", report.prompt)?;
            page.table(&at_the_end(&version.lens))?;
        }
    }
    Ok(())
}

/// After the last token, a row for each block.
fn at_the_end(lens: &Lens) -> Vec<Vec<String>> {
    let mut head = vec!["block".to_owned(), "likeliest".to_owned(), String::new()];
    if let Some(expected) = &lens.expected {
        head.extend([word(expected), "rank".to_owned()]);
    }
    head.extend(["entropy", "to the end"].map(str::to_owned));
    let ends = lens.blocks.iter().filter_map(|said| said.last()).enumerate();
    let row = |(block, said): (usize, &Said)| {
        let mut row = vec![format!("{block:>5}"), word(&said.word), percent(said.probability)];
        if let Some(expected) = said.expected {
            row.extend([percent(expected.probability), format!("{:>4}", expected.rank)]);
        }
        row.extend([format!("{:7.2}", said.entropy), format!("{:10.2}", said.divergence)]);
        row
    };
    [head].into_iter().chain(ends.map(row)).collect()
}

/// After each token, the likeliest word of each block.
fn everywhere(lens: &Lens) -> Vec<Vec<String>> {
    let blocks = (0..lens.blocks.len()).map(|block| block.to_string());
    let head = ["token".to_owned()].into_iter().chain(blocks).collect();
    let rows = lens.tokens.iter().enumerate().map(|(at, token)| {
        let said =
            lens.blocks.iter().map(|said| said.get(at).map_or_else(String::new, |s| word(&s.word)));
        [word(token)].into_iter().chain(said).collect()
    });
    [head].into_iter().chain(rows).collect()
}

/// A token as a cell: without the spaces around it, cut where it is long.
pub(super) fn word(token: &str) -> String {
    let text = token.trim();
    match text.char_indices().nth(WORD) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn percent(probability: f32) -> String {
    format!("{:>7}", share(f64::from(probability)))
}
