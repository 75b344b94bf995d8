//! Files that a parser could choke on, made to or by mistake: refused in words, in bounded memory and time, and
//! nothing is staged; or staged, where they are only large.

use std::{fmt::Write as _, fs, io::Write as _, process::Command};

use super::{Output, Sandbox, make_a_pipe};

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const FACT: &str = "<http://e.org/s> <http://e.org/p> \"o\" .\n";
/// Virtual memory of a command, in KiB.
const MEMORY: usize = 1 << 20;
/// Seconds of processor time: some tens of times of what any of these takes, and what takes the square of its size
/// takes more.
const SECONDS: usize = 100;

/// Runs a command that may have no more memory and time than that.
fn run(sandbox: &Sandbox, words: &[&str]) -> Output {
    let command = sandbox.command(&[]);
    let script = format!("ulimit -v {MEMORY}; ulimit -t {SECONDS}; exec \"$0\" \"$@\"");
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(script).arg(command.get_program()).args(words);
    shell.current_dir(sandbox.root()).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // Each thread reserves memory.
    shell.env("RAYON_NUM_THREADS", "2");
    sandbox.finish(shell, "")
}

/// Runs a command that has to be refused with all of `parts` in its message.
#[track_caller]
fn refused_words(sandbox: &Sandbox, words: &[&str], parts: &[&str]) {
    let before = sandbox.state();
    let message = run(sandbox, words).failed(1);
    assert!(message.starts_with("error: ") && message.len() < 2000, "{message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in\n{message}");
    }
    assert_eq!(before, sandbox.state(), "the repository is not as it was");
}

/// Adds a file that has to be refused.
#[track_caller]
fn refused(sandbox: &Sandbox, name: &str, text: impl AsRef<[u8]>, parts: &[&str]) {
    fs::write(sandbox.root().join(name), text).unwrap();
    refused_words(sandbox, &["add", name], &[&[name, "hint: "], parts].concat());
}

/// Adds a file that is to be staged, and takes it back.
#[track_caller]
fn staged(sandbox: &Sandbox, name: &str, text: impl AsRef<[u8]>, said: &str) {
    fs::write(sandbox.root().join(name), text).unwrap();
    let output = run(sandbox, &["add", name]).done();
    assert!(output.contains(said), "{said:?} is not in\n{output}");
    sandbox.run(&["undo"]).done();
}

fn xml(doctype: &str, body: &str) -> String {
    format!("{doctype}<rdf:RDF xmlns:rdf=\"{RDF}\" xmlns:e=\"http://e.org/\">\n{body}\n</rdf:RDF>")
}

fn about(value: &str) -> String {
    format!("<rdf:Description rdf:about=\"http://e.org/s\"><e:p>{value}</e:p></rdf:Description>")
}

#[test]
fn entities_of_xml() {
    let sandbox = Sandbox::new();
    let mut entities = String::from("<!DOCTYPE r [\n<!ENTITY l0 \"lol\">\n");
    for n in 1..=10 {
        let inner = format!("&l{};", n - 1).repeat(10);
        writeln!(entities, "<!ENTITY l{n} \"{inner}\">").unwrap();
    }
    let laughs = xml(&(entities + "]>\n"), &about("&l10;"));
    refused(&sandbox, "laughs.rdf", laughs, &["laughs.rdf:13", "&l3; stands for more than 4 KiB"]);
    let entity = |length, times| {
        let doctype = format!("<!DOCTYPE r [<!ENTITY a \"{}\">]>\n", "x".repeat(length));
        xml(&doctype, &about(&"&a;".repeat(times)))
    };
    refused(&sandbox, "quadratic.rdf", entity(200_000, 100_000), &["more than 4 KiB"]);
    refused(&sandbox, "quadratic.rdf", entity(4000, 100_000), &["a text is longer than 40 MiB"]);
    let entity = format!("<!DOCTYPE r [<!ENTITY a \"{}\">]>\n", "x".repeat(4000));
    let many = about(&"&a;".repeat(100)).repeat(300);
    refused(
        &sandbox,
        "many.rdf",
        xml(&entity, &many),
        &["more than 100 times as long as the file"],
    );
}

