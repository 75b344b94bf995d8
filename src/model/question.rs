//! What a model is asked: a text, the places where it is read, and what is wanted there.

use std::path::Path;

use tokenizers::Tokenizer;

use super::{
    error::ModelError,
    spec::{Head, Spec},
    tokenizer::TokenizerConfig,
    tokens::Tokens,
};

/// A text, the places where the model is read, and what is wanted there.
///
/// Of a decoder these are the last places of prompt and continuation, each of which predicts the next token. An encoder
/// says what stands in the place of masks, all at once, or which class a text is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// All tokens.
    pub ids: Vec<u32>,
    /// How many of them are the prompt: what is known before any of what is wanted. Of an encoder all are.
    pub prompt: usize,
    /// Places among them.
    pub reads: Vec<usize>,
    /// What is wanted at each: a token, or the number of a class.
    pub wanted: Vec<u32>,
}

impl Question {
    /// Tokens of a prompt, and what is to follow it.
    #[must_use]
    pub fn following(prompt: Vec<u32>, wanted: Vec<u32>) -> Self {
        let first = prompt.len().saturating_sub(1);
        let reads = (first..first + wanted.len()).collect();
        let (prompt, mut ids) = (prompt.len(), prompt);
        ids.extend(wanted.iter().take(wanted.len().saturating_sub(1)));
        Self { ids, prompt, reads, wanted }
    }

    /// The text without what is wanted, as far as that is in it.
    #[must_use]
    pub fn prompt(&self) -> &[u32] {
        &self.ids[..self.prompt]
    }

    /// The same question, if the model can read so much at a time.
    ///
    /// # Errors
    /// When it is longer than `context`.
    pub fn within(self, context: usize) -> Result<Self, ModelError> {
        match self.ids.len() {
            tokens if tokens > context => Err(ModelError::TooLong { tokens, context }),
            _ => Ok(self),
        }
    }

    /// A question about a whole text.
    const fn at(ids: Vec<u32>, reads: Vec<usize>, wanted: Vec<u32>) -> Self {
        let prompt = ids.len();
        Self { ids, prompt, reads, wanted }
    }
}

/// How a model is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asking {
    /// What follows a prompt.
    Following,
    /// What stands in the place of masks at a prompt's end.
    Masked {
        /// The mask as text.
        mask: String,
        /// Its token.
        id: u32,
        /// The token of words that the model does not know.
        unknown: Option<u32>,
    },
    /// Of which class a text is.
    Classes(Vec<String>),
}

impl Asking {
    /// How a model of this kind with a tokenizer in `dir` is asked.
    pub(super) fn of(dir: &Path, spec: &Spec, tokenizer: &Tokenizer) -> Result<Self, ModelError> {
        Ok(match spec.head {
            Head::Tied | Head::Apart => Self::Following,
            Head::Masked => {
                let config = TokenizerConfig::read(dir)?;
                let (mask, id) = config.mask(tokenizer)?;
                Self::Masked { mask, id, unknown: config.unknown(tokenizer) }
            }
            Head::Classes(_) => Self::Classes(spec.classes.clone()),
        })
    }
}

