//! Text to token ids and back, as transformers' `AutoTokenizer` does it.

use std::{ops::Range, path::Path};

use tokenizers::{Encoding, Tokenizer};

use super::{
    bounds, error::ModelError, family::Family, question::Asking, spec::Spec,
    tokenizer::TokenizerConfig,
};
use crate::{checkpoint::COMPANION_LIMIT, durable::read_regular};

/// A tokenizer read from `tokenizer.json`.
#[derive(Debug)]
pub struct Tokens {
    tokenizer: Tokenizer,
    vocabulary: usize,
    asking: Asking,
    lead: Vec<u32>,
    end: Option<u32>,
    stops: Vec<u32>,
    doubts: Vec<String>,
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
    /// Reads the tokenizer in the directory of a checkpoint of `family` whose model knows ids below
    /// `vocabulary`.
    ///
    /// # Errors
    /// When the tokenizer cannot be read, or has more tokens than the model.
    pub fn open(dir: &Path, family: &dyn Family, vocabulary: usize) -> Result<Self, ModelError> {
        let path = dir.join("tokenizer.json");
        let wrong = |why: String| ModelError::Tokenizer { path: path.clone(), why };
        let bytes =
            read_regular(&path, COMPANION_LIMIT).map_err(|error| wrong(error.to_string()))?;
        bounds::check(&path, &bytes, vocabulary)?;
        let mut tokenizer =
            Tokenizer::from_bytes(&bytes).map_err(|error| wrong(error.to_string()))?;
        let config = TokenizerConfig::read(dir)?;
        config.apply(&mut tokenizer, family)?;
        let nothing = tokenizer.encode("", true).map_err(|error| wrong(error.to_string()))?;
        let marks = nothing.get_ids().iter().zip(nothing.get_special_tokens_mask());
        let lead = marks.filter(|&(_, mark)| *mark == 1).map(|(&id, _)| id).collect();
        let (end, stops) = (config.end(&tokenizer), config.stops(&tokenizer)?);
        let doubts = config.doubts(&tokenizer, vocabulary);
        let asking = Asking::Following;
        let tokens = Self { tokenizer, vocabulary, asking, lead, end, stops, doubts };
        // Tokens added later may lie above, such as padding that no text has.
        let highest = tokens.tokenizer.get_vocab_size(false).saturating_sub(1);
        tokens.check(u32::try_from(highest).unwrap_or(u32::MAX))?;
        Ok(tokens)
    }

    /// The tokenizer in `dir` of a model of this kind, which says how it is asked.
    ///
    /// # Errors
    /// When the model fills masks, and the tokenizer has none.
    pub(super) fn asked_as(mut self, dir: &Path, spec: &Spec) -> Result<Self, ModelError> {
        self.asking = Asking::of(dir, spec, &self.tokenizer)?;
        if self.asking != Asking::Following {
            // Nothing goes on, so nothing ends.
            (self.end, self.stops) = (None, Vec::new());
        }
        Ok(self)
    }

    pub(super) const fn asking(&self) -> &Asking {
        &self.asking
    }

    /// Whether the model knows a token.
    fn check(&self, id: u32) -> Result<(), ModelError> {
        if (id as usize) < self.vocabulary {
            return Ok(());
        }
        let token = self.tokenizer.id_to_token(id).unwrap_or_default();
        Err(ModelError::Vocabulary { token, id, vocabulary: self.vocabulary })
    }

    /// The token that ends a text, if there is one.
    #[must_use]
    pub const fn end_of_text(&self) -> Option<u32> {
        self.end
    }

    /// What makes one doubt that the tokenizer is that of the model, in words.
    #[must_use]
    pub fn doubts(&self) -> &[String] {
        &self.doubts
    }

    /// The tokens at which a continuation ends, as the model's files say.
    #[must_use]
    pub fn stops(&self) -> &[u32] {
        &self.stops
    }

    /// The tokens that every text begins with: a beginning of text, or nothing.
    #[must_use]
    pub fn lead(&self) -> &[u32] {
        &self.lead
    }

    /// Tokens of `text`, with whatever the tokenizer puts before a text and without what it puts
    /// after it, since texts are to go on.
    ///
    /// # Errors
    /// When the tokenizer fails, which a tokenizer made for bytes never does, or has a token that the
    /// model does not know.
    pub fn encode(&self, text: &str) -> Result<Encoded, ModelError> {
        let encoding = self.encoding(text, true)?;
        let mut ids = encoding.get_ids().to_vec();
        let marks = encoding.get_special_tokens_mask();
        let after = marks[self.lead.len().min(ids.len())..].iter().rev();
        ids.truncate(ids.len() - after.take_while(|&&mark| mark == 1).count());
        for &id in &ids {
            self.check(id)?;
        }
        let offsets = encoding.get_offsets()[..ids.len()].iter();
        Ok(Encoded { ids, offsets: offsets.map(|&(start, end)| start..end).collect() })
    }

    fn encoding(&self, text: &str, marked: bool) -> Result<Encoding, ModelError> {
        self.tokenizer.encode(text, marked).map_err(|error| ModelError::Tokenizer {
            path: "tokenizer.json".into(),
            why: error.to_string(),
        })
    }

    /// Tokens of a whole text, with what the tokenizer puts before and after it.
    pub(super) fn encode_whole(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.known(self.encoding(text, true)?.get_ids())
    }

    /// Tokens of a part of a text, with nothing before or after it.
    ///
    /// # Errors
    /// As [`Tokens::encode`].
    pub fn encode_bare(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.known(self.encoding(text, false)?.get_ids())
    }

    fn known(&self, ids: &[u32]) -> Result<Vec<u32>, ModelError> {
        ids.iter().try_for_each(|&id| self.check(id))?;
        Ok(ids.to_vec())
    }

    /// Text of `ids`, without tokens such as the end of text.
    ///
    /// # Errors
    /// When the tokenizer's decoder fails.
    pub fn decode(&self, ids: &[u32]) -> Result<String, ModelError> {
        self.decoded(ids, true)
    }

    /// Text of `ids`, where tokens such as that of an unknown word are called by their names.
    pub(super) fn decode_marks(&self, ids: &[u32]) -> Result<String, ModelError> {
        self.decoded(ids, false)
    }

    fn decoded(&self, ids: &[u32], without_marks: bool) -> Result<String, ModelError> {
        self.tokenizer.decode(ids, without_marks).map_err(|error| ModelError::Tokenizer {
            path: "tokenizer.json".into(),
            why: error.to_string(),
        })
    }

    /// Tokens of `text`, and those of them that have a byte of `part` in them.
    ///
    /// # Errors
    /// When no token does.
    pub fn tokens_of(
        &self,
        text: &str,
        part: Range<usize>,
    ) -> Result<(Encoded, Range<usize>), ModelError> {
        let encoded = self.encode(text)?;
        let has = |token: &Range<usize>| {
            token.start < part.end && token.end > part.start && !token.is_empty()
        };
        let (first, last) =
            (encoded.offsets.iter().position(has), encoded.offsets.iter().rposition(has));
        match first.zip(last) {
            Some((first, last)) => Ok((encoded, first..last + 1)),
            None => Err(ModelError::NoToken {
                part: text.get(part).unwrap_or_default().to_owned(),
                text: text.to_owned(),
            }),
        }
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
        let (encoded, tokens) = self.tokens_of(text, part)?;
        Ok((encoded, tokens.end - 1))
    }
}
