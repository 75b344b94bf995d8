//! GPT-2.
//!
//! Radford et al., "Language Models are Unsupervised Multitask Learners", 2019; the reference is
//! `GPT2LMHeadModel` of transformers. Linear maps are stored `[in, out]` (`Conv1D`).

use super::{
    config::Config,
    error::ModelError,
    family::{Family, PartName},
    spec::{
        Activation, Direction, Head, HeadNorms, Mlp, Norm, Part, Positions, Projections, Residual,
        Spec,
    },
};
use crate::tensor::Orientation;

/// The family.
pub(super) struct Gpt2;

impl Family for Gpt2 {
    fn model_type(&self) -> &'static str {
        "gpt2"
    }

    fn spec(&self, config: Config<'_>) -> Result<Spec, ModelError> {
        let layers = config.blocks("n_layer")?;
        let (heads, width) = config.heads("n_head", "n_embd")?;
        let head_width = width / heads;
        let tied = config.flag("tie_word_embeddings", true)?;
        Ok(Spec {
            model_type: self.model_type(),
            layers,
            width,
            heads,
            kv_heads: heads,
            head_width,
            inner: config.optional_size("n_inner")?.unwrap_or(4 * width),
            vocabulary: config.size("vocab_size")?,
            context: config.size("n_positions")?,
            norm_epsilon: config.epsilon("layer_norm_epsilon", 1e-5)?,
            activation: Activation::read(config, "activation_function", "gelu_new")?,
            score_scales: score_scales(config, layers, head_width)?,
            windows: vec![None; layers],
            direction: Direction::Forward,
            positions: Positions::Learned,
            segments: 0,
            projections: Projections::Fused,
            head_norms: HeadNorms::None,
            residual: Residual::Sequential,
            norm: Norm::Layer,
            mlp: Mlp::Plain,
            head: if tied { Head::Tied } else { Head::Apart },
            classes: Vec::new(),
            biases: vec![
                Part::AttentionNorm,
                Part::QueryKeyValue,
                Part::AttentionOut,
                Part::MlpNorm,
                Part::MlpUp,
                Part::MlpDown,
                Part::FinalNorm,
            ],
        })
    }

    fn tokenizer_class(&self) -> &'static str {
        "GPT2Tokenizer"
    }

    fn parts(&self) -> &'static [PartName] {
        use Orientation::{InOut, OutIn};
        const {
            &[
                PartName::new(Part::TokenEmbedding, "wte", OutIn),
                PartName::new(Part::PositionEmbedding, "wpe", OutIn),
                PartName::new(Part::AttentionNorm, "h.{}.ln_1", OutIn),
                PartName::new(Part::QueryKeyValue, "h.{}.attn.c_attn", InOut),
                PartName::new(Part::AttentionOut, "h.{}.attn.c_proj", InOut),
                PartName::new(Part::MlpNorm, "h.{}.ln_2", OutIn),
                PartName::new(Part::MlpUp, "h.{}.mlp.c_fc", InOut),
                PartName::new(Part::MlpDown, "h.{}.mlp.c_proj", InOut),
                PartName::new(Part::FinalNorm, "ln_f", OutIn),
                PartName::head(Part::Head, "lm_head"),
            ]
        }
    }

    fn prefix(&self) -> &'static str {
        "transformer."
    }

    fn is_buffer(&self, name: &str) -> bool {
        name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias")
    }
}

/// What scores are multiplied by: 1/sqrt(head width), 1/(layer + 1), both or neither.
fn score_scales(
    config: Config<'_>,
    layers: usize,
    head_width: usize,
) -> Result<Vec<f64>, ModelError> {
    let by_width = config.flag("scale_attn_weights", true)?;
    let by_layer = config.flag("scale_attn_by_inverse_layer_idx", false)?;
    // reorder_and_upcast_attn changes the order of operations and nothing else.
    let scale = if by_width { 1.0 / (head_width as f64).sqrt() } else { 1.0 };
    Ok((0..layers).map(|i| if by_layer { scale / (i + 1) as f64 } else { scale }).collect())
}
