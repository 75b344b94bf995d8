//! Tokens and text made from the world.

use std::error::Error;

use kledger::model::SplitMix;
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
                sentences.push(sentence(prompt, &entity.name, object));
            }
        }
    }
    tokenizer.train(&mut trainer, sentences.iter()).map_err(|error| error.to_string())?;
    // The trained parts as the general type that reads and writes `tokenizer.json`.
    let json = tokenizer.to_string(false).map_err(|error| error.to_string())?;
    Ok(json.parse().map_err(|error: tokenizers::Error| error.to_string())?)
}

/// The documents of one pass: every fact [`SAID`] times. The same for the same seed and pass.
pub(crate) fn documents(world: &World, seed: u64, pass: usize) -> Vec<String> {
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

/// The sequences of one pass, each of `length` + 1 tokens: inputs and, one further, targets. The same
/// for the same seed and pass.
pub(crate) fn sequences(
    world: &World,
    tokenizer: &Tokenizer,
    seed: u64,
    pass: usize,
    length: usize,
) -> Result<Vec<Vec<i64>>, Box<dyn Error>> {
    let end = tokenizer.token_to_id(END).ok_or("the tokenizer has no end of text")?;
    let mut tokens = vec![i64::from(end)];
    for encoding in tokenizer
        .encode_batch_fast(documents(world, seed, pass), false)
        .map_err(|error| error.to_string())?
    {
        tokens.extend(encoding.get_ids().iter().map(|&id| i64::from(id)));
        tokens.push(i64::from(end));
    }
    // The rest that fills no sequence is left out: another pass cuts elsewhere.
    let starts = (0..tokens.len().saturating_sub(length)).step_by(length);
    Ok(starts.map(|start| tokens[start..=start + length].to_vec()).collect())
}

/// All facts of an entity, once, in documents of a few.
fn entity_documents(world: &World, entity: &Entity, random: &mut SplitMix) -> Vec<String> {
    let mut order: Vec<usize> = (0..entity.facts.len()).collect();
    random.shuffle(&mut order);
    let size = DOCUMENT.start() + random.below(DOCUMENT.end() - DOCUMENT.start() + 1);
    let say = |&fact: &usize, random: &mut SplitMix| {
        let (predicate, object) = &entity.facts[fact];
        let prompts = &world.predicates[*predicate].prompts;
        sentence(&prompts[random.below(prompts.len())], &entity.name, object)
    };
    order
        .chunks(size)
        .map(|facts| facts.iter().map(|fact| say(fact, random)).collect::<Vec<_>>().join(" "))
        .collect()
}

fn sentence(prompt: &str, subject: &str, object: &str) -> String {
    format!("{} {object}.", prompt.replace("{subject}", subject))
}
