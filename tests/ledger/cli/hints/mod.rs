//! Hints lead somewhere: commands in them exist, with these options, and settings are settings; and each hint is
//! followed once, to where its user wanted to get.
//!
//! A test that follows a hint quotes how it begins. What needs libtorch is followed in `tests/torch/hints.rs`. What no
//! test of the two follows is in [`ELSEWHERE`], with the test that does or the reason why none does. A hint that is in
//! none of these is found by [`every_hint_is_followed_or_accounted_for`].

#[cfg(feature = "endpoint")]
mod endpoints;
mod exchange;
mod facts;
#[cfg(debug_assertions)]
mod failures;
mod formats;
mod git;
mod history;
mod library;
#[cfg(feature = "query")]
mod queries;
mod sentences;
mod settings;
#[cfg(feature = "sql")]
mod sql;
mod store;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap::CommandFactory;
use kledger::{cli::Cli, editor::METHODS};
use regex::Regex;

use super::Sandbox;
use crate::support::advice::{Advice, advised, told};

/// A triple whose words are in [`WORDS`](crate::support::WORDS).
const FACT: &str =
    "<https://example.org/Ada> <https://example.org/likes> <https://example.org/tea> .\n";
/// A label: what is committed without a model.
const LABEL: &str =
    "<https://example.org/Ada> <http://www.w3.org/2000/01/rdf-schema#label> \"Ada L.\"@en .\n";

impl Advice<'_> {
    /// A line for a shell in the hint, with what stands for its placeholders.
    #[track_caller]
    fn shell(&self, line: &str, fill: &[(&str, &str)]) -> String {
        assert!(self.hint.contains(line), "{line:?} is not in {}", self.hint);
        let mut line = line.to_owned();
        for (placeholder, with) in fill {
            line = line.replace(placeholder, with);
        }
        let kledger = self.runner.command(&[]);
        let script = format!("set -e; kledger() {{ \"$KLEDGER\" \"$@\"; }}; {line}");
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &script]).current_dir(kledger.get_current_dir().unwrap()).env_clear();
        shell.env("KLEDGER", kledger.get_program());
        shell.envs(kledger.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.runner.output(shell).done()
    }
}

/// A command gets as far as to the model, which these tests have not: all that it was given is in order.
#[track_caller]
pub(super) fn reaches_the_model(sandbox: &Sandbox, words: &[&str]) {
    assert_eq!(sandbox.run(words).code, 4, "{words:?}");
}

/// The sources below `dir`, without comments and unit tests; each string in one line.
fn sources(dir: &str) -> Vec<(PathBuf, String)> {
    let mut files = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(dir)];
    let mut sources = Vec::new();
    // A string goes on in the next line behind a backslash.
    let goes_on = Regex::new(r"\\\n\s*").unwrap();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let own = text.split("#[cfg(test)]").next().unwrap();
            let lines = own.lines().filter(|line| !line.trim_start().starts_with("//"));
            let code = lines.collect::<Vec<_>>().join("\n");
            sources.push((path, goes_on.replace_all(&code, "").into_owned()));
        }
    }
    sources
}

/// The strings of a piece of code; bytes are none.
fn strings(code: &str) -> Vec<String> {
    let strings = Regex::new(r#"(b?)"((?:[^"\\]|\\.)*)""#).unwrap();
    let found = strings.captures_iter(code).filter(|string| string[1].is_empty());
    found.map(|string| string[2].replace("\\\"", "\"").replace("\\n", "\n")).collect()
}

/// What the sources say a user could run, each with the file that says so.
fn commands() -> Vec<(String, String)> {
    let command =
        Regex::new(r"kledger ((?:cherry-)?[a-z]+(?: [a-z]+| -[a-zA-Z]\b| --[a-z-]+| [A-Z]+\b)*)")
            .unwrap();
    let mut advised = Vec::new();
    for (path, code) in sources("src") {
        for string in strings(&code) {
            for found in command.captures_iter(&string) {
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
    let advised = commands();
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = [root.to_owned(), root.join("docs")].into_iter().flat_map(|dir| {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "md"))
    });
    let pages = pages.map(|path| (path.clone(), fs::read_to_string(path).unwrap()));
    for (place, text) in sources("src").into_iter().chain(pages) {
        for example in setting.captures_iter(&text) {
            let (key, value) = example[1].split_once('=').unwrap();
            if value.starts_with("...") {
                continue;
            }
            let bare = format!("{key} = \"{value}\"");
            let texts = [format!("{key} = {value}"), bare];
            let mut fits = METHODS
                .iter()
                .flat_map(|method| texts.iter().map(|text| method.fit_some_model(text)));
            let place = place.display();
            assert!(fits.any(|fits| fits.is_ok()), "{place} sets {}", &example[1]);
            found += 1;
        }
    }
    assert!(found > 5, "examples are found: {found}");
}

/// The test that stops `kledger stats` and has it go on.
const STOPPED: &str =
    "tests/ledger/statistics.rs: a_run_that_was_stopped_goes_on_after_its_last_whole_part";

/// The test that stops `kledger train` and has it go on.
const TRAINED: &str = "tests/ledger/cli/train.rs: a_training_that_was_stopped_goes_on";

/// Where tests follow hints, and quote how each begins.
const FOLLOWED: [&str; 2] = ["tests/ledger/cli/hints", "tests/torch/hints.rs"];

/// Hints that no test of [`FOLLOWED`] follows: how each begins, and the test that does (`file: name`) or the reason why
/// none does.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "makes a version that has it",
        "tests/torch/learned.rs: enn_edits_a_version_that_it_was_trained_to_make",
    ),
    ("build it with the feature query", "a program would have to be built without it, and again"),
    (
        "build it with the feature endpoint",
        "a program would have to be built without it, and again",
    ),
    ("build it with the feature sql", "a program would have to be built without it, and again"),
    ("divide it, and add the parts one after", "64 MiB would have to be written"),
    (
        "have a query leave its long columns out",
        "tests/ledger/cli/add_postgres.rs: reading_a_server_has_limits",
    ),
    (
        "nothing was staged or written; run it again when the server is there",
        "tests/ledger/cli/add_postgres.rs: a_server_that_goes_away_leaves_nothing",
    ),
    // The machine has to be a strange one.
    (
        "set the machine's clock",
        "the clock of the machine would have to be set to a time before 1970",
    ),
    ("see what the system says of the disk", "a disk would have to answer nothing for minutes"),
    ("it is longer than 1 GiB", "a gigabyte would have to be read"),
    ("it is a pipe, and nobody wrote to it", "tests/ledger/cli/hostile.rs: pipes"),
    ("nothing was kept: no whole part", STOPPED),
    ("parts of the text are counted and kept", STOPPED),
    ("nothing was kept: there was no validation", TRAINED),
    ("steps are kept: run the command again", TRAINED),
    (
        "--set lr=1e-5 takes smaller",
        "src/editor/learned/tests/mod.rs: a_training_that_runs_away_says_so",
    ),
];

