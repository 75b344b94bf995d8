//! How much of a file the parsers are given to hold at a time. What they cannot bound themselves is bounded before
//! they see it. docs/facts.md says the same to users.

/// Bytes of a literal. Shapes of countries in WKT, the longest ones of common data sets, have some 10 MB.
pub(super) const LITERAL: usize = 16 << 20;

/// Bytes of what is held until it ends: a line of N-Triples or N-Quads, a literal as it is written, a comment, the text
/// of an XML element. A literal that is all quotes and line breaks takes twice its length in a line.
pub(super) const TOKEN: usize = 40 << 20;

/// Bytes of an IRI. Browsers and servers take no more than 2 to 64 KB.
pub(super) const IRI: usize = 64 << 10;

/// Brackets of Turtle, or elements of XML, that are open at once. Ontologies nest some dozens.
pub(super) const DEPTH: usize = 1000;

/// Bytes of triples for each byte that is read, when more than [`EXPANDED`] came out already. Prefixes make of a
/// byte ten.
pub(super) const EXPANSION: u64 = 100;

/// Bytes that triples, and whatever else a parser makes of names, may need whatever was read.
pub(super) const EXPANDED: u64 = 64 << 20;

/// Bytes of a tag of XML with its attributes.
pub(super) const TAG: usize = 1 << 20;

/// Bytes of all tags of XML that are open at once.
pub(super) const OPEN_TAGS: usize = 16 << 20;

/// Attributes of a tag: the parser compares each with each.
pub(super) const ATTRIBUTES: usize = 1000;

/// Namespace declarations of XML that hold at once: the parser goes through them for each name. The largest merged
/// ontologies have some 200.
pub(super) const NAMESPACES: usize = 500;

/// Bytes of a document type declaration.
pub(super) const DOCTYPE: usize = 256 << 10;

/// Bytes that an entity stands for. OWL's files shorten IRIs with them.
pub(super) const ENTITY: usize = 4 << 10;

/// Bytes of RDF/XML out of which no triple comes.
pub(super) const SILENCE: u64 = 32 << 20;

/// Bytes of a row of a table, which is held as a whole: a literal, and what else there is.
pub(super) const ROW: usize = 20 << 20;

/// Columns of a table.
pub(super) const COLUMNS: usize = 1000;

/// Bytes of a JSON-LD file, which is read as a whole because its context may come last.
pub(super) const JSON: u64 = 256 << 20;

/// Objects and arrays of JSON within each other: the parser calls itself for each.
pub(super) const JSON_DEPTH: usize = 100;

/// Values, keys and brackets of a JSON-LD file, each as many times as it is in an object, which is how often
/// the parser copies it. A common file of 50 MB has as many, and needs 2 GB.
pub(super) const JSON_COPIES: u64 = 24_000_000;

/// Texts and numbers in all contexts of JSON-LD, each as many times as a context on top of it copies it.
pub(super) const JSON_TERMS: u64 = 10_000_000;

/// Terms of a JSON-LD context of which each is defined by the next: the parser calls itself for each.
pub(super) const JSON_CHAIN: usize = 16;

/// Bytes that the names of a JSON-LD file come to when written out.
pub(super) const JSON_EXPANDED: u64 = 2 << 30;

/// Bytes of stack of the thread that reads JSON-LD, some ten times of what [`JSON_DEPTH`] needs.
pub(super) const JSON_STACK: usize = 64 << 20;
