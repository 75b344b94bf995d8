//! MEND against the original's own code, on a tiny random GPT-2 (`fixtures/make/mend_reference.py`).

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::{
    MEND,
    lessons::Drill,
    maps::{Applied, Map, maps},
    network::Network,
    outer::{Bench, factors},
    texts::{Entering, Text},
};
use crate::{
    checkpoint::Checkpoint,
    delta::Version,
    editor::{
        closed::Solver,
        error::EditError,
        method::{Bench as EditBench, Editor, Method},
        module::Module,
    },
    engine::{EditJob, EditOutcome, Learned, Lesson, LessonPart, Silent, TrainJob, Trained},
    fact::Request,
    model::Model,
    tensor::{self, Dtype},
};

/// Rounding of f32 in another order.
const NEAR: f64 = 1e-5;

struct Golden {
    model: Model,
    tensors: BTreeMap<String, tensor::Tensor>,
    case: Value,
}

impl Golden {
    fn open() -> Self {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/editors");
        let bytes = std::fs::read(fixtures.join("mend/golden.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let tensor = |name: &str| {
            let view = file.tensor(name).unwrap();
            let bytes = view.data().to_vec();
            (
                name.to_owned(),
                tensor::Tensor { dtype: Dtype::F32, shape: view.shape().to_vec(), bytes },
            )
        };
        Self {
            model: Model::open(&fixtures.join("memit"), Device::Cpu, Dtype::F32).unwrap(),
            tensors: file.names().into_iter().map(tensor).collect(),
            case: serde_json::from_slice(&std::fs::read(fixtures.join("mend/case.json")).unwrap())
                .unwrap(),
        }
    }

    fn under(&self, prefix: &str) -> BTreeMap<String, tensor::Tensor> {
        let of = self.tensors.iter();
        of.filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone())))
            .collect()
    }

    fn tensor(&self, name: &str) -> Tensor {
        torch(&self.tensors[name])
    }

    fn maps(&self) -> Vec<Map> {
        maps(&self.model, &[1, 2, 3], &[Module::Mlp])
    }

    fn network(&self) -> Network {
        Network::read(&self.maps(), &self.under("state/"), Device::Cpu).unwrap()
    }

    fn text(&self, key: &str) -> Text {
        let word = |i: usize| self.case[key][i].as_str().unwrap();
        Text::new(self.model.tokens(), word(0), word(1).trim(), 64).unwrap()
    }
}

fn torch(stored: &tensor::Tensor) -> Tensor {
    let shape: Vec<i64> = stored.shape.iter().map(|&n| n as i64).collect();
    Tensor::from_slice(&stored.to_f32()).view(shape.as_slice())
}

/// Difference over size, Frobenius.
fn apart(found: &Tensor, wanted: &Tensor) -> f64 {
    let difference = (found.to_kind(Kind::Double) - wanted.to_kind(Kind::Double)).norm();
    (difference / wanted.to_kind(Kind::Double).norm().clamp_min(1e-12)).double_value(&[])
}

#[test]
fn factors_and_changes_are_the_originals() {
    let golden = Golden::open();
    let (maps, network) = (golden.maps(), golden.network());
    let decoder = golden.model.decoder();
    let entering = Entering::new(decoder, &[&golden.text("edit")], 1);
    let factors = factors(decoder, &maps, &entering);
    let changes = tch::no_grad(|| network.changes(&factors, 1));
    for (number, (factors, change)) in factors.iter().zip(&changes).enumerate() {
        // The original reads the target's last token too, from which nothing is wanted.
        let tokens = factors.x.size()[1];
        let read = |name: &str| golden.tensor(&format!("{name}/{number}")).narrow(1, 0, tokens);
        assert!(apart(&factors.x, &read("x")) < NEAR);
        assert!(apart(&factors.delta, &read("delta")) < NEAR);
        let (left, right) = (change.left.squeeze_dim(0), change.right.squeeze_dim(0));
        let rows = |name: &str| golden.tensor(&format!("{name}/{number}"));
        // The original leaves tokens out that have no part in the gradient; here they are zero.
        let active = factors.active().flatten(0, 1).nonzero().squeeze_dim(1);
        assert!(apart(&right.index_select(0, &active), &rows("x~")) < NEAR, "{number}");
        assert!(apart(&left.tr().matmul(&right), &rows("change")) < NEAR, "{number}");
        assert_eq!(i64::try_from(active.numel()).unwrap(), rows("delta~").size()[0]);
    }
}

