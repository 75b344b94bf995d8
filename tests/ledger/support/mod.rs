//! What the tests share: a repository around a model that can be computed by hand.

#[cfg(feature = "cli")]
pub(crate) mod advice;
#[cfg(feature = "sql")]
pub(crate) mod postgres;
pub(crate) mod stand_in;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use kledger::{
    engine::{Engine, EngineError, Progress, Silent},
    fact::{
        Fact, Intake, Role, StageError,
        read::{Format, Position, ReadError, read_triples},
    },
    ledger::{
        Actor, LedgerError, Repo,
        verb::{
            add::AddReport,
            commit::{CommitOptions, CommitReport},
            export::{ExportFormat, ExportOptions, ExportReport},
            fsck::FsckOptions,
            import::{ImportOptions, ImportReport, ImportSource},
            revert::{RevertOptions, RevertReport},
        },
    },
};
use stand_in::StandIn;

/// Words for the predicates of the tests. The paraphrase of `likes` is a permutation of its prompt,
/// which the stand-in model understands.
pub(crate) const WORDS: &str = r#"
    @prefix kl: <https://kledger.dev/ns#> .
    @prefix : <https://example.org/> .
    :likes kl:prompt "{subject} likes" ; kl:paraphrase "likes {subject}" .
    :lives kl:prompt "{subject} lives in" .
    :works kl:prompt "{subject} works at" .
"#;

/// A repository in a directory of its own.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) repo: Repo,
    clock: std::cell::Cell<i64>,
}

impl Place {
    /// A new repository with [`WORDS`] staged.
    pub(crate) fn new() -> Self {
        Self::of(stand_in::INPUTS)
    }

    /// A new repository whose model has as many columns as `inputs` says.
    pub(crate) fn of(inputs: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (model, root) = (dir.path().join("base"), dir.path().join("repo"));
        stand_in::write_checkpoint(&model, inputs);
        std::fs::create_dir(&root).unwrap();
        let actor = Actor { author: "Ada".to_owned(), time: 0, command: "init".to_owned() };
        let (repo, _) = Repo::init(&root, &model, &actor, &mut Silent, |_| Ok(Vec::new())).unwrap();
        let place = Self { dir, repo, clock: std::cell::Cell::new(0) };
        place.add(WORDS).unwrap();
        place
    }

    /// A repository that is there already.
    pub(crate) fn around(dir: tempfile::TempDir, repo: Repo) -> Self {
        Self { dir, repo, clock: std::cell::Cell::new(1_000_000) }
    }

    /// The same, with what the settings file says now.
    #[cfg(feature = "cli")]
    pub(crate) fn reopened(self) -> Self {
        let repo = Repo::open(self.repo.root()).unwrap();
        Self { repo, ..self }
    }

    /// Who acts now; time passes with every call.
    pub(crate) fn actor(&self, command: &str) -> Actor {
        self.clock.set(self.clock.get() + 1000);
        Actor { author: "Ada".to_owned(), time: self.clock.get(), command: command.to_owned() }
    }

    pub(crate) fn add(&self, turtle: &str) -> Result<AddReport, LedgerError> {
        self.repo.add(&self.actor("add"), intake(turtle)?, Role::Edit, true)
    }

    pub(crate) fn add_neighbours(&self, turtle: &str) -> Result<AddReport, LedgerError> {
        self.repo.add(&self.actor("add"), intake(turtle)?, Role::Neighbourhood, true)
    }

    pub(crate) fn rm(&self, turtle: &str) -> Result<(), LedgerError> {
        self.repo.rm(&self.actor("rm"), intake(turtle)?, Role::Edit).map(drop)
    }

    pub(crate) fn commit(&self, message: &str) -> Result<CommitReport, LedgerError> {
        self.commit_with(&options(message), &mut Silent)
    }

    pub(crate) fn commit_with(
        &self,
        options: &CommitOptions,
        progress: &mut dyn Progress,
    ) -> Result<CommitReport, LedgerError> {
        self.repo.commit(&self.actor("commit"), options, &mut open, progress)
    }

