//! A fine-tuning method as an editor: what sets it apart, and what all have in common.

use std::fmt::Debug;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    blocks,
    settings::{LR, TRAINING, Training},
};
#[cfg(feature = "torch")]
use super::{
    parameters,
    plan::{Misfit, Plan},
    settings::Scale,
    train,
};
#[cfg(feature = "torch")]
use crate::{
    editor::{
        error::EditError,
        method::{Bench, Editor},
        module,
        settings::canonical,
    },
    engine::{Description, EditJob, EditOutcome, Progress},
    model::{Model, Spec},
};
use crate::{
    editor::{
        method::{Kind, Recipe},
        presets::{ModelSize, Presets},
        settings::{Defaults, MethodSettings, Setting, SettingsError, listed},
    },
    engine::{Grain, Needs},
};

/// What sets a method apart. `Self` is what only it is told.
pub(super) trait FineTuning:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + 'static
{
    /// What commits and configurations call it.
    const NAME: &'static str;

    /// What it is, in a line.
    const ABOUT: &'static str;

    /// What it is told beside [`TRAINING`].
    const TOLD: &'static [&'static [Setting]];

    /// What of that can be "auto".
    const AUTO: &'static [&'static str] = &[LR];

    /// What is published.
    const PRESETS: Presets;

    /// Whether that is of all blocks; else of one.
    const ALL_BLOCKS: bool = false;

    /// What all models are set to unless more is known of one, TOML.
    const COMMON: &'static str;

    /// What the original does, TOML.
    const FAITHFUL: &'static str;

    /// Whether what it is told makes sense.
    ///
    /// # Errors
    /// When a value is out of range.
    fn check(&self) -> Result<(), SettingsError> {
        Ok(())
    }

    /// What it trains.
    #[cfg(feature = "torch")]
    fn plan(&self) -> Plan;

    /// Takes up how far weights may move, where that was left to be found.
    #[cfg(feature = "torch")]
    fn found(&mut self, eps: Scale) {
        let _of_no_use = eps;
    }
}

/// What a method is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings<M> {
    #[serde(flatten)]
    pub(super) training: Training,
    #[serde(flatten)]
    pub(super) own: M,
}

impl<M: FineTuning> MethodSettings for Settings<M> {
    const FREE: &'static [&'static str] = M::AUTO;

    fn known() -> Vec<&'static Setting> {
        listed(&[&[TRAINING], M::TOLD].concat())
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        let mut defaults = blocks::defaults(model, M::COMMON, (0, 1), &M::PRESETS, M::FAITHFUL)?;
        if M::ALL_BLOCKS {
            let published = blocks::all(model);
            if M::PRESETS.knows(model) {
                defaults.preset.insert("layers".to_owned(), published.clone());
            }
            defaults.faithful.insert("layers".to_owned(), published);
        }
        Ok(defaults)
    }

    fn published(model: &ModelSize) -> bool {
        M::PRESETS.knows(model)
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.training.check(layers)?;
        self.own.check()
    }
}

impl<M: FineTuning> Recipe for Settings<M> {
    type Kind = Tuning;

    const NAME: &'static str = M::NAME;
    const VERSION: u32 = 1;
    const ABOUT: &'static str = M::ABOUT;
}

/// What fine-tuning needs: nothing.
const NEEDS: Needs = Needs { prefixes: false, moments: false, artefact: false };

/// Methods that fine-tune.
#[derive(Debug)]
pub(in crate::editor) struct Tuning;

impl<M: FineTuning> Kind<Settings<M>> for Tuning {
    const GRAIN: Grain = Grain::Whole;
    const NEEDS: Needs = NEEDS;
    const READS_BOTH_WAYS: bool = true;

    #[cfg(feature = "torch")]
    fn editor(settings: Settings<M>, model: &Spec) -> Result<Box<dyn Editor>, SettingsError> {
        module::fit(&settings.training.modules, model)?;
        Ok(Box::new(Tuner(settings)))
    }
}

/// A method and what it is set to.
#[cfg(feature = "torch")]
struct Tuner<M>(Settings<M>);

#[cfg(feature = "torch")]
impl<M: FineTuning> Editor for Tuner<M> {
    fn canonical(&self) -> String {
        canonical(&self.0)
    }

    fn describe(&self, model: &Model) -> Result<Description, EditError> {
        let plan = self.0.own.plan();
        if plan.misfit == (Misfit::Forced { end: true }) && model.tokens().end_of_text().is_none() {
            return Err(EditError::Settings(SettingsError::Value {
                key: "end_of_text".to_owned(),
                wanted: "false where the model has no such token".to_owned(),
                found: "true".to_owned(),
            }));
        }
        let sites = parameters::sites(model, &self.0.training, plan.moves)?;
        Ok(Description {
            axes: self.0.training.axes(model.spec().layers),
            widest: None,
            uncalibrated: !M::PRESETS.knows(&model.spec().into()),
            weight: None,
            grain: Grain::Whole,
            tensors: sites.into_iter().map(|(_, site)| (site.tensor, site.orientation)).collect(),
            artefact: None,
            needs: NEEDS,
            search: None,
            joins_subjects: false,
            prefix_settings: String::new(),
        })
    }

    fn edit(
        &self,
        bench: Bench<'_>,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EditError> {
        bench.model.load()?;
        let (training, plan) = (&self.0.training, self.0.own.plan());
        let tuned = train::edit(bench.model, training, plan, job, &mut |_, _| {}, progress)?;
        let mut used = self.0.clone();
        used.training.lr = Scale::Is(tuned.lr);
        used.own.found(Scale::Is(tuned.eps));
        Ok(EditOutcome { settings: canonical(&used), ..tuned.outcome })
    }
}
