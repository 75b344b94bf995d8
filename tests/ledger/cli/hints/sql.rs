//! Databases that are refused.

use rusqlite::Connection;

use super::{
    super::add_sql::{MAPPING, PEOPLE},
    Sandbox, advised,
};
use crate::support::postgres::Server;

const ADD: [&str; 5] = ["add", "--sql", "people.db", "--mapping", "people.ttl"];
const STAGED: &str = "Staged 3 facts";

/// A mapping that is refused is taken once `mended` stands in it.
#[track_caller]
fn mended(text: &str, hint: &str, mended: &str) {
    let sandbox = Sandbox::with_people();
    sandbox.write("people.ttl", text);
    let advice = advised(&sandbox, &ADD, hint);
    sandbox.write("people.ttl", mended);
    assert!(advice.again().starts_with(STAGED));
}

#[test]
fn rows_need_a_mapping_or_a_base() {
    let sandbox = Sandbox::with_people();
    let hint = "--mapping FILE.ttl says it in R2RML; --base IRI takes the tables as they are";
    let advice = advised(&sandbox, &["add", "--sql", "people.db"], hint);
    assert!(advice.with(&["--mapping", "people.ttl"]).starts_with(STAGED));
    sandbox.run(&["reset"]).done();
    assert!(advice.with(&["--base", "https://example.org/"]).starts_with("Staged "));
}

#[test]
fn a_script_is_made_a_database() {
    let sandbox = Sandbox::with_people();
    sandbox.write("people.sql", PEOPLE);
    let hint = "a script of SQL is made a database by sqlite3 NEW.db < FILE; a table that is a text is read by kledger add --from csv FILE";
    advised(&sandbox, &["add", "--sql", "people.sql", "--mapping", "people.ttl"], hint);
    sandbox.sql("new.db", PEOPLE);
    assert!(
        sandbox
            .run(&["add", "--sql", "new.db", "--mapping", "people.ttl"])
            .done()
            .starts_with(STAGED)
    );
    let other = ["add", "--sql", "mysql://host/db", "--mapping", "people.ttl"];
    let hint = "name a file, as sqlite:crm.db or crm.db, or a database of PostgreSQL, as postgres://host/crm; of other databases export the tables as CSV: kledger add --from csv FILE";
    advised(&sandbox, &other, hint);
    sandbox.run(&["reset"]).done();
    let named = ["add", "--sql", "sqlite:people.db", "--mapping", "people.ttl"];
    assert!(sandbox.run(&named).done().starts_with(STAGED));
}

