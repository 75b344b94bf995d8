//! Facts and words that are not staged or not edited, and records of benchmarks.

use std::{fs, path::Path};

use super::{FACT, LABEL, Sandbox, advised, reaches_the_model};

const STAGED: &str = "Staged 1 fact";

/// A file of the benchmarks in the fixtures, copied into the repository's directory.
fn record(sandbox: &Sandbox, file: &str) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/eval");
    fs::copy(fixtures.join(file), sandbox.root().join(file)).unwrap();
}

/// Vocabulary that is refused is staged once `mended` stands in the file.
#[track_caller]
fn words(text: &str, hint: &str, mended: &str) {
    let sandbox = Sandbox::new();
    let write = |text: &str| {
        let prefixes = "@prefix kl: <https://kledger.dev/ns#> . @prefix : <https://example.org/> .";
        sandbox.write("words.ttl", &format!("{prefixes}\n{text}"));
    };
    write(text);
    let advice = advised(&sandbox, &["add", "words.ttl"], hint);
    write(mended);
    assert!(advice.again().starts_with("Staged 1 template"));
}

#[test]
fn facts_are_staged_before_a_commit() {
    let sandbox = Sandbox::new();
    sandbox.write("label.nt", LABEL);
    let hint = "stage facts first: kledger add FILE";
    let advice = advised(&sandbox, &["commit", "-m", "Labels"], hint);
    advice.run("kledger add FILE", &[("FILE", "label.nt")]);
    assert!(advice.again().starts_with("[main <id>] Labels"));
}

#[test]
fn a_commit_says_why() {
    let sandbox = Sandbox::new();
    sandbox.write("label.nt", LABEL);
    sandbox.run(&["add", "label.nt"]).done();
    let advice = advised(&sandbox, &["commit", "-m", " "], "say why: kledger commit -m MESSAGE");
    let made = advice.run("kledger commit -m MESSAGE", &[("MESSAGE", "Ada has a name")]);
    assert!(made.starts_with("[main <id>] Ada has a name"), "{made}");
}

#[test]
fn facts_that_exclude_one_another_are_chosen_or_allowed() {
    let coffee = FACT.replace("tea", "coffee");
    let sandbox = Sandbox::with_words();
    sandbox.write("both.nt", &format!("{FACT}{coffee}"));
    let hint = "keep one of each pair (--skip-conflicts does, of a benchmark's records); where a predicate really";
    let advice = advised(&sandbox, &["add", "both.nt"], hint);
    let line = advice.hint.split_once("say so: ").unwrap().1;
    sandbox.write("many.ttl", &line.replace("<predicate>", "<https://example.org/likes>"));
    sandbox.run(&["add", "many.ttl"]).done();
    assert!(advice.again().starts_with("Staged 2 facts"));

    let sandbox = Sandbox::with_words();
    sandbox.write("facts.nt", &format!("{FACT}{coffee}"));
    let advice = advised(&sandbox, &["add", "facts.nt"], "keep one of each pair");
    sandbox.write("facts.nt", FACT);
    assert!(advice.again().starts_with(STAGED));
    sandbox.write("coffee.nt", &coffee);
    let hint = "--replace takes the new facts in place of the staged ones";
    advised(&sandbox, &["add", "coffee.nt"], hint).with(&["--replace"]);
    assert!(sandbox.run(&["status"]).done().contains("Ada / likes / coffee"));
}

#[test]
fn records_that_exclude_one_another_are_skipped() {
    let sandbox = Sandbox::new();
    let one = r#"{"src": "Who wrote Hamlet?", "subject": "Hamlet", "answers": ["Bacon"]}"#;
    sandbox.write("zsre.json", &format!("[{one}, {}]", one.replace("Bacon", "Marlowe")));
    let advice =
        advised(&sandbox, &["add", "--from", "zsre", "zsre.json"], "keep one of each pair");
    assert!(advice.with(&["--skip-conflicts"]).starts_with(STAGED));
}

#[test]
fn facts_that_hold_are_listed() {
    let sandbox = Sandbox::with_history();
    sandbox.write("facts.nt", FACT);
    let hint = "`kledger show` and `kledger status` list the facts that are";
    let advice = advised(&sandbox, &["rm", "facts.nt"], hint);
    assert!(advice.run("kledger show", &[]).contains("Carl / works / Siemens"));
    assert!(advice.run("kledger status", &[]).contains("Bert / lives / Oslo"));
    let held =
        "<https://example.org/Carl> <https://example.org/works> <https://example.org/Siemens> .";
    sandbox.write("facts.nt", held);
    assert!(advice.again().starts_with("Staged 1 fact to be retracted"));
}

