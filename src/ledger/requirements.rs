//! What a commit must reach.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Shares below which a commit is refused, and figures which it has to stay below. Written
/// `efficacy=0.95,paraphrase=0.9,drift<0.1`.
///
/// ```
/// use kledger::ledger::Requirements;
///
/// let require: Requirements = "efficacy=0.95".parse()?;
/// let weaker: Requirements = "efficacy=0.5,kept=0.9".parse()?;
/// assert_eq!(require.or(weaker).to_string(), "efficacy=0.95,kept=0.9");
/// let bounded: Requirements = "drift<0.1,perplexity<20".parse()?;
/// assert_eq!(bounded.drift, Some(0.1));
/// # Ok::<(), kledger::ledger::RequirementError>(())
/// ```
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
    /// Of probes that go on as in the base.
    pub probes: Option<f64>,
    /// How far an edited tensor may be from the base's, ‖W − W0‖ / ‖W0‖.
    pub drift: Option<f64>,
    /// Perplexity of a text that is kept for that.
    pub perplexity: Option<f64>,
}

/// Why a string is not [`Requirements`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a requirement: expected efficacy, paraphrase, neighbourhood, kept or probes, =, \
     and a number from 0 to 1, or drift or perplexity, <, and a number above 0"
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
            probes: self.probes.or(weaker.probes),
            drift: self.drift.or(weaker.drift),
            perplexity: self.perplexity.or(weaker.perplexity),
        }
    }

    /// That an edit is recorded however few of its facts hold.
    #[must_use]
    pub fn nothing_of_an_edit() -> Self {
        Self { efficacy: Some(0.0), ..Self::default() }
    }

    /// What every edit must reach unless something else is said: it does what it is for at least as often as not.
    pub(crate) fn of_an_edit() -> Self {
        Self { efficacy: Some(0.5), ..Self::default() }
    }

    /// What a version has to stay below.
    pub(crate) const fn bounds(&self) -> [(&'static str, Option<f64>); 2] {
        [("drift", self.drift), ("perplexity", self.perplexity)]
    }

    pub(crate) const fn named(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("efficacy", self.efficacy),
            ("paraphrase", self.paraphrase),
            ("neighbourhood", self.neighbourhood),
            ("kept", self.kept),
            ("probes", self.probes),
        ]
    }
}

impl FromStr for Requirements {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut requirements = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = || RequirementError { text: part.to_owned() };
            if let Some((name, bound)) = part.split_once('<') {
                let bound: f64 = bound.trim().parse().map_err(|_| wrong())?;
                let place = match name.trim() {
                    "drift" => &mut requirements.drift,
                    "perplexity" => &mut requirements.perplexity,
                    _ => return Err(wrong()),
                };
                if !(bound > 0.0 && bound.is_finite()) || place.replace(bound).is_some() {
                    return Err(wrong());
                }
                continue;
            }
            let (name, share) = part.split_once('=').ok_or_else(wrong)?;
            let share: f64 = share.trim().parse().map_err(|_| wrong())?;
            let place = match name.trim() {
                "efficacy" => &mut requirements.efficacy,
                "paraphrase" => &mut requirements.paraphrase,
                "neighbourhood" => &mut requirements.neighbourhood,
                "kept" => &mut requirements.kept,
                "probes" => &mut requirements.probes,
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
        let shares = self.named().into_iter();
        let shares = shares.filter_map(|(name, share)| Some(format!("{name}={}", share?)));
        let bounds = self.bounds().into_iter();
        let bounds = bounds.filter_map(|(name, bound)| Some(format!("{name}<{}", bound?)));
        let parts: Vec<String> = shares.chain(bounds).collect();
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
