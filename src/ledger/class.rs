//! What kind of failure an error is.

use super::LedgerError;
#[cfg(feature = "query")]
use crate::query::QueryError;
use crate::{
    engine::EngineError,
    fact::{LexiconError, StageError},
};

/// What kind of failure an error is, and the exit code that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// What was asked cannot be done.
    Refused = 1,
    /// Something stored is not as it was written.
    Damage = 3,
    /// The model or the device failed.
    Engine = 4,
}

impl LedgerError {
    /// What kind of failure this is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Weights { .. } | Self::Base { .. } | Self::Shape { .. } => Class::Damage,
            Self::Object(error)
            | Self::Stage(StageError::Object(error))
            | Self::Lexicon(LexiconError::Object(error))
                if error.is_damage() =>
            {
                Class::Damage
            }
            Self::Store(error) if error.is_damage() => Class::Damage,
            #[cfg(feature = "query")]
            Self::Query(QueryError::Damaged) => Class::Damage,
            #[cfg(feature = "query")]
            Self::Query(_) => Class::Refused,
            #[cfg(feature = "sql")]
            Self::Sql(_) => Class::Refused,
            Self::Engine(
                EngineError::Interrupted
                | EngineError::NoRuntime
                | EngineError::Unusable { .. }
                | EngineError::Model(_),
            )
            | Self::Interrupted { .. } => Class::Engine,
            Self::Engine(
                EngineError::Settings(_)
                | EngineError::Request { .. }
                | EngineError::Refused { .. },
            )
            | Self::NoRepository { .. }
            | Self::Exists { .. }
            | Self::Config { .. }
            | Self::NoSetting { .. }
            | Self::Setting { .. }
            | Self::TooManyTokens { .. }
            | Self::Requirement(_)
            | Self::KeptFile { .. }
            | Self::NoProbes
            | Self::Read { .. }
            | Self::Taken { .. }
            | Self::Unread { .. }
            | Self::Endpoint(_)
            | Self::NoOneSubject { .. }
            | Self::Namesakes { .. }
            | Self::Output(_)
            | Self::Revision(_)
            | Self::Stage(_)
            | Self::Lexicon(_)
            | Self::NoFact { .. }
            | Self::NoFactAt { .. }
            | Self::NoFactAnywhere { .. }
            | Self::NothingToEvaluate { .. }
            | Self::NoSubject { .. }
            | Self::NotInPrompt { .. }
            | Self::NothingKnown { .. }
            | Self::NotScanned { .. }
            | Self::NothingToScan { .. }
            | Self::NoColumns { .. }
            | Self::NothingStaged
            | Self::Bisecting
            | Self::NotBisecting
            | Self::NoEnds { .. }
            | Self::NotBefore { .. }
            | Self::SameAnswer { .. }
            | Self::NothingToUndo
            | Self::NothingToRedo
            | Self::TooFew { .. }
            | Self::Collected { .. }
            | Self::NoMessage
            | Self::Unmet { .. }
            | Self::Moved { .. }
            | Self::RefExists { .. }
            | Self::NoRef { .. }
            | Self::NotAmendable { .. }
            | Self::AmendStep { .. }
            | Self::NothingToAmend { .. }
            | Self::NothingToKeep { .. }
            | Self::WasDetached { .. }
            | Self::NotMerged { .. }
            | Self::OnBranch { .. }
            | Self::RevertRoot { .. }
            | Self::NotInHistory { .. }
            | Self::PickRoot { .. }
            | Self::Unrelated { .. }
            | Self::Apart { .. }
            | Self::NotForward { .. }
            | Self::InProgress { .. }
            | Self::NoTask { .. }
            | Self::NoConflict { .. }
            | Self::NothingOpen { .. }
            | Self::NothingToSkip
            | Self::NothingToConsolidate { .. }
            | Self::NothingGained { .. }
            | Self::TooFewKnown { .. }
            | Self::NoRounds { .. }
            | Self::NoStash { .. }
            | Self::StashClash { .. }
            | Self::NothingLeft { .. }
            | Self::NotEmpty { .. }
            | Self::Occupied { .. }
            | Self::InTheWay { .. }
            | Self::NoDirectory { .. }
            | Self::NothingToAdapt { .. }
            | Self::NoAdapter { .. }
            | Self::NoBundle { .. }
            | Self::OtherBase { .. }
            | Self::OtherModel { .. }
            | Self::TrainedFrom { .. }
            | Self::Bundle { .. }
            | Self::NothingToImport { .. }
            | Self::NoStatistics { .. }
            | Self::NoArtefact { .. }
            | Self::ForeignArtefact { .. }
            | Self::NotTrained { .. }
            | Self::ArtefactName { .. }
            | Self::NothingToTrain { .. }
            | Self::TooFewLessons { .. }
            | Self::Twice { .. }
            | Self::TooManyFacts { .. }
            | Self::Object(_)
            | Self::Store(_)
            | Self::Checkpoint(_)
            | Self::Version(_)
            | Self::Write(_) => Class::Refused,
        }
    }
}
