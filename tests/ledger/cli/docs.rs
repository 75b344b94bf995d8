//! `docs/cli.md` is what `--help` says, and what is installed with the program.

use std::{env, fmt::Write, fs, path::Path, process::Command};

use clap::CommandFactory;
use kledger::cli::{Cli, topics::TOPICS};

use super::Sandbox;

const UPDATE: &str = "KLEDGER_UPDATE_DOCS";

#[test]
fn the_reference_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let current = reference();
    if env::var_os(UPDATE).is_some() {
        fs::write(&path, &current).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == current,
        "docs/cli.md is stale: {UPDATE}=1 cargo test --test ledger reference_is_current writes it"
    );
}

#[test]
fn every_verb_has_help_with_an_example() {
    let sandbox = Sandbox::bare();
    for verb in Cli::command().get_subcommands() {
        let name = verb.get_name();
        let help = sandbox.run(&[name, "--help"]).done();
        assert!(help.contains(&format!("Usage: kledger {name}")), "{help}");
        assert!(help.contains(&format!("Examples:\n  kledger {name}")), "{help}");
        let first = verb.get_about().unwrap().to_string();
        assert!(!first.ends_with('.'), "{first}");
        for option in verb.get_arguments() {
            assert!(option.get_help().is_some(), "{name} {}", option.get_id());
        }
    }
}

fn reference() -> String {
    let mut command = kledger::cli::verbs::command().term_width(100);
    command.build();
    let mut text = String::from(
        "# The command line\n\nThis page is what `kledger --help` and `kledger VERB --help` say.\n",
    );
    section(&mut text, "kledger", &command.render_long_help().to_string());
    let names: Vec<String> =
        command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    for name in &names {
        let verb = command.find_subcommand_mut(name).unwrap();
        let help = verb.render_long_help().to_string();
        section(&mut text, &format!("kledger {name}"), &without_globals(&help));
        for step in verb.get_subcommands_mut() {
            let title = format!("kledger {name} {}", step.get_name());
            section(&mut text, &title, &without_globals(&step.render_long_help().to_string()));
        }
    }
    for topic in TOPICS {
        section(&mut text, &format!("kledger help {}", topic.name), topic.text);
    }
    text
}

fn section(text: &mut String, title: &str, help: &str) {
    let lines: Vec<&str> = help.trim().lines().map(str::trim_end).collect();
    write!(text, "\n## {title}\n\n```text\n{}\n```\n", lines.join("\n")).unwrap();
}

/// The global options are the same everywhere; they are printed once.
fn without_globals(help: &str) -> String {
    let start = help.find("\nGlobal options:").unwrap();
    let end = help.find("\nExamples:").unwrap_or(help.len());
    format!("{}{}", &help[..start], &help[end..])
}

/// What a message has besides what differs from case to case is in the sources.
#[test]
fn messages_that_are_explained_are_those_that_are_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    let mut ahead = vec![root.join("src")];
    while let Some(path) = ahead.pop() {
        if path.is_dir() {
            ahead.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
    let page = fs::read_to_string(root.join("docs/troubleshooting.md")).unwrap();
    let messages: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    assert!(messages.len() > 15, "{messages:?}");
    for message in messages {
        let parts: Vec<&str> =
            message.split('…').map(str::trim).filter(|part| part.len() > 2).collect();
        assert!(!parts.is_empty(), "{message}");
        for part in parts {
            assert!(sources.contains(part), "no message has {part:?}, of {message:?}");
        }
    }
    assert!(
        fs::read_to_string(root.join("README.md")).unwrap().contains("docs/troubleshooting.md")
    );
}

#[test]
fn completions_and_manual_pages_are_installed() {
    let sandbox = Sandbox::bare();
    let to = sandbox.dir.path().join("to");
    let mut make = Command::new("make");
    make.args(["-s", "install-docs", "PREFIX=/usr"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    make.arg(format!("DESTDIR={}", to.display()));
    make.arg(format!("KLEDGER={}", env!("CARGO_BIN_EXE_kledger")));
    assert!(make.status().unwrap().success());
    for file in [
        "man/man1/kledger.1",
        "man/man1/kledger-bisect-run.1",
        "bash-completion/completions/kledger",
        "zsh/site-functions/_kledger",
        "fish/vendor_completions.d/kledger.fish",
    ] {
        assert!(fs::metadata(to.join("usr/share").join(file)).unwrap().len() > 100, "{file}");
    }
}
