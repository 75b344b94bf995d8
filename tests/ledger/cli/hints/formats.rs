//! Files that are not read as triples, and what is to be done with them.

use std::{fs, process::Command};

use super::{FACT, Sandbox, advised};

const STAGED: &str = "Staged 1 fact";
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
        let pack = Command::new(program).arg("facts.nt").current_dir(sandbox.root()).output();
        assert!(pack.unwrap().status.success(), "{program}");
        let file = format!("facts.nt.{ending}");
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