#[test]
fn a_step_of_training_has_the_originals_loss_and_slopes() {
    let golden = Golden::open();
    let (maps, mut network) = (golden.maps(), golden.network());
    let ids = golden.model.tokens().encode(golden.case["kept"].as_str().unwrap()).unwrap().ids;
    // All that the text has is read.
    let kept = Text { wanted: ids.clone(), ids };
    let drill = Drill {
        edit: golden.text("edit"),
        worded: vec![golden.text("worded")],
        kept: vec![kept.clone(), kept.clone(), kept],
    };
    let bench = Bench { decoder: golden.model.decoder(), maps: &maps, lowest: 1 };
    let drills = [drill];
    let factors = bench.factors(&drills);
    network.observe(&factors);
    for (name, wanted) in golden.under("later/") {
        let found = &network.tensors()[&name];
        assert!(apart(&torch(found), &torch(&wanted)) < NEAR, "{name}");
    }
    let leaves: BTreeMap<String, Tensor> = network
        .values()
        .iter()
        .map(|(name, value)| (name.clone(), value.detach().set_requires_grad(true)))
        .collect();
    for (name, value) in network.values_mut() {
        *value = leaves[name].shallow_clone();
    }
    let loss = bench.loss(&network, &drills, &factors, 1, (0.1, 1.0));
    let wanted = golden.tensor("loss").double_value(&[2]);
    assert!((loss.double_value(&[]) - wanted).abs() < NEAR * wanted, "{loss:?} {wanted}");
    let by_name: Vec<&Tensor> = leaves.values().collect();
    let slopes = Tensor::run_backward(&[loss], &by_name, false, false);
    for (name, slope) in leaves.keys().zip(&slopes) {
        let wanted = golden.tensor(&format!("slope/{name}"));
        assert!(apart(slope, &wanted) < 1e-4, "{name}: {}", apart(slope, &wanted));
    }
}

#[test]
fn a_change_that_is_applied_is_one_of_the_weight() {
    let mut golden = Golden::open();
    let (maps, network) = (golden.maps(), golden.network());
    let (edit, asked) = (golden.text("edit"), golden.text("worded"));
    let decoder = golden.model.decoder();
    let factors = factors(decoder, &maps, &Entering::new(decoder, &[&edit], 1));
    let changes = tch::no_grad(|| network.changes(&factors, 1));
    let entering = Entering::new(decoder, &[&asked, &edit], 1);
    let applied = tch::no_grad(|| entering.log_p(decoder, &mut Applied::new(&maps, &changes)));
    for (map, change) in maps.iter().zip(&changes) {
        let name = &map.site.tensor;
        let mut weight = golden.model.weight(name).unwrap();
        let added = change.left.squeeze_dim(0).tr().matmul(&change.right.squeeze_dim(0));
        let added = crate::editor::matrix::matrix(&added);
        weight.data.iter_mut().zip(added.data).for_each(|(weight, added)| *weight += added);
        golden.model.set_weight(name, &weight).unwrap();
    }
    let decoder = golden.model.decoder();
    let entering = Entering::new(decoder, &[&asked, &edit], 1);
    let weighed = tch::no_grad(|| entering.log_p(decoder, &mut crate::model::Unprobed));
    assert!(apart(&applied, &weighed) < NEAR);
}

fn request(subject: &str, target: &str) -> Request {
    Request {
        prompt: "{subject} is located in the city of".to_owned(),
        subject: subject.to_owned(),
        target: target.to_owned(),
        rephrasings: vec!["The city of {subject} is".to_owned()],
        kept: Vec::new(),
        paraphrases: vec!["{subject} can be found in".to_owned()],
    }
}

const OBJECTS: [&str; 4] = ["Rome", "Lima", "Peru", "Buenos Aires"];

fn lessons() -> Vec<Lesson> {
    let subjects =
        ["Hamlet", "France", "Eiffel Tower", "Ada", "Jane Austen", "The sea", "Bert", "Anna"];
    let lesson = |(i, subject): (usize, &&str)| Lesson {
        request: request(subject, OBJECTS[i % OBJECTS.len()]),
        predicate: 0,
        kept: Vec::new(),
        part: if i < 6 { LessonPart::Training } else { LessonPart::Seen },
    };
    subjects.iter().enumerate().map(lesson).collect()
}

fn editor(model: &Model, settings: &str) -> Box<dyn Editor> {
    MEND.read(settings, model.spec()).unwrap()
}

const SMALL: &str = "rank = 4\nbatch_size = 4\nval_interval = 3\nval_edits = 2\n";

fn train(
    model: &mut Model,
    steps: u64,
    begun: Option<Learned>,
    keep: &mut dyn FnMut(&Learned),
) -> Trained {
    let objects = [OBJECTS.map(str::to_owned).to_vec()];
    let mut keep = |learned: &Learned| {
        keep(learned);
        Ok(())
    };
    let mut job = TrainJob {
        lessons: &lessons(),
        objects: &objects,
        seed: 1,
        steps,
        until: None,
        begun,
        keep: &mut keep,
    };
    editor(model, SMALL).train(model, &mut job, &mut Silent).unwrap()
}

