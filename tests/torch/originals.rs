//! Closed-form editors beside their original implementations, on a model with random weights.
//!
//! `tests/fixtures/make/closed_reference.py` made the golden changes. Originals invert in f32, so changes are compared
//! to a hundredth of their norm; it is in the steps that searches make.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use kledger::{
    checkpoint::Checkpoint,
    delta::{Change, ChangeForm, LoadedDelta, Version},
    editor::{self, Bench, Solver},
    engine::{EditJob, EditOutcome, Silent},
    fact::Request,
    model::Model,
    tensor::{Dtype, Matrix},
};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/editors").join(name)
}

fn tensors(editor: &str) -> BTreeMap<String, Tensor> {
    let golden = Tensor::read_safetensors(fixture(editor).join("golden.safetensors"));
    golden.unwrap().into_iter().collect()
}

fn json(editor: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixture(editor).join("case.json")).unwrap()).unwrap()
}

fn matrix(tensor: &Tensor) -> Matrix {
    let (rows, cols) = tensor.size2().unwrap();
    let (rows, cols) = (usize::try_from(rows).unwrap(), usize::try_from(cols).unwrap());
    let mut matrix = Matrix::zeros(rows, cols);
    tensor.contiguous().copy_data(&mut matrix.data, rows * cols);
    matrix
}

fn tensor(matrix: &Matrix) -> Tensor {
    Tensor::from_slice(&matrix.data).view([-1, i64::try_from(matrix.cols).unwrap()])
}

/// ‖a − b‖ / ‖b‖ in f64.
fn error(a: &Tensor, b: &Tensor) -> f64 {
    let (a, b) = (a.to_kind(Kind::Double), b.to_kind(Kind::Double));
    ((a - &b).norm() / b.norm()).double_value(&[])
}

/// An editor with its settings, and the model and facts that its original was given.
struct Case {
    editor: &'static str,
    settings: toml::Table,
    model: Model,
    version: Version,
    prefixes: Vec<String>,
    requests: Vec<Request>,
    second_moments: BTreeMap<String, Matrix>,
    golden: BTreeMap<String, Tensor>,
}

impl Case {
    fn of(editor: &'static str) -> Self {
        let given = json("memit");
        let words = |value: &Value| value.as_str().unwrap().to_owned();
        let request = |value: &Value| Request {
            prompt: words(&value["prompt"]),
            subject: words(&value["subject"]),
            target: words(&value["target"]),
            rephrasings: Vec::new(),
            kept: Vec::new(),
            paraphrases: Vec::new(),
        };
        let moments = tensors("memit").into_iter().filter_map(|(name, value)| {
            let layer = name.strip_prefix("second_moment.")?.parse().unwrap();
            Some((name_of(layer), matrix(&value)))
        });
        Self {
            editor,
            settings: toml::Table::try_from(json(editor)).unwrap(),
            model: Model::open(&fixture("memit"), Device::Cpu, Dtype::F32).unwrap(),
            version: Version::new(
                Arc::new(Checkpoint::open(&fixture("memit")).unwrap()),
                Vec::new(),
            ),
            prefixes: given["prefixes"].as_array().unwrap().iter().map(words).collect(),
            requests: given["requests"].as_array().unwrap().iter().map(request).collect(),
            second_moments: moments.collect(),
            golden: tensors(editor),
        }
    }

    fn set(&mut self, key: &str, value: impl Into<toml::Value>) {
        self.settings.insert(key.to_owned(), value.into());
    }

    fn edit(&mut self, requests: &[Request]) -> EditOutcome {
        let method = editor::method(self.editor).unwrap();
        let editor = method.read(&self.settings.to_string(), self.model.spec()).unwrap();
        let mut job = EditJob {
            artefact: None,
            prefixes: &self.prefixes,
            second_moments: &self.second_moments,
            version: &self.version,
            requests,
            seed: 0,
            known_z: &[],
            found: &mut |_| {},
        };
        let bench = Bench { model: &mut self.model, solver: &mut Solver::default() };
        editor.edit(bench, &mut job, &mut Silent).unwrap()
    }

