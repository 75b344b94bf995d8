//! GPT-J.
//!
//! Wang and Komatsuzaki, "GPT-J-6B", 2021; the reference is `GPTJForCausalLM` of transformers.
//! Attention and MLP read one norm, side by side; the head has a bias.

use super::{
    config::Config,
    error::ModelError,
    family::{Family, PartName},
    rotary::{Pairs, Rotary},
    spec::{
        Activation, Direction, Head, HeadNorms, Mlp, Norm, Part, Positions, Projections, Residual,
        Spec,
    },
};
use crate::tensor::Orientation;

/// The family.
pub(super) struct GptJ;

impl Family for GptJ {
    fn model_type(&self) -> &'static str {
        "gptj"
    }

    fn spec(&self, config: Config<'_>) -> Result<Spec, ModelError> {
        config.refuse("tie_word_embeddings")?;
        let layers = config.blocks("n_layer")?;
        let (heads, width) = config.heads("n_head", "n_embd")?;
        let rotary = ("rotary_dim", config.size("rotary_dim")?);
        let rotary = Rotary::read(config, rotary, width / heads, Pairs::Adjacent, 10_000.0)?;
        Ok(Spec {
            model_type: self.model_type(),
            layers,
            width,
            heads,
            kv_heads: heads,
            head_width: width / heads,
            inner: config.optional_size("n_inner")?.unwrap_or(4 * width),
            vocabulary: config.size("vocab_size")?,
            context: config.size("n_positions")?,
            norm_epsilon: config.epsilon("layer_norm_epsilon", 1e-5)?,
            activation: Activation::read(config, "activation_function", "gelu_new")?,
            score_scales: vec![1.0 / ((width / heads) as f64).sqrt(); layers],
            windows: vec![None; layers],
            direction: Direction::Forward,
            positions: Positions::Rotary(rotary),
            segments: 0,
            projections: Projections::Apart,
            head_norms: HeadNorms::None,
            residual: Residual::ParallelOneNorm,
            norm: Norm::Layer,
            mlp: Mlp::Plain,
            head: Head::Apart,
            classes: Vec::new(),
            biases: vec![
                Part::AttentionNorm,
                Part::MlpUp,
                Part::MlpDown,
                Part::FinalNorm,
                Part::Head,
            ],
        })
    }

    fn tokenizer_class(&self) -> &'static str {
        "GPT2Tokenizer"
    }

    fn parts(&self) -> &'static [PartName] {
        use Orientation::OutIn;
        const {
            &[
                PartName::new(Part::TokenEmbedding, "wte", OutIn),
                PartName::new(Part::AttentionNorm, "h.{}.ln_1", OutIn),
                PartName::new(Part::Query, "h.{}.attn.q_proj", OutIn),
                PartName::new(Part::Key, "h.{}.attn.k_proj", OutIn),
                PartName::new(Part::Value, "h.{}.attn.v_proj", OutIn),
                PartName::new(Part::AttentionOut, "h.{}.attn.out_proj", OutIn),
                PartName::new(Part::MlpUp, "h.{}.mlp.fc_in", OutIn),
                PartName::new(Part::MlpDown, "h.{}.mlp.fc_out", OutIn),
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