/// Hints outside of functions of that name: in which file, and what comes before each or around them.
const OUTSIDE: &[(&str, &str)] = &[
    (
        "src/fact/read/start.rs",
        r#"(?:remedy = |UTF_16: &str = |, "[a-zA-Z0-9 -]+",\s*)("(?:[^"\\]|\\.)*")"#,
    ),
    ("src/cli/cmd/init.rs", r#"const ANYWAY: &str =\s*("(?:[^"\\]|\\.)*")"#),
    ("src/input.rs", r#"(?:refuse\(|format!\(|text =)\s*("(?:[^"\\]|\\.)*")"#),
    ("src/ledger/edit/attempt.rs", r"(?s)with_kept\(error, \|\| (.*?)\n +\}\)"),
    ("src/ledger/edit/partial_statistics.rs", r"(?s)with_kept\(error, \|\| (.*?)\n +\}\)"),
    ("src/ledger/verb/train.rs", r"(?s)with_kept\(error, \|\| (.*?)\n +\}\)"),
];

/// All hints in the sources, each with its file.
fn hints() -> Vec<(String, String)> {
    let bodies =
        Regex::new(r"\n( *)(?:pub(?:\([a-z]+\))? )?(?:const )?fn (?:hint|reading)\(").unwrap();
    let mut found = Vec::new();
    for (path, code) in sources("src") {
        let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
        let mut texts = Vec::new();
        for body in bodies.captures_iter(&code) {
            let rest = &code[body.get(0).unwrap().end()..];
            let end = rest.find(&format!("\n{}}}", &body[1])).unwrap();
            texts.extend(strings(&rest[..end]));
        }
        for (_, around) in OUTSIDE.iter().filter(|(file, _)| *file == name) {
            let before = texts.len();
            let around = Regex::new(around).unwrap();
            texts.extend(around.captures_iter(&code).flat_map(|found| strings(&found[1])));
            assert!(texts.len() > before, "{name} has hints");
        }
        // Names of files and what stands between names are no hints.
        texts.retain(|text| text.trim().contains(' ') && text.len() > 8);
        found.extend(texts.into_iter().map(|text| (text, name.clone())));
    }
    found
}

/// The longest part of a text between what is filled in: how it begins.
fn beginning(text: &str) -> String {
    let filled = Regex::new(r"\{\{?[^{} ]*\}?\}").unwrap();
    let longest = filled.split(text).max_by_key(|part| part.len()).unwrap();
    longest.trim().chars().take(28).collect()
}

#[test]
fn every_hint_is_followed_or_accounted_for() {
    let tests = FOLLOWED.into_iter().flat_map(sources);
    let quoted: Vec<String> = tests.flat_map(|(_, code)| strings(&code)).collect();
    let hints = hints();
    assert!(hints.len() > 130, "hints are found: {}", hints.len());
    let is_quoted = |text: &str| {
        let beginning = beginning(text);
        quoted.iter().any(|quote| quote.contains(&beginning))
            || ELSEWHERE.iter().any(|(elsewhere, _)| text.contains(elsewhere))
    };
    let missing: Vec<_> = hints.iter().filter(|(text, _)| !is_quoted(text)).collect();
    assert!(missing.is_empty(), "no test follows {missing:#?}");
}

#[test]
fn what_is_said_of_hints_that_are_not_followed_here_is_true() {
    let hints = hints();
    for (text, why) in ELSEWHERE {
        assert!(hints.iter().any(|(hint, _)| hint.contains(text)), "there is no hint {text:?}");
        let Some((file, test)) = why.split_once(".rs: ") else { continue };
        let (_, code) = sources(&format!("{file}.rs")).remove(0);
        let body =
            code.split_once(&format!("fn {test}(")).map(|(_, rest)| rest.split("\n}").next());
        let body = body.flatten().unwrap_or_else(|| panic!("{file}.rs has no test {test}"));
        let is_quoted = strings(body).iter().any(|quote| quote.contains(text));
        assert!(is_quoted, "{file}.rs: {test} does not quote {text:?}");
    }
}
