//! Closed-form methods as editors.

#[cfg(feature = "torch")]
use super::{
    layers::ClosedForm,
    memit,
    statistics::{sample_documents, second_moments},
    weight::Weight,
};
#[cfg(feature = "torch")]
use crate::{
    editor::{
        error::EditError,
        locate::{prefixes::sample_prefixes, settings::ZOn},
        method::{Bench, Editor},
        settings::{SettingsError, canonical},
    },
    engine::{
        Description, EditJob, EditOutcome, Progress, Search, Statistics, StatisticsText,
        WeightSetting,
    },
    model::{Model, ModelError, Spec},
};
use crate::{
    editor::{method::Kind, settings::MethodSettings},
    engine::{Grain, Needs},
};

/// What every closed-form method has to be given.
const NEEDS: Needs = Needs { prefixes: true, moments: true, artefact: false };

/// Methods that solve for a change.
#[derive(Debug)]
pub(in crate::editor) struct Closed;

/// Settings that say how to edit.
#[cfg(feature = "torch")]
pub(in crate::editor) trait Settled:
    MethodSettings + ClosedForm + 'static
{
}
#[cfg(feature = "torch")]
impl<S: MethodSettings + ClosedForm + 'static> Settled for S {}

/// Settings that can be checked.
#[cfg(not(feature = "torch"))]
pub(in crate::editor) trait Settled: MethodSettings + 'static {}
#[cfg(not(feature = "torch"))]
impl<S: MethodSettings + 'static> Settled for S {}

impl<S: Settled> Kind<S> for Closed {
    const GRAIN: Grain = Grain::Fact;
    const NEEDS: Needs = NEEDS;
    const READS_BOTH_WAYS: bool = false;

    #[cfg(feature = "torch")]
    fn editor(settings: S, _: &Spec) -> Result<Box<dyn Editor>, SettingsError> {
        Ok(Box::new(ClosedEditor(settings)))
    }
}

/// A closed-form method and what it is set to.
#[cfg(feature = "torch")]
struct ClosedEditor<S>(S);

#[cfg(feature = "torch")]
impl<S: Settled> Editor for ClosedEditor<S> {
    fn canonical(&self) -> String {
        self.0.canonical(&[])
    }

    fn describe(&self, model: &Model) -> Result<Description, EditError> {
        let search = self.0.search();
        let site = |&layer: &usize| {
            let site = model.edit_site(layer)?;
            Ok((site.tensor, site.orientation))
        };
        let (method, version) = self.0.place().search();
        Ok(Description {
            grain: Grain::Fact,
            tensors: search.layers.iter().map(site).collect::<Result<_, ModelError>>()?,
            artefact: None,
            needs: NEEDS,
            search: Some(Search {
                method: method.to_owned(),
                version,
                settings: canonical(&search.of_z()),
                on_version: search.z_on == ZOn::Current,
            }),
            joins_subjects: search.join_subjects,
            prefix_settings: search.of_prefixes(),
            axes: self.0.axes(model.spec().layers),
            widest: Some((memit::NAME, search.widest(model.spec().layers))),
            uncalibrated: !S::published(&model.spec().into()),
            weight: self
                .0
                .weight()
                .map(|(key, weight)| WeightSetting { key, measured: *weight == Weight::Measured }),
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
        self.0.edit(bench.model, bench.solver, job, progress)
    }
}