    /// Makes an edit part of the version.
    fn commit(&mut self, edit: &EditOutcome) {
        let changes = edit.changes.clone();
        let (dropped, superseded) = (Vec::new(), Vec::new());
        let delta = LoadedDelta { changes, whole: false, dropped, superseded };
        self.version.deltas.push(Arc::new(delta));
    }

    fn golden(&self, name: &str) -> &Tensor {
        &self.golden[name]
    }
}

fn name_of(layer: usize) -> String {
    format!("transformer.h.{layer}.mlp.c_proj.weight")
}

/// The factors and the keys of the change of a layer.
fn factors(edit: &EditOutcome, layer: usize) -> [Tensor; 3] {
    let Change { form: ChangeForm::LowRank { left, right }, keys, .. } =
        &edit.changes[&name_of(layer)]
    else {
        unreachable!("because closed forms give factors")
    };
    [tensor(left), tensor(right), tensor(keys.as_ref().unwrap())]
}

/// What an edit adds to a layer, `[out, in]`.
fn added(edit: &EditOutcome, layer: usize) -> Tensor {
    let [left, right, _] = factors(edit, layer);
    left.matmul(&right)
}

/// One fact, and then five at once: in order, each on the weights that have those before (ROME), or in one system.
#[test]
fn editors_of_one_layer_agree_with_their_originals() {
    for editor in ["rome", "r-rome", "emmet"] {
        let mut case = Case::of(editor);
        let requests = case.requests.clone();
        let first = error(&added(&case.edit(&requests[..1]), 2), case.golden("first"));
        assert!(first < 1e-3, "{editor}: the first fact differs by {first}");
        let all = error(&added(&case.edit(&requests), 2), case.golden("delta.2"));
        assert!(all < 1e-2, "{editor}: all facts differ by {all}");
    }
}

#[test]
fn alphaedit_agrees_with_its_original_over_two_edits() {
    let mut case = Case::of("alphaedit");
    let requests = case.requests.clone();
    let first = case.edit(&requests[..2]);
    case.commit(&first);
    let second = case.edit(&requests[2..]);
    for layer in [1, 2] {
        let sum = added(&first, layer) + added(&second, layer);
        let first = error(&added(&first, layer), case.golden(&format!("first.{layer}")));
        assert!(first < 1e-2, "block {layer} differs by {first} after an edit");
        let both = error(&sum, case.golden(&format!("delta.{layer}")));
        assert!(both < 2e-2, "block {layer} differs by {both} after two");
    }
}

/// The change of `AlphaEdit` has nothing in the directions of large keys.
#[test]
fn a_null_space_is_kept_to() {
    let mut case = Case::of("alphaedit");
    case.set("nullspace_threshold", 0.05);
    let requests = case.requests.clone();
    let edit = case.edit(&requests);
    for layer in [1, 2] {
        let change = added(&edit, layer).to_kind(Kind::Double);
        let c = tensor(&case.second_moments[&name_of(layer)]).to_kind(Kind::Double);
        let (eigenvalues, directions) = c.linalg_eigh("L");
        let large = eigenvalues.ge(0.05).nonzero().squeeze_dim(1);
        let outside = change.matmul(&directions.index_select(1, &large));
        let part = (outside.norm() / change.norm()).double_value(&[]);
        assert!(part < 1e-5, "{part} of block {layer}'s change is outside");
    }
}

/// W'k = v*: what ROME promises at the bare prompt's key, and r-ROME at the mean key.
#[test]
fn rome_says_what_is_wanted_at_the_key_it_asks() {
    for editor in ["rome", "r-rome"] {
        let mut case = Case::of(editor);
        case.set("z_on", "base");
        let requests = case.requests.clone();
        let edit = case.edit(&requests[..1]);
        let [left, right, key] = factors(&edit, 2);
        // The change at the key is all that was missing there: the column's left factor.
        let there = left.matmul(&right).matmul(&key.tr());
        let missed = error(&there, &left);
        assert!(missed < 1e-4, "{editor} misses {missed}");
    }
}