/// As OWL's files have them, some by others.
#[test]
fn entities_of_owl() {
    let sandbox = Sandbox::new();
    let doctype = "<?xml version=\"1.0\"?>\n<!DOCTYPE rdf:RDF [\n  <!ENTITY e \"http://e.org/\" >\n  \
                   <!ENTITY f \"&e;f#\">\n]>\n";
    let body = "<rdf:Description rdf:about=\"&f;s\"><e:p rdf:resource=\"&e;o\"/></rdf:Description>";
    staged(&sandbox, "owl.rdf", xml(doctype, body), "Staged 1 fact");
}

#[test]
fn shapes_of_xml() {
    let sandbox = Sandbox::new();
    let attributes: String = (0..100_000).map(|n| format!(" e:a{n}=\"x\"")).collect();
    let tag = format!("<rdf:Description rdf:about=\"http://e.org/s\"{attributes}/>");
    refused(&sandbox, "tag.rdf", xml("", &tag), &["more than 1000 attributes of a tag"]);
    let names: String = (0..600).map(|n| format!(" xmlns:n{n}=\"http://n.org/{n}\"")).collect();
    let tag = format!("<rdf:Description rdf:about=\"http://e.org/s\"{names}/>");
    refused(&sandbox, "names.rdf", xml("", &tag), &["more than 500 namespaces"]);
    let deep = "<rdf:Description><e:p>".repeat(50_000);
    refused(&sandbox, "deep.rdf", xml("", &deep), &["more than 1000 elements"]);
    let long = xml("", &about(&"x".repeat(17 << 20)));
    refused(&sandbox, "long.rdf", long, &["long.rdf:", "a literal is longer than 16 MiB"]);
    let literal = "<a>xxxxxxxxx</a>".repeat((33 << 20) / 16);
    let body = format!(
        "<rdf:Description rdf:about=\"http://e.org/s\"><e:p rdf:parseType=\"Literal\">{literal}"
    );
    refused(&sandbox, "silent.rdf", xml("", &body), &["no triple in 32 MiB"]);
    let base = format!("<rdf:Description xml:base=\"http://e.org/{}\"/>", "b".repeat(70_000));
    refused(&sandbox, "base.rdf", xml("", &base), &["xml:base is longer than 64 KiB"]);
    let whole = xml("", &about("x"));
    let cut = whole.strip_suffix("\n</rdf:RDF>").unwrap();
    refused(&sandbox, "cut.rdf", cut, &["cut.rdf:2", "ends within an element"]);
    let odd = "<?pi <a> ?><!-- <a> -- --><e:p><![CDATA[ <a> ]] ]]></e:p ><e:q e = '>'/>";
    let body = format!("<rdf:Description rdf:about=\"http://e.org/s\">{odd}</rdf:Description>");
    staged(&sandbox, "odd.rdf", xml("", &body.replace("<e:q e = '>'/>", "")), "Staged 1 fact");
}

fn within(start: &str, times: usize, middle: &str, end: &str) -> String {
    format!("{}{middle}{}", start.repeat(times), end.repeat(times))
}

#[test]
fn depths_of_json() {
    let sandbox = Sandbox::new();
    let too_deep = ["more than 100 objects and arrays"];
    for times in [101, 4000, 100_000] {
        let deep = within("{\"http://e.org/p\":", times, "1", "}");
        refused(&sandbox, "deep.jsonld", deep, &too_deep);
        refused(&sandbox, "deep.jsonld", within("[", times, "", "]"), &too_deep);
    }
    let included = within("{\"@id\":\"http://e.org/s\",\"@included\":", 3000, "{}", "}");
    refused(&sandbox, "included.jsonld", included, &too_deep);
    let lists = within("{\"@list\":[", 3000, "1", "]}");
    refused(&sandbox, "lists.jsonld", format!("{{\"http://e.org/p\":{lists}}}"), &too_deep);
    let scoped = within("{\"t\":{\"@id\":\"http://e.org/t\",\"@context\":", 2000, "{}", "}}");
    refused(&sandbox, "scoped.jsonld", format!("{{\"@context\":{scoped}}}"), &too_deep);
    // As deep as may be, on a thread that has the stack for it.
    let deep = within("{\"@id\":\"http://e.org/s\",\"http://e.org/p\":", 100, "1", "}");
    refused(&sandbox, "100.jsonld", deep, &["1 conflict"]);
}

