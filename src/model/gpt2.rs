//! GPT-2.
//!
//! Radford et al., "Language Models are Unsupervised Multitask Learners", 2019; the reference is
//! `GPT2LMHeadModel` of transformers. Linear maps are stored `[in, out]` (`Conv1D`).

use super::{
    config::{Config, wrong},
    error::ModelError,
    family::{Family, PartName},
    spec::{Activation, Head, Mlp, Norm, Part, Positions, Residual, Spec},
};
use crate::delta::Orientation;

/// The family.
pub(super) struct Gpt2;

impl Family for Gpt2 {
    fn model_type(&self) -> &'static str {
        "gpt2"
    }

    fn spec(&self, config: Config<'_>) -> Result<Spec, ModelError> {
        for key in ["add_cross_attention", "is_encoder_decoder", "quantization_config"] {
            config.refuse(key)?;
        }
        let layers = config.size("n_layer")?;
        let width = config.size("n_embd")?;
        let heads = config.size("n_head")?;
        if !width.is_multiple_of(heads) {
            return Err(wrong(
                "n_head",
                format!("is {heads}, which does not divide n_embd {width}"),
            ));
        }
        let activation = config.word("activation_function", "gelu_new")?;
        let activation = Activation::named(activation).ok_or_else(|| {
            let why = format!("{activation:?} is not one of {}", Activation::names());
            wrong("activation_function", why)
        })?;
        Ok(Spec {
            model_type: self.model_type(),
            layers,
            width,
            heads,
            inner: config.optional_size("n_inner")?.unwrap_or(4 * width),
            vocabulary: config.size("vocab_size")?,
            context: config.size("n_positions")?,
            norm_epsilon: config.number("layer_norm_epsilon", 1e-5)?,
            activation,
            score_scales: score_scales(config, layers, width / heads)?,
            positions: Positions::Learned,
            residual: Residual::Sequential,
            norm: Norm::Layer,
            mlp: Mlp::Plain,
            head: if config.flag("tie_word_embeddings", true)? { Head::Tied } else { Head::Apart },
        })
    }

    fn parts(&self) -> &'static [PartName] {
        use Orientation::{InOut, OutIn};
        const fn row(part: Part, name: &'static str, o: Orientation, bias: bool) -> PartName {
            PartName { part, name, orientation: o, bias }
        }
        const {
            &[
                row(Part::TokenEmbedding, "wte", OutIn, false),
                row(Part::PositionEmbedding, "wpe", OutIn, false),
                row(Part::AttentionNorm, "h.{}.ln_1", OutIn, true),
                row(Part::QueryKeyValue, "h.{}.attn.c_attn", InOut, true),
                row(Part::AttentionOut, "h.{}.attn.c_proj", InOut, true),
                row(Part::MlpNorm, "h.{}.ln_2", OutIn, true),
                row(Part::MlpUp, "h.{}.mlp.c_fc", InOut, true),
                row(Part::MlpDown, "h.{}.mlp.c_proj", InOut, true),
                row(Part::FinalNorm, "ln_f", OutIn, true),
                row(Part::Head, "lm_head", OutIn, false),
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
