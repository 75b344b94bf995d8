//! `kledger init`.

use std::{
    fmt::{self, Write},
    path::{Path, PathBuf},
};

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, head, many},
        report::{Render, Report},
        runtime::Runtime,
    },
    engine::EngineError,
    ledger::{HeadView, Repo, verb::init::InitReport},
};

/// Make a repository around a model
///
/// Copies the checkpoint, a Hugging Face directory with config.json, tokenizer.json and safetensors,
/// into .kledger, where it stays as it is. Refuses at once what this kledger cannot edit, without loading its
/// weights; with --anyway the repository still imports, keeps and exports versions that other tools made.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger init --model models/gpt2-xl
  kledger init --model ~/models/gpt2-xl capitals")]
pub struct Args {
    /// Directory of the model
    #[arg(long, short, value_name = "DIR")]
    model: PathBuf,
    /// Also around a model that cannot be edited or asked: for its history alone
    #[arg(long)]
    anyway: bool,
    /// Where to make the repository
    #[arg(value_name = "DIR", default_value = ".")]
    root: PathBuf,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let root = cx.path(&args.root);
    std::fs::create_dir_all(&root)
        .and_then(|()| root.canonicalize())
        .map_err(|source| CliError::Dir { dir: root.clone(), source })
        .and_then(|root| {
            let (actor, mut progress) = (cx.actor(None)?, cx.progress());
            let model = cx.path(&args.model);
            let (_, report) =
                Repo::init(&root, &model, &actor, progress.as_mut(), |model| examine(args, model))?;
            Ok(Report::done("init", report))
        })
}

/// What a repository around a model that cannot be run is for.
const ANYWAY: &str = "with --anyway the repository is made for history alone: it imports (with --no-check) and exports \
                      versions, and none is edited or asked";

/// What the user should know of the model.
fn examine(args: &Args, model: &Path) -> Result<Vec<String>, EngineError> {
    match Runtime::doubts(model) {
        Err(EngineError::Unusable { source, .. }) if args.anyway => Ok(vec![format!(
            "for history alone: no edit can be made in this model, and nothing asked of it: {source}"
        )]),
        Err(EngineError::Unusable { source, hint }) => {
            let hint = hint.map(|hint| hint + "; ").unwrap_or_default() + ANYWAY;
            Err(EngineError::Unusable { source, hint: Some(hint) })
        }
        doubts => doubts,
    }
}

impl Render for InitReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "Repository in {}", self.root.display())?;
        let at = HeadView { branch: Some(self.branch.clone()), commit: self.commit };
        writeln!(page, "[{}] base {}", head(&at), self.model_type)?;
        page.note(format_args!(
            "{} parameters in {}, templates for {}",
            self.parameters,
            many(self.tensors, "tensor"),
            many(self.predicates, "predicate")
        ))?;
        for note in &self.notes {
            page.note(note)?;
        }
        Ok(())
    }
}