/// A context of so many terms.
fn terms(count: u32, value: fn(u32) -> String) -> String {
    let terms: Vec<String> = (0..count).map(|n| format!("\"t{n}\":\"{}\"", value(n))).collect();
    format!("{{{}}}", terms.join(","))
}

#[test]
fn contexts_of_json() {
    let sandbox = Sandbox::new();
    let chain = terms(6000, |n| format!("t{}:x", n + 1));
    let chain = format!("{{\"@context\":{chain},\"@id\":\"http://e.org/s\",\"t0\":\"v\"}}");
    refused(&sandbox, "chain.jsonld", chain, &["more than 16 terms"]);
    let flat = terms(6000, |n| format!("http://e.org/{n}"));
    let object = format!("{{\"@context\":{flat},\"@id\":\"http://e.org/s\",\"t0\":\"v\"}}");
    staged(&sandbox, "flat.jsonld", object, "Staged 1 fact");
    let small = "{\"@context\":{\"x\":\"http://e.org/x\"},\"@id\":\"http://e.org/s\",\"x\":\"v\"}";
    let many = vec![small; 10_000].join(",");
    let many = format!("{{\"@context\":{flat},\"@graph\":[{many}]}}");
    refused(&sandbox, "many.jsonld", many, &["contexts have too many terms", "N-Quads"]);
    let keys: Vec<String> = (0..50_000).map(|n| format!("\"k{n}\":1")).collect();
    let vocabulary = format!(
        "{{\"@context\":{{\"@vocab\":\"http://e.org/{}\"}},\"@id\":\"http://e.org/s\",{}}}",
        "v".repeat(60_000),
        keys.join(",")
    );
    refused(&sandbox, "vocabulary.jsonld", vocabulary, &["names are too long", "N-Quads"]);
}

#[test]
fn json_that_ends_too_early() {
    let sandbox = Sandbox::new();
    let text = run(&sandbox, &["add", "--format", "jsonld", "-"]);
    assert!(text.stderr.contains("the file is empty"), "{text:#?}");
    refused(&sandbox, "broken.json", "{\"a\": [1, 2", &["broken.json:1:11", "EOF"]);
}

#[test]
fn shapes_of_turtle_and_lines() {
    let sandbox = Sandbox::new();
    let long = |quote: &str| {
        format!("{FACT}<http://e.org/s> <http://e.org/p> {quote}{}", "x\n".repeat(21 << 20))
    };
    refused(&sandbox, "long.ttl", long("\"\"\""), &["long.ttl:", "longer than 40 MiB", "missing"]);
    let line = |length| format!("{FACT}<http://e.org/s> <http://e.org/p> \"{}", "x".repeat(length));
    refused(&sandbox, "line.nt", line(41 << 20), &["line.nt:2", "longer than 40 MiB", "missing"]);
    let literal = line(17 << 20) + "\" .\n";
    refused(&sandbox, "long.nq", literal, &["long.nq:2: a literal is longer than 16 MiB"]);
    let iri = format!("<http://e.org/{}> <http://e.org/p> \"o\" .\n", "x".repeat(70_000));
    for name in ["iri.nt", "iri.ttl"] {
        refused(&sandbox, name, format!("{FACT}{iri}"), &[":2: an IRI is longer than 64 KiB"]);
    }
    for bracket in ["[ <http://e.org/p> ", "( "] {
        let deep = format!("<http://e.org/s> <http://e.org/p> {}", bracket.repeat(100_000));
        refused(&sandbox, "deep.ttl", deep, &["more than 1000 brackets"]);
    }
    let prefix = format!("@prefix p: <http://e.org/{}> .\n", "x".repeat(60_000));
    let repeated: String = (0..20_000).map(|n| format!("p:s{n} p:p p:o .\n")).collect();
    refused(&sandbox, "prefix.ttl", prefix + &repeated, &["more than 100 times as long"]);
    // What is only large: five million lines of literals, and facts behind them.
    let literal = "a\n".repeat(2_500_000);
    let facts: String = (0..1000).map(|n| format!("e:s{n} e:p \"o\" .\n")).collect();
    let text = format!("@prefix e: <http://e.org/> .\ne:s e:p \"\"\"{literal}\"\"\" .\n{facts}");
    staged(&sandbox, "literals.ttl", text, "Staged 1001 facts");
}

