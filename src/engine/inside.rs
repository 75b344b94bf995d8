//! What a model does between its first block and its answer.

use std::ops::Range;

use serde::Serialize;

/// What each block of a model would say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lens {
    /// The tokens of the prompt, as text.
    pub tokens: Vec<String>,
    /// The first token of what was expected, if something was.
    pub expected: Option<String>,
    /// By block, then by token: what would come next.
    pub blocks: Vec<Vec<Said>>,
}

/// What a block would say after a token.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Said {
    /// The likeliest next token.
    pub token: u32,
    /// The same as text; parts of a character look alike.
    pub word: String,
    /// Its probability.
    pub probability: f32,
    /// Where the expected token stands, if one was expected.
    pub expected: Option<Standing>,
    /// Entropy of the distribution in nats: how undecided it is.
    pub entropy: f32,
    /// Divergence of this distribution from that of the model's end, KL(end ‖ block) in nats; 0 at the last block.
    pub divergence: f32,
}

/// Where a token stands among all tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Standing {
    /// 1 where it is the likeliest.
    pub rank: u64,
    /// Its probability.
    pub probability: f32,
}

/// What is put back into a run whose subject was made unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restored {
    /// The state after a block.
    State,
    /// What the MLPs of a window of blocks put out.
    Mlp,
    /// What the attention of a window of blocks puts out.
    Attention,
    /// The state after a block, while the token's MLPs put out what they do without it.
    StateWithoutMlp,
    /// The state after a block, while the token's attention puts out what it does without it.
    StateWithoutAttention,
}

impl Restored {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::State,
        Self::Mlp,
        Self::Attention,
        Self::StateWithoutMlp,
        Self::StateWithoutAttention,
    ];

    /// Whether it is put back in a window of blocks.
    #[must_use]
    pub const fn is_windowed(self) -> bool {
        matches!(self, Self::Mlp | Self::Attention)
    }
}

/// How causal tracing is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracing {
    /// Runs with noise of their own, over which probabilities are averaged.
    pub samples: usize,
    /// Seed of the noise.
    pub seed: u64,
    /// Deviation of the noise, in deviations of the embeddings of the subjects' tokens.
    pub noise: f64,
    /// Blocks of a window; `None` is a fifth of the blocks.
    pub window: Option<usize>,
    /// What is put back.
    pub restored: Vec<Restored>,
    /// Whether it is put back at the subject's last token alone.
    pub subject_last: bool,
}

/// A prompt that is traced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traceable {
    /// The whole prompt.
    pub prompt: String,
    /// Where its subject stands, in bytes.
    pub subject: Range<usize>,
    /// The continuation whose first token is watched; `None` watches what is likeliest.
    pub expected: Option<String>,
}

/// How likely an answer is when single things are put back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Traced {
    /// The tokens of the prompt, as text.
    pub tokens: Vec<String>,
    /// The subject's tokens: the first, and the one after the last.
    pub subject: Range<usize>,
    /// The token that is watched, as text.
    pub answer: String,
    /// Its probability as the model is.
    pub high: f32,
    /// Its probability when the subject is made unreadable and nothing is put back.
    pub low: f32,
    /// Deviation of the noise.
    pub noise: f32,
    /// Blocks of a window.
    pub window: usize,
    /// A grid for each thing that is put back.
    pub grids: Vec<Grid>,
}

/// Probabilities of an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Grid {
    /// What is put back.
    pub restored: Restored,
    /// By token, then by block; of a window the block after its middle.
    pub scores: Vec<Vec<f32>>,
}
