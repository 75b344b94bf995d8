//! The seam between the ledger and whatever runs the model.
//!
//! The ledger says which facts to edit into which version; an [`Engine`] knows tensors and editors
//! and says what came of it. Everything that crosses is plain data, so the ledger builds and is
//! tested without libtorch, with a stand-in engine.

mod ask;
mod edit;
mod error;
mod inside;
mod neurons;
mod progress;
mod train;

use std::collections::BTreeMap;

use crate::{
    eval::{Reading, Score},
    tensor::{Matrix, Tensor},
};
pub use ask::{Answer, Continuations, Drawing, Length, Prompt, Sampling};
pub use edit::{
    Approximation, Axis, Description, EditJob, EditOutcome, EditorSpec, Found, FoundWith, Grain,
    Needs, Reached, Search, Statistics, StatisticsText, WeightSetting, ZTrace,
};
pub use error::EngineError;
pub use inside::{Grid, Lens, Restored, Said, Standing, Traceable, Traced, Tracing};
pub use neurons::{
    Acting, Acts, Agreement, Columns, Factors, Prefix, Scan, ScannedLayer, Trigger, Unit,
    UnitError, Word,
};
pub use progress::{Progress, Silent};
pub use train::{Learned, Lesson, LessonPart, TrainJob, Trained, Validation};

/// Runs the base model with some of its tensors replaced, and edits it.
///
/// An engine holds one loaded base. It has no state that changes an answer apart from the weights
/// set by [`Engine::set_weights`].
pub trait Engine {
    /// Replaces the edited tensors by those of a version, named and laid out as in the checkpoint.
    /// Tensors that are not named go back to the base's.
    ///
    /// # Errors
    /// When a tensor is unknown, has another shape, or does not fit on the device.
    fn set_weights(&mut self, weights: &BTreeMap<String, Tensor>) -> Result<(), EngineError>;

    /// Checks `settings` (TOML) for `editor` on the loaded base and fills in what they leave out. Gives what a
    /// commit records of it, and what the ledger must know. Canonical settings come back as they are.
    ///
    /// # Errors
    /// When the editor or a key is unknown, a value is out of range, or a layer does not exist.
    fn settle(
        &self,
        editor: &str,
        settings: &str,
    ) -> Result<(EditorSpec, Description), EngineError>;

    /// What it computes with; no fact is known from an earlier run yet.
    fn found_with(&self) -> FoundWith;

    /// Samples the context prefixes of `editor` from the unedited base.
    ///
    /// # Errors
    /// When the model fails.
    fn prefixes(&mut self, editor: &EditorSpec, seed: u64) -> Result<Vec<String>, EngineError>;

    /// The uncentred second moments of the keys at every tensor that `editor` changes, on the
    /// unedited base.
    ///
    /// # Errors
    /// When the text yields no token, the model fails, or `progress` asks to stop.
    fn statistics(
        &mut self,
        editor: &EditorSpec,
        text: &StatisticsText,
        progress: &mut dyn Progress,
    ) -> Result<Statistics, EngineError>;

