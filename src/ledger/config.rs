//! The repository's settings, `.kledger/config.toml`.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::error::LedgerError;
use crate::{durable, ledger::requirements::Requirements, store::StoreError};

/// What a user can set for one repository. Every key may be left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Language whose labels are used in prompts.
    pub language: String,
    /// Who commits, where the command does not say.
    pub author: Option<String>,
    /// Words for a verb and its arguments.
    pub alias: BTreeMap<String, String>,
    /// Where `checkout` writes, relative to the repository's root.
    pub checkout: PathBuf,
    /// Editor of commits that do not name one.
    pub editor: String,
    /// Settings by editor, in place of the preset's.
    pub settings: BTreeMap<String, toml::Table>,
    /// Where an endpoint of the user's is that reads sentences: what stands before `/chat/completions`.
    pub endpoint: Option<String>,
    /// Its model.
    pub endpoint_model: Option<String>,
    /// Seed of everything sampled.
    pub seed: u64,
    /// What a commit must reach.
    pub require: Requirements,
    /// Text whose perplexity every check measures, relative to the repository's root; where there is none and perplexity is
    /// required the base writes one.
    pub perplexity_text: Option<PathBuf>,
    /// Probes that every check asks, one a line, relative to the repository's root.
    pub probes: Option<PathBuf>,
    /// Neighbours checked for each edited predicate.
    pub neighbours: usize,
    /// Facts of earlier commits checked again by each commit.
    pub recheck: usize,
    /// Tokens of sampled text for statistics that were not taken on a corpus.
    pub statistics_tokens: u64,
    /// Sums are kept every so many deltas of a lineage; 0 keeps none.
    pub snapshot_every: usize,
    /// Days for which `gc` keeps what operations can bring back.
    pub keep_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            language: "en".to_owned(),
            author: None,
            alias: BTreeMap::new(),
            checkout: PathBuf::from("model"),
            editor: "memit".to_owned(),
            settings: BTreeMap::new(),
            endpoint: None,
            endpoint_model: None,
            seed: 0,
            require: Requirements::default(),
            perplexity_text: None,
            probes: None,
            neighbours: 10,
            recheck: 100,
            statistics_tokens: 30_000,
            snapshot_every: 64,
            keep_days: 14,
        }
    }
}

/// What a setting means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// Its name, or that of the table whose keys are anybody's.
    pub key: &'static str,
    /// What it sets, as [`Config::TEMPLATE`] says too.
    pub meaning: &'static str,
    /// What it can be.
    pub range: &'static str,
}

impl Meaning {
    const fn new(key: &'static str, range: &'static str, meaning: &'static str) -> Self {
        Self { key, meaning, range }
    }
}

const WHOLE: &str = "a whole number, 0 or more";

/// What each setting means, but for those of editors.
pub const MEANINGS: [Meaning; 16] = [
    Meaning::new(
        "alias",
        "a verb and its arguments",
        "Words of yours for a verb and its arguments",
    ),
    Meaning::new(
        "author",
        "a name, or Name <address>",
        "Who commits, where the command does not say.",
    ),
    Meaning::new(
        "checkout",
        "a directory",
        "Where checkout writes, from the directory that holds .kledger.",
    ),
    Meaning::new(
        "editor",
        "one that kledger editors lists",
        "Editor of commits that do not name one",
    ),
    Meaning::new(
        "endpoint",
        "an address before /chat/completions, as http://localhost:8080/v1",
        "A server of yours that add --endpoint has sentences read by",
    ),
    Meaning::new("endpoint-model", "a name that the server knows", "The model that it is to use"),
    Meaning::new(
        "keep-days",
        WHOLE,
        "Days for which gc keeps what undo, redo and main@{1} can bring back.",
    ),
    Meaning::new("language", "a tag as in @en", "Language whose labels are used in prompts."),
    Meaning::new("neighbours", WHOLE, "Neighbours checked for each edited predicate."),
    Meaning::new(
        "perplexity-text",
        "a file, from the directory that holds .kledger",
        "Text whose perplexity each commit measures; without one, where it is required, the base writes one",
    ),
    Meaning::new(
        "probes",
        "a file, from the directory that holds .kledger",
        "Beginnings of texts, one a line, that each commit is to go on with as the base does",
    ),
    Meaning::new("recheck", WHOLE, "Facts of earlier commits that each commit checks again."),
    Meaning::new(
        "require",
        "WHAT=SHARE or WHAT<BOUND, comma, and so on; shares from 0 to 1",
        "What a commit must reach, or it is refused",
    ),
    Meaning::new("seed", WHOLE, "Seed of everything sampled."),
    Meaning::new(
        "snapshot-every",
        WHOLE,
        "Versions that more deltas than these led to are built from snapshots; 0 makes none.",
    ),
    Meaning::new(
        "statistics-tokens",
        "a whole number up to 100000000",
        "Tokens of sampled text for statistics that are not taken on a corpus.",
    ),
];