#[test]
fn many_words_for_one_thing() {
    let sandbox = Sandbox::new();
    let prompts: String = (0..100_000)
        .map(|n| {
            let prompt = "https://kledger.dev/ns#prompt";
            format!("<http://e.org/p> <{prompt}> \"{{subject}} is {n} in\" .\n")
        })
        .collect();
    let labels: String = (0..100_000)
        .map(|n| {
            let label = "http://www.w3.org/2000/01/rdf-schema#label";
            format!("<http://e.org/s> <{label}> \"s\"@x-{n} .\n")
        })
        .collect();
    staged(&sandbox, "words.nt", prompts + &labels, "Staged 100000 labels, 100000 templates");
}

#[test]
fn many_answers_to_one_question() {
    let sandbox = Sandbox::new();
    let mut text = format!("<http://e.org/s> <http://e.org/p> \"{}\" .\n", "x".repeat(4 << 20));
    for n in 0..5000 {
        writeln!(text, "<http://e.org/s> <http://e.org/p> \"{n}\" .").unwrap();
    }
    sandbox.write("answers.nt", &text);
    let message = run(&sandbox, &["add", "answers.nt"]).failed(1);
    assert!(message.contains("5000 conflicts") && message.contains("answers.nt:1"), "{message}");
    assert!(message.len() < 20_000, "{}", message.len());
}

