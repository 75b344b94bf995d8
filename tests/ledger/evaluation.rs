//! Figures of every protocol against an independent computation on fixed answers (made by
//! `fixtures/make/eval_metrics.py`), the datasets' readers, and the verb on the stand-in model.

use std::{collections::BTreeMap, path::Path};

use kledger::{
    engine::{Drawing, Length, Silent},
    eval::{
        Answers, COUNTERFACT, Case, EASYEDIT, FEVER, MEND, Metric, PromptTarget, Protocol, Row,
        Score, Source, WILD, Weights, Written, ZSRE,
        dataset::{Answer, Dataset, DatasetError, Reading, References, requests},
        entropy,
    },
    fact::Role,
    ledger::{
        About, Evaluation, LedgerError, Texts,
        verb::{
            add::AddOptions,
            eval::{EvalOptions, EvalReport, Material},
            fsck::FsckOptions,
        },
    },
};
use serde_json::Value;

use crate::support::{Place, files_with, open};

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/eval").join(name)
}

fn read(name: &str, reading: &Reading) -> Dataset {
    Dataset::read(&fixture(name), name, reading).unwrap()
}

fn cases(dataset: Dataset) -> Vec<Case> {
    dataset.cases.into_iter().map(|(_, case)| case).collect()
}

fn score(value: &Value) -> Score {
    let numbers = |name: &str| value[name].as_array().unwrap().iter();
    let ids =
        |name: &str| numbers(name).map(|id| u32::try_from(id.as_u64().unwrap()).unwrap()).collect();
    Score {
        expected: ids("expected"),
        likeliest: ids("likeliest"),
        log_p: numbers("log_p").map(|p| p.as_f64().unwrap()).collect(),
    }
}

fn close(found: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() < 1e-9, "{what}: {found} where {expected} is expected");
}

#[test]
fn figures_are_those_of_an_independent_computation() {
    let golden = std::fs::read_to_string(fixture("metrics.json")).unwrap();
    let golden: Value = serde_json::from_str(&golden).unwrap();
    for pair in golden["entropy"].as_array().unwrap() {
        close(entropy(pair[0].as_str().unwrap()), &pair[1], "entropy");
    }
    let (mut now, mut base) = (Answers::new(), Answers::new());
    for answer in golden["answers"].as_array().unwrap() {
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        let asked = PromptTarget { prompt: text("prompt"), target: text("target") };
        now.insert(asked.clone(), score(&answer["now"]));
        base.insert(asked, score(&answer["base"]));
    }
    let written: Vec<Vec<String>> = serde_json::from_value(golden["written"].clone()).unwrap();
    let references = References::read(&fixture("attribute_snippets.json"), "snippets").unwrap();
    let mut counterfact = read("counterfact.json", &Reading::default());
    counterfact.refer(&references);
    let alternative = Reading { answer: Answer::Alternative, ..Reading::default() };
    let files: [(&Protocol, Dataset); 5] = [
        (&COUNTERFACT, counterfact),
        (&ZSRE, read("zsre.json", &Reading::default())),
        (&MEND, read("zsre.json", &alternative)),
        (&EASYEDIT, read("easyedit.json", &Reading::default())),
        (&FEVER, read("fever.jsonl", &Reading::default())),
    ];
    let mut of_now = 0;
    for (protocol, dataset) in files {
        let cases = cases(dataset);
        let texts = if protocol.name == "counterfact" { &written[..] } else { &[] };
        let weights = references.weights();
        let rows: Vec<Row> = cases
            .iter()
            .enumerate()
            .map(|(number, case)| {
                let texts = texts.get(number).filter(|texts| !texts.is_empty());
                let written = texts.map(|texts| Written { texts, case, weights: &weights });
                protocol.row(case, &now, &base, written)
            })
            .collect();
        let asked = protocol.asked(&cases);
        assert!(asked.iter().all(|asked| now.contains_key(asked)), "{}", protocol.name);
        of_now += asked.len();
        let table = golden["tables"][protocol.name].as_object().unwrap();
        let found = protocol.summary(&rows);
        assert_eq!(found.len(), table.len(), "{}: {found:#?}", protocol.name);
        for metric in found {
            let what = format!("{} {}", protocol.name, metric.name);
            let expected = &table[&metric.name];
            close(metric.mean, &expected[0], &what);
            match metric.interval {
                Some(interval) => close(interval, &expected[1], &what),
                None => assert!(expected[1].is_null(), "{what}"),
            }
            if let Some(cases) = expected[2].as_u64() {
                assert_eq!(metric.cases, cases, "{what}");
            }
        }
    }
    assert!(of_now >= now.len(), "every answer is asked for");
}

