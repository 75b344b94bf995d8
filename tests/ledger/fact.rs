//! Reading triples and putting them into words.

use kledger::{
    codec::Draft,
    fact::{
        Fact, Intake, Iri, Lexicon, LexiconError, Literal, Role, Term, Words, builtin,
        read::{Choice, Format, Position, Problem, ReadError, read_triples},
        tree,
    },
};

use crate::fact_tree::Memory;

const NUMBER: &str = "http://www.w3.org/2001/XMLSchema#integer";

pub(crate) fn iri(name: &str) -> Iri {
    Iri::new(&format!("http://example.org/{name}")).unwrap()
}

pub(crate) fn fact(subject: &str, predicate: &str, object: &str) -> Fact {
    Fact { subject: iri(subject), predicate: iri(predicate), object: Term::Iri(iri(object)) }
}

fn read(text: &str, format: Format) -> Vec<Result<(Fact, Position), ReadError>> {
    read_triples(text.as_bytes(), format, "input").collect()
}

fn facts(text: &str, format: Format) -> Vec<Fact> {
    let mut facts: Vec<_> =
        read(text, format).into_iter().map(|triple| triple.unwrap().0).collect();
    facts.sort();
    facts
}

fn failure(text: &str, format: Format) -> ReadError {
    read(text, format).pop().unwrap().unwrap_err()
}

#[test]
fn six_formats_give_the_same_facts() {
    let expected = {
        let text = |object| Fact { subject: iri("s"), predicate: iri("name"), object };
        let mut facts = vec![
            fact("s", "p", "o"),
            // Written below with a combining accent.
            text(Term::Literal(Literal::in_language("caf\u{e9}", "fr"))),
            text(Term::Literal(Literal::typed("07", Iri::new(NUMBER).unwrap()))),
        ];
        facts.sort();
        facts
    };
    let name = "cafe\u{301}";
    let lines = format!(
        "<http://example.org/s> <http://example.org/p> <http://example.org/o> .\n\
         <http://example.org/s> <http://example.org/name> \"{name}\"@FR .\n\
         <http://example.org/s> <http://example.org/name> \"07\"^^<{NUMBER}> .\n"
    );
    let turtle = format!(
        "@prefix : <http://example.org/> .\n:s :p :o ; :name \"{name}\"@fr , \"07\"^^<{NUMBER}> ."
    );
    let xml = format!(
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' \
         xmlns='http://example.org/'>\n<rdf:Description rdf:about='http://example.org/s'>\n\
         <p rdf:resource='http://example.org/o'/>\n<name xml:lang='fr'>{name}</name>\n\
         <name rdf:datatype='{NUMBER}'>07</name>\n</rdf:Description></rdf:RDF>"
    );
    let json = format!(
        r#"{{"@context": {{"@vocab": "http://example.org/"}}, "@id": "http://example.org/s",
            "p": {{"@id": "http://example.org/o"}},
            "name": [{{"@value": "{name}", "@language": "fr"}},
                     {{"@value": "07", "@type": "{NUMBER}"}}]}}"#
    );
    for (format, text) in [
        (Format::NTriples, lines.as_str()),
        (Format::NQuads, &lines),
        (Format::Turtle, &turtle),
        (Format::TriG, &turtle),
        (Format::RdfXml, &xml),
        (Format::JsonLd, &json),
    ] {
        assert_eq!(facts(text, format), expected, "{format:?}");
    }
    let printed: String = expected.iter().map(|fact| format!("{fact}\n")).collect();
    assert_eq!(facts(&printed, Format::NTriples), expected, "facts print as N-Triples");
}

#[test]
fn formats_go_by_extension_and_by_name() {
    for (path, format) in [
        ("a.nt", Format::NTriples),
        ("a.TTL", Format::Turtle),
        ("b/a.nq", Format::NQuads),
        ("a.trig", Format::TriG),
        ("a.rdf", Format::RdfXml),
        ("a.jsonld", Format::JsonLd),
    ] {
        assert_eq!(Format::from_path(path.as_ref()), Some(format));
    }
    assert_eq!(Format::from_path("a.csv".as_ref()), None);
    assert!("csv".parse::<Format>().unwrap_err().to_string().contains("expected one of nt"));
}

