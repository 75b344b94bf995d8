//! Facts as RDF, for other programs and for [`read`](super::read).
//!
//! What is written is not held: memory does not grow with the number of facts, but for the few that Turtle cannot
//! spell visibly in place.

use std::io::{self, Write};

use oxjsonld::{JsonLdSerializer, WriterJsonLdSerializer};
use oxrdf::{GraphNameRef, LiteralRef, NamedNodeRef, TermRef, Triple, TripleRef};
use oxttl::{TurtleSerializer, turtle::WriterTurtleSerializer};

use super::{
    term::{Iri, Literal, Term},
    triple::Fact,
};

/// The prefixes that are usual for common namespaces, and kledger's own.
pub const PREFIXES: [(&str, &str); 15] = [
    ("dbo", "http://dbpedia.org/ontology/"),
    ("dbr", "http://dbpedia.org/resource/"),
    ("dcterms", "http://purl.org/dc/terms/"),
    ("foaf", "http://xmlns.com/foaf/0.1/"),
    ("kl", "https://kledger.dev/ns#"),
    ("owl", "http://www.w3.org/2002/07/owl#"),
    ("prov", "http://www.w3.org/ns/prov#"),
    ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
    ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
    ("schema", "http://schema.org/"),
    ("skos", "http://www.w3.org/2004/02/skos/core#"),
    ("wd", "http://www.wikidata.org/entity/"),
    ("wdt", "http://www.wikidata.org/prop/direct/"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
    ("yago", "http://yago-knowledge.org/resource/"),
];

/// A format that facts are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum RdfFormat {
    /// N-Triples.
    #[serde(rename = "nt")]
    NTriples,
    /// Turtle, with [`PREFIXES`].
    #[serde(rename = "ttl")]
    Turtle,
    /// JSON-LD, with [`PREFIXES`] as its context.
    #[serde(rename = "jsonld")]
    JsonLd,
}

/// Writes triples to `W`.
pub struct RdfWriter<W: Write>(Form<W>);

enum Form<W: Write> {
    NTriples(W),
    Turtle {
        serializer: WriterTurtleSerializer<W>,
        /// Triples that are written after all others, without prefixes.
        last: Vec<Triple>,
    },
    JsonLd(WriterJsonLdSerializer<W>),
}

impl<W: Write> RdfWriter<W> {
    /// Begins a document in `format`.
    ///
    /// # Panics
    /// Never.
    pub fn new(format: RdfFormat, out: W) -> Self {
        Self(match format {
            RdfFormat::NTriples => Form::NTriples(out),
            RdfFormat::Turtle => {
                let mut turtle = TurtleSerializer::new();
                for (name, iri) in PREFIXES {
                    turtle = turtle.with_prefix(name, iri).expect("because the prefixes are IRIs");
                }
                Form::Turtle { serializer: turtle.for_writer(out), last: Vec::new() }
            }
            RdfFormat::JsonLd => {
                let mut json = JsonLdSerializer::new();
                for (name, iri) in PREFIXES {
                    json = json.with_prefix(name, iri).expect("because the prefixes are IRIs");
                }
                Form::JsonLd(json.for_writer(out))
            }
        })
    }

    /// Writes one fact. In Turtle those of a subject stand together if they come one after the other.
    ///
    /// # Errors
    /// When `W` cannot be written.
    pub fn fact(&mut self, fact: &Fact) -> io::Result<()> {
        let object = match &fact.object {
            Term::Iri(iri) => TermRef::NamedNode(node(iri)),
            Term::Literal(literal) => TermRef::Literal(value(literal)),
        };
        self.triple(TripleRef::new(node(&fact.subject), node(&fact.predicate), object))
    }

    /// Writes one triple.
    pub(crate) fn triple(&mut self, triple: TripleRef<'_>) -> io::Result<()> {
        match &mut self.0 {
            Form::NTriples(out) => writeln!(out, "{triple} ."),
            Form::Turtle { serializer, last } => {
                if has_unseen_name(triple) {
                    last.push(triple.into_owned());
                    return Ok(());
                }
                serializer.serialize_triple(triple)
            }
            Form::JsonLd(serializer) => {
                serializer.serialize_quad(triple.in_graph(GraphNameRef::DefaultGraph))
            }
        }
    }

