//! What a `tokenizer.json` may ask for. A small file can describe a tokenizer that makes gigabytes of a
//! word: steps that make a text longer one after the other, tokens as long as books, templates that repeat
//! it. So what it asks for is added up before any of it is built; no tokenizer known comes near these
//! bounds.

use std::{fmt, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::error::ModelError;

/// Bytes of a token.
const TOKEN: usize = 2048;

/// Tokens that are added to the vocabulary, and bytes of all of them.
const ADDED: (usize, usize) = (1 << 17, 2 << 20);

/// Bytes of all added tokens after the normalizer.
const ADDED_NORMALIZED: f64 = (64u64 << 20) as f64;

/// Merges for each token of the vocabulary.
const MERGES: usize = 16;

/// Values in the description of a part, and bytes of a text among them.
const VALUES: (usize, usize) = (1024, 16 << 10);

/// Bytes of the one text that may be longer, a table of characters.
const CHARSMAP: usize = 4 << 20;

/// What a part makes of a byte, in bytes.
const GROWTH: f64 = 65536.0;

/// `tokenizer.json`, as far as its size depends on it.
#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    added_tokens: Vec<Added>,
    #[serde(default)]
    normalizer: Part,
    #[serde(default)]
    pre_tokenizer: Part,
    #[serde(default)]
    post_processor: Part,
    #[serde(default)]
    decoder: Part,
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    content: String,
    #[serde(default)]
    normalized: bool,
}

#[derive(Deserialize)]
struct Model {
    #[serde(default)]
    vocab: Vocabulary,
    #[serde(default)]
    merges: Count,
    /// What is put before or behind pieces of words.
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    unk_token: Option<String>,
}

/// What there is of a vocabulary, which is not kept.
#[derive(Default)]
struct Vocabulary {
    tokens: usize,
    /// Bytes of the longest token.
    longest: usize,
    /// The token with the highest id, where ids are given.
    highest: Option<(u32, String)>,
}

impl<'de> Deserialize<'de> for Vocabulary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Vocabulary;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a vocabulary")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocabulary, A::Error> {
                let mut found = Vocabulary::default();
                while let Some((token, id)) = map.next_entry::<String, u32>()? {
                    found.count(&token);
                    if found.highest.as_ref().is_none_or(|(highest, _)| *highest < id) {
                        found.highest = Some((id, token));
                    }
                }
                Ok(found)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vocabulary, A::Error> {
                let mut found = Vocabulary::default();
                while let Some((token, _)) = list.next_element::<(String, IgnoredAny)>()? {
                    found.count(&token);
                }
                Ok(found)
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl Vocabulary {
    fn count(&mut self, token: &str) {
        self.tokens += 1;
        self.longest = self.longest.max(token.len());
    }
}

/// How many elements a list has, which are not kept.
#[derive(Default)]
struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What is ignored takes no memory, however many there are.
        Vec::<IgnoredAny>::deserialize(deserializer).map(|all| Self(all.len()))
    }
}

/// How a part such as the normalizer is described: no more is read than [`VALUES`] allows.
#[derive(Default)]
struct Part(Value);

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Within { left: &mut { VALUES.0 }, text: VALUES.1 }.deserialize(deserializer).map(Self)
    }
}

/// Reads a value, and those in it, as long as some are `left`.
struct Within<'a> {
    left: &'a mut usize,
    /// Bytes that a text may have.
    text: usize,
}

impl Within<'_> {
    fn next(&mut self, text: usize) -> Within<'_> {
        Within { left: self.left, text }
    }

    fn scalar<E: Error>(self, value: Value) -> Result<Value, E> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(E::custom(format!("a part has more than {} values", VALUES.0)));
        };
        *self.left = left;
        Ok(value)
    }
}

impl<'de> DeserializeSeed<'de> for Within<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part of a tokenizer")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.scalar(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.scalar(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.scalar(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.scalar(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.scalar(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        most("a text of a part", "bytes", value.len(), self.text).map_err(E::custom)?;
        self.scalar(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self.next(VALUES.1))? {
            values.push(value);
        }
        self.scalar(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let text = if key == "precompiled_charsmap" { CHARSMAP } else { VALUES.1 };
            let value = map.next_value_seed(self.next(text))?;
            values.insert(key, value);
        }
        self.scalar(Value::Object(values))
    }
}

/// Makes sure that the tokenizer that the `bytes` of the file at `path` describe is one that a model of so
/// many token ids can have.
///
/// # Errors
/// When it is not JSON, has more tokens than the model, or asks for something out of bounds.
pub(super) fn check(path: &Path, bytes: &[u8], vocabulary: usize) -> Result<(), ModelError> {
    let wrong = |why: String| ModelError::Tokenizer { path: path.to_owned(), why };
    let described: Described =
        serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
    let found = &described.model.vocab;
    if found.tokens > vocabulary {
        let highest = (found.tokens as u64 - 1, String::new());
        let (id, token) =
            found.highest.clone().map_or(highest, |(id, token)| (u64::from(id), token));
        let id = u32::try_from(id).unwrap_or(u32::MAX);
        return Err(ModelError::Vocabulary { token, id, vocabulary });
    }
    described.check().map_err(wrong)
}

