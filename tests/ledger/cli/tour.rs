//! The tour in docs/facts.md says what commands say.

use std::{env, fmt::Write, fs, path::Path};

use super::Sandbox;
use crate::support::postgres::Server;

const UPDATE: &str = "KLEDGER_UPDATE_DOCS";
const BEGIN: &str = "## A tour\n";
const SERVER: &str = "\n### A server\n";

/// A command of the tour, and what the page says that it says.
struct Stop {
    command: String,
    said: String,
}

/// The commands in the indented lines of a text.
fn stops(text: &str) -> Vec<Stop> {
    let mut stops: Vec<Stop> = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("    ")) {
        match (line.strip_prefix("$ "), stops.last_mut()) {
            (Some(command), _) => {
                stops.push(Stop { command: command.to_owned(), said: String::new() });
            }
            // A quotation goes on in the next line.
            (None, Some(stop)) if shlex::split(&stop.command).is_none() => {
                stop.command += "\n";
                stop.command += line.trim_start();
            }
            (None, Some(stop)) => {
                stop.said += line;
                stop.said += "\n";
            }
            (None, None) => panic!("{line:?} is the output of nothing"),
        }
    }
    stops
}

/// Does what a stop says, and returns what that says.
fn does(sandbox: &Sandbox, server: Option<&Server>, stop: &Stop) -> String {
    let words = shlex::split(&stop.command).unwrap();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["cat", file] => {
            sandbox.write(file, &stop.said);
            stop.said.clone()
        }
        ["sqlite3", database, "<", script] => {
            let script = fs::read_to_string(sandbox.root().join(script)).unwrap();
            sandbox.sql(database, &script);
            String::new()
        }
        ["sqlite3", database, query] => sqlite3(sandbox, database, query),
        ["psql", database, "<", script] => {
            let script = fs::read_to_string(sandbox.root().join(script)).unwrap();
            server.unwrap().create(database, &script);
            String::new()
        }
        ["psql", database, "-c", query] => {
            server.unwrap().run(database, query);
            String::new()
        }
        // The binary has no model here, and what a model says is none of the page's.
        ["kledger", "commit", "-m", message] => {
            sandbox.commit(message);
            String::new()
        }
        ["kledger", words @ ..] => {
            let (mut command, host) = (sandbox.command(words), server.map(Server::host));
            command.envs(host.map(|host| ("PGHOST", host))).env("PGUSER", "me");
            let output = sandbox.finish(command, "");
            let says = output.stdout.clone() + &output.stderr;
            // What differs between runs.
            let host = host.map(|host| host.to_str().unwrap().replace('/', "%2F"));
            let says = host.map_or(says.clone(), |host| says.replace(&host, "localhost"));
            says.replace("<dir>/repo/", "").replace("<id>", "...")
        }
        _ => panic!("{} is no stop", stop.command),
    }
}

/// What SQLite's own shell says.
fn sqlite3(sandbox: &Sandbox, database: &str, query: &str) -> String {
    let connection = rusqlite::Connection::open(sandbox.root().join(database)).unwrap();
    if !query.starts_with("SELECT") {
        connection.execute_batch(query).unwrap();
        return String::new();
    }
    let mut statement = connection.prepare(query).unwrap();
    let columns = statement.column_count();
    let line = |row: &rusqlite::Row<'_>| {
        let cells: Vec<String> = (0..columns).map(|at| row.get(at).unwrap()).collect();
        Ok(cells.join("|") + "\n")
    };
    statement.query_map([], line).unwrap().map(Result::unwrap).collect()
}

#[test]
fn the_page_says_what_commands_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/facts.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (tour, after) = rest.split_once("\n## ").unwrap();
    // Its last part is for those who have PostgreSQL.
    let server = Server::start();
    let (tour, after) = match (&server, tour.split_once(SERVER)) {
        (None, Some((tour, server))) => (tour, format!("{SERVER}{server}\n## {after}")),
        (None, None) => panic!("there is no tour of PostgreSQL"),
        (Some(_), _) => (tour, format!("\n## {after}")),
    };
    let sandbox = Sandbox::new();
    let (mut current, mut commits) = (tour.to_owned(), 0);
    for stop in stops(tour) {
        let says = does(&sandbox, server.as_ref(), &stop);
        commits += usize::from(stop.command.starts_with("kledger commit"));
        let indented = |text: &str| {
            let mut lines = String::new();
            for line in text.lines() {
                writeln!(lines, "{}", format!("    {line}").trim_end()).unwrap();
            }
            lines
        };
        let command = stop.command.lines().next().unwrap();
        let at = current.find(&format!("    $ {command}")).unwrap();
        let lines = stop.command.lines().count();
        let ends: Vec<usize> = current[at..].match_indices('\n').map(|(end, _)| end + 1).collect();
        let from = at + ends[lines - 1];
        let to = from + indented(&stop.said).len();
        current.replace_range(from..to, &indented(&says));
    }
    let wanted = 5 + if server.is_some() { 2 } else { 0 };
    assert_eq!(commits, wanted, "a table, a sentence, a query and databases each end in a commit");
    if env::var_os(UPDATE).is_some() {
        fs::write(&path, format!("{before}{BEGIN}{current}{after}")).unwrap();
        return;
    }
    assert_eq!(current, tour, "{UPDATE}=1 cargo test --test ledger tour writes it");
}
