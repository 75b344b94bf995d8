//! What all editors that are trained keep to, on a tiny random GPT-2; in a file each, what they compute beside the originals'
//! own code.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod of_enn;
mod of_ke;
mod of_mend;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::{
    enn,
    hypernetwork::{Hypernetwork, loaded},
    ke,
    lessons::Drill,
    mend,
    rehearsal::Rehearsal,
    settings::Descent,
};
use crate::{
    checkpoint::Checkpoint,
    delta::{ChangeForm, Version},
    editor::{
        closed::Solver,
        error::EditError,
        method::{Bench, Method, Registered},
        module::Module,
        pass::{
            maps::{Added, Applied, LowRank, Map, maps},
            texts::{Entering, Text},
        },
    },
    engine::{EditJob, EditOutcome, Learned, Lesson, LessonPart, Silent, TrainJob, Trained},
    fact::Request,
    model::{Model, Unprobed},
    tensor::{self, Dtype},
};

/// All, each set to be small.
const EDITORS: [(&dyn Method, &str); 3] = [
    (
        &Registered::<mend::Settings>::NEW,
        "rank = 4\nbatch_size = 4\nval_interval = 3\nval_edits = 2\n",
    ),
    (
        &Registered::<ke::Settings>::NEW,
        "hidden_dim = 4\ncondition_dim = 6\nbatch_size = 4\nval_interval = 3\nval_edits = 2\n",
    ),
    (
        &Registered::<enn::Settings>::NEW,
        "n_edit_steps = 2\nbatch_size = 4\nval_interval = 3\nval_edits = 2\n",
    ),
];

/// Rounding of f32 in another order.
const NEAR: f64 = 1e-5;

struct Golden {
    model: Model,
    tensors: BTreeMap<String, tensor::Tensor>,
    case: Value,
}

impl Golden {
    fn open(editor: &str) -> Self {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/editors");
        let bytes = std::fs::read(fixtures.join(editor).join("golden.safetensors")).unwrap();
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
            case: serde_json::from_slice(
                &std::fs::read(fixtures.join(editor).join("case.json")).unwrap(),
            )
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

    fn tiny() -> Model {
        Self::open("mend").model
    }

    fn maps(&self) -> Vec<Map> {
        maps(&self.model, &[1, 2, 3], &[Module::Mlp])
    }

    fn text(&self, key: &str) -> Text {
        let word = |i: usize| self.case[key][i].as_str().unwrap();
        self.model.tokens().question(word(0), word(1).trim()).unwrap()
    }
}

fn torch(stored: &tensor::Tensor) -> Tensor {
    loaded(stored, Device::Cpu)
}

/// Difference over size, Frobenius.
fn apart(found: &Tensor, wanted: &Tensor) -> f64 {
    let difference = (found.to_kind(Kind::Double) - wanted.to_kind(Kind::Double)).norm();
    (difference / wanted.to_kind(Kind::Double).norm().clamp_min(1e-12)).double_value(&[])
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

/// The golden edit, asked, with two texts that are to stay.
impl Golden {
    fn drill(&self) -> Drill {
        let ids = self.model.tokens().encode(self.case["kept"].as_str().unwrap()).unwrap().ids;
        // All that the text has is read.
        let reads = (0..ids.len()).collect();
        let kept = Text { prompt: 1, reads, wanted: ids.clone(), ids };
        let kept = vec![kept.clone(), kept.clone(), kept];
        Drill {
            edit: self.text("edit"),
            others: Vec::new(),
            worded: vec![self.text("worded")],
            kept,
        }
    }

    /// Puts leaves in the place of what the network learns, and gives them.
    fn leaves(network: &mut impl Hypernetwork) -> BTreeMap<String, Tensor> {
        let leaf = |value: &Tensor| value.detach().set_requires_grad(true);
        let values = network.values().iter();
        let leaves: BTreeMap<String, Tensor> =
            values.map(|(name, value)| (name.clone(), leaf(value))).collect();
        for (name, value) in network.values_mut() {
            *value = leaves[name].shallow_clone();
        }
        leaves
    }

    /// Whether the slopes of `loss` are the original's, which are under `prefix`.
    fn check_slopes(&self, loss: Tensor, leaves: &BTreeMap<String, Tensor>, prefix: &str) {
        let by_name: Vec<&Tensor> = leaves.values().collect();
        let slopes = Tensor::run_backward(&[loss], &by_name, false, false);
        for (name, slope) in leaves.keys().zip(&slopes) {
            let wanted = self.tensor(&format!("{prefix}slope/{name}"));
            let apart = apart(slope, &wanted.view_as(slope));
            assert!(apart < 1e-4, "{name}: {apart}");
        }
    }
}

fn job<'a>(
    lessons: &'a [Lesson],
    objects: &'a [Vec<String>],
    keep: &'a mut dyn FnMut(&Learned) -> Result<(), crate::engine::EngineError>,
) -> TrainJob<'a> {
    TrainJob { lessons, objects, seed: 1, steps: 4, until: None, begun: None, keep }
}

fn train(
    model: &mut Model,
    (editor, settings): (&dyn Method, &str),
    steps: u64,
    begun: Option<Learned>,
    keep: &mut dyn FnMut(&Learned),
) -> Trained {
    let objects = [OBJECTS.map(str::to_owned).to_vec()];
    let mut keep = |learned: &Learned| {
        keep(learned);
        Ok(())
    };
    let lessons = lessons();
    let mut job = TrainJob { steps, begun, ..job(&lessons, &objects, &mut keep) };
    let editor = editor.read(settings, model.spec()).unwrap();
    editor.train(model, &mut job, &mut Silent).unwrap()
}

