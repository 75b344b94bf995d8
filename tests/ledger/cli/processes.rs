//! Several processes at once, processes killed at any moment, and clocks that go back.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use fs4::fs_std::FileExt;
use kledger::{
    engine::Silent,
    ledger::{
        Repo,
        verb::{fsck::FsckOptions, log::LogOptions},
    },
};
use serde_json::Value;

use super::{Output, Sandbox};
use crate::support::Place;

/// Messages of a history, newest first, with the ids of their commits.
fn history(sandbox: &Sandbox) -> Vec<(String, String)> {
    let log = Repo::open(&sandbox.root()).unwrap().log(&LogOptions::default()).unwrap();
    let entries = log.entries.into_iter();
    entries.map(|entry| (entry.commit.id.to_string(), entry.commit.message)).collect()
}

fn sound(sandbox: &Sandbox) {
    let options = FsckOptions { weights: false, repair: false };
    let found = Repo::open(&sandbox.root()).unwrap().fsck(&options, &mut Silent).unwrap();
    assert_eq!(found.problems, [""; 0]);
}

fn words_of(writer: usize) -> String {
    format!(
        "<https://example.org/p{writer}> <https://kledger.dev/ns#prompt> \
         \"{{subject}} says {writer} to\" .\n"
    )
}

/// Runs a command, and again for as long as it is told that others were at work: where many share a
/// processor, a turn can take longer than a command waits.
fn patiently(sandbox: &Sandbox, words: &[&str]) -> Output {
    loop {
        let output = sandbox.run(words);
        if !output.stderr.contains("is in use by another kledger") {
            return output;
        }
        assert!(output.stderr.contains("hint: wait until it is done"), "{output:?}");
    }
}

/// What became of a command: the id of the commit that it was told of, or why not.
type Told = Result<String, String>;