#[test]
fn a_training_that_goes_on_gives_what_one_that_was_not_stopped_gives() {
    let mut golden = Golden::open();
    let mut kept = Vec::new();
    let whole = train(&mut golden.model, 9, None, &mut |learned| kept.push(learned.clone()));
    assert_eq!(kept.iter().map(|learned| learned.steps).collect::<Vec<_>>(), [3, 6, 9]);
    for begun in kept {
        let rest = train(&mut golden.model, 9, Some(begun), &mut |_| {});
        assert_eq!(rest.tensors, whole.tensors);
        assert_eq!((rest.best, rest.seen), (whole.best, whole.seen));
    }
}

#[test]
fn a_network_that_is_not_trained_gives_the_normalised_gradient() {
    let mut golden = Golden::open();
    let trained = train(&mut golden.model, 0, None, &mut |_| {});
    assert_eq!((trained.steps, trained.best), (0, 0));
    let maps = golden.maps();
    let network = Network::read(&maps, &trained.tensors, Device::Cpu).unwrap();
    let decoder = golden.model.decoder();
    let factors = factors(decoder, &maps, &Entering::new(decoder, &[&golden.text("edit")], 1));
    let changes = tch::no_grad(|| network.changes(&factors, 1));
    let norm = |part: &str, values: &Tensor| {
        let of = |what: &str| torch(&trained.tensors[&format!("24-96.{part}.{what}")]);
        (values - of("mean")) / (of("std") + 1e-7)
    };
    let right = norm("x", &factors[0].x);
    let left = norm("delta", &factors[0].delta) * -3e-4;
    assert!(apart(&changes[0].right, &right) < NEAR);
    assert!(apart(&changes[0].left, &left) < NEAR);
}

fn edit(model: &mut Model, trained: &Trained, requests: &[Request]) -> EditOutcome {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/editors/memit");
    let version = Version::new(Arc::new(Checkpoint::open(&dir).unwrap()), Vec::new());
    let mut job = EditJob {
        prefixes: &[],
        second_moments: &BTreeMap::new(),
        artefact: Some(&trained.tensors),
        seed: 1,
        version: &version,
        requests,
        known_z: &[],
        found: &mut |_| {},
    };
    let editor = editor(model, SMALL);
    let bench = EditBench { model, solver: &mut Solver::default() };
    editor.edit(bench, &mut job, &mut Silent).unwrap()
}

#[test]
fn what_a_fact_adds_depends_on_no_other_fact() {
    let mut golden = Golden::open();
    let trained = train(&mut golden.model, 3, None, &mut |_| {});
    let facts = [
        request("France", "Lima"),
        request("The Eiffel Tower", "Buenos Aires"),
        request("Ada", "Rome"),
    ];
    let all = edit(&mut golden.model, &trained, &facts);
    let others = edit(&mut golden.model, &trained, &[facts[0].clone(), facts[2].clone()]);
    let columns: Vec<usize> = (0..all.columns.len()).filter(|&i| all.columns[i] != 1).collect();
    assert!(columns.len() < all.columns.len());
    for (name, change) in &all.changes {
        let crate::delta::ChangeForm::LowRank { left, right } = &change.form else {
            panic!("{name}")
        };
        let crate::delta::ChangeForm::LowRank { left: alone, right: rows } =
            &others.changes[name].form
        else {
            panic!("{name}")
        };
        assert_eq!(&left.select_columns(&columns), alone);
        assert_eq!(&right.select_rows(&columns), rows);
    }
}

#[test]
fn what_is_of_other_maps_is_refused() {
    let mut golden = Golden::open();
    let trained = train(&mut golden.model, 0, None, &mut |_| {});
    let others = maps(&golden.model, &[2, 3], &[Module::Mlp]);
    assert!(Network::read(&others, &trained.tensors, Device::Cpu).is_none());
    let mut part = trained.tensors.clone();
    part.remove("24-96.1.u");
    assert!(Network::read(&golden.maps(), &part, Device::Cpu).is_none());
}

#[test]
fn a_training_that_runs_away_says_so() {
    let mut golden = Golden::open();
    let objects = [OBJECTS.map(str::to_owned).to_vec()];
    let mut run = |settings: &str| {
        let mut job = TrainJob {
            lessons: &lessons(),
            objects: &objects,
            seed: 1,
            steps: 4,
            until: None,
            begun: None,
            keep: &mut |_| Ok(()),
        };
        editor(&golden.model, settings).train(&mut golden.model, &mut job, &mut Silent)
    };
    let error = run(&format!("{SMALL}lr = 1e30\nlr_lr = 1e30\n")).unwrap_err();
    assert!(matches!(error, EditError::TrainingDiverged { .. }), "{error}");
    assert_eq!(error.hint(), Some("--set lr=1e-5 takes smaller steps"));
    run(&format!("{SMALL}lr = 1e-5\n")).unwrap();
}
