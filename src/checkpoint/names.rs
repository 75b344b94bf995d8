//! What `transformers` calls the parts of a model, and what a checkpoint calls them.
//!
//! A model with a head keeps the rest under a prefix: GPT-2's `transformer.h.0.mlp.c_proj`. Checkpoints
//! saved without a head leave the prefix out: `h.0.mlp.c_proj.weight`.

use serde_json::Value;

use super::read::Checkpoint;
use crate::tensor::Orientation;

/// By `model_type`: the prefix, for the architectures that have another than [`PREFIX`].
const PREFIXES: &[(&str, &str)] = &[
    ("gpt2", "transformer."),
    ("gptj", "transformer."),
    ("gpt_neox", "gpt_neox."),
    ("bert", "bert."),
    ("distilbert", "distilbert."),
];

/// The prefix of all others.
const PREFIX: &str = "model.";

/// What makes tokens of the last state, outside of the prefix.
const HEADS: &[&str] = &["lm_head", "embed_out"];

/// The architecture whose blocks have `Conv1D` in place of `Linear`, and whose head is its embedding unless its
/// configuration says otherwise.
const CONV1D: &str = "gpt2";

/// Types that read both ways, and have no next token.
const ENCODERS: &[&str] = &["bert", "distilbert"];

/// The layers of a model, as far as their names go.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    model_type: &'a str,
}

impl<'a> Names<'a> {
    /// Those of a model of this type.
    #[must_use]
    pub const fn of(model_type: &'a str) -> Self {
        Self { model_type }
    }

    fn prefix(&self) -> &'static str {
        let known = PREFIXES.iter().find(|(model_type, _)| *model_type == self.model_type);
        known.map_or(PREFIX, |(_, prefix)| prefix)
    }

    /// Whether `tensor` is the weight of the head.
    #[must_use]
    pub fn is_head(&self, tensor: &str) -> bool {
        tensor.strip_suffix(".weight").is_some_and(|module| HEADS.contains(&module))
    }

    /// Whether a model with this configuration has its embedding for its head.
    #[must_use]
    pub fn is_tied(&self, config: &Value) -> bool {
        let said = config.get("tie_word_embeddings").and_then(Value::as_bool);
        said.unwrap_or(self.model_type == CONV1D)
    }

    /// Whether the model reads a text forward and says what comes next; others read it both ways.
    #[must_use]
    pub fn reads_forward(&self) -> bool {
        !ENCODERS.contains(&self.model_type)
    }

    /// What PEFT calls the task of the head; none where it needs no name.
    pub(super) fn task(&self) -> Option<&'static str> {
        self.reads_forward().then_some("CAUSAL_LM")
    }

    /// The class of transformers that loads a model with this configuration, head included.
    #[must_use]
    pub fn class<'c>(&self, config: &'c Value) -> &'c str {
        let named = config.get("architectures").and_then(|all| all.get(0)).and_then(Value::as_str);
        named.filter(|_| !self.reads_forward()).unwrap_or("AutoModelForCausalLM")
    }

    /// The module in a model with a head whose weight the checkpoint has as `tensor`, if it is a linear
    /// map of a block or the head; others have no place in an adapter.
    #[must_use]
    pub fn module(&self, tensor: &str) -> Option<String> {
        if self.is_head(tensor) {
            return tensor.strip_suffix(".weight").map(str::to_owned);
        }
        let module = tensor.strip_suffix(".weight").filter(|_| in_block(tensor))?;
        let prefix = self.prefix();
        Some(if module.starts_with(prefix) {
            module.to_owned()
        } else {
            format!("{prefix}{module}")
        })
    }

    /// What `checkpoint` calls a tensor that another one of this type calls `name`: the same, with the
    /// prefix, or without it.
    #[must_use]
    pub fn find<'c>(&self, checkpoint: &'c Checkpoint, name: &str) -> Option<&'c str> {
        let prefix = self.prefix();
        let without = name.strip_prefix(prefix).unwrap_or(name);
        checkpoint
            .name(name)
            .or_else(|| checkpoint.name(without))
            .or_else(|| checkpoint.name(&format!("{prefix}{without}")))
    }

    /// How checkpoints of this type lay out a tensor.
    #[must_use]
    pub fn orientation(&self, tensor: &str, shape: &[usize]) -> Orientation {
        let turned = self.model_type == CONV1D && shape.len() == 2 && in_block(tensor);
        if turned { Orientation::InOut } else { Orientation::OutIn }
    }
}

/// Blocks are numbered.
fn in_block(tensor: &str) -> bool {
    tensor.split('.').any(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_loaded_with_their_heads() {
        let class = |model_type| {
            let config = serde_json::json!({ "architectures": ["BertForMaskedLM"] });
            Names::of(model_type).class(&config).to_owned()
        };
        assert_eq!(class("bert"), "BertForMaskedLM");
        assert_eq!(class("gpt2"), "AutoModelForCausalLM");
        let tasks = ["bert", "llama"].map(|model_type| Names::of(model_type).task());
        assert_eq!(tasks, [None, Some("CAUSAL_LM")]);
    }

    #[test]
    fn modules_have_the_prefix_of_their_architecture() {
        let module = |model_type, tensor| Names::of(model_type).module(tensor);
        let gpt2 = Some("transformer.h.0.mlp.c_proj".to_owned());
        assert_eq!(module("gpt2", "h.0.mlp.c_proj.weight"), gpt2);
        assert_eq!(module("gpt2", "transformer.h.0.mlp.c_proj.weight"), gpt2);
        let llama = Some("model.layers.11.mlp.down_proj".to_owned());
        assert_eq!(module("llama", "model.layers.11.mlp.down_proj.weight"), llama);
        assert_eq!(module("llama", "lm_head.weight"), Some("lm_head".to_owned()));
        let bert = Some("bert.encoder.layer.0.output.dense".to_owned());
        assert_eq!(module("bert", "encoder.layer.0.output.dense.weight"), bert);
        for outside in ["wte.weight", "h.0.mlp.c_proj.bias", "lm_head.bias"] {
            assert_eq!(module("gpt2", outside), None);
        }
    }
}