/// Has `writers` processes stage something and commit at the same time.
fn rush(writers: usize) -> (Sandbox, BTreeMap<usize, Told>) {
    let sandbox = Sandbox::with_words();
    for writer in 0..writers {
        sandbox.write(&format!("{writer}.nt"), &words_of(writer));
    }
    let spawn = |words: &[&str]| -> Child {
        let mut command = sandbox.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let commit = |writer: usize| -> Told {
        let file = format!("{writer}.nt");
        patiently(&sandbox, &["add", &file]).done();
        let message = format!("writer {writer}");
        let output = spawn(&["commit", "-m", &message, "--json"]).wait_with_output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let data = &report["data"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if output.status.success() {
            Ok(text(&data["commit"]["id"]))
        } else {
            assert_eq!(output.status.code(), Some(1), "{report}");
            Err(format!("error: {}\nhint: {}", text(&data["message"]), text(&data["hint"])))
        }
    };
    let told = thread::scope(|scope| {
        let commit = &commit;
        let at_work: Vec<_> = (0..writers).map(|w| scope.spawn(move || (w, commit(w)))).collect();
        at_work.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    (sandbox, told)
}

/// Every commit that was acknowledged is in the history once, and nothing else is; whoever lost was
/// told why and what to do; nothing that was staged is lost.
fn one_winner_each(writers: usize) {
    let (sandbox, told) = rush(writers);
    let history = history(&sandbox);
    let mut expected: BTreeSet<String> = BTreeSet::new();
    for (writer, told) in &told {
        match told {
            Ok(id) => {
                assert!(expected.insert(id.clone()), "{id} was given to two");
                let found: Vec<_> = history.iter().filter(|(known, _)| known == id).collect();
                assert_eq!(found.len(), 1, "{id} is in the history {} times", found.len());
                assert_eq!(found[0].1, format!("writer {writer}"));
            }
            Err(message) => {
                assert!(message.starts_with("error: "), "{message}");
                assert!(message.contains("hint: ") && !message.ends_with("hint: "), "{message}");
            }
        }
    }
    assert!(!expected.is_empty(), "nobody won: {told:#?}");
    assert_eq!(history.len(), expected.len() + 2, "base, words, and the winners' commits");
    sound(&sandbox);
    // What the losers staged is committed by a winner or still staged.
    sandbox.run(&["commit", "-m", "the rest"]);
    for writer in 0..writers {
        let file = format!("{writer}.nt");
        let added = sandbox.run(&["add", &file, "--json"]).done();
        let report: Value = serde_json::from_str(&added).unwrap();
        assert_eq!(report["data"]["templates"], 1, "a template is always taken");
        assert_eq!(sandbox.run(&["commit", "-m", "again"]).code, 1, "{writer} was lost");
    }
}

#[test]
fn two_at_once() {
    one_winner_each(2);
}

#[test]
fn ten_at_once() {
    one_winner_each(10);
}

/// Kills a commit after a while; gives whether it was hit, and whether it had said that it was done.
fn kill_a_commit(sandbox: &Sandbox, message: &str, after: Duration) -> (bool, bool) {
    let mut command = sandbox.command(&["commit", "-m", message, "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(after);
    child.kill().unwrap();
    let mut told = String::new();
    child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    (!child.wait().unwrap().success(), told.ends_with('\n'))
}

/// `kill -9` at whatever moment it hits: every commit that was acknowledged stays, nothing is damaged,
/// and the next command works.
#[test]
fn killed_at_any_moment() {
    let sandbox = Sandbox::with_words();
    let mut acknowledged = Vec::new();
    let mut killed = 0;
    for round in 0..40u64 {
        sandbox.write("w.nt", &words_of(usize::try_from(round).unwrap()));
        sandbox.run(&["add", "w.nt"]).done();
        let message = format!("round {round}");
        // Moments spread over the length of a commit, however fast the machine is.
        let after = Duration::from_micros(1_000 + (round * 7_919) % 80_000);
        let (was_hit, was_done) = kill_a_commit(&sandbox, &message, after);
        killed += usize::from(was_hit);
        if was_done {
            acknowledged.push(message);
        }
        let messages: Vec<String> =
            history(&sandbox).into_iter().map(|(_, message)| message).collect();
        for message in &acknowledged {
            let times = messages.iter().filter(|known| *known == message).count();
            assert_eq!(times, 1, "{message} was acknowledged");
        }
    }
    sound(&sandbox);
    assert!(killed > 0, "no process was hit");
}

/// While others work, gc removes nothing of theirs; while gc works, they wait.
#[test]
fn gc_beside_others() {
    let sandbox = Sandbox::with_words();
    let mut made = Vec::new();
    thread::scope(|scope| {
        let collector = scope.spawn(|| {
            for _ in 0..6 {
                patiently(&sandbox, &["gc", "--prune", "now"]).done();
            }
        });
        for round in 0..12 {
            sandbox.write("w.nt", &words_of(round));
            patiently(&sandbox, &["add", "w.nt"]).done();
            let message = format!("round {round}");
            patiently(&sandbox, &["commit", "-m", &message]).done();
            made.push(message);
        }
        collector.join().unwrap();
    });
    made.reverse();
    let messages: Vec<String> = history(&sandbox).into_iter().map(|(_, text)| text).collect();
    assert_eq!(messages[..made.len()], made);
    sound(&sandbox);
}

/// Who keeps gc from its work is named.
#[cfg(target_os = "linux")]
#[test]
fn gc_says_who_is_in_the_way() {
    let sandbox = Sandbox::with_words();
    let repo = Repo::open(&sandbox.root()).unwrap();
    let dry = sandbox.run(&["gc", "--dry-run"]).done();
    assert!(dry.starts_with("Would remove "), "{dry}");
    let refused = sandbox.run(&["gc"]).failed(1);
    assert!(refused.contains(&format!("(process {})", std::process::id())), "{refused}");
    drop(repo);
    sandbox.run(&["gc"]).done();
}

/// A command that is overtaken by another process while it works: the branch stays where the other
/// put it.
#[cfg(unix)]
#[test]
fn a_ref_that_moves_meanwhile() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Anna :likes :Oslo .", "second");
    let sandbox = Sandbox { dir: place.dir };
    assert!((0..10).any(|_| overtaken(&sandbox.copy())), "never stopped while it wrote the model");
}

/// Stops `reset --hard` while it writes the model, has another process move the branch, and lets it
/// go on. False when it was stopped too late, with the store in its hands.
#[cfg(unix)]
fn overtaken(sandbox: &Sandbox) -> bool {
    let log = sandbox.root().join("points");
    fs::write(&log, "").unwrap();
    let slow = sandbox
        .command(&["reset", "--hard", "HEAD~1"])
        .env("KLEDGER_FAULT_LOG", &log)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let signal = |name: &str| {
        let id = slow.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    };
    while !fs::read_to_string(&log).unwrap().contains("files: before they are written") {
        thread::sleep(Duration::from_millis(1));
    }
    signal("-STOP");
    let lock = fs::File::open(sandbox.root().join(".kledger/lock")).unwrap();
    if !FileExt::try_lock_exclusive(&lock).unwrap()
        || fs::read_to_string(&log).unwrap().contains("put in place")
    {
        signal("-CONT");
        slow.wait_with_output().unwrap();
        return false;
    }
    drop(lock);
    sandbox.run(&["reset", "HEAD~2"]).done();
    let before = sandbox.state();
    signal("-CONT");
    let output = slow.wait_with_output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("HEAD changed while the command ran\nhint: another"), "{message}");
    assert_eq!(sandbox.state(), before);
    assert!(!sandbox.root().join("model").exists());
    // Who looks and tries again gets there.
    assert!(sandbox.run(&["status"]).done().starts_with("On main "));
    sandbox.run(&["reset", "--hard", "main@{1}~1"]).done();
    true
}

/// Time is what the clock says; order is what the parents say.
#[test]
fn a_clock_that_goes_back() {
    let sandbox = Sandbox::with_words();
    for (number, date) in ["2026-05-01T00:00:00Z", "1999-12-31T23:59:59Z", "1950-01-01T00:00:00Z"]
        .into_iter()
        .enumerate()
    {
        sandbox.write("w.nt", &words_of(number));
        for words in [vec!["add", "w.nt"], vec!["commit", "-m", date]] {
            let mut command = sandbox.command(&words);
            command.env("KLEDGER_DATE", date);
            sandbox.finish(command, "").done();
        }
    }
    let messages: Vec<String> = history(&sandbox).into_iter().map(|(_, message)| message).collect();
    assert_eq!(messages[..3].iter().map(|m| &m[..4]).collect::<Vec<_>>(), ["1950", "1999", "2026"]);
    assert!(sandbox.run(&["log"]).done().contains("1950-01-01"));
    sandbox.run(&["undo"]).done();
    assert!(sandbox.run(&["show", "main@{1}"]).done().contains("1950"));
    sound(&sandbox);
}

#[test]
fn while_one_writes_others_read_and_wait() {
    let sandbox = Sandbox::with_words();
    sandbox.write("words.nt", &words_of(0));
    let lock = fs::File::open(sandbox.root().join(".kledger/lock")).unwrap();
    lock.lock().unwrap();
    let message = sandbox.run(&["add", "words.nt"]).failed(1);
    assert!(message.contains("in use by another kledger"), "{message}");
    assert!(message.contains("hint: "), "{message}");
    for verb in ["status", "log", "branch", "tag", "show", "diff"] {
        let versions: &[&str] = if verb == "diff" { &["HEAD", "HEAD"] } else { &[] };
        sandbox.run(&[&[verb], versions].concat()).done();
    }
    lock.unlock().unwrap();
    sandbox.run(&["add", "words.nt"]).done();
}
