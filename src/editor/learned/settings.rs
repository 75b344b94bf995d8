//! What the training of an editor can be told.

use serde::{Deserialize, Serialize};

use crate::editor::{
    module::{MODULES, Module, some_once},
    presets::{ModelSize, blocks_value},
    settings::{Setting, SettingsError, above_zero, blocks, not_below_zero, parse, require},
};

/// Blocks that are edited where nobody has published any: so many of the last.
const LAST: usize = 3;

/// All of [`Learning`], by key.
pub(super) const LEARNING: &[Setting] = &[
    Setting::new("batch_size", "1 or more", "edits of a step of training"),
    Setting::new("cedit", "0 or more", "weight of the edited facts in other words, in training"),
    Setting::new("cloc", "0 or more", "weight of what is to stay as it is, in training"),
    Setting::new(
        "early_stop_patience",
        "1 or more",
        "steps without a better validation before training ends",
    ),
    Setting::new("eps", "0 to below 1", "label smoothing of edited facts, in training"),
    Setting::new("grad_clip", "above 0", "length that gradients of training are cut to"),
    Setting::new("layers", "blocks of the model, ascending", "blocks that are edited").by_model(),
    Setting::new("lr", "above 0", "step size of training"),
    Setting::new("modules", MODULES, "what of a block is edited"),
    Setting::new("n_edits", "1 or more", "edits that are made at once in training, at most"),
    Setting::new("val_edits", "1 or more", "edits that a validation makes"),
    Setting::new("val_interval", "1 or more", "steps between validations"),
];

/// All of [`Making`], by key.
pub(super) const MAKING: &[Setting] = &[
    Setting::new(
        "carry",
        "true, false",
        "whether the solve also holds the keys of earlier commits",
    ),
    Setting::new(
        "combine",
        "sum, solve",
        "how the changes of several facts become one: added up, or so that each moves its own keys as it would alone",
    ),
    Setting::new(
        "max_steps",
        "1 or more",
        "steps of an edit, at most: it ends when the object is said in each of the fact's wordings",
    ),
    Setting::new("ridge", "above 0", "λ of the solve, in units of the mean square of a key"),
];

/// All of [`Descent`], by key.
pub(super) const DESCENT: &[Setting] = &[
    Setting::new(
        "first_order",
        "true, false",
        "whether training takes the gradient of an edit as it is, not as something that depends on what is learned",
    ),
    Setting::new("n_edit_steps", "1 or more", "steps of an edit, in training"),
];

/// How edits are made with what was trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(in crate::editor) struct Making {
    /// Whether the solve holds the keys of earlier commits.
    pub(super) carry: bool,
    /// How the changes of several facts become one.
    pub(super) combine: Combine,
    /// Steps of an edit at most.
    pub(super) max_steps: u32,
    /// λ of the solve, in units of the mean square of a key.
    pub(super) ridge: f64,
}

/// A rule that makes one change of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::editor) enum Combine {
    /// They are added up.
    Sum,
    /// Least squares: each fact's keys are moved as its own change moves them.
    Solve,
}

/// How an editor is trained. Names are those of the original implementation where it has one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::editor) struct Learning {
    /// Edits of a step.
    pub(super) batch_size: usize,
    /// c of the loss of edits.
    pub(super) cedit: f64,
    /// c of the loss of what is to stay.
    pub(super) cloc: f64,
    /// Steps that no validation has to be better in.
    pub(super) early_stop_patience: u64,
    /// Label smoothing of the loss of edits.
    pub(super) eps: f64,
    /// Length of a gradient at most.
    pub(super) grad_clip: f64,
    /// Step size.
    pub(super) lr: f64,
    /// Edits made together, at most.
    pub(super) n_edits: usize,
    /// Edits of a validation.
    pub(super) val_edits: usize,
    /// Steps between validations.
    pub(super) val_interval: u64,
}

/// How an edit goes down its gradient, in training. Names are those of the original implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::editor) struct Descent {
    /// Whether what is learned takes an edit's gradient as it is, and not as something that depends on it.
    pub(super) first_order: bool,
    /// Steps of an edit.
    pub(super) n_edit_steps: u32,
}

impl Descent {
    /// One step.
    #[cfg(feature = "torch")]
    pub(super) const ONE: Self = Self { first_order: true, n_edit_steps: 1 };

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        require(self.n_edit_steps > 0, "n_edit_steps", "at least 1", || "0".to_owned())
    }
}

/// What is edited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::editor) struct Edited {
    /// The blocks, ascending.
    pub(super) layers: Vec<usize>,
    /// What of them.
    pub(super) modules: Vec<Module>,
}

/// What all editors that are trained are told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::editor) struct Shared {
    /// What is edited.
    #[serde(flatten)]
    pub(super) edited: Edited,
    /// How edits are made.
    #[serde(flatten)]
    pub(super) making: Making,
    /// How the network is trained.
    #[serde(flatten)]
    pub(super) learning: Learning,
}

impl Shared {
    /// The presets of a model: `common` to all, TOML, and of its blocks the last.
    pub(super) fn preset(common: &str, model: &ModelSize) -> Result<toml::Table, SettingsError> {
        require(model.layers > 0, "layers", "at least one block", || "none".to_owned())?;
        let mut preset = parse(common)?;
        let last: Vec<usize> = (model.layers.saturating_sub(LAST)..model.layers).collect();
        preset.insert("layers".to_owned(), blocks_value(&last));
        Ok(preset)
    }

    /// Blocks are there below `layers`, if it is known.
    pub(super) fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.edited.check(layers)?;
        self.making.check()?;
        self.learning.check()
    }
}

impl Edited {
    /// Blocks are there below `layers`, if it is known.
    pub(super) fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        blocks("layers", &self.layers, layers)?;
        some_once(&self.modules)
    }
}

impl Making {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        require(self.max_steps > 0, "max_steps", "at least 1", || "0".to_owned())?;
        above_zero(&[("ridge", self.ridge)])
    }
}

impl Learning {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        above_zero(&[("lr", self.lr), ("grad_clip", self.grad_clip)])?;
        not_below_zero(&[("cedit", self.cedit), ("cloc", self.cloc)])?;
        let part = (0.0..1.0).contains(&self.eps);
        require(part, "eps", "at least 0 and below 1", || self.eps.to_string())?;
        for (key, number) in [
            ("batch_size", self.batch_size),
            ("n_edits", self.n_edits),
            ("val_edits", self.val_edits),
        ] {
            require(number > 0, key, "at least 1", || number.to_string())?;
        }
        for (key, number) in
            [("early_stop_patience", self.early_stop_patience), ("val_interval", self.val_interval)]
        {
            require(number > 0, key, "at least 1", || number.to_string())?;
        }
        Ok(())
    }
}