impl Described {
    fn check(&self) -> Result<(), String> {
        let added = self.added_tokens.iter().map(|token| token.content.len());
        most("added_tokens", "tokens", self.added_tokens.len(), ADDED.0)?;
        most("added_tokens", "bytes in all", added.clone().sum(), ADDED.1)?;
        let longest = added.fold(self.model.vocab.longest, usize::max);
        most("its longest token", "bytes", longest, TOKEN)?;
        let merges = MERGES.saturating_mul(self.model.vocab.tokens.max(256));
        most("merges of its model", "entries", self.model.merges.0, merges)?;
        let Model { continuing_subword_prefix, end_of_word_suffix, unk_token, .. } = &self.model;
        for text in [continuing_subword_prefix, end_of_word_suffix, unk_token].into_iter().flatten()
        {
            most("a text of its model", "bytes", text.len(), TOKEN)?;
        }
        for (part, value) in [
            ("normalizer", &self.normalizer),
            ("pre_tokenizer", &self.pre_tokenizer),
            ("post_processor", &self.post_processor),
            ("decoder", &self.decoder),
        ] {
            let growth = growth(&value.0)?;
            if growth > GROWTH {
                return Err(format!(
                    "the steps of its {part} can make {growth:.0e} bytes of one; at most {GROWTH} are \
                     taken"
                ));
            }
        }
        let normalized = self.added_tokens.iter().filter(|token| token.normalized);
        let normalized: usize = normalized.map(|token| token.content.len()).sum();
        if normalized as f64 * growth(&self.normalizer.0)? > ADDED_NORMALIZED {
            return Err("its normalizer can make its added tokens too long".to_owned());
        }
        Ok(())
    }
}

fn most(what: &str, unit: &str, found: usize, most: usize) -> Result<(), String> {
    if found <= most {
        return Ok(());
    }
    Err(format!("{what}: {found} {unit}; at most {most} are taken"))
}

/// How many bytes a step, or a sequence of them, makes of one at most.
fn growth(step: &Value) -> Result<f64, String> {
    let text = |key: &str| step.get(key).and_then(Value::as_str).unwrap_or_default();
    let lists = ["normalizers", "pretokenizers", "decoders", "processors"];
    let steps = lists.iter().filter_map(|key| step.get(*key)?.as_array()).flatten();
    let steps = steps.map(growth).try_fold(1.0, |all, one| Ok::<f64, String>(all * one?))?;
    let own = match text("type") {
        // U+0390 has 2 bytes, and 6 when it is taken apart; U+FDFA has 3 and 33.
        "NFC" | "NFD" | "Metaspace" => 3.0,
        "NFKC" | "NFKD" => 11.0,
        "BertNormalizer" => 6.0,
        "Lowercase" | "ByteLevel" => 2.0,
        "Prepend" => 1.0 + text("prepend").len() as f64,
        "Replace" => replaced(step),
        "Precompiled" => precompiled(text("precompiled_charsmap"))?,
        "TemplateProcessing" => repeated(step),
        _ => 1.0,
    };
    Ok(own * steps)
}

/// What `Replace` makes of a byte: an expression may fit where there is nothing.
fn replaced(step: &Value) -> f64 {
    let content = step.get("content").and_then(Value::as_str).map_or(0, str::len) as f64;
    let pattern = step.get("pattern").and_then(|pattern| pattern.get("String"));
    match pattern.and_then(Value::as_str).map_or(0, str::len) {
        0 => 1.0 + content,
        bytes => (content / bytes as f64).max(1.0),
    }
}

/// How often a template has the text.
fn repeated(step: &Value) -> f64 {
    let times = |key: &str| {
        let pieces = step.get(key).and_then(Value::as_array);
        pieces.into_iter().flatten().filter(|piece| piece.get("Sequence").is_some()).count()
    };
    times("single").max(times("pair")).max(1) as f64
}

/// What a table of characters makes of a byte. It is the length of a trie in bytes, the trie, and the texts
/// that it goes to, each ended by a zero.
fn precompiled(charsmap: &str) -> Result<f64, String> {
    let wrong = || "its precompiled_charsmap is not as it should be".to_owned();
    let bytes = BASE64_STANDARD.decode(charsmap).map_err(|_| wrong())?;
    let (length, rest) = bytes.split_first_chunk().ok_or_else(wrong)?;
    let trie = u32::from_le_bytes(*length) as usize;
    let texts = rest.get(trie..).ok_or_else(wrong)?;
    let longest = texts.split(|byte| *byte == 0).map(<[u8]>::len).max();
    Ok(longest.unwrap_or_default().max(1) as f64)
}
