//! `tokenizer.json` as transformers' `AutoTokenizer` uses it.
//!
//! Its fast tokenizers run what the file describes, but for three things that they set themselves: the
//! space before a text, in the classes of [`MARKING`] the marks around it, and in those of [`FOLDING`] what becomes of
//! its letters.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;
use tokenizers::{
    NormalizerWrapper, PreTokenizerWrapper, Tokenizer,
    processors::template::{SpecialToken, TemplateProcessing},
};

use super::{error::ModelError, family::Family};
use crate::{checkpoint::JSON_LIMIT, durable::read_regular};

/// A class that marks texts by its own settings, whatever `tokenizer.json` says. The other classes
/// of the families here leave that to the file, and a setting of this name does nothing.
struct Marking {
    class: &'static str,
    /// `add_bos_token` where it is not set.
    begins: bool,
    /// `bos_token` where it is not set.
    beginning: &'static str,
}

/// As in transformers 4.57, without the `Fast` that it adds to the names.
const MARKING: &[Marking] = &[
    Marking { class: "LlamaTokenizer", begins: true, beginning: "<s>" },
    Marking { class: "CodeLlamaTokenizer", begins: true, beginning: "<s>" },
    Marking { class: "GemmaTokenizer", begins: true, beginning: "<bos>" },
    Marking { class: "CohereTokenizer", begins: true, beginning: "<BOS_TOKEN>" },
    Marking { class: "GPTNeoXTokenizer", begins: false, beginning: "<|endoftext|>" },
];

/// Classes that treat letters by their own settings, whatever `tokenizer.json` says.
const FOLDING: &[&str] = &["BertTokenizer", "DistilBertTokenizer"];

/// Embeddings without a token that are no reason to wonder: tables are filled up to a round number, by
/// 905 at most of those seen (Phi 2).
const PADDING: usize = 1024;

/// Doubts that are told one by one.
const DOUBTS: usize = 10;

/// What a checkpoint says of its tokenizer outside `tokenizer.json`.
pub(super) struct TokenizerConfig<'a> {
    dir: &'a Path,
    /// `tokenizer_config.json`, or null.
    settings: Value,
    /// `special_tokens_map.json` where it counts, or null.
    marks: Value,
    /// `config.json`.
    config: Value,
}

impl<'a> TokenizerConfig<'a> {
    /// Reads what is there of the files in `dir`.
    pub(super) fn read(dir: &'a Path) -> Result<Self, ModelError> {
        let settings = read(&dir.join("tokenizer_config.json"))?;
        // Since there is a list of added tokens, the map repeats what the settings say.
        let marks = match settings.get("added_tokens_decoder") {
            None => read(&dir.join("special_tokens_map.json"))?,
            Some(_) => Value::Null,
        };
        Ok(Self { dir, settings, marks, config: read(&dir.join("config.json"))? })
    }

