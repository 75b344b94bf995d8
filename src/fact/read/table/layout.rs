//! What is in which column, and what a row says.

use std::{borrow::Cow, collections::BTreeSet, str::FromStr};

use super::{
    Base, Table, TableKind,
    things::{predicate, written},
};
use crate::fact::{
    read::{Item, Problem, ReadError, chosen::Source, limits::LITERAL},
    term::{Iri, IriError, Literal, Term},
    triple::Fact,
    vocabulary::{self, LABEL},
};

/// A column that the user names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What is in it.
    part: Part,
    /// Its name, or its number from 1.
    name: String,
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Subject,
    Predicate,
    Object,
    /// Names for the three.
    SubjectLabel,
    PredicateLabel,
    ObjectLabel,
    /// Of the names, and of an object that is a text.
    Language,
    /// Of an object that is a value.
    Datatype,
    /// Objects of this predicate.
    Of(Iri),
}

/// What parts are called.
const PARTS: [(Part, &str); 8] = [
    (Part::Subject, "subject"),
    (Part::Predicate, "predicate"),
    (Part::Object, "object"),
    (Part::SubjectLabel, "subject_label"),
    (Part::PredicateLabel, "predicate_label"),
    (Part::ObjectLabel, "object_label"),
    (Part::Language, "language"),
    (Part::Datatype, "datatype"),
];

/// Why a text names no column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnError {
    /// There is no equals sign in it.
    #[error("{0:?} is not PART=COLUMN, such as subject=City")]
    Form(String),
    /// There is no such part.
    #[error(
        "{part:?} is neither subject, predicate, object, subject_label, predicate_label, object_label, language nor \
         datatype, and no predicate: {why}"
    )]
    Part {
        /// What stands there.
        part: String,
        /// Why it is no predicate.
        why: IriError,
    },
}

impl FromStr for Column {
    type Err = ColumnError;

    fn from_str(text: &str) -> Result<Self, ColumnError> {
        // Column names are behind the last one: IRIs may have equals signs.
        let (part, name) = text
            .rsplit_once('=')
            .filter(|(part, name)| !part.is_empty() && !name.is_empty())
            .ok_or_else(|| ColumnError::Form(text.to_owned()))?;
        let of = |why| ColumnError::Part { part: part.to_owned(), why };
        let part =
            Part::called(part).map_or_else(|| predicate(part).map(Part::Of).map_err(of), Ok)?;
        Ok(Self { part, name: name.to_owned() })
    }
}

impl Part {
    /// The part with this name, whatever its capitals.
    fn called(name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase().replace([' ', '-'], "_");
        let found = PARTS.iter().find(|(_, known)| *known == name);
        found.map(|(part, _)| part.clone())
    }
}

impl Part {
    /// What a column holds that is called so; a predicate's objects where it is called as one. A thing of Wikidata is
    /// none: `Q1` may be a quarter.
    fn of_header(name: &str) -> Option<Self> {
        let predicate = || written(name).filter(|_| !name.starts_with('Q'))?.ok().map(Self::Of);
        Self::called(name).or_else(predicate)
    }
}

/// What is in which column.
#[derive(Debug)]
pub(in crate::fact::read) struct Layout {
    base: Option<Base>,
    /// Whether columns are fields of objects, which have no order.
    has_fields: bool,
    /// The names of the columns, by number from 0.
    names: Vec<String>,
    subject: usize,
    /// Where a row has its predicate and object.
    fact: Option<(usize, usize)>,
    /// Where there are objects of which predicate.
    of: Vec<(usize, Iri)>,
    /// Where the names are of subject, predicate and object.
    labels: [Option<usize>; 3],
    language: Option<usize>,
    datatype: Option<usize>,
}

/// What is in a cell.
#[derive(Debug)]
pub(super) enum Value<'t> {
    Text(Cow<'t, str>),
    /// A value of this type, the last part of its IRI in XML Schema.
    Typed(String, &'static str),
}

impl Value<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text.trim(),
            Self::Typed(text, _) => text,
        }
    }
}

