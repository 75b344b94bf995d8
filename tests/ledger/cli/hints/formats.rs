//! Files that are not read as triples, and what is to be done with them.

use std::{fs, process::Command};

use super::{FACT, Sandbox, advised};

const STAGED: &str = "Staged 1 fact";
/// A fact as a table.
const TABLE: &str = "subject,predicate,object\n\
                     https://example.org/Ada,https://example.org/likes,https://example.org/cake\n";
const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";

/// A file that is refused is staged once `mended` stands in it.
#[track_caller]
fn mended(name: &str, text: impl AsRef<[u8]>, hint: &str, mended: &str) {
    let sandbox = Sandbox::new();
    fs::write(sandbox.root().join(name), text).unwrap();
    let advice = advised(&sandbox, &["add", name], hint);
    sandbox.write(name, mended);
    assert!(advice.again().starts_with(STAGED));
}

/// A file that is refused is staged from another one, in which `text` stands.
#[track_caller]
fn instead(name: &str, text: impl AsRef<[u8]>, hint: &str, other: &str) {
    let sandbox = Sandbox::new();
    fs::write(sandbox.root().join(name), text).unwrap();
    advised(&sandbox, &["add", name], hint);
    sandbox.write(other, FACT);
    assert!(sandbox.run(&["add", other]).done().starts_with(STAGED));
}

#[test]
fn another_format_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("facts.txt", FACT);
    let advice =
        advised(&sandbox, &["add", "facts.txt"], "name it: --format nt|ttl|nq|trig|rdf|jsonld");
    assert!(advice.with(&["--format", "nt"]).starts_with(STAGED));
    sandbox.run(&["reset"]).done();
    sandbox.write("table.txt", TABLE);
    let hint = "tables are read by kledger add --from csv|tsv|jsonl";
    assert!(
        advised(&sandbox, &["add", "table.txt"], hint).with(&["--from", "csv"]).starts_with(STAGED)
    );
    sandbox.run(&["reset"]).done();
    sandbox.write("table.nt", TABLE);
    let advice = advised(&sandbox, &["add", "table.nt"], "or for tables --from csv|tsv|jsonl");
    assert!(advice.with(&["--from", "csv"]).starts_with(STAGED));
    sandbox.run(&["reset"]).done();
    sandbox.write("turtle.nt", "@prefix : <https://example.org/> .\n:Bob :likes :tea .");
    let hint = "if the file is in another format, name it: --format nt|ttl|nq|trig|rdf|jsonld";
    let advice = advised(&sandbox, &["add", "turtle.nt"], hint);
    assert!(advice.with(&["--format", "ttl"]).starts_with(STAGED));
}

#[test]
fn iris_are_written_in_full_or_have_a_base() {
    let relative = "<Ada> <https://example.org/likes> <tea> .\n";
    let hint = "write the IRI in full, or give the file a base";
    mended("facts.ttl", relative, hint, FACT);
    mended("facts.ttl", relative, hint, &format!("@base <https://example.org/> .\n{relative}"));
    mended("facts.trig", relative, hint, &format!("@base <https://example.org/> .\n{relative}"));
    let xml = |base: &str| {
        format!(
            "<rdf:RDF xmlns:rdf='{RDF}' xmlns:e='https://example.org/'{base}>\
             <rdf:Description rdf:about='Ada'><e:likes>tea</e:likes></rdf:Description></rdf:RDF>"
        )
    };
    mended("facts.rdf", xml(""), hint, &xml(" xml:base='https://example.org/'"));
    let json =
        |base: &str| format!("{{{base}\"@id\": \"Ada\", \"https://example.org/likes\": \"tea\"}}");
    let base = "\"@context\": {\"@base\": \"https://example.org/\"}, ";
    mended("facts.jsonld", json(""), hint, &json(base));
}

#[test]
fn blank_nodes_are_left_out_or_get_names() {
    let blank = "_:it <https://example.org/likes> <https://example.org/tea> .\n";
    let hint =
        "a fact must outlive its file: give the thing an IRI of its own; --skip-blank leaves";
    mended("facts.nt", blank, hint, &blank.replace("_:it", "<https://example.org/it>"));
    let sandbox = Sandbox::new();
    sandbox.write("facts.nt", &format!("{blank}{FACT}"));
    let advice = advised(&sandbox, &["add", "facts.nt"], hint);
    assert!(advice.with(&["--skip-blank"]).starts_with(STAGED));
}

