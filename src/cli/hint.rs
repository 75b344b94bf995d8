//! What the user can do about a refusal of the ledger, in words of the command line.
//!
//! Each error is named here, so the compiler finds a new one that nobody has thought about.

use crate::{
    engine::EngineError,
    eval::dataset::Layout,
    fact::{
        StageError,
        read::{Problem, ReadError},
    },
    ledger::LedgerError,
};

/// What the user can do about `error`.
pub(super) fn hint(error: &LedgerError) -> Option<String> {
    let text = match error {
        LedgerError::NoRepository { .. } => "make one: kledger init --model DIR",
        LedgerError::Exists { .. } => "remove its .kledger directory to start again",
        LedgerError::TooManyTokens { .. } => {
            "lower the setting statistics-tokens (30000 is the default), or give a text of yours: \
             kledger stats --corpus FILE"
        }
        LedgerError::Requirement(_) => "for example: --require efficacy=0.95,neighbourhood=0.9",
        LedgerError::KeptFile { setting: None, .. } => return None,
        LedgerError::KeptFile { setting: Some(setting), .. } => {
            return Some(format!(
                "name another: kledger config set {setting} FILE; or none: kledger config unset {setting}"
            ));
        }
        LedgerError::NoProbes => "name a file with one a line: kledger config set probes FILE",
        LedgerError::NoFactAnywhere { .. } => {
            "name the subject by IRI, or as reports do: kledger blame lists all"
        }
        LedgerError::NoFactAt { .. } => {
            "name subject and predicate by IRI, or as reports do: kledger blame lists all"
        }
        LedgerError::Bisecting => "kledger bisect shows where it is, kledger bisect reset ends it",
        LedgerError::NotBisecting => "begin one: kledger bisect start [BAD [GOOD...]]",
        LedgerError::NoEnds { .. } => {
            "kledger bisect good REV and kledger bisect bad REV name them"
        }
        LedgerError::NotBefore { .. } => {
            "name a good commit that is in the history of the bad one; for a change for the \
             better call good what is bad"
        }
        LedgerError::SameAnswer { .. } => {
            "see what versions say: kledger ask PROMPT --at REV --vs REV"
        }
        LedgerError::NothingToEvaluate { .. } => {
            "name a version with facts, or say what to ask: --dataset FILE or --text FILE"
        }
        LedgerError::NoSubject { .. } => "say what it is about: --subject NAME",
        LedgerError::NotInPrompt { .. } => "give the subject as the prompt writes it",
        LedgerError::NothingKnown { .. } => {
            "add facts that the model knows: kledger add --neighbourhood FILE, kledger commit -m MESSAGE"
        }
        LedgerError::NotScanned { .. } => "scan one: kledger neurons --scan FILE",
        LedgerError::NothingToScan { .. } => "name files with texts, one a line",
        LedgerError::NoColumns { .. } => {
            "kledger log lists commits; name one that edited facts, by an editor with a column for each"
        }
        LedgerError::Config { .. } => {
            "mend the line, or take it out: the setting then has its default"
        }
        LedgerError::TooManyFacts { .. } => "stage and commit some of them at a time",
        LedgerError::NothingStaged => "stage facts first: kledger add FILE",
        LedgerError::NoMessage => "say why: kledger commit -m MESSAGE",
        LedgerError::NothingToUndo | LedgerError::NothingToRedo | LedgerError::TooFew { .. } => {
            "kledger op log shows what was done"
        }
        LedgerError::Collected { .. } => {
            "gc keeps what operations of the last days refer to: kledger config get keep-days says how many"
        }
        LedgerError::NoArtefact { editor } => {
            return Some(format!(
                "kledger train {editor} makes what it edits with; kledger artefacts lists what there is"
            ));
        }
        LedgerError::NotTrained { artefact, .. } => {
            return Some(format!(
                "kledger import --from-artefact {artefact:.12} makes a version that has it"
            ));
        }
        LedgerError::ForeignArtefact { .. } | LedgerError::ArtefactName { .. } => {
            "kledger artefacts lists what there is"
        }
        LedgerError::NothingToTrain { .. } => "kledger editors says which editors need training",
        LedgerError::TooFewLessons { .. } => {
            "add facts that the model knows: kledger add --neighbourhood FILE, kledger commit -m MESSAGE"
        }
        LedgerError::Unmet { .. } => {
            "nothing was changed: the stage and any pending merge are intact; adjust the settings, the facts or \
             --require and retry; vectors already found are reused; --allow-weak records what fewer than half of \
             the facts hold in"
        }
        LedgerError::Moved { .. } => {
            "another command got in first: look at kledger status and run this one again; vectors \
             already found are reused"
        }
        LedgerError::RefExists { .. } => "choose another name, or delete that one first",
        LedgerError::NotAmendable { merge: true, .. } => {
            "commit the staged changes on top of it; to merge again: kledger reset HEAD~1, kledger merge REV"
        }
        LedgerError::NotAmendable { .. } => {
            "kledger commit -m MESSAGE makes the first commit on it"
        }
        LedgerError::AmendStep { .. } => {
            "commit the staged changes by themselves; with an empty stage, --amend changes the message"
        }
        LedgerError::NothingToAmend { .. } => "stage facts first, or say -m MESSAGE",
        LedgerError::NothingToKeep { .. } => "kledger reset HEAD~1 removes the commit",
        LedgerError::WasDetached { .. } => "kledger checkout - goes there",
        LedgerError::NotMerged { name, .. } => {
            return Some(format!(
                "merge it first, or kledger branch -D {name}, which kledger undo brings back"
            ));
        }
        LedgerError::OnBranch { .. } => "kledger switch to another branch first",
        LedgerError::RevertRoot { .. } => "kledger rm retracts single facts",
        LedgerError::NotInHistory { .. } => "kledger switch to a branch that has it first",
        LedgerError::PickRoot { .. } => "name a later commit",
        LedgerError::Unrelated { .. } => {
            "import its changes: kledger export --format delta REV DIR, then kledger import --from-delta DIR"
        }
        LedgerError::Apart { .. } => "two dots compare any two versions",
        LedgerError::NotForward { .. } => "leave --ff-only out to merge them",
        LedgerError::InProgress { task } => {
            return Some(format!(
                "see kledger status; kledger {task} --continue resumes it and kledger {task} \
                 --abort gives it up"
            ));
        }
        LedgerError::NoTask { .. } => "kledger status shows what is in progress",
        LedgerError::NoConflict { .. } => "kledger status lists the conflicts",
        LedgerError::NothingOpen { task, .. } => {
            return Some(format!(
                "kledger {task} --continue resumes it; --subject NAME settles one of them anew"
            ));
        }
        LedgerError::NothingToSkip => "kledger merge --abort gives it up",
        LedgerError::NoRounds { .. } => {
            "leave --until out; kledger repair edits again by a commit of its own"
        }
        LedgerError::NothingGained { .. } => {
            "nothing was changed; edit with other settings (kledger help settings), all facts at once (kledger \
             consolidate), or take back what does not hold (kledger rm)"
        }
        LedgerError::TooFewKnown { .. } => {
            "add facts that it knows, some of each predicate, with words: kledger add --neighbourhood FILE"
        }
        LedgerError::NothingToConsolidate { .. } => {
            "it is for a version of several edits; kledger log lists its commits"
        }
        LedgerError::Setting { .. } => "kledger config shows the value of each",
        LedgerError::NoStash { .. } => "kledger stash list shows what is kept",
        LedgerError::StashClash { .. } => "commit or reset the stage first",
        LedgerError::NothingLeft { .. } => "later commits have changed all of it: see kledger log",
        LedgerError::Unread { unread, .. } => {
            return unread.first().map(|unread| unread.why.hint().to_owned());
        }
        LedgerError::Endpoint(error) => error.hint(),
        LedgerError::NoOneSubject { things, .. } if things.is_empty() => {
            "give what it is about a name: kledger add FILE with <IRI> rdfs:label \"NAME\"@en ."
        }
        LedgerError::NoOneSubject { .. } => "say which: --subject NAME",
        LedgerError::Namesakes { .. } => {
            "name it by IRI, in a file with the fact as a triple: kledger add FILE"
        }
        LedgerError::Taken { .. } => "name a file that is not there yet",
        LedgerError::Occupied { .. } | LedgerError::NotEmpty { .. } => {
            "name an empty or new directory"
        }
        LedgerError::InTheWay { .. } => {
            "move them away, or give kledger checkout (or reset --hard) --force, which keeps each as \
             NAME.orig"
        }
        LedgerError::NoDirectory { .. } => {
            "name a directory, or a place where nothing is; checkout writes where --to or the setting \
             checkout says"
        }
        LedgerError::NothingToAdapt { .. } | LedgerError::NoAdapter { approximable: false, .. } => {
            "--format merged writes any version whole"
        }
        LedgerError::NoAdapter { approximable: true, .. } => {
            "--max-rank N approximates it and says how well; --format merged writes it whole"
        }
        LedgerError::NoBundle { .. } => {
            "write one with kledger export --format delta REV DIR; adapters and checkpoints come \
             in with --from-peft and --from-checkpoint"
        }
        LedgerError::OtherModel { .. } => {
            "--any-base imports it all the same: its factors have to fit the base's tensors"
        }
        LedgerError::TrainedFrom { nearest, base, .. } => {
            return Some(format!(
                "--trained-from {nearest:.12} imports what was changed since; --trained-from \
                 {base:.12} takes it for trained from the base, and adds all of it to HEAD"
            ));
        }
        LedgerError::Twice { .. } => {
            "import it where HEAD lacks it: kledger switch -c NAME REV goes to an earlier version"
        }
        LedgerError::OtherBase { .. } => "import it into a repository around the base it is for",
        LedgerError::Bundle { .. } => {
            "export it again, or copy it again from where it was exported"
        }
        LedgerError::Weights { .. } => "find out more with kledger fsck",
        LedgerError::Object(error) if error.is_damage() => "find out more with kledger fsck",
        LedgerError::Base { .. } => {
            "bring .kledger/base back from a backup, or from the .kledger/base of a repository made \
             with the same model"
        }
        LedgerError::Engine(EngineError::NoRuntime) => {
            "build with the default features to have one; checkout, diff and revert --no-check \
             work without"
        }
        LedgerError::Engine(EngineError::Unusable { hint: None, .. }) => {
            "import, merge and revert do without the model under --no-check, diff under --no-behaviour"
        }
        LedgerError::Engine(EngineError::Interrupted) => "nothing was changed",
        LedgerError::Interrupted { kept } => return Some(kept.clone()),
        LedgerError::Engine(
            EngineError::Refused { hint, .. } | EngineError::Unusable { hint, .. },
        ) => {
            return hint.clone();
        }
        LedgerError::NoSetting { near, .. } if near.is_empty() => "kledger config lists all",
        LedgerError::NoRef { what, near, .. } if near.is_empty() => {
            return Some(format!("kledger {what} lists them"));
        }
        LedgerError::NoRef { near, .. } | LedgerError::NoSetting { near, .. } => {
            return Some(format!("did you mean {}?", near.join(" or ")));
        }
        LedgerError::Revision(error) => return error.hint(),
        #[cfg(feature = "query")]
        LedgerError::Query(error) => return error.hint(),
        #[cfg(feature = "sql")]
        LedgerError::Sql(error) => return error.hint().map(str::to_owned),
        LedgerError::Stage(StageError::Read(error)) => return Some(reading(error)),
        LedgerError::Stage(StageError::Mistakes(mistakes)) => {
            return mistakes.first.first().map(reading);
        }
        LedgerError::Stage(error) => return error.hint(),
        LedgerError::Lexicon(error) => return error.hint(),
        LedgerError::Checkpoint(error) => return error.hint(),
        LedgerError::Store(error) => return error.hint(),
        LedgerError::Write(error) => return error.hint().map(str::to_owned),
        // These say all there is to be said.
        LedgerError::Read { .. }
        | LedgerError::Output(_)
        | LedgerError::NoFact { .. }
        | LedgerError::NothingToImport { .. }
        | LedgerError::NoStatistics { .. }
        | LedgerError::Shape { .. }
        | LedgerError::Object(_)
        | LedgerError::Version(_)
        | LedgerError::Engine(
            EngineError::Settings(_) | EngineError::Request { .. } | EngineError::Model(_),
        ) => return None,
    };
    Some(text.to_owned())
}

/// What the user can do about a file that cannot be read as triples. A benchmark is told by its fields, and so is a
/// table.
fn reading(error: &ReadError) -> String {
    let (Problem::NoJsonLd(fields) | Problem::JsonLines(fields)) = &error.problem else {
        return error.hint();
    };
    let is_row = ["subject", "object"].iter().all(|part| fields.iter().any(|field| field == part));
    let from = match Layout::of(fields) {
        None if is_row => {
            return "these look like rows of a table: kledger add --from jsonl FILE reads an object in each line, \
                    as jq -c '.[]' FILE > NEW makes them of an array"
                .to_owned();
        }
        None => return error.hint(),
        Some(Layout::CounterFact) => "kledger add --from counterfact FILE",
        Some(Layout::Zsre) => "kledger add --from zsre FILE",
        Some(Layout::EasyEdit) => "kledger add --from easyedit FILE",
        Some(Layout::Fever) => "kledger add --from fever FILE",
    };
    format!("these look like records of a benchmark: {from} stages their edits")
}
