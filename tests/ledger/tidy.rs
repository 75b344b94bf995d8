//! Rules that the compiler does not know: what may be named where.

use std::{fs, path::Path};

use crate::support::rust_files;

/// A word, and the only places under `src` that may use it.
const HOMES: &[(&str, &[&str])] = &[
    ("sled::", &["store"]),
    ("tch::", &["model", "editor", "runtime"]),
    ("torch_sys::", &["model"]),
    ("tokenizers::", &["model"]),
    ("oxrdf::", &["fact", "query", "sql"]),
    ("rusqlite::", &["sql"]),
    ("ureq::", &["endpoint"]),
    ("::postgres::", &["sql"]),
    ("tokio_postgres_rustls::", &["sql"]),
    ("spargebra::", &["query"]),
    ("spareval::", &["query"]),
    ("sparesults::", &["query"]),
    ("oxjsonld::", &["fact"]),
    ("oxrdfxml::", &["fact"]),
    ("oxttl::", &["fact"]),
    ("flate2::", &["input"]),
    ("bzip2::", &["input"]),
    ("ruzstd::", &["input"]),
    ("zstd::", &["codec"]),
    ("memchr::", &["fact"]),
    ("clap::", &["cli"]),
    ("clap_complete::", &["cli"]),
    ("clap_mangen::", &["cli"]),
    ("toml_edit::", &["ledger"]),
    ("plotters::", &["cli"]),
    ("plotters_backend::", &["cli"]),
    ("png::", &["cli"]),
    ("noto_sans_mono_bitmap::", &["cli"]),
    ("indicatif::", &["cli"]),
    ("anstream::", &["cli"]),
    ("anstyle::", &["cli"]),
    ("csv::", &["cli", "fact"]),
    ("aho_corasick::", &["fact"]),
    ("ctrlc::", &["cli"]),
    ("println!", &["cli"]),
    ("eprintln!", &["cli"]),
    ("print!", &["cli"]),
    ("stdout()", &["cli"]),
    ("stderr()", &["cli"]),
    // The crash tests tell `durable` where to stop.
    ("env::var", &["cli", "durable"]),
    ("env::args", &["cli"]),
    ("Timestamp::now", &["cli"]),
    ("SystemTime::now", &[]),
    ("todo!", &[]),
    ("unimplemented!", &[]),
    ("dbg!", &[]),
];

#[test]
fn words_stay_at_home() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut strays = Vec::new();
    for path in rust_files(&src) {
        let name = path.strip_prefix(&src).unwrap();
        let module = name.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for (word, homes) in HOMES {
                if has_word(code, word) && !homes.contains(&module) {
                    strays.push(format!("{}:{}: {word}", name.display(), number + 1));
                }
            }
        }
    }
    assert!(strays.is_empty(), "these words belong elsewhere:\n{}", strays.join("\n"));
}

#[test]
fn clock_and_environment_are_read_in_one_file() {
    let cli = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
    for path in rust_files(&cli) {
        let text = fs::read_to_string(&path).unwrap();
        for word in ["env::var", "Timestamp::now"] {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(!has_word(&text, word) || name == "context.rs", "{word} in {}", path.display());
        }
    }
}

#[test]
fn every_test_file_is_reached() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ledger");
    for path in rust_files(&tests) {
        let (dir, stem) = (path.parent().unwrap(), path.file_stem().unwrap().to_str().unwrap());
        // A module is named in the file above it: two directories may have one of the same name.
        let (above, module) = match stem {
            "main" => continue,
            "mod" => (dir.parent().unwrap(), dir.file_name().unwrap().to_str().unwrap()),
            stem => (dir, stem),
        };
        let above = above.join(if above == tests { "main.rs" } else { "mod.rs" });
        let text = fs::read_to_string(above).unwrap();
        assert!(has_word(&text, &format!("mod {module};")), "{} is no module", path.display());
    }
}

#[test]
fn word_borders_count() {
    assert!(has_word("use tch::Tensor", "tch::"));
    assert!(!has_word("batch::Batch", "tch::"));
    assert!(!has_word("eprintln!()", "println!"));
}

/// Whether `word` occurs in `text` and does not go on to the left.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word)
        .any(|(start, _)| !text[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// Tests are where people look for them, and a verb's JSON is compared with the schema there.
#[cfg(feature = "cli")]
#[test]
fn every_verb_has_tests_of_its_name() {
    use clap::CommandFactory as _;

    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ledger/cli");
    let mut wanting = Vec::new();
    for verb in kledger::cli::Cli::command().get_subcommands().map(clap::Command::get_name) {
        let name = format!("{}.rs", verb.replace('-', "_"));
        let text = fs::read_to_string(dir.join(&name)).unwrap_or_default();
        let tests = text.lines().filter(|line| line.trim() == "#[test]").count();
        if tests < 2 {
            wanting.push(format!("cli/{name} has {tests} tests, of at least 2"));
        }
        // `data` and `line` of a sandbox, and `shown`, check what they are given.
        let is_checked = ["data(&[", "line(&[", "shown("].iter().any(|call| {
            let words = text.split(call).skip(1);
            words.map(str::trim_start).any(|words| words.starts_with(&format!("\"{verb}\"")))
        });
        if !is_checked {
            wanting.push(format!("cli/{name} looks at no report of {verb} as JSON"));
        }
    }
    assert!(wanting.is_empty(), "{}", wanting.join("\n"));
}
