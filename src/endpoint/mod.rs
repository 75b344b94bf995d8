//! An endpoint of the user's that reads sentences: any server with the chat completions of OpenAI's API.
//!
//! What it says is no fact yet: it is asked for names that the sentence has and for one of the relations that it is given,
//! and whoever asks checks both. Nothing is sent but to the address that the user names: no redirect is followed.

#[cfg(feature = "endpoint")]
mod client;
mod error;

#[cfg(feature = "endpoint")]
pub use client::Endpoint;
pub use error::EndpointError;

/// What an endpoint finds in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The subject, in the sentence's words.
    pub subject: String,
    /// Which of the relations it was given, from 0.
    pub relation: usize,
    /// The object, in the sentence's words.
    pub object: String,
}

/// What it answers to one sentence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answered {
    /// What it finds, in its order.
    pub told: Vec<Told>,
    /// How much of it names no relation that it was given.
    pub strange: u64,
}
