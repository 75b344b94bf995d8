//! What a model is made of: sizes, and one enum for each way in which families differ.

use super::{config::Config, error::ModelError, rotary::Rotary};

/// Sizes and switches of a model, as read from `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// `model_type` of the family.
    pub model_type: &'static str,
    /// Number of blocks.
    pub layers: usize,
    /// Width of the residual stream, d.
    pub width: usize,
    /// Attention heads, of the queries.
    pub heads: usize,
    /// Heads of keys and values; they divide the heads, and each serves as many of them.
    pub kv_heads: usize,
    /// Width of one attention head.
    pub head_width: usize,
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
    /// How many tokens attention sees, the token itself included, for each layer; `None` is all.
    pub windows: Vec<Option<usize>>,
    /// What a token may look at.
    pub direction: Direction,
    /// How a token knows its place.
    pub positions: Positions,
    /// Kinds of segments, each of which has a vector that is added to its tokens'; 0 where there are none.
    pub segments: usize,
    /// How queries, keys and values are computed.
    pub projections: Projections,
    /// What is done to queries and keys before they meet.
    pub head_norms: HeadNorms,
    /// How attention and MLP are joined to the stream.
    pub residual: Residual,
    /// Kind of norm.
    pub norm: Norm,
    /// Kind of MLP.
    pub mlp: Mlp,
    /// Where logits come from.
    pub head: Head,
    /// The names of the classes, where it tells classes apart.
    pub classes: Vec<String>,
    /// The parts that add a bias.
    pub biases: Vec<Part>,
}

impl Spec {
    /// Whether a model of this kind has a weight of `part`.
    #[must_use]
    pub fn has(&self, part: Part) -> bool {
        match part {
            Part::PositionEmbedding => self.positions == Positions::Learned,
            Part::SegmentEmbedding => self.segments > 0,
            Part::EmbeddingNorm => self.residual == Residual::PostNorm,
            Part::FinalNorm => self.residual != Residual::PostNorm,
            Part::QueryKeyValue => self.projections != Projections::Apart,
            Part::Query | Part::Key | Part::Value => self.projections == Projections::Apart,
            Part::QueryNorm | Part::KeyNorm => self.head_norms == HeadNorms::Own,
            Part::MlpNorm => self.residual != Residual::ParallelOneNorm,
            Part::MlpGate => self.mlp == Mlp::Gated,
            Part::HeadDense => matches!(self.head, Head::Masked | Head::Classes(_)),
            Part::HeadNorm => self.head == Head::Masked,
            Part::Head => matches!(self.head, Head::Apart | Head::Classes(_)),
            Part::TokenEmbedding
            | Part::AttentionNorm
            | Part::AttentionOut
            | Part::MlpUp
            | Part::MlpDown => true,
        }
    }

    /// Makes sure of what `what` stands on: that a token sees nothing of what is after it.
    ///
    /// # Errors
    /// [`ModelError::ReadsBothWays`].
    pub fn reads_forward(&self, what: &'static str) -> Result<(), ModelError> {
        match self.direction {
            Direction::Forward => Ok(()),
            Direction::Both => Err(ModelError::ReadsBothWays { what, model_type: self.model_type }),
        }
    }

    /// Number of logits: of tokens, or of classes.
    #[must_use]
    pub fn outputs(&self) -> usize {
        match self.head {
            Head::Tied | Head::Apart | Head::Masked => self.vocabulary,
            Head::Classes(_) => self.classes.len(),
        }
    }
}

/// What a token may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// At itself and what is before it, so that a text can go on: a decoder.
    Forward,
    /// At the whole text: an encoder.
    Both,
}

/// How a token knows its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Positions {
    /// A learned vector for each position is added to the token's.
    Learned,
    /// Queries and keys are turned by an angle that grows with the position.
    Rotary(Rotary),
}

/// How queries, keys and values are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projections {
    /// One map: all queries, then all keys, then all values.
    Fused,
    /// One map: query, key and value of the first head, then of the second, and so on.
    FusedByHead,
    /// A map each.
    Apart,
}

/// What is done to queries and keys before they are turned and meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadNorms {
    /// Nothing.
    None,
    /// Each has a norm of its own over the head's width.
    Own,
}

/// How attention and MLP are joined to the residual stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residual {
    /// `x + attention(norm(x))`, then the same with the MLP and a norm of its own.
    Sequential,
    /// `x + attention(norm(x)) + mlp(norm(x))`, each with a norm of its own.
    Parallel,
    /// The same, with one norm for both.
    ParallelOneNorm,
    /// `norm(x + attention(x))`, then the same with the MLP and a norm of its own. There is one more after the embedding,
    /// and none at the end.
    PostNorm,
}

/// Kind of norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// Mean and variance over the width, then scale and shift.
    Layer,
    /// Root mean square over the width, then scale.
    Rms,
}

/// Kind of MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mlp {
    /// `down(activation(up(x)))`.
    Plain,
    /// `down(activation(gate(x)) * up(x))`.
    Gated,
}