    /// Takes a commit back without a model.
    pub(crate) fn revert(&self, revision: &str) -> Result<RevertReport, LedgerError> {
        let (actor, options) = (self.actor("revert"), RevertOptions::default());
        self.repo.revert(&actor, revision, &options, None, &mut Silent)
    }

    /// Stages `turtle` and commits it.
    pub(crate) fn make(&self, turtle: &str, message: &str) -> CommitReport {
        self.add(turtle).unwrap();
        self.commit(message).unwrap()
    }

    /// The same, however few of the facts hold.
    #[cfg(feature = "query")]
    pub(crate) fn make_weakly(&self, turtle: &str, message: &str) -> CommitReport {
        self.add(turtle).unwrap();
        let mut options = options(message);
        options.edit.require = kledger::ledger::Requirements::nothing_of_an_edit();
        self.commit_with(&options, &mut Silent).unwrap()
    }

    pub(crate) fn export(
        &self,
        revision: &str,
        dir: &Path,
        format: ExportFormat,
    ) -> Result<ExportReport, LedgerError> {
        let options = ExportOptions { format, ..ExportOptions::default() };
        self.repo.export(revision, dir, &options, &mut open, &mut Silent)
    }

    /// Imports and checks.
    pub(crate) fn import(&self, source: &ImportSource) -> Result<ImportReport, LedgerError> {
        self.import_with(source, &ImportOptions::default())
    }

    pub(crate) fn import_with(
        &self,
        source: &ImportSource,
        options: &ImportOptions,
    ) -> Result<ImportReport, LedgerError> {
        let mut engine = open;
        self.repo.import(&self.actor("import"), source, options, Some(&mut engine), &mut Silent)
    }

    /// What the version at `revision` says after `prompt`.
    pub(crate) fn ask(&self, prompt: &str, revision: &str) -> String {
        let how = kledger::engine::Sampling { top: 1, tokens: 1, sample: None };
        let revisions = [revision.to_owned()];
        let report = self.repo.ask(prompt, &revisions, &how, &mut open).unwrap();
        report.answers[0].continuations.text.clone()
    }

    /// Everything is read and every version built.
    pub(crate) fn fsck(&self) {
        let report =
            self.repo.fsck(&FsckOptions { weights: true, ..Default::default() }, &mut Silent);
        assert_eq!(report.unwrap().problems, Vec::<String>::new());
    }

    /// Names and hashes of the tensors that differ from the base at `revision`.
    pub(crate) fn weights(&self, revision: &str) -> Vec<(String, String)> {
        let show = self.repo.show(revision).unwrap();
        show.weights.into_iter().map(|tensor| (tensor.name, tensor.id.to_string())).collect()
    }
}

pub(crate) fn options(message: &str) -> CommitOptions {
    CommitOptions { message: message.to_owned(), ..CommitOptions::default() }
}

/// Opens the stand-in engine.
pub(crate) fn open(base: &Path) -> Result<Box<dyn Engine>, EngineError> {
    Ok(Box::new(StandIn::open(base)?))
}

/// The triples of a piece of Turtle in which `:` is `https://example.org/`.
pub(crate) fn turtle_triples(turtle: &str) -> Vec<Result<(Fact, Position), ReadError>> {
    let text = format!("@prefix : <https://example.org/> .\n{turtle}");
    read_triples(text.as_bytes(), Format::Turtle, "test.ttl").collect()
}

pub(crate) fn intake(turtle: &str) -> Result<Intake, StageError> {
    Ok(Intake::of(turtle_triples(turtle))?)
}

/// Stores that were written by earlier programs.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format")
}

/// Copies what is in the directory `from` into the directory `to`.
pub(crate) fn copy(from: &Path, to: &Path) {
    let from = from.join(".");
    let status = Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

/// The files below `dir` that have `text` in them.
pub(crate) fn files_with(dir: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if std::fs::read(&path).unwrap().windows(text.len()).any(|w| w == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// The Rust sources under `dir`.
pub(crate) fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
