//! What the parsers of the formats hand over.

use oxrdf::Quad;

use super::error::Problem;

/// Base of relative IRIs where there is none, by which they are found: JSON-LD would leave them out in silence.
pub(crate) const NO_BASE: &str = "relative-iri:/";

/// A triple or what was wrong, and the line and the column of that.
pub(super) type Parsed = Result<(Quad, u64), Wrong>;

/// What was wrong, and where.
pub(super) struct Wrong {
    pub(super) problem: Problem,
    pub(super) line: u64,
    pub(super) column: Option<u64>,
    /// Whether the parser goes on behind it.
    pub(super) goes_on: bool,
}

impl Wrong {
    pub(super) const fn at(line: u64, problem: Problem) -> Self {
        Self { problem, line, column: None, goes_on: false }
    }
}
