//! The text of a query: bounded before it is parsed, because its parser calls itself for each bracket.

use std::{collections::BTreeSet, thread};

use spargebra::{Query, SparqlParser};
use unicode_normalization::UnicodeNormalization;

use super::{QueryError, walk};
use crate::fact::write::PREFIXES;

/// Bytes of a query that are read.
pub const LONGEST: usize = 64 << 10;
/// Brackets that may stand within one another.
pub const DEEPEST: usize = 200;
/// Bytes of the stack on which queries are parsed, evaluated and dropped: what the longest text can nest takes a part
/// of it. It is memory only as far as it is used.
const STACK: usize = 1 << 30;

/// What a query asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Rows.
    Select,
    /// Yes or no.
    Ask,
    /// Triples that it puts together.
    Construct,
    /// Triples about things.
    Describe,
}

impl Form {
    /// The word that it begins with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Ask => "ASK",
            Self::Construct => "CONSTRUCT",
            Self::Describe => "DESCRIBE",
        }
    }
}

/// A query that parses and would fetch nothing.
pub struct Text {
    /// There until it is taken to be evaluated.
    query: Option<Query>,
    /// What it asks for.
    pub form: Form,
    /// The graphs whose triples it asks for by name.
    pub graphs: BTreeSet<String>,
    /// The graphs that it wants its dataset to be made of: FROM and FROM NAMED.
    pub sources: BTreeSet<String>,
    /// The functions that it calls, by their IRIs.
    pub functions: BTreeSet<String>,
}

impl Text {
    /// Reads a query, in which common prefixes need not be declared.
    ///
    /// # Errors
    /// When it is too long or too deep, does not parse, or would ask another server.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        Self::parsed(text, None)
    }

    /// As [`Text::parse`], for a query whose relative IRIs are meant from `base`.
    ///
    /// # Errors
    /// As [`Text::parse`].
    pub fn parse_at(text: &str, base: &str) -> Result<Self, QueryError> {
        Self::parsed(text, Some(base))
    }

    /// The query, to be evaluated on a large stack.
    pub(super) const fn take(&mut self) -> Option<Query> {
        self.query.take()
    }

    fn parsed(text: &str, base: Option<&str>) -> Result<Self, QueryError> {
        let text = bounded(text)?;
        let mut parser = parser();
        if let Some(base) = base {
            let wrong = |error| QueryError::Syntax { why: format!("{base} is no IRI: {error}") };
            parser = parser.with_base_iri(base).map_err(wrong)?;
        }
        large_stack(move || Self::of(parser.parse_query(&text).map_err(|error| syntax(&error))?))?
    }

    /// A query that is parsed already; on a large stack.
    pub(super) fn of(query: Query) -> Result<Self, QueryError> {
        let found = walk::query(&query)?;
        let form = match &query {
            Query::Select { .. } => Form::Select,
            Query::Ask { .. } => Form::Ask,
            Query::Construct { .. } => Form::Construct,
            Query::Describe { .. } => Form::Describe,
        };
        let walk::Found { graphs, sources, functions } = found;
        Ok(Self { query: Some(query), form, graphs, sources, functions })
    }
}

impl Drop for Text {
    /// What is deep is dropped as it was parsed.
    fn drop(&mut self) {
        if let Some(query) = self.query.take() {
            // Where no thread can be started, the query is dropped here.
            let _dropped = large_stack(move || drop(query));
        }
    }
}

/// Classes of characters that could follow too are left out: nobody reads them.
pub(super) fn syntax(error: &spargebra::SparqlSyntaxError) -> QueryError {
    let text = error.to_string();
    let is_class = |part: &&str| part.starts_with("['") || *part == "[_]";
    let told: Vec<&str> = text.split(", ").filter(|part| !is_class(part)).collect();
    QueryError::Syntax { why: told.join(", ") }
}

pub(super) fn parser() -> SparqlParser {
    let mut parser = SparqlParser::new();
    for (name, iri) in PREFIXES {
        parser = parser.with_prefix(name, iri).expect("because the prefixes are IRIs");
    }
    parser
}

/// The text as it is looked up, if it is neither too long nor too deep.
pub(super) fn bounded(text: &str) -> Result<String, QueryError> {
    if text.len() > LONGEST {
        return Err(QueryError::TooLong { length: text.len(), most: LONGEST });
    }
    let depth = depth(text);
    if depth > DEEPEST {
        return Err(QueryError::TooDeep { depth, most: DEEPEST });
    }
    Ok(text.nfc().collect())
}