#[test]
fn a_database_that_cannot_be_read_is_looked_at() {
    let sandbox = Sandbox::with_people();
    let hint = "sqlite3 FILE 'PRAGMA integrity_check' says whether it is whole; a copy by sqlite3 FILE '.backup NEW' can";
    let mut broken = std::fs::read(sandbox.root().join("people.db")).unwrap();
    broken[4096..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    std::fs::write(sandbox.root().join("broken.db"), broken).unwrap();
    advised(&sandbox, &["add", "--sql", "broken.db", "--mapping", "people.ttl"], hint);
    let holder = Connection::open(sandbox.root().join("people.db")).unwrap();
    let whole: String = holder.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
    holder.execute_batch("BEGIN EXCLUSIVE; UPDATE city SET name = 'x'").unwrap();
    let hint = "wait until that is done, or read a copy: sqlite3 FILE '.backup NEW'";
    let advice = advised(&sandbox, &ADD, hint);
    holder.execute_batch("ROLLBACK").unwrap();
    assert!(advice.again().starts_with(STAGED));
    let hint = "see whether it is the right one: sqlite3 FILE .schema lists its tables, and psql's \\d those of a server";
    sandbox.write("empty.db", "");
    advised(&sandbox, &["add", "--sql", "empty.db", "--mapping", "people.ttl"], hint);
}

#[test]
fn a_mapping_is_mended() {
    let hint = "https://www.w3.org/TR/r2rml/ has the vocabulary; without --mapping the tables are read as they are, under";
    mended(&MAPPING.replace("rr:subjectMap", "rr:subjetMap"), hint, MAPPING);
    let hint = "name it as the database does, in double quotes where the name has capitals or other signs than letters";
    mended(
        &MAPPING.replace("\"name\"", "\"nom\""),
        hint,
        &MAPPING.replace("\"name\"", "\"\\\"name\\\"\""),
    );
    let with =
        |query: &str| MAPPING.replace("rr:tableName \"city\"", &format!("rr:sqlQuery \"{query}\""));
    let hint = "give one of them another name: SELECT a.id AS a, b.id AS b";
    let two = "SELECT a.id, a.name, b.id FROM city a, city b WHERE a.id = b.id";
    mended(&with(two), hint, &with(&two.replace("b.id FROM", "b.id AS other FROM")));
    let hint = "try it by itself, in sqlite3 or psql; texts are in single quotes";
    mended(
        &with("SELECT id, name, \\\"x\\\" FROM city"),
        hint,
        &with("SELECT id, name, 'x' FROM city"),
    );
    let hint = "rr:sqlQuery is one SELECT, which reads the database and nothing else";
    mended(&with("PRAGMA user_version"), hint, &with("SELECT * FROM city"));
}

#[test]
fn a_server_is_named_and_reached() {
    let sandbox = Sandbox::with_people();
    let hint = "name it as postgres://USER@HOST:PORT/DATABASE, or in the words of libpq: 'host=HOST dbname=DATABASE'";
    let add = |address| ["add", "--sql", address, "--mapping", "people.ttl"];
    advised(&sandbox, &add("postgres://host/db?nosuch=1"), hint);
    let hint =
        "give it by the variable PGPASSWORD, or in ~/.pgpass as HOST:PORT:DATABASE:USER:PASSWORD";
    advised(&sandbox, &add("postgres://u:p@host/db"), hint);
    let hint = "see whether psql connects so; the password is that of PGPASSWORD or ~/.pgpass; a server elsewhere has to encrypt";
    advised(&sandbox, &add("host=/nosuch dbname=people user=me"), hint);
    let Some(server) = Server::start() else { return };
    server.create("people", PEOPLE);
    let words = format!("host={} dbname=people user=me", server.host().display());
    assert!(sandbox.run(&add(&words)).done().starts_with(STAGED));
    sandbox.run(&["reset"]).done();
    let url = server.url("people");
    let lives = ["--predicate", "https://example.org/lives"];
    sandbox.run(&[&add(&url)[..], &lives].concat()).done();
    sandbox.commit("People");
    // A schema that is there, and another name.
    let export = ["export", "--format", "postgres", "HEAD", &url];
    sandbox.run(&export).done();
    std::fs::remove_file(sandbox.root().join("kledger.r2rml.ttl")).unwrap();
    let hint = "name another by --schema NAME; one that is there is not written to";
    advised(&sandbox, &export, hint).with(&["--schema", "other"]);
    sandbox.stage(":Ada :likes \"a\\u0000b\" .");
    sandbox.commit("NUL");
    let export = ["export", "--format", "postgres", "--schema", "third", "HEAD", &url];
    let hint = "kledger export --format sqlite holds it, or --format nt";
    advised(&sandbox, &export, hint);
    sandbox.run(&["export", "--format", "sqlite", "HEAD", "facts.db"]).done();
    // Rights are given.
    server.run("people", "CREATE ROLE bob LOGIN; GRANT SELECT ON city TO bob");
    let bob = url.replace("me@", "bob@");
    let hint = "psql says more of it; there \\dp lists rights on tables, \\l those on the database";
    let advice =
        advised(&sandbox, &["add", "--sql", &bob, "--mapping", "people.ttl", "--dry-run"], hint);
    server.run("people", "GRANT SELECT ON person TO bob");
    advice.again();
    // Arrays are taken apart.
    server.run("people", "ALTER TABLE city ADD tags text[]; UPDATE city SET tags = '{a,b}'");
    let tags = MAPPING
        .replace("rr:column \"born\"", "rr:column \"tags\"")
        .replace("\"person\"", "\"city\"");
    let tags =
        tags.split("rr:predicateObjectMap [ rr:predicate :lives").next().unwrap().trim().to_owned();
    let tags = format!("{} .", tags.trim_end_matches(';'));
    sandbox.write("people.ttl", &tags);
    let hint = "have a query take it apart: rr:sqlQuery \"SELECT id, unnest(tags) AS tag FROM t\"; or leave the column out";
    let advice = advised(
        &sandbox,
        &["add", "--sql", &url, "--mapping", "people.ttl", "--dry-run", "--replace"],
        hint,
    );
    let query =
        "rr:sqlQuery \"SELECT id, name, unnest(tags) AS tags FROM city WHERE id = 1 LIMIT 1\"";
    sandbox.write("people.ttl", &tags.replace("rr:tableName \"city\"", query));
    advice.again();
}

#[test]
fn limits_can_be_others() {
    let sandbox = Sandbox::with_people();
    let few = [&ADD[..], &["--max-rows", "1"]].concat();
    let hint = "--max-rows N allows more; or select fewer of them by rr:sqlQuery";
    advised(&sandbox, &few, hint);
    assert!(sandbox.run(&[&ADD[..], &["--max-rows", "100"]].concat()).done().starts_with(STAGED));
    let endless = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id, 'x' AS name FROM n WHERE id < 0";
    sandbox.write(
        "people.ttl",
        &MAPPING.replace("rr:tableName \"city\"", &format!("rr:sqlQuery \"{endless}\"")),
    );
    let hint = "--timeout SECONDS gives it longer; a join without an index, or without a condition, makes it slow";
    advised(&sandbox, &[&ADD[..], &["--timeout", "1"]].concat(), hint);
}

#[test]
fn rows_that_make_nothing_are_left_out() {
    let sandbox = Sandbox::with_people();
    let hint = "correct the row in the database, or have the mapping leave it out: rr:sqlQuery \"SELECT ... WHERE ...\"; a column that holds no IRIs goes into an rr:template";
    let names =
        MAPPING.replace("rr:template \"https://example.org/city/{name}\"", "rr:column \"name\"");
    sandbox.write("people.ttl", &names);
    let base = [&ADD[..], &["--base", "https://example.org/"]].concat();
    advised(&sandbox, &base, hint);
    let some =
        names.replace("rr:tableName \"city\"", "rr:sqlQuery \"SELECT * FROM city WHERE id = 1\"");
    sandbox.write("people.ttl", &some);
    assert!(sandbox.run(&base).done().starts_with("Staged 2 facts"));
    sandbox.run(&["reset"]).done();
    sandbox.write("people.ttl", MAPPING);
    assert!(sandbox.run(&base).done().starts_with(STAGED));
}