impl Tokens {
    /// `wanted` after `prompt`, as the model is asked for it: after a space, in the place of as many masks before a full
    /// stop, or as the class of the prompt.
    ///
    /// # Errors
    /// When prompt and continuation have a token in common, nothing is wanted or a word that is not known, or there is no
    /// such class.
    pub fn question(&self, prompt: &str, wanted: &str) -> Result<Question, ModelError> {
        let question = match self.asking() {
            Asking::Following => {
                let ids = self.encode(prompt)?.ids;
                if ids.is_empty() {
                    let (part, text) = (String::new(), prompt.to_owned());
                    return Err(ModelError::NoToken { part, text });
                }
                let following = self.continuation(prompt, &ids, wanted)?;
                Question::following(ids, following)
            }
            Asking::Masked { mask, id, unknown } => {
                let named = wanted;
                let wanted = self.encode_bare(named)?;
                if wanted.iter().any(|&token| Some(token) == *unknown) {
                    let (part, text) = (named.to_owned(), format!("{prompt} {named}."));
                    return Err(ModelError::NoToken { part, text });
                }
                let masks = vec![mask.as_str(); wanted.len()].join(" ");
                let ids = self.encode_whole(&format!("{prompt} {masks}."))?;
                let places = (0..ids.len()).rev().filter(|&place| ids[place] == *id);
                let mut reads: Vec<usize> = places.take(wanted.len()).collect();
                reads.reverse();
                Question::at(ids, reads, wanted)
            }
            Asking::Classes(classes) => {
                let class = classes.iter().position(|class| class == wanted);
                let class = class.ok_or_else(|| ModelError::NoClass {
                    class: wanted.to_owned(),
                    classes: classes.join(", "),
                })?;
                let wanted = vec![u32::try_from(class).unwrap_or(u32::MAX)];
                Question::at(self.encode_whole(prompt)?, vec![0], wanted)
            }
        };
        if question.wanted.is_empty() || question.ids.is_empty() {
            return Err(ModelError::NoToken { part: wanted.to_owned(), text: prompt.to_owned() });
        }
        Ok(question)
    }

    /// Where the model says what comes after `prompt`; in a prompt that has masks, what stands in their place.
    ///
    /// # Errors
    /// When the prompt has no token, or one that the model does not know.
    pub fn open_question(&self, prompt: &str) -> Result<Question, ModelError> {
        let ids = match self.asking() {
            Asking::Following => self.encode(prompt)?.ids,
            Asking::Masked { mask, .. } if !prompt.contains(mask) => {
                self.encode_whole(&format!("{prompt} {mask}."))?
            }
            Asking::Masked { .. } | Asking::Classes(_) => self.encode_whole(prompt)?,
        };
        let reads = match self.asking() {
            Asking::Following => ids.len().checked_sub(1).into_iter().collect(),
            Asking::Masked { id, .. } => (0..ids.len()).filter(|&at| ids[at] == *id).collect(),
            Asking::Classes(_) => vec![0],
        };
        if ids.is_empty() || reads.is_empty() {
            return Err(ModelError::NoToken { part: String::new(), text: prompt.to_owned() });
        }
        Ok(Question::at(ids, reads, Vec::new()))
    }

    /// What the model said where it was read, in words.
    ///
    /// # Errors
    /// When the tokenizer's decoder fails.
    pub fn said(&self, ids: &[u32]) -> Result<String, ModelError> {
        let classes = match self.asking() {
            Asking::Following => return self.decode(ids),
            Asking::Masked { .. } => return self.decode_marks(ids),
            Asking::Classes(classes) => classes,
        };
        let name = |id: &u32| usize::try_from(*id).ok().and_then(|number| classes.get(number));
        Ok(ids.iter().filter_map(name).cloned().collect::<Vec<_>>().join(" "))
    }

    /// Tokens of what was said or wanted where the model is read: a class is spelt out.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn spelt(&self, ids: &[u32]) -> Result<Vec<u32>, ModelError> {
        match self.asking() {
            Asking::Following | Asking::Masked { .. } => Ok(ids.to_vec()),
            Asking::Classes(_) => self.encode_bare(&self.said(ids)?),
        }
    }

    /// Tokens of `target` where it follows `text`, whose own tokens are `ids`, after a space.
    ///
    /// # Errors
    /// When text and target have a token in common.
    pub fn continuation(
        &self,
        text: &str,
        ids: &[u32],
        target: &str,
    ) -> Result<Vec<u32>, ModelError> {
        let whole = format!("{text} {target}");
        let all = self.encode(&whole)?.ids;
        let new = all.strip_prefix(ids);
        new.map(<[u32]>::to_vec)
            .ok_or_else(|| ModelError::NoToken { part: target.to_owned(), text: whole })
    }
}
