//! R2RML read as a mapping: what is said of triples maps, and what of it makes no sense.
//!
//! All mistakes are found before a row is read.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use oxrdf::{NamedNode, NamedOrBlankNode, Term, Triple};

use super::{
    error::SqlError,
    mapping::{Mapping, Object, Property, RR, Table, TriplesMap},
    names::{Name, parts},
    term::{Kind, TermMap, Value},
};
use crate::fact::read::{Mistakes, NO_BASE, Position, read_graph};

const TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
/// Bytes of a mapping that are read: those of an export of a hundred thousand predicates.
const LONGEST: usize = 64 << 20;
/// Mistakes that are listed.
const LISTED: usize = Mistakes::LISTED;

/// What the vocabulary has.
const TERMS: [&str; 25] = [
    "logicalTable",
    "tableName",
    "sqlQuery",
    "sqlVersion",
    "subjectMap",
    "subject",
    "class",
    "graphMap",
    "graph",
    "predicateObjectMap",
    "predicateMap",
    "predicate",
    "objectMap",
    "object",
    "constant",
    "column",
    "template",
    "termType",
    "language",
    "datatype",
    "inverseExpression",
    "parentTriplesMap",
    "joinCondition",
    "child",
    "parent",
];

/// The versions of SQL that have a name.
const VERSIONS: [&str; 14] = [
    "SQL2008",
    "Oracle",
    "MySQL",
    "MSSQLServer",
    "HSQLDB",
    "PostgreSQL",
    "DB2",
    "Informix",
    "Ingres",
    "Progress",
    "SybaseASE",
    "SybaseSQLAnywhere",
    "Virtuoso",
    "Firebird",
];

impl Mapping {
    /// Reads a mapping in Turtle, which `name` names in messages. Relative IRIs in it are under `base`, where one is
    /// given.
    ///
    /// # Errors
    /// When it is no Turtle or no mapping; all mistakes are found.
    pub fn parse(text: &str, name: &str, base: Option<&str>) -> Result<Self, SqlError> {
        if text.len() > LONGEST {
            return Err(SqlError::LongMapping { name: name.to_owned(), most: LONGEST });
        }
        let triples = read_graph(text.as_bytes(), (name, base.unwrap_or(NO_BASE)));
        let triples = triples.map_err(|mistakes| {
            let wrong = mistakes.first.iter().map(|error| {
                let Position { line, .. } = error.position;
                (line, error.problem.to_string())
            });
            SqlError::Mapping {
                name: name.to_owned(),
                wrong: wrong.collect(),
                total: mistakes.total,
            }
        })?;
        let mut reading = Reading::of(&triples);
        let mapping = reading.mapping();
        let mut wrong = reading.wrong;
        if wrong.is_empty() {
            return Ok(mapping);
        }
        wrong.sort();
        wrong.dedup();
        let total = wrong.len() as u64;
        wrong.truncate(LISTED);
        Err(SqlError::Mapping { name: name.to_owned(), wrong, total })
    }
}

/// What is said of one node, and in which line.
type Said<'t> = Vec<(&'t str, &'t Term, u64)>;

/// A graph that is read as a mapping.
struct Reading<'t> {
    nodes: IndexMap<&'t NamedOrBlankNode, Said<'t>>,
    wrong: Vec<(u64, String)>,
}

/// A node that is read, by its name or as a blank one.
#[derive(Clone, Copy)]
struct Node<'t> {
    term: &'t Term,
    line: u64,
}

impl<'t> Reading<'t> {
    fn of(triples: &'t [(Triple, u64)]) -> Self {
        let mut reading = Self { nodes: IndexMap::new(), wrong: Vec::new() };
        for (triple, line) in triples {
            let predicate = triple.predicate.as_str();
            if let Some(name) = predicate.strip_prefix(RR)
                && !TERMS.contains(&name)
            {
                reading.wrong(*line, format!("R2RML has no rr:{name}"));
            }
            let said = reading.nodes.entry(&triple.subject).or_default();
            said.push((predicate, &triple.object, *line));
        }
        reading
    }

    fn wrong(&mut self, line: u64, why: impl Into<String>) {
        self.wrong.push((line, why.into()));
    }

