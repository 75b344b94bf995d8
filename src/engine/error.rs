//! Why an engine gave up.

/// Why an engine gave up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The work was asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// The program was built without a model runtime.
    #[error("this build has no model runtime")]
    NoRuntime,
    /// A setting does not fit the editor or the model.
    #[error("{0}")]
    Settings(String),
    /// A request cannot be edited.
    #[error("cannot edit {subject:?}: {why}")]
    Request {
        /// The fact's subject, in words.
        subject: String,
        /// What is wrong.
        why: String,
    },
    /// What was asked of the model cannot be done, though nothing is wrong with it.
    #[error("{source}")]
    Refused {
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// What the user can do about it.
        hint: Option<String>,
    },
    /// The model's files or the device cannot be used.
    #[error("{source}")]
    Unusable {
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// What the user can do about it.
        hint: Option<String>,
    },
    /// Something failed while the model ran: libtorch, or memory.
    #[error("the model failed")]
    Model(#[source] Box<dyn std::error::Error + Send + Sync>),
}