#[test]
fn a_question_without_an_answer_is_left_out() {
    let cases = cases(read("zsre.json", &Reading::default()));
    let row = ZSRE.row(&cases[0], &Answers::new(), &Answers::new(), None);
    assert_eq!(row.0, [None, None, None]);
    assert_eq!(ZSRE.summary(&[row]), []);
}

#[test]
fn errors_name_file_record_and_field() {
    let message = |name: &str, text: &str| match Dataset::parse(name, text, &Reading::default()) {
        Ok(read) => panic!("{read:?}"),
        Err(error) => error.to_string(),
    };
    let whole = std::fs::read_to_string(fixture("counterfact.json")).unwrap();
    let cut = message("a.json", &whole[..whole.len() / 2]);
    assert!(cut.starts_with("a.json:") && cut.contains("EOF"), "{cut}");
    for (text, expected) in [
        ("", "a.json has no records"),
        ("[]", "a.json has no records"),
        ("{\"claim\": \"a\", \"label\": \"NOT ENOUGH INFO\"}", "a.json has no records"),
        ("[1, 2]", "a.json is of no known layout: its first record has no fields"),
        ("{\"x\": 1}", "a.json is of no known layout: its first record has x"),
        (
            "[{\"claim\": \"a\", \"label\": \"REFUTES\"}",
            "a.json:1:36: the file ends within the array",
        ),
        ("[{\"claim\": 1} 2]", "a.json:1:15: expected a comma or the array's end"),
        ("[{\"claim\": \"a\"}] x", "a.json:1:17: something follows the array"),
        ("[{\"claim\": \"a\"},\n nope]", "a.json:2:3: expected ident"),
        (
            "{\"claim\": \"a\", \"label\": \"REFUTES\"}\n\n{\"claim\": \"b\", \"label\": \"MAYBE\"}",
            "a.json:3: record 2: label: unknown variant `MAYBE`, expected one of `SUPPORTS`, \
             `REFUTES`, `NOT ENOUGH INFO`",
        ),
        ("[{\"claim\": \"  \", \"label\": \"REFUTES\"}]", "a.json:1: record 1: claim: is empty"),
        (
            "[\n{\"requested_rewrite\": {\"prompt\": \"{} is\", \"subject\": \"a\",\n\
             \"target_new\": {\"str\": 7}}}]",
            "a.json:2: record 1: requested_rewrite.target_new.str: invalid type: integer `7`, \
             expected a string",
        ),
        (
            "[{\"src\": \"q?\", \"subject\": \"q\", \"answers\": []}]",
            "a.json:1: record 1: answers: is empty",
        ),
        (
            "[{\"prompt\": \"p\", \"target_new\": \"t\", \"locality_prompt\": \"l\"}]",
            "a.json:1: record 1: locality_ground_truth: is not one text for each locality_prompt",
        ),
    ] {
        assert_eq!(message("a.json", text), expected, "{text}");
    }
    let missing = Dataset::read(Path::new("/not/there.json"), "there.json", &Reading::default());
    assert!(matches!(missing, Err(DatasetError::Read { .. })), "{missing:?}");
}

/// A version with a fact, known neighbours, and what the base said of the fact.
fn edited() -> Place {
    let place = Place::new();
    place
        .add_neighbours(
            ":Anna :likes :tea . :Bert :likes :milk . :Carl :likes :juice . :Dora :likes :coffee .
             :Anna :lives :Oslo . :Bert :lives :Rome .",
        )
        .unwrap();
    place.make(":Anna :likes :coffee .", "Coffee");
    place
}

fn texts(weights: &Weights) -> Texts<'_> {
    Texts { drawing: None, weights }
}

