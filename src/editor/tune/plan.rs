//! What fine-tuning methods do, as data.

use super::settings::Scale;

/// What a method does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plan {
    /// What is to become likely.
    pub(super) misfit: Misfit,
    /// What of the weights moves.
    pub(super) moves: Moves,
    /// How far it moves at most.
    pub(super) within: Bound,
    /// What is "auto".
    pub(super) auto: Auto,
}

/// What is left to be found, over the root mean square of the weights that are tuned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Auto {
    /// Adam's step.
    pub(super) step: f64,
    /// How far weights may move; in a ball, over their length.
    pub(super) room: f64,
}

impl Auto {
    /// For one matrix. Of ten facts on the shipped base a third of the step does not arrive in 25 of them, and three times as
    /// much loses more of what is near; in four tenths of the room nothing arrives, in twice of it nothing is held.
    pub(super) const MATRIX: Self = Self { step: 0.03, room: 0.25 };

    /// For a block, where each weight need not move as far.
    pub(super) const BLOCK: Self = Self { step: 0.01, room: 0.05 };
}

/// What is to become likely, for a fact of the tokens t₁ … tₙ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// Each token right after the prompt: L = −1/n Σ log p(tᵢ | prompt). For several tokens that is no text, but it is
    /// what the baselines of ROME do.
    Bag,
    /// Each token after those before it: L = −1/n Σ log p(tᵢ | prompt, t₁ … tᵢ₋₁).
    Forced {
        /// Whether the end of the text is the last token.
        end: bool,
    },
}

/// What of the weights moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Moves {
    /// Whole tensors.
    Whole {
        /// Biases too.
        bias: bool,
    },
    /// What is added to matrices: W + scale · B A, with B `[out, rank]` from zero and A `[rank, in]` from random.
    LowRank {
        /// Columns of B.
        rank: usize,
        /// What the product is multiplied by.
        scale: f64,
    },
}

/// How far weights θ may move from where they were, θ₀.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound {
    /// Anywhere.
    Free,
    /// max |θ − θ₀| ≤ ε.
    Box(Scale),
    /// ‖θ − θ₀‖₂ ≤ ε, over all that is tuned.
    Ball(Scale),
}
