//! The real binary, killed at every place where it writes.
//!
//! A build with debug assertions aborts at the n-th fault point it passes. Whatever n is, what is found
//! afterwards, history and checked-out model together, is what was before the command or what is after
//! it. (`tests/torch/crash.rs` does the same to a commit that edits a model.)

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use kledger::ledger::{
    Repo, Silent,
    verb::{fsck::FsckOptions, log::LogOptions},
};

use super::Sandbox;
use crate::support::Place;

impl Sandbox {
    /// Two edits, a branch, a tag, and something on the stage.
    pub(super) fn with_history() -> Self {
        let place = Place::new();
        place.make(":Anna :likes :Rome . :Bert :lives :Oslo .", "first");
        place.make(":Anna :likes :Oslo . :Carl :works :Siemens .", "second");
        place.repo.create_branch(&place.actor("branch"), "draft", "HEAD~1").unwrap();
        place.repo.create_tag(&place.actor("tag"), "v1", "HEAD").unwrap();
        place.repo.checkout(&place.actor("checkout"), "main", None).unwrap();
        place.add(":city <https://kledger.dev/ns#prompt> \"{subject} is in\" .").unwrap();
        place.rm(":Bert :lives :Oslo .").unwrap();
        let sandbox = Self { dir: place.dir };
        sandbox.write(
            "more.nt",
            "<https://example.org/Dora> <https://example.org/likes> <https://example.org/Bonn> .\n",
        );
        sandbox
    }

    /// A backup: keeps hard links and permissions.
    pub(super) fn copy(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut cp = Command::new("cp");
        cp.args(["-a", "."]).arg(dir.path()).current_dir(self.dir.path());
        assert!(cp.status().unwrap().success());
        Self { dir }
    }