    /// Makes the tokenizer do what the class does that `AutoTokenizer` takes for a checkpoint of
    /// `family`.
    pub(super) fn apply(
        &self,
        tokenizer: &mut Tokenizer,
        family: &dyn Family,
    ) -> Result<(), ModelError> {
        // Only where this pre-tokenizer is the whole of it; false unless it is written there.
        if let Some(PreTokenizerWrapper::ByteLevel(level)) = tokenizer.get_pre_tokenizer() {
            let mut level = *level;
            level.add_prefix_space = self.flag("add_prefix_space").unwrap_or(false);
            tokenizer.with_pre_tokenizer(Some(level));
        }
        tokenizer.with_padding(None);
        // Cutting a text silently would edit another fact than the one asked for.
        let uncut = tokenizer.with_truncation(None).map(|_| ());
        uncut.map_err(|error| self.wrong("tokenizer.json", error.to_string()))?;

        let class = self.class().unwrap_or(family.tokenizer_class());
        let class = class.strip_suffix("Fast").unwrap_or(class);
        if let Some(NormalizerWrapper::BertNormalizer(folding)) = tokenizer.get_normalizer()
            && FOLDING.contains(&class)
        {
            let mut folding = *folding;
            folding.lowercase = self.flag("do_lower_case").unwrap_or(true);
            folding.strip_accents = self.flag("strip_accents");
            folding.handle_chinese_chars = self.flag("tokenize_chinese_chars").unwrap_or(true);
            let folded = tokenizer.with_normalizer(Some(folding)).map(|_| ());
            folded.map_err(|error| self.wrong("tokenizer.json", error.to_string()))?;
        }
        let Some(marking) = MARKING.iter().find(|marking| marking.class == class) else {
            return Ok(());
        };
        // What it puts after a text is left out: texts are to go on.
        let mut template = TemplateProcessing::builder();
        if self.flag("add_bos_token").unwrap_or(marking.begins) {
            let (token, id) = self.beginning(tokenizer, marking)?;
            let mark = SpecialToken::new("bos".to_owned(), vec![id], vec![token]);
            let mark = mark.expect("because there is one id and one token");
            template.try_single("bos $A").expect("because it is a template");
            template.try_pair("bos $A bos:1 $B:1").expect("because it is a template");
            template.special_tokens(vec![mark]);
        }
        let template = template.build().expect("because it has no mark that is not defined");
        tokenizer.with_post_processor(Some(template));
        Ok(())
    }

    /// The mark that a text begins with, and its id.
    fn beginning(
        &self,
        tokenizer: &Tokenizer,
        marking: &Marking,
    ) -> Result<(String, u32), ModelError> {
        let class = marking.class;
        let token = match self.mark("bos_token") {
            Some(Value::Null) => {
                let why = format!("bos_token is null, but {class} puts it before each text");
                return Err(self.wrong("tokenizer_config.json", why));
            }
            Some(mark) => content(mark).unwrap_or_default(),
            None => marking.beginning,
        };
        match tokenizer.token_to_id(token) {
            Some(id) => Ok((token.to_owned(), id)),
            None => {
                let why = format!(
                    "{class} puts bos_token {token:?} before each text, and tokenizer.json has no \
                     such token"
                );
                Err(self.wrong("tokenizer_config.json", why))
            }
        }
    }

    /// What stands in the place of a token that is asked for, and its id.
    pub(super) fn mask(&self, tokenizer: &Tokenizer) -> Result<(String, u32), ModelError> {
        let mask = self.mark("mask_token").and_then(content).unwrap_or("[MASK]");
        let id = tokenizer.token_to_id(mask).ok_or_else(|| {
            let why = format!("there is no mask_token {mask:?}, and this model fills masks");
            self.wrong("tokenizer.json", why)
        })?;
        Ok((mask.to_owned(), id))
    }

    /// The token of words that the tokenizer does not know.
    pub(super) fn unknown(&self, tokenizer: &Tokenizer) -> Option<u32> {
        let unknown = self.mark("unk_token").and_then(content).unwrap_or("[UNK]");
        tokenizer.token_to_id(unknown)
    }

    /// The token that ends a text: the tokenizer's, else the model's.
    pub(super) fn end(&self, tokenizer: &Tokenizer) -> Option<u32> {
        let end = self.mark("eos_token").and_then(content);
        end.and_then(|end| tokenizer.token_to_id(end))
            .or_else(|| ids(&self.config, "eos_token_id").first().copied())
    }

    /// The tokens at which transformers ends what it generates; the tokenizer's where the model has
    /// none.
    pub(super) fn stops(&self, tokenizer: &Tokenizer) -> Result<Vec<u32>, ModelError> {
        let generation = read(&self.dir.join("generation_config.json"))?;
        let source = if generation.is_null() { &self.config } else { &generation };
        let stops = ids(source, "eos_token_id");
        Ok(if stops.is_empty() { self.end(tokenizer).into_iter().collect() } else { stops })
    }

