//! The repository's settings, `.kledger/config.toml`.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use super::{
    check::{Check, Rate},
    error::LedgerError,
};

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
    /// Seed of everything sampled.
    pub seed: u64,
    /// What a commit must reach.
    pub require: Requirements,
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
            seed: 0,
            require: Requirements::default(),
            neighbours: 10,
            recheck: 100,
            statistics_tokens: 30_000,
            snapshot_every: 64,
            keep_days: 14,
        }
    }
}

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
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(LedgerError::Read { path: path.to_owned(), source }),
        };
        toml::from_str(&text).map_err(|error| LedgerError::Config {
            path: path.to_owned(),
            why: place(&text, &error),
        })
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

/// Shares below which a commit is refused. Written `efficacy=0.95,paraphrase=0.9`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Requirements {
    /// Of edited facts that hold.
    pub efficacy: Option<f64>,
    /// Of their paraphrases that do.
    pub paraphrase: Option<f64>,
    /// Of neighbours that did not move.
    pub neighbourhood: Option<f64>,
    /// Of facts of earlier commits that still hold.
    pub kept: Option<f64>,
}

/// Why a string is not [`Requirements`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a requirement: expected efficacy, paraphrase, neighbourhood or kept, =, and a \
     number from 0 to 1"
)]
pub struct RequirementError {
    /// The part that is wrong.
    pub text: String,
}

impl Requirements {
    /// These requirements, with those of `weaker` where these say nothing.
    #[must_use]
    pub fn or(self, weaker: Self) -> Self {
        Self {
            efficacy: self.efficacy.or(weaker.efficacy),
            paraphrase: self.paraphrase.or(weaker.paraphrase),
            neighbourhood: self.neighbourhood.or(weaker.neighbourhood),
            kept: self.kept.or(weaker.kept),
        }
    }

    /// Makes sure that `check` reaches all of it. What was not measured is not held against it.
    ///
    /// # Errors
    /// [`LedgerError::Unmet`] says what it does not reach.
    pub(super) fn met_by(&self, check: &Check) -> Result<(), LedgerError> {
        let measured = [check.efficacy, check.paraphrase, check.neighbourhood, check.kept];
        let unmet: Vec<String> = self
            .named()
            .into_iter()
            .zip(measured)
            .filter_map(|((name, wanted), rate)| {
                let (wanted, Rate { passed, of, rate, .. }) = (wanted?, rate?);
                // Cut, not rounded: what is missed is never written as what was required.
                let shown = (rate * 1e3).floor() / 1e3;
                (rate < wanted)
                    .then(|| format!("{name} is {shown:.3} ({passed} of {of}), required {wanted}"))
            })
            .collect();
        if unmet.is_empty() {
            return Ok(());
        }
        Err(LedgerError::Unmet { unmet, check: Box::new(check.clone()) })
    }

    const fn named(&self) -> [(&'static str, Option<f64>); 4] {
        [
            ("efficacy", self.efficacy),
            ("paraphrase", self.paraphrase),
            ("neighbourhood", self.neighbourhood),
            ("kept", self.kept),
        ]
    }
}

impl FromStr for Requirements {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut requirements = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = || RequirementError { text: part.to_owned() };
            let (name, share) = part.split_once('=').ok_or_else(wrong)?;
            let share: f64 = share.trim().parse().map_err(|_| wrong())?;
            let place = match name.trim() {
                "efficacy" => &mut requirements.efficacy,
                "paraphrase" => &mut requirements.paraphrase,
                "neighbourhood" => &mut requirements.neighbourhood,
                "kept" => &mut requirements.kept,
                _ => return Err(wrong()),
            };
            if !(0.0..=1.0).contains(&share) || place.replace(share).is_some() {
                return Err(wrong());
            }
        }
        Ok(requirements)
    }
}

impl fmt::Display for Requirements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self
            .named()
            .into_iter()
            .filter_map(|(name, share)| share.map(|share| format!("{name}={share}")))
            .collect();
        f.write_str(&parts.join(","))
    }
}

impl TryFrom<String> for Requirements {
    type Error = RequirementError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Requirements> for String {
    fn from(requirements: Requirements) -> Self {
        requirements.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_read_as_they_are_written() {
        let text = "efficacy=0.95,neighbourhood=0.9,kept=1";
        let requirements: Requirements = text.parse().unwrap();
        assert_eq!(requirements.to_string(), text);
        assert_eq!("".parse(), Ok(Requirements::default()));
        for wrong in
            ["efficacy", "efficacy=2", "speed=1", "efficacy=0.1,efficacy=0.2", "efficacy=x"]
        {
            assert!(wrong.parse::<Requirements>().is_err(), "{wrong}");
        }
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
