//! `kledger backup`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use insta::assert_snapshot;
use kledger::{
    engine::Silent,
    ledger::{
        Repo,
        verb::{fsck::FsckOptions, log::LogOptions},
    },
};

use super::Sandbox;

fn history(root: &Path) -> String {
    let repo = Repo::open(root).unwrap();
    let all = LogOptions { all: true, ..LogOptions::default() };
    let told = (repo.log(&all).unwrap(), repo.branches().unwrap(), repo.tags().unwrap());
    serde_json::to_string(&told).unwrap()
}

fn sound(root: &Path) {
    let options = FsckOptions { weights: true, repair: false };
    let found = Repo::open(root).unwrap().fsck(&options, &mut Silent).unwrap();
    assert_eq!(found.problems, [""; 0]);
}

#[test]
fn what_is_copied_is_counted() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["backup", "../copy"]).done(), @"
    Backed up to <dir>/copy
      up to operation 3: 9 files new, 9 of them shared, 0 B copied
    ");
    assert_snapshot!(sandbox.run(&["backup", "../copy"]).done(), @"
    Backed up to <dir>/copy
      up to operation 3: 0 files new, 0 of them shared, 0 B copied
    ");
    let again = sandbox.data(&["backup", "../copy"]);
    assert_eq!(again["files"], 0, "{again}");
}

#[test]
fn a_backup_is_a_repository_and_is_brought_up_to_date() {
    let sandbox = Sandbox::with_history();
    let backup = sandbox.dir.path().join("safe/copy");
    let to = backup.to_str().unwrap();
    sandbox.run(&["backup", to]).done();
    assert_eq!(history(&backup), history(&sandbox.root()));
    sound(&backup);
    let told = sandbox.run(&["backup", to]).done();
    assert!(told.contains(": 0 files new"), "{told}");
    sandbox.run(&["commit", "-m", "More"]).done();
    assert_ne!(history(&backup), history(&sandbox.root()));
    let told = sandbox.run(&["backup", to]).done();
    assert!(!told.contains(": 0 files new"), "{told}");
    assert_eq!(history(&backup), history(&sandbox.root()));
    sound(&backup);
    // What the repository loses later is in the backup.
    fs::remove_dir_all(sandbox.root().join(".kledger")).unwrap();
    sound(&backup);
}

/// Damages every pack, each as a new file, because a backup may share the old one; gives their names.
fn damage(packs: &Path) -> Vec<PathBuf> {
    let mut damaged = Vec::new();
    for folder in fs::read_dir(packs).unwrap() {
        for pack in fs::read_dir(folder.unwrap().path()).unwrap() {
            let pack = pack.unwrap().path();
            let mut bytes = fs::read(&pack).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle..].fill(0xff);
            fs::remove_file(&pack).unwrap();
            fs::write(&pack, bytes).unwrap();
            damaged.push(pack.strip_prefix(packs).unwrap().to_owned());
        }
    }
    damaged
}

/// What was written once cannot be made again from what is left: fsck names a backup, and that helps.
#[test]
fn a_damaged_pack_is_brought_back_from_a_backup() {
    let sandbox = Sandbox::with_history();
    let before = history(&sandbox.root());
    sandbox.run(&["backup", "../copy"]).done();
    let backup = sandbox.dir.path().join("copy/.kledger/packs");
    let packs = sandbox.root().join(".kledger/packs");
    let damaged = damage(&packs);
    let told = sandbox.run(&["show", "HEAD"]).failed(3);
    assert!(told.contains("hint: find out more with kledger fsck"), "{told}");
    let told = sandbox.run(&["fsck"]);
    assert_eq!(told.code, 3);
    assert!(told.stdout.contains("brought back from a backup, under its name"), "{}", told.stdout);
    assert_eq!(sandbox.run(&["fsck", "--repair"]).code, 3);
    for pack in damaged {
        fs::copy(backup.join(&pack), packs.join(&pack)).unwrap();
    }
    // A repair before may have had the journal name what could be read of them.
    sandbox.run(&["fsck", "--repair"]).done();
    sandbox.run(&["fsck", "--weights"]).done();
    assert_eq!(history(&sandbox.root()), before);
}

#[test]
fn a_backup_is_written_over_nothing_else() {
    let sandbox = Sandbox::with_history();
    let other = Sandbox::new();
    let refused = |sandbox: &Sandbox, to: &str| {
        let told = sandbox.run(&["backup", to]).failed(1);
        assert!(told.contains("no backup of this repository"), "{told}");
    };
    refused(&sandbox, ".");
    refused(&sandbox, ".kledger/backup");
    refused(&sandbox, other.root().to_str().unwrap());
    fs::create_dir(sandbox.root().join("mine")).unwrap();
    sandbox.write("mine/notes.txt", "mine");
    refused(&sandbox, "mine");
    assert_eq!(fs::read_dir(sandbox.root().join("mine")).unwrap().count(), 1);
    // One that went its own way is a repository of its own.
    sandbox.run(&["backup", "../copy"]).done();
    let copy = sandbox.dir.path().join("copy");
    Repo::open(&copy).unwrap();
    let apart = sandbox.command(&["-C", copy.to_str().unwrap(), "branch", "mine"]);
    sandbox.finish(apart, "").done();
    refused(&sandbox, "../copy");
}

#[test]
fn a_backup_beside_commits_holds_together() {
    let sandbox = Sandbox::with_words();
    let to = sandbox.dir.path().join("copy");
    thread::scope(|scope| {
        let work = scope.spawn(|| {
            for number in 0..12 {
                let file = format!("{number}.nt");
                let line = format!(
                    "<https://e.org/p{number}> <https://kledger.dev/ns#prompt> \"{{subject}} is {number}\" .\n"
                );
                sandbox.write(&file, &line);
                sandbox.run(&["add", &file]).done();
                sandbox.run(&["commit", "-m", &file]).done();
            }
        });
        while !work.is_finished() {
            sandbox.run(&["backup", to.to_str().unwrap()]).done();
            // A copy of the copy, since whoever opens one makes its index.
            let copy = tempfile::tempdir().unwrap();
            let mut cp = Command::new("cp");
            cp.args(["-a", "."]).arg(copy.path()).current_dir(&to);
            assert!(cp.status().unwrap().success());
            sound(copy.path());
        }
    });
}

/// A backup that is killed is the one of before, and the next one completes it.
#[cfg(debug_assertions)]
#[test]
fn a_backup_that_is_killed_is_completed_by_the_next() {
    let before = Sandbox::with_history();
    for fault in (1..).step_by(7) {
        let run = before.copy();
        let mut command = run.command(&["backup", "../copy"]);
        let killed = command.env("KLEDGER_FAULT", fault.to_string()).output().unwrap();
        let copy = run.dir.path().join("copy");
        run.run(&["backup", "../copy"]).done();
        sound(&copy);
        assert_eq!(history(&copy), history(&run.root()), "killed at {fault}");
        if killed.status.success() {
            break;
        }
    }
}