/// Does `work` on a stack that bears the deepest query.
///
/// # Errors
/// When no thread can be started.
///
/// # Panics
/// When `work` does.
pub fn large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, QueryError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let done = thread.map_err(QueryError::Thread)?.join();
        Ok(done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// A thread on such a stack that goes on by itself.
pub(super) fn on_its_own(work: impl FnOnce() + Send + 'static) -> Result<(), QueryError> {
    let thread = thread::Builder::new().name("query".to_owned()).stack_size(STACK).spawn(work);
    thread.map(drop).map_err(QueryError::Thread)
}

/// How many brackets stand within one another, outside strings and comments. What could be an IRI could also be a
/// comparison; both are counted, and the deeper one is told.
fn depth(text: &str) -> usize {
    let (mut outside, mut everywhere, mut deepest) = (0_usize, 0_usize, 0);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = match first {
            '#' => rest.find(['\n', '\r']).unwrap_or(rest.len()),
            '"' | '\'' => string(rest, first),
            '<' => {
                let iri = iri(rest);
                for c in rest[..iri].chars() {
                    step(&mut everywhere, c);
                    deepest = deepest.max(everywhere);
                }
                iri
            }
            c => {
                step(&mut outside, c);
                step(&mut everywhere, c);
                deepest = deepest.max(outside).max(everywhere);
                c.len_utf8()
            }
        };
        rest = &rest[skipped..];
    }
    deepest
}

const fn step(depth: &mut usize, c: char) {
    match c {
        '(' | '[' | '{' => *depth += 1,
        ')' | ']' | '}' => *depth = depth.saturating_sub(1),
        _ => {}
    }
}

/// How long the string is that `text` begins with; its quote where it does not end.
fn string(text: &str, quote: char) -> usize {
    let triple: String = [quote; 3].iter().collect();
    let (open, ends_at_line) = if text.starts_with(&triple) { (3, false) } else { (1, true) };
    let close = &triple[..open];
    let mut escaped = false;
    for (at, c) in text[open..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' | '\r' if ends_at_line => return 1,
            _ if text[open + at..].starts_with(close) => return open + at + open,
            _ => {}
        }
    }
    1
}

/// How long the IRI is that `text` begins with; one where it begins with none.
fn iri(text: &str) -> usize {
    let end = text[1..].find(|c: char| c <= ' ' || "<>\"{}|^`\\".contains(c));
    match end {
        Some(end) if text[1 + end..].starts_with('>') => end + 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_count_where_they_are_some() {
        for (text, wanted) in [
            ("SELECT * { ?s ?p ?o }", 1),
            ("{ FILTER(((1))) } { }", 4),
            ("{ ?s ?p \"((((\" . ?s ?p '''(\n(''' . # ((((\n }", 1),
            ("{ <http://a.b/x_(y)> ?p ?o }", 2),
            ("{ <http://a.b/)> <http://a.b/)> { { } } }", 3),
            ("{ FILTER(?a<(?b) && ?c > 1) }", 3),
            ("?a<((((?b", 4),
            ("\"(", 1),
            ("(\"\\\"(\"(", 2),
        ] {
            assert_eq!(depth(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_too_deep_or_too_long_is_refused_before_it_is_parsed() {
        let deep = format!("ASK {{ FILTER({}1{}) }}", "(".repeat(500), ")".repeat(500));
        assert!(matches!(Text::parse(&deep), Err(QueryError::TooDeep { depth: 502, .. })));
        let nested = format!("ASK {}{}", "{".repeat(1000), "}".repeat(1000));
        assert!(matches!(Text::parse(&nested), Err(QueryError::TooDeep { .. })));
        let long = format!("ASK {{ }} # {}", "x".repeat(LONGEST));
        assert!(matches!(Text::parse(&long), Err(QueryError::TooLong { .. })));
    }

    /// What is not in brackets nests too.
    #[test]
    fn the_longest_chains_are_parsed() {
        let fill = |begin: &str, part: &str, end: &str| {
            let times = (LONGEST - begin.len() - end.len()) / part.len();
            format!("{begin}{}{end}", part.repeat(times))
        };
        for text in [
            fill("ASK { FILTER(1", "||1", ") }"),
            fill("ASK { FILTER(1", "+1", ") }"),
            fill("ASK { FILTER(1 = 1", "&&1=1", ") }"),
            fill("ASK { {}", "UNION{}", " }"),
            fill("ASK { {}", "MINUS{}", " }"),
            fill("ASK { {}", "OPTIONAL{}", " }"),
            fill("ASK { ?s rdf:type", "/rdf:a", " ?o }"),
            fill("ASK { ?s rdf:type", "|rdf:a", " ?o }"),
            fill("ASK { FILTER(", "!", "1) }"),
            fill("ASK { FILTER(1", "-1", ") }"),
            fill("ASK { ?s ?p ?o", ". ?s ?p ?o", " }"),
        ] {
            match Text::parse(&text) {
                Ok(parsed) => drop(parsed),
                Err(error) => assert!(matches!(error, QueryError::Syntax { .. }), "{error}"),
            }
        }
    }

    #[test]
    fn prefixes_are_known_and_may_be_others() {
        let text = Text::parse("SELECT * { GRAPH kl:log { ?s dbo:location ?o } }").unwrap();
        assert_eq!(text.graphs.iter().collect::<Vec<_>>(), ["https://kledger.dev/ns#log"]);
        let own = "PREFIX kl: <http://a.b/> ASK { GRAPH kl:log { ?s ?p ?o } }";
        assert!(Text::parse(own).unwrap().graphs.contains("http://a.b/log"));
    }
}
