//! What kind of failure an error is, and what the user can do about it.

use super::LedgerError;
use crate::{
    engine::EngineError,
    eval::dataset::Layout,
    fact::{
        LexiconError, StageError,
        read::{Problem, ReadError},
    },
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
            | Self::Read { .. }
            | Self::Revision(_)
            | Self::Stage(_)
            | Self::Lexicon(_)
            | Self::NoFact { .. }
            | Self::NoFactAt { .. }
            | Self::NoFactAnywhere { .. }
            | Self::NothingToEvaluate { .. }
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
            | Self::Unfinished { .. }
            | Self::NoTask { .. }
            | Self::NoConflict { .. }
            | Self::NothingOpen { .. }
            | Self::NothingToSkip
            | Self::NothingToConsolidate { .. }
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
            | Self::Twice { .. }
            | Self::TooManyFacts { .. }
            | Self::Object(_)
            | Self::Store(_)
            | Self::Checkpoint(_)
            | Self::Version(_)
            | Self::Write(_) => Class::Refused,
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoRepository { .. } => "make one: kledger init --model DIR",
            Self::Exists { .. } => "remove its .kledger directory to start again",
            Self::TooManyTokens { .. } => {
                "lower the setting statistics-tokens (30000 is the default), or give a text of yours: \
                 kledger stats --corpus FILE"
            }
            Self::Requirement(_) => "for example: --require efficacy=0.95,neighbourhood=0.9",
            Self::NoFactAnywhere { .. } => {
                "name the subject by IRI, or as reports do: kledger blame lists all"
            }
            Self::NoFactAt { .. } => {
                "name subject and predicate by IRI, or as reports do: kledger blame lists all"
            }
            Self::Bisecting => "kledger bisect shows where it is, kledger bisect reset ends it",
            Self::NotBisecting => "begin one: kledger bisect start [BAD [GOOD...]]",
            Self::NoEnds { .. } => "kledger bisect good REV and kledger bisect bad REV name them",
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
            Self::Config { .. } => {
                "mend the line, or take it out: the setting then has its default"
            }
            Self::TooManyFacts { .. } => "stage and commit some of them at a time",
            Self::NothingStaged => "stage facts first: kledger add FILE",
            Self::NoMessage => "say why: kledger commit -m MESSAGE",
            Self::NothingToUndo | Self::NothingToRedo | Self::TooFew { .. } => {
                "kledger op log shows what was done"
            }
            Self::Collected { .. } => {
                "gc keeps what operations of the last days refer to: kledger config get keep-days says how many"
            }
            Self::Unmet { .. } => {
                "nothing was changed: the stage and any pending merge are intact; adjust the settings, the facts or \
                 --require and retry; vectors already found are reused"
            }
            Self::Moved { .. } => {
                "another command got in first: look at kledger status and run this one again; vectors \
                 already found are reused"
            }
            Self::RefExists { .. } => "choose another name, or delete that one first",
            Self::NotAmendable { merge: true, .. } => {
                "commit the staged changes on top of it; to merge again: kledger reset HEAD~1, kledger merge REV"
            }
            Self::NotAmendable { .. } => "kledger commit -m MESSAGE makes the first commit on it",
            Self::AmendStep { .. } => {
                "commit the staged changes by themselves; with an empty stage, --amend changes the message"
            }
            Self::NothingToAmend { .. } => "stage facts first, or say -m MESSAGE",
            Self::NothingToKeep { .. } => "kledger reset HEAD~1 removes the commit",
            Self::WasDetached { .. } => "kledger checkout - goes there",
            Self::NotMerged { name, .. } => {
                return Some(format!(
                    "merge it first, or kledger branch -D {name}, which kledger undo brings back"
                ));
            }
            Self::OnBranch { .. } => "kledger switch to another branch first",
            Self::RevertRoot { .. } => "kledger rm retracts single facts",
            Self::NotInHistory { .. } => "kledger switch to a branch that has it first",
            Self::PickRoot { .. } => "name a later commit",
            Self::Unrelated { .. } => {
                "import its changes: kledger export --format delta REV DIR, then kledger import --from-delta DIR"
            }
            Self::Apart { .. } => "two dots compare any two versions",
            Self::NotForward { .. } => "leave --ff-only out to merge them",
            Self::Unfinished { task } => {
                return Some(format!(
                    "see kledger status; kledger {task} --continue resumes it and kledger {task} \
                     --abort gives it up"
                ));
            }
            Self::NoTask { .. } => "kledger status shows what is in progress",
            Self::NoConflict { .. } => "kledger status lists the conflicts",
            Self::NothingOpen { task, .. } => {
                return Some(format!(
                    "kledger {task} --continue resumes it; --subject NAME settles one of them anew"
                ));
            }
            Self::NothingToSkip => "kledger merge --abort gives it up",
            Self::NothingToConsolidate { .. } => {
                "it is for a version of several edits; kledger log lists its commits"
            }
            Self::Setting { .. } => "kledger config shows the value of each",
            Self::NoStash { .. } => "kledger stash list shows what is kept",
            Self::StashClash { .. } => "commit or reset the stage first",
            Self::NothingLeft { .. } => "later commits have changed all of it: see kledger log",
            Self::Occupied { .. } | Self::NotEmpty { .. } => "name an empty or new directory",
            Self::InTheWay { .. } => {
                "move them away, or give kledger checkout (or reset --hard) --force, which keeps each as \
                 NAME.orig"
            }
            Self::NoDirectory { .. } => {
                "name a directory, or a place where nothing is; checkout writes where --to or the setting \
                 checkout says"
            }
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
            Self::OtherModel { .. } => {
                "--any-base imports it all the same: its factors have to fit the base's tensors"
            }
            Self::TrainedFrom { nearest, base, .. } => {
                return Some(format!(
                    "--trained-from {nearest:.12} imports what was changed since; --trained-from \
                     {base:.12} takes it for trained from the base, and adds all of it to HEAD"
                ));
            }
            Self::Twice { .. } => {
                "import it where HEAD lacks it: kledger switch -c NAME REV goes to an earlier version"
            }
            Self::OtherBase { .. } => "import it into a repository around the base it is for",
            Self::Bundle { .. } => "export it again, or copy it again from where it was exported",
            Self::Weights { .. } => "find out more with kledger fsck",
            Self::Object(error) if error.is_damage() => "find out more with kledger fsck",
            Self::Base { .. } => {
                "bring .kledger/base back from a backup, or from the .kledger/base of a repository made \
                 with the same model"
            }
            Self::Engine(EngineError::NoRuntime) => {
                "build with the default features to have one; checkout, diff and revert --no-check \
                 work without"
            }
            Self::Engine(EngineError::Interrupted) => "nothing was changed",
            Self::Interrupted { kept } => return Some(kept.clone()),
            Self::Engine(
                EngineError::Refused { hint, .. } | EngineError::Unusable { hint, .. },
            ) => {
                return hint.clone();
            }
            Self::NoSetting { near, .. } if near.is_empty() => "kledger config lists all",
            Self::NoRef { what, near, .. } if near.is_empty() => {
                return Some(format!("kledger {what} lists them"));
            }
            Self::NoRef { near, .. } | Self::NoSetting { near, .. } => {
                return Some(format!("did you mean {}?", near.join(" or ")));
            }
            Self::Revision(error) => return error.hint(),
            Self::Stage(StageError::Read(error)) => return Some(reading(error)),
            Self::Stage(error) => return error.hint(),
            Self::Lexicon(error) => return error.hint(),
            Self::Checkpoint(error) => return error.hint(),
            Self::Store(error) => return error.hint(),
            Self::Write(error) => return error.hint().map(str::to_owned),
            // These say all there is to be said.
            Self::Read { .. }
            | Self::NoFact { .. }
            | Self::NothingToImport { .. }
            | Self::NoStatistics { .. }
            | Self::Shape { .. }
            | Self::Object(_)
            | Self::Version(_)
            | Self::Engine(
                EngineError::Settings(_) | EngineError::Request { .. } | EngineError::Model(_),
            ) => return None,
        };
        Some(text.to_owned())
    }
}

/// What the user can do about a file that cannot be read as triples. A benchmark is told by its fields.
fn reading(error: &ReadError) -> String {
    let layout = match &error.problem {
        Problem::NoJsonLd(fields) | Problem::JsonLines(fields) => Layout::of(fields),
        _ => None,
    };
    let from = match layout {
        None => return error.hint().to_owned(),
        Some(Layout::CounterFact) => "kledger add --from counterfact FILE",
        Some(Layout::Zsre) => "kledger add --from zsre FILE",
        Some(layout @ (Layout::EasyEdit | Layout::Fever)) => {
            return format!(
                "these look like {layout}, which are asked: kledger eval HEAD --dataset FILE"
            );
        }
    };
    format!("these look like records of a benchmark: {from} stages their edits")
}
