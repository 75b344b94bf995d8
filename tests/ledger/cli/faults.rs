//! The real binary, where the disk fails it: one system call at a time says that it cannot be done.
//!
//! A command that says it is done is done, and one that says no changed nothing; what is stored is sound
//! in either case, and an error of the machine is never called damage. `KLEDGER_EVERY_FAULT` has every call fail
//! in turn (`make test-faults`); otherwise a sample does.

use std::{env, fs};

use super::Sandbox;

/// What a call can say.
const ERRORS: [&str; 5] = ["EIO", "ENOSPC", "EMFILE", "EACCES", "EINTR"];
/// So many calls of a command fail, one at a time.
const SAMPLE: usize = 14;

impl Sandbox {
    /// The calls that `words` makes.
    fn calls(&self, words: &[&str]) -> usize {
        let run = self.copy();
        let log = run.dir.path().join("calls");
        let mut command = run.command(words);
        command.env("KLEDGER_FAIL_LOG", &log);
        run.finish(command, "").done();
        fs::read_to_string(&log).unwrap().lines().count()
    }
}

/// Has calls of a command fail, and expects what it said.
fn said_and_done(before: &Sandbox, words: &[&str]) {
    let after = before.copy();
    after.run(words).done();
    let (old, new) = (before.whole(), after.whole());
    assert_ne!(old, new);
    let calls = before.calls(words);
    assert!(calls >= 8, "{words:?} makes {calls} calls");
    let every = env::var_os("KLEDGER_EVERY_FAULT").is_some();
    let stride = if every { 1 } else { calls / SAMPLE + 1 };
    let mut refused = 0;
    for (turn, at) in (1..=calls).step_by(stride).enumerate() {
        let errors = if every { &ERRORS[..] } else { &ERRORS[turn % ERRORS.len()..][..1] };
        for error in errors {
            let context = format!("{words:?}, {error} at {at}");
            let run = before.copy();
            let mut command = run.command(words);
            command.env("KLEDGER_FAIL", format!("{error}@{at}"));
            let output = run.finish(command, "");
            let state = run.whole();
            match output.code {
                0 => assert!(state == new, "{context}: said yes, and did not"),
                1 => assert!(state == old, "{context}: said no, and did: {}", output.stderr),
                _ => panic!("{context}: {output:#?}"),
            }
            assert!(*error != "EINTR" || output.code == 0, "{context}: {output:#?}");
            refused += usize::from(output.code == 1);
            run.sound(&context);
        }
    }
    assert!(refused > 0, "no call of {words:?} mattered");
}

#[test]
fn a_disk_that_fails_while_staging_and_committing() {
    let before = Sandbox::with_history();
    said_and_done(&before, &["add", "more.nt"]);
    said_and_done(&before, &["commit", "-m", "Words and a retraction"]);
}

#[test]
fn a_disk_that_fails_while_naming_and_moving() {
    let before = Sandbox::with_history();
    said_and_done(&before, &["branch", "new"]);
    said_and_done(&before, &["reset", "HEAD~1"]);
    said_and_done(&before, &["stash"]);
    said_and_done(&before, &["undo"]);
}

/// The checkout and HEAD move together, and the user's files stay.
#[test]
fn a_disk_that_fails_while_checking_out() {
    let before = Sandbox::with_history();
    said_and_done(&before, &["checkout", "HEAD~1"]);
    said_and_done(&before, &["reset", "--hard", "HEAD~1"]);
}

/// Once the journal has it, it is done, whatever fails.
#[test]
fn an_index_that_cannot_be_synced_is_made_anew() {
    let before = Sandbox::with_history();
    let names = {
        let run = before.copy();
        let log = run.dir.path().join("calls");
        let mut command = run.command(&["branch", "new"]);
        command.env("KLEDGER_FAIL_LOG", &log);
        run.finish(command, "").done();
        fs::read_to_string(&log).unwrap()
    };
    let synced = names.lines().position(|name| name == "journal: sync").unwrap() + 1;
    let calls = names.lines().count();
    assert!(calls > synced, "{names}");
    for (at, name) in (synced + 1..=calls).zip(names.lines().skip(synced)) {
        let run = before.copy();
        let mut command = run.command(&["branch", "new"]);
        command.env("KLEDGER_FAIL", format!("EIO@{at}"));
        run.finish(command, "").done();
        assert!(run.run(&["branch"]).done().contains("new"), "{name}");
        assert!(run.run(&["branch", "newer"]).done().contains("newer"), "{name}");
        run.sound(name);
        assert!(!run.root().join(".kledger/ledger/stale").exists(), "{name}");
    }
    // The journal's own sync: it is taken back.
    let run = before.copy();
    let mut command = run.command(&["branch", "new"]);
    command.env("KLEDGER_FAIL", format!("EIO@{synced}"));
    run.finish(command, "").failed(1);
    assert!(run.whole() == before.whole());
    // Nor can that be said: whoever looks is told what there is.
    let mut command = run.command(&["branch", "new"]);
    command.env("KLEDGER_FAIL", format!("EIO@{synced}+"));
    let told = run.finish(command, "").failed(1);
    assert!(told.contains("not take back") && told.contains("kledger status"), "{told}");
    run.sound("undecided");
}

/// Verbs in any order, with stashes, a detached HEAD and forgetting, killed and failing now and then.
#[test]
fn whatever_is_done_and_fails_the_store_is_sound() {
    let rounds = if env::var_os("KLEDGER_EVERY_FAULT").is_some() { 40 } else { 2 };
    for seed in 1..=rounds {
        let sandbox = Sandbox::with_history();
        let mut state = seed * 0x9e37_79b9_u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut told = Vec::new();
        for turn in 0..25 {
            let file = format!("{turn}.nt");
            let line = format!(
                "<https://e.org/p{turn}> <https://kledger.dev/ns#prompt> \"{{subject}} is {turn}\" .\n"
            );
            sandbox.write(&file, &line);
            let branch = format!("b{turn}");
            let words: Vec<&str> = match random(13) {
                0..3 => vec!["add", &file],
                3 | 4 => vec!["commit", "-m", &file],
                5 => vec!["stash"],
                6 => vec!["stash", "pop"],
                7 => vec!["checkout", "HEAD~1"],
                8 => vec!["switch", "main"],
                9 => vec!["switch", "-c", &branch],
                10 => vec!["undo"],
                11 => vec!["gc", "--prune", "now"],
                // With a stash of a commit that nothing leads to it is refused.
                _ => vec!["forget", "https://example.org/Carl", "--yes"],
            };
            let mut command = sandbox.command(&words);
            match random(4) {
                0 => {
                    let error = ERRORS[usize::try_from(random(5)).unwrap()];
                    command.env("KLEDGER_FAIL", format!("{error}@{}", 1 + random(40)));
                }
                1 => {
                    command.env("KLEDGER_FAULT", (1 + random(30)).to_string());
                }
                _ => {}
            }
            let output = command.output().unwrap();
            told.push(format!("{words:?}: {:?}", output.status));
            assert_ne!(output.status.code(), Some(3), "{seed}: {told:#?} {output:?}");
            sandbox.sound(&format!("{seed}: {told:#?}"));
        }
    }
}
