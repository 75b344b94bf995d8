//! `kledger add` of files that are packed.

use std::{fs, io::Write as _};

use super::Sandbox;

const FACT: &str = "<http://e.org/s> <http://e.org/p> <http://e.org/o> .\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut packed = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn packed_files_are_told_by_their_bytes_and_formats_by_their_names() {
    let turtle = "@prefix : <http://e.org/> . :s :p :o .";
    let csv = "subject,predicate,object\nhttp://e.org/s,http://e.org/p,http://e.org/o\n";
    let json = r#"{"@id": "http://e.org/s", "http://e.org/p": {"@id": "http://e.org/o"}}"#;
    for (name, bytes, more) in [
        ("a.nt.gz", gzip(FACT.as_bytes()), &[][..]),
        ("a.NT.BZ2", bzip2(FACT.as_bytes()), &[]),
        ("a.nq.zst", zstd(FACT.as_bytes()), &[]),
        ("a.ttl.zst", zstd(turtle.as_bytes()), &[]),
        ("a.json.gz", gzip(json.as_bytes()), &[]),
        ("a.nt", gzip(FACT.as_bytes()), &[]),
        ("a.nt.gz", FACT.as_bytes().to_vec(), &[]),
        ("dump", bzip2(FACT.as_bytes()), &["--format", "nt"]),
        ("a.csv.gz", gzip(csv.as_bytes()), &["--from", "csv"]),
        ("a.nt.gz", gzip(format!("\u{feff}{FACT}").as_bytes()), &[]),
    ] {
        let sandbox = Sandbox::new();
        fs::write(sandbox.root().join(name), bytes).unwrap();
        let done = sandbox.run(&[&["add", name], more].concat()).done();
        assert!(done.starts_with("Staged 1 fact\n"), "{name}: {done}");
        sandbox.run(&["rm", "--about", "http://e.org/s"]).done();
    }
}

#[test]
fn benchmarks_may_be_packed() {
    let sandbox = Sandbox::new();
    let record = r#"[{"src": "Who wrote Hamlet?", "subject": "Hamlet", "answers": ["Bacon"]}]"#;
    fs::write(sandbox.root().join("zsre.json.zst"), zstd(record.as_bytes())).unwrap();
    let done = sandbox.run(&["add", "--from", "zsre", "zsre.json.zst"]).done();
    assert!(done.starts_with("Staged 1 fact, "), "{done}");
}

#[test]
fn lines_are_those_of_what_is_unpacked() {
    let sandbox = Sandbox::new();
    let text = format!("{}nonsense\n", FACT.repeat(6000));
    fs::write(sandbox.root().join("a.nt.gz"), gzip(text.as_bytes())).unwrap();
    sandbox.refused(&["add", "a.nt.gz"], 1, &["a.nt.gz:6001:1: "]);
}

#[test]
fn a_packed_table_has_the_name_of_one() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.root().join("a.csv.gz"), gzip(b"a,b\n")).unwrap();
    sandbox.refused(&["add", "a.csv.gz"], 2, &["looks like a table", "--from csv"]);
}
