//! Why an edit failed.

use crate::{
    delta::VersionError,
    editor::{closed::Singular, settings::SettingsError},
    engine::EngineError,
    model::ModelError,
};

/// Why an edit failed. The model is as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The settings do not fit.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A request cannot be put into tokens.
    #[error("cannot edit {subject:?}: {why}")]
    Request {
        /// The fact's subject, in words.
        subject: String,
        /// What is wrong.
        why: String,
    },
    /// There are no statistics for an edited tensor.
    #[error("there are no statistics of {tensor}")]
    NoStatistics {
        /// The tensor.
        tensor: String,
    },
    /// The statistics of an edited tensor have the wrong shape.
    #[error("statistics of {tensor} are [{rows}, {cols}], wanted is [{inputs}, {inputs}]")]
    StatisticsShape {
        /// The tensor.
        tensor: String,
        /// Rows found.
        rows: usize,
        /// Columns found.
        cols: usize,
        /// The tensor's input width.
        inputs: usize,
    },
    /// The text for statistics has no token.
    #[error("the text has no token to take statistics of")]
    NoText,
    /// Sampled text has nothing to begin with.
    #[error("the model has no end-of-text token for sampled text to begin after")]
    NoStart,
    /// The optimisation of a fact ran away.
    #[error("no finite z was found for {subject:?}")]
    NoZ {
        /// The fact's subject, in words.
        subject: String,
    },
    /// The training on facts ran away.
    #[error("the loss is no number in step {step}, which is on the fact about {subject:?}")]
    Diverged {
        /// The subject of one of the facts, in words.
        subject: String,
        /// The step.
        step: u64,
    },
    /// The training of an editor ran away.
    #[error("the loss is no number in step {step} of the training")]
    TrainingDiverged {
        /// The step.
        step: u64,
    },
    /// There is nothing that an editor can be trained on.
    #[error(
        "of {found} facts too few can be given another object of their predicate and be put into tokens"
    )]
    TooFewLessons {
        /// Facts that there are.
        found: usize,
    },
    /// The editor is not trained.
    #[error("the editor edits with what it was trained to, and was given nothing")]
    Untrained,
    /// What an editor was trained to is for other tensors.
    #[error("what the editor was trained to is not for these blocks of this model")]
    ForeignArtefact,
    /// The editor learns nothing.
    #[error("the editor is not trained")]
    NothingToTrain,
    /// The system of a layer has no unique solution.
    #[error("cannot solve for {tensor}")]
    Singular {
        /// The tensor.
        tensor: String,
        /// Why.
        source: Singular,
    },
    /// No direction is small enough to be one for edits.
    #[error(
        "no direction of the keys of {tensor} is in its null space: C's smallest eigenvalue is {smallest:.2e}"
    )]
    NoNullSpace {
        /// The tensor.
        tensor: String,
        /// The smallest eigenvalue of C.
        smallest: f64,
    },
    /// The edit would give weights that are not numbers.
    #[error("the edit of {tensor} overflows")]
    NotFinite {
        /// The tensor.
        tensor: String,
    },
    /// The version cannot be built.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The model refused.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The work was asked to stop, or whoever watches it failed.
    #[error(transparent)]
    Watcher(#[from] EngineError),
}

impl EditError {
    /// What the user can do about it.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Singular { .. } => Some(
                "--set ridge=0.001 adds that part of the mean of C's diagonal to it, which faithful = true \
                 leaves out; or take statistics on more text: kledger stats --corpus FILE",
            ),
            Self::NoNullSpace { .. } => Some(
                "--set nullspace_threshold=... takes directions up to a larger eigenvalue, and without a threshold \
                 --set nullspace_energy=0.02 those that hold this part of C's trace",
            ),
            Self::NoText => Some("give a text with words in it"),
            Self::NoStart => {
                Some("kledger stats --corpus FILE takes statistics on a text of yours")
            }
            Self::NoZ { .. } => Some("--set v_lr=0.1 takes smaller steps"),
            Self::Diverged { .. } => Some("--set lr=1e-4 takes smaller steps"),
            Self::TrainingDiverged { .. } => Some("--set lr=1e-5 takes smaller steps"),
            Self::NoStatistics { .. } | Self::StatisticsShape { .. } => {
                Some("take them anew: kledger stats --corpus FILE")
            }
            Self::Settings(SettingsError::ReadsBothWays { .. }) => Some(
                "kledger config set editor ft-m has commits fine-tune it; kledger train mend trains an editor for it",
            ),
            // The ledger has said it before.
            Self::NothingToTrain
            | Self::TooFewLessons { .. }
            | Self::Untrained
            | Self::ForeignArtefact
            | Self::Settings(_)
            | Self::Request { .. }
            | Self::NotFinite { .. }
            | Self::Version(_)
            | Self::Model(_)
            | Self::Watcher(_) => None,
        }
    }
}