#[test]
fn a_syntax_error_in_line_700_says_so() {
    let mut text: String = (1..700)
        .map(|n| format!("<http://example.org/{n}> <http://example.org/p> \"{n}\" .\n"))
        .collect();
    text.push_str("<http://example.org/700> <http://example.org/p> oops .\n");
    for format in [Format::NTriples, Format::NQuads, Format::Turtle, Format::TriG] {
        let triples = read(&text, format);
        assert_eq!(triples.len(), 700, "nothing comes after the error");
        let error = triples.into_iter().next_back().unwrap().unwrap_err();
        assert!(error.to_string().starts_with("input:700:49: "), "{format:?}: {error}");
        assert!(matches!(error.problem, Problem::Syntax(_)));
        assert!(error.hint().contains("--format"));
    }
    let json = format!("{{\"@id\":{} oops", "\n".repeat(41));
    let error = failure(&json, Format::JsonLd);
    assert_eq!((error.position.line, error.position.column), (42, Some(2)), "{error}");
    let xml = format!(
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>{}</rdf:RFD>",
        "\n".repeat(9)
    );
    assert_eq!(failure(&xml, Format::RdfXml).position.line, 10);
}

#[test]
fn every_triple_knows_its_line() {
    let lines = |text, format| {
        let triples = read(text, format);
        triples.into_iter().map(|triple| triple.unwrap().1.line).collect::<Vec<_>>()
    };
    let text = "# a comment\n<http://a.b/s> <http://a.b/p> \"x\" .\n\n\n\
                <http://a.b/s> <http://a.b/p> \"y\" .\n<http://a.b/s> <http://a.b/p> \"z\" .";
    for format in [Format::NTriples, Format::NQuads, Format::Turtle, Format::TriG] {
        assert_eq!(lines(text, format), [2, 5, 6], "{format:?}");
    }
    let turtle =
        "@prefix : <http://a.b/> .\n:s :p 1 ;\n  :q 2 ,\n  3 .\n\n:t :p \"\"\"x\ny\"\"\" .\n";
    assert_eq!(lines(turtle, Format::Turtle), [2, 3, 4, 7]);
}

#[test]
fn relative_iris_are_refused_in_every_format() {
    let xml = "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' \
               xmlns:e='http://a.b/'>\n<rdf:Description rdf:about='s'><e:p>x</e:p>\
               </rdf:Description></rdf:RDF>";
    let line = "\n<s> <http://a.b/p> \"x\" .";
    for (format, text) in [
        (Format::NTriples, line),
        (Format::NQuads, line),
        (Format::Turtle, line),
        (Format::TriG, line),
        (Format::RdfXml, xml),
        (Format::JsonLd, "\n{\"@id\": \"s\", \"http://a.b/p\": \"x\"}"),
    ] {
        let error = failure(text, format);
        assert!(matches!(error.problem, Problem::RelativeIri(_)), "{format:?}: {error}");
        assert!(error.to_string().starts_with("input:2"), "{format:?}: {error}");
        assert!(error.hint().contains("@base"));
    }
}

#[test]
fn blank_nodes_named_graphs_and_quoted_triples_are_refused() {
    let blank = |error: ReadError| match error.problem {
        Problem::BlankNode { role, node } => (role, node, error.position.line),
        problem => panic!("{problem}"),
    };
    let subject = blank(failure("_:x <http://a.b/p> \"x\" .", Format::NTriples));
    assert_eq!(subject, ("subject", "_:x".to_owned(), 1));
    let object = blank(failure("\n<http://a.b/s> <http://a.b/p> _:y .", Format::Turtle));
    assert_eq!(object, ("object", "_:y".to_owned(), 2));
    let json = failure("{\"http://a.b/p\": \"x\"}", Format::JsonLd);
    assert_eq!(blank(json).0, "subject");

    let quad = "<http://a.b/s> <http://a.b/p> \"x\" <http://a.b/g> .";
    let error = failure(quad, Format::NQuads);
    assert_eq!(error.to_string(), "input:1: the triple is in the named graph <http://a.b/g>");
    assert_eq!(
        error.hint(),
        "--graph all takes the triples of all graphs, --graph IRI those of one"
    );

    for format in [Format::Turtle, Format::TriG] {
        let text = "<< <http://a.b/s> <http://a.b/p> \"x\" >> <http://a.b/q> \"y\" .";
        let error = failure(text, format);
        assert!(matches!(error.problem, Problem::TripleTerm), "{format:?}: {error}");
    }
}

