//! The W3C's tests of SPARQL, which rdflib's source package has, run on our index and dataset.
//!
//! `make test-rdf` fetches that package; without it nothing is run, and that is said. What passes is counted, and the
//! count may not fall.

#![expect(
    clippy::print_stderr,
    clippy::panic,
    clippy::unwrap_used,
    reason = "it tells a count, and its functions are tests"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use kledger::query::{Answer, AnswerFormat, Dataset, How, QueryError, Text, Value, run};
use oxrdf::{
    BlankNode, Graph, GraphName, Literal, NamedNode, NamedOrBlankNode, Quad, Term, TermRef, Triple,
    dataset::CanonicalizationAlgorithm,
};
use oxrdfxml::RdfXmlParser;
use oxttl::{NTriplesParser, TurtleParser};
use sparesults::{QueryResultsFormat, QueryResultsParser, ReaderQueryResultsParserOutput};

const MF: &str = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#";
const QT: &str = "http://www.w3.org/2001/sw/DataAccess/tests/test-query#";
const RS: &str = "http://www.w3.org/2001/sw/DataAccess/tests/result-set#";
const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";

/// Where the package has its suites.
const SUITES: &str = "rdf/rdflib-7.6.0/test/data/suites/w3c";

/// The suites, if they were fetched.
fn suites() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let dir = env::var_os("KLEDGER_W3C").map_or_else(|| target.join(SUITES), PathBuf::from);
    if dir.is_dir() {
        return Some(dir);
    }
    eprintln!("SKIPPED: {} is not there: make test-rdf fetches it", dir.display());
    None
}

#[test]
fn sparql_11_queries() {
    let Some(suites) = suites() else { return };
    // Other specifications: entailment, federation, protocols, and updates, of which we have staging.
    let others = [
        "entailment",
        "service",
        "syntax-fed",
        "protocol",
        "service-description",
        "http-rdf-update",
    ];
    let mut count = Count::default();
    let mut dirs: Vec<PathBuf> =
        fs::read_dir(suites.join("sparql11")).unwrap().map(|entry| entry.unwrap().path()).collect();
    dirs.sort();
    for dir in dirs {
        let name = dir.file_name().unwrap().to_str().unwrap().to_owned();
        if dir.join("manifest.ttl").is_file() && !others.contains(&name.as_str()) {
            count.manifest(&dir, &name);
        }
    }
    count.tell("SPARQL 1.1", 271);
}