#[test]
fn graphs_are_chosen() {
    let sandbox = Sandbox::new();
    let quad = FACT.replace(" .\n", " <https://example.org/graph> .\n");
    sandbox.write("facts.nq", &quad);
    let hint = "--graph all takes the triples of all graphs, --graph IRI those of one";
    let advice = advised(&sandbox, &["add", "facts.nq"], hint);
    assert!(advice.with(&["--graph", "https://example.org/graph"]).starts_with(STAGED));
    sandbox.run(&["reset"]).done();
    assert!(advice.with(&["--graph", "all"]).starts_with(STAGED));
    sandbox.run(&["reset"]).done();
    let other = ["add", "facts.nq", "--graph", "https://example.org/other"];
    let advice = advised(&sandbox, &other, "--graph all takes the triples of all graphs");
    assert!(advice.hint.contains("--graph all"));
    assert!(sandbox.run(&["add", "facts.nq", "--graph", "all"]).done().starts_with(STAGED));
}

#[test]
fn what_is_new_in_rdf_is_written_as_before() {
    let about =
        format!("<< {} >> <https://example.org/since> \"1843\" .\n", FACT.trim_end_matches(" .\n"));
    let hint = "state the inner triple as a fact of its own";
    mended("facts.ttl", about, hint, FACT);
    let hint = "write it as in RDF 1.1: without the version, and a text with its language alone";
    let text = "<https://example.org/Ada> <https://example.org/likes> \"tea\"@en--ltr .\n";
    mended("facts.ttl", text, hint, &text.replace("--ltr", ""));
    mended("facts.ttl", format!("VERSION \"1.2\"\n{FACT}"), hint, FACT);
}

#[test]
fn other_encodings_are_converted() {
    let sandbox = Sandbox::new();
    let line = b"<https://example.org/Ada> <https://example.org/likes> \"th\xe9\" .\n";
    fs::write(sandbox.root().join("facts.nt"), line).unwrap();
    let advice =
        advised(&sandbox, &["add", "facts.nt"], "convert it to UTF-8: iconv -f ENCODING -t UTF-8");
    let fill = [("ENCODING", "LATIN1"), ("FILE", "facts.nt"), ("NEW", "new.nt")];
    advice.shell("iconv -f ENCODING -t UTF-8 FILE > NEW", &fill);
    assert!(sandbox.run(&["add", "new.nt"]).done().starts_with(STAGED));
}

#[test]
fn utf_16_is_converted() {
    let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let marked = format!("\u{feff}{FACT}");
    let unmarked = "convert it: iconv -f UTF-16BE -t UTF-8 FILE > NEW, or -f UTF-16LE";
    for (bytes, hint, line) in [
        (little(&marked), "convert it: iconv -f UTF-16 -t", "iconv -f UTF-16 -t UTF-8 FILE > NEW"),
        (big(&marked), "convert it: iconv -f UTF-16 -t", "iconv -f UTF-16 -t UTF-8 FILE > NEW"),
        (big(FACT), unmarked, "iconv -f UTF-16BE -t UTF-8 FILE > NEW"),
    ] {
        let sandbox = Sandbox::new();
        fs::write(sandbox.root().join("facts.nt"), bytes).unwrap();
        let advice = advised(&sandbox, &["add", "facts.nt"], hint);
        advice.shell(line, &[("FILE", "facts.nt"), ("NEW", "new.nt")]);
        assert!(sandbox.run(&["add", "new.nt"]).done().starts_with(STAGED));
    }
}