/// Where logits come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// The token embedding, used once more.
    Tied,
    /// A matrix of its own.
    Apart,
    /// `norm(activation(dense(x)))`, with the MLP's activation, read by the token embedding, plus a bias: what stands in the
    /// place of a mask.
    Masked,
    /// `classifier(pool(dense(x)))` of the first token: to which class the text belongs.
    Classes(Pool),
}

/// What is between the two maps of a classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// The hyperbolic tangent.
    Tanh,
    /// max(x, 0).
    Relu,
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
        ("gelu_fast", Self::GeluTanh),
        ("gelu_pytorch_tanh", Self::GeluTanh),
        ("gelu", Self::Gelu),
        ("relu", Self::Relu),
        ("silu", Self::Silu),
        ("swish", Self::Silu),
    ];

    /// The activation that `key` of `config.json` names, or `default` where it names none.
    ///
    /// # Errors
    /// When it is not one of these.
    pub(super) fn read(config: Config<'_>, key: &str, default: &str) -> Result<Self, ModelError> {
        let name = config.word(key, default)?;
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, activation)| *activation).ok_or_else(|| {
            let names: Vec<&str> = Self::NAMES.iter().map(|(name, _)| *name).collect();
            config.wrong(key, format!("is {name:?}, not one of {}", names.join(", ")))
        })
    }
}

/// A place for weights in a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A vector for each token, `[vocabulary, d]`.
    TokenEmbedding,
    /// A vector for each position, `[context, d]`.
    PositionEmbedding,
    /// A vector for each kind of segment, `[segments, d]`.
    SegmentEmbedding,
    /// Norm of the embedding.
    EmbeddingNorm,
    /// Norm before attention, or after it.
    AttentionNorm,
    /// Queries, keys and values in one map, `[3 heads w, d]`, w being the width of a head.
    QueryKeyValue,
    /// Queries, `[heads w, d]`.
    Query,
    /// Keys, `[kv heads w, d]`.
    Key,
    /// Values, `[kv heads w, d]`.
    Value,
    /// Norm of each query.
    QueryNorm,
    /// Norm of each key.
    KeyNorm,
    /// Attention's output map, `[d, heads w]`.
    AttentionOut,
    /// Norm before the MLP, or after it.
    MlpNorm,
    /// What an MLP's up projection is multiplied by, `[inner, d]`.
    MlpGate,
    /// The MLP's up projection, `[inner, d]`.
    MlpUp,
    /// The MLP's down projection, `[d, inner]`: what editors change.
    MlpDown,
    /// Norm after the last block.
    FinalNorm,
    /// The map before the head, `[d, d]`.
    HeadDense,
    /// Norm before the head.
    HeadNorm,
    /// The head where it is not tied, `[outputs, d]`. A tied one can have a bias.
    Head,
}

impl Part {
    /// Whether every block has one.
    #[must_use]
    pub const fn in_block(self) -> bool {
        !matches!(
            self,
            Self::TokenEmbedding
                | Self::PositionEmbedding
                | Self::SegmentEmbedding
                | Self::EmbeddingNorm
                | Self::FinalNorm
                | Self::HeadDense
                | Self::HeadNorm
                | Self::Head
        )
    }

    /// Whether it is a norm.
    #[must_use]
    pub const fn is_norm(self) -> bool {
        self.is_stream_norm() || matches!(self, Self::QueryNorm | Self::KeyNorm)
    }

    /// Whether it is a norm of the stream, not of heads.
    #[must_use]
    pub const fn is_stream_norm(self) -> bool {
        matches!(
            self,
            Self::EmbeddingNorm
                | Self::AttentionNorm
                | Self::MlpNorm
                | Self::FinalNorm
                | Self::HeadNorm
        )
    }

    /// Whether it is needed before the first block.
    #[must_use]
    pub const fn is_embedding(self) -> bool {
        matches!(
            self,
            Self::TokenEmbedding
                | Self::PositionEmbedding
                | Self::SegmentEmbedding
                | Self::EmbeddingNorm
        )
    }

    /// Shape of its weight, outputs first. Tables are `[entries, d]`.
    #[must_use]
    pub fn shape(self, spec: &Spec) -> Vec<usize> {
        let (queries, keys) = (spec.heads * spec.head_width, spec.kv_heads * spec.head_width);
        match self {
            Self::TokenEmbedding => vec![spec.vocabulary, spec.width],
            Self::Head => vec![spec.outputs(), spec.width],
            Self::HeadDense => vec![spec.width, spec.width],
            Self::PositionEmbedding => vec![spec.context, spec.width],
            Self::SegmentEmbedding => vec![spec.segments, spec.width],
            Self::EmbeddingNorm
            | Self::AttentionNorm
            | Self::MlpNorm
            | Self::FinalNorm
            | Self::HeadNorm => vec![spec.width],
            Self::QueryNorm | Self::KeyNorm => vec![spec.head_width],
            Self::QueryKeyValue => vec![3 * queries, spec.width],
            Self::Query => vec![queries, spec.width],
            Self::Key | Self::Value => vec![keys, spec.width],
            Self::AttentionOut => vec![spec.width, queries],
            Self::MlpGate | Self::MlpUp => vec![spec.inner, spec.width],
            Self::MlpDown => vec![spec.width, spec.inner],
        }
    }
}