impl Layout {
    /// That of a table whose columns have these names. `source` notes those from which nothing is taken.
    pub(super) fn of(table: &Table, names: Vec<String>, source: &Source) -> Result<Self, Problem> {
        let wrong = |why: String| Problem::Columns { why, names: names.clone() };
        let mut parts: Vec<(usize, Part)> = Vec::new();
        for Column { part, name } in &table.columns {
            let number = name.parse().ok().filter(|number| (1..=names.len()).contains(number));
            let by_name = names.iter().position(|known| known == name);
            let at = by_name.or_else(|| number.map(|number| number - 1));
            let at = at.ok_or_else(|| wrong(format!("there is no column {name:?}")))?;
            parts.push((at, part.clone()));
        }
        if !table.header && table.columns.is_empty() {
            let default = [Part::Subject, Part::Predicate, Part::Object];
            parts = default.into_iter().enumerate().take(names.len()).collect();
        }
        for (at, name) in names.iter().enumerate() {
            if parts.iter().any(|(taken, _)| *taken == at) {
                continue;
            }
            match Part::of_header(name).filter(|part| !parts.iter().any(|(_, other)| other == part))
            {
                Some(part) => parts.push((at, part)),
                None => source.unused(name),
            }
        }
        let mut seen = BTreeSet::new();
        for (_, part) in &parts {
            if !seen.insert(part) {
                return Err(wrong("two columns are named for the same".to_owned()));
            }
        }
        let at = |part: Part| parts.iter().find(|(_, known)| *known == part).map(|(at, _)| *at);
        let subject = at(Part::Subject).ok_or_else(|| wrong("none is the subject".to_owned()))?;
        let fact = match (at(Part::Predicate), at(Part::Object)) {
            (Some(predicate), Some(object)) => Some((predicate, object)),
            (None, None) => None,
            (Some(_), None) => return Err(wrong("none is the object".to_owned())),
            (None, Some(_)) => return Err(wrong("none is the predicate".to_owned())),
        };
        let of = parts.iter().filter_map(|(at, part)| match part {
            Part::Of(predicate) => Some((*at, predicate.clone())),
            _ => None,
        });
        let of: Vec<_> = of.collect();
        if fact.is_none() && of.is_empty() {
            return Err(wrong("none is the predicate, and none has objects of one".to_owned()));
        }
        let labels = [Part::SubjectLabel, Part::PredicateLabel, Part::ObjectLabel].map(at);
        let (language, datatype) = (at(Part::Language), at(Part::Datatype));
        let (base, has_fields) = (table.base.clone(), table.kind == TableKind::JsonLines);
        Ok(Self { base, has_fields, subject, fact, of, labels, language, datatype, names })
    }

    /// That of JSON objects, which name their fields themselves: what the user names, and parts by their own names.
    pub(in crate::fact::read) fn of_objects(
        table: &Table,
        source: &Source,
    ) -> Result<Self, Problem> {
        let given = |part: &Part| table.columns.iter().any(|column| column.part == *part);
        let of_one = table.columns.iter().any(|column| matches!(column.part, Part::Of(_)));
        let is_fact = |part: &Part| matches!(part, Part::Predicate | Part::Object);
        let says_facts = !of_one || given(&Part::Predicate) || given(&Part::Object);
        let mut names: Vec<String> =
            table.columns.iter().map(|column| column.name.clone()).collect();
        let others = PARTS.iter().filter(|(part, name)| {
            !given(part) && (says_facts || !is_fact(part)) && !names.iter().any(|own| own == name)
        });
        let others: Vec<String> = others.map(|(_, name)| (*name).to_owned()).collect();
        names.extend(others);
        Self::of(&Table { header: true, ..table.clone() }, names, source)
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Says what is wrong with a cell.
    pub(super) fn wrong(&self, at: usize, why: &str) -> Problem {
        Problem::Cell { place: self.place(at), why: why.to_owned() }
    }

    fn place(&self, at: usize) -> String {
        let name = self.names.get(at).map(String::as_str).unwrap_or_default();
        if self.has_fields {
            format!("field {name}")
        } else {
            format!("column {} ({name})", at + 1)
        }
    }
}

/// What rows say, one after another.
pub(super) struct Rows<'l> {
    layout: &'l Layout,
    /// Things that were named already, by whom they were named and how: each is named once.
    named: BTreeSet<(Iri, Literal)>,
    /// What the last row says, the last of it first.
    ready: Vec<Fact>,
}