    /// What makes one doubt that the tokenizer belongs to the model, which knows ids below
    /// `vocabulary`, although all ids fit: the key and what is odd about it.
    pub(super) fn doubts(&self, tokenizer: &Tokenizer, vocabulary: usize) -> Vec<String> {
        let mut doubts = Vec::new();
        for key in ["bos_token_id", "eos_token_id"] {
            for id in ids(&self.config, key) {
                let odd = match tokenizer.id_to_token(id) {
                    _ if id as usize >= vocabulary => format!("vocab_size is {vocabulary}"),
                    None => "tokenizer.json has no such token".to_owned(),
                    Some(token) if self.is_mark(tokenizer, id, &token) => continue,
                    Some(token) => format!("in tokenizer.json that is {token:?}, a piece of text"),
                };
                doubts.push(format!("config.json: {key} is {id}; {odd}"));
            }
        }
        let tokens = tokenizer.get_vocab_size(true);
        if vocabulary > tokens + PADDING {
            doubts.push(format!(
                "config.json: vocab_size is {vocabulary}; tokenizer.json has {tokens} tokens"
            ));
        }
        let added: BTreeMap<u32, _> = tokenizer.get_added_tokens_decoder().into_iter().collect();
        for (id, token) in added.range(u32::try_from(vocabulary).unwrap_or(u32::MAX)..) {
            doubts.push(format!(
                "tokenizer.json: {:?} has id {id}; vocab_size of config.json is {vocabulary}, so \
                 text with it will be refused",
                token.content
            ));
        }
        let listed = self.settings.get("added_tokens_decoder").and_then(Value::as_object);
        for (id, listed) in listed.into_iter().flatten() {
            let listed = content(listed).unwrap_or_default();
            let there = id.parse().ok().and_then(|id| tokenizer.id_to_token(id));
            if let Some(there) = there.filter(|there| there != listed) {
                doubts.push(format!(
                    "tokenizer_config.json: added_tokens_decoder has {listed:?} as {id}; in \
                     tokenizer.json that is {there:?}"
                ));
            }
        }
        if let Some(more) = doubts.len().checked_sub(DOUBTS).filter(|more| *more > 0) {
            doubts.truncate(DOUBTS);
            doubts.push(format!("tokenizer and model: {more} more of such doubts"));
        }
        doubts
    }

    /// Whether a token stands for no text: it was added as such, or the settings give it a part.
    fn is_mark(&self, tokenizer: &Tokenizer, id: u32, token: &str) -> bool {
        let added = tokenizer.get_added_tokens_decoder();
        let parts = ["bos_token", "eos_token", "unk_token", "pad_token"];
        added.get(&id).is_some_and(|added| added.special)
            || parts.iter().any(|part| self.mark(part).and_then(content) == Some(token))
    }

    /// The class that the checkpoint names.
    fn class(&self) -> Option<&str> {
        let files = [&self.settings, &self.config].into_iter();
        files.filter_map(|file| file.get("tokenizer_class")).find_map(Value::as_str)
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.settings.get(key).and_then(Value::as_bool)
    }

    /// A token with a part of its own, as the files name it.
    fn mark(&self, key: &str) -> Option<&Value> {
        self.marks.get(key).or_else(|| self.settings.get(key))
    }

    fn wrong(&self, file: &str, why: String) -> ModelError {
        ModelError::Tokenizer { path: self.dir.join(file), why }
    }
}

/// The text of a token, which stands alone or among its switches.
fn content(mark: &Value) -> Option<&str> {
    mark.get("content").unwrap_or(mark).as_str()
}

/// The id or ids under a key.
fn ids(file: &Value, key: &str) -> Vec<u32> {
    let value = file.get(key);
    let several = value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let all = several.iter().chain(value).filter_map(Value::as_u64);
    all.filter_map(|id| u32::try_from(id).ok()).collect()
}

/// A small JSON file, or null where there is none.
fn read(path: &Path) -> Result<Value, ModelError> {
    let wrong = |why: String| ModelError::Tokenizer { path: path.to_owned(), why };
    match read_regular(path, JSON_LIMIT) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Value::Null),
        Err(error) => Err(wrong(error.to_string())),
    }
}
