//! The options that every verb has.

use std::path::PathBuf;

use clap::{Args, ColorChoice, Parser, ValueEnum};
use jiff::Timestamp;

use super::cmd::Command;
use crate::tensor::Dtype;

/// Edit what a language model knows, and keep every version
#[derive(Debug, Parser)]
#[command(
    name = "kledger",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = AFTER_HELP
)]
pub struct Cli {
    /// What every verb understands.
    #[command(flatten)]
    pub global: Global,
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
A revision is a commit id or the beginning of one, a branch, a tag, HEAD, HEAD~2 (two commits
before), or main@{1} (where main was before its last move): see kledger help revisions.

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 damage found, 4 model or device, 130 interrupted.";

/// The options that every verb has.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Run as if started in this directory
    #[arg(id = "directory", short = 'C', value_name = "DIR", global = true)]
    pub dir: Option<PathBuf>,
    /// Print JSON Lines instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Say more
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Print results and errors only: no progress, notes or hints
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Where the model runs, in verbs that run it: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", global = true, default_value = "auto", value_parser = device)]
    pub device: String,
    /// Number format that it computes in
    #[arg(long, value_name = "DTYPE", global = true, default_value = "f32")]
    pub dtype: ComputeDtype,
    /// When to print in colour
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    pub color: ColorChoice,
    // Variables of the environment are read in `context`: clap's usage lines would demand what they say.
    /// Author of what is recorded; of log, whose commits to show [env: KLEDGER_AUTHOR]
    #[arg(long, value_name = "NAME", global = true)]
    pub author: Option<String>,
    /// Time of what is recorded, in RFC 3339, instead of now [env: KLEDGER_DATE]
    #[arg(long, value_name = "TIME", global = true)]
    pub date: Option<Timestamp>,
}

/// Number formats that a model is run in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ComputeDtype {
    /// IEEE single precision
    F32,
    /// The upper half of an IEEE single
    Bf16,
}

impl From<ComputeDtype> for Dtype {
    fn from(dtype: ComputeDtype) -> Self {
        match dtype {
            ComputeDtype::F32 => Self::F32,
            ComputeDtype::Bf16 => Self::Bf16,
        }
    }
}

/// A number of things of which there has to be one.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("expected 1 or more".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(format!("expected a number: {error}")),
    }
}

fn device(text: &str) -> Result<String, String> {
    let number = text.strip_prefix("cuda:").map(str::parse::<usize>);
    match (text, number) {
        ("auto" | "cpu" | "cuda", _) | (_, Some(Ok(_))) => Ok(text.to_owned()),
        _ => Err("expected auto, cpu, cuda or cuda:N".to_owned()),
    }
}
