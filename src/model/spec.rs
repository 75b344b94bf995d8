//! What a decoder is made of: sizes, and one enum for each way in which families differ.

/// Sizes and switches of a decoder, as read from `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// `model_type` of the family.
    pub model_type: &'static str,
    /// Number of blocks.
    pub layers: usize,
    /// Width of the residual stream, d.
    pub width: usize,
    /// Attention heads; they divide the width.
    pub heads: usize,
    /// Width inside the MLP.
    pub inner: usize,
    /// Number of token ids.
    pub vocabulary: usize,
    /// Longest sequence in tokens.
    pub context: usize,
    /// Epsilon of the norms.
    pub norm_epsilon: f64,
    /// Non-linearity of the MLP.
    pub activation: Activation,
    /// What attention scores are multiplied by, for each layer.
    pub score_scales: Vec<f64>,
    /// How a token knows its place.
    pub positions: Positions,
    /// How attention and MLP are joined to the stream.
    pub residual: Residual,
    /// Kind of norm.
    pub norm: Norm,
    /// Kind of MLP.
    pub mlp: Mlp,
    /// Where logits come from.
    pub head: Head,
}

impl Spec {
    /// Width of one attention head.
    #[must_use]
    pub const fn head_width(&self) -> usize {
        self.width / self.heads
    }
}

/// How a token knows its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Positions {
    /// A learned vector for each position is added to the token's.
    Learned,
}

/// How attention and MLP are joined to the residual stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residual {
    /// `x + attention(norm(x))`, then the same with the MLP and a norm of its own.
    Sequential,
}

/// Kind of norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// Mean and variance over the width, then scale and shift.
    Layer,
}

/// Kind of MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mlp {
    /// `down(activation(up(x)))`.
    Plain,
}

/// Where logits come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// The token embedding, used once more.
    Tied,
    /// A matrix of its own.
    Apart,
}

/// Non-linearity of the MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// GELU by its tanh approximation.
    GeluTanh,
    /// GELU by the error function.
    Gelu,
    /// max(x, 0).
    Relu,
    /// x times its logistic function.
    Silu,
}

impl Activation {
    /// Names in `config.json`, as transformers' `ACT2FN` has them.
    const NAMES: &'static [(&'static str, Self)] = &[
        ("gelu_new", Self::GeluTanh),
        ("gelu_pytorch_tanh", Self::GeluTanh),
        ("gelu", Self::Gelu),
        ("relu", Self::Relu),
        ("silu", Self::Silu),
        ("swish", Self::Silu),
    ];

    /// The activation that `config.json` calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, activation)| *activation)
    }

    /// All known names, for error messages.
    #[must_use]
    pub fn names() -> String {
        let names: Vec<&str> = Self::NAMES.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }
}

/// A place for weights in a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A vector for each token, `[vocabulary, d]`.
    TokenEmbedding,
    /// A vector for each position, `[context, d]`.
    PositionEmbedding,
    /// Norm before attention.
    AttentionNorm,
    /// Queries, keys and values in one map, `[3 d, d]`.
    QueryKeyValue,
    /// Attention's output map, `[d, d]`.
    AttentionOut,
    /// Norm before the MLP.
    MlpNorm,
    /// The MLP's up projection, `[inner, d]`.
    MlpUp,
    /// The MLP's down projection, `[d, inner]`: what editors change.
    MlpDown,
    /// Norm after the last block.
    FinalNorm,
    /// The head where it is not tied, `[vocabulary, d]`.
    Head,
}

impl Part {
    /// Whether every block has one.
    #[must_use]
    pub const fn in_block(self) -> bool {
        matches!(
            self,
            Self::AttentionNorm
                | Self::QueryKeyValue
                | Self::AttentionOut
                | Self::MlpNorm
                | Self::MlpUp
                | Self::MlpDown
        )
    }

    /// Shape of its weight, outputs first. Tables are `[entries, d]`, norms `[d]`.
    #[must_use]
    pub fn shape(self, spec: &Spec) -> Vec<usize> {
        match self {
            Self::TokenEmbedding | Self::Head => vec![spec.vocabulary, spec.width],
            Self::PositionEmbedding => vec![spec.context, spec.width],
            Self::AttentionNorm | Self::MlpNorm | Self::FinalNorm => vec![spec.width],
            Self::QueryKeyValue => vec![3 * spec.width, spec.width],
            Self::AttentionOut => vec![spec.width, spec.width],
            Self::MlpUp => vec![spec.inner, spec.width],
            Self::MlpDown => vec![spec.width, spec.inner],
        }
    }
}