impl<'l> Rows<'l> {
    pub(super) const fn new(layout: &'l Layout) -> Self {
        Self { layout, named: BTreeSet::new(), ready: Vec::new() }
    }

    /// What was said and not yet taken.
    pub(super) fn next(&mut self) -> Option<Fact> {
        self.ready.pop()
    }

    /// Has the next row say what it does; `cell` gives what is in a column, which is nothing where it is empty.
    pub(super) fn say<'t>(
        &mut self,
        cell: impl Fn(usize) -> Result<Option<Value<'t>>, Problem>,
    ) -> Result<(), Problem> {
        let said = self.facts(cell);
        if said.is_err() {
            self.ready.clear();
        }
        // They are taken from the end.
        self.ready.reverse();
        said
    }

    fn facts<'t>(
        &mut self,
        cell: impl Fn(usize) -> Result<Option<Value<'t>>, Problem>,
    ) -> Result<(), Problem> {
        let layout = self.layout;
        let optional = |at: Option<usize>| at.map_or(Ok(None), &cell);
        let language = match optional(layout.language)? {
            Some(tag) => Some(layout.tag(tag.text())?),
            None => None,
        };
        let language = language.as_deref();
        let datatype = match (layout.datatype, optional(layout.datatype)?) {
            (Some(at), Some(datatype)) => Some(layout.datatype(at, datatype.text())?),
            _ => None,
        };
        let [subject_label, predicate_label, object_label] = layout.labels;
        let about = cell(layout.subject)?;
        let about = about.ok_or_else(|| layout.wrong(layout.subject, "is empty"))?;
        let label = optional(subject_label)?;
        let subject = self.thing(layout.subject, &about, label.as_ref(), language)?;
        if let Some((predicate_at, object_at)) = layout.fact {
            let written = cell(predicate_at)?;
            let written = written.ok_or_else(|| layout.wrong(predicate_at, "is empty"))?;
            let label = optional(predicate_label)?;
            let predicate = self.thing(predicate_at, &written, label.as_ref(), language)?;
            let object = cell(object_at)?;
            let object = object.ok_or_else(|| layout.wrong(object_at, "is empty"))?;
            let label = optional(object_label)?;
            let object = if vocabulary::is_term(&predicate) {
                layout.value(object_at, &object, language, Some(&Datatype::Text))?
            } else {
                self.object(object_at, &object, label.as_ref(), language, datatype.as_ref())?
            };
            self.ready.push(Fact { subject: subject.clone(), predicate, object });
        }
        for (at, predicate) in &layout.of {
            let Some(object) = cell(*at)? else { continue };
            let object = if vocabulary::is_term(predicate) {
                layout.value(*at, &object, language, Some(&Datatype::Text))?
            } else {
                self.object(*at, &object, None, language, datatype.as_ref())?
            };
            let (subject, predicate) = (subject.clone(), predicate.clone());
            self.ready.push(Fact { subject, predicate, object });
        }
        Ok(())
    }

    /// What `value` is the IRI or the name of. A name, and the `label` that is given, become labels.
    fn thing(
        &mut self,
        at: usize,
        value: &Value<'_>,
        label: Option<&Value<'_>>,
        language: Option<&str>,
    ) -> Result<Iri, Problem> {
        let layout = self.layout;
        let text = value.text();
        let (iri, name) = match written(text) {
            Some(iri) => (iri.map_err(|error| layout.no_iri(at, &error))?, None),
            None => (layout.minted(at, text)?, Some(text)),
        };
        let name = label.map(Value::text).or(name);
        if let Some(name) = name {
            let name = match language {
                Some(language) => Literal::in_language(name, language),
                None => Literal::text(name),
            };
            if self.named.insert((iri.clone(), name.clone())) {
                let predicate = Iri::new(LABEL).expect("because the vocabulary's names are IRIs");
                let object = Term::Literal(name);
                self.ready.push(Fact { subject: iri.clone(), predicate, object });
            }
        }
        Ok(iri)
    }

    fn object(
        &mut self,
        at: usize,
        value: &Value<'_>,
        label: Option<&Value<'_>>,
        language: Option<&str>,
        datatype: Option<&Datatype>,
    ) -> Result<Term, Problem> {
        if datatype.is_some() || matches!(value, Value::Typed(..)) {
            return self.layout.value(at, value, language, datatype);
        }
        self.thing(at, value, label, language).map(Term::Iri)
    }
}

