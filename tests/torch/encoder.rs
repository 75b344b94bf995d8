//! Encoders against transformers, on tiny random models (`tests/fixtures/make/encoder_parity.py`), and what is refused of
//! them. The tolerance is that of `family`, for the same reason.

use std::{collections::BTreeMap, fs, ops::ControlFlow};

use kledger::{
    engine::{Drawing, Engine, EngineError, Length, Prompt, Sampling, Silent, Tracing},
    model::{Choice, DeviceChoice, Model, ModelError, Padding, Part, Question, Site, Unprobed},
    runtime::TorchEngine,
    tensor::Dtype,
};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use crate::{family::fixture, refusal::altered};

const TOLERANCE: f64 = 1e-4;
const MASKED: [&str; 2] = ["bert-masked", "distilbert-masked"];
const CLASSES: [&str; 2] = ["bert-classes", "distilbert-classes"];

fn encoders() -> impl Iterator<Item = &'static str> {
    MASKED.into_iter().chain(CLASSES)
}

#[derive(serde::Deserialize)]
struct Case {
    prompt: String,
    wanted: String,
    ids: Vec<u32>,
    reads: Vec<usize>,
    tokens: Vec<u32>,
}

struct Expected {
    cases: Vec<Case>,
    values: BTreeMap<String, Tensor>,
}

fn expected(name: &str) -> Expected {
    let dir = fixture(name);
    let cases = fs::read(dir.join("expected.json")).unwrap();
    let values = Tensor::read_safetensors(dir.join("expected.safetensors")).unwrap();
    Expected {
        cases: serde_json::from_slice(&cases).unwrap(),
        values: values.into_iter().collect(),
    }
}

fn open(dir: &std::path::Path) -> Model {
    Model::open(dir, Device::Cpu, Dtype::F32).unwrap()
}

fn engine(name: &str) -> TorchEngine {
    TorchEngine::open(&fixture(name), DeviceChoice::Cpu, Dtype::F32).unwrap()
}

#[track_caller]
fn close(what: &str, found: &Tensor, wanted: &Tensor) {
    assert_eq!(found.size(), wanted.size(), "{what}");
    let apart = (found.to_kind(Kind::Double) - wanted.to_kind(Kind::Double)).abs().max();
    let apart = apart.double_value(&[]);
    assert!(apart < TOLERANCE, "{what} is off by {apart:e}");
}

/// Logits where each question is read, from one pass over all of them.
fn logits(model: &Model, questions: &[Question], padding: Padding) -> Vec<Tensor> {
    let rows: Vec<Vec<u32>> = questions.iter().map(|question| question.ids.clone()).collect();
    let batch = model.decoder().batch(&rows, padding);
    let logits = model.decoder().forward(&batch, &mut Unprobed).continue_value().unwrap();
    let read = |(row, question): (usize, &Question)| {
        let places = question.reads.iter().map(|&place| batch.column(row, place) as i64);
        let places = Tensor::from_slice(&places.collect::<Vec<_>>());
        logits.get(row as i64).index_select(0, &places)
    };
    questions.iter().enumerate().map(read).collect()
}

fn questions(model: &Model, cases: &[Case]) -> Vec<Question> {
    let ask = |case: &Case| model.tokens().question(&case.prompt, &case.wanted).unwrap();
    cases.iter().map(ask).collect()
}

