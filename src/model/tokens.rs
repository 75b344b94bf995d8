//! Text to token ids and back, as transformers' `AutoTokenizer` does it.

use std::{fs, ops::Range, path::Path};

use serde_json::Value;
use tokenizers::{PreTokenizerWrapper, Tokenizer};

use super::error::ModelError;

/// A tokenizer read from `tokenizer.json`.
#[derive(Debug)]
pub struct Tokens {
    tokenizer: Tokenizer,
    end: Option<u32>,
}

/// Tokens of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Token ids.
    pub ids: Vec<u32>,
    /// For each token the bytes of the text that it stands for; empty for tokens that stand for none.
    pub offsets: Vec<Range<usize>>,
}

impl Tokens {
    /// Reads `tokenizer.json` and, where they are there, `tokenizer_config.json` and `config.json`
    /// of a checkpoint's directory.
    ///
    /// # Errors
    /// When the tokenizer cannot be read.
    pub fn open(dir: &Path) -> Result<Self, ModelError> {
        let path = dir.join("tokenizer.json");
        let mut tokenizer = Tokenizer::from_file(&path).map_err(|error| ModelError::Tokenizer {
            path: path.clone(),
            why: error.to_string(),
        })?;
        let settings = settings(&dir.join("tokenizer_config.json"))?;
        // transformers' fast tokenizers take this switch from their own settings, where it is false
        // unless it is written there, and set the pre-tokenizer to it.
        if let Some(PreTokenizerWrapper::ByteLevel(level)) = tokenizer.get_pre_tokenizer() {
            let mut level = *level;
            level.add_prefix_space =
                settings.get("add_prefix_space").and_then(Value::as_bool).unwrap_or(false);
            tokenizer.with_pre_tokenizer(Some(level));
        }
        tokenizer.with_padding(None);
        // Cutting a text silently would edit another fact than the one asked for.
        let uncut = tokenizer.with_truncation(None).map(|_| ());
        uncut.map_err(|error| ModelError::Tokenizer { path, why: error.to_string() })?;

        let eos = settings.get("eos_token");
        let eos = eos.and_then(|eos| eos.get("content").or(Some(eos)));
        let end = match eos.and_then(Value::as_str).and_then(|eos| tokenizer.token_to_id(eos)) {
            Some(id) => Some(id),
            None => self::settings(&dir.join("config.json"))?
                .get("eos_token_id")
                .and_then(Value::as_u64)
                .and_then(|id| u32::try_from(id).ok()),
        };
        Ok(Self { tokenizer, end })
    }

    /// The token that ends a text, if there is one.
    #[must_use]
    pub const fn end_of_text(&self) -> Option<u32> {
        self.end
    }

    /// Tokens of `text`, with whatever the tokenizer puts around a text.
    ///
    /// # Errors
    /// When the tokenizer fails, which a tokenizer made for bytes never does.
    pub fn encode(&self, text: &str) -> Result<Encoded, ModelError> {
        let encoding = self.tokenizer.encode(text, true).map_err(|error| {
            ModelError::Tokenizer { path: "tokenizer.json".into(), why: error.to_string() }
        })?;
        Ok(Encoded {
            ids: encoding.get_ids().to_vec(),
            offsets: encoding.get_offsets().iter().map(|&(start, end)| start..end).collect(),
        })
    }

    /// Text of `ids`, without tokens such as the end of text.
    ///
    /// # Errors
    /// When the tokenizer's decoder fails.
    pub fn decode(&self, ids: &[u32]) -> Result<String, ModelError> {
        self.tokenizer.decode(ids, true).map_err(|error| ModelError::Tokenizer {
            path: "tokenizer.json".into(),
            why: error.to_string(),
        })
    }

    /// Tokens of `text`, and the index of the last one that has a byte of `part` in it: for a
    /// subject, the token at which its facts are looked up.
    ///
    /// # Errors
    /// When no token does.
    pub fn last_token_of(
        &self,
        text: &str,
        part: Range<usize>,
    ) -> Result<(Encoded, usize), ModelError> {
        let encoded = self.encode(text)?;
        let last = encoded.offsets.iter().rposition(|token| {
            token.start < part.end && token.end > part.start && !token.is_empty()
        });
        match last {
            Some(last) => Ok((encoded, last)),
            None => Err(ModelError::NoToken {
                part: text.get(part).unwrap_or_default().to_owned(),
                text: text.to_owned(),
            }),
        }
    }
}

/// A small JSON file, or null where there is none.
fn settings(path: &Path) -> Result<Value, ModelError> {
    let wrong = |why: String| ModelError::Tokenizer { path: path.to_owned(), why };
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Value::Null),
        Err(error) => Err(wrong(error.to_string())),
    }
}