    /// History, stage, refs, and every file of the checked-out model and of an export.
    pub(super) fn whole(&self) -> (String, BTreeMap<PathBuf, Vec<u8>>) {
        let repo = Repo::open(&self.root()).unwrap();
        let told = (
            repo.log(&LogOptions::default()).unwrap(),
            repo.status().unwrap(),
            repo.branches().unwrap(),
            repo.tags().unwrap(),
        );
        let told = serde_json::to_string_pretty(&told).unwrap();
        let mut files = BTreeMap::new();
        for dir in ["model", "out"] {
            let Ok(entries) = fs::read_dir(self.root().join(dir)) else { continue };
            for entry in entries {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(self.root()).unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
        (told.replace(self.dir.path().to_str().unwrap(), "<dir>"), files)
    }

    /// Nothing is damaged, and nothing is left in the user's directory.
    pub(super) fn sound(&self, context: &str) {
        let repo = Repo::open(&self.root()).unwrap();
        let options = FsckOptions { weights: true, repair: false };
        let found = repo.fsck(&options, &mut Silent).unwrap();
        assert_eq!(found.problems, [""; 0], "{context}");
    }

    /// How many packs and which tensor files there are.
    fn stored(&self) -> (usize, Vec<PathBuf>) {
        let list = |dir: PathBuf| -> Vec<PathBuf> {
            let entries = fs::read_dir(dir).unwrap();
            entries.map(|entry| entry.unwrap().path()).collect()
        };
        let under = |name: &str| -> Vec<PathBuf> {
            let folders = list(self.root().join(".kledger").join(name)).into_iter();
            folders.flat_map(list).collect()
        };
        let files = under("tensors").into_iter();
        let mut files: Vec<PathBuf> =
            files.map(|path| path.strip_prefix(self.root()).unwrap().to_owned()).collect();
        files.sort();
        (under("packs").len(), files)
    }

    fn leftovers(&self) -> Vec<String> {
        let names = fs::read_dir(self.root()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with('.') && name != ".kledger").collect()
    }
}

/// The fault points that `words` passes.
fn faults(before: &Sandbox, words: &[&str]) -> Vec<String> {
    let run = before.copy();
    let log = run.dir.path().join("faults");
    let mut command = run.command(words);
    command.env("KLEDGER_FAULT_LOG", &log);
    run.finish(command, "").done();
    fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect()
}

fn kill(at: &Sandbox, words: &[&str], n: usize) {
    let killed = at.command(words).env("KLEDGER_FAULT", n.to_string()).output().unwrap();
    assert_eq!(killed.status.code(), None, "{words:?} was not killed at point {n}");
}

/// Kills a command at each point and expects the state before or after.
fn old_or_new(before: &Sandbox, words: &[&str]) {
    let after = before.copy();
    after.run(words).done();
    let (old, new) = (before.whole(), after.whole());
    assert_ne!(old, new);
    let points = faults(before, words);
    assert!(points.len() >= 4, "{words:?} passes {points:?}");
    let mut ends = [0, 0];
    for (n, point) in (1..).zip(&points) {
        let context = format!("{words:?} killed at {n}, {point}");
        let run = before.copy();
        kill(&run, words, n);
        let state = run.whole();
        assert!(state == old || state == new, "{context}: neither old nor new but {}", state.0);
        run.sound(&context);
        ends[usize::from(state == new)] += 1;
        if state == old {
            run.run(words).done();
            assert!(run.whole() == new, "{context}: the second try");
            run.sound(&context);
            assert_eq!(run.leftovers(), [""; 0], "{context}");
        }
    }
    assert!(ends.iter().all(|&count| count > 0), "{words:?} ended on one side only: {ends:?}");
}

#[test]
fn killed_while_staging() {
    let before = Sandbox::with_history();
    old_or_new(&before, &["add", "more.nt"]);
    old_or_new(&before, &["rm", "--about", "https://example.org/Carl"]);
    old_or_new(&before, &["reset"]);
}

/// So many objects that the index makes a run of them, together with the one of before.
#[test]
fn killed_while_the_index_makes_a_run() {
    let before = Sandbox::with_history();
    let long = "x".repeat(500);
    for (file, subjects) in [("some.nt", 0..1100), ("others.nt", 1100..2200)] {
        let line = |n| format!("<https://a.org/{n}> <https://a.org/p> \"{n} {long}\" .\n");
        before.write(file, &subjects.map(line).collect::<String>());
    }
    before.run(&["add", "some.nt"]).done();
    let words = ["add", "others.nt"];
    let points = faults(&before, &words);
    for wanted in ["index: before a run counts", "leftovers: before a file is removed"] {
        assert!(points.iter().any(|point| point == wanted), "{points:?}");
    }
    old_or_new(&before, &words);
}

#[test]
fn killed_while_committing() {
    let before = Sandbox::with_history();
    old_or_new(&before, &["commit", "-m", "Words and a retraction"]);
    old_or_new(&before, &["revert", "HEAD"]);
}

#[test]
fn killed_while_naming() {
    let before = Sandbox::with_history();
    old_or_new(&before, &["branch", "new"]);
    old_or_new(&before, &["branch", "-m", "draft", "final"]);
    old_or_new(&before, &["branch", "-d", "draft"]);
    old_or_new(&before, &["tag", "-d", "v1"]);
}

#[test]
fn killed_while_moving() {
    let before = Sandbox::with_history();
    old_or_new(&before, &["switch", "draft"]);
    old_or_new(&before, &["reset", "HEAD~1"]);
    old_or_new(&before, &["undo"]);
}

/// The directory's exchange and the move of HEAD used to be two steps; a process killed between them
/// left a model that was not the one HEAD named.
#[test]
fn killed_while_checking_out() {
    let before = Sandbox::with_history();
    old_or_new(&before, &["checkout", "draft"]);
    old_or_new(&before, &["reset", "--hard", "HEAD~1"]);
    fs::remove_dir_all(before.root().join("model")).unwrap();
    old_or_new(&before, &["checkout", "HEAD~1"]);
}

#[test]
fn killed_while_exporting() {
    old_or_new(&Sandbox::with_history(), &["export", "HEAD", "out"]);
}

#[test]
fn killed_while_making_a_repository() {
    let before = Sandbox::bare();
    let words = ["init", "--model", "../base"];
    let mut made = 0;
    let points = faults(&before, &words);
    for (n, point) in (1..).zip(&points) {
        let run = before.copy();
        kill(&run, &words, n);
        if Repo::open(&run.root()).is_err() {
            run.run(&words).done();
        } else {
            made += 1;
        }
        run.sound(point);
        assert_eq!(run.leftovers(), [""; 0], "{point}");
    }
    assert!(made > 0 && made < points.len(), "{made} of {points:?}");
}

/// Whatever is left of a gc that was killed, all that is wanted is there, and the next one ends it.
#[test]
fn killed_while_collecting() {
    let before = Sandbox::with_history();
    before.run(&["reset", "--hard", "HEAD~1"]).done();
    before.run(&["reset"]).done();
    let words = ["gc", "--prune", "now", "--z-vectors"];
    let after = before.copy();
    let told = after.run(&words).done();
    assert!(told.contains("object") && !told.starts_with("Removed 0 objects"), "{told}");
    let (whole, done) = (before.whole(), after.stored());
    let points = faults(&before, &words);
    assert!(points.iter().any(|point| point.starts_with("leftovers")), "{points:?}");
    for (n, point) in (1..).zip(&points) {
        let run = before.copy();
        kill(&run, &words, n);
        assert!(run.whole() == whole, "{point}");
        run.sound(point);
        // One that had said what it removes need not say it again.
        run.run(&words).done();
        assert_eq!(run.stored(), done, "{point}");
        assert!(run.whole() == whole, "{point}");
    }
}

#[test]
fn killed_while_repairing() {
    let before = Sandbox::with_history();
    let whole = before.whole();
    fs::write(before.root().join(".kledger/ledger/db"), "rubbish").unwrap();
    let words = ["fsck", "--repair"];
    for (n, point) in (1..).zip(&faults(&before, &words)) {
        let run = before.copy();
        kill(&run, &words, n);
        run.run(&words).done();
        assert!(run.whole() == whole, "{point}");
        run.sound(point);
    }
}
