//! MEMIT as one of the methods.

#[cfg(feature = "torch")]
use super::{
    memit,
    statistics::{sample_documents, second_moments},
};
#[cfg(feature = "torch")]
use crate::{
    editor::{
        error::EditError,
        locate::prefixes::sample_prefixes,
        method::{Bench, Editor},
        settings::ZOn,
    },
    engine::{Description, EditJob, EditOutcome, Progress, Search, Statistics, StatisticsText},
    model::{Model, ModelError, Spec},
};
use crate::{
    editor::{
        method::Method,
        settings::{NAME, SETTINGS, Setting, Settings, SettingsError},
    },
    engine::{Grain, Needs},
};

/// Raised when the same input would give another output, by more than rounding does on another machine.
pub const VERSION: u32 = 3;

/// Mass-editing memory in a transformer.
#[derive(Debug, Clone, Copy)]
pub struct Memit;

impl Method for Memit {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        VERSION
    }

    fn about(&self) -> &'static str {
        "Mass-editing memory in a transformer (Meng et al., 2023): many facts at once, by least squares over some \
         blocks' MLPs"
    }

    fn grain(&self) -> Grain {
        Grain::Fact
    }

    fn needs(&self) -> Needs {
        Needs { prefixes: true, moments: true }
    }

    fn settings(&self) -> &'static [Setting] {
        SETTINGS
    }

    fn defaults(&self) -> toml::Table {
        Settings::defaults()
    }

    fn fit_some_model(&self, settings: &str) -> Result<(), SettingsError> {
        Settings::fit_some_model(settings)
    }

    #[cfg(feature = "torch")]
    fn read(&self, settings: &str, model: &Spec) -> Result<Box<dyn Editor>, SettingsError> {
        Ok(Box::new(Settled(Settings::over_preset(settings, &model.into())?)))
    }
}

/// MEMIT and what it is set to.
#[cfg(feature = "torch")]
struct Settled(Settings);

#[cfg(feature = "torch")]
impl Editor for Settled {
    fn canonical(&self) -> String {
        self.0.canonical()
    }

    fn describe(&self, model: &Model) -> Result<Description, EditError> {
        let Self(settings) = self;
        let site = |&layer: &usize| {
            let site = model.edit_site(layer)?;
            Ok((site.tensor, site.orientation))
        };
        let search = Search {
            method: NAME.to_owned(),
            version: VERSION,
            settings: settings.of_z(),
            on_version: settings.z_on == ZOn::Current,
        };
        Ok(Description {
            grain: Memit.grain(),
            tensors: settings.layers.iter().map(site).collect::<Result<_, ModelError>>()?,
            needs: Memit.needs(),
            search: Some(search),
            joins_subjects: settings.join_subjects,
            prefix_settings: settings.of_prefixes(),
        })
    }

    fn prefixes(&self, model: &mut Model, seed: u64) -> Result<Vec<String>, EditError> {
        model.load()?;
        sample_prefixes(model, &self.0, seed)
    }

    fn moments(
        &self,
        model: &mut Model,
        text: &StatisticsText,
        progress: &mut dyn Progress,
    ) -> Result<Statistics, EditError> {
        let documents = match text {
            StatisticsText::Corpus(texts) => {
                model.load_blocks(self.0.z_layer())?;
                let tokens = |text: &String| Ok(model.tokens().encode(text)?.ids);
                texts.iter().map(tokens).collect::<Result<_, ModelError>>()?
            }
            StatisticsText::Sampled { seed, tokens } => {
                model.load()?;
                sample_documents(model, *tokens, *seed, progress)?
            }
        };
        second_moments(model, &self.0.layers, &documents, progress)
    }

    fn edit(
        &self,
        bench: Bench<'_>,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EditError> {
        bench.model.load()?;
        memit::edit(bench.model, bench.solver, &self.0, job, progress)
    }
}
