//! The real binary, killed at every place where it writes.
//!
//! A build with debug assertions aborts at the n-th fault point it passes. Whatever n is, what is found
//! afterwards, history and checked-out model together, is what was before the command or what is after
//! it. (`tests/torch/crash.rs` does the same to a commit that edits a model.)

use std::{
    collections::BTreeMap,
    fs,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use kledger::{
    engine::Silent,
    ledger::{
        Manifest, Repo,
        verb::{fsck::FsckOptions, log::LogOptions},
    },
};

use super::Sandbox;

impl Sandbox {
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
            read_into(&mut files, &self.root(), Path::new(dir));
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
        let list = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten();
        let entries = list(self.root()).chain(list(self.root().join("model")));
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(".kledger.")).collect()
    }
}

/// What is below `dir` of `root`, links as they are, without what is unfinished.
fn read_into(files: &mut BTreeMap<PathBuf, Vec<u8>>, root: &Path, dir: &Path) {
    let Ok(entries) = fs::read_dir(root.join(dir)) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        let (name, path) = (dir.join(entry.file_name()), entry.path());
        if entry.file_name().to_string_lossy().starts_with(".kledger.") {
            continue;
        }
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files.insert(name.clone(), b"directory".to_vec());
            read_into(files, root, &name);
        } else if kind.is_symlink() {
            files.insert(name, fs::read_link(&path).unwrap().into_os_string().into_vec());
        } else {
            let mut bytes = fs::read(&path).unwrap();
            if name.ends_with("kledger.json") {
                // Times and numbers of files are others each time.
                let mut manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                for file in manifest["files"].as_object_mut().unwrap().values_mut() {
                    *file = file["blake3"].take();
                }
                bytes = manifest.to_string().into_bytes();
            }
            files.insert(name, bytes);
        }
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

/// What is in the way is where it was, or has the name that it was given; nothing is lost and nothing there twice.
#[test]
fn killed_while_files_make_room() {
    let before = Sandbox::with_history();
    let model = before.root().join("model");
    fs::write(model.join("config.json"), r#"{"model_type": "mine"}"#).unwrap();
    fs::remove_file(model.join("tokenizer.json")).unwrap();
    fs::create_dir(model.join("tokenizer.json")).unwrap();
    fs::write(model.join("tokenizer.json/inside"), "mine").unwrap();
    fs::write(model.join("model.safetensors"), "mine").unwrap();
    before.run(&["checkout", "draft"]).failed(1);
    old_or_new(&before, &["checkout", "draft", "--force"]);
}

#[test]
fn killed_while_exporting() {
    old_or_new(&Sandbox::with_history(), &["export", "HEAD", "out"]);
}

#[test]
fn killed_while_making_a_repository() {
    let before = Sandbox::bare();
    let words = ["init", "--anyway", "--model", "../base"];
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

/// Two repositories that have a directory in common, in which the user has notes; the other one is in `other`.
fn with_another() -> Sandbox {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["checkout", "main", "--to", "../shared"]).done();
    fs::write(sandbox.dir.path().join("shared/notes"), "years of work").unwrap();
    fs::create_dir(sandbox.dir.path().join("other")).unwrap();
    in_the_other(&sandbox, &["init", "--anyway", "--model", "../base"]);
    sandbox
}

/// Runs a command in the other repository.
fn in_the_other(at: &Sandbox, words: &[&str]) {
    let mut command = at.command(words);
    command.current_dir(at.dir.path().join("other"));
    at.finish(command, "").done();
}

/// The shared directory holds the other repository's version, whole, and the user's notes.
fn is_the_others(at: &Sandbox, point: &str) {
    let shared = at.dir.path().join("shared");
    let manifest = Manifest::read(&shared).unwrap();
    assert_eq!(manifest.commit.to_string(), newest_of_the_other(at), "{point}");
    assert!(!shared.join("model-edited.safetensors").exists(), "{point}");
    let left = fs::read_dir(&shared).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with('.')).collect();
    assert!(left.is_empty(), "{point}: {left:?}");
    assert_eq!(fs::read_to_string(shared.join("notes")).unwrap(), "years of work", "{point}");
}