/// What a value is.
enum Datatype {
    /// A text, in the row's language if it has one.
    Text,
    Of(Iri),
}

impl Layout {
    fn tag(&self, text: &str) -> Result<String, Problem> {
        let is_tag = text.len() <= 35
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.split('-').all(|part| {
                (1..=8).contains(&part.len())
                    && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
        let at = self.language.unwrap_or_default();
        let wrong = || {
            self.wrong(
                at,
                &format!("has {text:?}, which is no tag of a language, such as en or pt-BR"),
            )
        };
        if is_tag { Ok(text.to_owned()) } else { Err(wrong()) }
    }

    fn datatype(&self, at: usize, text: &str) -> Result<Datatype, Problem> {
        if ["text", "string", "xsd:string", "langString", "rdf:langString"].contains(&text) {
            return Ok(Datatype::Text);
        }
        let wrong = |why: &str| {
            self.wrong(
                at,
                &format!("has {text:?}, which is no datatype, such as text or xsd:date: {why}"),
            )
        };
        match written(text) {
            Some(Ok(iri)) => Ok(Datatype::Of(iri)),
            Some(Err(error)) => Err(wrong(&error.why)),
            None => Err(wrong("it is no IRI")),
        }
    }

    fn value(
        &self,
        at: usize,
        value: &Value<'_>,
        language: Option<&str>,
        datatype: Option<&Datatype>,
    ) -> Result<Term, Problem> {
        let text = value.text();
        if text.len() > LITERAL {
            return Err(self.wrong(at, "is longer than 16 MiB"));
        }
        let xsd = |name: &str| {
            Iri::new(&format!("http://www.w3.org/2001/XMLSchema#{name}"))
                .expect("because the names of XML Schema are IRIs")
        };
        Ok(Term::Literal(match (datatype, value, language) {
            (Some(Datatype::Of(iri)), ..) => Literal::typed(text, iri.clone()),
            (None, Value::Typed(_, name), _) => Literal::typed(text, xsd(name)),
            (_, _, Some(language)) => Literal::in_language(text, language),
            _ => Literal::text(text),
        }))
    }

    fn no_iri(&self, at: usize, IriError { text, why }: &IriError) -> Problem {
        self.wrong(at, &format!("has {text:?}, which is not an absolute IRI: {why}"))
    }

    fn minted(&self, at: usize, name: &str) -> Result<Iri, Problem> {
        if !name.contains(char::is_alphanumeric) {
            return Err(self.wrong(at, &format!("has {name:?}, which is no name")));
        }
        match &self.base {
            Some(base) => base.mint(name),
            None => {
                let name = name.chars().take(100).collect();
                Err(Problem::NoBase { place: self.place(at), name })
            }
        }
    }
}

/// Gives an item its place.
pub(super) fn placed(result: Result<Fact, Problem>, source: &Source, line: u64) -> Item {
    let position = source.at(line);
    match result {
        Ok(fact) => Ok((fact, position)),
        Err(problem) => Err(ReadError { position, problem }),
    }
}
