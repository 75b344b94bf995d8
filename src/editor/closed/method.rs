//! Closed-form methods as editors.

use super::{
    layers::{self, ClosedForm},
    statistics::{sample_documents, second_moments},
};
use crate::{
    editor::{
        error::EditError,
        locate::{prefixes::sample_prefixes, settings::ZOn},
        method::{Bench, Editor},
        settings::canonical,
    },
    engine::{
        Description, EditJob, EditOutcome, Grain, Needs, Progress, Search, Statistics,
        StatisticsText,
    },
    model::{Model, ModelError},
};

/// The search that MEMIT came with, which other methods share.
const SEARCH: (&str, u32) = (super::memit::NAME, super::memit::VERSION);

/// A closed-form method and what it is set to.
pub(super) struct Settled<M>(pub(super) M);

impl<M: ClosedForm> Editor for Settled<M> {
    fn canonical(&self) -> String {
        self.0.canonical(&[])
    }

    fn describe(&self, model: &Model) -> Result<Description, EditError> {
        let search = self.0.search();
        let site = |&layer: &usize| {
            let site = model.edit_site(layer)?;
            Ok((site.tensor, site.orientation))
        };
        let (method, version) = SEARCH;
        Ok(Description {
            grain: Grain::Fact,
            tensors: search.layers.iter().map(site).collect::<Result<_, ModelError>>()?,
            needs: Needs { prefixes: true, moments: true },
            search: Some(Search {
                method: method.to_owned(),
                version,
                settings: canonical(&search.of_z()),
                on_version: search.z_on == ZOn::Current,
            }),
            joins_subjects: search.join_subjects,
            prefix_settings: search.of_prefixes(),
        })
    }

    fn prefixes(&self, model: &mut Model, seed: u64) -> Result<Vec<String>, EditError> {
        model.load()?;
        sample_prefixes(model, self.0.search(), seed)
    }

    fn moments(
        &self,
        model: &mut Model,
        text: &StatisticsText,
        progress: &mut dyn Progress,
    ) -> Result<Statistics, EditError> {
        let documents = match text {
            StatisticsText::Corpus(texts) => {
                model.load_blocks(self.0.search().z_layer())?;
                let tokens = |text: &String| Ok(model.tokens().encode(text)?.ids);
                texts.iter().map(tokens).collect::<Result<_, ModelError>>()?
            }
            StatisticsText::Sampled { seed, tokens } => {
                model.load()?;
                sample_documents(model, *tokens, *seed, progress)?
            }
        };
        second_moments(model, &self.0.search().layers, &documents, progress)
    }

    fn edit(
        &self,
        bench: Bench<'_>,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EditError> {
        bench.model.load()?;
        layers::edit(bench.model, bench.solver, &self.0, job, progress)
    }
}
