//! `kledger init`.

use std::{
    fmt::{self, Write},
    path::PathBuf,
};

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, head, many},
        report::{Render, Report},
        runtime::Runtime,
    },
    ledger::{HeadView, Repo, verb::init::InitReport},
};

/// Make a repository around a model
///
/// Copies the checkpoint, a Hugging Face directory with config.json, tokenizer.json and safetensors,
/// into .kledger, where it stays as it is. Says at once if this kledger cannot edit it, without loading
/// its weights; the repository still takes in, keeps and gives out versions of it that were made elsewhere.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger init --model models/gpt2-xl
  kledger init --model ~/models/gpt2-xl capitals")]
pub struct Args {
    /// Directory of the model
    #[arg(long, short, value_name = "DIR")]
    model: PathBuf,
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
                Repo::init(&root, &model, &actor, progress.as_mut(), Runtime::doubts)?;
            Ok(Report::done("init", report))
        })
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