#[test]
fn questions_logits_and_sites_are_those_of_the_reference() {
    for name in encoders() {
        let (model, expected) = (open(&fixture(name)), expected(name));
        let questions = questions(&model, &expected.cases);
        for (number, (question, case)) in questions.iter().zip(&expected.cases).enumerate() {
            assert_eq!(question.ids, case.ids, "{name}: {}", case.prompt);
            assert_eq!((&question.reads, &question.wanted), (&case.reads, &case.tokens), "{name}");
            assert_eq!(question.prompt(), question.ids, "{name}: all is known at once");
            let mut visited = 0;
            let mut probe = |site: Site, value: &mut Tensor| {
                let (key, all) = match site {
                    Site::Into(Part::MlpDown, layer) => (format!("{number}.inner.{layer}"), false),
                    Site::BlockOut(layer) => (format!("{number}.block.{layer}"), layer == 1),
                    _ => return ControlFlow::Continue(()),
                };
                let value = value.get(0);
                let value = if all { value } else { value.narrow(0, value.size()[0] - 1, 1) };
                close(&format!("{name} {key}"), &value, &expected.values[&key]);
                visited += 1;
                ControlFlow::Continue(())
            };
            let batch = model.decoder().batch(std::slice::from_ref(&case.ids), Padding::Right);
            assert!(model.decoder().forward(&batch, &mut probe).is_continue());
            assert_eq!(visited, 4);
            let found = logits(&model, std::slice::from_ref(question), Padding::Right);
            let wanted = &expected.values[&format!("{number}.logits")];
            close(&format!("{name} logits {number}"), &found[0], wanted);
        }
    }
}

#[test]
fn filling_short_texts_on_either_side_changes_nothing() {
    for name in encoders() {
        let (model, expected) = (open(&fixture(name)), expected(name));
        let questions = questions(&model, &expected.cases);
        for padding in [Padding::Left, Padding::Right] {
            for (row, found) in logits(&model, &questions, padding).iter().enumerate() {
                let wanted = &expected.values[&format!("{row}.logits")];
                close(&format!("{name} {padding:?} row {row}"), found, wanted);
            }
        }
    }
}

#[test]
fn bf16_is_as_near_as_it_can_be() {
    for name in encoders() {
        let (exact, expected) = (open(&fixture(name)), expected(name));
        let rough = Model::open(&fixture(name), Device::Cpu, Dtype::Bf16).unwrap();
        let questions = questions(&exact, &expected.cases);
        for (row, found) in logits(&rough, &questions, Padding::Right).iter().enumerate() {
            let wanted = &expected.values[&format!("{row}.logits")];
            let apart = (found.to_kind(Kind::Float) - wanted).norm() / wanted.norm();
            assert!(apart.double_value(&[]) < 0.1, "{name} {row} is off by {apart:?}");
        }
    }
}

#[test]
fn words_that_are_not_known_are_not_asked_for() {
    let model = open(&fixture("bert-masked"));
    let error = model.tokens().question("The capital of France is", "Ω").unwrap_err();
    assert!(matches!(error, ModelError::NoToken { .. }), "{error}");
    assert_eq!(error.to_string(), "\"Ω\" has no token in \"The capital of France is Ω.\"");
}

/// Names without a prefix, norms as old checkpoints call them, and what stands beside the weights.
#[test]
fn other_spellings_of_a_checkpoint_are_the_same_model() {
    for (name, prefix) in [("bert-masked", "bert."), ("distilbert-masked", "distilbert.")] {
        let other = altered(
            name,
            |_| {},
            |tensors| {
                for (name, _) in tensors.iter_mut() {
                    *name = name.trim_start_matches(prefix).to_owned();
                    let of_old = [(".LayerNorm.weight", ".gamma"), (".LayerNorm.bias", ".beta")];
                    for (now, then) in of_old {
                        if let Some(module) = name.strip_suffix(now) {
                            *name = format!("{module}.LayerNorm{then}");
                        }
                    }
                }
                if prefix == "bert." {
                    // As bert-base-uncased has them.
                    let table = Tensor::zeros([320, 32], (Kind::Float, Device::Cpu));
                    tensors.push(("cls.predictions.decoder.weight".to_owned(), table));
                    let ids = Tensor::arange(48, (Kind::Int64, Device::Cpu)).view([1, 48]);
                    tensors.push(("embeddings.position_ids".to_owned(), ids));
                    let order = Tensor::zeros([2, 32], (Kind::Float, Device::Cpu));
                    tensors.push(("cls.seq_relationship.weight".to_owned(), order));
                }
            },
        );
        let (model, expected) = (open(other.path()), expected(name));
        let questions = questions(&model, &expected.cases[..1]);
        let found = logits(&model, &questions, Padding::Right);
        close(name, &found[0], &expected.values["0.logits"]);
    }
}