/// A directory that two repositories write to: whoever comes next ends what was begun there, and neither a version
/// nor what the user has in it is half there.
#[test]
fn killed_in_a_directory_that_others_write_to() {
    let before = with_another();
    let words = ["checkout", "draft", "--to", "../shared"];
    let mut ends = [0, 0];
    for (n, point) in (1..).zip(&faults(&before, &words)) {
        if !point.starts_with("files:") {
            continue;
        }
        let run = before.copy();
        kill(&run, &words, n);
        in_the_other(&run, &["checkout", "--to", "../shared"]);
        is_the_others(&run, point);
        run.sound(point);
        // Here HEAD is where it was or where it was to go, and all goes on.
        let head = Repo::open(&run.root()).unwrap().status().unwrap().head.branch;
        ends[usize::from(head.as_deref() == Some("draft"))] += 1;
        run.run(&words).done();
        let notes = fs::read_to_string(run.dir.path().join("shared/notes")).unwrap();
        assert_eq!(notes, "years of work", "{point}");
    }
    assert!(ends.iter().all(|&count| count > 0), "{ends:?}");
}

/// The version that the other repository is at.
fn newest_of_the_other(at: &Sandbox) -> String {
    let repo = Repo::open(&at.dir.path().join("other")).unwrap();
    repo.log(&LogOptions::default()).unwrap().entries[0].commit.id.to_string()
}

/// Runs `words` in a copy of `sandbox` and kills it at the n-th place where it writes, for every n;
/// `then` looks at what is left.
fn killed_everywhere(sandbox: &Sandbox, words: &[&str], then: impl Fn(&Sandbox, usize)) {
    for n in 1.. {
        let copy = sandbox.copy();
        let mut command = copy.command(words);
        let status = command.env("KLEDGER_FAULT", n.to_string()).output().unwrap().status;
        then(&copy, n);
        if status.code().is_some() {
            assert!(n > 5, "there are places to be killed at");
            return;
        }
    }
}

#[test]
fn a_killed_merge_is_none_or_all() {
    let sandbox = Sandbox::merging();
    sandbox.run(&["resolve", "--theirs"]).done();
    let before = sandbox.run(&["log", "--oneline"]).done();
    let words = ["merge", "--continue", "--no-check"];
    killed_everywhere(&sandbox, &words, |killed, n| {
        let status = killed.run(&["status"]).done();
        let log = killed.run(&["log", "--oneline"]).done();
        if log == before {
            assert!(status.contains("A merge of draft is in progress"), "{n}: {status}");
            killed.run(&words).done();
        }
        assert!(killed.run(&["log", "--oneline"]).done().contains("Merge draft"));
        assert!(!killed.run(&["status"]).done().contains("in progress"));
        killed.run(&["fsck", "--weights"]).done();
    });
}

const REBASED: &str = "<id> Carl moves\n<id> Theirs\n<id> Ours\n<id> Common\n<id> base stand-in\n";

#[test]
fn a_killed_rebase_goes_on_or_is_given_up() {
    let sandbox = Sandbox::diverged();
    sandbox.run(&["switch", "draft"]).done();
    let before = sandbox.run(&["log", "--oneline"]).done();
    let words = ["rebase", "main", "--theirs", "--no-check"];
    killed_everywhere(&sandbox, &words, |killed, n| {
        let unfinished = || killed.run(&["status"]).done().contains("is in progress");
        if killed.run(&["log", "--oneline"]).done() == before {
            if unfinished() && n % 2 == 0 {
                killed.run(&["rebase", "--abort"]).done();
                assert_eq!(killed.run(&["log", "--oneline"]).done(), before);
            }
            if unfinished() {
                killed.run(&["rebase", "--continue", "--no-check"]).done();
            } else {
                killed.run(&words).done();
            }
        }
        assert!(!unfinished());
        let log = killed.run(&["log", "--oneline"]).done();
        assert_eq!(log.replacen(" (HEAD, draft)", "", 1).replace(" (main)", ""), REBASED, "{n}");
        killed.run(&["fsck", "--weights"]).done();
    });
}

#[test]
fn a_killed_bisection_is_where_it_was_or_one_further() {
    let sandbox = Sandbox::diverged();
    let started = sandbox.copy();
    started.run(&["bisect", "start", "main", "main~2"]).done();
    let told = |sandbox: &Sandbox| sandbox.run(&["bisect"]).stdout + &sandbox.state();
    for (before, words) in [
        (&sandbox, ["bisect", "start", "main", "main~2"].as_slice()),
        (&started, &["bisect", "good"]),
        (&started, &["bisect", "reset"]),
    ] {
        let after = before.copy();
        after.run(words).done();
        let (old, new) = (told(before), told(&after));
        assert_ne!(old, new);
        killed_everywhere(before, words, |killed, n| {
            let found = told(killed);
            assert!(found == old || found == new, "{words:?} killed at {n}: {found}");
            killed.run(&["fsck"]).done();
        });
    }
}
