//! The real binary, where the disk fails it: one system call at a time says that it cannot be done.
//!
//! A command that says it is done is done, and one that says no changed nothing; what is stored is sound
//! in either case, and an error of the machine is never called damage. `KLEDGER_EVERY_FAULT` has every call fail
//! in turn (`make test-faults`); otherwise a sample does.

use std::{env, fs, process::Command};

use super::{Output, Sandbox};

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

/// The calls that making a branch makes, and the number of the one that syncs the journal.
fn calls_of_a_branch(before: &Sandbox) -> (Vec<String>, usize) {
    let run = before.copy();
    let log = run.dir.path().join("calls");
    let mut command = run.command(&["branch", "new"]);
    command.env("KLEDGER_FAIL_LOG", &log);
    run.finish(command, "").done();
    let names: Vec<String> = fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect();
    let synced = names.iter().position(|name| name == "journal: sync").unwrap() + 1;
    assert!(names.len() > synced, "{names:?}");
    (names, synced)
}

/// Makes a branch with calls that fail.
fn branch(sandbox: &Sandbox, fail: &str) -> Output {
    let mut command = sandbox.command(&["branch", "new"]);
    command.env("KLEDGER_FAIL", fail);
    sandbox.finish(command, "")
}

/// Once the journal has it, it is done, whatever fails.
#[test]
fn an_index_that_cannot_be_synced_is_made_anew() {
    let before = Sandbox::with_history();
    let (names, synced) = calls_of_a_branch(&before);
    for (at, name) in (1..).zip(&names).skip(synced) {
        let run = before.copy();
        branch(&run, &format!("EIO@{at}")).done();
        assert!(run.run(&["branch"]).done().contains("new"), "{name}");
        assert!(run.run(&["branch", "newer"]).done().contains("newer"), "{name}");
        run.sound(name);
        assert!(!run.root().join(".kledger/ledger/stale").exists(), "{name}");
    }
}

#[test]
fn what_the_journal_could_not_sync_is_taken_back() {
    let before = Sandbox::with_history();
    let (_names, synced) = calls_of_a_branch(&before);
    let run = before.copy();
    branch(&run, &format!("EIO@{synced}")).failed(1);
    assert!(run.whole() == before.whole());
    // Where that cannot be done either, whoever looks is told what there is.
    let told = branch(&run, &format!("EIO@{synced}+")).failed(1);
    assert!(told.contains("not take back") && told.contains("kledger status"), "{told}");
    run.sound("undecided");
}

/// Numbers that look random, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// Some command that changes something, of which `file` and `branch` are new.
    fn verb<'a>(&mut self, file: &'a str, branch: &'a str) -> Vec<&'a str> {
        match self.below(13) {
            0..3 => vec!["add", file],
            3 | 4 => vec!["commit", "-m", file],
            5 => vec!["stash"],
            6 => vec!["stash", "pop"],
            7 => vec!["checkout", "HEAD~1"],
            8 => vec!["switch", "main"],
            9 => vec!["switch", "-c", branch],
            10 => vec!["undo"],
            11 => vec!["gc", "--prune", "now"],
            // With a stash of a commit that nothing leads to it is refused.
            _ => vec!["forget", "https://example.org/Carl", "--yes"],
        }
    }

    /// Has a command fail or be killed now and then.
    fn trouble(&mut self, command: &mut Command) {
        match self.below(4) {
            0 => {
                let error = ERRORS[usize::try_from(self.below(5)).unwrap()];
                command.env("KLEDGER_FAIL", format!("{error}@{}", 1 + self.below(40)));
            }
            1 => {
                command.env("KLEDGER_FAULT", (1 + self.below(30)).to_string());
            }
            _ => {}
        }
    }
}

/// Verbs in any order, with stashes, a detached HEAD and forgetting, killed and failing now and then.
#[test]
fn whatever_is_done_and_fails_the_store_is_sound() {
    let rounds = if env::var_os("KLEDGER_EVERY_FAULT").is_some() { 40 } else { 2 };
    for seed in 1..=rounds {
        let sandbox = Sandbox::with_history();
        let mut random = Random(seed * 0x9e37_79b9_u64);
        let mut told = Vec::new();
        for turn in 0..25 {
            let (file, branch) = (format!("{turn}.nt"), format!("b{turn}"));
            let line = format!(
                "<https://e.org/p{turn}> <https://kledger.dev/ns#prompt> \"{{subject}} is {turn}\" .\n"
            );
            sandbox.write(&file, &line);
            let words = random.verb(&file, &branch);
            let mut command = sandbox.command(&words);
            random.trouble(&mut command);
            let output = command.output().unwrap();
            told.push(format!("{words:?}: {:?}", output.status));
            assert_ne!(output.status.code(), Some(3), "{seed}: {told:#?} {output:?}");
            sandbox.sound(&format!("{seed}: {told:#?}"));
        }
    }
}