#[track_caller]
fn refused(dir: &tempfile::TempDir, words: &[&str]) {
    let error = Model::open(dir.path(), Device::Cpu, Dtype::F32).map(|_| ()).unwrap_err();
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
}

#[test]
fn what_no_encoder_here_computes_is_refused_by_its_key() {
    let cases: &[(&str, &str, Value, &[&str])] = &[
        (
            "bert-masked",
            "architectures",
            Value::Null,
            &["architectures", "missing", "BertForMaskedLM"],
        ),
        (
            "distilbert-masked",
            "architectures",
            json!(["DistilBertForQuestionAnswering"]),
            &["DistilBertForQuestionAnswering", "DistilBertForMaskedLM or DistilBertForSequence"],
        ),
        ("bert-masked", "is_decoder", json!(true), &["is_decoder"]),
        ("bert-masked", "tie_word_embeddings", json!(false), &["tie_word_embeddings"]),
        ("bert-masked", "position_embedding_type", json!("relative_key"), &["relative_key"]),
        ("bert-masked", "hidden_act", json!("snake"), &["hidden_act", "snake"]),
        ("bert-masked", "num_hidden_layers", json!(1_000_000), &["num_hidden_layers", "1000000"]),
        (
            "bert-masked",
            "type_vocab_size",
            json!(3),
            &["token_type_embeddings", "[2, 32]", "[3, 32]"],
        ),
        ("distilbert-classes", "dim", json!(33), &["n_heads", "33"]),
        ("bert-classes", "problem_type", json!("regression"), &["problem_type", "regression"]),
        ("bert-classes", "id2label", json!({"0": "a", "2": "b"}), &["id2label", "numbers from 0"]),
        ("bert-classes", "id2label", json!({"0": "a", "1": "a"}), &["id2label", "name of its own"]),
        ("bert-classes", "id2label", json!({"0": "a"}), &["id2label", "two classes or more"]),
        // Of another head than the one it is said to have.
        (
            "bert-classes",
            "architectures",
            json!(["BertForMaskedLM"]),
            &["lacks", "cls.predictions.bias"],
        ),
    ];
    for (name, key, value, words) in cases {
        refused(&altered(name, |config| config[*key] = value.clone(), |_| {}), words);
    }
    let dir = altered("bert-masked", |_| {}, |_| {});
    let path = dir.path().join("tokenizer_config.json");
    fs::write(path, r#"{"tokenizer_class": "BertTokenizer", "mask_token": "<mask>"}"#).unwrap();
    refused(&dir, &["tokenizer.json", "mask_token", "<mask>"]);
}

fn prompt(prompt: &str, expected: &str) -> Prompt {
    Prompt { prompt: prompt.to_owned(), expected: expected.to_owned() }
}

#[test]
fn scores_and_answers_are_those_of_the_logits() {
    for name in encoders() {
        let (mut engine, expected) = (engine(name), expected(name));
        let cases = expected.cases.iter();
        let asked: Vec<Prompt> = cases.map(|case| prompt(&case.prompt, &case.wanted)).collect();
        let scores = engine.score(&asked, &mut Silent).unwrap();
        let answers = engine.answer(&asked, &mut Silent).unwrap();
        for (number, case) in expected.cases.iter().enumerate() {
            let log_p = expected.values[&format!("{number}.logits")].log_softmax(-1, Kind::Double);
            let (score, answer) = (scores[number].as_ref().unwrap(), &answers[number]);
            assert_eq!(score.expected, case.tokens);
            let (mut wanted, mut highest) = (1.0, 1.0);
            for (place, token) in case.tokens.iter().enumerate() {
                let at = log_p.get(place as i64);
                let log_p = at.double_value(&[i64::from(*token)]);
                assert!((score.log_p[place] - log_p).abs() < TOLERANCE, "{name}");
                let likeliest = at.argmax(0, false).int64_value(&[]);
                assert_eq!(i64::from(score.likeliest[place]), likeliest, "{name}");
                wanted *= log_p.exp();
                highest *= at.max().double_value(&[]).exp();
            }
            assert!((f64::from(answer.probability) - wanted).abs() < TOLERANCE, "{name}");
            assert!((f64::from(answer.confidence) - highest).abs() < TOLERANCE, "{name}");
            assert_eq!(answer.matches, score.likeliest == score.expected);
        }
    }
}

#[test]
fn a_classifier_says_a_class_and_knows_no_other() {
    let mut engine = engine("bert-classes");
    let how = Sampling { top: 9, tokens: 5, sample: None };
    let said = engine.continuations("Paris", &how).unwrap();
    assert_eq!(said.next.len(), 3);
    assert_eq!(said.next[0].0, said.text);
    let all: f32 = said.next.iter().map(|(_, probability)| probability).sum();
    assert!((all - 1.0).abs() < 1e-5);
    let answer = &engine.answer(&[prompt("Paris", &said.text)], &mut Silent).unwrap()[0];
    assert!(answer.matches && answer.text == said.text);
    let error = engine.score(&[prompt("Paris", "True")], &mut Silent).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model has no class \"True\"; it tells apart SUPPORTS, REFUTES, NOT ENOUGH INFO"
    );
}

