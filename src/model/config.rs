//! Typed reading of `config.json`.

use serde_json::Value;

use super::error::ModelError;

/// A `config.json` that a family reads its [`super::Spec`] from.
#[derive(Debug, Clone, Copy)]
pub struct Config<'a> {
    value: &'a Value,
    /// The key that this is a section under, if it is one.
    section: Option<&'a str>,
}

impl<'a> Config<'a> {
    /// Wraps the parsed file.
    #[must_use]
    pub const fn new(value: &'a Value) -> Self {
        Self { value, section: None }
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
        Ok(found.map(|value| Self { value, section: Some(key) }))
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
    /// When it is there and is not a positive whole number.
    pub fn optional_size(self, key: &str) -> Result<Option<usize>, ModelError> {
        self.read(key, "a whole number of at least 1", |value| {
            value.as_u64().filter(|&n| n > 0).and_then(|n| usize::try_from(n).ok())
        })
    }

    /// A number, or `default` where there is none.
    ///
    /// # Errors
    /// When it is there and is not a number.
    pub fn number(self, key: &str, default: f64) -> Result<f64, ModelError> {
        Ok(self.read(key, "a number", Value::as_f64)?.unwrap_or(default))
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
            Some(value) => Err(self.wrong(key, format!("is {value}, which is not supported"))),
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
                None => Err(self.wrong(key, format!("is {value}; wanted is {wanted}"))),
            },
        }
    }

    /// Complains about a key.
    pub(super) fn wrong(self, key: &str, why: impl Into<String>) -> ModelError {
        let section = self.section.map_or(String::new(), |section| format!("{section}."));
        ModelError::Config { key: format!("{section}{key}"), why: why.into() }
    }
}
