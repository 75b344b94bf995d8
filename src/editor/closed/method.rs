//! Closed-form methods as editors.

use std::marker::PhantomData;

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
        self,
        error::EditError,
        locate::{prefixes::sample_prefixes, settings::ZOn},
        method::{Bench, Editor},
        settings::canonical,
    },
    engine::{
        Description, EditJob, EditOutcome, Progress, Search, Statistics, StatisticsText,
        WeightSetting,
    },
    model::{Model, ModelError, Spec},
};
use crate::{
    editor::{
        method::Method,
        presets::ModelSize,
        settings::{MethodSettings, Setting, SettingsError},
    },
    engine::{Grain, Needs},
};

/// What every closed-form method has to be given.
const NEEDS: Needs = Needs { prefixes: true, moments: true, artefact: false };

/// A closed-form method, whose settings are an `S`.
#[derive(Debug)]
pub struct Closed<S> {
    name: &'static str,
    version: u32,
    about: &'static str,
    settings: PhantomData<fn() -> S>,
}

impl<S> Closed<S> {
    pub(super) const fn new(name: &'static str, version: u32, about: &'static str) -> Self {
        Self { name, version, about, settings: PhantomData }
    }
}

/// Settings that say how to edit.
#[cfg(feature = "torch")]
pub trait Settled: MethodSettings + ClosedForm + 'static {}
#[cfg(feature = "torch")]
impl<S: MethodSettings + ClosedForm + 'static> Settled for S {}

/// Settings that can be checked.
#[cfg(not(feature = "torch"))]
pub trait Settled: MethodSettings + 'static {}
#[cfg(not(feature = "torch"))]
impl<S: MethodSettings + 'static> Settled for S {}

impl<S: Settled> Method for Closed<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn grain(&self) -> Grain {
        Grain::Fact
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn settings(&self) -> Vec<&'static Setting> {
        S::known()
    }

    fn defaults(&self) -> toml::Table {
        let defaults = S::defaults(&ModelSize::any()).expect("because that model has blocks");
        let of_all = |key: &str| S::known().iter().any(|one| one.key == key && !one.by_model);
        defaults.preset.into_iter().filter(|(key, _)| of_all(key)).collect()
    }

    fn faithful(&self) -> toml::Table {
        let mut faithful =
            S::defaults(&ModelSize::any()).expect("because that model has blocks").faithful;
        faithful.retain(|key, _| S::known().iter().any(|setting| setting.key == key));
        faithful
    }

    fn fit_some_model(&self, settings: &str) -> Result<(), SettingsError> {
        S::fit_some_model(settings)
    }

    #[cfg(feature = "torch")]
    fn read(&self, settings: &str, model: &Spec) -> Result<Box<dyn Editor>, SettingsError> {
        editor::reads_forward(self.name, model)?;
        Ok(Box::new(ClosedEditor(S::read(settings, &model.into())?)))
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
