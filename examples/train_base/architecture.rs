//! What can be trained: the `config.json` of each family.

use std::error::Error;

use clap::ValueEnum;
use kledger::model::{Config, Spec, family};
use serde_json::{Value, json};

use crate::Args;

/// Tokens that positions are there for.
const CONTEXT: usize = 128;
const EPSILON: f64 = 1e-5;

/// A family of which a small model can be trained, named as its `model_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Learned positions, one part of a block after the other
    Gpt2,
    /// Rotary positions, attention and MLP side by side
    GptNeox,
    /// Rotary positions, RMS norms, gated MLPs
    Llama,
}

/// Non-linearity of GPT-2's MLPs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Activation {
    /// max(x, 0)
    Relu,
    /// GELU by its tanh approximation
    Gelu,
}

/// `config.json` of the model that was asked for; `end` ends its texts.
pub(crate) fn config(args: &Args, vocabulary: usize, end: u32) -> Result<Value, Box<dyn Error>> {
    if let (Some(_), Kind::GptNeox | Kind::Llama) = (args.activation, args.family) {
        return Err("--activation is for gpt2: gpt_neox has GELU and llama SwiGLU".into());
    }
    let mut config = match args.family {
        Kind::Gpt2 => json!({
            "architectures": ["GPT2LMHeadModel"],
            "model_type": "gpt2",
            "vocab_size": vocabulary,
            "n_positions": CONTEXT,
            "n_embd": args.width,
            "n_layer": args.layers,
            "n_head": args.heads,
            "n_inner": args.inner,
            "activation_function": match args.activation.unwrap_or(Activation::Relu) {
                Activation::Relu => "relu",
                Activation::Gelu => "gelu_new",
            },
            "layer_norm_epsilon": EPSILON,
            "resid_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "attn_pdrop": 0.0,
            "tie_word_embeddings": true,
        }),
        Kind::GptNeox => json!({
            "architectures": ["GPTNeoXForCausalLM"],
            "model_type": "gpt_neox",
            "vocab_size": vocabulary,
            "max_position_embeddings": CONTEXT,
            "hidden_size": args.width,
            "num_hidden_layers": args.layers,
            "num_attention_heads": args.heads,
            "intermediate_size": args.inner,
            "hidden_act": "gelu",
            "layer_norm_eps": EPSILON,
            "rotary_pct": 0.25,
            "rotary_emb_base": 10_000,
            "use_parallel_residual": true,
            "tie_word_embeddings": false,
        }),
        Kind::Llama => json!({
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": vocabulary,
            "max_position_embeddings": CONTEXT,
            "hidden_size": args.width,
            "num_hidden_layers": args.layers,
            "num_attention_heads": args.heads,
            "num_key_value_heads": args.heads,
            "intermediate_size": args.inner,
            "hidden_act": "silu",
            "rms_norm_eps": EPSILON,
            "rope_theta": 10_000.0,
            "tie_word_embeddings": false,
        }),
    };
    config["bos_token_id"] = end.into();
    config["eos_token_id"] = end.into();
    config["torch_dtype"] = "float16".into();
    Ok(config)
}

/// The architecture that a `config.json` describes.
pub(crate) fn spec(config: &Value) -> Result<Spec, Box<dyn Error>> {
    let model_type = config["model_type"].as_str().unwrap_or_default();
    Ok(family(model_type, &[])?.spec(Config::new(config, usize::MAX))?)
}
