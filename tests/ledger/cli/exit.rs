//! Exit codes, and where things are printed.

use std::process::Stdio;

use super::Sandbox;

/// A build without libtorch beside one with it, which says what it is told.
#[cfg(not(feature = "torch"))]
fn with_two_programs() -> Sandbox {
    let sandbox = Sandbox::with_words();
    let kledger = env!("CARGO_BIN_EXE_kledger");
    // Written by another process, so that no thread of this one has it open while it is run.
    let install = format!(
        "cp '{kledger}' kledger && printf '#!/bin/sh\\necho \"$@\"\\n' > kledger-torch && chmod +x kledger-torch"
    );
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", &install]).current_dir(sandbox.root());
    assert!(shell.status().unwrap().success());
    sandbox
}

#[cfg(not(feature = "torch"))]
#[test]
fn what_may_run_the_model_is_left_to_the_program_that_can() {
    let sandbox = with_two_programs();
    let run = |words: &[&str]| {
        let mut command = std::process::Command::new(sandbox.root().join("kledger"));
        command.args(words).current_dir(sandbox.root()).env("KLEDGER_AUTHOR", "Ada");
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let echo = |words: &[&str]| format!("{}\n", words.join(" "));
    for words in [
        &["commit", "-m", "x"][..],
        &["diff", "HEAD~1"],
        &["merge", "HEAD"],
        &["bisect", "run", "--prompt", "x", "--expect", "y", "HEAD~1"],
    ] {
        assert_eq!(run(words), echo(words));
    }
    for words in
        [&["status"][..], &["diff", "HEAD~1", "--no-behaviour"], &["merge", "--abort"], &["bisect"]]
    {
        assert_ne!(run(words), echo(words));
    }
}

#[test]
fn usage_errors_exit_with_2() {
    let sandbox = Sandbox::bare();
    for words in [&["nosuch"][..], &["commit"], &["diff"], &["--device", "tpu", "status"], &["add"]]
    {
        let output = sandbox.run(words);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{words:?} {output:#?}");
    }
    assert!(sandbox.run(&["--device", "tpu", "log"]).stderr.contains("auto, cpu, cuda or cuda:N"));
    assert!(sandbox.run(&["--help"]).done().contains("Exit codes: 0 done"));
    assert!(sandbox.run(&["--version"]).done().starts_with("kledger "));
}

#[test]
fn a_closed_pipe_is_success() {
    let sandbox = Sandbox::with_words();
    let mut child = sandbox.command(&["log"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn colour_is_for_terminals_and_whoever_insists() {
    let sandbox = Sandbox::with_words();
    let is_coloured = |variables: &[&str]| {
        let mut command = sandbox.command(&["log"]);
        command.envs(variables.iter().map(|name| (name, "1")));
        sandbox.finish(command, "").done().contains('\u{1b}')
    };
    assert!(!is_coloured(&[]));
    assert!(is_coloured(&["CLICOLOR_FORCE"]));
    assert!(!is_coloured(&["CLICOLOR_FORCE", "NO_COLOR"]));
}

#[test]
fn quiet_leaves_out_notes_and_hints() {
    let sandbox = Sandbox::new();
    assert!(sandbox.run(&["show", "nosuch"]).failed(1).contains("hint:"));
    assert!(!sandbox.run(&["-q", "show", "nosuch"]).failed(1).contains("hint:"));
    assert_eq!(sandbox.run(&["-q", "switch", "main"]).done(), "On main <id>\n");
}
