//! Why a verb did not do what was asked.

use std::{io, path::PathBuf};

use super::{
    report::{
        counts::distance as norm,
        unread::{self, UnreadSentence},
    },
    requirements::RequirementError,
};
use crate::{
    checkpoint::{Base, CheckpointError},
    codec::ObjectError,
    commit::{Artefact, Commit},
    delta::VersionError,
    durable::WriteError,
    engine::EngineError,
    fact::{LexiconError, StageError},
    id::Id,
    ledger::{history::revision::error::RevisionError, merge::how::Task},
    store::StoreError,
};

/// Why a verb did not do what was asked. The repository is then as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// There is no repository here.
    #[error("{} is not in a kledger repository", from.display())]
    NoRepository {
        /// Where it was looked for, and in all directories above.
        from: PathBuf,
    },
    /// There is one already.
    #[error("{} is a kledger repository already", root.display())]
    Exists {
        /// Its root.
        root: PathBuf,
    },
    /// The settings do not make sense.
    #[error("{} has a setting that means nothing: {why}", path.display())]
    Config {
        /// The settings file.
        path: PathBuf,
        /// Which setting it is and what is wrong with it.
        why: String,
    },
    /// There is no such setting.
    #[error("there is no setting {key}")]
    NoSetting {
        /// The name.
        key: String,
        /// Names that look like it.
        near: Vec<String>,
    },
    /// A setting cannot have that value.
    #[error("{key} cannot be set to that: {why}")]
    Setting {
        /// Its name.
        key: String,
        /// Why not.
        why: String,
    },
    /// Statistics on more text than a model writes in any useful time.
    #[error("{tokens} tokens are too many for the model to write; at most {most} are")]
    TooManyTokens {
        /// Tokens asked for.
        tokens: u64,
        /// As many can be.
        most: u64,
    },
    /// A requirement is not spelled as one.
    #[error(transparent)]
    Requirement(#[from] RequirementError),
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file that a setting names, or the user, cannot be measured with.
    #[error("{}{}: {why}", named_by(*setting), path.display())]
    KeptFile {
        /// The setting; `None` where the verb was given the file.
        setting: Option<&'static str>,
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// Probes are required, and no setting names any.
    #[error("probes are required, and the setting probes names no file")]
    NoProbes,
    /// A revision names no commit.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// The stage refused triples.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A fact cannot be put into words.
    #[error(transparent)]
    Lexicon(#[from] LexiconError),
    /// A fact to be taken back does not hold and is not staged.
    #[error("{what} does not hold at HEAD and is not staged")]
    NoFact {
        /// The fact, or what was asked for.
        what: String,
    },
    /// No fact of the version is meant.
    #[error("{what} is in no fact at {revision}")]
    NoFactAt {
        /// What was asked for.
        what: String,
        /// The version as given.
        revision: String,
    },
    /// No version says anything of the subject.
    #[error("nothing is said of {what} in any version")]
    NoFactAnywhere {
        /// The subject as given.
        what: String,
    },
    /// No fact of the version can be asked.
    #[error("no fact at {revision} has words to ask for it")]
    NothingToEvaluate {
        /// The version as given.
        revision: String,
    },
    /// A prompt names nothing that the version knows.
    #[error("nothing that the version knows is named in {prompt:?}")]
    NoSubject {
        /// The prompt.
        prompt: String,
    },
    /// A subject is not in its prompt.
    #[error("{subject:?} is not in {prompt:?}")]
    NotInPrompt {
        /// The subject as given.
        subject: String,
        /// The prompt.
        prompt: String,
    },
    /// The model knows none of the facts that could be traced.
    #[error("{revision} answers none of {asked} facts that have words")]
    NothingKnown {
        /// The version as given.
        revision: String,
        /// Facts that were asked.
        asked: u64,
    },
    /// No text was scanned on a version.
    #[error("no text was scanned on the weights of {revision}")]
    NotScanned {
        /// The version as given.
        revision: String,
    },
    /// A corpus has no text.
    #[error("there is no text in {source_of}")]
    NothingToScan {
        /// The files' names.
        source_of: String,
    },
    /// A commit's edit cannot be read column by column.
    #[error("{commit:.12} {why}")]
    NoColumns {
        /// The commit.
        commit: Id<Commit>,
        /// Why not.
        why: &'static str,
    },
    /// The stage is empty.
    #[error("nothing is staged")]
    NothingStaged,
    /// A search goes on already.
    #[error("a bisection is going on already")]
    Bisecting,
    /// No search is going on.
    #[error("no bisection is going on")]
    NotBisecting,
    /// A search cannot go on by itself before both its ends are known.
    #[error("no {} version is named yet", if *bad { "good" } else if *good { "bad" } else { "good and no bad" })]
    NoEnds {
        /// Whether a bad one is.
        bad: bool,
        /// Whether a good one is.
        good: bool,
    },
    /// The good commit of a search is not an ancestor of the bad one.
    #[error("{good:.12}, said to be good, is not an ancestor of {bad:.12}, said to be bad")]
    NotBefore {
        /// The good commit.
        good: Id<Commit>,
        /// The bad one.
        bad: Id<Commit>,
    },
    /// Both ends of a search answer alike.
    #[error(
        "{good:.12} and {bad:.12} {} what is expected after {prompt:?}",
        if *expected { "both say" } else { "do not say" }
    )]
    SameAnswer {
        /// The good commit.
        good: Id<Commit>,
        /// The bad one.
        bad: Id<Commit>,
        /// What they were asked.
        prompt: String,
        /// Whether they say it.
        expected: bool,
    },
    /// The operation log is at its beginning.
    #[error("nothing to undo")]
    NothingToUndo,
    /// Nothing is undone, or something else was done since.
    #[error("nothing to redo")]
    NothingToRedo,
    /// There are not that many operations to undo or to redo.
    #[error("cannot {what} {asked} operations: there {}", if *there == 1 { "is 1".to_owned() } else { format!("are {there}") })]
    TooFew {
        /// Undo or redo.
        what: &'static str,
        /// How many were asked for.
        asked: usize,
        /// How many there are.
        there: usize,
    },
    /// The result of an operation is gone.
    #[error("the result of `kledger {command}` (operation {number}) is gone: gc has removed it")]
    Collected {
        /// The operation's number.
        number: u64,
        /// The command that made it.
        command: String,
    },
    /// A commit must say why.
    #[error("a commit needs a message")]
    NoMessage,
    /// The edit went worse than was required.
    #[error("the edit does not reach what is required: {}", unmet.join("; "))]
    Unmet {
        /// What is missed, and by how much.
        unmet: Vec<String>,
        /// How the edit went.
        check: Box<crate::commit::Check>,
        /// Edited facts that do not hold, and why.
        failures: Vec<crate::ledger::Failure>,
    },
    /// Another command moved a branch or changed the stage while this one ran.
    #[error("{what} changed while the command ran")]
    Moved {
        /// What moved.
        what: String,
    },
    /// A branch or tag is there already.
    #[error("{name} exists already, at {commit:.12}")]
    RefExists {
        /// Its name.
        name: String,
        /// Where it points.
        commit: Id<Commit>,
    },
    /// There is no such branch or tag.
    #[error("there is no {what} {name}")]
    NoRef {
        /// Branch or tag.
        what: &'static str,
        /// The name.
        name: String,
        /// Names that look like it.
        near: Vec<String>,
    },
    /// The commit is one that cannot be amended.
    #[error(
        "{commit:.12} is {}",
        if *merge { "a merge: it cannot be amended" } else { "the base: there is nothing to amend" }
    )]
    NotAmendable {
        /// The commit.
        commit: Id<Commit>,
        /// Whether it is a merge, and not the base.
        merge: bool,
    },
    /// The commit was not made by editing staged facts, so no more of them can be taken in.
    #[error(
        "{commit:.12} was not made of staged facts, so what is staged cannot become a part of it"
    )]
    AmendStep {
        /// The commit.
        commit: Id<Commit>,
    },
    /// Nothing is said that a commit does not say already.
    #[error("there is nothing to amend {commit:.12} with")]
    NothingToAmend {
        /// The commit.
        commit: Id<Commit>,
    },
    /// What is staged takes back all that a commit changed.
    #[error("with what is staged, nothing of {commit:.12} would be left")]
    NothingToKeep {
        /// The commit.
        commit: Id<Commit>,
    },
    /// A branch is to be gone back to, and HEAD was on none.
    #[error("{text}: HEAD was on no branch, but at {commit:.12}")]
    WasDetached {
        /// What was given.
        text: String,
        /// Where HEAD was.
        commit: Id<Commit>,
    },
    /// A branch that is to be deleted has commits that HEAD does not.
    #[error("{name} is not merged: commits that HEAD does not have: {count}")]
    NotMerged {
        /// The branch.
        name: String,
        /// How many commits it has that HEAD has not.
        count: usize,
    },
    /// HEAD is on the branch that is to be deleted.
    #[error("HEAD is on {name}")]
    OnBranch {
        /// The branch.
        name: String,
    },
    /// The root cannot be reverted.
    #[error("{commit:.12} is the base: there is nothing to revert")]
    RevertRoot {
        /// The root commit.
        commit: Id<Commit>,
    },
    /// The commit is not part of this history.
    #[error("{commit:.12} is not in the history of HEAD")]
    NotInHistory {
        /// The commit.
        commit: Id<Commit>,
    },
    /// The root changes nothing that could be applied elsewhere.
    #[error("{commit:.12} is the base: it has no changes to apply")]
    PickRoot {
        /// The root commit.
        commit: Id<Commit>,
    },
    /// Two histories have no common ancestor.
    #[error("HEAD and {commit:.12} have no common ancestor")]
    Unrelated {
        /// The other commit.
        commit: Id<Commit>,
    },
    /// Two versions to be compared since they diverged have no common ancestor.
    #[error("{a:.12} and {b:.12} have no common ancestor")]
    Apart {
        /// The one.
        a: Id<Commit>,
        /// The other.
        b: Id<Commit>,
    },
    /// The histories have diverged where only a fast-forward was allowed.
    #[error("HEAD and {revision} have diverged")]
    NotForward {
        /// The other revision, as it was named.
        revision: String,
    },
    /// A merge, cherry-pick, rebase or revert is in progress.
    #[error("a {task} is in progress")]
    InProgress {
        /// Which.
        task: Task,
    },
    /// No task is in progress.
    #[error("no {} is in progress", task.map_or("merge, cherry-pick, rebase or revert", Task::name))]
    NoTask {
        /// Which was meant.
        task: Option<Task>,
    },
    /// What is to be settled is no conflict.
    #[error("not in conflict: {what}")]
    NoConflict {
        /// The fact, or what was asked for.
        what: String,
    },
    /// Every conflict is settled.
    #[error("no conflict is open: {}", if *settled == 0 { "there is none".to_owned() } else { format!("{settled} settled already") })]
    NothingOpen {
        /// What is in progress.
        task: Task,
        /// How many conflicts are settled.
        settled: usize,
    },
    /// A merge has no commit to leave out.
    #[error("a merge has one step only")]
    NothingToSkip,
    /// Nothing holds, or one delta holds everything already.
    #[error("there is nothing to consolidate: {deltas} deltas hold {facts} facts")]
    NothingToConsolidate {
        /// Deltas of the version.
        deltas: u64,
        /// Facts that hold.
        facts: u64,
    },
    /// The misses of an edit cannot be edited again by themselves.
    #[error(
        "{editor} makes one change that its facts hold together, so its misses cannot be edited again in it"
    )]
    NoRounds {
        /// The editor.
        editor: String,
    },
    /// A repair would not have more facts hold than before.
    #[error(
        "the repair gains nothing: {repaired} of {failing} facts that do not hold would, and {lost} others no \
         longer"
    )]
    NothingGained {
        /// Facts that did not hold.
        failing: u64,
        /// Of them, those that would.
        repaired: u64,
        /// Facts that held and would not.
        lost: u64,
    },
    /// The model knows too little to try settings on.
    #[error(
        "of what is here the model knows {known} facts, which make {edits} edits to try settings on; {wanted} are needed"
    )]
    TooFewKnown {
        /// Facts that it knows.
        known: usize,
        /// Edits that they make.
        edits: usize,
        /// How many edits there should be.
        wanted: usize,
    },
    /// There are not that many stashed stages.
    #[error("there is no stash {number}: {count} are kept")]
    NoStash {
        /// The number asked for.
        number: usize,
        /// How many there are.
        count: usize,
    },
    /// A stashed stage says something else than what is staged now.
    #[error("{what} is staged already, and the stash says something else")]
    StashClash {
        /// What both change.
        what: String,
    },
    /// Everything the commit changed has been changed again.
    #[error("nothing of {commit:.12} is left to revert")]
    NothingLeft {
        /// The commit.
        commit: Id<Commit>,
    },
    /// What is to be written to has something in it.
    #[error("{} is not an empty directory", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// A directory is in the way.
    #[error("{} has files in it that kledger did not write", dir.display())]
    Occupied {
        /// The directory.
        dir: PathBuf,
    },
    /// Files of the user's are where a version is to be written.
    #[error("{} would lose {}", dir.display(), lost(changed, foreign))]
    InTheWay {
        /// The directory.
        dir: PathBuf,
        /// Files that kledger wrote and that are other ones now.
        changed: Vec<String>,
        /// What kledger did not write, where it has something to write.
        foreign: Vec<String>,
    },
    /// A version cannot be written to what is no directory.
    #[error("{} {why}", path.display())]
    NoDirectory {
        /// What was named.
        path: PathBuf,
        /// What it is.
        why: String,
    },
    /// Nothing differs from the base, so there is nothing that an adapter could hold.
    #[error("{commit:.12} has the base's weights: there is nothing to put into an adapter")]
    NothingToAdapt {
        /// The commit.
        commit: Id<Commit>,
    },
    /// An adapter holds low-rank changes of linear maps only.
    #[error("the change of {tensor} {why}, so an adapter cannot hold it")]
    NoAdapter {
        /// The tensor.
        tensor: String,
        /// What is in the way.
        why: &'static str,
        /// Whether a low-rank approximation would do.
        approximable: bool,
    },
    /// A directory is no exported delta.
    #[error("{} holds no delta that kledger exported: it has no delta.json", dir.display())]
    NoBundle {
        /// The directory.
        dir: PathBuf,
    },
    /// A change was made for another base.
    #[error("{} is for the base {theirs:.12}; this repository's is {ours:.12}", dir.display())]
    OtherBase {
        /// Where the change is.
        dir: PathBuf,
        /// The base it is for.
        theirs: Id<Base>,
        /// The repository's base.
        ours: Id<Base>,
    },
    /// An adapter says that it is for another model.
    #[error("the adapter in {} is for {theirs}; this repository's base is {ours}", dir.display())]
    OtherModel {
        /// Where the adapter is.
        dir: PathBuf,
        /// The model it is for.
        theirs: String,
        /// What the base is called.
        ours: String,
    },
    /// A checkpoint is nearer to an edited version than to the base: its edits would count twice.
    #[error(
        "{} was not trained from the base: it is {} from {nearest:.12} and {} from the base",
        dir.display(), norm(*distance), norm(*base_distance)
    )]
    TrainedFrom {
        /// Where the checkpoint is.
        dir: PathBuf,
        /// The version it is nearest to.
        nearest: Id<Commit>,
        /// Norm of its difference to that.
        distance: f64,
        /// A commit with the base's weights.
        base: Id<Commit>,
        /// Norm of its difference to those.
        base_distance: f64,
    },
    /// The parts of an exported delta do not fit one another.
    #[error("the delta in {} does not hold together: {why}", dir.display())]
    Bundle {
        /// The directory.
        dir: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// What is to be imported changes nothing.
    #[error("{} changes nothing: {why}", dir.display())]
    NothingToImport {
        /// The directory, or what it is called.
        dir: PathBuf,
        /// How that is.
        why: &'static str,
    },
    /// An adapter holds what HEAD has: it was exported from this history.
    #[error(
        "{} would count twice: {shared} of its {ranks} ranks are HEAD's already",
        dir.display()
    )]
    Twice {
        /// Where the adapter is.
        dir: PathBuf,
        /// How many of its ranks HEAD has.
        shared: usize,
        /// How many ranks it has, of all tensors.
        ranks: usize,
    },
    /// Weights do not have the hash that their commit names.
    #[error("{tensor} of {commit:.12} should be {expected:.12} and is {found}")]
    Weights {
        /// The commit.
        commit: Id<Commit>,
        /// The tensor.
        tensor: String,
        /// Hash named by the commit.
        expected: crate::tensor::TensorId,
        /// Hash found, or that there is none.
        found: String,
    },
    /// The copy of the base is not what it was.
    #[error("the base is damaged: {what}")]
    Base {
        /// A file or tensor that differs.
        what: String,
    },
    /// The statistics or the delta do not fit the model.
    #[error("{what} is {found}, expected {expected}")]
    Shape {
        /// What does not fit.
        what: String,
        /// Its dimensions.
        found: String,
        /// The dimensions it should have.
        expected: String,
    },
    /// Statistics were asked for that nothing would use.
    #[error("the editor {editor} uses no statistics")]
    NoStatistics {
        /// Its name.
        editor: String,
    },
    /// The editor edits with what it was trained to, and nothing fits.
    #[error(
        "{editor} edits with what it was trained to, and it was trained to nothing that fits here"
    )]
    NoArtefact {
        /// Its name.
        editor: String,
    },
    /// The artefact is of something else.
    #[error("artefact {artefact} is not for {editor} here: {why}")]
    ForeignArtefact {
        /// What was named.
        artefact: Id<Artefact>,
        /// The editor that was to edit with it.
        editor: String,
        /// What is wrong.
        why: String,
    },
    /// The editor's edits stand on a change of the base that it was trained to, and the version does not have it.
    #[error(
        "this version lacks what edits by {editor} stand on: the base as artefact {artefact:.12} changes it"
    )]
    NotTrained {
        /// What was to be edited with.
        artefact: Id<Artefact>,
        /// The editor that was to edit with it.
        editor: String,
    },
    /// There is no such artefact, or several.
    #[error("{why}: {name:?}")]
    ArtefactName {
        /// What was given.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The editor is not trained.
    #[error("{editor} is not trained: it edits as it is")]
    NothingToTrain {
        /// Its name.
        editor: String,
    },
    /// There is too little to train on.
    #[error(
        "too few to learn from: facts with words, and with another object to be given, are {facts}"
    )]
    TooFewLessons {
        /// As many have.
        facts: usize,
    },
    /// More facts than one delta can be of.
    #[error("{count} facts are too many for one edit; it can be of {most}")]
    TooManyFacts {
        /// Facts to be edited.
        count: usize,
        /// As many can be.
        most: usize,
    },
    /// An object is missing or damaged.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A version cannot be built.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// A file or directory cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file is to be written where something is.
    #[error("{} is there already", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// Sentences say no fact.
    #[error("{}{}", match *total { 0 => "there is no sentence".to_owned(), 1 => "1 sentence says no fact".to_owned(), total => format!("{total} sentences say no fact") }, unread::list(unread, *total))]
    Unread {
        /// The first of them.
        unread: Vec<UnreadSentence>,
        /// How many there are.
        total: u64,
    },
    /// An endpoint says nothing.
    #[error(transparent)]
    Endpoint(#[from] crate::endpoint::EndpointError),
    /// A prompt is not about one thing.
    #[error("{prompt:?} {}", about(things))]
    NoOneSubject {
        /// The prompt.
        prompt: String,
        /// What it may be about.
        things: Vec<String>,
    },
    /// Several things have the name.
    #[error("{name:?} is the name of {}", things.join(" and "))]
    Namesakes {
        /// The name.
        name: String,
        /// The things.
        things: Vec<String>,
    },
    /// A query has no answer.
    #[cfg(feature = "query")]
    #[error(transparent)]
    Query(#[from] crate::query::QueryError),
    /// A database cannot be read.
    #[cfg(feature = "sql")]
    #[error(transparent)]
    Sql(#[from] crate::sql::SqlError),
    /// What was found cannot be written to where it goes.
    #[error("cannot write the result")]
    Output(#[source] io::Error),
    /// The work was asked to stop.
    #[error("interrupted")]
    Interrupted {
        /// What is kept of it, in words.
        kept: String,
    },
    /// The model or the editor gave up.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl LedgerError {
    /// An engine's error; where it was asked to stop, with what is `kept` of its work.
    pub(super) fn with_kept(error: EngineError, kept: impl FnOnce() -> String) -> Self {
        match error {
            EngineError::Interrupted => Self::Interrupted { kept: kept() },
            error => error.into(),
        }
    }
}

/// Names that an error lists at most.
const LISTED: usize = 10;

/// What a prompt may be about.
fn about(things: &[String]) -> String {
    if things.is_empty() {
        return "names nothing that is known".to_owned();
    }
    let listed = things.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    format!("may be about {listed}")
}

/// What would be lost, by name.
fn lost(changed: &[String], foreign: &[String]) -> String {
    let changed = changed.iter().map(|name| format!("{name}, changed since kledger wrote it"));
    let foreign = foreign.iter().map(|name| format!("{name}, which kledger did not write"));
    let all: Vec<String> = changed.chain(foreign).collect();
    let mut said = all.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join("; ");
    if all.len() > LISTED {
        said += &format!("; and {} more", all.len() - LISTED);
    }
    said
}

fn named_by(setting: Option<&str>) -> String {
    setting.map_or_else(String::new, |setting| format!("the setting {setting} names "))
}
