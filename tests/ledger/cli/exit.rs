//! Exit codes, and where things are printed.

use std::process::Stdio;

use super::Sandbox;

/// A build without libtorch that is installed beside one with it.
#[cfg(not(feature = "torch"))]
#[test]
fn what_may_run_the_model_is_left_to_the_program_that_can() {
    let sandbox = Sandbox::with_words();
    let kledger = env!("CARGO_BIN_EXE_kledger");
    // Written by another process, so that no thread of this one has it open while it is run.
    let install = format!(
        "cp '{kledger}' kledger && printf '#!/bin/sh\\necho \"$@\"\\n' > kledger-torch && chmod +x kledger-torch"
    );
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", &install]).current_dir(sandbox.root());
    assert!(shell.status().unwrap().success());
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
fn the_author_comes_from_option_environment_settings_or_login() {
    let sandbox = Sandbox::new();
    let author = |command: &mut std::process::Command, message: &str| {
        sandbox.write(
            "l.nt",
            &format!(
                "<https://a.b/c> <http://www.w3.org/2000/01/rdf-schema#label> \"{message}\"@en .\n"
            ),
        );
        sandbox.run(&["add", "l.nt"]).done();
        command.args(["commit", "-m", message, "--json"]);
        let output = command.output().unwrap();
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        line["data"]["commit"]["author"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(author(&mut sandbox.command(&["--author", "Option"]), "a"), "Option");
    assert_eq!(author(&mut sandbox.command(&[]), "b"), "Ada <ada@example.org>");
    let mut login = sandbox.command(&[]);
    assert_eq!(author(login.env_remove("KLEDGER_AUTHOR").env("USER", "ada"), "c"), "ada");
    sandbox.write(".kledger/config.toml", "author = \"Setting\"");
    let mut setting = sandbox.command(&[]);
    assert_eq!(author(setting.env_remove("KLEDGER_AUTHOR").env("USER", "ada"), "d"), "Setting");
    sandbox.write(".kledger/config.toml", "");
    let nobody =
        sandbox.command(&["switch", "main"]).env_remove("KLEDGER_AUTHOR").output().unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("hint: set KLEDGER_AUTHOR"));
}

#[test]
fn quiet_leaves_out_notes_and_hints() {
    let sandbox = Sandbox::new();
    assert!(sandbox.run(&["show", "nosuch"]).failed(1).contains("hint:"));
    assert!(!sandbox.run(&["-q", "show", "nosuch"]).failed(1).contains("hint:"));
    assert_eq!(sandbox.run(&["-q", "switch", "main"]).done(), "On main <id>\n");
}

#[test]
fn standard_input_is_a_file_too() {
    let sandbox = Sandbox::new();
    let fact = "<https://a.b/c> <https://a.b/d> <https://a.b/e> .\n";
    assert_eq!(sandbox.run_with(&["add", "-"], fact).failed(2).lines().count(), 2);
    let added = sandbox.run_with(&["add", "--format", "nt", "-"], fact).done();
    assert_eq!(added, "Staged 1 fact\n  1 fact staged in all\n");
}
