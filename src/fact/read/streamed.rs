//! Any format, parsed by one thread.

use std::io::BufRead;

use oxrdf::Quad;

use super::{
    Format, Graphs, Item, Position, Problem, ReadError,
    chosen::Source,
    json::Json,
    limits::{EXPANDED, EXPANSION, IRI, LITERAL},
    terse::Terse,
    xml::Xml,
};
use crate::fact::{
    read::parsed::{NO_BASE, Parsed, Wrong},
    term::{Iri, Literal, Term},
    triple::Fact,
};

/// The triples of a reader, one by one, and what is wrong with others, as far as the parser goes on.
pub(super) struct Streamed<R: BufRead> {
    parser: Option<Parser<R>>,
    source: Source,
    /// Bytes of the triples so far.
    made: u64,
}

enum Parser<R: BufRead> {
    Terse(Terse<R>),
    Xml(Xml<R>),
    Json(Json),
}

impl<R: BufRead> Streamed<R> {
    pub(super) fn new(reader: R, format: Format, source: Source, lines_before: u64) -> Self {
        let parser = match format {
            Format::RdfXml => Parser::Xml(Xml::new(reader)),
            Format::JsonLd => Parser::Json(Json::new(reader)),
            _ => Parser::Terse(Terse::new(reader, format, lines_before)),
        };
        Self { parser: Some(parser), source, made: 0 }
    }

    fn parsed(&mut self) -> Option<Parsed> {
        match self.parser.as_mut()? {
            Parser::Terse(parser) => parser.next(),
            Parser::Xml(parser) => parser.next(),
            Parser::Json(parser) => parser.next(),
        }
    }

    /// Makes sure that triples are not out of all proportion to what was read, as where each repeats a long name
    /// that is written once.
    fn weigh(&mut self, fact: &Fact) -> Result<(), Problem> {
        let object = match &fact.object {
            Term::Iri(iri) => iri.as_str().len(),
            Term::Literal(literal) => literal.lexical.len() + literal.datatype.as_str().len(),
        };
        self.made += (fact.subject.as_str().len() + fact.predicate.as_str().len() + object) as u64;
        if self.made <= EXPANDED {
            return Ok(());
        }
        let read = match &self.parser {
            Some(Parser::Terse(parser)) => parser.bytes(),
            Some(Parser::Xml(parser)) => parser.bytes(),
            // Weighed before it is parsed.
            Some(Parser::Json(_)) | None => return Ok(()),
        };
        if self.made > EXPANDED + EXPANSION * read {
            return Err(Problem::Expansion { times: EXPANSION });
        }
        Ok(())
    }
}

impl<R: BufRead> Iterator for Streamed<R> {
    type Item = Item;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(parsed) = self.parsed() else {
                self.parser = None;
                return None;
            };
            let wrong = match parsed {
                Ok((quad, line)) => match fact(quad, &self.source) {
                    Ok(None) => continue,
                    Ok(Some(fact)) => match self.weigh(&fact) {
                        Ok(()) => return Some(Ok((fact, self.source.at(line)))),
                        Err(problem) => Wrong::at(line, problem),
                    },
                    Err(problem) => Wrong { goes_on: true, ..Wrong::at(line, problem) },
                },
                Err(wrong) => wrong,
            };
            let Wrong { problem, line, column, goes_on } = wrong;
            if !goes_on {
                self.parser = None;
            }
            let position = Position { column, ..self.source.at(line) };
            return Some(Err(ReadError { position, problem }));
        }
    }
}

/// What `quad` says; nothing where it is left out.
pub(super) fn fact(quad: Quad, source: &Source) -> Result<Option<Fact>, Problem> {
    let Quad { subject, predicate, object, graph_name } = quad;
    if !source.takes_graph(&graph_name)? {
        return Ok(None);
    }
    let subject = match subject {
        oxrdf::NamedOrBlankNode::NamedNode(node) => iri(node)?,
        oxrdf::NamedOrBlankNode::BlankNode(node) => {
            return source.blank("subject", &node, &predicate);
        }
    };
    let object = match object {
        oxrdf::Term::NamedNode(node) => Term::Iri(iri(node)?),
        oxrdf::Term::Literal(literal) if literal.value().len() > LITERAL => {
            return Err(Problem::too_long("a literal", LITERAL));
        }
        oxrdf::Term::Literal(literal) => Term::Literal(Literal::parsed(literal)),
        oxrdf::Term::BlankNode(node) => return source.blank("object", &node, &predicate),
    };
    Ok(Some(Fact { subject, predicate: iri(predicate)?, object }))
}

fn iri(node: oxrdf::NamedNode) -> Result<Iri, Problem> {
    if node.as_str().len() > IRI {
        return Err(Problem::too_long("an IRI", IRI));
    }
    match node.as_str().strip_prefix(NO_BASE) {
        Some(relative) => Err(Problem::RelativeIri(format!("{relative:?}"))),
        None => Ok(Iri::parsed(node)),
    }
}

impl Source {
    /// Whether triples of `graph` are wanted.
    fn takes_graph(&self, graph: &oxrdf::GraphName) -> Result<bool, Problem> {
        let takes = match (&self.choice.graphs, graph) {
            (Graphs::All, _) | (Graphs::Default, oxrdf::GraphName::DefaultGraph) => true,
            (Graphs::Default, _) => return Err(Problem::NamedGraph(graph.to_string())),
            (Graphs::Named(wanted), oxrdf::GraphName::NamedNode(graph)) => {
                wanted.as_str() == graph.as_str()
            }
            (Graphs::Named(_), _) => false,
        };
        if !takes {
            self.left_in_graph();
        }
        Ok(takes)
    }

    /// What becomes of a triple with a blank node.
    fn blank(
        &self,
        role: &'static str,
        node: &oxrdf::BlankNode,
        predicate: &oxrdf::NamedNode,
    ) -> Result<Option<Fact>, Problem> {
        if self.choice.skip_blank {
            self.left_blank(predicate.as_str());
            return Ok(None);
        }
        Err(Problem::BlankNode { role, node: node.to_string() })
    }
}