    /// Trains `editor` on the unedited base.
    ///
    /// # Errors
    /// When the editor learns nothing, there is too little to learn from, the training runs away, the model fails, or
    /// `progress` asks to stop.
    fn train(
        &mut self,
        editor: &EditorSpec,
        job: &mut TrainJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Trained, EngineError>;

    /// Runs an editor. The weights set before do not matter and are the base's afterwards.
    ///
    /// # Errors
    /// When a request cannot be edited, the model fails, or `progress` asks to stop.
    fn edit(
        &mut self,
        editor: &EditorSpec,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EngineError>;

    /// For each prompt, on the weights now set, the greedy continuation and how likely the expected
    /// one is.
    ///
    /// # Errors
    /// When the model fails or `progress` asks to stop.
    fn answer(
        &mut self,
        prompts: &[Prompt],
        progress: &mut dyn Progress,
    ) -> Result<Vec<Answer>, EngineError>;

    /// For each prompt, on the weights now set, how likely each token of the expected continuation is when
    /// the right ones come before it. `None` where prompt and continuation are longer than what the model
    /// reads at a time, or the continuation does not begin with a token of its own.
    ///
    /// # Errors
    /// When the model fails or `progress` asks to stop.
    fn score(
        &mut self,
        prompts: &[Prompt],
        progress: &mut dyn Progress,
    ) -> Result<Vec<Option<Score>>, EngineError>;

    /// How likely a text is on the weights now set, read in windows as long as the model's context, each
    /// beginning half a window after the one before.
    ///
    /// # Errors
    /// When the text has fewer than two tokens, the model fails or `progress` asks to stop.
    fn read_text(
        &mut self,
        text: &str,
        progress: &mut dyn Progress,
    ) -> Result<Reading, EngineError>;

    /// A text of so many tokens, drawn from the weights now set.
    ///
    /// # Errors
    /// When the model has no token to begin a text with, fails, or `progress` asks to stop.
    fn sample_text(
        &mut self,
        tokens: u64,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<String, EngineError>;

    /// Texts that begin as given, drawn from the weights now set; the beginnings are part of them.
    ///
    /// # Errors
    /// When a beginning has no token or is longer than what the model reads at a time, the model fails
    /// or `progress` asks to stop.
    fn write_texts(
        &mut self,
        beginnings: &[String],
        how: &Drawing,
        progress: &mut dyn Progress,
    ) -> Result<Vec<String>, EngineError>;

    /// The best approximation of `left @ right` by factors of at most this `rank`, in the Frobenius
    /// norm.
    ///
    /// # Errors
    /// When the decomposition fails.
    fn approximate(
        &self,
        left: &Matrix,
        right: &Matrix,
        rank: usize,
    ) -> Result<Approximation, EngineError>;

    /// The most likely next tokens after `prompt` and one continuation, on the weights now set.
    ///
    /// # Errors
    /// When the prompt has no token or the model fails.
    fn continuations(&mut self, prompt: &str, how: &Sampling)
    -> Result<Continuations, EngineError>;

    /// What each block would say after each token of `prompt`, on the weights now set: the model's final norm and head
    /// on the stream that leaves the block. Of what is `expected` after the prompt the first token is looked for.
    ///
    /// # Errors
    /// When the prompt has no token or is longer than what the model reads at a time, or the model fails.
    fn lens(&mut self, prompt: &str, expected: Option<&str>) -> Result<Lens, EngineError>;

    /// Traces what each prompt's answer comes from, on the weights now set: noise makes the subject unreadable, and single
    /// things are put back as they were. The noise is as strong as the embeddings of the tokens of `subjects` deviate.
    ///
    /// # Errors
    /// When a subject has no token in its prompt, a prompt is longer than what the model reads at a time, the model
    /// fails or `progress` asks to stop.
    fn trace(
        &mut self,
        subjects: &[String],
        prompts: &[Traceable],
        how: &Tracing,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Traced>, EngineError>;

    /// Finds what makes each unit of the feed-forward layers act most, on the weights now set: of each text the beginning
    /// up to the token with the unit's greatest coefficient, and of those, each once, the `top` with the greatest. A text
    /// longer than what the model reads at a time is read in pieces. Only coefficients above 0 count.
    ///
    /// # Errors
    /// When the texts have no token, the model fails or `progress` asks to stop.
    fn scan(
        &mut self,
        texts: &[String],
        top: usize,
        progress: &mut dyn Progress,
    ) -> Result<Scan, EngineError>;

    /// The `top` tokens that the value of each of `units` promotes, on the weights now set: the model's final norm and head
    /// on the value, as if it were the whole stream.
    ///
    /// # Errors
    /// When there is no such unit or the model fails.
    fn promoted(&mut self, units: &[Unit], top: usize) -> Result<Vec<Vec<Word>>, EngineError>;

    /// The `top` units that add most to the logit of what is `expected` after `prompt`, by its first token, or else of
    /// what is likeliest, on the weights now set. What a unit adds is its coefficient at the last token times its
    /// value, read by the final norm, with the scale that it has there, and the head.
    ///
    /// # Errors
    /// As [`Engine::lens`].
    fn acting(
        &mut self,
        prompt: &str,
        expected: Option<&str>,
        top: usize,
    ) -> Result<Acting, EngineError>;

    /// What the columns of a change of each tensor read at the subjects of `prompts`, and the `top` tokens that each
    /// promotes, on the weights now set.
    ///
    /// # Errors
    /// When a tensor is no matrix of a block or has another shape, a subject has no token in its prompt, the model fails or
    /// `progress` asks to stop.
    fn columns(
        &mut self,
        changes: &BTreeMap<String, Factors<'_>>,
        prompts: &[Traceable],
        top: usize,
        progress: &mut dyn Progress,
    ) -> Result<BTreeMap<String, Columns>, EngineError>;
}
