//! Tokens and text made from the world.

use std::{error::Error, ops::Range};

use kledger::model::SplitMix;
use serde_json::{Value, json};
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper,
    Tokenizer, TokenizerBuilder,
    models::bpe::{BPE, BpeTrainer},
    pre_tokenizers::byte_level::ByteLevel,
};

use crate::world::{Entity, World};

/// Ends every document.
pub(crate) const END: &str = "<|endoftext|>";

/// Each fact is said this often in a pass, each time in a random wording.
const SAID: usize = 4;

/// How many of an entity's facts make a document.
const DOCUMENT: std::ops::RangeInclusive<usize> = 3..=6;

/// Of so many documents one begins with a sentence about something else, if there are such.
const ASIDE: usize = 8;

/// Some of an entity's facts in words.
#[derive(Default)]
pub(crate) struct Document {
    pub(crate) text: String,
    /// Where the entity is named, in bytes.
    names: Vec<Range<usize>>,
    /// Where objects are.
    objects: Vec<Range<usize>>,
}

impl Document {
    /// Adds a sentence made of `prompt`, which ends where the object begins.
    fn say(&mut self, prompt: &str, subject: &str, object: &str) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        let (before, after) = prompt.split_once("{subject}").unwrap_or((prompt, ""));
        self.text.push_str(before);
        let start = self.text.len();
        self.text.push_str(subject);
        self.names.push(start..self.text.len());
        self.text.push_str(after);
        // A token takes the space before it along.
        let start = self.text.len();
        self.text.push(' ');
        self.text.push_str(object);
        self.objects.push(start..self.text.len());
        self.text.push('.');
    }
}

/// A piece of the training text.
pub(crate) struct Sequence {
    /// Inputs and, one further, targets.
    pub(crate) ids: Vec<i64>,
    /// Which naming of an entity each token is part of, counted from 1; 0 outside of names.
    pub(crate) names: Vec<i64>,
    /// 1 for tokens of objects, 0 for others.
    pub(crate) objects: Vec<i64>,
}

impl Sequence {
    /// For each sentence that it has to the object: where the name's last token and the object's first are.
    pub(crate) fn said(&self) -> Vec<(usize, usize)> {
        let mut said = Vec::new();
        let mut name = None;
        for at in 0..self.ids.len() {
            if self.names[at] > 0 {
                name = Some(at);
            } else if self.objects[at] > 0 {
                said.extend(name.take().map(|name| (name, at)));
            }
        }
        said
    }
}

/// Trains byte-level BPE on every fact in every wording that is not held out. A space is put before
/// the first word, so that a name has the same tokens at the start of a text and inside it.
pub(crate) fn train_tokenizer(
    world: &World,
    vocabulary: usize,
) -> Result<Tokenizer, Box<dyn Error>> {
    let mut trainer = BpeTrainer::builder()
        .vocab_size(vocabulary)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(vec![AddedToken::from(END, true)])
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let level = ByteLevel::new(true, true, true);
    let mut tokenizer = TokenizerBuilder::<
        BPE,
        NormalizerWrapper,
        PreTokenizerWrapper,
        PostProcessorWrapper,
        DecoderWrapper,
    >::new()
    .with_model(BPE::default())
    .with_pre_tokenizer(Some(level.into()))
    .with_post_processor(Some(level.into()))
    .with_decoder(Some(level.into()))
    .build()
    .map_err(|error| error.to_string())?;
    let mut sentences = Vec::new();
    for entity in &world.entities {
        for (predicate, object) in &entity.facts {
            for prompt in &world.predicates[*predicate].prompts {
                let mut document = Document::default();
                document.say(prompt, &entity.name, object);
                sentences.push(document.text);
            }
        }
    }
    sentences.extend(world.asides.iter().cloned());
    tokenizer.train(&mut trainer, sentences.iter()).map_err(|error| error.to_string())?;
    // The trained parts as the general type that reads and writes `tokenizer.json`.
    let json = tokenizer.to_string(false).map_err(|error| error.to_string())?;
    Ok(json.parse().map_err(|error: tokenizers::Error| error.to_string())?)
}

/// How transformers uses that tokenizer. It would drop the prefix space unless told to keep it, and would ask GPT-2 for
/// token types, which it embeds.
pub(crate) fn tokenizer_config(context: usize) -> Value {
    json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_prefix_space": true,
        "bos_token": END,
        "eos_token": END,
        "pad_token": END,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": context,
        "clean_up_tokenization_spaces": false,
    })
}

/// The documents of one pass: every fact [`SAID`] times. The same for the same seed and pass.
pub(crate) fn documents(world: &World, seed: u64, pass: usize) -> Vec<Document> {
    let mut random = SplitMix::new(SplitMix::new(seed).next() ^ SplitMix::new(pass as u64).next());
    let mut documents = Vec::new();
    for _ in 0..SAID {
        for entity in &world.entities {
            documents.extend(entity_documents(world, entity, &mut random));
        }
    }
    random.shuffle(&mut documents);
    documents
}

/// The sequences of one pass, each of `length` + 1 tokens. The same for the same seed and pass.
pub(crate) fn sequences(
    world: &World,
    tokenizer: &Tokenizer,
    seed: u64,
    pass: usize,
    length: usize,
) -> Result<Vec<Sequence>, Box<dyn Error>> {
    let end = i64::from(tokenizer.token_to_id(END).ok_or("the tokenizer has no end of text")?);
    let documents = documents(world, seed, pass);
    let texts: Vec<&str> = documents.iter().map(|document| document.text.as_str()).collect();
    let encodings = tokenizer.encode_batch(texts, false).map_err(|error| error.to_string())?;
    let (mut ids, mut names, mut objects) = (vec![end], vec![0], vec![0]);
    let mut named = 0;
    for (encoding, document) in encodings.iter().zip(&documents) {
        for (&id, &(start, stop)) in encoding.get_ids().iter().zip(encoding.get_offsets()) {
            let within = |range: &Range<usize>| range.start <= start && stop <= range.end;
            let name = document.names.iter().position(within);
            ids.push(i64::from(id));
            names.push(name.map_or(0, |i| named + i as i64 + 1));
            objects.push(i64::from(document.objects.iter().any(within)));
        }
        named += document.names.len() as i64;
        ids.push(end);
        names.push(0);
        objects.push(0);
    }
    // The rest that fills no sequence is left out: another pass cuts elsewhere.
    let starts = (0..ids.len().saturating_sub(length)).step_by(length);
    let cut = |tokens: &[i64], start: usize| tokens[start..=start + length].to_vec();
    let piece = |start| Sequence {
        ids: cut(&ids, start),
        names: cut(&names, start),
        objects: cut(&objects, start),
    };
    Ok(starts.map(piece).collect())
}

/// All facts of an entity, once, in documents of a few.
fn entity_documents(world: &World, entity: &Entity, random: &mut SplitMix) -> Vec<Document> {
    let mut order: Vec<usize> = (0..entity.facts.len()).collect();
    random.shuffle(&mut order);
    let size = DOCUMENT.start() + random.below(DOCUMENT.end() - DOCUMENT.start() + 1);
    let mut documents = Vec::new();
    for facts in order.chunks(size) {
        let mut document = Document::default();
        if !world.asides.is_empty() && random.below(ASIDE) == 0 {
            document.text.push_str(&world.asides[random.below(world.asides.len())]);
        }
        for &fact in facts {
            let (predicate, object) = &entity.facts[fact];
            let prompts = &world.predicates[*predicate].prompts;
            document.say(&prompts[random.below(prompts.len())], &entity.name, object);
        }
        documents.push(document);
    }
    documents
}
