//! GPT-NeoX and Pythia.
//!
//! Black et al., "GPT-NeoX-20B", 2022, and Biderman et al., "Pythia", 2023; the reference is
//! `GPTNeoXForCausalLM` of transformers. One map gives query, key and value head by head; of each
//! head a part is rotary.

use super::{
    config::Config,
    error::ModelError,
    family::{Family, PartName},
    rotary::{BASES, Pairs, Rotary},
    spec::{
        Activation, Direction, Head, HeadNorms, Mlp, Norm, Part, Positions, Projections, Residual,
        Spec,
    },
};
use crate::tensor::Orientation;

/// The family.
pub(super) struct GptNeox;

impl Family for GptNeox {
    fn model_type(&self) -> &'static str {
        "gpt_neox"
    }

    fn spec(&self, config: Config<'_>) -> Result<Spec, ModelError> {
        let layers = config.blocks("num_hidden_layers")?;
        let (heads, width) = config.heads("num_attention_heads", "hidden_size")?;
        let head_width = width / heads;
        let parallel = config.flag("use_parallel_residual", true)?;
        let tied = config.flag("tie_word_embeddings", false)?;
        let mut biases =
            vec![Part::AttentionNorm, Part::MlpNorm, Part::MlpUp, Part::MlpDown, Part::FinalNorm];
        if config.flag("attention_bias", true)? {
            biases.extend([Part::QueryKeyValue, Part::AttentionOut]);
        }
        Ok(Spec {
            model_type: self.model_type(),
            layers,
            width,
            heads,
            kv_heads: heads,
            head_width,
            inner: config.size("intermediate_size")?,
            vocabulary: config.size("vocab_size")?,
            context: config.size("max_position_embeddings")?,
            norm_epsilon: config.epsilon("layer_norm_eps", 1e-5)?,
            activation: Activation::read(config, "hidden_act", "gelu")?,
            score_scales: vec![1.0 / (head_width as f64).sqrt(); layers],
            windows: vec![None; layers],
            direction: Direction::Forward,
            positions: Positions::Rotary(rotary(config, head_width)?),
            segments: 0,
            projections: Projections::FusedByHead,
            head_norms: HeadNorms::None,
            residual: if parallel { Residual::Parallel } else { Residual::Sequential },
            norm: Norm::Layer,
            mlp: Mlp::Plain,
            head: if tied { Head::Tied } else { Head::Apart },
            classes: Vec::new(),
            biases,
        })
    }

    fn tokenizer_class(&self) -> &'static str {
        "GPTNeoXTokenizer"
    }

    fn parts(&self) -> &'static [PartName] {
        use Orientation::OutIn;
        const {
            &[
                PartName::new(Part::TokenEmbedding, "embed_in", OutIn),
                PartName::new(Part::AttentionNorm, "layers.{}.input_layernorm", OutIn),
                PartName::new(Part::QueryKeyValue, "layers.{}.attention.query_key_value", OutIn),
                PartName::new(Part::AttentionOut, "layers.{}.attention.dense", OutIn),
                PartName::new(Part::MlpNorm, "layers.{}.post_attention_layernorm", OutIn),
                PartName::new(Part::MlpUp, "layers.{}.mlp.dense_h_to_4h", OutIn),
                PartName::new(Part::MlpDown, "layers.{}.mlp.dense_4h_to_h", OutIn),
                PartName::new(Part::FinalNorm, "final_layer_norm", OutIn),
                PartName::head(Part::Head, "embed_out"),
            ]
        }
    }

    fn prefix(&self) -> &'static str {
        "gpt_neox."
    }

    fn is_buffer(&self, name: &str) -> bool {
        [".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq"]
            .iter()
            .any(|buffer| name.ends_with(buffer))
    }
}

/// Newer versions of transformers write the rotary part of a head beside the scaling.
fn rotary(config: Config<'_>, head_width: usize) -> Result<Rotary, ModelError> {
    let newer = config.section("rope_parameters")?;
    let part = newer
        .map_or(Ok(0.25), |section| section.number("partial_rotary_factor", 0.25, 0.0..=1.0))?;
    let part = config.number("rotary_pct", part, 0.0..=1.0)?;
    let base = config.number("rotary_emb_base", 10_000.0, BASES)?;
    let width = (head_width as f64 * part) as usize;
    Rotary::read(config, ("rotary_pct", width), head_width, Pairs::Halves, base)
}