/// Whether this machine has a program; Debian's smallest installation has gzip alone of those asked for.
fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn what_is_packed_is_unpacked() {
    let mut unpacked = 0;
    // But for xz, which is not unpacked here, they have to be packed twice.
    for (program, ending, hint) in [
        ("gzip", "gz", "unpack it: zcat FILE | kledger add --format nt -"),
        ("bzip2", "bz2", "unpack it: bzcat FILE | kledger add --format nt -"),
        ("xz", "xz", "unpack it: xzcat FILE | kledger add --format nt -"),
        ("zstd", "zst", "unpack it: zstdcat FILE | kledger add --format nt -"),
    ] {
        if !has(program) {
            continue;
        }
        let sandbox = Sandbox::new();
        sandbox.write("facts.nt", FACT);
        let pack = |file: &str| {
            let pack = Command::new(program).arg(file).current_dir(sandbox.root()).output();
            assert!(pack.unwrap().status.success(), "{program}");
            format!("{file}.{ending}")
        };
        let mut file = pack("facts.nt");
        if program != "xz" {
            fs::rename(sandbox.root().join(&file), sandbox.root().join("once")).unwrap();
            file = pack("once");
        }
        let advice = advised(&sandbox, &["add", "--format", "nt", &file], hint);
        let line = hint.strip_prefix("unpack it: ").unwrap();
        assert!(advice.shell(line, &[("FILE", &file)]).starts_with(STAGED), "{program}");
        unpacked += 1;
    }
    assert!(unpacked > 0);
}

#[test]
fn a_file_of_triples_is_named() {
    instead("facts.nt", b"PK\x03\x04 and so on", "unpack it and name the file in it", "in.nt");
    instead(
        "facts.nt",
        b"$HDT and so on",
        "convert it to N-Triples: hdt2rdf FILE NEW.nt",
        "new.nt",
    );
    instead("facts.nt", b"%PDF-1.4", "name a file of triples", "new.nt");
    instead("facts.nt", b"\x01\x01\0\0", "name a file of triples", "new.nt");
    let hint = "a page about the data is not the data: ask the server for it";
    instead("facts.ttl", b"<!DOCTYPE html><html>", hint, "new.ttl");
    instead("facts.nt", b"", "if a command was to write it, see what that said", "facts.nt");
    let hint = "prefixes, comments and empty elements say nothing: name a file with triples";
    instead("facts.nt", b"# nothing yet\n", hint, "new.nt");
    // Its first byte cannot be read.
    let sandbox = Sandbox::new();
    let hint = "check that the file exists and can be read";
    advised(&sandbox, &["add", "--format", "nt", "/proc/self/mem"], hint);
    sandbox.write("facts.nt", FACT);
    assert!(sandbox.run(&["add", "--format", "nt", "facts.nt"]).done().starts_with(STAGED));
}

#[test]
fn json_becomes_json_ld() {
    let json = "{\"@id\": \"https://example.org/Ada\", \"name\": \"Ada\"}";
    let context = "\"@context\": {\"name\": \"https://example.org/name\"}, \"@id\"";
    let with_context = json.replace("\"@id\"", context);
    let hint = "JSON-LD has keys that are IRIs, or a @context that makes IRIs of them";
    mended("facts.json", json, hint, &with_context);
    mended("facts.json", json, hint, &json.replace("name", "https://example.org/name"));
    let elsewhere = json.replace("\"@id\"", "\"@context\": \"https://schema.org/\", \"@id\"");
    let hint = "put the context itself in the place of its address, or convert the file to N-Quads";
    mended("facts.jsonld", &elsewhere, hint, &with_context);
    instead("facts.jsonld", &elsewhere, hint, "facts.nq");
}

#[test]
fn json_of_several_parts_becomes_an_array() {
    let sandbox = Sandbox::new();
    let part = |name: &str| {
        format!(
            "{{\"@id\": \"https://example.org/{name}\", \"https://example.org/likes\": \"tea\"}}\n"
        )
    };
    sandbox.write("facts.jsonld", &format!("{}{}", part("Ada"), part("Bob")));
    let hint = "JSON-LD of several parts is an array: jq -s . FILE > NEW makes one of them";
    let advice = advised(&sandbox, &["add", "facts.jsonld"], hint);
    if has("jq") {
        let fill = [("FILE", "facts.jsonld"), ("NEW", "new.jsonld")];
        advice.shell("jq -s . FILE > NEW", &fill);
    } else {
        sandbox.write("new.jsonld", &format!("[{},{}]", part("Ada"), part("Bob")));
    }
    assert!(sandbox.run(&["add", "new.jsonld"]).done().starts_with("Staged 2 facts"));
}