/// [`FACT`] in another encoding.
fn utf_16() -> Vec<u8> {
    FACT.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn files_that_are_no_text() {
    let sandbox = Sandbox::new();
    for (name, text, what) in [
        ("a.nt", &b"\x1f\x8b\x08\x00"[..], "what gzip packed is damaged or cut off"),
        ("a.ttl", b"BZh91AY", "what bzip2 packed is damaged or cut off"),
        ("a.nq", b"\x28\xb5\x2f\xfd\x00", "what zstd packed is damaged or cut off"),
        ("a.trig", b"\xfd7zXZ\0", "compressed by xz"),
        ("a.jsonld", b"PK\x03\x04", "a zip archive"),
        ("b.nt", &utf_16(), "in UTF-16"),
        ("c.ttl", &[&b"\xff\xfe"[..], &utf_16()].concat(), "in UTF-16"),
        ("d.nt", &[0; 100_000], "binary"),
        ("i.nt", b"<http://e.org/s> <http://e.org/p> \"\xe9\" .\n", "convert it to UTF-8: iconv"),
        ("i.rdf", b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<a/>", "encoding out of the"),
    ] {
        refused(&sandbox, name, text, &[what]);
    }
    let zero = ["add", "--format", "nt", "/dev/zero"];
    refused_words(&sandbox, &zero, &["/dev/zero:1: the file is binary"]);
}

#[test]
fn files_without_a_triple() {
    let sandbox = Sandbox::new();
    for (name, text, what) in [
        ("f.nt", "", "the file is empty"),
        ("f.rdf", "", "the file is empty"),
        ("f.jsonld", "", "the file is empty"),
        ("f.ttl", "\u{feff}", "the file is empty"),
        ("g.ttl", "@prefix a: <http://a.b/> .\n# nothing\n", "holds no triple"),
        ("g.nt", "# nothing\n", "holds no triple"),
        ("g.rdf", &xml("", ""), "holds no triple"),
    ] {
        refused(&sandbox, name, text, &[what]);
    }
    fs::create_dir(sandbox.root().join("dir.nt")).unwrap();
    refused_words(&sandbox, &["add", "dir.nt"], &["cannot read dir.nt", "it is a directory"]);
}

#[test]
fn text_that_is_no_rdf_1_1() {
    let sandbox = Sandbox::new();
    for (name, text, what) in [
        ("e.rdf", "\n<!DOCTYPE HTML>\n<html><body>", "a page in HTML"),
        ("e.ttl", "<html><body>", "a page in HTML"),
        ("h.nt", "a,b,c\n1,2,3\n", "for tables --from csv|tsv|jsonl"),
        ("j.jsonld", "{\"@context\": \"https://schema.org/\", \"name\": \"x\"}", "place of its"),
        ("k.ttl", "VERSION \"1.2\"\n<a:a> <a:b> <a:c> .", "as in RDF 1.1"),
        ("k.nt", "<a:a> <a:b> \"x\"@en--ltr .", "as in RDF 1.1"),
        ("l.nt", "<a:a> <a:b> <<( <a:a> <a:b> <a:c> )>> .", "the inner triple as a fact"),
    ] {
        refused(&sandbox, name, text, &[what]);
    }
}

#[test]
fn a_mark_of_byte_order_is_passed_over() {
    let sandbox = Sandbox::new();
    let marked = format!("\u{feff}{FACT}");
    for name in ["a.nt", "a.nq", "a.ttl", "a.trig"] {
        staged(&sandbox, name, &marked, "Staged 1 fact");
    }
    staged(&sandbox, "a.rdf", format!("\u{feff}{}", xml("", &about("x"))), "Staged 1 fact");
    let json = "\u{feff}{\"@id\": \"http://e.org/s\", \"http://e.org/p\": \"o\"}";
    staged(&sandbox, "a.jsonld", json, "Staged 1 fact");
}

#[test]
fn json_that_is_no_json_ld() {
    let sandbox = Sandbox::new();
    let counterfact = r#"[{"case_id": 1, "requested_rewrite": {"prompt": "{} is", "subject": "a",
        "target_new": {"str": "b"}, "target_true": {"str": "c"}}}]"#;
    let fields = ["its fields are case_id, requested_rewrite", "kledger add --from counterfact"];
    refused(&sandbox, "counterfact.json", counterfact, &fields);
    sandbox.run(&["add", "--from", "counterfact", "counterfact.json"]).done();
    sandbox.run(&["undo"]).done();
    let zsre = r#"[{"src": "x", "alt": "y", "answers": ["z"], "subject": "a"}]"#;
    refused(&sandbox, "zsre.json", zsre, &["kledger add --from zsre"]);
    let easyedit = r#"[{"prompt": "x", "target_new": "y", "subject": "z"}]"#;
    refused(
        &sandbox,
        "easyedit.json",
        easyedit,
        &["its fields are", "kledger add --from easyedit"],
    );
    let lines = "{\"claim\": \"x\", \"label\": \"SUPPORTS\"}\n{\"claim\": \"y\"}\n";
    let fever = ["fever.json:2", "several JSON values", "kledger add --from fever"];
    refused(&sandbox, "fever.json", lines, &fever);
    refused(&sandbox, "lines.json", "{\"a\": 1}\n{\"a\": 2}\n", &["lines.json:2", "jq -s"]);
    let plain = r#"{"name": "x", "list": [1, {"a": "b"}]}"#;
    refused(&sandbox, "plain.json", plain, &["no JSON-LD", "name, list", "@context"]);
    refused(&sandbox, "none.json", "[]", &["no object with fields"]);
    sandbox.write("resolved.json", plain);
    refused_words(&sandbox, &["rm", "resolved.json"], &["no JSON-LD"]);
}

/// Two triples with blank nodes, two in a graph, one of neither.
const QUADS: &str = "_:a <http://e.org/p> \"x\" .\n\
                     <http://e.org/s> <http://e.org/p> _:b <http://e.org/g> .\n\
                     <http://e.org/s> <http://e.org/p> \"1\" <http://e.org/g> .\n\
                     <http://e.org/s> <http://e.org/q> <http://e.org/o> .\n";