#[test]
fn a_training_that_goes_on_gives_what_one_that_was_not_stopped_gives() {
    let mut model = Golden::tiny();
    for editor in EDITORS {
        let mut kept = Vec::new();
        let whole = train(&mut model, editor, 9, None, &mut |learned| kept.push(learned.clone()));
        assert_eq!(kept.iter().map(|learned| learned.steps).collect::<Vec<_>>(), [3, 6, 9]);
        for begun in kept {
            let rest = train(&mut model, editor, 9, Some(begun), &mut |_| {});
            assert_eq!(rest.tensors, whole.tensors);
            assert_eq!((rest.best, rest.seen), (whole.best, whole.seen));
        }
    }
}

fn edit(
    model: &mut Model,
    (editor, settings): (&dyn Method, &str),
    trained: &BTreeMap<String, tensor::Tensor>,
    requests: &[Request],
) -> Result<EditOutcome, EditError> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/editors/memit");
    let version = Version::new(Arc::new(Checkpoint::open(&dir).unwrap()), Vec::new());
    let mut job = EditJob {
        prefixes: &[],
        second_moments: &BTreeMap::new(),
        artefact: Some(trained),
        seed: 1,
        version: &version,
        requests,
        known_z: &[],
        found: &mut |_| {},
    };
    let editor = editor.read(settings, model.spec()).unwrap();
    let bench = Bench { model, solver: &mut Solver::default() };
    editor.edit(bench, &mut job, &mut Silent)
}

#[test]
fn what_a_fact_adds_depends_on_no_other_fact() {
    let mut model = Golden::tiny();
    let facts = [
        request("France", "Lima"),
        request("The Eiffel Tower", "Buenos Aires"),
        request("Ada", "Rome"),
    ];
    for (editor, settings) in EDITORS {
        let settings = format!("{settings}combine = 'sum'\n");
        let editor = (editor, settings.as_str());
        let trained = train(&mut model, editor, 3, None, &mut |_| {});
        let mut edit = |facts: &[Request]| edit(&mut model, editor, &trained.tensors, facts);
        let all = edit(&facts).unwrap();
        let others = edit(&[facts[0].clone(), facts[2].clone()]).unwrap();
        let columns: Vec<usize> = (0..all.columns.len()).filter(|&i| all.columns[i] != 1).collect();
        assert!(columns.len() < all.columns.len());
        for (name, change) in &all.changes {
            let ChangeForm::LowRank { left, right } = &change.form else { panic!("{name}") };
            let ChangeForm::LowRank { left: alone, right: rows } = &others.changes[name].form
            else {
                panic!("{name}")
            };
            assert_eq!(&left.select_columns(&columns), alone);
            assert_eq!(&right.select_rows(&columns), rows);
        }
    }
}

#[test]
fn what_is_of_other_maps_is_refused() {
    let mut model = Golden::tiny();
    for (editor, settings) in EDITORS {
        let trained = train(&mut model, (editor, settings), 0, None, &mut |_| {});
        let mut edit = |layers: &str, tensors: &BTreeMap<String, tensor::Tensor>| {
            let settings = format!("{settings}{layers}");
            edit(&mut model, (editor, &settings), tensors, &[request("France", "Lima")]).map(|_| ())
        };
        edit("", &trained.tensors).unwrap();
        let others = edit("layers = [2, 3]\n", &trained.tensors);
        assert!(matches!(others, Err(EditError::ForeignArtefact)), "{others:?}");
        for name in trained.tensors.keys() {
            let mut part = trained.tensors.clone();
            part.remove(name);
            let part = edit("", &part);
            assert!(matches!(part, Err(EditError::ForeignArtefact)), "{name}: {part:?}");
        }
    }
}

#[test]
fn a_training_that_runs_away_says_so() {
    let mut model = Golden::tiny();
    let (objects, lessons) = ([OBJECTS.map(str::to_owned).to_vec()], lessons());
    for (editor, small) in EDITORS {
        let mut run = |settings: &str| {
            let editor = editor.read(&format!("{small}{settings}"), model.spec()).unwrap();
            let mut keep = |_: &Learned| Ok(());
            editor.train(&mut model, &mut job(&lessons, &objects, &mut keep), &mut Silent)
        };
        let error = run("lr = 1e30\n").unwrap_err();
        assert!(matches!(error, EditError::TrainingDiverged { .. }), "{error}");
        assert_eq!(error.hint(), Some("--set lr=1e-5 takes smaller steps"));
        run("lr = 1e-5\n").unwrap();
    }
}

/// Whether changes that are applied are changes of the weights.
fn check_applied(mut golden: Golden, changes: &[LowRank]) {
    let maps = golden.maps();
    let (edit, asked) = (golden.text("edit"), golden.text("worded"));
    let decoder = golden.model.decoder();
    let entering = Entering::new(decoder, &[&asked, &edit], 1);
    let added = Added { whole: &[], changes };
    let applied = tch::no_grad(|| entering.log_p(decoder, &mut Applied::new(&maps, added)));
    for (map, change) in maps.iter().zip(changes) {
        let name = &map.site.tensor;
        let mut weight = golden.model.weight(name).unwrap();
        let added = crate::editor::matrix::matrix(&whole(change));
        weight.data.iter_mut().zip(added.data).for_each(|(weight, added)| *weight += added);
        golden.model.set_weight(name, &weight).unwrap();
    }
    let decoder = golden.model.decoder();
    let entering = Entering::new(decoder, &[&asked, &edit], 1);
    let weighed = tch::no_grad(|| entering.log_p(decoder, &mut Unprobed));
    assert!(apart(&applied, &weighed) < NEAR);
}

/// The change of the one group, `[out, in]`.
fn whole(change: &LowRank) -> Tensor {
    change.left.squeeze_dim(0).tr().matmul(&change.right.squeeze_dim(0))
}