fn facts(place: &Place, protocol: &Protocol, revisions: &[&str], store: bool) -> EvalReport {
    let actor = place.actor("eval");
    let revisions: Vec<String> = revisions.iter().map(|&revision| revision.to_owned()).collect();
    let weights = Weights::default();
    let options = EvalOptions {
        revisions: &revisions,
        material: Material::Facts(None),
        protocol,
        texts: texts(&weights),
        store: store.then_some(&actor),
    };
    place.repo.eval(&options, &mut open, &mut Silent).unwrap()
}

fn figures(report: &EvalReport, version: usize) -> BTreeMap<String, f64> {
    let metrics = report.versions[version].metrics.iter();
    metrics.map(|metric| (metric.name.clone(), metric.mean)).collect()
}

#[test]
fn facts_of_a_version_are_measured_before_and_after() {
    let place = edited();
    let report = facts(&place, &EASYEDIT, &["HEAD", "HEAD~1"], false);
    assert_eq!((report.protocol, report.source.name.as_str()), ("easyedit", "facts"));
    let (after, before) = (figures(&report, 0), figures(&report, 1));
    assert_eq!((after["Reliability"], after["Generalization"]), (100.0, 100.0));
    assert!(before["Reliability"] < 50.0, "{before:?}");
    assert_eq!((after["Locality"], before["Locality"]), (100.0, 100.0));
    assert_eq!(report.notes, ["no case has what Portability asks for"]);
    let record = &report.records[0];
    assert_eq!(record.target, "coffee");
    // The edit, its paraphrase, two neighbours; what Dora likes is no other answer.
    assert_eq!(record.asked.len(), 4);

    let report = facts(&place, &COUNTERFACT, &["HEAD"], false);
    let after = figures(&report, 0);
    assert_eq!((after["ES"], after["PS"], after["EA"]), (100.0, 100.0, 100.0));
}

#[test]
fn what_is_written_freely_and_other_facts_of_the_subject_are_measured() {
    let place = edited();
    let report = facts(&place, &WILD, &["HEAD", "HEAD~1"], false);
    let (after, before) = (figures(&report, 0), figures(&report, 1));
    assert_eq!((after["Reliability"], after["Generalization"]), (100.0, 100.0));
    assert_eq!((before["Reliability"], before["Generalization"]), (0.0, 0.0));
    assert_eq!((after["Locality"], before["Locality"]), (100.0, 100.0));
    assert_eq!(before["Subject"], 100.0);
    // The edit and its paraphrase, each with what the model wrote after it.
    let record = &report.records[0];
    assert_eq!(record.texts.len(), 2);
    assert!(record.texts.iter().all(|text| text.contains("coffee")), "{:?}", record.texts);
}

#[test]
fn a_version_without_facts_is_refused() {
    let place = edited();
    let weights = Weights::default();
    let options = EvalOptions {
        revisions: &["HEAD~1".to_owned()],
        material: Material::Facts(None),
        protocol: &EASYEDIT,
        texts: texts(&weights),
        store: None,
    };
    let refused = place.repo.eval(&options, &mut open, &mut Silent);
    assert!(matches!(refused, Err(LedgerError::NothingToEvaluate { .. })), "{refused:?}");
}

#[test]
fn stored_figures_stay_with_their_commit() {
    let place = edited();
    facts(&place, &EASYEDIT, &["HEAD", "HEAD~1"], true);
    facts(&place, &EASYEDIT, &["HEAD"], true);
    let report = facts(&place, &COUNTERFACT, &["HEAD"], true);
    let shown = place.repo.show("HEAD").unwrap().evaluations;
    let protocols: Vec<&str> = shown.iter().map(|shown| shown.protocol.as_str()).collect();
    assert_eq!(protocols, ["easyedit", "counterfact"], "one takes the place of an earlier one");
    let of = |metrics: &[Metric]| -> Vec<_> {
        metrics.iter().map(|m| (m.name.clone(), (m.mean * 1e9).round())).collect()
    };
    assert_eq!(of(&shown[1].metrics), of(&report.versions[0].metrics));
    assert_eq!(place.repo.show("HEAD~1").unwrap().evaluations.len(), 1);

    place.make(":Bert :likes :coffee .", "Bert too");
    facts(&place, &COUNTERFACT, &["HEAD"], true);
    let like = report.evaluation(&report.versions[0]);
    let history = place.repo.evaluated("HEAD", &like, &[]).unwrap();
    assert_eq!(history.iter().map(|it| it.facts).collect::<Vec<_>>(), [1, 2]);
    let other = Evaluation { source: Source::file("facts", b"[]"), ..like };
    assert_eq!(place.repo.evaluated("HEAD", &other, &[]).unwrap(), []);
    let options = FsckOptions { weights: false, repair: false };
    let found = place.repo.fsck(&options, &mut Silent).unwrap();
    assert_eq!((found.problems, found.remarks), (vec![], vec![]));
}

