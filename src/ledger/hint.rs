//! What kind of failure an error is, and what the user can do about it.

use super::{EngineError, LedgerError};
use crate::fact::{LexiconError, StageError};

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
            Self::Weights { .. }
            | Self::Base { .. }
            | Self::Shape { .. }
            | Self::Object(_)
            | Self::Stage(StageError::Object(_))
            | Self::Lexicon(LexiconError::Object(_)) => Class::Damage,
            Self::Store(error) if error.is_damage() => Class::Damage,
            Self::Engine(EngineError::Settings(_) | EngineError::Request { .. }) => Class::Refused,
            Self::Engine(_) => Class::Engine,
            _ => Class::Refused,
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoRepository { .. } => "make one: kledger init --model DIR",
            Self::Exists { .. } => "remove its .kledger directory to start again",
            Self::Requirement(_) => "for example: --require efficacy=0.95,neighbourhood=0.9",
            Self::NoFactAnywhere { .. } => {
                "name the subject by IRI, or as reports do: kledger blame lists all"
            }
            Self::NoFactAt { .. } => {
                "name subject and predicate by IRI, or as reports do: kledger blame lists all"
            }
            Self::Bisecting => "kledger bisect shows where it is, kledger bisect reset ends it",
            Self::NotBisecting => "begin one: kledger bisect start [BAD [GOOD...]]",
            Self::NotBefore { .. } => {
                "name a good commit that is in the history of the bad one; for a change for the \
                 better call good what is bad"
            }
            Self::SameAnswer { .. } => {
                "see what versions say: kledger ask PROMPT --at REV --vs REV"
            }
            Self::NothingToEvaluate { .. } => {
                "name a version with facts, or say what to ask: --dataset FILE or --text FILE"
            }
            Self::TooManyFacts { .. } => "stage and commit some of them at a time",
            Self::NothingStaged => "stage facts first: kledger add FILE",
            Self::NoMessage => "say why: kledger commit -m MESSAGE",
            Self::NothingToUndo | Self::NothingToRedo => "kledger op log shows what was done",
            Self::Collected { .. } => {
                "gc keeps what operations of the last days lead to: kledger config keep-days"
            }
            Self::Unmet { .. } => {
                "what is staged, and a merge or rebase that waits, is as it was; change the settings, the \
                 facts or the requirement and try again, which will not have to look for what it found"
            }
            Self::Moved { .. } => {
                "what was found is kept: look at kledger status and run the command again"
            }
            Self::RefExists { .. } => "choose another name, or delete that one first",
            Self::OnBranch { .. } => "kledger switch to another branch first",
            Self::RevertRoot { .. } => "kledger rm takes single facts back",
            Self::NotInHistory { .. } => "kledger switch to a branch that has it first",
            Self::PickRoot { .. } => "name a later commit",
            Self::Unrelated { .. } => {
                "only branches of one repository and its clones can be merged"
            }
            Self::NotForward { .. } => "leave --ff-only out to merge them",
            Self::Unfinished { task } => {
                return Some(format!(
                    "see kledger status; kledger {task} --continue goes on and kledger {task} \
                     --abort gives it up"
                ));
            }
            Self::NoTask { .. } => "kledger status says what is",
            Self::NoConflict { .. } => "kledger status lists the conflicts",
            Self::NothingToSkip => "kledger merge --abort gives it up",
            Self::NoStash { .. } => "kledger stash list shows what is kept",
            Self::StashClash { .. } => "commit or reset what is staged first",
            Self::NothingLeft { .. } => "later commits have changed all of it: see kledger log",
            Self::Occupied { .. } => "name an empty or new directory",
            Self::NothingToAdapt { .. } | Self::NoAdapter { approximable: false, .. } => {
                "--format merged writes any version whole"
            }
            Self::NoAdapter { approximable: true, .. } => {
                "--max-rank N approximates it and says how well; --format merged writes it whole"
            }
            Self::NoBundle { .. } => {
                "write one with kledger export --format delta REV DIR; adapters and checkpoints come \
                 in with --from-peft and --from-checkpoint"
            }
            Self::OtherBase { .. } => "import it into a repository around the base it is for",
            Self::Bundle { .. } => "export it again, or copy it again from where it was exported",
            Self::Weights { .. } | Self::Object(_) => "find out more with kledger fsck",
            Self::Base { .. } => {
                "bring .kledger/base back from a backup, or from the .kledger/base of a repository made \
                 with the same model"
            }
            Self::Engine(EngineError::NoRuntime) => {
                "build with the default features to have one; checkout, diff and revert --no-check \
                 work without"
            }
            Self::Engine(EngineError::Interrupted) => {
                "the facts are still staged and what was found is kept"
            }
            Self::NoSetting { near, .. } if near.is_empty() => "kledger config lists all",
            Self::NoRef { near, .. } | Self::NoSetting { near, .. } if !near.is_empty() => {
                return Some(format!("did you mean {}?", near.join(" or ")));
            }
            Self::Revision(error) => return error.hint(),
            Self::Stage(error) => return error.hint(),
            Self::Lexicon(error) => return error.hint(),
            Self::Checkpoint(error) => return error.hint(),
            Self::Store(error) => return error.hint(),
            Self::Write(error) => return error.hint().map(str::to_owned),
            _ => return None,
        };
        Some(text.to_owned())
    }
}