#[test]
fn what_is_too_much_is_written_otherwise() {
    let long =
        format!("<https://example.org/{}> <https://example.org/likes> \"o\" .", "x".repeat(70_000));
    let hint = "see whether a quote or a bracket is missing: what an edit can use is far shorter";
    mended("facts.nt", long, hint, FACT);
    let deep =
        format!("<https://e.org/a> <https://e.org/p> {}", "[ <https://e.org/p> ".repeat(1100));
    let hint = "write the triples one by one, as N-Triples: rapper and riot convert to them";
    instead("facts.ttl", deep, hint, "facts.nt");
    let xml = |doctype: &str, value: &str| {
        format!(
            "{doctype}<rdf:RDF xmlns:rdf='{RDF}' xmlns:e='https://example.org/'>\
             <rdf:Description rdf:about='https://example.org/Ada'><e:likes>{value}</e:likes>\
             </rdf:Description></rdf:RDF>"
        )
    };
    let text = "tea ".repeat(2000);
    let entity = format!("<!DOCTYPE r [<!ENTITY a \"{text}\">]>");
    let hint = "entities are for the beginnings of IRIs; write out what it stands for";
    mended("facts.rdf", xml(&entity, "&a;"), hint, &xml("", &text));
    let lines: String = (0..3000).map(|n| format!("p:s p:p{n} p:o .\n")).collect();
    let prefix =
        |long: usize| format!("@prefix p: <https://e.org/{}> .\n{lines}", "x".repeat(long));
    let sandbox = Sandbox::new();
    sandbox.write("facts.ttl", &prefix(60_000));
    let hint =
        "shorten the prefix, base or subject that is repeated; kledger help facts has the limits";
    let advice = advised(&sandbox, &["add", "facts.ttl"], hint);
    assert!(advice.run("kledger help facts", &[]).contains("100 times as long"));
    sandbox.write("facts.ttl", &prefix(10));
    assert!(advice.again().starts_with("Staged 3000 facts"));
}

#[test]
fn json_ld_that_is_too_large_becomes_n_quads() {
    let terms: Vec<String> = (0..6000).map(|n| format!("\"t{n}\":\"http://e.org/{n}\"")).collect();
    let part = "{\"@context\":{\"x\":\"http://e.org/x\"},\"@id\":\"http://e.org/s\",\"x\":\"v\"}";
    let graph = vec![part; 10_000].join(",");
    let json = format!("{{\"@context\":{{{}}},\"@graph\":[{graph}]}}", terms.join(","));
    instead("facts.jsonld", json, "convert it to N-Quads, which are read line by line", "facts.nq");
}

/// What is in a table that is refused is staged once `mended` stands in it.
#[track_caller]
fn mended_table(from: &str, text: &str, hint: &str, mended: &str) {
    let sandbox = Sandbox::new();
    sandbox.write("table", text);
    let advice = advised(&sandbox, &["add", "--from", from, "table"], hint);
    sandbox.write("table", mended);
    assert!(advice.again().starts_with(STAGED));
}