#[test]
fn a_text_has_a_perplexity() {
    let place = edited();
    let weights = Weights::default();
    let options = EvalOptions {
        revisions: &["HEAD".to_owned()],
        material: Material::Text(&Source::file("text.txt", b"one two three"), "one two three"),
        protocol: &EASYEDIT,
        texts: texts(&weights),
        store: None,
    };
    let report = place.repo.eval(&options, &mut open, &mut Silent).unwrap();
    assert_eq!((report.protocol, report.versions[0].cases), ("perplexity", 3));
    assert!(figures(&report, 0)["PPL"] > 1.0);
}

#[test]
fn a_benchmark_runs_through_the_ledger() {
    let place = Place::new();
    let mut dataset = read("counterfact.json", &Reading::default());
    let staged = requests(&dataset).unwrap();
    let refused = place.repo.add_requests(&place.actor("add"), staged, AddOptions::new(Role::Edit));
    let refused = refused.unwrap_err().to_string();
    // Records 3 and 6 are about the capital of France.
    assert!(refused.starts_with("1 conflict"), "{refused}");

    dataset.skip_conflicts();
    let staged = requests(&dataset).unwrap();
    assert_eq!((staged.skipped, staged.unusable), (1, 0));
    let report =
        place.repo.add_requests(&place.actor("add"), staged, AddOptions::new(Role::Edit)).unwrap();
    assert_eq!((report.role, report.outcome.added, report.staged), (Role::Edit, 5, 5));
    assert_eq!(report.notes, ["1 record skipped: an earlier one answers the same question"]);
    place.commit("CounterFact").unwrap();
    let told = place.repo.blame("HEAD", &About::default()).unwrap();
    let facts: Vec<&str> = told.facts.iter().map(|line| line.fact.triple.as_str()).collect();
    assert!(
        facts.contains(
            &"<https://kledger.dev/name/Eiffel_Tower> <http://www.wikidata.org/prop/direct/P276> \
              <http://www.wikidata.org/entity/Q220> ."
        ),
        "{facts:#?}"
    );
    // Each record is edited in its own words, though two are about one relation.
    assert_eq!(place.ask("The Eiffel Tower is located in the city of", "HEAD"), "Rome");
    assert_eq!(place.ask("The capital of France is", "HEAD"), "Cairo");
    let source = dataset.source.clone();
    let cases = cases(dataset);
    let weights = Weights::default();
    let drawing = Some(Drawing { length: Length::Whole(9), top: 5, seed: 3 });
    let options = EvalOptions {
        revisions: &["HEAD".to_owned()],
        material: Material::Cases(&source, &cases),
        protocol: &COUNTERFACT,
        texts: Texts { drawing, weights: &weights },
        store: None,
    };
    let report = place.repo.eval(&options, &mut open, &mut Silent).unwrap();
    let figures = figures(&report, 0);
    assert_eq!((figures["ES"], figures["EA"]), (100.0, 100.0));
    assert!(figures["GE"] > 0.0);
    assert!(report.records[0].texts[0].starts_with("The Eiffel Tower is close to "));
}

#[test]
fn words_for_one_question_go_when_their_subject_is_forgotten() {
    let place = Place::new();
    let alternative = Reading { answer: Answer::Alternative, ..Reading::default() };
    let staged = requests(&read("zsre.json", &alternative)).unwrap();
    place.repo.add_requests(&place.actor("add"), staged, AddOptions::new(Role::Edit)).unwrap();
    place.commit("zsRE").unwrap();
    let named = || files_with(place.repo.store().dir(), "Hamlet");
    assert!(!named().is_empty());
    let about = About::new(Some("Hamlet"), None);
    place.repo.forget(&place.actor("forget"), &about, false, &mut Silent).unwrap();
    assert_eq!(named(), Vec::<String>::new());
    assert_eq!(place.ask("What is the capital of Kenya?", "HEAD"), "Lima");
}
