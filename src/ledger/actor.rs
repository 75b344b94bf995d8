//! Who does what, and when.

/// Who runs a verb, when, and by which command. Recorded in commits and in the operation log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `Name <address>` or a name alone.
    pub author: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// The command line, for people.
    pub command: String,
}
