//! Why an endpoint says nothing.

/// Why an endpoint says nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It is no address.
    #[error("{url:?} is no address of an endpoint")]
    Address {
        /// What was given.
        url: String,
    },
    /// There is no connection, or it ended.
    #[error("the endpoint {url} does not answer: {why}")]
    Unreachable {
        /// Its address.
        url: String,
        /// What the system says.
        why: String,
    },
    /// It refuses.
    #[error("the endpoint {url} answers {status}: {said}")]
    Refused {
        /// Its address.
        url: String,
        /// The status of HTTP.
        status: u16,
        /// The beginning of what it says.
        said: String,
    },
    /// What it answers makes no sense.
    #[error("what the endpoint {url} answers makes no sense: {why}")]
    Senseless {
        /// Its address.
        url: String,
        /// What is wrong with it.
        why: String,
    },
}

impl EndpointError {
    /// What the user can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Address { .. } => {
                "name what is before /chat/completions, as http://localhost:8080/v1; a key goes into KLEDGER_ENDPOINT_KEY"
            }
            Self::Unreachable { .. } => {
                "see whether the server runs; --timeout SECONDS gives it longer"
            }
            Self::Refused { .. } => {
                "see whether the model is one of the server's: --endpoint-model NAME; its key is that of KLEDGER_ENDPOINT_KEY"
            }
            Self::Senseless { .. } => {
                "the model has to keep to a JSON schema (response_format); another may: --endpoint-model NAME"
            }
        }
    }
}