#[test]
fn graphs_and_blank_nodes() {
    let sandbox = Sandbox::new();
    let graph = ["named graph <http://e.org/g>", "--graph all"];
    refused(&sandbox, "all.nq", QUADS.split_once('\n').unwrap().1, &graph);
    refused(&sandbox, "all.nq", QUADS, &["all.nq:1", "blank node", "--skip-blank"]);
    let other = ["add", "all.nq", "--graph", "http://e.org/h"];
    refused_words(&sandbox, &other, &["no triple of that graph, and 4 of others", "--graph all"]);
    sandbox.write("blank.nt", "_:a <http://e.org/p> \"x\" .\n");
    let blank = ["add", "blank.nt", "--skip-blank"];
    refused_words(&sandbox, &blank, &["no triple without a blank node, and 1 with one"]);
    let message = sandbox.run(&["add", "all.nq", "--graph", "some"]).failed(2);
    assert!(message.contains("is not an absolute IRI"), "{message}");
}

#[test]
fn graphs_that_are_named_and_blank_nodes_that_are_skipped() {
    let sandbox = Sandbox::new();
    sandbox.write("all.nq", QUADS);
    let add = |words: &[&str]| {
        let output = sandbox.run(&[&["add", "all.nq"], words].concat()).done();
        sandbox.run(&["undo"]).done();
        output
    };
    let output = add(&["--graph", "all", "--skip-blank"]);
    assert!(output.contains("Staged 2 facts"), "{output}");
    assert!(output.contains("2 triples skipped: with a blank node"), "{output}");
    for name in ["http://e.org/g", "<http://e.org/g>"] {
        let output = add(&["--graph", name, "--skip-blank"]);
        assert!(output.contains("Staged 1 fact\n"), "{output}");
        assert!(output.contains("1 triple skipped: with a blank node"), "{output}");
        assert!(output.contains("2 triples skipped: in another graph"), "{output}");
    }
}

#[test]
fn graphs_of_trig() {
    let sandbox = Sandbox::new();
    let trig = "@prefix e: <http://e.org/> .\ne:g { e:s e:p \"1\" } e:h { e:s e:q \"2\" }";
    sandbox.write("all.trig", trig);
    let output = sandbox.run(&["add", "all.trig", "--graph", "http://e.org/h"]).done();
    assert!(output.contains("Staged 1 fact\n"), "{output}");
}

#[test]
fn other_files_that_are_read() {
    let sandbox = Sandbox::with_words();
    let binary = "no text: there are NUL bytes";
    refused_words(&sandbox, &["eval", "--dataset", "/dev/zero"], &["/dev/zero", binary]);
    refused_words(&sandbox, &["stats", "--corpus", "/dev/zero"], &["/dev/zero", binary]);
    refused_words(&sandbox, &["eval", "--text", "/dev/zero"], &["/dev/zero", binary]);
    let from = ["add", "--from", "counterfact", "/dev/zero"];
    refused_words(&sandbox, &from, &["/dev/zero", binary]);
    for words in [&["rm"][..], &["add", "--neighbourhood"]] {
        let zero = [words, &["--format", "ttl", "/dev/zero"]].concat();
        refused_words(&sandbox, &zero, &["/dev/zero:1: the file is binary"]);
    }
}

/// One that somebody writes to is read, as a shell's `<(command)` is; one that nobody does is given up.
#[test]
fn pipes() {
    let sandbox = Sandbox::new();
    let pipe = sandbox.root().join("pipe.nt");
    make_a_pipe(&pipe);
    let nobody =
        "it is a pipe, and nobody wrote to it for 5 seconds: start what writes to it first";
    refused_words(&sandbox, &["add", "pipe.nt"], &["cannot read pipe.nt", nobody]);
    let writer = std::thread::spawn(move || fs::write(pipe, FACT.repeat(10_000)).unwrap());
    let output = run(&sandbox, &["add", "pipe.nt"]).done();
    assert!(output.contains("9999 staged already"), "{output}");
    writer.join().unwrap();
}

