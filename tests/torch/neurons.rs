//! Feed-forward layers as memories, beside a plain pass over the same texts.
//!
//! `tests/fixtures/make/neurons.py` made the expected values with transformers and numpy, in f64.

use std::{collections::BTreeMap, fs, path::Path};

use kledger::{
    engine::{Engine, EngineError, Factors, Progress, Scan, Silent, Traceable, Unit, Word},
    model::{DeviceChoice, Model},
    runtime::TorchEngine,
    tensor::{Dtype, Matrix},
};
use serde_json::Value;

use crate::{editor, family};

const TOLERANCE: f64 = 1e-4;

fn golden(name: &str) -> Value {
    let file = format!("tests/fixtures/neurons/{name}.json");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn engine(name: &str) -> TorchEngine {
    TorchEngine::open(&family::fixture(name), DeviceChoice::Cpu, Dtype::F32).unwrap()
}

fn model(name: &str) -> Model {
    Model::open(&family::fixture(name), tch::Device::Cpu, Dtype::F32).unwrap()
}

fn texts(golden: &Value) -> Vec<String> {
    serde_json::from_value(golden["texts"].clone()).unwrap()
}

fn close(what: &str, found: f32, wanted: &Value) {
    let wanted = wanted.as_f64().unwrap();
    let off = (f64::from(found) - wanted).abs();
    assert!(off < TOLERANCE, "{what}: {found}, not {wanted}");
}

/// Whether the units of a layer read nothing but single tokens: then all beginnings that end in a token are as great.
fn reads_tokens(name: &str, layer: usize) -> bool {
    layer == 0 && ["gptj", "gpt-neox-parallel"].contains(&name)
}

#[test]
fn triggers_are_those_of_a_plain_pass() {
    for name in family::MODELS {
        let golden = golden(name);
        let scan = engine(name).scan(&texts(&golden), 3, &mut Silent).unwrap();
        let (wanted, tokens) = (&golden["scan"], model(name));
        assert_eq!(scan.tokens, wanted["tokens"].as_u64().unwrap(), "{name}");
        assert_eq!(scan.texts, golden["texts"].as_array().unwrap().len() as u64);
        let (mut seen, mut ambiguous) = (0, 0);
        for (layer, found) in scan.layers.iter().enumerate() {
            let wanted_layer = &wanted["layers"][layer];
            for (unit, triggers) in found.units.iter().enumerate() {
                let golden = wanted_layer["units"][unit].as_array().unwrap();
                assert_eq!(triggers.len(), golden.len().min(3), "{name} {layer}.{unit}");
                for (rank, trigger) in triggers.iter().enumerate() {
                    let what = format!("{name} {layer}.{unit} {rank}");
                    close(&what, trigger.coefficient, &golden[rank][1]);
                    // Any of those that are as great.
                    let near = golden.iter().filter(|own| {
                        (own[1].as_f64().unwrap() - f64::from(trigger.coefficient)).abs()
                            < TOLERANCE
                    });
                    let near: Vec<&Value> = near
                        .map(|own| {
                            &wanted["prefixes"][usize::try_from(own[0].as_u64().unwrap()).unwrap()]
                        })
                        .collect();
                    let prefix = &scan.prefixes[trigger.prefix];
                    let is_it = |golden: &&Value| {
                        let text = golden["text"].as_str().unwrap();
                        if prefix.cut { text.ends_with(&prefix.text) } else { text == prefix.text }
                    };
                    if reads_tokens(name, layer) {
                        continue;
                    }
                    let right = near.iter().copied().find(is_it);
                    let right = right.unwrap_or_else(|| panic!("{what}: {prefix:?}, not {near:?}"));
                    let follows = right["next"].as_array().unwrap().iter().any(|next| {
                        let next = next.as_u64().map(|id| u32::try_from(id).unwrap());
                        let text = next.map(|id| tokens.tokens().decode(&[id]).unwrap());
                        text == prefix.next
                    });
                    assert!(follows, "{what}: {prefix:?}, {right}");
                    seen += 1;
                    ambiguous += usize::from(near.len() > 1);
                }
            }
        }
        assert!(seen > 100 && ambiguous * 3 < seen, "{name}: {ambiguous} of {seen}");
    }
}

#[test]
fn values_agree_with_what_follows_as_often_as_in_a_plain_pass() {
    let mut agree = 0;
    for name in family::MODELS {
        let golden = golden(name);
        let scan = engine(name).scan(&texts(&golden), 3, &mut Silent).unwrap();
        let layers = scan.layers.iter().zip(golden["scan"]["layers"].as_array().unwrap());
        for (_, (found, wanted)) in
            layers.enumerate().filter(|(layer, _)| !reads_tokens(name, *layer))
        {
            assert_eq!(found.agreement.of, wanted["of"].as_u64().unwrap(), "{name}");
            assert_eq!(found.agreement.agree, wanted["agree"].as_u64().unwrap(), "{name}");
            let off = (found.agreement.chance - wanted["chance"].as_f64().unwrap()).abs();
            assert!(off < 1e-6, "{name}: {}", found.agreement.chance);
            agree += found.agreement.agree;
        }
    }
    assert!(agree > 0, "some of so many agree");
}

#[test]
fn values_promote_what_the_norm_and_the_head_of_transformers_make_of_them() {
    for name in family::MODELS {
        let (golden, tokens, mut engine) = (golden(name), model(name), engine(name));
        let first = &engine.promoted(&[Unit { layer: 0, unit: 0 }], 3).unwrap()[0];
        for (word, wanted) in first.iter().zip(golden["words"].as_array().unwrap()) {
            let id = u32::try_from(wanted[0].as_u64().unwrap()).unwrap();
            assert_eq!(word.text, tokens.tokens().decode(&[id]).unwrap(), "{name}");
            close(name, word.probability, &wanted[1]);
        }
        for (layer, wanted) in (0..).zip(golden["scan"]["layers"].as_array().unwrap()) {
            let wanted = wanted["promoted"].as_array().unwrap();
            let units: Vec<Unit> =
                (0..).zip(wanted).map(|(unit, _)| Unit { layer, unit }).collect();
            for (found, wanted) in engine.promoted(&units, 1).unwrap().iter().zip(wanted) {
                let id = u32::try_from(wanted.as_u64().unwrap()).unwrap();
                assert_eq!(found[0].text, tokens.tokens().decode(&[id]).unwrap(), "{name}");
            }
        }
    }
}

#[test]
fn units_add_what_taking_them_away_would_take() {
    for name in family::MODELS {
        let golden = golden(name);
        let (prompt, expected) = (golden["prompt"].as_str().unwrap(), golden["expected"].as_str());
        let wanted = &golden["acting"];
        let acting = engine(name).acting(prompt, expected, usize::MAX).unwrap();
        close(name, acting.probability, &wanted["probability"]);
        close(name, acting.logit, &wanted["logit"]);
        let all: usize = wanted["adds"]
            .as_array()
            .unwrap()
            .iter()
            .map(|adds| adds.as_array().unwrap().len())
            .sum();
        assert_eq!(acting.units.len(), all, "{name}");
        for acts in &acting.units {
            let (layer, unit) = (acts.unit.layer as usize, acts.unit.unit as usize);
            close(&format!("{name} {}", acts.unit), acts.adds, &wanted["adds"][layer][unit]);
            close(name, acts.coefficient, &wanted["coefficients"][layer][unit]);
        }
        assert!(acting.units.is_sorted_by(|a, b| a.adds.abs() >= b.adds.abs()));
        for (layer, total) in acting.layers.iter().enumerate() {
            let of = acting.units.iter().filter(|acts| acts.unit.layer as usize == layer);
            let sum: f64 = of.map(|acts| f64::from(acts.adds)).sum();
            assert!((sum - f64::from(*total)).abs() < TOLERANCE, "{name} {layer}");
        }
        let likeliest = engine(name).acting(prompt, None, 3).unwrap();
        assert_eq!(likeliest.units.len(), 3);
        assert!(likeliest.probability >= acting.probability);
    }
}

#[test]
fn columns_read_what_is_looked_up_at_subjects() {
    for name in family::MODELS {
        let (golden, mut engine, model) = (golden(name), engine(name), model(name));
        let site = model.edit_site(1).unwrap();
        let wanted = golden["columns"].as_array().unwrap();
        let right = (0..wanted.len())
            .flat_map(|r| (0..site.inputs).map(move |i| ((1 + 7 * r + i) as f32).sin()));
        let right = Matrix { rows: wanted.len(), cols: site.inputs, data: right.collect() };
        // Each writes the value of a unit.
        let values = model.weight(&site.tensor).unwrap().select_columns(&[3, 5]);
        let prompts = golden["subjects"].as_array().unwrap().iter().map(|asked| {
            let (prompt, subject) = (asked[0].as_str().unwrap(), asked[1].as_str().unwrap());
            let start = prompt.find(subject).unwrap();
            let subject = start..start + subject.len();
            Traceable { prompt: prompt.to_owned(), subject, expected: None }
        });
        let prompts: Vec<Traceable> = prompts.collect();
        let changes = [(site.tensor.clone(), Factors { left: &values, right: &right })].into();
        let found = engine.columns(&changes, &prompts, 3, &mut Silent).unwrap();
        let columns = &found[&site.tensor];
        assert_eq!((columns.responses.rows, columns.responses.cols), (2, 3));
        for (row, wanted) in wanted.iter().enumerate() {
            for (at, &found) in columns.responses.row(row).iter().enumerate() {
                close(&format!("{name} {row} {at}"), found, &wanted[at]);
            }
        }
        let units = [3, 5].map(|unit| Unit { layer: 1, unit });
        let promoted = engine.promoted(&units, 3).unwrap();
        let words = |of: &[Vec<Word>]| {
            of.iter().flatten().map(|word| word.text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(words(columns.promotes.as_ref().unwrap()), words(&promoted), "{name}");
        // What is not added to the stream promotes nothing.
        let up = model.decoder().weights().slot_of(kledger::model::Part::MlpUp, 0).unwrap();
        let (left, right) = (Matrix::zeros(up.shape[0], 1), Matrix::zeros(1, up.shape[1]));
        let changes = [(up.name.clone(), Factors { left: &left, right: &right })].into();
        let found = engine.columns(&changes, &[], 3, &mut Silent).unwrap();
        assert_eq!((found[&up.name].promotes.as_ref(), found[&up.name].responses.cols), (None, 0));
    }
}

#[test]
fn what_is_not_there_is_refused() {
    let mut engine = engine("gpt2-gelu");
    for unit in [Unit { layer: 2, unit: 0 }, Unit { layer: 0, unit: 128 }] {
        let error = engine.promoted(&[unit], 1).unwrap_err();
        assert!(matches!(error, EngineError::Refused { .. }), "{error}");
        let wanted = format!(
            "the model has no unit {unit}; it has units 0 to 127 in each of its layers 0 to 1"
        );
        assert_eq!(error.to_string(), wanted);
    }
    for texts in [vec![], vec![String::new()]] {
        let error = engine.scan(&texts, 3, &mut Silent).unwrap_err();
        assert!(matches!(error, EngineError::Refused { .. }), "{error}");
    }
    let error = engine.acting("", None, 3).unwrap_err();
    assert!(error.to_string().contains("the text is empty"), "{error}");
    let (left, right) = (Matrix::zeros(32, 1), Matrix::zeros(1, 7));
    let name = "transformer.h.0.mlp.c_proj.weight";
    let changes: BTreeMap<_, _> =
        [(name.to_owned(), Factors { left: &left, right: &right })].into();
    assert!(engine.columns(&changes, &[], 3, &mut Silent).is_err());
}

/// Stops after some bytes.
struct Stopping(u64);

impl Progress for Stopping {
    fn start(&mut self, what: &str, total: Option<u64>) {
        assert_eq!(what, "bytes");
        assert!(total.is_some_and(|total| total > self.0));
    }

    fn advance(&mut self, done: u64, _: &str) -> Result<(), EngineError> {
        if done > self.0 { Err(EngineError::Interrupted) } else { Ok(()) }
    }

    fn finish(&mut self, _: &str) {}
}

/// A long corpus: more than is run, and more than is tokenised, at a time.
fn corpus() -> Vec<String> {
    let text = |n: usize| format!("The capital number {n} of France {} is Paris", n % 97);
    (0..30_000).map(text).collect()
}

#[test]
fn a_scan_in_parts_finds_what_one_of_its_triggers_alone_does() {
    let texts = corpus();
    assert!(texts.iter().map(String::len).sum::<usize>() > 1 << 20, "it is more than a part");
    let dir = editor::fixture();
    let mut engine = TorchEngine::open(&dir, DeviceChoice::Cpu, Dtype::F32).unwrap();
    let stopped = engine.scan(&texts, 2, &mut Stopping(5000));
    assert!(matches!(stopped, Err(EngineError::Interrupted)));
    let scan = engine.scan(&texts, 2, &mut Silent).unwrap();
    let used: std::collections::BTreeSet<usize> =
        units(&scan).flatten().map(|trigger| trigger.prefix).collect();
    assert_eq!(used.len(), scan.prefixes.len(), "no prefix is kept that is no trigger");
    // The triggers as texts of their own have the same coefficients.
    let own: Vec<String> = scan.prefixes.iter().map(|prefix| prefix.text.clone()).collect();
    let again = engine.scan(&own, 2, &mut Silent).unwrap();
    for (first, second) in units(&scan).zip(units(&again)) {
        let coefficients = |of: &[kledger::engine::Trigger]| {
            of.iter().map(|trigger| f64::from(trigger.coefficient)).collect::<Vec<_>>()
        };
        let (first, second) = (coefficients(first), coefficients(second));
        // A beginning that ends before a trigger can be one itself now.
        assert!(second.len() >= first.len());
        for (rank, (a, b)) in first.iter().zip(&second).enumerate() {
            assert!(b - a > -TOLERANCE && (rank > 0 || b - a < TOLERANCE), "{a} {b}");
        }
    }
}

fn units(scan: &Scan) -> impl Iterator<Item = &Vec<kledger::engine::Trigger>> {
    scan.layers.iter().flat_map(|layer| &layer.units)
}
