//! JSON-LD.
//!
//! The parser calls itself for each object in another and for each term that another defines, copies what is nested
//! once for each level, and contexts for each context on top of them. So a file is read as a whole, which the parser
//! does too, and weighed before it is parsed.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    io::{BufRead, Cursor, Read},
    mem,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    vec,
};

use oxjsonld::{JsonLdParseError, JsonLdParser};
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::{
    Problem,
    handed::{Guard, Handed, Place, problem},
    limits::{JSON, JSON_CHAIN, JSON_COPIES, JSON_DEPTH, JSON_EXPANDED, JSON_STACK, JSON_TERMS},
    parsed::{NO_BASE, Parsed, Wrong},
};

/// Triples that are handed over at a time.
const TOGETHER: usize = 512;

/// The triples of a file.
pub(super) struct Json {
    ready: vec::IntoIter<Parsed>,
    more: Option<Parsing>,
    /// The fields of its first object, until there is a triple.
    fields: Option<Vec<String>>,
}

impl Json {
    pub(super) fn new(reader: impl BufRead) -> Self {
        let whole = whole(reader).and_then(|(text, fields)| Ok((parse(text)?, fields)));
        match whole {
            Ok((more, fields)) => {
                Self { ready: Vec::new().into_iter(), more: Some(more), fields: Some(fields) }
            }
            Err(wrong) => Self { ready: vec![Err(wrong)].into_iter(), more: None, fields: None },
        }
    }

    pub(super) fn next(&mut self) -> Option<Parsed> {
        loop {
            if let Some(parsed) = self.ready.next() {
                self.fields = None;
                return Some(parsed);
            }
            let Parsing { parsed, thread } = self.more.take()?;
            if let Ok(ready) = parsed.recv() {
                self.ready = ready.into_iter();
                self.more = Some(Parsing { parsed, thread });
            } else if thread.join().is_err() {
                let text = "the JSON-LD parser gave up on it".to_owned();
                return Some(Err(Wrong::at(1, Problem::Syntax(text))));
            } else {
                // The other end is gone because all is parsed.
                let fields = self.fields.take()?;
                return Some(Err(Wrong::at(1, Problem::NoJsonLd(fields))));
            }
        }
    }
}

/// The parser at work.
struct Parsing {
    parsed: Receiver<Vec<Parsed>>,
    thread: JoinHandle<()>,
}

/// All of a file that is worth parsing, and the fields of its first object.
fn whole(reader: impl BufRead) -> Result<(Vec<u8>, Vec<String>), Wrong> {
    let mut text = Vec::new();
    let read = reader.take(JSON + 1).read_to_end(&mut text);
    read.map_err(|error| Wrong::at(1, Problem::Read(error)))?;
    if text.len() as u64 > JSON {
        return Err(Wrong::at(1, Problem::JsonTooLarge { why: "it is too long", limit: JSON }));
    }
    let fields = weigh(&text)?;
    Ok((text, fields))
}

/// Parses `text` on a thread that has the stack for it.
fn parse(text: Vec<u8>) -> Result<Parsing, Wrong> {
    let (sender, parsed) = sync_channel(4);
    let thread = thread::Builder::new().name("json-ld".into()).stack_size(JSON_STACK);
    let started = thread.spawn(move || hand_over(text, &sender));
    let thread = started.map_err(|error| Wrong::at(1, Problem::Read(error)))?;
    Ok(Parsing { parsed, thread })
}

/// Sends what is parsed, until nobody wants it.
fn hand_over(text: Vec<u8>, sender: &SyncSender<Vec<Parsed>>) {
    let (reader, place) = Handed::new(Cursor::new(text), Weighed);
    let parser = JsonLdParser::new().with_base_iri(NO_BASE);
    let parser = parser.expect("because it is an absolute IRI").for_reader(reader);
    let mut parsed = Vec::new();
    for quad in parser {
        let line = place.get().line;
        let quad = quad.map(|quad| (quad, line)).map_err(|error| wrong(error, line));
        let failed = quad.is_err();
        parsed.push(quad);
        if failed || parsed.len() == TOGETHER {
            let sent = sender.send(mem::take(&mut parsed));
            if failed || sent.is_err() {
                return;
            }
        }
    }
    let _unwanted = sender.send(parsed);
}

fn wrong(error: JsonLdParseError, line: u64) -> Wrong {
    match error {
        JsonLdParseError::Io(error) => Wrong::at(line, problem(error)),
        JsonLdParseError::Syntax(error) => {
            let at = error.location().map(|at| at.start);
            Wrong {
                problem: Problem::of_syntax(&error.to_string()),
                line: at.map_or(line, |at| at.line + 1),
                column: at.map(|at| at.column + 1),
                goes_on: false,
            }
        }
    }
}

