//! A disk that fails.

use std::fs;

use super::{Sandbox, told};

/// The calls of `words`, by name, in their order.
fn calls(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    let run = sandbox.copy();
    let log = run.dir.path().join("calls");
    let mut command = run.command(words);
    command.env("KLEDGER_FAIL_LOG", &log);
    run.finish(command, "").done();
    fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect()
}

/// The command `words`, of which a call fails.
fn failing(sandbox: &Sandbox, words: &[&str], failure: String) -> std::process::Command {
    let mut command = sandbox.command(words);
    command.env("KLEDGER_FAIL", failure);
    command
}

#[test]
fn a_full_disk_is_made_room_on() {
    let sandbox = Sandbox::with_history();
    let words = ["tag", "new"];
    let all = calls(&sandbox, &words);
    let write = all.iter().position(|name| name == "journal: write").unwrap() + 1;
    let hint = "the disk is full: free some space and run the command again";
    told(&mut failing(&sandbox, &words, format!("ENOSPC@{write}")), hint);
    sandbox.run(&words).done();
}

#[test]
fn whether_a_change_was_made_is_said_once_the_disk_works() {
    let sandbox = Sandbox::with_history();
    let words = ["tag", "new"];
    let all = calls(&sandbox, &words);
    let sync = all.iter().position(|name| name == "journal: sync").unwrap() + 1;
    let hint = "once the disk works, `kledger status` and `kledger op log` say whether the change was made";
    told(&mut failing(&sandbox, &words, format!("EIO@{sync}+")), hint);
    sandbox.run(&["status"]).done();
    let log = sandbox.run(&["op", "log", "-n", "1"]).done();
    let tags = sandbox.run(&["tag"]).done();
    assert_eq!(log.contains("kledger tag new"), tags.contains("new"), "{log}{tags}");
}
