//! Statistics of the base that edits are made with.

use std::collections::BTreeMap;

use crate::{
    checkpoint::Base,
    codec::Draft,
    commit::StatisticsRecord,
    engine::{Engine, Progress, StatisticsText},
    id::{Id, Kind},
    ledger::{
        actor::Actor,
        config::MOST_SAMPLED_TOKENS,
        edit::setup::Setup,
        error::LedgerError,
        lineage::load,
        repo::Repo,
        state::{open::Stored, update::Update},
    },
    tensor::{Matrix, Tensor},
};

/// Statistics with their record.
pub(crate) struct Moments {
    pub(crate) id: Id<StatisticsRecord>,
    pub(crate) record: StatisticsRecord,
    /// By name of tensor: E[k kᵀ], `[in, in]`.
    pub(crate) matrices: BTreeMap<String, Matrix>,
}

fn moment_name(tensor: &str) -> String {
    format!("{tensor}.second_moment")
}

/// Marks hashes of corpora.
struct Corpus;

impl Kind for Corpus {
    const NAME: &'static str = "corpus";
}

/// Whether statistics are of text that the model wrote.
pub(crate) fn are_sampled(record: &StatisticsRecord) -> bool {
    record.corpus == corpus_hash(&[])
}

fn corpus_hash(documents: &[String]) -> [u8; 32] {
    let mut hasher = Id::<Corpus>::hasher();
    for document in documents {
        hasher.update(&(document.len() as u64).to_le_bytes());
        hasher.update(document.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

impl Repo {
    /// Reads the statistics of the first of `candidates` that covers what `setup` edits.
    pub(crate) fn stored_statistics(
        &self,
        setup: &Setup,
        candidates: Vec<Stored<StatisticsRecord>>,
    ) -> Result<Option<Moments>, LedgerError> {
        let files = self.store().tensors();
        for (id, record) in candidates {
            let file = files.open(record.file)?;
            let mut matrices = BTreeMap::new();
            for name in setup.description.tensors.keys() {
                let stored = moment_name(name);
                if !file.contains(&stored) {
                    break;
                }
                let tensor = file.tensor(&stored)?;
                let width = tensor.shape.first().copied().unwrap_or_default();
                matrices.insert(name.clone(), load::matrix(&tensor, &stored, width, width)?);
            }
            if matrices.len() == setup.description.tensors.len() {
                return Ok(Some(Moments { id, record, matrices }));
            }
        }
        Ok(None)
    }

    /// Whether one of `candidates` covers what `setup` edits, or it needs none.
    pub(crate) fn has_statistics(
        &self,
        setup: &Setup,
        candidates: &[Stored<StatisticsRecord>],
    ) -> Result<bool, LedgerError> {
        if !setup.description.needs.moments {
            return Ok(true);
        }
        for (_, record) in candidates {
            let file = self.store().tensors().open(record.file)?;
            let mut names = setup.description.tensors.keys();
            if names.all(|name| file.contains(&moment_name(name))) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes the default statistics: on text sampled from the base.
    pub(crate) fn sampled_statistics(
        &self,
        actor: &Actor,
        engine: &mut dyn Engine,
        setup: &Setup,
        base: Id<Base>,
        progress: &mut dyn Progress,
    ) -> Result<Moments, LedgerError> {
        let (seed, tokens) = (setup.seed, self.config().statistics_tokens);
        let source = format!("{tokens} tokens sampled from the base, seed {seed}");
        let text = StatisticsText::Sampled { seed, tokens };
        self.take_statistics(actor, engine, setup, base, (&text, source), progress)
    }

    /// Takes statistics, and stores them so that later edits find them whether or not this one goes
    /// well.
    pub(crate) fn take_statistics(
        &self,
        actor: &Actor,
        engine: &mut dyn Engine,
        setup: &Setup,
        base: Id<Base>,
        (text, source): (&StatisticsText, String),
        progress: &mut dyn Progress,
    ) -> Result<Moments, LedgerError> {
        let (found, corpus) = match text {
            StatisticsText::Corpus(documents) => {
                let corpus = corpus_hash(documents);
                let text = (documents.as_slice(), corpus);
                (self.statistics_in_parts(engine, setup, base, text, progress)?, corpus)
            }
            StatisticsText::Sampled { tokens, .. } if *tokens > MOST_SAMPLED_TOKENS => {
                return Err(LedgerError::TooManyTokens {
                    tokens: *tokens,
                    most: MOST_SAMPLED_TOKENS,
                });
            }
            StatisticsText::Sampled { .. } => {
                (engine.statistics(&setup.editor, text, progress)?, corpus_hash(&[]))
            }
        };
        let tensors = found
            .second_moments
            .iter()
            .map(|(name, matrix)| (moment_name(name), Tensor::from(matrix)))
            .collect();
        let (file, contents) = self.store().tensors().write(&tensors)?;
        let record = StatisticsRecord { base, source, corpus, tokens: found.tokens, file };
        let ledger = self.read()?;
        let mut draft = Draft::new(&ledger);
        draft.put(&contents);
        let id = draft.put(&record);
        let objects = draft.into_new();
        Update::new(objects).with_statistics(ledger.statistics()?, id).apply(&ledger, actor)?;
        Ok(Moments { id, record, matrices: found.second_moments })
    }
}
