//! Llama and its relatives: Llama 1 to 3, Mistral, Qwen 2, 2.5 and 3.
//!
//! Touvron et al., "LLaMA", 2023; Jiang et al., "Mistral 7B", 2023; "Qwen2 Technical Report", 2024, and
//! "Qwen3 Technical Report", 2025. The references are `LlamaForCausalLM`, `MistralForCausalLM`,
//! `Qwen2ForCausalLM` and `Qwen3ForCausalLM` of transformers. They are one architecture but for:
//!
//! | | biases | attention sees | queries and keys |
//! |---|---|---|---|
//! | Llama | by `attention_bias` and `mlp_bias` | all | |
//! | Mistral | none | the last `sliding_window` tokens | |
//! | Qwen 2 | of queries, keys and values | by `layer_types` or `use_sliding_window` | |
//! | Qwen 3 | by `attention_bias` | as Qwen 2 | have norms |

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

/// How far the attention of each layer sees.
type Windows = Result<Vec<Option<usize>>, ModelError>;

/// What sets one of the relatives apart.
pub(super) struct Relative {
    model_type: &'static str,
    tokenizer_class: &'static str,
    biases: fn(Config<'_>) -> Result<Vec<Part>, ModelError>,
    windows: fn(Config<'_>, usize) -> Windows,
    head_norms: HeadNorms,
}

/// Llama.
pub(super) const LLAMA: Relative = Relative {
    model_type: "llama",
    tokenizer_class: "LlamaTokenizer",
    biases: |config| {
        let mlp = config.flag("mlp_bias", false)?;
        let mlp = if mlp { &[Part::MlpGate, Part::MlpUp, Part::MlpDown][..] } else { &[] };
        Ok([attention_biases(config)?.as_slice(), mlp].concat())
    },
    windows: |_, layers| Ok(vec![None; layers]),
    head_norms: HeadNorms::None,
};

/// Mistral.
pub(super) const MISTRAL: Relative = Relative {
    model_type: "mistral",
    tokenizer_class: "LlamaTokenizer",
    biases: |_| Ok(Vec::new()),
    windows: |config, layers| Ok(vec![window(config)?; layers]),
    head_norms: HeadNorms::None,
};

/// Qwen 2 and 2.5.
pub(super) const QWEN2: Relative = Relative {
    model_type: "qwen2",
    tokenizer_class: "Qwen2Tokenizer",
    biases: |_| Ok(vec![Part::Query, Part::Key, Part::Value]),
    windows: upper_windows,
    head_norms: HeadNorms::None,
};

/// Qwen 3.
pub(super) const QWEN3: Relative = Relative {
    model_type: "qwen3",
    tokenizer_class: "Qwen2Tokenizer",
    biases: attention_biases,
    windows: upper_windows,
    head_norms: HeadNorms::Own,
};

impl Family for Relative {
    fn model_type(&self) -> &'static str {
        self.model_type
    }

    fn spec(&self, config: Config<'_>) -> Result<Spec, ModelError> {
        let layers = config.blocks("num_hidden_layers")?;
        let width = config.size("hidden_size")?;
        let heads = config.size("num_attention_heads")?;
        let head_width = match config.optional_size("head_dim")? {
            Some(head_width) => head_width,
            None => config.heads("num_attention_heads", "hidden_size")?.1 / heads,
        };
        let kv_heads = match config.optional_size("num_key_value_heads")? {
            Some(_) => config.heads("num_key_value_heads", "num_attention_heads")?.0,
            None => heads,
        };
        let base = config.number("rope_theta", 10_000.0, BASES)?;
        let rotary = ("head_dim", head_width);
        let rotary = Rotary::read(config, rotary, head_width, Pairs::Halves, base)?;
        let tied = config.flag("tie_word_embeddings", false)?;
        Ok(Spec {
            model_type: self.model_type,
            layers,
            width,
            heads,
            kv_heads,
            head_width,
            inner: config.size("intermediate_size")?,
            vocabulary: config.size("vocab_size")?,
            context: config.size("max_position_embeddings")?,
            norm_epsilon: config.epsilon("rms_norm_eps", 1e-6)?,
            activation: Activation::read(config, "hidden_act", "silu")?,
            score_scales: vec![1.0 / (head_width as f64).sqrt(); layers],
            windows: (self.windows)(config, layers)?,
            direction: Direction::Forward,
            positions: Positions::Rotary(rotary),
            segments: 0,
            projections: Projections::Apart,
            head_norms: self.head_norms,
            residual: Residual::Sequential,
            norm: Norm::Rms,
            mlp: Mlp::Gated,
            head: if tied { Head::Tied } else { Head::Apart },
            classes: Vec::new(),
            biases: (self.biases)(config)?,
        })
    }

    fn tokenizer_class(&self) -> &'static str {
        self.tokenizer_class
    }

