//! `kledger completions`.

use std::fmt;

use clap_complete::Shell;
use serde::Serialize;

use crate::cli::{
    complete,
    error::CliError,
    page::Page,
    report::{Render, Report},
};

/// Print what a shell needs to complete verbs, options, versions and subjects
///
/// The script asks kledger itself. make install installs it for bash, zsh and fish.
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
    let shell = args.shell.to_string();
    let script = complete::script(&shell).unwrap_or_default();
    Ok(Report::done("completions", Completions { shell, script }))
}

impl Render for Completions {
    fn render(&self, page: &mut Page) -> fmt::Result {
        page.lines_of(&self.script);
        Ok(())
    }
}
