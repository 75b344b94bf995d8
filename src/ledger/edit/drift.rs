//! How far a version has drifted from the base, where that is required: how much its tensors grew, and how it takes a text.

use std::{collections::BTreeMap, fs};

use super::trial::Trial;
use crate::{
    commit::{Check, Growth, TextRead},
    engine::Progress,
    ledger::{error::LedgerError, requirements::Requirements},
    tensor::Tensor,
};

/// Tokens that the base writes where no text is named.
const WRITTEN: u64 = 2000;

impl Trial<'_> {
    /// Adds to `check` what `require` bounds, measured on the weights `after`.
    ///
    /// # Errors
    /// When the text cannot be read, the model fails or `progress` asks to stop.
    pub(super) fn measure_drift(
        &mut self,
        check: &mut Check,
        after: &BTreeMap<String, Tensor>,
        require: Requirements,
        progress: &mut dyn Progress,
    ) -> Result<(), LedgerError> {
        if require.drift.is_some() {
            check.growth = self.growth(after)?;
        }
        if require.perplexity.is_some() {
            check.text = Some(self.take_text(after, progress)?);
        }
        Ok(())
    }

    /// How far each of the tensors is from the base's.
    fn growth(&self, after: &BTreeMap<String, Tensor>) -> Result<Vec<Growth>, LedgerError> {
        let base = self.repo.base()?;
        let mut growth = Vec::new();
        for (name, tensor) in after {
            let (was, is) = (base.tensor(name)?.to_f32(), tensor.to_f32());
            let (mut moved, mut norm) = (0.0, 0.0);
            for (was, is) in was.iter().zip(&is) {
                moved += (f64::from(*is) - f64::from(*was)).powi(2);
                norm += f64::from(*was).powi(2);
            }
            let relative = if norm == 0.0 { f64::sqrt(moved) } else { (moved / norm).sqrt() };
            growth.push(Growth { tensor: name.clone(), relative });
        }
        Ok(growth)
    }

    /// How the version before and the one `after` take the text that is kept for it.
    fn take_text(
        &mut self,
        after: &BTreeMap<String, Tensor>,
        progress: &mut dyn Progress,
    ) -> Result<TextRead, LedgerError> {
        let config = self.repo.config();
        let (source, text) = match &config.perplexity_text {
            Some(path) => {
                let text = fs::read_to_string(self.repo.root().join(path));
                let refused = |source| LedgerError::Read { path: path.clone(), source };
                (path.display().to_string(), text.map_err(refused)?)
            }
            None => {
                self.engine.set_weights(&BTreeMap::new())?;
                let text = self.engine.sample_text(WRITTEN, config.seed, progress)?;
                (format!("{WRITTEN} tokens sampled from the base, seed {}", config.seed), text)
            }
        };
        self.engine.set_weights(&self.before)?;
        let before = self.engine.read_text(&text, progress)?;
        self.engine.set_weights(after)?;
        let now = self.engine.read_text(&text, progress)?;
        let (before, after) = (before.perplexity(), now.perplexity());
        Ok(TextRead { source, tokens: now.tokens, before, after })
    }
}
