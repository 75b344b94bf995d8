//! Attributions and units beside those of the original's code (`fixtures/make/kn_reference.py`), on a tiny random
//! GPT-2 and BERT, and edits of the first.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::{
    Settings,
    attribution::Prompt,
    edit::{Unit, above},
};
use crate::{
    checkpoint::Checkpoint,
    delta::{ChangeForm, Version},
    editor::{
        closed::Solver,
        method::{Bench, Method as _, Registered},
        presets::ModelSize,
        settings::MethodSettings as _,
    },
    engine::{EditJob, EditOutcome, Silent},
    fact::Request,
    model::Model,
    tensor::{Dtype, Matrix},
};

fn fixtures(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/editors").join(name)
}

fn open(path: &Path) -> Model {
    Model::open(path, Device::Cpu, Dtype::F32).unwrap()
}

fn tiny() -> Model {
    open(&fixtures("memit"))
}

/// The original's case, its attributions by prompt, and the probability of the answer.
fn golden(name: &str) -> (Value, Vec<Tensor>, f64) {
    let read = |file: &str| std::fs::read(fixtures(name).join(file)).unwrap();
    let case = serde_json::from_slice(&read("case.json")).unwrap();
    let bytes = read("golden.safetensors");
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = |name: &str| {
        let view = file.tensor(name).unwrap();
        let numbers = view.data().chunks_exact(4);
        let numbers: Vec<f32> =
            numbers.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
        let shape: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
        Tensor::from_slice(&numbers).view(shape.as_slice())
    };
    let all = (0..3).map(|number| tensor(&format!("attributions/{number}"))).collect();
    (case, all, tensor("probability").double_value(&[0]))
}

fn prompts<'a>(model: &'a Model, case: &Value) -> Vec<Prompt<'a>> {
    let asked = case["prompts"].as_array().unwrap().iter();
    let asked = asked.map(|prompt| model.tokens().open_question(prompt.as_str().unwrap()).unwrap());
    asked.map(|asked| Prompt::new(model.decoder(), &asked.ids, asked.reads[0])).collect()
}

fn settings(text: &str, model: &Model) -> Settings {
    Settings::read(text, &ModelSize::from(model.spec())).unwrap()
}

/// Rounding of f32 in another order.
const NEAR: f64 = 1e-4;

#[test]
fn attributions_and_units_are_the_originals() {
    let bert = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models/bert-masked");
    for (name, model) in [("kn", tiny()), ("kn-bert", open(&bert))] {
        let (case, wanted, probability) = golden(name);
        let prompts = prompts(&model, &case);
        let answer = case["answer"].as_i64().unwrap();
        assert_eq!(prompts[0].answer(), answer, "{name}");
        assert!((prompts[0].probability(answer) / probability - 1.0).abs() < NEAR, "{name}");
        for (prompt, wanted) in prompts.iter().zip(&wanted) {
            let found = prompt.attributions(answer, 20);
            let apart = (found - wanted).norm() / wanted.norm();
            assert!(apart.double_value(&[]) < NEAR, "{name}: {apart:?}");
        }
        let number = |key: &str| case[key].as_f64().unwrap();
        let text = format!(
            "adaptive_threshold = {}\np = {}\nmost_units = 1000\n",
            number("adaptive_threshold"),
            number("p")
        );
        let units = settings(&text, &model).units(&prompts, answer);
        let wanted: Vec<Unit> = serde_json::from_value(case["units"].clone()).unwrap();
        assert_eq!(units, wanted, "{name}");
    }
}

/// Integrated gradients are complete: those of a block add up to what the answer's probability loses without it.
#[test]
fn attributions_of_a_block_add_up_to_what_it_says() {
    let ((case, ..), model) = (golden("kn"), tiny());
    let prompt = &prompts(&model, &case)[0];
    let answer = prompt.answer();
    let sums =
        prompt.attributions(answer, 200).sum_dim_intlist([1i64].as_slice(), false, Kind::Double);
    for layer in 0..model.spec().layers {
        let without = prompt.without(layer, answer);
        let found = sums.double_value(&[layer as i64]);
        let wanted = prompt.probability(answer) - without;
        assert!((found - wanted).abs() < 0.02 * wanted.abs().max(1e-4), "{found} {wanted}");
    }
}

