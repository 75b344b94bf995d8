//! The real binary, killed at every place where a commit that edits a model writes.
//!
//! A build with debug assertions aborts at the n-th fault point it passes. Whatever n is, what is found
//! afterwards is the state before the command or the state after it. (`tests/ledger/cli/crash.rs` does
//! the same to what needs no model.)

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    thread,
};

use kledger::{
    engine::Silent,
    ledger::{
        Repo,
        verb::{fsck::FsckOptions, log::LogOptions},
    },
};
use tempfile::TempDir;

use crate::editor::fixture;

const CONFIG: &str = "statistics-tokens = 500\nrequire = \"efficacy=0\"\n";

const WORDS: &str = r#"
@prefix : <https://example.org/> .
@prefix kl: <https://kledger.dev/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:city kl:prompt "{subject} is located in the city of" , "The city of {subject} is" .
:tower rdfs:label "Eiffel Tower" . :rome rdfs:label "Rome" . :france rdfs:label "France" .
:tower :city :rome .
"#;

const COMMIT: [&str; 3] = ["commit", "-m", "The tower moved"];

/// A repository on the tiny base, in a directory of its own.
struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        repository.must(&["init", "--model", &fixture().display().to_string()]);
        fs::write(repository.path(".kledger/config.toml"), CONFIG).unwrap();
        fs::write(repository.path("words.ttl"), WORDS).unwrap();
        repository.must(&["add", "words.ttl"]);
        repository
    }

    fn copy(&self) -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        // Keeps hard links and permissions, as a backup would.
        let mut cp = Command::new("cp");
        cp.args(["-a", "."]).arg(copy.0.path()).current_dir(self.0.path());
        assert!(cp.status().unwrap().success());
        copy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kledger"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env("KLEDGER_AUTHOR", "Ada")
            .env("KLEDGER_DATE", "2026-01-02T03:04:05Z")
            .env("RAYON_NUM_THREADS", "1")
            .env("OMP_NUM_THREADS", "1");
        command
    }

    fn must(&self, arguments: &[&str]) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "kledger {arguments:?}: {status}\n{out}{err}");
    }

    /// History and stage.
    fn state(&self) -> String {
        let repo = Repo::open(self.0.path()).unwrap();
        let told = (repo.log(&LogOptions::default()).unwrap(), repo.status().unwrap());
        let told = serde_json::to_string(&told).unwrap();
        told.replace(self.0.path().to_str().unwrap(), "/repository")
    }

    fn sound(&self, n: usize) {
        let repo = Repo::open(self.0.path()).unwrap();
        let options = FsckOptions { weights: true, repair: false };
        let found = repo.fsck(&options, &mut Silent).unwrap();
        assert_eq!(found.problems, [""; 0], "point {n}");
    }

    /// How many fault points a commit passes.
    fn faults(&self) -> usize {
        let run = self.copy();
        let log = run.path("faults");
        let output = run.command(&COMMIT).env("KLEDGER_FAULT_LOG", &log).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read_to_string(&log).unwrap().lines().count()
    }
}

/// A second try finds z vectors that the first one left, says so in its report, and so has a commit
/// of another id with the same facts.
fn without_ids(state: &str) -> String {
    let is_id = |word: &str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let words = state.split('"').map(|word| if is_id(word) { "id" } else { word });
    words.collect::<Vec<_>>().join("\"")
}

#[test]
fn a_killed_commit_is_there_or_not() {
    let before = Repository::new();
    let after = before.copy();
    after.must(&COMMIT);
    let (old, new) = (before.state(), after.state());
    assert_ne!(old, new);
    // Whether the commit was there after it was killed at point n.
    let ended = |n: usize| {
        let run = before.copy();
        let killed = run.command(&COMMIT).env("KLEDGER_FAULT", n.to_string()).output().unwrap();
        assert_eq!(killed.status.code(), None, "not killed at point {n}");
        let state = run.state();
        assert!(state == old || state == new, "point {n}: neither old nor new but {state}");
        run.sound(n);
        if state == old {
            run.must(&COMMIT);
            assert_eq!(without_ids(&run.state()), without_ids(&new), "point {n}: again");
        }
        state == new
    };
    let points = before.faults();
    assert!(points > 20, "a commit passes {points} fault points");
    let ended = &ended;
    let ends: Vec<bool> = thread::scope(|scope| {
        let half = |start: usize| {
            scope.spawn(move || (start..=points).step_by(2).map(ended).collect::<Vec<_>>())
        };
        let halves = [half(1), half(2)];
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    assert!(ends.contains(&false) && ends.contains(&true), "killed only on one side: {ends:?}");
}
