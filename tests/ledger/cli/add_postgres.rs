//! `kledger add --sql postgres:` and `kledger export --format postgres`.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command, thread, time::Duration};

use insta::assert_snapshot;

use super::{
    Sandbox,
    add_sql::{MAPPING, PEOPLE},
};
use crate::support::{advice::Output, postgres::Server};

/// A sandbox beside a server with [`PEOPLE`] in the database `people` and [`MAPPING`] in `people.ttl`.
fn with_people() -> Option<(Sandbox, Server)> {
    let server = Server::start()?;
    server.create("people", PEOPLE);
    let sandbox = Sandbox::with_words();
    sandbox.write("people.ttl", MAPPING);
    Some((sandbox, server))
}

/// Adds what `people` says, with more words.
fn add(sandbox: &Sandbox, server: &Server, words: &[&str]) -> Output {
    let url = server.url("people");
    let add = ["add", "--sql", &url, "--mapping", "people.ttl"];
    let mut output = sandbox.run(&[&add[..], words].concat());
    // Where the socket is differs.
    let host = server.host().display().to_string();
    for text in [&mut output.stdout, &mut output.stderr] {
        *text = text.replace(&host.replace('/', "%2F"), "HOST").replace(&host, "HOST");
    }
    output
}

/// Has a mapping of the one table `t` staged, which `script` makes.
#[track_caller]
fn mapped(server: &Server, name: &str, script: &str, statements: &str) -> (Sandbox, Output) {
    server.create(name, script);
    let sandbox = Sandbox::with_words();
    sandbox.write(
        "t.ttl",
        &format!(
            "@prefix rr: <http://www.w3.org/ns/r2rml#> . @prefix : <https://example.org/> .\n\
             <#T> rr:logicalTable [ rr:tableName \"t\" ] ;\n{statements} ."
        ),
    );
    let output = sandbox.run(&["add", "--sql", &server.url(name), "--mapping", "t.ttl"]);
    (sandbox, output)
}

