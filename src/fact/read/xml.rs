//! RDF/XML.
//!
//! The parser expands entities without end, compares each attribute of a tag with each, and takes a file that was cut
//! off for a whole one. So what it is given is gone through first, byte by byte.

use std::{cell::Cell, collections::BTreeMap, io::BufRead, mem, rc::Rc};

use oxrdf::GraphName;
use oxrdfxml::{RdfXmlParseError, RdfXmlParser, ReaderRdfXmlParser};

use super::{
    Problem,
    handed::{Guard, Handed, Place, problem},
    limits::{
        ATTRIBUTES, DEPTH, DOCTYPE, ENTITY, EXPANDED, EXPANSION, IRI, NAMESPACES, OPEN_TAGS,
        SILENCE, TAG, TOKEN,
    },
    parsed::{Parsed, Wrong},
};

/// The triples of a reader.
pub(super) struct Xml<R: BufRead> {
    parser: ReaderRdfXmlParser<Handed<R, Elements>>,
    place: Rc<Cell<Place>>,
}

impl<R: BufRead> Xml<R> {
    pub(super) fn new(reader: R) -> Self {
        let (reader, place) = Handed::new(reader, Elements::default());
        Self { parser: RdfXmlParser::new().for_reader(reader), place }
    }

    /// Bytes that were read.
    pub(super) fn bytes(&self) -> u64 {
        self.place.get().bytes
    }

    pub(super) fn next(&mut self) -> Option<Parsed> {
        let triple = self.parser.next()?;
        let place = self.place.get();
        self.place.set(Place { at_triple: place.bytes, ..place });
        Some(match triple {
            Ok(triple) => Ok((triple.in_graph(GraphName::DefaultGraph), place.line)),
            Err(RdfXmlParseError::Io(error)) => Err(Wrong::at(place.line, problem(error))),
            Err(RdfXmlParseError::Syntax(error)) => {
                Err(Wrong::at(place.line, Problem::of_syntax(&error.to_string())))
            }
        })
    }
}

/// Goes through the markup of a file.
#[derive(Default)]
struct Elements {
    within: Within,
    /// Bytes of the text or the markup so far, with what its entities stand for.
    length: usize,
    /// How the markup begins, or all of a document type declaration, or the name of a reference.
    start: Vec<u8>,
    reference: Option<Vec<u8>>,
    attribute: Attribute,
    tag: Open,
    /// Elements that are open.
    open: Vec<Open>,
    open_bytes: usize,
    /// Whether the root element was there.
    begun: bool,
    /// Bytes that each entity stands for.
    entities: BTreeMap<Vec<u8>, usize>,
    /// Bytes that references and relative names came to.
    expanded: u64,
}

/// What the next byte is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Text,
    /// Behind `<`, while it is open what comes.
    Markup,
    /// A tag, in quotes of this kind.
    Tag(Option<u8>),
    EndTag,
    /// Behind so many of the bytes that end it.
    Comment(u8),
    Cdata(u8),
    Instruction(u8),
    /// With so many `<` open.
    Doctype(usize),
}

/// The attribute that is being read.
#[derive(Default)]
struct Attribute {
    /// Its name, as far as it counts.
    name: Vec<u8>,
    /// Bytes of its value.
    value: usize,
    /// How many its tag has so far.
    number: usize,
    /// Whether white space came, which is between the tag's name and those of attributes.
    begun: bool,
}

/// An element.
#[derive(Clone, Copy, Default)]
struct Open {
    /// Bytes of its tag.
    bytes: usize,
    /// Namespaces that hold in it.
    namespaces: usize,
    /// Bytes of the base that holds in it.
    base: usize,
    /// Whether the tag closes it.
    empty: bool,
}

/// Bytes of an attribute's name that are kept.
const NAME: usize = 64;
/// Bytes of an entity's name.
const REFERENCE: usize = 256;