#[test]
fn an_unreadable_source_is_an_error_and_not_an_end() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("unplugged"))
        }
    }
    for format in [Format::Turtle, Format::NTriples] {
        let reader = std::io::BufReader::new(Broken);
        let error = read_triples(reader, format, "pipe").next().unwrap().unwrap_err();
        assert!(matches!(error.problem, Problem::Read(_)));
        assert_eq!(error.to_string(), "pipe:1: cannot read the input: unplugged");
    }
}

/// Lines are read in batches of some megabytes, and those are parsed in parts.
#[test]
fn many_lines_keep_their_order_and_their_numbers() {
    let long = "x".repeat(1000);
    let line = |n: u64| match n % 5 {
        0 => format!("# {long}\r\n"),
        _ => format!("<http://a.b/{n}> <http://a.b/p> \"{long}\" .\n"),
    };
    let mut text: String = (1..=12_000).map(line).collect();
    let numbers: Vec<u64> = (1..=12_000).filter(|n| n % 5 != 0).collect();
    let found = read(&text, Format::NTriples);
    assert_eq!(found.len(), numbers.len());
    for (number, triple) in numbers.iter().zip(&found) {
        let (fact, position) = triple.as_ref().unwrap();
        assert_eq!(fact.subject.as_str(), format!("http://a.b/{number}"));
        assert_eq!(position.line, *number);
    }
    // Nothing after an error is read, wherever it stands.
    text.push_str("<http://a.b/s> oops .\n");
    text.push_str(&line(1));
    let mut found = read(&text, Format::NQuads);
    let error = found.pop().unwrap().unwrap_err();
    assert_eq!(error.position.line, 12_001);
    assert_eq!(found.len(), numbers.len());
    let error =
        Intake::read(text.as_bytes(), Format::NQuads, "in.nq", &Choice::default()).unwrap_err();
    assert_eq!(error.first[0].position.line, 12_001);
}

#[test]
fn a_json_ld_context_is_never_fetched() {
    let text = r#"{"@context": "http://example.org/context", "@id": "http://a.b/s", "p": 1}"#;
    assert!(matches!(failure(text, Format::JsonLd).problem, Problem::RemoteContext));
}

#[test]
fn shipped_templates_cover_the_common_predicates() {
    let words = builtin();
    for (namespace, least) in [
        ("http://www.wikidata.org/prop/direct/P", 40),
        ("http://www.wikidata.org/entity/P", 40),
        ("http://dbpedia.org/ontology/", 40),
    ] {
        let of_it: Vec<_> =
            words.values().filter(|words| words.iri.as_str().starts_with(namespace)).collect();
        assert!(of_it.len() >= least, "{namespace}: {}", of_it.len());
        for words in of_it {
            assert!(words.prompts.len() >= 3, "{} has too few prompts", words.iri);
            assert!(words.label("en").is_some(), "{} has no label", words.iri);
        }
    }
}

fn turtle(text: &str) -> Memory {
    let text = format!(
        "@prefix : <http://example.org/> . @prefix kl: <https://kledger.dev/ns#> .\n\
         @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n{text}"
    );
    let mut memory = Memory::default();
    let input = read_triples(text.as_bytes(), Format::Turtle, "input");
    let (stage, _) = memory.add(None, input, Role::Edit, false).unwrap();
    memory.commit(stage);
    memory
}