/// Text that was weighed as a whole.
struct Weighed;

impl Guard for Weighed {
    fn see(&mut self, _: &[u8], _: Place) -> Result<(), Problem> {
        Ok(())
    }

    fn end(&mut self) -> Result<(), Problem> {
        Ok(())
    }
}

/// Makes sure that `text` is one JSON value that the parser can hold. Returns the fields of its first object.
fn weigh(text: &[u8]) -> Result<Vec<String>, Wrong> {
    let mut weight = Weight::default();
    let mut json = serde_json::Deserializer::from_slice(text);
    let mut object = Object::default();
    let (weight_of, object) = (&mut weight, &mut object);
    let value = Value { weight: weight_of, object, depth: 0, part: Part::Data, term: "" };
    let weighed = value.deserialize(&mut json);
    let first = weighed.is_ok();
    let end = weighed.and_then(|_| json.end());
    let failed = |error: &serde_json::Error, problem| {
        let column = (error.column() > 0).then_some(error.column() as u64);
        Wrong { column, ..Wrong::at(error.line().max(1) as u64, problem) }
    };
    match (end, weight.exceeded.take()) {
        (Ok(()), _) => {
            weight.add_up().map_err(|problem| Wrong::at(1, problem))?;
            Ok(weight.fields)
        }
        (Err(error), Some(problem)) => Err(failed(&error, problem)),
        (Err(error), None) if first => Err(failed(&error, Problem::JsonLines(weight.fields))),
        (Err(error), None) => {
            let text = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            let text = text.strip_suffix(&place).unwrap_or(&text).to_owned();
            Err(failed(&error, Problem::Syntax(text)))
        }
    }
}

/// What a file costs the parser.
#[derive(Default)]
struct Weight {
    /// The first object's.
    fields: Vec<String>,
    seen_object: bool,
    /// See [`JSON_COPIES`].
    copies: u64,
    /// See [`JSON_TERMS`].
    terms: u64,
    /// Texts and numbers in contexts.
    in_contexts: u64,
    /// Contexts in contexts.
    scoped: u64,
    objects: u64,
    /// Names outside of contexts.
    names: u64,
    /// Bytes of the longest text in a context.
    longest: usize,
    /// Bytes that subjects and graphs come to, which are said again in each of their triples.
    repeated: u64,
    /// By what each term of a context is defined, other terms among it.
    definitions: BTreeMap<String, Vec<String>>,
    /// Why the rest need not be read.
    exceeded: Option<Problem>,
}

impl Weight {
    /// Makes sure that it is not too much.
    fn add_up(&self) -> Result<(), Problem> {
        // A context in a context is put on top when it is defined, and whenever its term is used.
        let scoped = if self.scoped > 0 { self.scoped + self.objects } else { 0 };
        if self.terms + scoped * self.in_contexts > JSON_TERMS {
            let why = "its contexts have too many terms on top of one another";
            return Err(Problem::JsonTooLarge { why, limit: JSON_TERMS });
        }
        let mut lengths = BTreeMap::new();
        let chains = self.definitions.keys().map(|term| self.chain(term, 0, &mut lengths));
        let chain = chains.max().unwrap_or(0);
        if chain > JSON_CHAIN {
            return Err(Problem::too_deep(
                "terms of a context, each defined by the next,",
                JSON_CHAIN,
            ));
        }
        let written_out = self.names.saturating_mul((self.longest * chain.max(1)) as u64);
        if written_out.saturating_add(self.repeated) > JSON_EXPANDED {
            let why = "its names are too long when written out";
            return Err(Problem::JsonTooLarge { why, limit: JSON_EXPANDED });
        }
        Ok(())
    }

    /// How many terms define each other from `term` on, which is itself `above` others; no more than one too many.
    fn chain<'t>(
        &'t self,
        term: &'t str,
        above: usize,
        lengths: &mut BTreeMap<&'t str, usize>,
    ) -> usize {
        if let Some(length) = lengths.get(term) {
            return *length;
        }
        if above > JSON_CHAIN {
            return 1;
        }
        let Some(by) = self.definitions.get(term) else { return 1 };
        let below = by.iter().map(|term| self.chain(term, above + 1, lengths)).max();
        let length = 1 + below.unwrap_or(0);
        lengths.insert(term, length);
        length
    }
}

/// What an object has directly, not in other objects.
#[derive(Default)]
struct Object {
    /// Bytes of the longest text that may be a name.
    longest: usize,
    values: u64,
}

