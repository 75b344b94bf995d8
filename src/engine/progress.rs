//! How long work hears of itself.

use super::EngineError;

/// Hears how long work goes on, and may end it.
pub trait Progress {
    /// What follows is this part of the work, whether or not it is long enough for [`Self::start`].
    fn part(&mut self, _what: &str) {}
    /// A part of the work begins of which it can be told how far it is, `total` units long if that is known.
    fn start(&mut self, what: &str, total: Option<u64>);
    /// `done` units are done; `note` is a short figure such as the loss.
    ///
    /// # Errors
    /// [`EngineError::Interrupted`] when the work is to stop here.
    fn advance(&mut self, done: u64, note: &str) -> Result<(), EngineError>;
    /// That part ended.
    fn finish(&mut self, note: &str);
}

/// Progress that nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&mut self, _: &str, _: Option<u64>) {}
    fn advance(&mut self, _: u64, _: &str) -> Result<(), EngineError> {
        Ok(())
    }
    fn finish(&mut self, _: &str) {}
}