#[test]
fn dawg_queries() {
    let Some(suites) = suites() else { return };
    let mut count = Count::default();
    let mut dirs: Vec<PathBuf> = fs::read_dir(suites.join("dawg-data-r2"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    dirs.sort();
    for dir in dirs {
        let name = dir.file_name().unwrap().to_str().unwrap().to_owned();
        if dir.join("manifest.ttl").is_file() {
            count.manifest(&dir, &name);
        }
    }
    count.tell("DAWG r2", 427);
}

/// How many passed.
#[derive(Default)]
struct Count {
    passed: usize,
    failed: Vec<String>,
    /// Kinds of tests that are not about queries.
    left_out: BTreeMap<String, usize>,
}

impl Count {
    fn manifest(&mut self, dir: &Path, name: &str) {
        let base = format!("http://w3c.test/{name}/");
        let manifest = Nodes(turtle(&dir.join("manifest.ttl"), &format!("{base}manifest.ttl")));
        let entries: Vec<Term> = manifest.objects_anywhere(&format!("{MF}entries"));
        for entry in entries.iter().flat_map(|list| manifest.list(list)) {
            let kind = manifest.object(&entry, &format!("{RDF}type"));
            let kind = kind.map(|kind| iri(&kind).rsplit('#').next().unwrap().to_owned());
            let test = Test { manifest: &manifest, entry: &entry, dir, base: &base };
            let kind = kind.unwrap_or_else(|| "QueryEvaluationTest".to_owned());
            let told = match kind.as_str() {
                "QueryEvaluationTest" | "CSVResultFormatTest" => test.evaluated(),
                "PositiveSyntaxTest11" | "PositiveSyntaxTest" => test.parses(true),
                "NegativeSyntaxTest11" | "NegativeSyntaxTest" if !test.is_update() => {
                    test.parses(false)
                }
                _ => {
                    *self.left_out.entry(kind).or_default() += 1;
                    continue;
                }
            };
            match told {
                Ok(()) => self.passed += 1,
                Err(why) => self.failed.push(format!("{name} {}: {why}", iri(&entry))),
            }
        }
    }

    fn tell(&self, suite: &str, floor: usize) {
        for failed in &self.failed {
            eprintln!("failed: {failed:.300}");
        }
        let of = self.passed + self.failed.len();
        eprintln!("{suite}: {} of {of} passed; left out {:?}", self.passed, self.left_out);
        assert!(self.passed >= floor, "{} passed, where {floor} did", self.passed);
    }
}

/// One entry of a manifest.
struct Test<'a> {
    manifest: &'a Nodes,
    entry: &'a Term,
    dir: &'a Path,
    base: &'a str,
}

type Told = Result<(), String>;

impl Test<'_> {
    fn action(&self) -> Term {
        self.manifest.object(self.entry, &format!("{MF}action")).unwrap()
    }

    fn query(&self) -> String {
        let action = self.action();
        let named = self.manifest.object(&action, &format!("{QT}query"));
        iri(&named.unwrap_or(action)).to_owned()
    }

    fn is_update(&self) -> bool {
        self.query().ends_with(".ru")
    }

    fn path(&self, iri: &str) -> PathBuf {
        self.dir.join(iri.strip_prefix(self.base).unwrap_or(iri))
    }

    fn parse(&self) -> Result<Text, QueryError> {
        let query = self.query();
        let text = fs::read_to_string(self.path(&query)).unwrap();
        Text::parse_at(&text, &query)
    }

    fn parses(&self, wanted: bool) -> Told {
        match (self.parse(), wanted) {
            // What would ask another server parses.
            (Ok(_) | Err(QueryError::Service { .. }), true)
            | (Err(QueryError::Syntax { .. }), false) => Ok(()),
            (Ok(_), false) => Err("it parses".to_owned()),
            (Err(error), _) => Err(error.to_string()),
        }
    }

    fn quads(&self, text: &Text) -> Vec<Quad> {
        let action = self.action();
        let mut quads = Vec::new();
        let mut load = |iri: &str, graph: GraphName| {
            let triples = graph_of(&self.path(iri), iri).into_iter();
            // A blank node's name means nothing outside its file.
            let own = |triple| apart(triple, iri).in_graph(graph.clone());
            quads.extend(triples.map(own));
        };
        for data in self.manifest.objects(&action, &format!("{QT}data")) {
            load(iri(&data), GraphName::DefaultGraph);
        }
        for data in self.manifest.objects(&action, &format!("{QT}graphData")) {
            let name = NamedNode::new(iri(&data)).unwrap();
            load(iri(&data), name.into());
        }
        // Where the query names its data, that is loaded, as a server would.
        for source in &text.sources {
            load(source, NamedNode::new(source).unwrap().into());
        }
        quads
    }

    fn evaluated(&self) -> Told {
        let tried = catch_unwind(AssertUnwindSafe(|| self.evaluate()));
        tried.unwrap_or_else(|_| Err("it panics".to_owned()))
    }

    fn evaluate(&self) -> Told {
        let text = self.parse().map_err(|error| error.to_string())?;
        let result = self.manifest.object(self.entry, &format!("{MF}result")).unwrap();
        let (result, file) = (self.path(iri(&result)), iri(&result).to_owned());
        let quads = self.quads(&text);
        let is_ordered = fs::read_to_string(self.path(&self.query()))
            .unwrap()
            .to_uppercase()
            .contains("ORDER BY");
        let ending = result.extension().unwrap().to_str().unwrap().to_owned();
        let format = match ending.as_str() {
            "csv" => Some(AnswerFormat::Csv),
            _ => None,
        };
        let (mut written, how) = (Vec::new(), How { format, ..How::default() });
        let dataset = Dataset::of_quads(&quads).unwrap();
        let mut take = |bytes: &[u8]| {
            written.extend_from_slice(bytes);
            Ok(())
        };
        let mut ask = |_: &_| Ok(None);
        let summary = run::<QueryError>(text, dataset, how, &mut take, &mut ask);
        let answer = summary.map_err(|error| error.to_string())?.answer;
        match (ending.as_str(), answer) {
            ("csv", Answer::Written) => {
                let sorted = |text: &str| {
                    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                    lines[1..].sort();
                    lines
                };
                let wanted = fs::read_to_string(&result).unwrap();
                let (found, wanted) =
                    (sorted(&String::from_utf8(written).unwrap()), sorted(&wanted));
                same(&found, &wanted)
            }
            ("srx" | "srj" | "tsv", Answer::Boolean(found)) => same(&found, &read_boolean(&result)),
            ("srx" | "srj" | "tsv", Answer::Solutions(rows)) => {
                let found = Table::of(&rows.variables, &rows.rows);
                found.same(&Table::read(&result), is_ordered)
            }
            (_, Answer::Triples(lines)) => {
                let text = lines.join("\n");
                let found = NTriplesParser::new().for_slice(text.as_bytes());
                let found: Graph = found.map(Result::unwrap).collect();
                same_graph(found, graph_of(&result, &file).into_iter().collect())
            }
            (_, Answer::Boolean(found)) => {
                let set = Nodes(graph_of(&result, &file));
                let wanted = set.objects_anywhere(&format!("{RS}boolean"));
                same(&Some(found), &wanted.first().map(|term| lexical(term) == "true"))
            }
            (_, Answer::Solutions(rows)) => {
                let set = Nodes(graph_of(&result, &file));
                Table::of(&rows.variables, &rows.rows).same(&Table::described(&set), is_ordered)
            }
            (ending, answer) => Err(format!("{ending} for {answer:?}")),
        }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(found: &T, wanted: &T) -> Told {
    if found == wanted { Ok(()) } else { Err(format!("{found:?}, wanted {wanted:?}")) }
}

fn same_graph(mut found: Graph, mut wanted: Graph) -> Told {
    found.canonicalize(CanonicalizationAlgorithm::Unstable);
    wanted.canonicalize(CanonicalizationAlgorithm::Unstable);
    if found == wanted { Ok(()) } else { Err(format!("{found}, wanted {wanted}")) }
}

/// Solutions.
struct Table {
    variables: BTreeSet<String>,
    rows: Vec<BTreeMap<String, Term>>,
}

impl Table {
    fn of(variables: &[String], rows: &[Vec<Option<Value>>]) -> Self {
        let row = |row: &Vec<Option<Value>>| {
            let cells = variables.iter().zip(row);
            cells.filter_map(|(name, value)| Some((name.clone(), term(value.as_ref()?)))).collect()
        };
        Self {
            variables: variables.iter().cloned().collect(),
            rows: rows.iter().map(row).collect(),
        }
    }

    fn read(path: &Path) -> Self {
        let ReaderQueryResultsParserOutput::Solutions(solutions) = read(path) else {
            panic!("{} has no solutions", path.display());
        };
        let variables = solutions.variables().iter().map(|name| name.as_str().to_owned()).collect();
        let rows = solutions.map(|solution| {
            let solution = solution.unwrap();
            let cells = solution.iter();
            cells.map(|(name, term)| (name.as_str().to_owned(), term.clone())).collect()
        });
        Self { variables, rows: rows.collect() }
    }

    /// What a graph says in the vocabulary of result sets.
    fn described(set: &Nodes) -> Self {
        let variables = set.objects_anywhere(&format!("{RS}resultVariable"));
        let mut rows: Vec<(usize, BTreeMap<String, Term>)> = Vec::new();
        for solution in set.objects_anywhere(&format!("{RS}solution")) {
            let index = set.object(&solution, &format!("{RS}index"));
            let index = index.map_or(rows.len(), |index| lexical(&index).parse().unwrap());
            let bindings = set.objects(&solution, &format!("{RS}binding"));
            let cells = bindings.iter().map(|binding| {
                let part = |name: &str| set.object(binding, &format!("{RS}{name}")).unwrap();
                (lexical(&part("variable")).to_owned(), part("value"))
            });
            rows.push((index, cells.collect()));
        }
        rows.sort_by_key(|(index, _)| *index);
        Self {
            variables: variables.iter().map(|name| lexical(name).to_owned()).collect(),
            rows: rows.into_iter().map(|(_, row)| row).collect(),
        }
    }

    /// Rows as nodes, so that blank nodes are compared as those of a graph are.
    fn graph(&self, is_ordered: bool) -> Graph {
        let mut graph = Graph::new();
        for (number, row) in self.rows.iter().enumerate() {
            let node = BlankNode::default();
            let mut say = |predicate: &str, object: Term| {
                let predicate = NamedNode::new(format!("http://w3c.test/{predicate}")).unwrap();
                graph.insert(&Triple::new(node.clone(), predicate, object));
            };
            say("is", Literal::from("row").into());
            if is_ordered {
                say("number", Literal::from(number as u64).into());
            }
            for (name, term) in row {
                say(&format!("of/{name}"), in_one_spelling(term.clone()));
            }
        }
        graph
    }

    fn same(&self, wanted: &Self, is_ordered: bool) -> Told {
        // A description need not name variables that nothing is bound to.
        if !wanted.variables.is_subset(&self.variables) {
            return same(&self.variables, &wanted.variables);
        }
        same(&self.rows.len(), &wanted.rows.len())?;
        let is_ordered =
            is_ordered && !self.rows.iter().flat_map(BTreeMap::values).any(Term::is_blank_node);
        if is_ordered && same_graph(self.graph(true), wanted.graph(true)).is_ok() {
            return Ok(());
        }
        same_graph(self.graph(false), wanted.graph(false))
    }
}

fn read(path: &Path) -> ReaderQueryResultsParserOutput<&'static [u8]> {
    let ending = path.extension().unwrap().to_str().unwrap();
    let format = QueryResultsFormat::from_extension(ending).unwrap();
    let bytes: &'static [u8] = Box::leak(fs::read(path).unwrap().into_boxed_slice());
    QueryResultsParser::from_format(format).for_reader(bytes).unwrap()
}

fn read_boolean(path: &Path) -> bool {
    match read(path) {
        ReaderQueryResultsParserOutput::Boolean(value) => value,
        ReaderQueryResultsParserOutput::Solutions(_) => panic!("{} has rows", path.display()),
    }
}

fn term(value: &Value) -> Term {
    match (value.kind, &value.datatype, &value.language) {
        ("uri", ..) => NamedNode::new_unchecked(&value.value).into(),
        ("bnode", ..) => BlankNode::new_unchecked(&value.value).into(),
        (_, Some(datatype), _) => {
            Literal::new_typed_literal(&value.value, NamedNode::new_unchecked(datatype)).into()
        }
        (.., Some(language)) => {
            Literal::new_language_tagged_literal_unchecked(&value.value, language).into()
        }
        _ => Literal::new_simple_literal(&value.value).into(),
    }
}

fn turtle(path: &Path, base: &str) -> Vec<Triple> {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let parser = TurtleParser::new().with_base_iri(base).unwrap();
    parser
        .for_slice(&text)
        .map(|triple| triple.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .collect()
}

/// The triples of a file.
fn graph_of(path: &Path, base: &str) -> Vec<Triple> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("rdf") => {
            let text = fs::read(path).unwrap();
            let parser = RdfXmlParser::new().with_base_iri(base).unwrap();
            parser.for_slice(&text).map(Result::unwrap).collect()
        }
        _ => turtle(path, base),
    }
}

