//! `export`: a version, or its changes alone, to somewhere else.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use serde_json::Value;

use crate::{
    checkpoint::{self, Checkpoint, Ranks},
    commit::{Check, Commit, FactView},
    durable,
    engine::Progress,
    fact::{Fact, tree},
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        edit::{examine::WordedFact, sample::Sample},
        exchange::{
            adapter::{self, Fidelity},
            bundle::Bundle,
            card::{self, Card, Load},
        },
        lineage::{line::Line, load},
        report::wording,
        state::{
            checkout::{is_empty, real_dir},
            manifest::Manifest,
            open::Ledger,
        },
    },
};

/// What `export` wrote.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExportReport {
    /// The version.
    pub commit: Id<Commit>,
    /// The directory written.
    pub dir: PathBuf,
    /// How.
    pub format: ExportFormat,
    /// Tensors that differ from the base.
    pub tensors: Vec<String>,
    /// Bytes written.
    pub bytes: u64,
    /// Of an adapter: its rank.
    pub rank: Option<u64>,
    /// Of an adapter that vLLM takes: the least `--max-lora-rank` that it needs for it.
    pub max_lora_rank: Option<u64>,
    /// Of an adapter whose rank was cut down: how far it is from the version.
    pub fidelity: Option<Fidelity>,
    /// What is worth knowing about who can load it.
    pub notes: Vec<String>,
}

/// How a version is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// A Hugging Face directory that shares nothing with the repository.
    #[default]
    Merged,
    /// A LoRA adapter of one rank, for every loader.
    Peft,
    /// A LoRA adapter whose modules have ranks of their own, for PEFT.
    PeftPatterns,
    /// The deltas, for other repositories.
    Delta,
}

/// What to export besides the version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// How.
    pub format: ExportFormat,
    /// Of an adapter: the rank it may have. Larger changes are approximated.
    pub max_rank: Option<usize>,
    /// What an adapter and the model card call the base; else what its configuration says, or where the
    /// repository keeps it.
    pub base_model: Option<String>,
}

/// What is told of a version besides its weights.
struct Told {
    commit: Commit,
    line: Line,
    facts: Vec<FactView>,
    /// The facts and words for them as triples.
    triples: Vec<Fact>,
    check: Option<Check>,
    /// Facts that can be asked, at most as many as the settings say.
    questions: Vec<WordedFact>,
}

/// The values that vLLM takes for `--max-lora-rank`.
const VLLM_RANKS: &[u64] = &[1, 8, 16, 32, 64, 128, 256, 320, 512];
/// Architectures for which vLLM has no LoRA.
const NOT_IN_VLLM: &[&str] = &["gpt2", "gptj"];

