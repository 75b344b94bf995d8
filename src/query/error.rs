//! Why a query has no answer.

use std::{io, time::Duration};

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// It is longer than is read.
    #[error("the query has {length} bytes; at most {most} are read")]
    TooLong {
        /// Its length.
        length: usize,
        /// As many are read.
        most: usize,
    },
    /// Brackets stand within too many others.
    #[error("the query has {depth} brackets within one another; at most {most} may be")]
    TooDeep {
        /// How many.
        depth: usize,
        /// As many may be.
        most: usize,
    },
    /// It is no SPARQL.
    #[error("the query does not parse: {why}")]
    Syntax {
        /// Where and why not.
        why: String,
    },
    /// It would have another server asked.
    #[error("SERVICE {name} would ask another server, which is never done")]
    Service {
        /// Which.
        name: String,
    },
    /// It would have something loaded.
    #[error("{what} {name} would have to be loaded; nothing is loaded by its address")]
    Load {
        /// The word of the query that asks for it.
        what: &'static str,
        /// The address.
        name: String,
    },
    /// It would change something else than facts.
    #[error("{what} is none of what an update of the stage can do")]
    NoUpdate {
        /// What it would do.
        what: String,
    },
    /// It names a graph that there is not.
    #[error("there is no graph <{name}>")]
    NoGraph {
        /// The graph.
        name: String,
    },
    /// The format cannot hold the answer.
    #[error("{format} cannot hold the answer to {form}")]
    Format {
        /// The format.
        format: &'static str,
        /// The form of the query.
        form: &'static str,
        /// Formats that can.
        fits: &'static str,
    },
    /// It took too long.
    #[error("the query was not done after {} s", after.as_secs_f64())]
    TooSlow {
        /// The limit.
        after: Duration,
    },
    /// It gives too many rows.
    #[error("the answer has more than {most} rows")]
    TooManyRows {
        /// The limit.
        most: u64,
    },
    /// It holds too much.
    #[error("the query needs more than {} MiB of memory", most >> 20)]
    TooMuchMemory {
        /// The limit, in bytes.
        most: u64,
    },
    /// It fails while it is evaluated.
    #[error("the query cannot be evaluated: {why}")]
    Evaluation {
        /// Why.
        why: String,
    },
    /// The index is not as it was written.
    #[error("the query index is not as it was written")]
    Damaged,
    /// No thread can be started.
    #[error("no thread can be started for the query")]
    Thread(#[source] io::Error),
}

impl QueryError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::TooLong { .. } => {
                "ask for less at a time; a long list of values can be facts of a version instead"
            }
            Self::TooDeep { .. } => {
                "write it with fewer brackets: alternatives side by side need none"
            }
            Self::Syntax { .. } => {
                "https://www.w3.org/TR/sparql11-query/ has the grammar; dbo:, rdfs: and other common prefixes need not \
                 be declared"
            }
            Self::Service { .. } => {
                "ask that server by itself and add what it says: kledger add FILE"
            }
            Self::Load { .. } => {
                "a version of this repository is named <kledger:REV>; files come in with kledger add FILE"
            }
            Self::NoUpdate { .. } => {
                "a stage takes INSERT DATA, DELETE DATA and DELETE and INSERT WHERE, of facts in no graph and without blank \
                 nodes"
            }
            Self::NoGraph { .. } => {
                "graphs are versions, as <kledger:HEAD~1>, and kl:log, kl:words, kl:citations, with --from and --to also \
                 kl:added and kl:removed"
            }
            Self::Format { fits, .. } => return Some(format!("--format {fits}")),
            Self::TooSlow { .. } => {
                "--timeout SECONDS gives it longer; a pattern that shares no variable with the others makes it slow"
            }
            Self::TooManyRows { .. } => "end it with LIMIT, or allow more with --max-rows N",
            Self::TooMuchMemory { .. } => {
                "--max-memory MIB allows more; ORDER BY, DISTINCT and GROUP BY hold all rows"
            }
            Self::Damaged => "it was removed: run the query again, which makes it anew",
            Self::Evaluation { .. } | Self::Thread(_) => return None,
        };
        Some(text.to_owned())
    }
}