/// A triple whose blank nodes are none of another file.
fn apart(mut triple: Triple, file: &str) -> Triple {
    let file: String = file.chars().filter(char::is_ascii_alphanumeric).collect();
    let renamed = |node: &BlankNode| BlankNode::new(format!("{}-{file}", node.as_str())).unwrap();
    if let NamedOrBlankNode::BlankNode(node) = &triple.subject {
        triple.subject = renamed(node).into();
    }
    if let Term::BlankNode(node) = &triple.object {
        triple.object = renamed(node).into();
    }
    triple
}

/// A number in one spelling: the suites write 3.20 where 3.2 is as good.
fn in_one_spelling(term: Term) -> Term {
    let Term::Literal(literal) = &term else { return term };
    let kind = literal.datatype().as_str().rsplit('#').next().unwrap();
    match literal.value().parse::<f64>() {
        Ok(number) if ["decimal", "double", "float"].contains(&kind) => {
            Literal::new_typed_literal(format!("{number:?}"), literal.datatype()).into()
        }
        _ => term,
    }
}

fn iri(term: &Term) -> &str {
    match term {
        Term::NamedNode(name) => name.as_str(),
        Term::BlankNode(node) => node.as_str(),
        Term::Literal(literal) => literal.value(),
    }
}

fn lexical(term: &Term) -> &str {
    iri(term)
}