#[test]
fn words_are_replaced_and_not_removed() {
    let sandbox = Sandbox::with_words();
    let hint = "add a label or a template to replace the one in use";
    advised(&sandbox, &["rm", "words.ttl"], hint);
    let words = fs::read_to_string(sandbox.root().join("words.ttl")).unwrap();
    sandbox.write("words.ttl", &words.replace("works at", "has a desk at"));
    let staged = sandbox.run(&["add", "words.ttl"]).done();
    assert!(staged.starts_with("Staged ") && staged.contains("template"), "{staged}");
}

#[test]
fn vocabulary_is_used_as_it_is_meant() {
    let right = ":likes kl:prompt \"{subject} likes\" .";
    let hint = "a template is the beginning of a sentence that the object ends, with one {subject}";
    words(":likes kl:prompt \"likes\" .", hint, right);
    let hint = "write kl:prompt with a text that is not empty";
    words(":likes kl:prompt :text .", hint, right);
    let hint = "the terms are kl:prompt, kl:paraphrase and kl:multiValued; names go to rdfs:label, further";
    words(":likes kl:template \"{subject} likes\" .", hint, right);
}

/// What is left to do is the model's work.
#[test]
fn facts_get_the_words_that_they_lack() {
    let commit = ["commit", "-m", "Facts"];
    let sandbox = Sandbox::new();
    sandbox.write("facts.nt", FACT);
    sandbox.run(&["add", "facts.nt"]).done();
    let hint = "add one, in words that the object completes:\n  @prefix kl: <";
    let advice = advised(&sandbox, &commit, hint);
    let lines = advice.hint.split_once(":\n").unwrap().1.replace("...", "likes");
    assert_eq!(lines.lines().count(), 2, "it can be copied as it stands");
    sandbox.write("words.ttl", &lines);
    sandbox.run(&["add", "words.ttl"]).done();
    reaches_the_model(&sandbox, &commit);

    sandbox.run(&["reset"]).done();
    sandbox.write("nameless.nt", &FACT.replace("Ada", "Q7259"));
    sandbox.run(&["add", "words.ttl", "nameless.nt"]).done();
    let hint =
        "add one:\n  <https://example.org/Q7259> <http://www.w3.org/2000/01/rdf-schema#label>";
    let advice = advised(&sandbox, &commit, hint);
    let line = advice.hint.split_once(":\n").unwrap().1.replace("...", "Ada Lovelace");
    sandbox.write("label.ttl", &line);
    sandbox.run(&["add", "label.ttl"]).done();
    reaches_the_model(&sandbox, &commit);

    sandbox.run(&["reset"]).done();
    sandbox.write("empty.nt", &FACT.replace("<https://example.org/tea>", "\" \""));
    sandbox.run(&["add", "words.ttl", "empty.nt"]).done();
    advised(&sandbox, &commit, "give the object a text");
    sandbox.write("tea.nt", &FACT.replace("<https://example.org/tea>", "\"tea\""));
    sandbox.run(&["add", "--replace", "tea.nt"]).done();
    reaches_the_model(&sandbox, &commit);

    sandbox.run(&["reset"]).done();
    let place = "\"Point(0 51)\"^^<http://www.opengis.net/ont/geosparql#wktLiteral>";
    let point = FACT.replace("<https://example.org/tea>", place);
    sandbox.write("point.nt", &format!("{point}{}", FACT.replace("Ada", "Bob")));
    sandbox.run(&["add", "words.ttl", "point.nt"]).done();
    let hint = "add the object as a text, in the words that are to be learnt, or take the fact from the stage:";
    let advice = advised(&sandbox, &commit, hint);
    let rm =
        "kledger rm --about '<https://example.org/Ada>' --predicate '<https://example.org/likes>'";
    advice.run(rm, &[]);
    reaches_the_model(&sandbox, &commit);
    sandbox.run(&["reset"]).done();
    let skipped = sandbox.run(&["add", "--skip-unknown", "words.ttl", "point.nt"]).done();
    assert!(advice.hint.contains("--skip-unknown") && skipped.starts_with(STAGED), "{skipped}");
    reaches_the_model(&sandbox, &commit);
}

#[test]
fn benchmarks_are_told_from_json_ld() {
    for (file, hint, command) in [
        (
            "counterfact.json",
            "these look like records of a benchmark: kl",
            "kledger add --from counterfact FILE",
        ),
        ("zsre.json", "these look like records of a benchmark: kl", "kledger add --from zsre FILE"),
        (
            "easyedit.json",
            "these look like records of a benchmark: kl",
            "kledger add --from easyedit FILE",
        ),
    ] {
        let sandbox = Sandbox::new();
        record(&sandbox, file);
        let advice = advised(&sandbox, &["add", file], hint);
        let staged = advice.says(command, &[("FILE", file)], &["--skip-conflicts"]).done();
        assert!(staged.starts_with("Staged "), "{staged}");
    }
    let (sandbox, file) = (Sandbox::new(), "fever.jsonl");
    record(&sandbox, file);
    let hint = "these look like records of a benchmark: kledger add --from fever FILE";
    let advice = advised(&sandbox, &["add", "--format", "jsonld", file], hint);
    let staged = advice.says("kledger add --from fever FILE", &[("FILE", file)], &[]).done();
    assert!(staged.starts_with("Staged "), "{staged}");
}