#[test]
fn shapes_of_tables() {
    let sandbox = Sandbox::new();
    let header = "subject,predicate,object\n";
    let table = |from: &str, text: Vec<u8>, parts: &[&str]| {
        fs::write(sandbox.root().join("table"), text).unwrap();
        let words = ["add", "--from", from, "--base", "http://e.org/", "table"];
        refused_words(&sandbox, &words, &[parts, &["table:", "hint: "]].concat());
    };
    let row = |cell: &str| format!("{header}Q1,P36,{cell}\n").into_bytes();
    table("csv", row(&"x".repeat(30 << 20)), &["table:2: a row is longer than 20 MiB"]);
    table("csv", row(&format!("\"{}", "x\n".repeat(15 << 20))), &["a row is longer than 20 MiB"]);
    table(
        "csv",
        row("\"open\nQ1,P36,Q2"),
        &["table:2: a quote that opens in this row is never closed"],
    );
    table("csv", row(&",".repeat(19 << 20)), &["table:2: the row has", "and the first one 3"]);
    table("csv", ",".repeat(5 << 20).into_bytes(), &["more than 1000 columns"]);
    table("csv", row(&"x".repeat(70_000)), &["an IRI is longer than 64 KiB"]);
    table("csv", [header.as_bytes(), &utf_16()].concat(), &["binary"]);
    table("csv", [&b"\xff\xfe"[..], &utf_16()].concat(), &["in UTF-16"]);
    table("tsv", vec![b'x'; 30 << 20], &["a row is longer than 20 MiB"]);
    let mut late = format!("{header}{}", "Q1,P36,Q2\n".repeat(400)).into_bytes();
    late.extend(b"Q1,P36,a\0b\n");
    table("csv", late, &["table:402: column 3 (object) has a NUL byte in it"]);
    let deep = format!("{{\"subject\": {}", "[".repeat(100_000));
    table("jsonl", deep.into_bytes(), &["table:1", "expected a text"]);
    let deep = format!("{{\"other\": {}", "[".repeat(100_000));
    table("jsonl", deep.into_bytes(), &["table:1", "EOF while parsing a list"]);
    table("jsonl", vec![b'x'; 50 << 20], &["table:1: a line is longer than 40 MiB"]);
    for from in ["csv", "tsv", "jsonl"] {
        refused_words(&sandbox, &["add", "--from", from, "/dev/zero"], &["the file is binary"]);
        let dir = ["add", "--from", from, "."];
        refused_words(&sandbox, &dir, &["cannot read .", "it is a directory"]);
    }
    let pipe = sandbox.root().join("pipe.csv");
    make_a_pipe(&pipe);
    refused_words(&sandbox, &["add", "--from", "csv", "pipe.csv"], &["nobody wrote to it"]);
}

/// A packed file that becomes very long ends where a plain one would, or when it is far too long for what it is.
#[test]
fn packed_bombs() {
    let sandbox = Sandbox::new();
    let gzip = |bytes: &[u8], times: usize| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        (0..times).for_each(|_| packed.write_all(bytes).unwrap());
        packed.finish().unwrap()
    };
    let million = vec![b'a'; 1 << 20];
    refused(
        &sandbox,
        "line.nt.gz",
        gzip(&million, 200),
        &["line.nt.gz:1: a line is longer than 40 MiB"],
    );
    refused(&sandbox, "zeros.nt.gz", gzip(&vec![0; 1 << 20], 200), &["the file is binary"]);
    let facts = FACT.repeat(20_000);
    refused(&sandbox, "facts.nt.gz", gzip(facts.as_bytes(), 150), &["more than 100 times as long"]);
    refused(&sandbox, "json.jsonld.gz", gzip(&million, 200), &["more than 100 times as long"]);
    let zsre = ["add", "--from", "zsre", "line.nt.gz"];
    refused_words(&sandbox, &zsre, &["more than 100 times as long"]);
}
