//! `kledger add` of files with several mistakes: all are named, and nothing is staged.

use insta::assert_snapshot;

use super::Sandbox;

#[track_caller]
fn refused(name: &str, text: &str) -> String {
    let sandbox = Sandbox::new();
    sandbox.write(name, text);
    let before = sandbox.state();
    let message = sandbox.run(&["add", name]).failed(1);
    assert_eq!(before, sandbox.state());
    message
}

#[test]
fn of_lines() {
    let fact = "<http://e.org/s> <http://e.org/p> <http://e.org/o> .";
    let text = format!(
        "{fact}\nnonsense\n{fact}\n_:b <http://e.org/p> \"x\" .\n<http://e.org/s> <p> \"x\" .\n{fact}\n\
         <http://e.org/s> <http://e.org/p> \"open .\n<http://e.org/s> \"p\" \"o\" .\n{fact}\n\
         <http://e.org/p> <https://kledger.dev/ns#prompt> \"no subject\" .\n"
    );
    assert_snapshot!(refused("facts.nt", &text), @r#"
    error: 6 mistakes, and nothing was staged
      facts.nt:2:1: The subject of a triple must be an IRI or a blank node
      facts.nt:4: the subject is a blank node, _:b
      facts.nt:5:18: relative IRI: No scheme found in an absolute IRI
      facts.nt:7:35: the line ends within a literal or an IRI
      facts.nt:8:18: The predicate of a triple must be an IRI
      facts.nt:10: the template "no subject" of <http://e.org/p> has no {subject}
    hint: if the file is in another format, name it: --format nt|ttl|nq|trig|rdf|jsonld, or for tables --from csv|tsv|jsonl
    "#);
}

#[test]
fn of_turtle() {
    let text = "@prefix : <http://e.org/> .\n\
                :a :b nonsense .\n\
                :a :b :c .\n\
                other:a :b :c ; :d \"e\" .\n\
                _:x :b :c .\n\
                :a :b \"x\"@ .\n\
                :s :p :o .\n";
    assert_snapshot!(refused("facts.ttl", text), @"
    error: 4 mistakes, and nothing was staged
      facts.ttl:2:7: nonsense is not a valid RDF object
      facts.ttl:4:1: The prefix other: has not been declared
      facts.ttl:5: the subject is a blank node, _:x
      facts.ttl:6:11: A language code should always start with a letter
    hint: if the file is in another format, name it: --format nt|ttl|nq|trig|rdf|jsonld, or for tables --from csv|tsv|jsonl
    ");
}

/// What a parser cannot get over is the last that is named.
#[test]
fn of_xml_and_json() {
    let rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
    let blank = "<rdf:Description><e:p>x</e:p></rdf:Description>\n";
    let text = format!(
        "<rdf:RDF xmlns:rdf='{rdf}' xmlns:e='http://e.org/'>\n{blank}{blank}<rdf:Description rdf:about='s'></e:p>\n"
    );
    let message = refused("facts.rdf", &text);
    assert!(message.starts_with("error: 3 mistakes, and nothing was staged\n"), "{message}");
    let json = r#"[{"http://e.org/p": "x"}, {"@id": "relative", "http://e.org/p": "x"}]"#;
    let message = refused("facts.jsonld", json);
    assert!(message.contains("2 mistakes") && message.contains("relative IRI"), "{message}");
}

#[test]
fn of_many_lines_twenty_are_named() {
    let line = |n: u32| match n % 3 {
        0 => format!("<http://e.org/{n}> <http://e.org/p> .\n"),
        _ => format!("<http://e.org/{n}> <http://e.org/p> \"{}\" .\n", "x".repeat(300)),
    };
    let text: String = (1..=30_000).map(line).collect();
    let message = refused("facts.nt", &text);
    assert!(message.starts_with("error: 10000 mistakes, and nothing was staged\n"), "{message}");
    let lines: Vec<&str> = message.lines().filter(|line| line.starts_with("  facts.nt:")).collect();
    assert_eq!(lines.len(), 20);
    for (number, line) in lines.iter().enumerate() {
        assert!(line.starts_with(&format!("  facts.nt:{}:", 3 * (number + 1))), "{line}");
    }
    assert!(message.contains("\n  and 9980 more\n"), "{message}");
}

#[test]
fn of_several_files_the_first_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("good.nt", "<http://e.org/s> <http://e.org/p> <http://e.org/o> .\n");
    sandbox.write("bad.nt", "a\nb\n");
    let message = sandbox.run(&["add", "good.nt", "bad.nt"]).failed(1);
    assert!(message.contains("2 mistakes") && message.contains("bad.nt:2"), "{message}");
    assert!(!sandbox.run(&["status"]).done().contains("e.org"));
}