    fn said(&self, term: &Term) -> &[(&'t str, &'t Term, u64)] {
        let node = match term {
            Term::NamedNode(node) => NamedOrBlankNode::NamedNode(node.clone()),
            Term::BlankNode(node) => NamedOrBlankNode::BlankNode(node.clone()),
            Term::Literal(_) => return &[],
        };
        self.nodes.get(&node).map_or(&[], Vec::as_slice)
    }

    /// All that `name` of the vocabulary says of a node.
    fn all(&self, term: &Term, name: &str) -> Vec<Node<'t>> {
        let named = |predicate: &str| predicate.strip_prefix(RR) == Some(name);
        let said = self.said(term).iter().filter(|(predicate, ..)| named(predicate));
        said.map(|(_, term, line)| Node { term, line: *line }).collect()
    }

    /// The one thing that it says, if it says something.
    fn one(&mut self, node: Node<'t>, name: &str) -> Option<Node<'t>> {
        let all = self.all(node.term, name);
        if let [_, second, ..] = all.as_slice() {
            self.wrong(second.line, format!("there is more than one rr:{name}"));
        }
        all.first().copied()
    }

    /// The text that it says.
    fn text(&mut self, node: Node<'t>, name: &str) -> Option<&'t str> {
        let found = self.one(node, name)?;
        match found.term {
            Term::Literal(text) => Some(text.value()),
            _ => {
                self.wrong(found.line, format!("rr:{name} wants a text"));
                None
            }
        }
    }

    /// The IRI that it says.
    fn iri(&mut self, found: Node<'t>, name: &str) -> Option<&'t NamedNode> {
        if let Term::NamedNode(iri) = found.term {
            return Some(iri);
        }
        self.wrong(found.line, format!("rr:{name} wants an IRI"));
        None
    }

    fn mapping(&mut self) -> Mapping {
        let is_map = |said: &Said<'t>| {
            said.iter().any(|(predicate, object, _)| {
                let parts = ["logicalTable", "subjectMap", "subject", "predicateObjectMap"];
                predicate.strip_prefix(RR).is_some_and(|name| parts.contains(&name))
                    || (*predicate == TYPE && matches!(object, Term::NamedNode(class) if class.as_str() == format!("{RR}TriplesMap")))
            })
        };
        let found = self.nodes.iter().filter(|(_, said)| is_map(said));
        let found: Vec<(Term, u64)> = found
            .map(|(node, said)| {
                ((*node).clone().into(), said.first().map_or(1, |(_, _, line)| *line))
            })
            .collect();
        if found.is_empty() {
            self.wrong(1, "there is no triples map in it: nothing has an rr:logicalTable");
        }
        let numbers: BTreeMap<String, usize> = found
            .iter()
            .enumerate()
            .map(|(number, (term, _))| (term.to_string(), number))
            .collect();
        let mut maps = Vec::new();
        for (number, (term, line)) in found.iter().enumerate() {
            let name = match term {
                Term::NamedNode(iri) => short(iri.as_str()),
                _ => format!("triples map {}", number + 1),
            };
            if let Some(map) = self.triples_map(term, *line, name, &numbers) {
                maps.push(map);
            }
        }
        self.references(&maps);
        Mapping { maps }
    }

    /// A parent without a join condition is of the child's own rows.
    fn references(&mut self, maps: &[TriplesMap]) {
        if !self.wrong.is_empty() {
            return;
        }
        let mut wrong = Vec::new();
        for map in maps {
            for object in map.properties.iter().flat_map(|property| &property.objects) {
                if let Object::Parent { map: parent, joins } = object
                    && joins.is_empty()
                    && maps[*parent].table != map.table
                {
                    let (child, parent) = (&map.name, &maps[*parent].name);
                    wrong.push((1, format!("{child} has {parent} as a parent without an rr:joinCondition, and they have not the same table")));
                }
            }
        }
        self.wrong.extend(wrong);
    }

    fn triples_map(
        &mut self,
        term: &Term,
        line: u64,
        name: String,
        numbers: &BTreeMap<String, usize>,
    ) -> Option<TriplesMap> {
        // What is said of it lives as long as the graph.
        let said = self.said(term).to_vec();
        let of = |wanted: &str| -> Vec<Node<'t>> {
            let named =
                said.iter().filter(|(predicate, ..)| predicate.strip_prefix(RR) == Some(wanted));
            named.map(|(_, term, line)| Node { term, line: *line }).collect()
        };
        let (tables, subjects, shortcuts) = (of("logicalTable"), of("subjectMap"), of("subject"));
        let table = match tables.as_slice() {
            [table] => self.table(*table),
            [] => {
                self.wrong(line, format!("{name} has no rr:logicalTable"));
                None
            }
            [_, second, ..] => {
                self.wrong(second.line, format!("{name} has more than one rr:logicalTable"));
                None
            }
        };
        let (mut classes, mut graphs) = (Vec::new(), Vec::new());
        let subject = match (subjects.as_slice(), shortcuts.as_slice()) {
            ([subject], []) => {
                for class in self.all(subject.term, "class") {
                    classes.extend(self.iri(class, "class").cloned());
                }
                graphs = self.graphs(*subject);
                self.term_map(*subject, Role::Subject)
            }
            ([], [subject]) => self.constant(*subject, Role::Subject),
            ([], []) => {
                self.wrong(line, format!("{name} has no rr:subjectMap"));
                None
            }
            _ => {
                self.wrong(line, format!("{name} has more than one rr:subjectMap or rr:subject"));
                None
            }
        };
        let mut properties = Vec::new();
        for node in of("predicateObjectMap") {
            properties.push(self.property(node, numbers));
        }
        Some(TriplesMap { name, table: table?, subject: subject?, classes, graphs, properties })
    }

    fn table(&mut self, node: Node<'t>) -> Option<Table> {
        let (name, query) = (self.text(node, "tableName"), self.text(node, "sqlQuery"));
        for version in self.all(node.term, "sqlVersion") {
            let known = match version.term {
                Term::NamedNode(iri) => {
                    iri.as_str().strip_prefix(RR).is_none_or(|name| VERSIONS.contains(&name))
                }
                _ => false,
            };
            if !known {
                self.wrong(
                    version.line,
                    format!("{} is no version of SQL that R2RML has a name for", version.term),
                );
            }
        }
        match (name, query) {
            (Some(name), None) => match Name::path(name) {
                Some(path) => Some(Table::Named(path)),
                None => {
                    self.wrong(node.line, format!("{name:?} is no name of a table"));
                    None
                }
            },
            (None, Some(query)) => {
                let query = query.trim().trim_end_matches(|c: char| c == ';' || c.is_whitespace());
                Some(Table::Query(query.to_owned()))
            }
            (None, None) => {
                self.wrong(node.line, "a logical table has an rr:tableName or an rr:sqlQuery");
                None
            }
            (Some(_), Some(_)) => {
                self.wrong(
                    node.line,
                    "a logical table has either an rr:tableName or an rr:sqlQuery, not both",
                );
                None
            }
        }
    }

    fn graphs(&mut self, node: Node<'t>) -> Vec<TermMap> {
        let mut graphs = Vec::new();
        for graph in self.all(node.term, "graph") {
            graphs.extend(self.constant(graph, Role::Graph));
        }
        for map in self.all(node.term, "graphMap") {
            graphs.extend(self.term_map(map, Role::Graph));
        }
        graphs
    }

    fn property(&mut self, node: Node<'t>, numbers: &BTreeMap<String, usize>) -> Property {
        let (mut predicates, mut objects) = (Vec::new(), Vec::new());
        for predicate in self.all(node.term, "predicate") {
            predicates.extend(self.constant(predicate, Role::Predicate));
        }
        for map in self.all(node.term, "predicateMap") {
            predicates.extend(self.term_map(map, Role::Predicate));
        }
        for object in self.all(node.term, "object") {
            objects.extend(self.constant(object, Role::Object).map(Object::Term));
        }
        for map in self.all(node.term, "objectMap") {
            objects.extend(self.object(map, numbers));
        }
        let has = |reading: &Self, names: [&str; 2]| {
            names.iter().any(|name| !reading.all(node.term, name).is_empty())
        };
        if !has(self, ["predicate", "predicateMap"]) {
            self.wrong(
                node.line,
                "an rr:predicateObjectMap has no rr:predicate and no rr:predicateMap",
            );
        }
        if !has(self, ["object", "objectMap"]) {
            self.wrong(node.line, "an rr:predicateObjectMap has no rr:object and no rr:objectMap");
        }
        Property { predicates, objects, graphs: self.graphs(node) }
    }

    fn object(&mut self, node: Node<'t>, numbers: &BTreeMap<String, usize>) -> Option<Object> {
        let Some(parent) = self.one(node, "parentTriplesMap") else {
            return self.term_map(node, Role::Object).map(Object::Term);
        };
        for other in ["constant", "column", "template", "termType", "language", "datatype"] {
            for found in self.all(node.term, other) {
                self.wrong(
                    found.line,
                    format!("an object with an rr:parentTriplesMap has no rr:{other}"),
                );
            }
        }
        let Some(number) = numbers.get(&parent.term.to_string()) else {
            self.wrong(parent.line, format!("{} is no triples map of this mapping", parent.term));
            return None;
        };
        let mut joins = Vec::new();
        for condition in self.all(node.term, "joinCondition") {
            let (child, parent) = (self.text(condition, "child"), self.text(condition, "parent"));
            match (child, parent) {
                (Some(child), Some(parent)) => {
                    joins.push((Name::column(child), Name::column(parent)));
                }
                _ => self
                    .wrong(condition.line, "an rr:joinCondition has an rr:child and an rr:parent"),
            }
        }
        Some(Object::Parent { map: *number, joins })
    }

    /// A term map of one constant.
    fn constant(&mut self, found: Node<'t>, role: Role) -> Option<TermMap> {
        let kind = match found.term {
            Term::NamedNode(_) => Kind::Iri,
            Term::BlankNode(_) => Kind::Blank,
            Term::Literal(_) => Kind::Literal,
        };
        if kind == Kind::Blank || !role.takes(kind) {
            self.wrong(found.line, format!("{} cannot be {}", found.term, role.name()));
            return None;
        }
        let value = Value::Constant(found.term.clone());
        Some(TermMap { value, kind, language: None, datatype: None })
    }

    fn term_map(&mut self, node: Node<'t>, role: Role) -> Option<TermMap> {
        let constant = self.one(node, "constant");
        let (named, template) = (self.text(node, "column"), self.text(node, "template"));
        let value = match (constant, named, template) {
            (Some(constant), None, None) => return self.constant(constant, role),
            (None, Some(name), None) => Value::Column(Name::column(name)),
            (None, None, Some(text)) => match parts(text) {
                Ok(parts) => Value::Template(parts),
                Err(why) => {
                    self.wrong(node.line, format!("the template {text:?} {why}"));
                    return None;
                }
            },
            _ => {
                let why =
                    format!("{} has one of rr:constant, rr:column and rr:template", role.name());
                self.wrong(node.line, why);
                return None;
            }
        };
        let language = self.one(node, "language").zip(self.text(node, "language"));
        let datatype = self.one(node, "datatype");
        let datatype = datatype.and_then(|found| self.iri(found, "datatype").cloned());
        let is_value =
            matches!(value, Value::Column(_)) || language.is_some() || datatype.is_some();
        let default = if role == Role::Object && is_value { Kind::Literal } else { Kind::Iri };
        let kind = self.kind(node, role)?.unwrap_or(default);
        if kind != Kind::Literal && (language.is_some() || datatype.is_some()) {
            self.wrong(node.line, "rr:language and rr:datatype are for literals");
        }
        if language.is_some() && datatype.is_some() {
            self.wrong(
                node.line,
                "a literal has either an rr:language or an rr:datatype, not both",
            );
        }
        if let Some((found, tag)) = language
            && !is_tag(tag)
        {
            self.wrong(found.line, format!("{tag:?} is no tag of a language, such as en or pt-BR"));
        }
        Some(TermMap { value, kind, language: language.map(|(_, tag)| tag.to_owned()), datatype })
    }

    /// The kind that a term map wants; nothing where it wants none.
    fn kind(&mut self, node: Node<'t>, role: Role) -> Option<Option<Kind>> {
        let Some(found) = self.one(node, "termType") else { return Some(None) };
        let kind = match found.term {
            Term::NamedNode(iri) => match iri.as_str().strip_prefix(RR) {
                Some("IRI") => Some(Kind::Iri),
                Some("BlankNode") => Some(Kind::Blank),
                Some("Literal") => Some(Kind::Literal),
                _ => None,
            },
            _ => None,
        };
        match kind {
            None => self.wrong(found.line, "an rr:termType is rr:IRI, rr:BlankNode or rr:Literal"),
            Some(kind) if !role.takes(kind) => {
                self.wrong(found.line, format!("{} cannot have this rr:termType", role.name()));
            }
            Some(kind) => return Some(Some(kind)),
        }
        None
    }
}