#[test]
fn rows_of_a_server_are_facts_and_follow_it() {
    let Some((sandbox, server)) = with_people() else { return };
    assert_snapshot!(add(&sandbox, &server, &[]).done(), @"
    Staged 3 facts, 5 labels
      3 facts staged in all
    ");
    assert_eq!(
        sandbox.staged(),
        [
            "+ <https://example.org/Ada> <https://example.org/born> \"1815-12-10\"^^<http://www.w3.org/2001/XMLSchema#date> .",
            "+ <https://example.org/Ada> <https://example.org/lives> <https://example.org/city/Rome> .",
            "+ <https://example.org/Bert> <https://example.org/lives> <https://example.org/city/Bad%20Ems> .",
        ]
    );
    sandbox.run(&["reset"]).done();
    let lives = ["--predicate", "https://example.org/lives"];
    add(&sandbox, &server, &[&lives[..], &["--source", "The registry"]].concat()).done();
    sandbox.commit("People");
    let facts = sandbox.data(&["facts"]);
    let place = facts["facts"][0]["citation"]["place"].as_str().unwrap().to_owned();
    let host = server.host().display().to_string().replace('/', "%2F");
    assert_eq!(place, format!("postgres://{host}/people:person/id=7"));
    server
        .run("people", "DELETE FROM person WHERE id = 7; UPDATE person SET city = 1 WHERE id = 8");
    let sync = [&lives[..], &["--sync"]].concat();
    assert_snapshot!(add(&sandbox, &server, &[&sync[..], &["--dry-run"]].concat()).done(), @"
    Would stage 1 fact (1 in place of another), 1 retraction
    - Ada / lives / Rome
    - Bert / lives / Bad Ems
    + Bert / lives / Rome
      facts read, by predicate
        1  https://example.org/lives
      facts from this database before: 2
      nothing was staged
    ");
    add(&sandbox, &server, &sync).done();
    assert_eq!(
        sandbox.staged(),
        [
            "- <https://example.org/Ada> <https://example.org/lives> <https://example.org/city/Rome> .",
            "+ <https://example.org/Bert> <https://example.org/lives> <https://example.org/city/Rome> .",
        ]
    );
    // In the words of libpq it is the same database.
    let words = format!("host={} dbname=people user=me", server.host().display());
    let again = ["add", "--sql", &words, "--mapping", "people.ttl"];
    let again = sandbox.data(&[&again[..], &sync].concat());
    assert_eq!((&again["sync"]["before"], &again["added"]), (&1.into(), &0.into()));
}

#[test]
fn types_of_a_server_have_the_forms_of_xml_schema() {
    let Some(server) = Server::start() else { return };
    let columns = [
        ("a", "smallint", "-7"),
        ("b", "boolean", "true"),
        ("c", "numeric(10,2)", "30.50"),
        ("d", "double precision", "1e300"),
        ("e", "real", "80.25"),
        ("f", "date", "'1815-12-10'"),
        ("g", "timestamp", "'2009-10-10 12:12:22'"),
        ("h", "timestamptz", "'2009-10-10 12:12:22+02'"),
        ("i", "time", "'12:12:22'"),
        ("j", "bytea", "'\\x00ff'"),
        ("k", "uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"),
        ("l", "char(4)", "'ab'"),
        ("m", "text", "E'tab\\tnew\\nline \\\\N'"),
        ("n", "text", "NULL"),
        ("o", "age", "41"),
        ("p", "mood", "'so so'"),
        ("q", "jsonb", "'{\"a\": [1, 2]}'"),
    ];
    let list = |part: fn(&(&str, &str, &str)) -> String| {
        columns.iter().map(part).collect::<Vec<_>>().join(", ")
    };
    let script = format!(
        "SET TimeZone = 'Asia/Tokyo'; CREATE DOMAIN age AS integer CHECK (VALUE > 0); CREATE TYPE mood AS ENUM ('so so'); \
         CREATE TABLE t (id integer PRIMARY KEY, {}); INSERT INTO t VALUES (1, {})",
        list(|(name, kind, _)| format!("{name} {kind}")),
        list(|(_, _, value)| (*value).to_owned())
    );
    let object = |(name, ..): &(&str, &str, &str)| {
        format!("[ rr:predicate :{name} ; rr:objectMap [ rr:column \"{name}\" ] ]")
    };
    let objects = columns.iter().map(object).collect::<Vec<_>>().join(" ,\n");
    let statements = format!("rr:subject :it ; rr:predicateObjectMap {objects}");
    let (sandbox, output) = mapped(&server, "types", &script, &statements);
    output.done();
    let objects: Vec<String> = sandbox
        .staged()
        .iter()
        .map(|triple| triple.splitn(4, ' ').skip(2).collect::<Vec<_>>().join(" "))
        .map(|triple| triple.replace("http://www.w3.org/2001/XMLSchema#", ""))
        .map(|triple| triple.replace("https://example.org/", ""))
        .collect();
    assert_snapshot!(objects.join("\n"), @r#"
    <a> "-7"^^<integer> .
    <b> "true"^^<boolean> .
    <c> "30.5"^^<decimal> .
    <d> "1.0E300"^^<double> .
    <e> "8.025E1"^^<double> .
    <f> "1815-12-10"^^<date> .
    <g> "2009-10-10T12:12:22"^^<dateTime> .
    <h> "2009-10-10T10:12:22Z"^^<dateTime> .
    <i> "12:12:22"^^<time> .
    <j> "00FF"^^<hexBinary> .
    <k> "a0eebc99-9c0b-4ef8-bb6d-<id>" .
    <l> "ab  " .
    <m> "tab\tnew\nline \\N" .
    <o> "41"^^<integer> .
    <p> "so so" .
    <q> "{\"a\": [1, 2]}" .
    "#);
    // What has several values is none, and what it wants of the mapping is said.
    let arrays = "CREATE TYPE pair AS (x int, y int); \
                  CREATE TABLE t (id integer PRIMARY KEY, tags text[], r int4range, c pair); \
                  INSERT INTO t VALUES (1, '{a,b}', '[1,3)', '(1,2)')";
    for (number, (column, kind)) in
        [("tags", "text[]"), ("r", "int4range"), ("c", "pair")].into_iter().enumerate()
    {
        let statements =
            format!("rr:subject :it ; rr:predicateObjectMap {}", object(&(column, "", "")));
        let (sandbox, output) = mapped(&server, &format!("several{number}"), arrays, &statements);
        let message = output.failed(1);
        let expected =
            format!("T wants the column {column}, and its type {kind} is none of a single value");
        assert!(message.contains(&expected), "{message}");
        assert_eq!(sandbox.staged(), Vec::<String>::new());
        let query = "rr:sqlQuery \"SELECT id, unnest(tags) AS tag FROM t\"";
        let text = fs::read_to_string(sandbox.root().join("t.ttl")).unwrap();
        let text =
            text.replace("rr:tableName \"t\"", query).replace(&format!("\"{column}\""), "\"tag\"");
        sandbox.write(
            "t.ttl",
            &text.replace(
                "rr:subject :it",
                "rr:subjectMap [ rr:template \"https://example.org/{tag}\" ]",
            ),
        );
        let url = server.url(&format!("several{number}"));
        sandbox.run(&["add", "--sql", &url, "--mapping", "t.ttl"]).done();
        assert_eq!(sandbox.staged().len(), 2);
    }
}

#[test]
fn tables_of_a_server_speak_for_themselves() {
    let Some(server) = Server::start() else { return };
    server.create(
        "crm",
        "CREATE TABLE \"Per\"\"son\" (\"Id\" integer PRIMARY KEY, \"Full name\" text, boss integer REFERENCES \"Per\"\"son\");
         INSERT INTO \"Per\"\"son\" VALUES (1, 'Ada', NULL), (2, 'Bert', 1);
         CREATE SCHEMA other; CREATE TABLE other.hidden (a text PRIMARY KEY); INSERT INTO other.hidden VALUES ('x');
         CREATE TABLE parts (a text) PARTITION BY LIST (a); CREATE TABLE parts_x PARTITION OF parts FOR VALUES IN ('x');
         CREATE TABLE parts_y PARTITION OF parts FOR VALUES IN ('y'); INSERT INTO parts VALUES ('x'), ('y');",
    );
    let sandbox = Sandbox::with_words();
    let url = server.url("crm");
    let add = ["add", "--sql", &url, "--base", "https://example.org/"];
    sandbox.refused(&add, 1, &["parts/tableoid=", "the subject is a blank node"]);
    let done = sandbox.run(&[&add[..], &["--skip-blank"]].concat()).done();
    // A row of each part, with its type and its value.
    assert!(done.contains("4 triples skipped: with a blank node"), "{done}");
    let staged = sandbox.staged().join("\n").replace("https://example.org/", "");
    assert_snapshot!(staged.replace("http://www.w3.org/2001/XMLSchema#", ""), @r#"
    + <Per%22son/Id=1> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <Per%22son> .
    + <Per%22son/Id=1> <Per%22son#Full%20name> "Ada" .
    + <Per%22son/Id=1> <Per%22son#Id> "1"^^<integer> .
    + <Per%22son/Id=2> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <Per%22son> .
    + <Per%22son/Id=2> <Per%22son#Full%20name> "Bert" .
    + <Per%22son/Id=2> <Per%22son#Id> "2"^^<integer> .
    + <Per%22son/Id=2> <Per%22son#boss> "1"^^<integer> .
    + <Per%22son/Id=2> <Per%22son#ref-boss> <Per%22son/Id=1> .
    "#);
    // Another schema is read by its name, and one that is not there is told from those that are.
    let of = |table: &str, column: &str| {
        format!(
            "@prefix rr: <http://www.w3.org/ns/r2rml#> . @prefix : <https://example.org/> .\n\
             <#T> rr:logicalTable [ rr:tableName \"{table}\" ] ; rr:subjectMap [ rr:template \"https://example.org/{{{column}}}\" ] ;\n\
             rr:predicateObjectMap [ rr:predicate :p ; rr:object :o ] ."
        )
    };
    let add = ["add", "--sql", &url, "--mapping", "t.ttl"];
    sandbox.run(&["reset"]).done();
    for (table, column, staged) in [
        ("other.hidden", "a", 1),
        ("OTHER.Hidden", "A", 1),
        ("\\\"Per\\\"\\\"son\\\"", "\\\"Full name\\\"", 2),
    ] {
        sandbox.write("t.ttl", &of(table, column));
        sandbox.run(&add).done();
        assert_eq!(sandbox.staged().len(), staged, "{table}");
        sandbox.run(&["reset"]).done();
    }
    for (table, column, message) in [
        (
            "hidden",
            "a",
            "T wants the table hidden, and the database has Per\"son, parts, parts_x, parts_y, other.hidden",
        ),
        ("\\\"HIDDEN\\\"", "a", "T wants the table HIDDEN"),
        ("other.hidden", "\\\"A\\\"", "T wants the column A, and its rows have a"),
    ] {
        sandbox.write("t.ttl", &of(table, column));
        sandbox.refused(&add, 1, &[message]);
    }
}

#[test]
fn a_server_is_only_read() {
    let Some((sandbox, server)) = with_people() else { return };
    server.run(
        "people",
        "CREATE FUNCTION bump() RETURNS text LANGUAGE sql AS 'INSERT INTO city VALUES (9, ''x''); SELECT name FROM city'",
    );
    let with = |query: &str| {
        let query = format!("rr:sqlQuery \"{query}\"");
        sandbox.write("people.ttl", &MAPPING.replace("rr:tableName \"city\"", &query));
        add(&sandbox, &server, &[]).failed(1)
    };
    let not_select = "the query of City is none that only selects";
    for (query, part) in [
        ("DELETE FROM city", not_select),
        ("SELECT * FROM city; DROP TABLE city", not_select),
        ("SELECT 1 AS id; COMMIT; DROP TABLE city", not_select),
        ("SELECT * FROM city WHERE id = $1", not_select),
        ("EXPLAIN SELECT 1", "City wants the column name"),
        ("", not_select),
        ("DELETE FROM city RETURNING id, name", "the query of Person does not run: syntax error"),
        ("SELECT id, bump() AS name FROM city", "cannot execute INSERT in a read-only transaction"),
        (
            "SELECT 1 AS id, 'x' AS name) TO PROGRAM 'touch /tmp/x' --",
            "the query of City does not run: syntax error",
        ),
        ("SELECT id, 1 / 0 AS name FROM city", "the query of City does not run: division by zero"),
        (
            "SELECT id, nosuch AS name FROM city",
            "the query of City does not run: column \"nosuch\" does not exist",
        ),
        ("SELECT id, name, id FROM city", "the query of City has two columns id"),
    ] {
        let message = with(query);
        assert!(message.contains(part), "{query}: {part:?} is not in\n{message}");
        assert_eq!(sandbox.staged(), Vec::<String>::new());
    }
    let cities = server.client("people").query("SELECT id FROM city", &[]).unwrap();
    assert_eq!(cities.len(), 2);
    // By themselves, without a table that is joined with them.
    for query in ["DELETE FROM city RETURNING id, name", "SHOW ALL"] {
        let query = format!("rr:sqlQuery \"{query}\"");
        let city = MAPPING.split("<#Person>").next().unwrap();
        sandbox.write("people.ttl", &city.replace("rr:tableName \"city\"", &query));
        let message = add(&sandbox, &server, &[]).failed(1);
        assert!(message.contains(not_select), "{query}: {message}");
    }
    // A comment at the end is one.
    let query = "rr:sqlQuery \"SELECT * FROM city -- all\"";
    sandbox.write("people.ttl", &MAPPING.replace("rr:tableName \"city\"", query));
    add(&sandbox, &server, &[]).done();
}

#[test]
fn reading_a_server_has_limits() {
    let Some((sandbox, server)) = with_people() else { return };
    let message = add(&sandbox, &server, &["--max-rows", "2"]).failed(1);
    assert!(message.contains("there are more than 2 rows"), "{message}");
    let with = |query: &str| {
        let query = format!("rr:sqlQuery \"{query}\"");
        sandbox.write("people.ttl", &MAPPING.replace("rr:tableName \"city\"", &query));
    };
    with("SELECT id, 'x' AS name FROM generate_series(1, 1000000000000) AS id WHERE id < 0");
    let message = add(&sandbox, &server, &["--timeout", "1"]).failed(1);
    assert!(message.contains("the rows were not read after 1 s"), "{message}");
    with("SELECT 1 AS id, repeat('x', 17000000) AS name");
    let message = add(&sandbox, &server, &[]).failed(1);
    assert!(
        message.contains("City:1: column name has a value that is longer than 16 MiB"),
        "{message}"
    );
    with("SELECT 1 AS id, repeat('x', 70000000) AS name");
    let message = add(&sandbox, &server, &[]).failed(1);
    let hint = "hint: have a query leave its long columns out";
    assert!(message.contains("a row of City has more than 64 MiB"), "{message}");
    assert!(message.contains(hint), "{message}");
    with("SELECT 1 AS id, 'x' AS name");
    let mut holder = server.client("people");
    holder.batch_execute("BEGIN; LOCK TABLE person").unwrap();
    let message = add(&sandbox, &server, &[]).failed(1);
    assert!(message.contains("is locked by another program"), "{message}");
    assert_eq!(sandbox.staged(), Vec::<String>::new());
}

#[test]
fn a_server_that_goes_away_leaves_nothing() {
    let Some((sandbox, mut server)) = with_people() else { return };
    let before = sandbox.state();
    let slow = "rr:sqlQuery \"SELECT id, CASE WHEN pg_sleep(20) IS NULL THEN 'x' ELSE 'y' END AS name FROM generate_series(1, 9) AS id\"";
    sandbox.write("people.ttl", &MAPPING.replace("rr:tableName \"city\"", slow));
    let url = server.url("people");
    let reading =
        || sandbox.command(&["add", "--sql", &url, "--mapping", "people.ttl"]).output().unwrap();
    // An administrator ends the connection, and then the server crashes.
    for crashes in [false, true] {
        let output = thread::scope(|scope| {
            let reading = scope.spawn(reading);
            let mut client = server.client("people");
            let process = reader(&mut client);
            if crashes {
                server.kill();
            } else {
                client.query("SELECT pg_terminate_backend($1)", &[&process]).unwrap();
            }
            reading.join().unwrap()
        });
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{message}");
        let hint = "hint: nothing was staged or written; run it again when the server is there";
        assert!(message.contains("went away: ") && message.contains(hint), "{message}");
    }
    let message = add(&sandbox, &server, &[]).failed(1);
    assert!(message.contains("cannot connect to postgres://HOST/people: "), "{message}");
    assert_eq!(before, sandbox.state());
}

/// Waits until kledger has a server copy rows; gives the process that does.
fn reader(client: &mut postgres::Client) -> i32 {
    let query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'kledger' AND query LIKE 'COPY%'";
    for _ in 0..3000 {
        if let Some(row) = client.query(query, &[]).unwrap().first() {
            return row.get(0);
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("nothing is read");
}

/// A mapping whose first table takes a while.
fn slowly(seconds: u32) -> String {
    let query = format!(
        "rr:sqlQuery \"SELECT id, CASE WHEN pg_sleep({seconds}) IS NULL THEN 'x' ELSE 'y' END AS name FROM generate_series(1, 1) AS id\""
    );
    MAPPING.replace("rr:tableName \"city\"", &query)
}

/// What others change while rows are read is not there.
#[test]
fn a_server_is_read_as_of_one_moment() {
    let Some((sandbox, server)) = with_people() else { return };
    sandbox.write("people.ttl", &slowly(2));
    let output = thread::scope(|scope| {
        let reading = scope.spawn(|| add(&sandbox, &server, &[]));
        let mut client = server.client("people");
        reader(&mut client);
        client
            .batch_execute(
                "DELETE FROM person; INSERT INTO person VALUES (1, 'Eve', '2000-01-01', 1)",
            )
            .unwrap();
        reading.join().unwrap()
    });
    output.done();
    let staged = sandbox.staged().join("\n");
    assert!(staged.contains("/Ada>") && !staged.contains("/Eve>"), "{staged}");
}

#[test]
fn an_interrupt_leaves_nothing() {
    let Some((sandbox, server)) = with_people() else { return };
    let before = sandbox.state();
    sandbox.write("people.ttl", &slowly(60));
    let mut child = sandbox
        .command(&["add", "--sql", &server.url("people"), "--mapping", "people.ttl"])
        .spawn()
        .unwrap();
    let mut client = server.client("people");
    reader(&mut client);
    assert!(
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success()
    );
    assert!(!child.wait().unwrap().success());
    assert_eq!(before, sandbox.state());
}

#[test]
fn passwords_are_not_repeated() {
    let Some((sandbox, server)) = with_people() else { return };
    server.run("postgres", "CREATE ROLE bob LOGIN PASSWORD 'geheim'");
    server.run("people", "GRANT SELECT ON city TO bob");
    let data = server.host().join("data");
    fs::write(data.join("pg_hba.conf"), "local all me trust\nlocal all all scram-sha-256\n")
        .unwrap();
    server.run("postgres", "SELECT pg_reload_conf()");
    thread::sleep(Duration::from_millis(300));
    let url = server.url("people").replace("me@", "bob@");
    let city = MAPPING.split("<#Person>").next().unwrap();
    sandbox.write("people.ttl", city);
    let words = ["add", "--sql", &url, "--mapping", "people.ttl"];
    let with = |name: &str, value: &str| {
        let mut command = sandbox.command(&words);
        command.env(name, value);
        sandbox.finish(command, "")
    };
    for (url, part) in [
        (url.replace("bob@", "bob:geheim@"), "the password is on the command line"),
        (format!("{url}?password=geheim"), "the password is on the command line"),
        (url.clone(), "cannot connect to postgres://"),
    ] {
        let message = sandbox.run(&["add", "--sql", &url, "--mapping", "people.ttl"]).failed(1);
        assert!(message.contains(part) && !message.contains("geheim"), "{message}");
    }
    let message = with("PGPASSWORD", "falsch").failed(1);
    assert!(
        message.contains("password authentication failed") && !message.contains("falsch"),
        "{message}"
    );
    assert!(with("PGPASSWORD", "geheim").done().starts_with("Staged 2 labels"));
    sandbox.run(&["reset"]).done();
    let path = sandbox.root().join("pass");
    fs::write(&path, "*:*:people:bob:geheim\n").unwrap();
    let file = path.to_str().unwrap();
    let allow = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    allow(0o600);
    assert!(with("PGPASSFILE", file).done().starts_with("Staged 2 labels"));
    sandbox.run(&["commit", "-m", "Cities"]).done();
    // One that others can read is not used, as libpq has it.
    allow(0o644);
    with("PGPASSFILE", file).failed(1);
    let kept = Command::new("grep")
        .args(["-r", "geheim", ".kledger"])
        .current_dir(sandbox.root())
        .output()
        .unwrap();
    assert!(kept.stdout.is_empty(), "{kept:?}");
    // So is what goes wrong at the server, in a table that is none.
    server.run("people", "CREATE VIEW broken AS SELECT id, (1 / (id - id))::text AS name FROM city; GRANT SELECT ON broken TO bob");
    sandbox.write("people.ttl", &city.replace("\"city\"", "\"broken\""));
    let message = with("PGPASSWORD", "geheim").failed(1);
    assert!(
        message.contains("refuses: division by zero") && message.contains("hint: psql says"),
        "{message}"
    );
    // What the user may not read is said.
    sandbox.write(
        "people.ttl",
        &MAPPING.replace("\"city\" ] ;\n    rr:subjectMap", "\"person\" ] ;\n    rr:subjectMap"),
    );
    let message = with("PGPASSWORD", "geheim").failed(1);
    assert!(message.contains("refuses: permission denied for table person"), "{message}");
}

/// The port alone is of this machine; what it is called decides.
#[test]
fn what_a_server_elsewhere_is_told_is_secret() {
    let Some((server, port)) = Server::start_in_secret() else { return };
    server.create("people", PEOPLE);
    let sandbox = Sandbox::with_words();
    sandbox.write("people.ttl", MAPPING);
    let add = |mode: &str, trusted: bool| {
        let url = format!("postgres://me@localhost:{port}/people?sslmode={mode}");
        let mut command = sandbox.command(&["add", "--sql", &url, "--mapping", "people.ttl"]);
        if trusted {
            command.env("SSL_CERT_FILE", server.host().join("authority"));
        }
        sandbox.finish(command, "")
    };
    // The server takes nothing that is not encrypted.
    let message = add("disable", true).failed(1);
    assert!(
        message.contains("cannot connect to ") && message.contains("no encryption"),
        "{message}"
    );
    let message = add("require", false).failed(1);
    assert!(
        message.contains("cannot connect to ")
            && message.contains("hint: see whether psql connects so"),
        "{message}"
    );
    assert_eq!(sandbox.staged(), Vec::<String>::new());
    assert!(add("require", true).done().starts_with("Staged 3 facts"));
}

#[test]
fn a_version_goes_to_a_server_and_back() {
    let Some((sandbox, server)) = with_people() else { return };
    add(&sandbox, &server, &["--predicate", "https://example.org/lives"]).done();
    sandbox.commit("People");
    let url = server.url("people");
    let export = ["export", "--format", "postgres", "--schema", "v1", "HEAD", &url];
    let host = server.host().display().to_string().replace('/', "%2F");
    assert_snapshot!(sandbox.run(&export).done().replace(&host, "HOST"), @"
    Exported <id> to the schema v1 of postgres://HOST/people
      2 facts, words for 5 IRIs
      read back by the mapping <dir>/repo/v1.r2rml.ttl
    ");
    let rows = server
        .client("people")
        .query(
            "SELECT s.iri, o.iri FROM v1.lives t JOIN v1.things s ON s.id = t.subject JOIN v1.things o ON o.id = t.object",
            &[],
        )
        .unwrap();
    assert_eq!(rows.len(), 2);
    let back = ["add", "--sql", &url, "--mapping", "v1.r2rml.ttl", "--sync"];
    assert!(sandbox.run(&back).done().starts_with("Nothing new"));
    // What is there is left alone, and then there is no mapping of it either.
    sandbox.refused(&export, 1, &["v1.r2rml.ttl"]);
    fs::remove_file(sandbox.root().join("v1.r2rml.ttl")).unwrap();
    sandbox.refused(&export, 1, &["has a schema v1 already", "hint: "]);
    assert!(!sandbox.root().join("v1.r2rml.ttl").exists());
    server.run("people", "DROP SCHEMA v1 CASCADE");
    assert_eq!(sandbox.data(&export)["schema"], "v1");
    // A text that PostgreSQL does not hold is no reason to leave half.
    sandbox.stage(":Ada :likes \"a\\u0000b\" .");
    sandbox.commit("NUL");
    let export = ["export", "--format", "postgres", "--schema", "v2", "HEAD", &url];
    sandbox.refused(&export, 1, &["a text has a NUL, which PostgreSQL cannot hold", "hint: "]);
    assert!(!sandbox.root().join("v2.r2rml.ttl").exists());
    let schemas =
        server.client("people").query("SELECT FROM pg_namespace WHERE nspname = 'v2'", &[]);
    assert!(schemas.unwrap().is_empty());
}

#[test]
fn options_are_for_servers() {
    let sandbox = Sandbox::with_words();
    sandbox.misused(&[
        &["export", "--format", "sqlite", "--schema", "v1", "HEAD", "facts.db"],
        &["export", "--format", "postgres", "--schema", "V 1", "HEAD", "postgres://host/db"],
        &["export", "--format", "postgres", "--schema", "pg_x", "HEAD", "postgres://host/db"],
        &["export", "--format", "postgres", "--schema", "../x", "HEAD", "postgres://host/db"],
    ]);
    for (address, part) in [
        (
            "postgres://host/db?nosuch=1",
            "this names no database of PostgreSQL: unknown option `nosuch`",
        ),
        ("postgres://a,b/db", "it names several servers"),
        ("postgres://host:port/db", "this names no database of PostgreSQL: "),
        ("host=/nosuch dbname=db user=me", "cannot connect to postgres://%2Fnosuch/db: "),
    ] {
        let add = ["add", "--sql", address, "--base", "https://example.org/"];
        sandbox.refused(&add, 1, &[part, "hint: "]);
    }
    sandbox.refused(&["export", "--format", "postgres", "HEAD", "facts.db"], 1, &["it is a file"]);
    assert!(!sandbox.root().join("kledger.r2rml.ttl").exists());
}