    fn parts(&self) -> &'static [PartName] {
        use Orientation::OutIn;
        const {
            &[
                PartName::new(Part::TokenEmbedding, "embed_tokens", OutIn),
                PartName::new(Part::AttentionNorm, "layers.{}.input_layernorm", OutIn),
                PartName::new(Part::Query, "layers.{}.self_attn.q_proj", OutIn),
                PartName::new(Part::Key, "layers.{}.self_attn.k_proj", OutIn),
                PartName::new(Part::Value, "layers.{}.self_attn.v_proj", OutIn),
                PartName::new(Part::QueryNorm, "layers.{}.self_attn.q_norm", OutIn),
                PartName::new(Part::KeyNorm, "layers.{}.self_attn.k_norm", OutIn),
                PartName::new(Part::AttentionOut, "layers.{}.self_attn.o_proj", OutIn),
                PartName::new(Part::MlpNorm, "layers.{}.post_attention_layernorm", OutIn),
                PartName::new(Part::MlpGate, "layers.{}.mlp.gate_proj", OutIn),
                PartName::new(Part::MlpUp, "layers.{}.mlp.up_proj", OutIn),
                PartName::new(Part::MlpDown, "layers.{}.mlp.down_proj", OutIn),
                PartName::new(Part::FinalNorm, "norm", OutIn),
                PartName::head(Part::Head, "lm_head"),
            ]
        }
    }

    fn prefix(&self) -> &'static str {
        "model."
    }

    fn is_buffer(&self, name: &str) -> bool {
        name.ends_with(".rotary_emb.inv_freq")
    }
}

fn attention_biases(config: Config<'_>) -> Result<Vec<Part>, ModelError> {
    let attention = [Part::Query, Part::Key, Part::Value, Part::AttentionOut];
    Ok(if config.flag("attention_bias", false)? { attention.to_vec() } else { Vec::new() })
}

/// A missing key is the default of transformers, null is no window.
fn window(config: Config<'_>) -> Result<Option<usize>, ModelError> {
    const DEFAULT: usize = 4096;
    if config.has("sliding_window") {
        config.optional_size("sliding_window")
    } else {
        Ok(Some(DEFAULT))
    }
}

/// Windows of the layers that `layer_types` says, or of those from `max_window_layers` on.
fn upper_windows(config: Config<'_>, layers: usize) -> Windows {
    const DEFAULT: f64 = 28.0;
    let window = if config.flag("use_sliding_window", false)? { window(config)? } else { None };
    let Some(types) = config.words("layer_types")? else {
        let first = config.number("max_window_layers", DEFAULT, f64::MIN..=f64::MAX)?;
        return Ok((0..layers).map(|layer| window.filter(|_| layer as f64 >= first)).collect());
    };
    if types.len() != layers {
        let why = format!("has {} entries for {layers} layers", types.len());
        return Err(config.wrong("layer_types", why));
    }
    let of_type = |&name: &&str| match name {
        "full_attention" => Ok(None),
        "sliding_attention" => Ok(window),
        other => Err(config.wrong("layer_types", format!("has {other:?}, which is not supported"))),
    };
    types.iter().map(of_type).collect()
}