/// What a term map is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Subject,
    Predicate,
    Object,
    Graph,
}

impl Role {
    const fn takes(self, kind: Kind) -> bool {
        match self {
            Self::Subject => matches!(kind, Kind::Iri | Kind::Blank),
            Self::Predicate | Self::Graph => matches!(kind, Kind::Iri),
            Self::Object => true,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Subject => "a subject",
            Self::Predicate => "a predicate",
            Self::Object => "an object",
            Self::Graph => "a graph",
        }
    }
}

/// The last part of an IRI.
fn short(iri: &str) -> String {
    let end = iri.rfind(['/', '#', ':']).map_or(0, |at| at + 1);
    if iri[end..].is_empty() { iri } else { &iri[end..] }.to_owned()
}

/// Whether `tag` is one of a language. Registered languages have two or three letters.
fn is_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let first = parts.next().unwrap_or_default();
    let language =
        (2..=3).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_alphabetic());
    let private = matches!(first, "x" | "X" | "i" | "I") && tag.len() > 2;
    let is_part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    (language || private) && parts.all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mapping with these statements of one triples map.
    fn mapping(statements: &str) -> Result<Mapping, SqlError> {
        let text = format!(
            "@prefix rr: <{RR}> . @prefix e: <http://e.org/> .\n<#M> rr:logicalTable [ rr:tableName \"T\" ] ;\n{statements} ."
        );
        Mapping::parse(&text, "m.ttl", None)
    }

    fn wrong(statements: &str) -> String {
        mapping(statements).unwrap_err().to_string()
    }

    #[test]
    fn all_mistakes_are_found_with_their_lines() {
        let text = wrong(
            "rr:subjectMap [ rr:template \"{a\" ; rr:clas e:C ] ;\n\
             rr:predicateObjectMap [ rr:predicate \"p\" ;\n\
             rr:objectMap [ rr:column \"a\" ; rr:language \"english\" ] ,\n\
             [ rr:template \"{a}\" ; rr:constant e:c ] ,\n\
             [ rr:parentTriplesMap <#Other> ] ]",
        );
        for part in [
            "m.ttl:3: R2RML has no rr:clas",
            "m.ttl:3: the template \"{a\" has a brace that is never closed",
            "m.ttl:4: \"p\" cannot be a predicate",
            "m.ttl:5: \"english\" is no tag of a language",
            "an object has one of rr:constant, rr:column and rr:template",
            "is no triples map of this mapping",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        assert!(text.starts_with("6 mistakes"), "{text}");
    }

    #[test]
    fn what_is_no_mapping_is_refused() {
        let subject = "rr:subjectMap [ rr:template \"http://e.org/{a}\" ]";
        assert!(mapping(subject).is_ok());
        for (statements, part) in [
            ("rr:predicateObjectMap []".to_owned(), "has no rr:subjectMap"),
            (format!("{subject} , [ rr:column \"a\" ]"), "more than one rr:subjectMap"),
            (
                format!("{subject} ; rr:logicalTable [ rr:sqlQuery \"x\" ]"),
                "more than one rr:logicalTable",
            ),
            (
                "rr:subjectMap [ rr:column \"a\" ; rr:termType rr:Literal ]".to_owned(),
                "cannot have this rr:termType",
            ),
            ("rr:subject \"a\"".to_owned(), "cannot be a subject"),
            (
                format!("{subject} ; rr:predicateObjectMap [ rr:predicate e:p ]"),
                "no rr:object and no",
            ),
            (
                format!("{subject} ; rr:predicateObjectMap [ rr:object e:p ]"),
                "no rr:predicate and no",
            ),
        ] {
            let text = wrong(&statements);
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        let none = Mapping::parse("<http://a.b/c> <http://a.b/d> 1 .", "m.ttl", None).unwrap_err();
        assert!(none.to_string().contains("there is no triples map in it"), "{none}");
        let syntax = Mapping::parse("@prefix rr: <", "m.ttl", None).unwrap_err().to_string();
        assert!(syntax.starts_with("m.ttl:1: "), "{syntax}");
        let nested = format!("<a:b> <a:c> {}", "[ <a:c> ".repeat(2000));
        let nested = Mapping::parse(&nested, "m.ttl", None).unwrap_err().to_string();
        assert!(nested.contains("within one another"), "{nested}");
    }
}
