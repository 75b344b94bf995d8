//! The W3C's tests of R2RML and the Direct Mapping, on databases of SQLite and PostgreSQL.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use kledger::sql::{Address, Database, Limits, Mapping, ServerDefaults, SqlError, quads};
use oxrdf::{Dataset, Graph, GraphName, NamedNode, Quad, Term, dataset::CanonicalizationAlgorithm};
use oxttl::{NQuadsParser, TurtleParser};
use regex::Regex;
use rusqlite::Connection;

use crate::support::postgres::Server;

const BASE: &str = "http://example.com/base/";
const TEST: &str = "http://purl.org/NET/rdb2rdf-test#";
const TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
const IDENTIFIER: &str = "http://purl.org/dc/elements/1.1/identifier";

/// Tests that do not pass on SQLite, and why.
const NOT_ON_SQLITE: &[(&str, &str)] = &[
    ("R2RMLTC0002f", "SQLite finds columns whatever their capitals, with quotes or without"),
    ("DirectGraphTC0018", "SQLite does not fill CHAR(15) up with spaces"),
    ("R2RMLTC0018a", "SQLite does not fill CHAR(15) up with spaces"),
];

/// Tests that do not pass on PostgreSQL, and why.
const NOT_ON_POSTGRESQL: &[(&str, &str)] = &[];

/// A test of a manifest.
struct Case {
    name: String,
    dir: PathBuf,
    /// The mapping; the Direct Mapping where there is none.
    mapping: Option<String>,
    /// What it makes; an error where there is nothing.
    output: Option<String>,
}

fn cases(dir: &Path) -> Vec<Case> {
    let text = fs::read(dir.join("manifest.ttl")).unwrap();
    let graph: Graph = TurtleParser::new().for_slice(&text).map(Result::unwrap).collect();
    let mut cases = Vec::new();
    for kind in ["R2RML", "DirectMapping"] {
        let (typed, kind) =
            (NamedNode::new(TYPE).unwrap(), NamedNode::new(format!("{TEST}{kind}")).unwrap());
        for subject in graph.subjects_for_predicate_object(&typed, &kind) {
            let text = |predicate: &str| {
                let predicate = NamedNode::new(predicate).unwrap();
                let object = graph.object_for_subject_predicate(subject, &predicate)?;
                match object.into_owned() {
                    Term::Literal(literal) => Some(literal.value().to_owned()),
                    other => panic!("{other}"),
                }
            };
            let expected = text(&format!("{TEST}hasExpectedOutput")).unwrap() == "true";
            cases.push(Case {
                name: text(IDENTIFIER).unwrap(),
                dir: dir.to_owned(),
                mapping: text(&format!("{TEST}mappingDocument")),
                output: text(&format!("{TEST}output")).filter(|_| expected),
            });
        }
    }
    cases
}

/// A script whose tables have constraints between their columns, or get them later, with the constraints behind the
/// columns: SQLite wants it so.
fn constraints_last(script: &str) -> String {
    let later = Regex::new("(?m)^ALTER TABLE (\"\\w+\") ADD (.*);$").unwrap();
    let added: Vec<(String, String)> = later
        .captures_iter(script)
        .map(|found| (found[1].to_owned(), found[2].to_owned()))
        .collect();
    let script = later.replace_all(script, "");
    let (mut text, mut within) = (String::new(), false);
    let (mut columns, mut constraints) = (Vec::new(), Vec::new());
    for line in script.lines().map(str::trim).filter(|line| !line.starts_with("--")) {
        let is_constraint =
            ["PRIMARY KEY", "UNIQUE", "FOREIGN KEY"].iter().any(|word| line.starts_with(word));
        match (within, line) {
            (true, ");") => {
                columns.append(&mut constraints);
                text += &columns.join(",\n");
                columns.clear();
                within = false;
            }
            (true, "") => continue,
            (true, part) if is_constraint => {
                constraints.push(part.trim_end_matches(',').to_owned());
            }
            (true, part) => {
                columns.push(part.trim_end_matches(',').to_owned());
                continue;
            }
            (false, line) => {
                within = line.starts_with("CREATE TABLE");
                let of_it =
                    added.iter().filter(|(table, _)| within && line.contains(table.as_str()));
                constraints.extend(of_it.map(|(_, constraint)| constraint.clone()));
            }
        }
        if !is_constraint {
            text += line;
            text += "\n";
        }
    }
    text
}

impl Case {
    /// The script that makes its database.
    fn script(&self) -> String {
        fs::read_to_string(self.dir.join("create.sql")).unwrap()
    }

