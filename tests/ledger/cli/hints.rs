//! Hints lead somewhere: commands in them exist, with these options, and settings are settings.

use std::{fs, path::Path};

use clap::CommandFactory;
use kledger::{cli::Cli, editor::Settings};
use regex::Regex;

/// What the sources say a user could run, each with the file that says so.
fn advised() -> Vec<(String, String)> {
    let mut files = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut sources = Vec::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
    // A string goes on in the next line behind a backslash.
    let goes_on = Regex::new(r"\\\n\s*").unwrap();
    let command =
        Regex::new(r"kledger ((?:cherry-)?[a-z]+(?: [a-z]+| -[a-zA-Z]\b| --[a-z-]+| [A-Z]+\b)*)")
            .unwrap();
    // Bytes that begin stored files are no hints.
    let strings = Regex::new(r#"(b?)"((?:[^"\\]|\\.)*)""#).unwrap();
    let mut advised = Vec::new();
    for path in sources {
        let text = fs::read_to_string(&path).unwrap();
        let own = text.split("#[cfg(test)]").next().unwrap();
        let lines = own.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.collect::<Vec<_>>().join("\n");
        let code = goes_on.replace_all(&code, "");
        for string in strings.captures_iter(&code).filter(|string| string[1].is_empty()) {
            for found in command.captures_iter(&string[2]) {
                advised.push((found[1].to_owned(), path.display().to_string()));
            }
        }
    }
    advised
}

#[test]
fn commands_in_hints_exist() {
    let mut root = Cli::command();
    root.build();
    let advised = advised();
    assert!(advised.len() > 40, "hints are found: {}", advised.len());
    // Words of sentences that are no verbs: "a kledger repository".
    let nouns = [
        "wrote",
        "delta",
        "did",
        "directory",
        "exported",
        "has",
        "itself",
        "reads",
        "repository",
        "that",
        "v",
    ];
    for (words, file) in advised {
        let mut words = words.split(' ').peekable();
        let first = words.next().unwrap();
        if nouns.contains(&first) {
            continue;
        }
        let mut verb = root
            .find_subcommand(first)
            .unwrap_or_else(|| panic!("there is no kledger {first}, which {file} advises"));
        while let Some(step) = words.peek().and_then(|word| verb.find_subcommand(word)) {
            verb = step;
            words.next();
        }
        if verb.get_arguments().any(clap::Arg::is_trailing_var_arg_set) {
            continue; // What follows is another program's.
        }
        for option in words.filter(|word| word.starts_with('-')) {
            let known = verb.get_arguments().any(|known| {
                let long = known.get_long().is_some_and(|long| option == format!("--{long}"));
                long || known.get_short().is_some_and(|short| option == format!("-{short}"))
            });
            let verb = verb.get_name();
            assert!(known, "kledger {verb} has no {option}, which {file} advises");
        }
    }
}

#[test]
fn settings_in_hints_and_examples_are_settings() {
    let setting = Regex::new(r"--set '?([a-z0-9_]+=(?:\[[^\]]*\]|[^'`) \n]+))").unwrap();
    let mut found = 0;
    let dirs = ["src/cli", "src/cli/cmd", "src/ledger", "src/editor", "src/runtime", "docs", "."];
    for dir in dirs {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(dir)).unwrap() {
            let path = entry.unwrap().path();
            if !path.extension().is_some_and(|extension| extension == "rs" || extension == "md") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for example in setting.captures_iter(&text) {
                let (key, value) = example[1].split_once('=').unwrap();
                if value.starts_with("...") {
                    continue;
                }
                let bare = format!("{key} = \"{value}\"");
                let fits =
                    [format!("{key} = {value}"), bare].map(|text| Settings::fit_some_model(&text));
                let place = path.display();
                assert!(fits.iter().any(Result::is_ok), "{place} sets {}: {fits:?}", &example[1]);
                found += 1;
            }
        }
    }
    assert!(found > 5, "examples are found: {found}");
}