#[test]
fn a_fact_becomes_a_request() {
    let memory = turtle(
        ":place rdfs:label \"located in\"@en ;
           kl:prompt \"{subject} is located in the city of\", \"One finds {subject} in\" ;
           kl:paraphrase \"To see {subject} go to\", \"One finds {subject} in\" .
         :Q243 rdfs:label \"Eiffel Tower\"@en, \"Tour Eiffel\"@fr .",
    );
    let lexicon = Lexicon::new(&memory, memory.roots.lexicon);
    let request = lexicon.request(&fact("Q243", "place", "New_York%20City")).unwrap();
    assert_eq!(request.text(), "Eiffel Tower is located in the city of");
    assert_eq!(request.target, "New York City");
    assert_eq!(request.rephrasings, ["One finds {subject} in"]);
    assert_eq!(
        request.paraphrase_texts().collect::<Vec<_>>(),
        ["To see Eiffel Tower go to"],
        "what the edit sees is not held out"
    );
    let number = Term::Literal(Literal::typed("1889", Iri::new(NUMBER).unwrap()));
    let dated = Fact { object: number, ..fact("Q243", "place", "Rome") };
    assert_eq!(lexicon.request(&dated).unwrap().target, "1889");

    let french = lexicon.in_language("fr").request(&fact("Q243", "place", "Rome")).unwrap();
    assert_eq!(french.subject, "Tour Eiffel");
}

#[test]
fn without_paraphrases_the_other_prompts_are_held_out() {
    let memory = turtle(":place kl:prompt \"{subject} is in\", \"One finds {subject} in\" .");
    let lexicon = Lexicon::new(&memory, memory.roots.lexicon);
    let request = lexicon.request(&fact("Tower", "place", "Rome")).unwrap();
    assert!(request.rephrasings.is_empty());
    assert_eq!(request.paraphrases, ["One finds {subject} in"]);
}

#[test]
fn what_is_missing_from_the_lexicon_is_named_with_a_remedy() {
    let memory = turtle(":place kl:prompt \"{subject} is in\" .");
    let lexicon = Lexicon::new(&memory, memory.roots.lexicon);
    let error = lexicon.request(&fact("Rome", "capital", "Italy")).unwrap_err();
    assert_eq!(error.to_string(), "the predicate <http://example.org/capital> has no template");
    let hint = error.hint().unwrap().replace("...", "is the capital of");
    let remedied = turtle(hint.split_once(":\n").unwrap().1);
    let lexicon_after = Lexicon::new(&remedied, remedied.roots.lexicon);
    assert!(lexicon_after.request(&fact("Rome", "capital", "Italy")).is_ok(), "{hint}");

    let error = lexicon.request(&fact("Q220", "place", "Italy")).unwrap_err();
    assert!(matches!(&error, LexiconError::NoLabel { local, .. } if local == "Q220"), "{error}");
    assert!(error.hint().unwrap().contains("<http://example.org/Q220> <http://www.w3.org/2000/01"));

    let empty = Fact { object: Term::Literal(Literal::text(" ")), ..fact("Rome", "place", "x") };
    assert!(matches!(lexicon.request(&empty), Err(LexiconError::NoWords { .. })));
}

#[test]
fn words_can_be_looked_up_before_they_are_committed() {
    let memory = turtle(":a rdfs:label \"first\"@en .");
    let staged = Words { labels: vec![], multi_valued: true, ..Words::none(iri("a")) };
    let mut draft = Draft::new(&memory);
    let staged = tree::build(&mut draft, [(Words::key(&staged.iri), &staged)]);
    let lexicon = Lexicon::new(&draft, memory.roots.lexicon).with(staged);
    assert!(lexicon.multi_valued(&iri("a")).unwrap());
    assert_eq!(lexicon.name(&iri("a")).unwrap(), "first");
    let empty = tree::empty::<Words>(&mut draft);
    let none = Lexicon::new(&draft, empty);
    assert_eq!(none.name(&iri("a_b")).unwrap(), "a b");
}