    /// What is made of a database of SQLite; or why nothing can be.
    fn on_sqlite(&self) -> Result<Vec<Quad>, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("test.db");
        let connection = Connection::open(&file).unwrap();
        let script = self.script();
        connection
            .execute_batch(&script)
            .or_else(|_| connection.execute_batch(&constraints_last(&script)))
            .unwrap();
        drop(connection);
        let database = Database::open(&file, "test.db", Limits::default());
        self.made(&database.map_err(|error| error.to_string())?)
    }

    /// What is made of a database of PostgreSQL.
    fn on_postgresql(&self, server: &Server) -> Result<Vec<Quad>, String> {
        let name = self.name.to_lowercase();
        // The standard's names of types and its bytes.
        let script = Regex::new(r"VARBINARY\(\d+\)")
            .unwrap()
            .replace_all(&self.script(), "BYTEA")
            .into_owned();
        let script =
            Regex::new(r"X'([0-9A-F]+)'").unwrap().replace_all(&script, r"'\x$1'").into_owned();
        server.create(&name, &script);
        let address = Address::parse(&server.url(&name), &ServerDefaults::default()).unwrap();
        let Address::Server(login) = address else { panic!("a URL is a server's") };
        let database = Database::connect(&login, Limits::default());
        self.made(&database.map_err(|error| error.to_string())?)
    }

    fn made(&self, database: &Database) -> Result<Vec<Quad>, String> {
        let said = |error: SqlError| error.to_string();
        let mapping = match &self.mapping {
            Some(name) => {
                let text = fs::read_to_string(self.dir.join(name)).unwrap();
                Mapping::parse(&text, name, Some(BASE)).map_err(said)?
            }
            None => Mapping::direct(database, BASE).map_err(said)?,
        };
        let (mut made, mut wrong) = (Vec::new(), None);
        let mut take = |quad: Result<Quad, String>, place: &Arc<str>| match quad {
            Ok(quad) => made.push(quad),
            Err(why) => wrong = Some(format!("{place}: {why}")),
        };
        quads(database, &mapping, Some(BASE), &mut take).map_err(said)?;
        wrong.map_or(Ok(made), Err)
    }

    fn expected(&self, name: &str) -> Vec<Quad> {
        let text = fs::read(self.dir.join(name)).unwrap();
        if name.ends_with(".nq") {
            return NQuadsParser::new().for_slice(&text).map(Result::unwrap).collect();
        }
        let parser = TurtleParser::new().with_base_iri(BASE).unwrap();
        let triples = parser.for_slice(&text).map(Result::unwrap);
        triples.map(|triple| triple.in_graph(GraphName::DefaultGraph)).collect()
    }

    /// Why it does not pass.
    fn fails(&self, made: Result<Vec<Quad>, String>) -> Option<String> {
        match (made, &self.output) {
            (Err(_), None) => None,
            (Err(why), Some(_)) => Some(why),
            (Ok(made), None) => {
                Some(format!("an error was expected, and there are {} quads", made.len()))
            }
            (Ok(made), Some(name)) => {
                let canonical = |quads: Vec<Quad>| {
                    let mut quads: Dataset = quads.iter().collect();
                    quads.canonicalize(CanonicalizationAlgorithm::Unstable);
                    let mut lines: Vec<String> =
                        quads.iter().map(|quad| quad.to_string()).collect();
                    lines.sort();
                    lines
                };
                let (made, wanted) = (canonical(made), canonical(self.expected(name)));
                (made != wanted)
                    .then(|| format!("made\n{}\nexpected\n{}", made.join("\n"), wanted.join("\n")))
            }
        }
    }
}

/// Makes all tests, and says how many pass; those named in `others` have to fail.
#[expect(clippy::print_stderr, reason = "how many pass is to be known")]
fn run(on: &str, others: &[(&str, &str)], make: &dyn Fn(&Case) -> Result<Vec<Quad>, String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rdb2rdf");
    let mut dirs: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    dirs.sort();
    let all: Vec<Case> = dirs.iter().flat_map(|dir| cases(dir)).collect();
    for (kind, count) in [("R2RMLTC", 63), ("DirectGraphTC", 24)] {
        let (mut passed, mut failed) = (0, Vec::new());
        for case in all.iter().filter(|case| case.name.starts_with(kind)) {
            let other = others.iter().find(|(name, _)| *name == case.name);
            match (case.fails(make(case)), other) {
                (None, None) => passed += 1,
                (None, Some(_)) => failed.push(format!("{} passes", case.name)),
                (Some(why), None) => failed.push(format!("{}: {why}", case.name)),
                (Some(_), Some((name, why))) => eprintln!("{name} is left out: {why}"),
            }
        }
        eprintln!("{kind} on {on}: {passed} of {count} tests pass");
        assert!(failed.is_empty(), "{}", failed.join("\n\n"));
        let others = others.iter().filter(|(name, _)| name.starts_with(kind)).count();
        assert_eq!(passed + others, count);
    }
}

#[test]
fn rows_of_sqlite_are_what_the_w3c_says() {
    run("SQLite", NOT_ON_SQLITE, &Case::on_sqlite);
}

#[test]
fn rows_of_postgresql_are_what_the_w3c_says() {
    let Some(server) = Server::start() else { return };
    run("PostgreSQL", NOT_ON_POSTGRESQL, &|case| case.on_postgresql(&server));
}
