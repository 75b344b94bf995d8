//! `kledger import`.

use std::{
    fmt::{self, Write},
    path::{Path, PathBuf},
};

use super::{commit, show};
use crate::{
    cli::{
        context::Context,
        edit_args::RequireArgs,
        error::CliError,
        page::{Page, bytes, committed, counts, many},
        report::{Render, Report},
        runtime::Runtime,
    },
    ledger::{
        LedgerError, OpenEngine, Repo,
        verb::import::{ImportOptions, ImportReport, ImportSource},
    },
};

/// Import a delta, adapter, checkpoint or trained artefact as a commit
///
/// The change is added to what HEAD has. It is kept exactly: an adapter as its factors, a checkpoint as
/// what makes the version it was trained from into it, bit for bit. Only a delta that kledger exported
/// brings facts along; any other is reverted as a whole. Later facts are edited into the base with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger import --from-delta ../other/landmarks
  kledger import --from-peft lora-out -m 'House style'
  kledger import --from-checkpoint finetuned --no-check
  kledger import --from-checkpoint finetuned --trained-from HEAD~2
  kledger import --from-artefact 1f3a -m 'What enn was trained to'")]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// Why
    #[arg(long, short, value_name = "MESSAGE")]
    message: Option<String>,
    /// The version that the checkpoint was trained from: else the nearest is looked for, and has to be
    /// the base
    #[arg(long, value_name = "REV", conflicts_with_all = ["from_delta", "from_peft", "from_artefact"])]
    trained_from: Option<String>,
    /// Import an adapter even if it says that it is for another model
    #[arg(long, conflicts_with_all = ["from_delta", "from_checkpoint", "from_artefact"])]
    any_base: bool,
    /// Run no model: do not ask what holds afterwards
    #[arg(long, conflicts_with = "require")]
    no_check: bool,
    #[command(flatten)]
    require: RequireArgs,
}

/// Where the change is.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// A directory that kledger export --format delta wrote, for the same base
    #[arg(long, value_name = "DIR")]
    from_delta: Option<PathBuf>,
    /// A LoRA adapter as PEFT saves it
    #[arg(long, value_name = "DIR")]
    from_peft: Option<PathBuf>,
    /// A checkpoint that was trained on from the base or a version; its numbers may be in f32, f16 or bf16,
    /// and it needs no tokenizer
    #[arg(long, value_name = "DIR")]
    from_checkpoint: Option<PathBuf>,
    /// What an editor was trained to, where its edits stand on a change of the base: the beginning of its id
    #[arg(long, value_name = "ARTEFACT")]
    from_artefact: Option<String>,
}

impl Source {
    fn read(&self, cx: &Context, repo: &Repo) -> Result<Option<ImportSource>, LedgerError> {
        let Self { from_delta, from_peft, from_checkpoint, from_artefact } = self;
        let path = |dir: &PathBuf| cx.path(dir);
        let delta = from_delta.as_ref().map(path).map(ImportSource::Delta);
        let peft = from_peft.as_ref().map(path).map(ImportSource::Peft);
        let checkpoint = from_checkpoint.as_ref().map(path).map(ImportSource::Checkpoint);
        let artefact = from_artefact.as_ref().map(|name| repo.artefact_named(name)).transpose()?;
        Ok(delta.or(peft).or(checkpoint).or(artefact.map(ImportSource::Artefact)))
    }
}

impl Args {
    pub(super) const fn may_run_the_model(&self) -> bool {
        !self.no_check
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let source = args.source.read(cx, &repo)?.expect("because clap asks for one of them");
    let actor = cx.actor(Some(&repo))?;
    let mut open = |base: &Path| cx.runtime().open(base);
    let engine: Option<OpenEngine<'_>> =
        if args.no_check || !Runtime::is_there() { None } else { Some(&mut open) };
    let options = ImportOptions {
        message: args.message.clone(),
        trained_from: args.trained_from.clone(),
        any_base: args.any_base,
        require: args.require.requirements()?,
    };
    let mut progress = cx.stoppable();
    let report = repo.import(&actor, &source, &options, engine, progress.as_mut())?;
    Ok(Report::done("import", report))
}

impl Render for ImportReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "{}", committed(&self.head, &self.commit))?;
        page.note(format_args!(
            "{}, {}, delta {} (model {})",
            counts(&self.facts),
            many(self.tensors.len() as u64, "tensor"),
            bytes(self.delta_bytes),
            bytes(self.base_bytes)
        ))?;
        if page.verbose {
            let rows: Vec<_> = self
                .tensors
                .iter()
                .map(|tensor| [tensor.name.clone(), show::rank(tensor.rank)])
                .collect();
            page.table(&rows)?;
        }
        if let Some(check) = &self.check {
            if !check.facts.is_empty() {
                page.note(commit::check_rates(check))?;
            }
            commit::check(check, &[], page)?;
        }
        for note in &self.notes {
            page.note(note)?;
        }
        self.check.as_ref().map_or(Ok(()), |check| commit::remedy(check, page))
    }
}