    /// Ends the document, and gives back what it was written to.
    ///
    /// # Errors
    /// When `W` cannot be written.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {
            Form::NTriples(out) => Ok(out),
            Form::Turtle { serializer, last } => {
                let mut out = serializer.finish()?;
                last.iter().try_for_each(|triple| writeln!(out, "{triple} ."))?;
                Ok(out)
            }
            Form::JsonLd(serializer) => {
                let mut out = serializer.finish()?;
                writeln!(out)?;
                Ok(out)
            }
        }
    }
}

/// Whether an IRI has characters that have to be spelled out to be seen. Between angle brackets they can be, behind
/// a prefix they cannot; these are the ones that may stand there.
fn has_unseen_name(triple: TripleRef<'_>) -> bool {
    let is_unseen = |c: char| {
        matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200c}' | '\u{200d}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
    };
    let unseen = |iri: NamedNodeRef<'_>| iri.as_str().contains(is_unseen);
    let datatype = match triple.object {
        TermRef::Literal(literal) => Some(literal.datatype()),
        TermRef::NamedNode(object) => Some(object),
        TermRef::BlankNode(_) => None,
    };
    let subject = match triple.subject {
        oxrdf::NamedOrBlankNodeRef::NamedNode(subject) => Some(subject),
        oxrdf::NamedOrBlankNodeRef::BlankNode(_) => None,
    };
    [subject, Some(triple.predicate), datatype].into_iter().flatten().any(unseen)
}

fn node(iri: &Iri) -> NamedNodeRef<'_> {
    NamedNodeRef::new_unchecked(iri.as_str())
}

fn value(literal: &Literal) -> LiteralRef<'_> {
    match &literal.language {
        Some(language) => {
            LiteralRef::new_language_tagged_literal_unchecked(&literal.lexical, language)
        }
        None => LiteralRef::new_typed_literal(&literal.lexical, node(&literal.datatype)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::read::{Format, read_triples};

    fn facts() -> Vec<Fact> {
        let dbr = |name: &str| Iri::new(&format!("http://dbpedia.org/resource/{name}")).unwrap();
        let date = Iri::new("http://www.w3.org/2001/XMLSchema#date").unwrap();
        let objects = [
            Term::Iri(dbr("Rome")),
            Term::Iri(dbr("a\u{200c}b")),
            Term::Literal(Literal::in_language("R\"om\n\u{9b}", "de")),
            Term::Literal(Literal::typed("2001-01-01", date)),
            Term::Literal(Literal::text("")),
        ];
        let of = |object| Fact { subject: dbr("Tower_(x)"), predicate: dbr("is"), object };
        objects.into_iter().map(of).collect()
    }

    #[test]
    fn what_is_written_reads_as_it_was() {
        for (format, read) in [
            (RdfFormat::NTriples, Format::NTriples),
            (RdfFormat::Turtle, Format::Turtle),
            (RdfFormat::JsonLd, Format::JsonLd),
        ] {
            let mut writer = RdfWriter::new(format, Vec::new());
            facts().iter().for_each(|fact| writer.fact(fact).unwrap());
            let text = writer.finish().unwrap();
            let triples = read_triples(text.as_slice(), read, "written");
            let mut read: Vec<Fact> = triples.map(|triple| triple.unwrap().0).collect();
            let mut wanted = facts();
            read.sort();
            wanted.sort();
            assert_eq!(read, wanted, "{}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn turtle_has_prefixes_where_names_are_seen() {
        let mut writer = RdfWriter::new(RdfFormat::Turtle, Vec::new());
        facts().iter().for_each(|fact| writer.fact(fact).unwrap());
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        assert!(text.contains("dbr:Tower_\\(x\\) dbr:is dbr:Rome"), "{text}");
        assert!(text.ends_with("<http://dbpedia.org/resource/a\u{200c}b> .\n"), "{text}");
    }
}