/// With one fact EMMET's solution is the limit of MEMIT's for a λ of nothing, and with several it is MEMIT's with
/// the ridge as its λ.
#[test]
fn emmet_is_memit_with_another_weight() {
    let mut emmet = Case::of("emmet");
    let requests = emmet.requests.clone();
    let several = added(&emmet.edit(&requests), 2);
    let mut memit = Case::of("emmet");
    memit.editor = "memit";
    memit.settings.remove("emmet_lambda");
    memit.set("mom2_update_weight", 2.0); // 0.1 of 20.
    let difference = error(&added(&memit.edit(&requests), 2), &several);
    assert!(difference < 1e-5, "several facts differ by {difference}");
    let one = added(&emmet.edit(&requests[..1]), 2);
    memit.set("mom2_update_weight", 1e-3);
    let difference = error(&added(&memit.edit(&requests[..1]), 2), &one);
    assert!(difference < 1e-4, "one fact differs by {difference}");
}

/// One fact's column can be let go: those of other facts stay what they were, and carry holds its key no more.
#[test]
fn columns_belong_to_their_facts() {
    for editor in ["memit", "alphaedit", "emmet", "rome", "r-rome"] {
        let mut case = Case::of(if editor == "memit" { "emmet" } else { editor });
        case.editor = editor;
        if editor == "memit" {
            case.settings.remove("emmet_lambda");
        }
        let requests = case.requests.clone();
        let edit = case.edit(&requests);
        assert_eq!(edit.columns.len(), requests.len(), "{editor}");
        for change in edit.changes.values() {
            assert_eq!(change.keys.as_ref().unwrap().rows, requests.len(), "{editor}");
        }
    }
}

#[test]
fn pmet_agrees_with_its_original() {
    let mut case = Case::of("pmet");
    let requests = case.requests.clone();
    for (name, requests) in [("first", &requests[..1]), ("delta", &requests[..])] {
        let edit = case.edit(requests);
        for layer in [1, 2] {
            let difference = error(&added(&edit, layer), case.golden(&format!("{name}.{layer}")));
            assert!(difference < 1e-2, "{name}: block {layer} differs by {difference}");
        }
    }
}

/// With a weight that lets nothing through an editor says so, and with one that holds nothing it says that all is there.
#[test]
fn what_holds_an_edit_back_is_told() {
    let mut case = Case::of("emmet");
    case.editor = "memit";
    case.settings.remove("emmet_lambda");
    let requests = case.requests.clone();
    for (weight, least, most) in [(1e10, -0.1, 0.1), (1e-3, 0.25, 3.0)] {
        case.set("mom2_update_weight", weight);
        let reached = case.edit(&requests).reached;
        assert_eq!(reached.len(), requests.len());
        for reached in reached {
            assert!((least..most).contains(&reached.part), "λ = {weight}: {}", reached.part);
        }
    }
}

/// Two objects cannot be the answer to one prompt: each fact names the other as what draws it away.
#[test]
fn facts_that_pull_at_one_key_name_each_other() {
    for editor in ["memit", "rome"] {
        let mut case = Case::of("rome");
        case.editor = editor;
        if editor == "memit" {
            case.settings.remove("mom2_adjustment");
            case.set("mom2_update_weight", 1e-3);
        }
        let one = case.requests[0].clone();
        let other = Request { target: "Danish".to_owned(), ..one.clone() };
        let reached = case.edit(&[one, other]).reached;
        // ROME writes the second over the first.
        let rivals: Vec<_> = reached.iter().map(|reached| reached.rival).collect();
        assert!(matches!(rivals[0], Some((1, pull)) if pull > 0.1), "{editor}: {rivals:?}");
    }
}