#[test]
fn tables_are_named_and_read_as_such() {
    let sandbox = Sandbox::new();
    sandbox.write("facts.csv", TABLE);
    let hint = "a table is read by kledger add --from csv FILE";
    let advice = advised(&sandbox, &["add", "facts.csv"], hint);
    advice.run("kledger add --from csv FILE", &[("FILE", "facts.csv")]);
    let sandbox = Sandbox::new();
    sandbox.write("facts.json", r#"[{"subject": "Q1", "predicate": "P36", "object": "Q2"}]"#);
    let hint = "these look like rows of a table: kledger add --from jsonl FILE reads an object in each line";
    let advice = advised(&sandbox, &["add", "facts.json"], hint);
    sandbox.write("lines", r#"{"subject": "Q1", "predicate": "P36", "object": "Q2"}"#);
    if has("jq") {
        let fill = [("FILE", "facts.json"), ("NEW", "lines")];
        advice.shell("jq -c '.[]' FILE > NEW", &fill);
    }
    let done = advice.run("kledger add --from jsonl FILE", &[("FILE", "lines")]);
    assert!(done.starts_with(STAGED));
}

#[test]
fn columns_are_named_and_names_get_a_base() {
    let sandbox = Sandbox::new();
    sandbox.write("cities.csv", "City,Country\nParis,France\n");
    let add = ["add", "--from", "csv", "cities.csv"];
    let hint = "say what is in which: --column subject=NAME --column predicate=NAME --column object=NAME, or";
    let advice = advised(&sandbox, &add, hint);
    let named = ["--column", "subject=City", "--column", "https://e.org/in=Country"];
    let add = [&add[..], &named].concat();
    assert!(advice.hint.contains("--column IRI=NAME for objects of a predicate"));
    let hint = "say where names belong: --base https://example.org/";
    let advice = advised(&sandbox, &add, hint);
    assert!(advice.with(&["--base", "https://example.org/"]).starts_with(STAGED));
    mended_table(
        "csv",
        &TABLE.replace("subject", "thing"),
        "or name the columns so in the first row",
        TABLE,
    );
}

#[test]
fn rows_are_mended() {
    mended_table(
        "csv",
        &TABLE.replace("https://example.org/Ada", ""),
        "correct the row, or take it out",
        TABLE,
    );
    let hint = "see whether a quote is missing, or around a cell with a comma in it; --delimiter says what";
    mended_table("csv", &TABLE.replace("cake", "cake,tea"), hint, TABLE);
    let sandbox = Sandbox::new();
    sandbox.write("table", &TABLE.replace(',', ";").replace("subject;", "subject,"));
    advised(
        &sandbox,
        &["add", "--from", "csv", "table", "--column", "P1=2", "--column", "subject=1"],
        hint,
    );
    sandbox.write("table", &TABLE.replace(',', ";"));
    let staged = sandbox.run(&["add", "--from", "csv", "table", "--delimiter", ";"]).done();
    assert!(staged.starts_with(STAGED));
    let open = TABLE.replace("https://example.org/Ada", "\"https://example.org/Ada");
    let closed = open.replace("Ada", "Ada\"");
    mended_table("csv", &open, "close it; a quote within quotes is written twice", &closed);
    let row = r#"{"subject": "Q1", "predicate": "P36", "object": "Q2"}"#;
    let hint =
        "a line is one object, with a text or a number in each field: jq -c '.[]' FILE > NEW";
    mended_table("jsonl", &format!("[{row}]"), hint, row);
}

#[test]
fn what_did_not_arrive_whole_is_fetched_again() {
    let sandbox = Sandbox::new();
    sandbox.write("facts.nt", FACT);
    let gzip = Command::new("gzip").arg("-k").arg("facts.nt").current_dir(sandbox.root()).output();
    assert!(gzip.unwrap().status.success());
    let path = sandbox.root().join("facts.nt.gz");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    let hint = "get the file again: it did not arrive whole";
    let advice = advised(&sandbox, &["add", "facts.nt.gz"], hint);
    fs::write(&path, whole).unwrap();
    assert!(advice.again().starts_with(STAGED));
}

#[test]
fn what_is_far_too_long_is_unpacked_first() {
    let sandbox = Sandbox::new();
    let comments = format!("#{}\n", "x".repeat((1 << 20) - 2)).repeat(80);
    sandbox.write("facts.nt", &format!("{FACT}{comments}"));
    let gzip = Command::new("gzip").arg("-k").arg("facts.nt").current_dir(sandbox.root()).output();
    assert!(gzip.unwrap().status.success());
    let hint = "if it is to be so, unpack it first and name the unpacked file";
    advised(&sandbox, &["add", "facts.nt.gz"], hint);
    assert!(sandbox.run(&["add", "facts.nt"]).done().starts_with(STAGED));
}

#[test]
fn predicates_are_named_as_they_are_written() {
    let sandbox = Sandbox::new();
    sandbox.write("facts.nt", FACT);
    let hint = "name a predicate as the file writes it, in full: --predicate IRI";
    advised(&sandbox, &["add", "facts.nt", "--predicate", "P36"], hint);
    let likes = ["add", "facts.nt", "--predicate", "https://example.org/likes"];
    assert!(sandbox.run(&likes).done().starts_with(STAGED));
}
