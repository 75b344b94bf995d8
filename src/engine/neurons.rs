//! Feed-forward layers as memories of keys and values (Geva et al., 2021): what makes units act, and what they then add.

use std::{fmt, str::FromStr};

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::tensor::Matrix;

/// A unit of a feed-forward layer. Its coefficient is how much it acts at a token: what the non-linearity makes of its
/// input, times what its gate lets through where there are gates. Its value is what it then adds to the stream, a column
/// of the down projection.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
pub struct Unit {
    /// The block, from 0.
    pub layer: u32,
    /// Its place in the layer, from 0.
    pub unit: u32,
}

/// Why a text names no unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a layer and a unit of it, such as 3.512")]
pub struct UnitError;

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.layer, self.unit)
    }
}

impl FromStr for Unit {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (layer, unit) = text.split_once('.').ok_or(UnitError)?;
        let number = |digits: &str| digits.parse().map_err(|_| UnitError);
        Ok(Self { layer: number(layer)?, unit: number(unit)? })
    }
}

/// What a scan of texts found.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// Texts that were read.
    pub texts: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Beginnings of texts that are triggers, each once.
    pub prefixes: Vec<Prefix>,
    /// Each layer.
    pub layers: Vec<ScannedLayer>,
}

/// The beginning of a text, as far as the token at which a unit acts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize)]
pub struct Prefix {
    /// Its end, where it is long.
    pub text: String,
    /// Whether it is not all of it.
    pub cut: bool,
    /// The token that follows; none where the text ends.
    pub next: Option<String>,
}

/// What a scan found in a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct ScannedLayer {
    /// The triggers of each unit, the one with the greatest coefficient first. Those of a unit that never acts are none.
    pub units: Vec<Vec<Trigger>>,
    /// Whether values promote what follows triggers.
    pub agreement: Agreement,
}

/// What makes a unit act.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trigger {
    /// Which of the prefixes.
    pub prefix: usize,
    /// How much it makes it act.
    pub coefficient: f32,
}

/// How often the token that a value promotes most is the one that follows the unit's first trigger.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Units that have a trigger which something follows.
    pub of: u64,
    /// Those of them whose value promotes that most.
    pub agree: u64,
    /// The share that would if values were dealt out to the units anew: Σ n(w) m(w) / of², where n(w) values promote the
    /// token w most and m(w) triggers are followed by it.
    pub chance: f64,
}

/// A token that is promoted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Word {
    /// The token as text.
    pub text: String,
    /// Its probability if the stream were what promotes it and nothing else.
    pub probability: f32,
}

/// Which units act after a prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Acting {
    /// The token that is watched, as text.
    pub answer: String,
    /// Its probability.
    pub probability: f32,
    /// Its logit, over the mean of all tokens' logits.
    pub logit: f32,
    /// What the units of each layer add to it together.
    pub layers: Vec<f32>,
    /// The units that add or take most, most first.
    pub units: Vec<Acts>,
}

/// A unit that acts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Acts {
    /// The unit.
    #[serde(flatten)]
    pub unit: Unit,
    /// How much it acts.
    pub coefficient: f32,
    /// What it adds to the answer's logit over the mean of all.
    pub adds: f32,
    /// What its value promotes, the likeliest first.
    pub promotes: Vec<Word>,
}

/// A change of a matrix, column by column: a column of `left` is added as often as the row of `right` finds itself in what
/// enters the matrix.
#[derive(Debug, Clone, Copy)]
pub struct Factors<'a> {
    /// `[out, rank]`.
    pub left: &'a Matrix,
    /// `[rank, in]`.
    pub right: &'a Matrix,
}

/// What the columns of a change read and promote.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// How often each column is added at the last token of each prompt's subject, `[rank, prompts]`.
    pub responses: Matrix,
    /// What each column promotes, the likeliest first; nothing where it is not added to the stream.
    pub promotes: Option<Vec<Vec<Word>>>,
}