#[test]
fn a_prompt_with_a_mask_is_read_there() {
    let mut engine = engine("bert-masked");
    let how = Sampling { top: 3, tokens: 1, sample: None };
    let at_the_end = engine.continuations("The capital of France is", &how).unwrap();
    let as_written = engine.continuations("The capital of France is [MASK].", &how).unwrap();
    assert_eq!(at_the_end, as_written);
    let within = engine.continuations("The [MASK] of France is Paris", &how).unwrap();
    assert_ne!(at_the_end.next, within.next);
    assert_eq!(within.next.len(), 3);
}

#[test]
fn what_needs_a_decoder_is_refused_by_name() {
    let mut engine = engine("distilbert-masked");
    let text = || "Paris".to_owned();
    let how = Drawing { length: Length::Whole(8), top: 5, seed: 1 };
    let drawn = Sampling { top: 3, tokens: 1, sample: Some((1.0, 1)) };
    let tracing = Tracing {
        samples: 1,
        seed: 1,
        noise: 3.0,
        window: None,
        restored: Vec::new(),
        subject_last: false,
    };
    let refused: [(&str, EngineError); 8] = [
        ("generation", engine.sample_text(8, 1, &mut Silent).unwrap_err()),
        ("generation", engine.write_texts(&[text()], &how, &mut Silent).unwrap_err()),
        ("the perplexity of a text", engine.read_text("Paris", &mut Silent).unwrap_err()),
        ("the lens", engine.lens("Paris", None).unwrap_err()),
        ("a trace", engine.trace(&[], &[], &tracing, &mut Silent).unwrap_err()),
        ("a scan of units", engine.scan(&[text()], 1, &mut Silent).unwrap_err()),
        ("what units add", engine.acting("Paris", None, 1).unwrap_err()),
        ("drawing what is said", engine.continuations("Paris", &drawn).unwrap_err()),
    ];
    for (what, error) in refused {
        let wanted =
            format!("{what} needs a model that reads forward, and distilbert reads both ways");
        assert_eq!(error.to_string(), wanted);
    }
    for editor in ["memit", "rome", "emmet", "pmet", "alphaedit", "r-rome"] {
        let error = engine.settle(editor, "").unwrap_err().to_string();
        assert!(
            error.starts_with(editor) && error.contains("distilbert reads both ways"),
            "{error}"
        );
        assert!(
            error.contains("ft-m") && error.contains("mend") && !error.contains("pmet,"),
            "{error}"
        );
    }
    assert!(engine.settle("ft-m", "").is_ok());
    let model = open(&fixture("bert-classes"));
    let error = model.decoder().generate(&[vec![5]], 1, Choice::Greedy, &[]).unwrap_err();
    assert!(matches!(error, ModelError::ReadsBothWays { .. }), "{error}");
}
