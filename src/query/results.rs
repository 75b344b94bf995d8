//! Answers: as plain data, and as the formats of the W3C.

use std::io::{self, Write};

use oxrdf::{Term, TermRef, Triple, Variable};
use serde::Serialize;
use sparesults::{
    QueryResultsFormat, QueryResultsSerializer, QuerySolution, WriterSolutionsSerializer,
};

use super::{Form, QueryError};
use crate::fact::write::{RdfFormat, RdfWriter};

/// A format that an answer is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFormat {
    /// SPARQL Query Results JSON.
    Json,
    /// SPARQL Query Results XML.
    Xml,
    /// SPARQL Query Results CSV.
    Csv,
    /// SPARQL Query Results TSV.
    Tsv,
    /// Triples.
    Rdf(RdfFormat),
}

impl AnswerFormat {
    const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Rdf(RdfFormat::NTriples) => "nt",
            Self::Rdf(RdfFormat::Turtle) => "ttl",
            Self::Rdf(RdfFormat::JsonLd) => "jsonld",
        }
    }

    const fn of_rows(self) -> Option<QueryResultsFormat> {
        match self {
            Self::Json => Some(QueryResultsFormat::Json),
            Self::Xml => Some(QueryResultsFormat::Xml),
            Self::Csv => Some(QueryResultsFormat::Csv),
            Self::Tsv => Some(QueryResultsFormat::Tsv),
            Self::Rdf(_) => None,
        }
    }

    /// Makes sure that it can hold the answer to a query of this form.
    ///
    /// # Errors
    /// When it cannot.
    pub const fn fits(self, form: Form) -> Result<(), QueryError> {
        let is_rdf = matches!(self, Self::Rdf(_));
        let (wants_rdf, fits) = match form {
            Form::Select | Form::Ask => (false, "table, json, xml, csv or tsv"),
            Form::Construct | Form::Describe => (true, "ttl, nt or jsonld"),
        };
        if is_rdf == wants_rdf {
            return Ok(());
        }
        Err(QueryError::Format { format: self.name(), form: form.name(), fits })
    }
}

/// A term, as SPARQL's JSON has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Value {
    /// `uri`, `literal` or `bnode`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The IRI, the text, or the node's label.
    pub value: String,
    /// Of a literal that is neither a plain text nor in a language: its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datatype: Option<String>,
    /// Its language.
    #[serde(rename = "xml:lang", skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl From<TermRef<'_>> for Value {
    fn from(term: TermRef<'_>) -> Self {
        let of = |kind, value: &str| Self {
            kind,
            value: value.to_owned(),
            datatype: None,
            language: None,
        };
        match term {
            TermRef::NamedNode(iri) => of("uri", iri.as_str()),
            TermRef::BlankNode(node) => of("bnode", node.as_str()),
            TermRef::Literal(literal) => {
                let language = literal.language().map(str::to_owned);
                let is_plain =
                    language.is_some() || literal.datatype() == oxrdf::vocab::xsd::STRING;
                let datatype = (!is_plain).then(|| literal.datatype().as_str().to_owned());
                Self { datatype, language, ..of("literal", literal.value()) }
            }
        }
    }
}

/// Rows of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// What the columns are called.
    pub variables: Vec<String>,
    /// What stands in them, where anything does.
    pub rows: Vec<Vec<Option<Value>>>,
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Of SELECT.
    Solutions(Rows),
    /// Of ASK.
    Boolean(bool),
    /// Of CONSTRUCT and DESCRIBE: lines of N-Triples.
    Triples(Vec<String>),
    /// It was written as it came.
    Written,
}

/// Where rows go.
pub(super) enum RowSink<W: Write> {
    Format(Box<WriterSolutionsSerializer<W>>),
    Plain(Rows),
}

impl<W: Write> RowSink<W> {
    pub(super) fn begin(
        format: Option<AnswerFormat>,
        out: W,
        variables: &[Variable],
    ) -> io::Result<Self> {
        let Some(format) = format.and_then(AnswerFormat::of_rows) else {
            let variables = variables.iter().map(|variable| variable.as_str().to_owned()).collect();
            return Ok(Self::Plain(Rows { variables, rows: Vec::new() }));
        };
        let serializer = QueryResultsSerializer::from_format(format);
        let begun = serializer.serialize_solutions_to_writer(out, variables.to_vec())?;
        Ok(Self::Format(Box::new(begun)))
    }

    pub(super) fn row(&mut self, solution: &QuerySolution) -> io::Result<()> {
        match self {
            Self::Format(serializer) => serializer.serialize(solution),
            Self::Plain(rows) => {
                let values = solution.values().iter();
                let value = |term: &Option<Term>| term.as_ref().map(|term| term.as_ref().into());
                rows.rows.push(values.map(value).collect());
                Ok(())
            }
        }
    }

    pub(super) fn finish(self) -> io::Result<Answer> {
        match self {
            Self::Format(serializer) => {
                serializer.finish()?.flush()?;
                Ok(Answer::Written)
            }
            Self::Plain(rows) => Ok(Answer::Solutions(rows)),
        }
    }
}

/// Writes yes or no.
pub(super) fn boolean(
    format: Option<AnswerFormat>,
    mut out: impl Write,
    value: bool,
) -> io::Result<Answer> {
    let Some(format) = format.and_then(AnswerFormat::of_rows) else {
        return Ok(Answer::Boolean(value));
    };
    let serializer = QueryResultsSerializer::from_format(format);
    serializer.serialize_boolean_to_writer(&mut out, value)?;
    out.flush()?;
    Ok(Answer::Written)
}

/// Where triples go.
pub(super) enum TripleSink<W: Write> {
    Format(Box<RdfWriter<W>>),
    Plain(Vec<String>),
}

impl<W: Write> TripleSink<W> {
    pub(super) fn begin(format: Option<AnswerFormat>, out: W) -> Self {
        match format {
            Some(AnswerFormat::Rdf(format)) => Self::Format(Box::new(RdfWriter::new(format, out))),
            _ => Self::Plain(Vec::new()),
        }
    }

    pub(super) fn triple(&mut self, triple: &Triple) -> io::Result<()> {
        match self {
            Self::Format(writer) => writer.triple(triple.as_ref()),
            Self::Plain(lines) => {
                lines.push(format!("{triple} ."));
                Ok(())
            }
        }
    }

    pub(super) fn finish(self) -> io::Result<Answer> {
        match self {
            Self::Format(writer) => {
                writer.finish()?.flush()?;
                Ok(Answer::Written)
            }
            Self::Plain(lines) => Ok(Answer::Triples(lines)),
        }
    }
}
