//! BERT and DistilBERT: encoders, with a head that fills masks or one that tells classes apart.
//!
//! Devlin et al., "BERT", 2019; Sanh et al., "DistilBERT", 2019. The references are `BertForMaskedLM`,
//! `BertForSequenceClassification`, `DistilBertForMaskedLM` and `DistilBertForSequenceClassification` of transformers.
//! They are one architecture but for:
//!
//! | | segments | before the classifier |
//! |---|---|---|
//! | BERT | have a vector each; all of a text is of the first | tanh |
//! | DistilBERT | | max(x, 0) |
//!
//! A question is one text: what was trained on pairs of texts is asked about the first alone.

use super::{
    config::Config,
    error::ModelError,
    family::{Family, PartName},
    spec::{
        Activation, Direction, Head, HeadNorms, Mlp, Norm, Part, Pool, Positions, Projections,
        Residual, Spec,
    },
};
use crate::tensor::Orientation::OutIn;

/// What sets one of them apart.
pub(super) struct Encoder {
    model_type: &'static str,
    architecture: &'static str,
    tokenizer_class: &'static str,
    prefix: &'static str,
    /// Keys of `config.json`.
    keys: Keys,
    head: Head,
    parts: &'static [PartName],
    head_parts: &'static [PartName],
    /// What checkpoints have of other heads, and copies.
    unused: &'static [&'static str],
}

/// What `config.json` calls sizes and switches.
#[derive(Clone, Copy)]
struct Keys {
    layers: &'static str,
    heads: &'static str,
    width: &'static str,
    inner: &'static str,
    activation: &'static str,
    epsilon: Option<&'static str>,
    segments: Option<&'static str>,
}

const BERT: Keys = Keys {
    layers: "num_hidden_layers",
    heads: "num_attention_heads",
    width: "hidden_size",
    inner: "intermediate_size",
    activation: "hidden_act",
    epsilon: Some("layer_norm_eps"),
    segments: Some("type_vocab_size"),
};

const DISTILBERT: Keys = Keys {
    layers: "n_layers",
    heads: "n_heads",
    width: "dim",
    inner: "hidden_dim",
    activation: "activation",
    epsilon: None,
    segments: None,
};

/// BERT that fills masks.
pub(super) const BERT_MASKED: Encoder = Encoder {
    model_type: "bert",
    architecture: "BertForMaskedLM",
    tokenizer_class: "BertTokenizer",
    prefix: "bert.",
    keys: BERT,
    head: Head::Masked,
    parts: BERT_PARTS,
    head_parts: &[
        PartName::head(Part::HeadDense, "cls.predictions.transform.dense"),
        PartName::head(Part::HeadNorm, "cls.predictions.transform.LayerNorm"),
        PartName::head(Part::Head, "cls.predictions"),
    ],
    unused: &["cls.predictions.decoder.", "cls.seq_relationship.", "pooler.dense."],
};

/// BERT that tells classes apart.
pub(super) const BERT_CLASSES: Encoder = Encoder {
    architecture: "BertForSequenceClassification",
    head: Head::Classes(Pool::Tanh),
    parts: BERT_PARTS,
    head_parts: &[
        PartName::new(Part::HeadDense, "pooler.dense", OutIn),
        PartName::head(Part::Head, "classifier"),
    ],
    unused: &[],
    ..BERT_MASKED
};

/// DistilBERT that fills masks.
pub(super) const DISTILBERT_MASKED: Encoder = Encoder {
    model_type: "distilbert",
    architecture: "DistilBertForMaskedLM",
    tokenizer_class: "DistilBertTokenizer",
    prefix: "distilbert.",
    keys: DISTILBERT,
    head: Head::Masked,
    parts: DISTILBERT_PARTS,
    head_parts: &[
        PartName::head(Part::HeadDense, "vocab_transform"),
        PartName::head(Part::HeadNorm, "vocab_layer_norm"),
        PartName::head(Part::Head, "vocab_projector"),
    ],
    unused: &[],
};

/// DistilBERT that tells classes apart.
pub(super) const DISTILBERT_CLASSES: Encoder = Encoder {
    architecture: "DistilBertForSequenceClassification",
    head: Head::Classes(Pool::Relu),
    parts: DISTILBERT_PARTS,
    head_parts: &[
        PartName::head(Part::HeadDense, "pre_classifier"),
        PartName::head(Part::Head, "classifier"),
    ],
    ..DISTILBERT_MASKED
};