/// Tokens that statistics are taken on at most where the model writes them: a thousand times more than help,
/// and more than a day of writing on most machines.
pub const MOST_SAMPLED_TOKENS: u64 = 100_000_000;

impl Config {
    /// Name of the file in `.kledger`.
    pub const FILE: &'static str = "config.toml";

    /// The file of a new repository: every setting with its meaning, none of them set.
    pub const TEMPLATE: &'static str = include_str!("config.toml");

    /// Reads the file; one that is not there sets nothing.
    ///
    /// # Errors
    /// When it cannot be read, is not TOML, or has a key or value that means nothing.
    pub fn read(path: &Path) -> Result<Self, LedgerError> {
        let text = Self::text(path)?;
        toml::from_str(&text).map_err(|error| LedgerError::Config {
            path: path.to_owned(),
            why: place(&text, &error),
        })
    }

    /// The file's text; one that is not there has none.
    pub(crate) fn text(path: &Path) -> Result<String, LedgerError> {
        let text = |bytes| {
            String::from_utf8(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
        };
        match durable::read(path).and_then(text) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            Err(error) if durable::is_link(&error) => Err(StoreError::read(path, error).into()),
            Err(source) => Err(LedgerError::Read { path: path.to_owned(), source }),
        }
    }
}

/// `line 3, neighbours: invalid type: string "banana", expected usize`.
fn place(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', " ");
    let Some((before, rest)) = error.span().and_then(|span| text.split_at_checked(span.start))
    else {
        return message;
    };
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before[start..].to_owned() + rest.lines().next().unwrap_or_default();
    let number = before.matches('\n').count() + 1;
    match line.split_once('=') {
        Some((key, _)) => format!("line {number}, {}: {message}", key.trim()),
        None => format!("line {number}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_read_as_they_are_written() {
        let text = "efficacy=0.95,neighbourhood=0.9,kept=1,drift<0.1,perplexity<20";
        let requirements: Requirements = text.parse().unwrap();
        assert_eq!(requirements.to_string(), text);
        assert_eq!("".parse(), Ok(Requirements::default()));
        for wrong in [
            "efficacy",
            "efficacy=2",
            "speed=1",
            "efficacy=0.1,efficacy=0.2",
            "efficacy=x",
            "drift=0.1",
            "drift<0",
            "drift<x",
            "perplexity<inf",
            "drift<1,drift<2",
            "efficacy<1",
        ] {
            assert!(wrong.parse::<Requirements>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_setting_means_what_the_template_says() {
        let config = serde_json::to_value(Config::default()).unwrap();
        let mut keys: Vec<&str> = config.as_object().unwrap().keys().map(String::as_str).collect();
        keys.retain(|key| *key != "settings");
        keys.sort_unstable();
        assert_eq!(MEANINGS.map(|setting| setting.key).to_vec(), keys);
        for Meaning { key, meaning, .. } in MEANINGS {
            assert!(Config::TEMPLATE.contains(&format!("# {meaning}")), "{key}");
        }
        let most = MEANINGS.iter().find(|setting| setting.key == "statistics-tokens").unwrap();
        assert!(most.range.ends_with(&MOST_SAMPLED_TOKENS.to_string()));
    }

    #[test]
    fn what_is_wrong_in_the_file_is_named() {
        for (text, wanted) in [
            ("seed = 1\nneighbours = 'many'", "line 2, neighbours: invalid type: string"),
            ("\nlangauge = 'en'", "line 2, langauge: unknown field `langauge`"),
            ("require = 'speed=1'", "line 1, require: \"speed=1\" is not a requirement"),
            ("[settings", "line 1: "),
        ] {
            let found = place(text, &toml::from_str::<Config>(text).unwrap_err());
            assert!(found.starts_with(wanted) && !found.contains('\n'), "{found}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<Config>("langauge = 'en'").is_err());
        assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
        let set: Vec<&str> = Config::TEMPLATE
            .lines()
            .filter_map(|line| line.strip_prefix("# ").filter(|line| line.contains(" = ")))
            .collect();
        let set = set.join("\n");
        let author = Some("Name <address>".to_owned());
        assert_eq!(toml::from_str::<Config>(&set).unwrap(), Config { author, ..Config::default() });
        let config: Config =
            toml::from_str("require = 'efficacy=0.5'\n[settings.memit]\nlambda = 3").unwrap();
        assert_eq!(config.require.efficacy, Some(0.5));
    }
}