/// Where no unit is shared by enough prompts, those count that most share.
#[test]
fn there_is_always_a_unit() {
    let ((case, ..), model) = (golden("kn"), tiny());
    let prompts = prompts(&model, &case);
    let strict = settings("adaptive_threshold = 0.95\np = 0.99\n", &model);
    assert!(!strict.units(&prompts, prompts[0].answer()).is_empty());
    let attributions = |values: [f32; 4]| Tensor::from_slice(&values).view([2, 2]);
    assert_eq!(above(&attributions([0.1, 0.3, 1.0, -2.0]), 0.2), [(0, 1), (1, 0)]);
    assert_eq!(above(&attributions([-0.1, -0.3, -0.02, -2.0]), 0.2), [(1, 0)]);
}

fn request(subject: &str, target: &str) -> Request {
    Request {
        prompt: "{subject} is located in the city of".to_owned(),
        subject: subject.to_owned(),
        target: target.to_owned(),
        rephrasings: vec!["The city of {subject} is".to_owned()],
        kept: Vec::new(),
        paraphrases: Vec::new(),
    }
}

fn edit(model: &mut Model, settings: &str, requests: &[Request]) -> EditOutcome {
    let base = Arc::new(Checkpoint::open(&fixtures("memit")).unwrap());
    let version = Version::new(base, Vec::new());
    let mut job = EditJob {
        prefixes: &[],
        second_moments: &BTreeMap::new(),
        artefact: None,
        seed: 1,
        version: &version,
        requests,
        known_z: &[],
        found: &mut |_| {},
    };
    let editor = Registered::<Settings>::NEW.read(settings, model.spec()).unwrap();
    let bench = Bench { model, solver: &mut Solver::default() };
    editor.edit(bench, &mut job, &mut Silent).unwrap()
}

fn factors<'a>(outcome: &'a EditOutcome, name: &str) -> (&'a Matrix, &'a Matrix) {
    let ChangeForm::LowRank { left, right } = &outcome.changes[name].form else { panic!("{name}") };
    (left, right)
}

/// An edit says more of the new object, by columns of one unit each, which depend on no other fact.
#[test]
fn units_say_the_new_object_and_a_fact_has_columns_of_its_own() {
    let mut model = tiny();
    let facts = [
        request("France", "Lima"),
        request("The Eiffel Tower", "Buenos Aires"),
        request("Ada", "Rome"),
    ];
    let weak = edit(&mut model, "lambda_new = 0\nlambda_old = 0\n", &facts[..1]);
    assert!(weak.changes.is_empty(), "nothing is said more and nothing less");
    let all = edit(&mut model, "", &facts);
    let said = |outcome: &EditOutcome| outcome.traces[0].as_ref().unwrap().probability;
    assert!(said(&edit(&mut model, "", &facts[..1])) > 2.0 * said(&weak));
    let others = edit(&mut model, "", &[facts[0].clone(), facts[2].clone()]);
    let columns: Vec<usize> = (0..all.columns.len()).filter(|&i| all.columns[i] != 1).collect();
    assert!(columns.len() < all.columns.len());
    for name in others.changes.keys() {
        let ((left, right), (alone, rows)) = (factors(&all, name), factors(&others, name));
        assert_eq!(&left.select_columns(&columns), alone);
        assert_eq!(&right.select_rows(&columns), rows);
        for row in 0..rows.rows {
            let ones = rows.row(row).iter().filter(|value| **value == 1.0).count();
            let zeros = rows.row(row).iter().filter(|value| **value == 0.0).count();
            assert!(ones <= 1 && ones + zeros == rows.cols, "one unit, or none in this block");
        }
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    for (text, said) in [
        ("p = 1.0", "p must be at least 0 and below 1, found 1"),
        ("adaptive_threshold = -0.1", "adaptive_threshold must be at least 0 and below 1"),
        ("steps = 0", "steps must be at least 1, found 0"),
        ("lambda_new = -1.0", "lambda_new must"),
    ] {
        let error = Registered::<Settings>::NEW.fit_some_model(text).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