impl Family for Encoder {
    fn model_type(&self) -> &'static str {
        self.model_type
    }

    fn architecture(&self) -> Option<&'static str> {
        Some(self.architecture)
    }

    fn spec(&self, config: Config<'_>) -> Result<Spec, ModelError> {
        let keys = self.keys;
        config.refuse("is_decoder")?;
        let positions = config.word("position_embedding_type", "absolute")?;
        if positions != "absolute" {
            let why = format!("is {positions:?}, which is not supported");
            return Err(config.wrong("position_embedding_type", why));
        }
        let layers = config.blocks(keys.layers)?;
        let (heads, width) = config.heads(keys.heads, keys.width)?;
        let head_width = width / heads;
        let segments = match keys.segments {
            Some(key) => config.optional_size(key)?.unwrap_or(2),
            None => 0,
        };
        let epsilon = match keys.epsilon {
            Some(key) => config.epsilon(key, 1e-12)?,
            None => 1e-12,
        };
        let classes = match self.head {
            Head::Classes(_) => classes(config)?,
            _ => tied(config)?,
        };
        Ok(Spec {
            model_type: self.model_type,
            layers,
            width,
            heads,
            kv_heads: heads,
            head_width,
            inner: config.size(keys.inner)?,
            vocabulary: config.size("vocab_size")?,
            context: config.size("max_position_embeddings")?,
            norm_epsilon: epsilon,
            activation: Activation::read(config, keys.activation, "gelu")?,
            score_scales: vec![1.0 / (head_width as f64).sqrt(); layers],
            windows: vec![None; layers],
            direction: Direction::Both,
            positions: Positions::Learned,
            segments,
            projections: Projections::Apart,
            head_norms: HeadNorms::None,
            residual: Residual::PostNorm,
            norm: Norm::Layer,
            mlp: Mlp::Plain,
            head: self.head,
            classes,
            biases: vec![
                Part::EmbeddingNorm,
                Part::Query,
                Part::Key,
                Part::Value,
                Part::AttentionOut,
                Part::AttentionNorm,
                Part::MlpUp,
                Part::MlpDown,
                Part::MlpNorm,
                Part::HeadDense,
                Part::HeadNorm,
                Part::Head,
            ],
        })
    }

    fn tokenizer_class(&self) -> &'static str {
        self.tokenizer_class
    }

    fn parts(&self) -> &'static [PartName] {
        self.parts
    }

    fn head_parts(&self) -> &'static [PartName] {
        self.head_parts
    }

    fn prefix(&self) -> &'static str {
        self.prefix
    }

    fn is_buffer(&self, name: &str) -> bool {
        name == "embeddings.position_ids"
            || self.unused.iter().any(|unused| name.starts_with(unused))
    }
}

/// No classes, and the embedding once more for a head.
fn tied(config: Config<'_>) -> Result<Vec<String>, ModelError> {
    if config.flag("tie_word_embeddings", true)? {
        return Ok(Vec::new());
    }
    Err(config.wrong("tie_word_embeddings", "is false, which is not supported"))
}

/// The names of the classes, in order.
fn classes(config: Config<'_>) -> Result<Vec<String>, ModelError> {
    let kind = config.word("problem_type", ONE_OF_THEM)?;
    if kind != ONE_OF_THEM {
        return Err(config.wrong("problem_type", format!("is {kind:?}; wanted is {ONE_OF_THEM:?}")));
    }
    let Some(names) = config.numbered("id2label")? else {
        return Ok(["LABEL_0", "LABEL_1"].map(str::to_owned).to_vec());
    };
    let once = (1..names.len()).all(|number| !names[..number].contains(&names[number]));
    if names.len() < 2 || !once {
        let why = "has to name two classes or more, each by a name of its own";
        return Err(config.wrong("id2label", why));
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// What the classes of a text are to each other.
const ONE_OF_THEM: &str = "single_label_classification";

const BERT_PARTS: &[PartName] = &[
    PartName::new(Part::TokenEmbedding, "embeddings.word_embeddings", OutIn),
    PartName::new(Part::PositionEmbedding, "embeddings.position_embeddings", OutIn),
    PartName::new(Part::SegmentEmbedding, "embeddings.token_type_embeddings", OutIn),
    PartName::new(Part::EmbeddingNorm, "embeddings.LayerNorm", OutIn),
    PartName::new(Part::Query, "encoder.layer.{}.attention.self.query", OutIn),
    PartName::new(Part::Key, "encoder.layer.{}.attention.self.key", OutIn),
    PartName::new(Part::Value, "encoder.layer.{}.attention.self.value", OutIn),
    PartName::new(Part::AttentionOut, "encoder.layer.{}.attention.output.dense", OutIn),
    PartName::new(Part::AttentionNorm, "encoder.layer.{}.attention.output.LayerNorm", OutIn),
    PartName::new(Part::MlpUp, "encoder.layer.{}.intermediate.dense", OutIn),
    PartName::new(Part::MlpDown, "encoder.layer.{}.output.dense", OutIn),
    PartName::new(Part::MlpNorm, "encoder.layer.{}.output.LayerNorm", OutIn),
];

const DISTILBERT_PARTS: &[PartName] = &[
    PartName::new(Part::TokenEmbedding, "embeddings.word_embeddings", OutIn),
    PartName::new(Part::PositionEmbedding, "embeddings.position_embeddings", OutIn),
    PartName::new(Part::EmbeddingNorm, "embeddings.LayerNorm", OutIn),
    PartName::new(Part::Query, "transformer.layer.{}.attention.q_lin", OutIn),
    PartName::new(Part::Key, "transformer.layer.{}.attention.k_lin", OutIn),
    PartName::new(Part::Value, "transformer.layer.{}.attention.v_lin", OutIn),
    PartName::new(Part::AttentionOut, "transformer.layer.{}.attention.out_lin", OutIn),
    PartName::new(Part::AttentionNorm, "transformer.layer.{}.sa_layer_norm", OutIn),
    PartName::new(Part::MlpUp, "transformer.layer.{}.ffn.lin1", OutIn),
    PartName::new(Part::MlpDown, "transformer.layer.{}.ffn.lin2", OutIn),
    PartName::new(Part::MlpNorm, "transformer.layer.{}.output_layer_norm", OutIn),
];
