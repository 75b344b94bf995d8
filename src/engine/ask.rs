//! Questions to a model, and its answers.

/// A prompt and what is hoped for after it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prompt {
    /// The whole prompt, subject filled in.
    pub prompt: String,
    /// The expected continuation, without its leading space.
    pub expected: String,
}

/// What the model says to a [`Prompt`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Answer {
    /// Greedy continuation, as many tokens as `expected` has, without its leading space.
    pub text: String,
    /// Whether those tokens are exactly the expected ones.
    pub matches: bool,
    /// Probability of the expected continuation: product over its tokens.
    pub probability: f32,
    /// Probability of the greedy continuation: product over its tokens.
    pub confidence: f32,
}

/// How [`Engine::continuations`](super::Engine::continuations) continues.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// How many next tokens to list.
    pub top: usize,
    /// How many tokens to continue by.
    pub tokens: usize,
    /// Temperature and seed; `None` is greedy.
    pub sample: Option<(f32, u64)>,
}

/// How [`Engine::write_texts`](super::Engine::write_texts) goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawing {
    /// How long a text becomes; shorter where the model reads fewer tokens at a time.
    pub length: Length,
    /// Each token is drawn by probability from so many likeliest ones.
    pub top: usize,
    /// Seed.
    pub seed: u64,
}

impl Drawing {
    /// So many `tokens` after the beginning, each the likeliest.
    #[must_use]
    pub const fn greedy(tokens: usize) -> Self {
        Self { length: Length::More(tokens), top: 1, seed: 0 }
    }
}

/// How long a text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So many tokens, its beginning included.
    Whole(usize),
    /// So many tokens after its beginning.
    More(usize),
}

impl Length {
    /// Tokens after a beginning of `begun`, where the model reads `context` at a time.
    #[must_use]
    pub fn after(self, begun: usize, context: usize) -> usize {
        let whole = match self {
            Self::Whole(tokens) => tokens,
            Self::More(tokens) => begun + tokens,
        };
        whole.min(context).saturating_sub(begun)
    }
}

/// Continuations of one prompt.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Continuations {
    /// Next tokens (each with the greedy rest of its word) and their probabilities, likeliest first.
    pub next: Vec<(String, f32)>,
    /// The continuation: greedy or sampled.
    pub text: String,
}
