//! Typed reading of `config.json`.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::error::ModelError;

/// The largest size that is read: of what is computed from two of them nothing overflows.
const LARGEST: usize = i32::MAX as usize;

/// A `config.json` that a family reads its [`super::Spec`] from.
#[derive(Debug, Clone, Copy)]
pub struct Config<'a> {
    value: &'a Value,
    /// How many tensors the checkpoint has: it cannot have more blocks.
    tensors: usize,
    /// The key that this is a section under, if it is one.
    section: Option<&'a str>,
}

impl<'a> Config<'a> {
    /// Wraps the parsed file of a checkpoint that has so many tensors.
    #[must_use]
    pub const fn new(value: &'a Value, tensors: usize) -> Self {
        Self { value, tensors, section: None }
    }

    /// Whether there is such a key, be it null.
    #[must_use]
    pub fn has(self, key: &str) -> bool {
        self.value.get(key).is_some()
    }

    /// The object under a key, if there is one; messages name both its key and the one in it.
    ///
    /// # Errors
    /// When something else is there.
    pub fn section(self, key: &'a str) -> Result<Option<Self>, ModelError> {
        let found = self.read(key, "an object", |value| value.is_object().then_some(value))?;
        Ok(found.map(|value| Self { value, section: Some(key), ..self }))
    }

    /// A size that must be there and be at least 1.
    ///
    /// # Errors
    /// When it is missing or is not a positive whole number.
    pub fn size(self, key: &str) -> Result<usize, ModelError> {
        self.optional_size(key)?.ok_or_else(|| self.wrong(key, "is missing"))
    }

    /// A size that may be missing or null.
    ///
    /// # Errors
    /// When it is there and is not a whole number that a size can be.
    pub fn optional_size(self, key: &str) -> Result<Option<usize>, ModelError> {
        let wanted = format!("a whole number from 1 to {LARGEST}");
        self.read(key, &wanted, |value| {
            value
                .as_u64()
                .and_then(|n| usize::try_from(n).ok())
                .filter(|n| (1..=LARGEST).contains(n))
        })
    }

    /// The number of blocks. Each of them has a tensor, so one that the checkpoint cannot have is refused
    /// before anything is made for each.
    ///
    /// # Errors
    /// When it is missing, no size, or more than the checkpoint has tensors.
    pub fn blocks(self, key: &str) -> Result<usize, ModelError> {
        let (blocks, tensors) = (self.size(key)?, self.tensors);
        if blocks > tensors {
            let why = format!("is {blocks}, but the checkpoint has no more than {tensors} tensors");
            return Err(self.wrong(key, why));
        }
        Ok(blocks)
    }

    /// A number in a range, or `default` where there is none.
    ///
    /// # Errors
    /// When it is there and is not a number, or not in the range.
    pub fn number(
        self,
        key: &str,
        default: f64,
        range: RangeInclusive<f64>,
    ) -> Result<f64, ModelError> {
        let (least, most) = (*range.start(), *range.end());
        let wanted = match (least.is_finite(), most.is_finite()) {
            (true, true) => format!("a number from {least} to {most}"),
            (true, false) => format!("a number of at least {least}"),
            _ => "a number".to_owned(),
        };
        let within = |value: &Value| value.as_f64().filter(|number| range.contains(number));
        Ok(self.read(key, &wanted, within)?.unwrap_or(default))
    }

    /// The epsilon of norms.
    ///
    /// # Errors
    /// When it is there and is not a number that an epsilon can be.
    pub fn epsilon(self, key: &str, default: f64) -> Result<f64, ModelError> {
        self.number(key, default, 0.0..=1.0)
    }

    /// A switch, or `default` where there is none.
    ///
    /// # Errors
    /// When it is there and is neither true nor false.
    pub fn flag(self, key: &str, default: bool) -> Result<bool, ModelError> {
        Ok(self.read(key, "true or false", Value::as_bool)?.unwrap_or(default))
    }

    /// A word, or `default` where there is none.
    ///
    /// # Errors
    /// When it is there and is not a string.
    pub fn word(self, key: &str, default: &'a str) -> Result<&'a str, ModelError> {
        Ok(self.read(key, "a string", Value::as_str)?.unwrap_or(default))
    }

    /// A list of words, if there is one.
    ///
    /// # Errors
    /// When something else is there.
    pub fn words(self, key: &str) -> Result<Option<Vec<&'a str>>, ModelError> {
        self.read(key, "a list of strings", |value| {
            value.as_array()?.iter().map(Value::as_str).collect()
        })
    }

    /// The words under a key that are numbered from 0, in order, if there are some.
    ///
    /// # Errors
    /// When something else is there.
    pub fn numbered(self, key: &str) -> Result<Option<Vec<&'a str>>, ModelError> {
        self.read(key, "an object of strings under the numbers from 0", |value| {
            let words = value.as_object()?;
            (0..words.len()).map(|number| words.get(&number.to_string())?.as_str()).collect()
        })
    }

    /// Two sizes of which the first has to divide the second: heads and the width they share.
    ///
    /// # Errors
    /// When one is missing or does not divide the other.
    pub fn heads(self, key: &str, width_key: &str) -> Result<(usize, usize), ModelError> {
        let (heads, width) = (self.size(key)?, self.size(width_key)?);
        if !width.is_multiple_of(heads) {
            let why = format!("is {heads}, which does not divide {width_key} {width}");
            return Err(self.wrong(key, why));
        }
        Ok((heads, width))
    }

    /// Refuses a key that, where it is set, changes what the model computes in a way that no family
    /// here does.
    ///
    /// # Errors
    /// When the key is there and is neither null nor false.
    pub fn refuse(self, key: &str) -> Result<(), ModelError> {
        match self.value.get(key) {
            None | Some(Value::Null | Value::Bool(false)) => Ok(()),
            Some(value) => {
                Err(self.wrong(key, format!("is {}, which is not supported", shown(value))))
            }
        }
    }

    fn read<T>(
        self,
        key: &str,
        wanted: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ModelError> {
        match self.value.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => Err(self.wrong(key, format!("is {}; wanted is {wanted}", shown(value)))),
            },
        }
    }

    /// Complains about a key.
    pub(super) fn wrong(self, key: &str, why: impl Into<String>) -> ModelError {
        let section = self.section.map_or(String::new(), |section| format!("{section}."));
        ModelError::Config { key: format!("{section}{key}"), why: why.into() }
    }
}

/// The beginning of a value, of which there may be any amount.
fn shown(value: &Value) -> String {
    const MOST: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
