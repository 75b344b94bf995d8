//! `kledger completions`.

use std::fmt;

use clap::CommandFactory;
use clap_complete::Shell;
use serde::Serialize;

use crate::cli::{
    Cli,
    error::CliError,
    page::Page,
    report::{Render, Report},
};

/// Print what a shell needs to complete kledger's verbs and options
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger completions bash > ~/.local/share/bash-completion/completions/kledger
  kledger completions zsh > \"${fpath[1]}/_kledger\"
  kledger completions fish > ~/.config/fish/completions/kledger.fish")]
pub struct Args {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

#[derive(Debug, Serialize)]
struct Completions {
    shell: String,
    script: String,
}

pub(super) fn run(args: &Args) -> Result<Report, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "kledger", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    Ok(Report::done("completions", Completions { shell: args.shell.to_string(), script }))
}

impl Render for Completions {
    fn render(&self, page: &mut Page) -> fmt::Result {
        page.lines_of(&self.script);
        Ok(())
    }
}
