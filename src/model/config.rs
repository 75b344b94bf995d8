//! Typed reading of `config.json`.

use serde_json::Value;

use super::error::ModelError;

/// A `config.json` that a family reads its [`super::Spec`] from.
#[derive(Debug, Clone, Copy)]
pub struct Config<'a>(&'a Value);

impl<'a> Config<'a> {
    /// Wraps the parsed file.
    #[must_use]
    pub const fn new(value: &'a Value) -> Self {
        Self(value)
    }

    /// A size that must be there and be at least 1.
    ///
    /// # Errors
    /// When it is missing or is not a positive whole number.
    pub fn size(self, key: &str) -> Result<usize, ModelError> {
        self.optional_size(key)?.ok_or_else(|| wrong(key, "is missing"))
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

    /// Refuses a key that, where it is set, changes what the model computes in a way that no family
    /// here does.
    ///
    /// # Errors
    /// When the key is there and is neither null nor false.
    pub fn refuse(self, key: &str) -> Result<(), ModelError> {
        match self.0.get(key) {
            None | Some(Value::Null | Value::Bool(false)) => Ok(()),
            Some(value) => Err(wrong(key, format!("is {value}, which is not supported"))),
        }
    }

    fn read<T>(
        self,
        key: &str,
        wanted: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ModelError> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => Err(wrong(key, format!("is {value}; wanted is {wanted}"))),
            },
        }
    }
}

/// Complains about a key.
pub(super) fn wrong(key: &str, why: impl Into<String>) -> ModelError {
    ModelError::Config { key: key.to_owned(), why: why.into() }
}