/// Triples that are looked up.
struct Nodes(Vec<Triple>);

impl Nodes {
    fn objects(&self, subject: &Term, predicate: &str) -> Vec<Term> {
        let is_it = |triple: &&Triple| {
            let about = match &triple.subject {
                NamedOrBlankNode::NamedNode(name) => TermRef::from(name),
                NamedOrBlankNode::BlankNode(node) => TermRef::from(node),
            };
            about == subject.as_ref() && triple.predicate.as_str() == predicate
        };
        self.0.iter().filter(is_it).map(|triple| triple.object.clone()).collect()
    }

    fn object(&self, subject: &Term, predicate: &str) -> Option<Term> {
        self.objects(subject, predicate).into_iter().next()
    }

    fn objects_anywhere(&self, predicate: &str) -> Vec<Term> {
        let all = self.0.iter().filter(|triple| triple.predicate.as_str() == predicate);
        all.map(|triple| triple.object.clone()).collect()
    }

    fn list(&self, head: &Term) -> Vec<Term> {
        let (mut at, mut found) = (head.clone(), Vec::new());
        while let Some(first) = self.object(&at, &format!("{RDF}first")) {
            found.push(first);
            let Some(rest) = self.object(&at, &format!("{RDF}rest")) else { break };
            at = rest;
        }
        found
    }
}
