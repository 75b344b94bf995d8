//! A version on its way out, and the formats that it is written in.
//!
//! Each [`Format`] writes from the same plain input, an [`Outgoing`], into an empty directory and says what it
//! wrote. What takes an engine, cutting a rank down, is done when the format is made; writing needs none.

mod card;
pub(crate) mod delta;
pub(crate) mod factors;
pub(crate) mod merged;
pub(crate) mod peft;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use serde_json::Value;

use self::factors::Fidelity;
use crate::{
    checkpoint::Checkpoint,
    commit::{Check, Commit, FactView},
    delta::Version,
    fact::{Fact, Words, tree},
    id::Id,
    ledger::{
        edit::{examine::WordedFact, sample::Sample},
        error::LedgerError,
        lineage::{line::Line, load},
        repo::Repo,
        report::wording,
        state::open::Ledger,
    },
    tensor::Tensor,
};

/// A way to write a version down.
pub(crate) trait Format {
    /// Writes `version` into the empty directory `dir`, with a model card.
    ///
    /// # Errors
    /// When a file cannot be written.
    fn write(&self, version: &Outgoing, dir: &Path) -> Result<Written, LedgerError>;
}

/// What a format has to say of what it wrote.
#[derive(Debug, Clone, Default)]
pub(crate) struct Written {
    /// Of an adapter: its rank.
    pub(crate) rank: Option<u64>,
    /// Of an adapter that vLLM takes: the least `--max-lora-rank` that it needs for it.
    pub(crate) max_lora_rank: Option<u64>,
    /// Of an adapter whose rank was cut down: how far it is from the version.
    pub(crate) fidelity: Option<Fidelity>,
    /// What is worth knowing about who can load it.
    pub(crate) notes: Vec<String>,
}

/// All that a format may need of a version. The store is closed when it is there.
pub(crate) struct Outgoing {
    pub(crate) id: Id<Commit>,
    pub(crate) told: Told,
    /// The edited tensors, as a checkout has them.
    pub(crate) weights: BTreeMap<String, Tensor>,
    /// The base and the deltas that make them.
    pub(crate) version: Version,
    /// What to load a change on: a name on the hub, or a path.
    pub(crate) base_model: String,
}

/// What is told of a version besides its weights.
pub(crate) struct Told {
    pub(crate) commit: Commit,
    pub(crate) line: Line,
    pub(crate) facts: Vec<FactView>,
    /// The facts and words for them as triples.
    pub(crate) triples: Vec<Fact>,
    pub(crate) check: Option<Check>,
    /// Facts that can be asked, at most as many as the settings say.
    pub(crate) questions: Vec<WordedFact>,
}

impl Outgoing {
    /// Builds what `told` tells of, the commit `id`. The whole base is compared with its fingerprint first: it may be
    /// copied, and leaves the repository then.
    ///
    /// # Errors
    /// When the base or a delta is damaged, or the weights are not those that the commit names.
    pub(crate) fn build(
        repo: &Repo,
        id: Id<Commit>,
        told: Told,
        base_model: Option<&str>,
    ) -> Result<Self, LedgerError> {
        repo.verify_base()?;
        let base = repo.base()?;
        let weights = repo.weights(id, &told.commit, &told.line)?;
        let base_model =
            base_model.map_or_else(|| own_name(&base, &repo.base_dir()), str::to_owned);
        let version = load::load(&repo.store().tensors(), base, &told.line)?;
        Ok(Self { id, told, weights, version, base_model })
    }

    pub(crate) const fn base(&self) -> &Arc<Checkpoint> {
        &self.version.base
    }
}

impl Told {
    /// Reads what there is to tell of `commit`.
    ///
    /// # Errors
    /// When an object is damaged.
    pub(crate) fn read(ledger: &Ledger<'_>, commit: Commit) -> Result<Self, LedgerError> {
        let line = ledger.line(&commit)?;
        let lexicon = ledger.lexicon(&commit);
        let (mut facts, mut triples) = (Vec::new(), Vec::new());
        let mut named = BTreeSet::new();
        for entry in tree::iter(ledger, commit.facts) {
            let (_, fact) = entry?;
            facts.push(wording::fact_view(&lexicon, &fact)?);
            named.extend(fact.iris().flat_map(|iri| [iri.clone(), Words::names_iri(iri)]));
            named.insert(fact.question());
            triples.push(fact);
        }
        facts.sort_by(|a, b| a.triple.cmp(&b.triple));
        triples.sort();
        // Words come before the facts that they are for, so that a reader has them when it reads these.
        let mut said = Vec::new();
        for iri in &named {
            said.extend(lexicon.words(iri)?.triples());
        }
        said.extend(triples);
        let config = ledger.config;
        let none = BTreeMap::new();
        let sample = Sample::draw(ledger, &lexicon, commit.roots(), &none, config, config.seed)?;
        let check = ledger.check(&commit)?;
        Ok(Self { line, facts, triples: said, check, questions: sample.earlier, commit })
    }
}

/// What the base calls itself, or where it is.
fn own_name(base: &Checkpoint, dir: &Path) -> String {
    let name = base.config().get("_name_or_path").and_then(Value::as_str);
    match name.filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => dir.display().to_string(),
    }
}