/// What is below a value.
#[derive(Clone, Copy, Default)]
struct Below {
    values: u64,
    contexts: u64,
}

/// What a value is a part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Data,
    Context,
}

/// A value that is weighed and not kept.
struct Value<'w, 't> {
    weight: &'w mut Weight,
    /// The object around it.
    object: &'w mut Object,
    depth: usize,
    part: Part,
    /// In a context, the term that it defines.
    term: &'t str,
}

/// An object's key.
struct Key<'t>(Cow<'t, str>);

impl<'de> de::Deserialize<'de> for Key<'de> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_> {
    type Value = Below;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Below, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Value<'_, '_> {
    /// Counts a value that has no others in it.
    fn leaf<E: de::Error>(mut self) -> Result<Below, E> {
        self.weight.in_contexts += u64::from(self.part == Part::Context);
        self.count(1)
    }

    /// Counts so many values and brackets.
    fn count<E: de::Error>(&mut self, values: u64) -> Result<Below, E> {
        self.object.values += values;
        self.weight.copies += values * self.depth as u64;
        let problem = if self.weight.copies > JSON_COPIES {
            let why = "it has too many values, or nests them too deeply";
            Problem::JsonTooLarge { why, limit: JSON_COPIES }
        } else if self.depth > JSON_DEPTH {
            Problem::too_deep("objects and arrays", JSON_DEPTH)
        } else {
            return Ok(Below { values, contexts: 0 });
        };
        self.weight.exceeded = Some(problem);
        Err(E::custom("too large"))
    }

    fn text<E: de::Error>(self, text: &str) -> Result<Below, E> {
        match self.part {
            Part::Context => {
                self.weight.longest = self.weight.longest.max(text.len());
                let prefix = text.split_once(':').map(|(prefix, _)| prefix);
                let by = [Some(text), prefix].into_iter().flatten().filter(|by| *by != self.term);
                let defined = self.weight.definitions.entry(self.term.to_owned()).or_default();
                defined.extend(by.map(str::to_owned));
            }
            Part::Data => {
                self.weight.names += 1;
                if !text.bytes().any(|byte| byte == b' ') {
                    self.object.longest = self.object.longest.max(text.len());
                }
            }
        }
        self.leaf()
    }
}

impl<'de> Visitor<'de> for Value<'_, '_> {
    type Value = Below;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Below, E> {
        self.leaf()
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Below, E> {
        self.leaf()
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Below, E> {
        self.leaf()
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Below, E> {
        self.leaf()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Below, E> {
        self.leaf()
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Below, E> {
        self.text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Below, A::Error> {
        self.depth += 1;
        let mut all = self.count(2)?;
        loop {
            let Self { weight, object, depth, part, term } = &mut self;
            let value = Value { weight, object, depth: *depth, part: *part, term };
            let Some(below) = seq.next_element_seed(value)? else { return Ok(all) };
            all.values += below.values;
            all.contexts += below.contexts;
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Below, A::Error> {
        self.depth += 1;
        let mut all = self.count(2)?;
        let first = !mem::replace(&mut self.weight.seen_object, true);
        self.weight.objects += 1;
        let mut own = Object::default();
        let (mut terms, mut has_graph) = (0, false);
        while let Some(Key(key)) = map.next_key()? {
            if first && self.weight.fields.len() < 100 {
                self.weight.fields.push(key.chars().take(100).collect());
            }
            has_graph |= key == "@graph";
            let is_context = key == "@context";
            if is_context && self.part == Part::Context {
                self.weight.scoped += 1;
            }
            let Self { weight, depth, part, term, .. } = &mut self;
            // What a term's definition says under keywords is about the term.
            let term = if key.starts_with('@') { *term } else { &*key };
            let (in_context, depth) = (*part == Part::Context || is_context, *depth);
            let inner = if in_context { Part::Context } else { Part::Data };
            weight.names += u64::from(*part == Part::Data);
            let before = weight.in_contexts;
            let value = Value { weight, object: &mut own, depth, part: inner, term };
            let below = map.next_value_seed(value)?;
            if is_context && self.part == Part::Data {
                terms += self.weight.in_contexts - before;
                all.contexts += 1;
            }
            all.values += below.values + 1;
            all.contexts += below.contexts;
        }
        self.weight.terms += terms * all.contexts;
        let said_in = if has_graph { all.values } else { own.values };
        if own.longest > 1024 {
            self.weight.repeated += own.longest as u64 * said_in;
        }
        Ok(all)
    }
}
