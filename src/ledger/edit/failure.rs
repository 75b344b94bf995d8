//! Why a fact that was edited does not hold.

use std::fmt;

use serde::Serialize;

use crate::{commit::FactView, engine::ZTrace};

/// A vector that was sought longer would hardly have been found, below this probability of its target.
const FOUND: f32 = 0.5;

/// From this part on the weights have what was sought.
const THERE: f32 = 0.8;

/// How the edit of a fact went.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Finding {
    /// Whether a vector was sought for it.
    pub(crate) sought: bool,
    /// How the search for its vector ended; of an editor that seeks none, how the fact stands.
    pub(crate) trace: Option<ZTrace>,
    /// How much of the vector is in the weights, from 0 to 1, where the editor says so.
    pub(crate) reached: Option<f32>,
    /// The fact that draws it the other way.
    pub(crate) rival: Option<Rival>,
    /// The setting that holds edits back.
    pub(crate) weight_setting: Option<&'static str>,
}

/// A fact that is looked up near another and says something else.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rival {
    /// Its prompt.
    pub(crate) of: String,
    /// How far it draws, as a part of the way that the other has to go.
    pub(crate) pull: f32,
}

/// An edited fact that does not hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// The fact.
    pub fact: FactView,
    /// Why it does not.
    #[serde(flatten)]
    pub cause: Cause,
}

/// Which part of an edit failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum Cause {
    /// No vector was found under which the model says it.
    NotFound {
        /// Probability of the target under the best one.
        probability: f32,
        /// Steps of the search.
        steps: u32,
    },
    /// One was found, and the weights take too little of it, as other knowledge outweighs it.
    HeldBack {
        /// Probability of the target under it.
        probability: Option<f32>,
        /// How much of it the weights take.
        reached: f32,
        /// The setting that says how much.
        setting: Option<&'static str>,
    },
    /// One was found, and another fact of the edit draws the other way at the same key.
    Pulled {
        /// Probability of the target under it.
        probability: Option<f32>,
        /// How much of it the weights take.
        reached: f32,
        /// The other fact's prompt.
        by: String,
    },
    /// The weights have what was found, and the answer is another all the same.
    NotEnough {
        /// Probability of the target under it.
        probability: Option<f32>,
        /// How much of it the weights take.
        reached: f32,
    },
    /// The editor does not say.
    Unknown,
}

impl Finding {
    /// Why a fact with this finding does not hold.
    pub(crate) fn cause(&self) -> Cause {
        let probability = self.trace.as_ref().map(|trace| trace.probability);
        match (&self.trace, self.reached) {
            (Some(trace), _) if self.sought && trace.probability < FOUND => {
                Cause::NotFound { probability: trace.probability, steps: trace.steps }
            }
            (_, Some(reached)) if reached < THERE => match &self.rival {
                // What it lacks is mostly what the other takes.
                Some(rival) if rival.pull > (1.0 - reached) / 2.0 => {
                    Cause::Pulled { probability, reached, by: rival.of.clone() }
                }
                _ => Cause::HeldBack { probability, reached, setting: self.weight_setting },
            },
            (_, Some(reached)) => Cause::NotEnough { probability, reached },
            _ => Cause::Unknown,
        }
    }
}

/// With what to do about it.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: f32| format!("{:.0} %", 100.0 * part.clamp(0.0, 1.0));
        let found = |probability: &Option<f32>| match probability {
            Some(p) => format!("its vector was found (p {})", percent(*p)),
            None => "its vector was known".to_owned(),
        };
        match self {
            Self::NotFound { probability, steps } => write!(
                f,
                "no vector was found for it (p {} after {steps} steps): --set v_num_grad_steps=... searches longer, \
                 --set clamp_norm_factor=... farther",
                percent(*probability)
            ),
            Self::HeldBack { probability, reached, setting } => {
                write!(f, "{}, the weights take {} of it", found(probability), percent(*reached))?;
                match setting {
                    Some(setting) => write!(f, ": a smaller {setting} lets more through"),
                    None => Ok(()),
                }
            }
            Self::Pulled { probability, reached, by } => write!(
                f,
                "{}, the weights take {} of it: {by:?} is looked up at the same key; commit the two one after the other",
                found(probability),
                percent(*reached)
            ),
            Self::NotEnough { probability, reached } => write!(
                f,
                "{}, the weights take {} of it, and that does not suffice: --set layers=... edits other blocks",
                found(probability),
                percent(*reached)
            ),
            Self::Unknown => f.write_str("the editor does not say why"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(probability: f32, reached: f32, pull: f32) -> Finding {
        let trace = ZTrace { steps: 20, loss: 0.1, probability };
        let rival = Some(Rival { of: "Rome is in".to_owned(), pull });
        Finding {
            sought: true,
            trace: Some(trace),
            reached: Some(reached),
            rival,
            weight_setting: Some("mom2_update_weight"),
        }
    }

    #[test]
    fn each_part_of_an_edit_that_fails_is_told_apart() {
        let cause =
            |probability, reached, pull| finding(probability, reached, pull).cause().to_string();
        assert_eq!(
            cause(0.02, 0.9, 0.0),
            "no vector was found for it (p 2 % after 20 steps): --set v_num_grad_steps=... searches longer, --set \
             clamp_norm_factor=... farther"
        );
        assert_eq!(
            cause(0.96, 0.01, 0.0),
            "its vector was found (p 96 %), the weights take 1 % of it: a smaller mom2_update_weight lets more through"
        );
        assert_eq!(
            cause(0.96, 0.3, 0.6),
            "its vector was found (p 96 %), the weights take 30 % of it: \"Rome is in\" is looked up at the same key; \
             commit the two one after the other"
        );
        assert!(cause(0.96, 0.95, 0.6).contains("does not suffice"));
        assert_eq!(Finding::default().cause(), Cause::Unknown);
    }
}
