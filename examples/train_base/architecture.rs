//! What can be trained: the `config.json` of each family.

use std::error::Error;

use clap::ValueEnum;
use kledger::{
    eval::dataset::Verbaliser,
    model::{Config, Family, Spec, family},
};
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
    /// Reads both ways and tells true claims from false ones; needs --claims
    Bert,
    /// The same with fewer parts
    Distilbert,
}

impl Kind {
    /// Whether it says of claims whether they hold.
    pub(crate) const fn judges(self) -> bool {
        matches!(self, Self::Bert | Self::Distilbert)
    }
}

/// Non-linearity of GPT-2's MLPs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Activation {
    /// max(x, 0)
    Relu,
    /// GELU by its tanh approximation
    Gelu,
}

/// `config.json` of the model that was asked for.
pub(crate) fn config(args: &Args, vocabulary: usize) -> Result<Value, Box<dyn Error>> {
    if args.activation.is_some() && args.family != Kind::Gpt2 {
        return Err("--activation is for gpt2: llama has SwiGLU and the others GELU".into());
    }
    let classes = Verbaliser::labels();
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
        Kind::Bert => json!({
            "architectures": ["BertForSequenceClassification"],
            "model_type": "bert",
            "vocab_size": vocabulary,
            "max_position_embeddings": CONTEXT,
            "hidden_size": args.width,
            "num_hidden_layers": args.layers,
            "num_attention_heads": args.heads,
            "intermediate_size": args.inner,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-12,
            "type_vocab_size": 2,
        }),
        Kind::Distilbert => json!({
            "architectures": ["DistilBertForSequenceClassification"],
            "model_type": "distilbert",
            "vocab_size": vocabulary,
            "max_position_embeddings": CONTEXT,
            "dim": args.width,
            "n_layers": args.layers,
            "n_heads": args.heads,
            "hidden_dim": args.inner,
            "activation": "gelu",
        }),
    };
    if args.family.judges() {
        config["id2label"] = json!({ "0": classes.holds, "1": classes.fails });
        config["label2id"] = json!({ (classes.holds): 0, (classes.fails): 1 });
    }
    config["torch_dtype"] = "float16".into();
    Ok(config)
}

/// The architecture that a `config.json` describes.
pub(crate) fn spec(config: &Value) -> Result<(&'static dyn Family, Spec), Box<dyn Error>> {
    let model_type = config["model_type"].as_str().unwrap_or_default();
    let class = config["architectures"][0].as_str().unwrap_or_default();
    let family = family(model_type, &[class])?;
    Ok((family, family.spec(Config::new(config, usize::MAX))?))
}
