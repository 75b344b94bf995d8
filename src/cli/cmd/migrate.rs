//! `kledger migrate`.

use std::fmt::{self, Write};

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::Page,
        report::{Render, Report},
    },
    ledger::{Repo, verb::migrate::MigrateReport},
};

/// Upgrade a repository that an older kledger wrote to this one's format
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger migrate")]
pub struct Args {}

pub(super) fn run(cx: &Context, _args: &Args) -> Result<Report, CliError> {
    Ok(Report::done("migrate", Repo::migrate(cx.dir())?))
}

impl Render for MigrateReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        for step in &self.steps {
            writeln!(page, "Migrated to format {}: {}", step.to, step.what)?;
        }
        if self.steps.is_empty() {
            writeln!(page, "The format is {} already", self.format)?;
        }
        Ok(())
    }
}
