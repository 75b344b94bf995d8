//! The real binary, killed at every place where it writes.
//!
//! A build with debug assertions aborts at the n-th fault point it passes. Whatever n is, what is found
//! afterwards is the state before the command or the state after it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::editor::fixture;

const WORDS: &str = r#"
@prefix : <https://example.org/> .
@prefix kl: <https://kledger.dev/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:city kl:prompt "{subject} is located in the city of" , "The city of {subject} is" .
:tower rdfs:label "Eiffel Tower" . :rome rdfs:label "Rome" . :france rdfs:label "France" .
:tower :city :rome .
"#;

/// A repository on the tiny base, in a directory of its own.
struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        repository.must(&["init", "--model", &fixture().display().to_string()]);
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

    fn must(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "kledger {arguments:?}: {status}\n{out}{err}");
        out.into_owned()
    }

    /// History and stage, as the program tells them.
    fn state(&self) -> String {
        let told = self.must(&["--json", "log"]) + &self.must(&["--json", "status"]);
        told.replace(self.0.path().to_str().unwrap(), "/repository")
    }

    /// Every file of the checked-out model.
    fn model(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let dir = self.path("model");
        let Ok(entries) = fs::read_dir(&dir) else { return BTreeMap::new() };
        entries
            .map(|entry| {
                let path = entry.unwrap().path();
                (path.strip_prefix(&dir).unwrap().to_owned(), fs::read(&path).unwrap())
            })
            .collect()
    }
}

/// How many fault points `arguments` passes.
fn faults(before: &Repository, arguments: &[&str]) -> usize {
    let run = before.copy();
    let log = run.path("faults");
    let output = run.command(arguments).env("KLEDGER_FAULT_LOG", &log).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let count = fs::read_to_string(&log).unwrap().lines().count();
    assert!(count > 3, "{arguments:?} passes {count} fault points");
    count
}

fn kill(at: &Repository, arguments: &[&str], n: usize) {
    let killed = at.command(arguments).env("KLEDGER_FAULT", n.to_string()).output().unwrap();
    assert!(!killed.status.success(), "fault point {n} of {arguments:?} was not passed");
    assert_eq!(killed.status.code(), None, "kledger {arguments:?} was not killed at point {n}");
}

fn sound(repository: &Repository, n: usize) {
    let found = repository.command(&["fsck"]).output().unwrap();
    assert!(found.status.success(), "point {n}: {}", String::from_utf8_lossy(&found.stdout));
}

/// Kills `arguments` at each point and expects the state before or after.
fn old_or_new(before: &Repository, arguments: &[&str]) {
    let after = before.copy();
    after.must(arguments);
    let (old, new) = (before.state(), after.state());
    assert_ne!(old, new);
    let mut ends = [0, 0];
    for n in 1..=faults(before, arguments) {
        let run = before.copy();
        kill(&run, arguments, n);
        let state = run.state();
        assert!(state == old || state == new, "point {n}: neither old nor new but {state}");
        ends[usize::from(state == new)] += 1;
        sound(&run, n);
        if state == old {
            run.must(arguments);
            assert_eq!(without_ids(&run.state()), without_ids(&new), "point {n}: again");
        }
    }
    assert!(
        ends.iter().all(|&count| count > 0),
        "{arguments:?} was killed only on one side: {ends:?}"
    );
}

/// A second try finds z vectors that the first one left, says so in its report, and so has a commit
/// of another id with the same facts.
fn without_ids(state: &str) -> String {
    let is_id = |word: &str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let words = state.split('"').map(|word| if is_id(word) { "id" } else { word });
    words.collect::<Vec<_>>().join("\"")
}

#[test]
fn a_killed_add_is_there_or_not() {
    let repository = Repository::new();
    fs::write(
        repository.path("more.nt"),
        "<https://example.org/france> <https://example.org/city> <https://example.org/rome> .\n",
    )
    .unwrap();
    old_or_new(&repository, &["add", "more.nt"]);
}

#[test]
fn a_killed_commit_is_there_or_not() {
    old_or_new(&Repository::new(), &["commit", "-m", "The tower moved"]);
}

#[test]
fn a_killed_checkout_leaves_the_old_model_or_the_new_one() {
    let before = Repository::new();
    before.must(&["commit", "-m", "The tower moved"]);
    before.must(&["checkout", "HEAD~1"]);
    let arguments = ["checkout", "main"];
    let after = before.copy();
    after.must(&arguments);
    let (old, new) = (before.model(), after.model());
    assert_ne!(old, new);
    for n in 1..=faults(&before, &arguments) {
        let run = before.copy();
        kill(&run, &arguments, n);
        let model = run.model();
        assert!(model == old || model == new, "point {n}: neither old nor new");
        sound(&run, n);
        run.must(&arguments);
        assert_eq!(run.model(), new, "point {n}: the second try");
        assert_eq!(run.state(), after.state(), "point {n}: the second try");
        let left: Vec<_> = fs::read_dir(run.0.path()).unwrap().map(|e| e.unwrap().path()).collect();
        assert!(!left.iter().any(|path| is_leftover(path)), "point {n} leaves {left:?}");
    }
}

fn is_leftover(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name.starts_with(".model") || name.ends_with(".tmp")
}