impl Guard for Elements {
    fn see(&mut self, text: &[u8], place: Place) -> Result<(), Problem> {
        if place.bytes - place.at_triple > SILENCE {
            return Err(Problem::Silence { bytes: SILENCE });
        }
        for byte in text {
            self.take(*byte, place)?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Problem> {
        if self.within != Within::Text || !self.open.is_empty() {
            return Err(Problem::Syntax("the file ends within an element: it was cut off".into()));
        }
        if !self.begun {
            return Err(Problem::Syntax("the file has no XML element".into()));
        }
        Ok(())
    }
}

impl Elements {
    fn take(&mut self, byte: u8, place: Place) -> Result<(), Problem> {
        self.length += 1;
        let limit = match self.within {
            Within::Tag(_) | Within::EndTag => TAG,
            Within::Doctype(_) => DOCTYPE,
            _ => TOKEN,
        };
        if self.length > limit {
            let what = match self.within {
                Within::Tag(_) | Within::EndTag => "a tag",
                Within::Doctype(_) => "the document type declaration",
                _ => "a text",
            };
            return Err(Problem::too_long(what, limit));
        }
        match self.within {
            Within::Text if byte == b'<' => self.enter(Within::Markup),
            Within::Text => self.refer(byte, place)?,
            Within::Markup => self.markup(byte)?,
            Within::Tag(quote) => self.tag(quote, byte, place)?,
            Within::EndTag if byte == b'>' => {
                if let Some(open) = self.open.pop() {
                    self.open_bytes -= open.bytes;
                }
                self.enter(Within::Text);
            }
            Within::EndTag => {}
            Within::Comment(count) => self.end_by(*b"--", count, byte, Within::Comment),
            Within::Cdata(count) => self.end_by(*b"]]", count, byte, Within::Cdata),
            Within::Instruction(count) => match (count, byte) {
                (1, b'>') => self.enter(Within::Text),
                _ => self.within = Within::Instruction(u8::from(byte == b'?')),
            },
            Within::Doctype(open) => {
                self.start.push(byte);
                match byte {
                    b'<' => self.within = Within::Doctype(open + 1),
                    b'>' if open == 0 => {
                        self.declare()?;
                        self.enter(Within::Text);
                    }
                    b'>' => self.within = Within::Doctype(open - 1),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn enter(&mut self, within: Within) {
        self.within = within;
        self.length = 0;
        self.reference = None;
        self.start.clear();
    }

    /// Leaves what ends with `marks` and `>`, of which `count` marks came last.
    fn end_by(&mut self, marks: [u8; 2], count: u8, byte: u8, within: fn(u8) -> Within) {
        match (count, byte) {
            (2, b'>') => self.enter(Within::Text),
            _ if byte == marks[0] => self.within = within((count + 1).min(2)),
            _ => self.within = within(0),
        }
    }

    /// Finds out what kind of markup begins.
    fn markup(&mut self, byte: u8) -> Result<(), Problem> {
        self.start.push(byte);
        let start = mem::take(&mut self.start);
        match start.as_slice() {
            b"?" => self.enter(Within::Instruction(0)),
            b"/" => self.enter(Within::EndTag),
            b"!--" => self.enter(Within::Comment(0)),
            b"![CDATA[" => self.enter(Within::Cdata(0)),
            start if start.eq_ignore_ascii_case(b"!doctype") => self.enter(Within::Doctype(0)),
            [b'!', ..] => {
                let may_be = [&b"!--"[..], b"![CDATA[", b"!doctype"];
                let begins = |other: &&[u8]| {
                    other.get(..start.len()).is_some_and(|other| other.eq_ignore_ascii_case(&start))
                };
                if !may_be.iter().any(begins) {
                    return Err(Problem::Syntax("<! that begins nothing".into()));
                }
                self.start = start;
            }
            _ => {
                self.begun = true;
                self.enter(Within::Tag(None));
                let around = self.open.last().copied().unwrap_or_default();
                self.tag = Open { bytes: 0, empty: false, ..around };
                self.attribute = Attribute::default();
            }
        }
        Ok(())
    }

    fn tag(&mut self, quote: Option<u8>, byte: u8, place: Place) -> Result<(), Problem> {
        match (quote, byte) {
            (None, b'>') => return self.opened(),
            (None, b'"' | b'\'') => {
                self.attribute.value = 0;
                self.within = Within::Tag(Some(byte));
            }
            (None, b'=') => {
                self.attribute.number += 1;
                if self.attribute.number > ATTRIBUTES {
                    return Err(Problem::TooMany {
                        what: "attributes of a tag",
                        limit: ATTRIBUTES as u64,
                    });
                }
            }
            (None, byte) if byte.is_ascii_whitespace() => {
                if !mem::replace(&mut self.attribute.begun, true) {
                    self.attribute.name.clear();
                }
            }
            (None, _) => {
                self.tag.empty = byte == b'/';
                if self.attribute.name.len() < NAME {
                    self.attribute.name.push(byte);
                }
            }
            (Some(quote), _) if quote == byte => {
                self.within = Within::Tag(None);
                self.tag.empty = false;
                self.reference = None;
                let name = mem::take(&mut self.attribute.name);
                self.attribute(&name, place)?;
            }
            (Some(_), _) => {
                let before = self.length;
                self.refer(byte, place)?;
                self.attribute.value += 1 + (self.length - before);
            }
        }
        Ok(())
    }

    /// Takes note of an attribute that has a value.
    fn attribute(&mut self, name: &[u8], place: Place) -> Result<(), Problem> {
        if name == b"xmlns" || name.starts_with(b"xmlns:") {
            self.tag.namespaces += 1;
            if self.tag.namespaces > NAMESPACES {
                return Err(Problem::TooMany { what: "namespaces", limit: NAMESPACES as u64 });
            }
        } else if name == b"xml:base" {
            self.tag.base = self.attribute.value;
            if self.tag.base > IRI {
                return Err(Problem::too_long("xml:base", IRI));
            }
        } else if name.ends_with(b":ID") {
            // The parser remembers it in full.
            self.expand(self.tag.base, place)?;
        }
        Ok(())
    }

    /// Takes note of a tag that is closed.
    fn opened(&mut self) -> Result<(), Problem> {
        self.tag.bytes = self.length;
        let tag = self.tag;
        self.enter(Within::Text);
        if tag.empty {
            return Ok(());
        }
        self.open_bytes += tag.bytes;
        self.open.push(tag);
        if self.open.len() > DEPTH {
            return Err(Problem::too_deep("elements", DEPTH));
        }
        if self.open_bytes > OPEN_TAGS {
            return Err(Problem::too_long("the tags of open elements", OPEN_TAGS));
        }
        Ok(())
    }

    /// Takes note of a byte that may belong to a reference to an entity.
    fn refer(&mut self, byte: u8, place: Place) -> Result<(), Problem> {
        match (&mut self.reference, byte) {
            (_, b'&') => self.reference = Some(Vec::new()),
            (Some(name), b';') => {
                let stands_for = stands_for(&self.entities, name);
                self.reference = None;
                self.length += stands_for;
                self.expand(stands_for, place)?;
            }
            (Some(name), _) if name.len() < REFERENCE => name.push(byte),
            (reference, _) => *reference = None,
        }
        Ok(())
    }

    fn expand(&mut self, bytes: usize, place: Place) -> Result<(), Problem> {
        self.expanded += bytes as u64;
        if self.expanded > EXPANDED + EXPANSION * place.bytes {
            return Err(Problem::Expansion { times: EXPANSION });
        }
        Ok(())
    }

    /// Takes note of the entities of a document type declaration, which the parser finds as is done here.
    fn declare(&mut self) -> Result<(), Problem> {
        let declaration = mem::take(&mut self.start);
        for part in declaration.split(|byte| *byte == b'<').skip(1) {
            let Some(part) = part.strip_prefix(b"!ENTITY") else { continue };
            let part = part.trim_ascii_start();
            let part = part.strip_prefix(b"%").unwrap_or(part).trim_ascii_start();
            let name_end = part.iter().position(u8::is_ascii_whitespace).unwrap_or(part.len());
            let (name, rest) = part.split_at(name_end);
            let mut quoted = rest.split(|byte| *byte == b'"');
            let Some(value) = quoted.nth(1) else { continue };
            let length = self.written_out(value);
            if length > ENTITY {
                let name = String::from_utf8_lossy(name).into_owned();
                return Err(Problem::Entity { name, limit: ENTITY as u64 });
            }
            if name.len() > REFERENCE {
                return Err(Problem::too_long("an entity's name", REFERENCE));
            }
            self.entities.insert(name.to_vec(), length);
        }
        Ok(())
    }

    /// Bytes of an entity's value, with what the entities in it stand for.
    fn written_out(&self, value: &[u8]) -> usize {
        let mut parts = value.split(|byte| *byte == b'&');
        let first = parts.next().map_or(0, <[u8]>::len);
        let others = parts.map(|part| match part.iter().position(|byte| *byte == b';') {
            Some(end) => stands_for(&self.entities, &part[..end]) + part.len() - end,
            None => part.len(),
        });
        others.fold(first, usize::saturating_add)
    }
}

/// Bytes that a reference stands for. One to an entity that was not found may be to any.
fn stands_for(entities: &BTreeMap<Vec<u8>, usize>, name: &[u8]) -> usize {
    let character = name.starts_with(b"#")
        || matches!(name, b"amp" | b"lt" | b"gt" | b"quot" | b"apos")
            && !entities.contains_key(name);
    if character {
        return 1;
    }
    let any = || entities.values().copied().max().unwrap_or(1);
    entities.get(name).copied().unwrap_or_else(any)
}