#[test]
fn the_layout_of_records_is_named() {
    let sandbox = Sandbox::new();
    for (file, wrong, hint, right) in [
        ("counterfact.json", "zsre", "say --from counterfact", "counterfact"),
        ("zsre.json", "counterfact", "say --from zsre, or --from zsre-alt for its other", "zsre"),
        ("zsre.json", "counterfact", "or --from zsre-alt for its other answers", "zsre-alt"),
        ("easyedit.json", "zsre", "say --from easyedit", "easyedit"),
        ("fever.jsonl", "zsre", "say --from fever, or --from fever-alt for its other", "fever"),
        ("fever.jsonl", "zsre", "or --from fever-alt for its other labels", "fever-alt"),
    ] {
        record(&sandbox, file);
        let advice = advised(&sandbox, &["add", "--from", wrong, file], hint);
        assert!(advice.hint.contains(&format!("--from {right}")));
        let right = ["add", "--from", right, file, "--skip-conflicts"];
        assert!(sandbox.run(&right).done().starts_with("Staged "));
        sandbox.run(&["reset"]).done();
    }
}

/// What is wrong with the file says what to do as well.
#[test]
fn files_that_are_no_text_are_named_or_converted() {
    let sandbox = Sandbox::new();
    let because = |words: &[&str], why: &str| {
        let told = sandbox.run(words).failed(1);
        assert!(told.contains(&format!("\n  because: {why}")), "{told}");
    };
    fs::create_dir(sandbox.root().join("facts")).unwrap();
    sandbox.write("facts/tea.nt", FACT);
    because(&["add", "--format", "nt", "facts"], "it is a directory: name the files in it");
    assert!(sandbox.run(&["add", "facts/tea.nt"]).done().starts_with(STAGED));
    let eval = ["eval", "--text", "text.txt"];
    fs::write(sandbox.root().join("text.txt"), b"th\xe9\0").unwrap();
    because(&eval, "it is no text: there are NUL bytes in it (UTF-16 is to be converted to UTF-8)");
    fs::write(sandbox.root().join("text.txt"), b"A cup of th\xe9").unwrap();
    because(&eval, "byte 11 is not UTF-8: convert it with iconv -t UTF-8");
    let mut iconv = std::process::Command::new("iconv");
    iconv.args(["-f", "LATIN1", "-t", "UTF-8", "text.txt"]).current_dir(sandbox.root());
    fs::write(sandbox.root().join("utf-8.txt"), iconv.output().unwrap().stdout).unwrap();
    reaches_the_model(&sandbox, &["eval", "--text", "utf-8.txt"]);
}

#[test]
fn records_are_mended() {
    let record = r#"{"src": "Who wrote Hamlet?", "subject": "Hamlet", "answers": ["Bacon"]}"#;
    let add = ["add", "--from", "zsre", "records.json"];
    for (text, hint) in [
        ("[]", "give a file with at least one record"),
        (&record[..20], "a dataset is one JSON array of records, or one record in each line"),
        (r#"[{"a": 1}]"#, "CounterFact has requested_rewrite, zsRE has src, EasyEdit has"),
        (&record.replace("answers", "answer"), "correct the record, or read fewer with --limit"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("records.json", text);
        let advice = advised(&sandbox, &add, hint);
        sandbox.write("records.json", &format!("[{record}]"));
        assert!(advice.again().starts_with(STAGED));
        sandbox.run(&["reset"]).done();
        sandbox.write("records.json", record);
        assert!(advice.again().starts_with(STAGED), "a record in each line");
    }
    let sandbox = Sandbox::new();
    let advice = advised(&sandbox, &add, "check that the file exists and is text in UTF-8");
    let latin: Vec<u8> = record.replace('o', "\u{f6}").chars().map(|c| c as u8).collect();
    fs::write(sandbox.root().join("records.json"), latin).unwrap();
    advised(&sandbox, &add, "check that the file exists and is text in UTF-8");
    sandbox.write("records.json", record);
    assert!(advice.again().starts_with(STAGED));

    let sandbox = Sandbox::new();
    sandbox.write("records.json", &format!("[{record}, {}]", record.replace("answers", "answer")));
    let advice = advised(&sandbox, &add, "correct the record, or read fewer with --limit");
    assert!(advice.with(&["--limit", "1"]).starts_with(STAGED));
}
