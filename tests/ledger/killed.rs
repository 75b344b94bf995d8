//! Work that needs a model, killed at every place where it writes.
//!
//! The real binary has no model here. So the test program runs itself again, with the stand-in for an
//! engine, and that process is the one that is killed.

use std::{
    env,
    path::Path,
    process::{Command, ExitStatus},
};

use kledger::{
    engine::Silent,
    ledger::{
        About, How, LedgerError, Repo, Strategy,
        verb::{fsck::FsckOptions, log::LogOptions, merge::MergeOptions},
    },
};

use crate::support::{Place, files_with, open};

const DIR: &str = "KLEDGER_TEST_DIR";
const WORK: &str = "KLEDGER_TEST_WORK";

/// Does what its parent asks for; nothing when it has none.
#[test]
fn child() {
    let (Some(dir), Ok(work)) = (env::var_os(DIR), env::var(WORK)) else { return };
    let repo = Repo::open(Path::new(&dir)).unwrap();
    let place = Place::around(tempfile::tempdir().unwrap(), repo);
    let actor = place.actor(&work);
    let mut engine = open;
    let again = How { strategy: Some(Strategy::ReEdit), ..How::default() };
    match work.as_str() {
        "merge" => {
            let options = MergeOptions { how: again, ..MergeOptions::default() };
            let merged =
                place.repo.merge(&actor, "draft", &options, Some(&mut engine), &mut Silent);
            merged.unwrap();
        }
        "commit" => {
            place.commit("made").unwrap();
        }
        "cherry-pick" => {
            let picked = ["draft".to_owned()];
            place
                .repo
                .cherry_pick(&actor, &picked, &again, Some(&mut engine), &mut Silent)
                .unwrap();
        }
        "forget" => {
            let about = About::new(Some("Anna"), None);
            match place.repo.forget(&actor, &about, false, &mut Silent) {
                Ok(_) | Err(LedgerError::NoFactAnywhere { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        other => panic!("{other}"),
    }
}

fn run(root: &Path, work: &str, fault: usize) -> ExitStatus {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "killed::child"]).env(DIR, root).env(WORK, work);
    command.env("KLEDGER_FAULT", fault.to_string()).output().unwrap().status
}

/// History and stage; fsck has nothing to say.
fn state(root: &Path) -> String {
    let repo = Repo::open(root).unwrap();
    let all = LogOptions { all: true, ..LogOptions::default() };
    let told = (repo.log(&all).unwrap(), repo.status().unwrap(), repo.branches().unwrap());
    let options = FsckOptions { weights: true, repair: false };
    assert_eq!(repo.fsck(&options, &mut Silent).unwrap().problems, [""; 0]);
    serde_json::to_string(&told).unwrap().replace(root.to_str().unwrap(), "<root>")
}

/// Two branches that went apart without a conflict; HEAD is on `main`.
fn apart() -> tempfile::TempDir {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "common");
    place.repo.switch(&place.actor("switch"), "draft", Some("HEAD")).unwrap();
    place.make(":Bert :likes :Bonn .", "theirs");
    place.repo.switch(&place.actor("switch"), "main", None).unwrap();
    place.make(":Carl :lives :Bern .", "ours");
    place.make(":Anna :likes :Oslo .", "more of ours");
    place.dir
}

fn copy(of: &tempfile::TempDir) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut cp = Command::new("cp");
    cp.args(["-a", "."]).arg(dir.path()).current_dir(of.path());
    assert!(cp.status().unwrap().success());
    dir
}

/// Killed anywhere, `work` is done or not; done again, it is done.
fn old_or_new(work: &str) {
    old_or_new_from(&apart(), work);
}

fn old_or_new_from(before: &tempfile::TempDir, work: &str) {
    let after = copy(before);
    assert!(run(&after.path().join("repo"), work, 0).success());
    let root = |dir: &tempfile::TempDir| dir.path().join("repo");
    let (old, new) = (state(&root(before)), state(&root(&after)));
    let mut ends = [0, 0];
    for fault in 1.. {
        let killed = copy(before);
        if run(&root(&killed), work, fault).success() {
            assert!(fault > 4, "there are places to be killed at");
            break;
        }
        let found = state(&root(&killed));
        assert!(found == old || found == new, "{work} killed at {fault}: {found}");
        ends[usize::from(found == new)] += 1;
        let left = || files_with(&root(&killed).join(".kledger"), "example.org/Anna");
        if work == "forget" && found == new {
            // Looking at the state was the next command.
            assert_eq!(left(), [""; 0], "killed at {fault}");
        }
        if found == old {
            assert!(run(&root(&killed), work, 0).success());
            assert_eq!(state(&root(&killed)), new, "{work} killed at {fault}, and done again");
        }
        if work == "forget" {
            assert_eq!(left(), [""; 0], "killed at {fault}, and done again");
        }
    }
    assert!(ends.iter().all(|&count| count > 0), "{work} ended on one side only: {ends:?}");
}

/// z vectors that were found are kept before the commit is made; one that is made with them used to have
/// another id, because it did not say how the search for them had ended.
#[test]
fn a_commit_that_edits() {
    let before = apart();
    let repo = Repo::open(&before.path().join("repo")).unwrap();
    let place = Place::around(before, repo);
    place.add(":Dora :likes :Bonn . :Emil :lives :Oslo .").unwrap();
    old_or_new_from(&place.dir, "commit");
}

#[test]
fn a_merge_that_edits() {
    old_or_new("merge");
}

#[test]
fn a_pick_that_edits() {
    old_or_new("cherry-pick");
}

#[test]
fn a_subject_that_is_forgotten() {
    old_or_new("forget");
}