impl Repo {
    /// Writes the version that `revision` names to the new or empty directory `dir`. HEAD stays
    /// where it is. An engine is opened only where a rank has to be cut down.
    ///
    /// # Errors
    /// When there is no such revision, its weights are not those its commit names, an adapter cannot
    /// hold it, or the directory is not empty or cannot be written.
    pub fn export(
        &self,
        revision: &str,
        dir: &Path,
        options: &ExportOptions,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<ExportReport, LedgerError> {
        let ledger = self.read()?;
        let id = ledger.resolve(revision)?;
        let told = told(&ledger, ledger.commit(id)?)?;
        drop(ledger);
        let found = real_dir(dir)?;
        let dir = found.as_deref().unwrap_or(dir);
        if found.is_some() && !is_empty(dir)? {
            return Err(LedgerError::NotEmpty { dir: dir.to_owned() });
        }
        self.verify_base()?;
        let base = self.base()?;
        let weights = self.weights(id, &told.commit, &told.line)?;
        let base_model =
            options.base_model.clone().unwrap_or_else(|| name(&base, &self.base_dir()));
        let version = load::load(&self.store().tensors(), base.clone(), &told.line)?;
        let mut report = ExportReport {
            commit: id,
            dir: dir.to_owned(),
            format: options.format,
            tensors: weights.keys().cloned().collect(),
            bytes: 0,
            rank: None,
            max_lora_rank: None,
            fidelity: None,
            notes: Vec::new(),
        };

        let mut cut = None;
        if let ExportFormat::Peft | ExportFormat::PeftPatterns = options.format {
            let targets = adapter::targets(&version)?;
            let too_large = |tensor: &String| adapter::exceeds(&version, tensor, options.max_rank);
            let mut engine = None;
            if options.max_rank.is_some() && targets.keys().any(too_large) {
                engine = Some(self.engine(&mut *open)?);
            }
            let found =
                adapter::cut(&version, &targets, options.max_rank, engine.as_deref(), progress)?;
            let Some(rank) = found.changes.iter().map(|change| change.left.cols as u64).max()
            else {
                return Err(LedgerError::NothingToAdapt { commit: id });
            };
            if let (Some(lost), Some(engine)) = (found.lost, &mut engine) {
                let merged = adapter::merged(&base, &found.changes)?;
                report.fidelity = Some(adapter::compare(
                    engine.as_mut(),
                    &told.questions,
                    &weights,
                    &merged,
                    lost,
                    progress,
                )?);
            }
            report.rank = Some(rank);
            serving(&mut report, rank, base.model_type()?);
            cut = Some(found);
        }

        let card = Card {
            commit: id,
            version: &told.commit,
            facts: &told.facts,
            check: told.check.as_ref(),
            fidelity: report.fidelity.as_ref(),
            base_model: &base_model,
            tensors: &report.tensors,
            load: match options.format {
                ExportFormat::Merged => Load::Checkpoint,
                ExportFormat::Peft | ExportFormat::PeftPatterns => Load::Adapter,
                ExportFormat::Delta => Load::Delta,
            },
        }
        .text();
        progress.start("files", None);
        let filled = durable::fill_dir(dir, |dir| {
            let adapter = |ranks| {
                let changes = cut.as_ref().map_or(&[][..], |cut| &cut.changes);
                checkpoint::write_adapter(dir, changes, ranks, base.model_type()?, &base_model)
            };
            match options.format {
                ExportFormat::Merged => checkpoint::write_merged(&base, &weights, dir)?,
                ExportFormat::Peft => adapter(Ranks::Uniform)?,
                ExportFormat::PeftPatterns => adapter(Ranks::Patterns)?,
                ExportFormat::Delta => Bundle {
                    base: told.commit.base,
                    source: format!("commit {id}"),
                    deltas: Bundle::of(&version, &told.line),
                    weights: told.commit.weights.clone(),
                    facts: told.triples.clone(),
                }
                .write(dir)?,
            }
            durable::write(&dir.join(card::FILE), card.as_bytes())?;
            if options.format == ExportFormat::Merged {
                Manifest::write(dir, id, told.commit.base, &|_| None)?;
            }
            Ok::<_, LedgerError>(())
        })?;
        filled.place_new()?;
        progress.finish("");
        report.bytes =
            size(dir).map_err(|source| LedgerError::Read { path: dir.to_owned(), source })?;
        Ok(report)
    }
}

fn told(ledger: &Ledger<'_>, commit: Commit) -> Result<Told, LedgerError> {
    let line = ledger.line(&commit)?;
    let lexicon = ledger.lexicon(&commit);
    let (mut facts, mut triples) = (Vec::new(), Vec::new());
    let mut named = std::collections::BTreeSet::new();
    for entry in tree::iter(ledger, commit.facts) {
        let (_, fact) = entry?;
        facts.push(wording::fact_view(&lexicon, &fact)?);
        named.extend(fact.iris().cloned().chain([fact.question()]));
        triples.push(fact);
    }
    facts.sort_by(|a, b| a.triple.cmp(&b.triple));
    triples.sort();
    let mut said = Vec::new();
    for iri in &named {
        said.extend(lexicon.words(iri)?.triples());
    }
    said.extend(triples);
    let config = ledger.config;
    let none = std::collections::BTreeMap::new();
    let sample = Sample::draw(ledger, &lexicon, commit.roots(), &none, config, config.seed)?;
    Ok(Told {
        line,
        facts,
        triples: said,
        check: ledger.check(&commit)?,
        questions: sample.earlier,
        commit,
    })
}

/// What the base calls itself, or where it is.
fn name(base: &Checkpoint, dir: &Path) -> String {
    let name = base.config().get("_name_or_path").and_then(Value::as_str);
    match name.filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => dir.display().to_string(),
    }
}

/// Who can serve an adapter of this rank.
fn serving(report: &mut ExportReport, rank: u64, model_type: &str) {
    if NOT_IN_VLLM.contains(&model_type) {
        report.notes.push(format!("vLLM has no LoRA for {model_type}: give it --format merged"));
        return;
    }
    report.max_lora_rank = VLLM_RANKS.iter().copied().find(|&most| rank <= most);
    report.notes.push(match report.max_lora_rank {
        Some(most) => format!("vLLM needs --max-lora-rank {most}"),
        None => {
            let most = VLLM_RANKS.last().copied().unwrap_or_default();
            format!("vLLM takes ranks up to {most}: cut it down with --max-rank {most}, or give it --format merged")
        }
    });
}

/// Bytes in the files of `dir`.
fn size(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
