//! MEMIT against its reference implementation, on a tiny random GPT-2
//! (`fixtures/make/memit_reference.py`), and on two other families against a plain one of ours, written
//! from the paper (`fixtures/make/memit_paper.py`).

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use kledger::{
    checkpoint::Checkpoint,
    delta::{Change, ChangeForm, LoadedDelta, Version},
    editor::{
        ClosedForm as _, EditError, Matmul, MethodSettings as _, ModelSize, Optimizer, Prior,
        Solver, System, ZOn, memit::Settings,
    },
    engine::{EditJob, EditOutcome, EngineError, Found, Progress, Silent},
    fact::Request,
    model::{Batch, Model, Padding, Unprobed},
    tensor::Matrix,
};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

const GPT2: &str = "memit";

/// A gated MLP behind a tokenizer that puts a beginning before texts; a parallel residual.
const OTHERS: [&str; 2] = ["memit-llama", "memit-gptj"];

pub(crate) fn fixture() -> PathBuf {
    named(GPT2)
}

fn named(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/editors").join(name)
}

/// What the reference was given and what it found.
struct Case {
    model: Model,
    settings: Settings,
    prefixes: Vec<String>,
    requests: Vec<Request>,
    /// A fact whose optimisation ends early, and its settings.
    easy: Option<(Settings, Request)>,
    /// Facts of one subject.
    together: Vec<Request>,
    second_moments: BTreeMap<String, Matrix>,
    version: Version,
    golden: BTreeMap<String, Tensor>,
}

impl Case {
    fn open() -> Self {
        Self::named(GPT2)
    }

    fn named(name: &str) -> Self {
        let dir = named(name);
        let model = Model::open(&dir, Device::Cpu, kledger::tensor::Dtype::F32).unwrap();
        let golden: BTreeMap<String, Tensor> =
            Tensor::read_safetensors(dir.join("golden.safetensors")).unwrap().into_iter().collect();
        let case: Value =
            serde_json::from_slice(&std::fs::read(dir.join("case.json")).unwrap()).unwrap();
        let requests = case["requests"].as_array().unwrap().iter().map(request);
        let settings = |value: &Value| settings(value, &model);
        let easy =
            case.get("easy").map(|easy| (settings(&easy["settings"]), request(&easy["request"])));
        let settings = settings(&case["settings"]);
        let second_moment = |&layer: &usize| {
            let moment = matrix(&golden[&format!("second_moment.{layer}")]);
            (model.edit_site(layer).unwrap().tensor, moment)
        };
        Self {
            prefixes: case["prefixes"].as_array().unwrap().iter().map(words).collect(),
            requests: requests.collect(),
            easy,
            together: case["together"].as_array().into_iter().flatten().map(request).collect(),
            version: Version::new(Arc::new(Checkpoint::open(&dir).unwrap()), Vec::new()),
            second_moments: settings.search.layers.iter().map(second_moment).collect(),
            settings,
            golden,
            model,
        }
    }

    fn edit(&mut self, known_z: &[Option<Vec<f32>>]) -> EditOutcome {
        self.try_edit(known_z, &mut |_| {}, &mut Silent).unwrap()
    }

    fn try_edit(
        &mut self,
        known_z: &[Option<Vec<f32>>],
        found: &mut dyn FnMut(&[Found]),
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EditError> {
        let mut job = EditJob {
            artefact: None,
            prefixes: &self.prefixes,
            second_moments: &self.second_moments,
            seed: 42,
            version: &self.version,
            requests: &self.requests,
            known_z,
            found,
        };
        let (model, settings) = (&mut self.model, &self.settings);
        settings.edit(model, &mut Solver::default(), &mut job, progress)
    }

    /// What comes after `text`, `[vocabulary]`.
    fn logits(&self, text: &str) -> Tensor {
        let ids = self.model.tokens().encode(text).unwrap().ids;
        let batch = Batch::new(&[ids], Padding::Right, Device::Cpu);
        let logits = self.model.decoder().forward(&batch, &mut Unprobed);
        logits.continue_value().unwrap().get(0).get(-1)
    }

    fn weights(&self) -> Vec<Matrix> {
        (0..4).map(|layer| self.model.weight(&tensor_name(layer)).unwrap()).collect()
    }

    fn golden(&self, name: &str, layer: usize) -> Tensor {
        self.golden[&format!("{name}.{layer}")].shallow_clone()
    }
}

fn words(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn request(value: &Value) -> Request {
    Request {
        prompt: words(&value["prompt"]),
        subject: words(&value["subject"]),
        target: words(&value["target"]),
        rephrasings: Vec::new(),
        kept: Vec::new(),
        paraphrases: Vec::new(),
    }
}

fn settings(value: &Value, model: &Model) -> Settings {
    let spec = model.spec();
    let size = ModelSize {
        family: spec.model_type.to_owned(),
        layers: spec.layers,
        width: spec.width,
        inner: spec.inner,
    };
    Settings::read(&toml::to_string(value).unwrap(), &size).unwrap()
}

fn tensor_name(layer: usize) -> String {
    format!("transformer.h.{layer}.mlp.c_proj.weight")
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

fn steps(outcome: &EditOutcome) -> Vec<f32> {
    outcome.traces.iter().flatten().map(|trace| trace.steps as f32).collect()
}

fn tensor_values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor).unwrap()
}

/// The smallest cosine between rows of the same number.
fn worst_cosine(a: &Tensor, b: &Tensor) -> f64 {
    Tensor::cosine_similarity(a, b, 1, 1e-12).min().double_value(&[])
}

#[test]
fn every_step_agrees_with_the_reference() {
    agrees_with_the_reference(Case::open());
}

/// Their golden tensors come from f64; the tolerances are those of the reference's, which runs in f32.
#[test]
fn every_step_of_other_families_agrees_with_the_paper() {
    for name in OTHERS {
        agrees_with_the_reference(Case::named(name));
    }
}

#[test]
fn a_z_sought_for_two_facts_agrees_with_a_plain_search() {
    for name in OTHERS {
        let mut case = Case::named(name);
        case.settings.search.join_subjects = true;
        case.requests = std::mem::take(&mut case.together);
        let outcome = case.edit(&[]);
        let cosine = worst_cosine(&tensor(&outcome.z), &case.golden["together.z"]);
        assert!(cosine > 0.999_9, "{name} z: cosine {cosine}");
        assert_eq!(steps(&outcome), tensor_values(&case.golden["together.steps"]), "{name}");
    }
}

fn agrees_with_the_reference(mut case: Case) {
    let family = case.model.spec().model_type;
    let outcome = case.edit(&[]);

    // The same arithmetic in another order: f32 rounding, amplified by the optimisation's steps.
    let cosine = worst_cosine(&tensor(&outcome.z), &case.golden["z"]);
    assert!(cosine > 0.999_9, "{family} z: cosine {cosine}");
    assert_eq!(steps(&outcome), tensor_values(&case.golden["steps"]), "{family}");
    for &layer in &case.settings.search.layers {
        let site = case.model.edit_site(layer).unwrap();
        let (left, right, keys) = parts(&outcome.changes[&site.tensor]);
        let what = site.tensor;
        let keys = error(&tensor(keys), &case.golden("keys", layer));
        assert!(keys < 1e-4, "{what}: keys differ by {keys}");
        let left = tensor(left);
        let residual = error(&left, &case.golden("residual", layer));
        assert!(residual < 1e-2, "{what}: residuals differ by {residual}");
        let delta = error(&left.matmul(&tensor(right)), &case.golden("delta", layer));
        assert!(delta < 1e-2, "{what}: deltas differ by {delta}");
    }

    for &layer in &case.settings.search.layers {
        let site = case.model.edit_site(layer).unwrap();
        let (left, right, _) = parts(&outcome.changes[&site.tensor]);
        let mut sum = case.version.accumulate(&site.tensor, site.orientation).unwrap();
        sum.add_low_rank(left, right, &[]);
        case.model.set_weight(&site.tensor, &sum.rounded()).unwrap();
    }
    let logits: Vec<Tensor> = case.requests.iter().map(|r| case.logits(&r.text())).collect();
    let logits = error(&Tensor::stack(&logits, 0), &case.golden["logits"]);
    assert!(logits < 1e-4, "{family}: logits after the edit differ by {logits}");
}

#[test]
fn an_optimisation_ends_where_the_references_does() {
    let mut case = Case::open();
    let (settings, easy) = case.easy.clone().unwrap();
    (case.settings, case.requests) = (settings, vec![easy]);
    let outcome = case.edit(&[]);
    assert_eq!(steps(&outcome), tensor_values(&case.golden["easy.steps"]));
    assert!(outcome.traces[0].as_ref().is_some_and(|trace| trace.loss < 0.05));
    let cosine = worst_cosine(&tensor(&outcome.z), &case.golden["easy.z"]);
    assert!(cosine > 0.999_9, "z: cosine {cosine}");
}

/// Facts that end at different steps, with texts of different lengths, which are put together anew as
/// others end.
#[test]
fn facts_sought_together_are_found_as_if_alone() {
    let mut case = Case::open();
    case.settings = case.easy.clone().unwrap().0;
    case.settings.search.early_stop_loss = 9.0;
    case.settings.search.kl_factor = 0.0625;
    case.settings.search.locality_factor = 0.1;
    for request in &mut case.requests {
        request.kept = vec!["{subject} is spoken of in".to_owned(), "I like {subject}".to_owned()];
    }
    let together = case.edit(&[]);
    let ends = steps(&together);
    assert!(ends.iter().any(|&steps| steps != ends[0]), "{ends:?}");
    for (i, request) in case.requests.clone().into_iter().enumerate() {
        case.requests = vec![request];
        let alone = case.edit(&[]);
        assert_eq!(steps(&alone), ends[i..=i]);
        let z = |outcome: &EditOutcome, i| Tensor::from_slice(outcome.z.row(i));
        // f32 rounding in another order.
        let differ = error(&z(&together, i), &z(&alone, 0));
        assert!(differ < 1e-3, "fact {i}: {differ}");
    }
}

#[test]
fn the_model_is_the_same_afterwards() {
    let mut case = Case::open();
    let before = case.weights();
    case.edit(&[]);
    assert!(case.weights() == before);
}

/// Asks to stop when something begins.
struct StopAt(&'static str, bool);

impl Progress for StopAt {
    fn start(&mut self, what: &str, _: Option<u64>) {
        self.1 |= what == self.0;
    }
    fn advance(&mut self, _: u64, _: &str) -> Result<(), EngineError> {
        if self.1 { Err(EngineError::Interrupted) } else { Ok(()) }
    }
    fn finish(&mut self, _: &str) {}
}

#[test]
fn the_model_is_the_same_after_an_interruption() {
    for what in ["z", "layers"] {
        let mut case = Case::open();
        let before = case.weights();
        let stopped = case.try_edit(&[], &mut |_| {}, &mut StopAt(what, false));
        assert!(matches!(stopped, Err(EditError::Watcher(EngineError::Interrupted))));
        assert!(case.weights() == before, "stopped at {what}");
    }
}

#[test]
fn a_known_z_is_not_sought_again() {
    let mut case = Case::open();
    let first = case.edit(&[]);
    let mut known = vec![None; 5];
    known[1] = Some(first.z.row(1).to_vec());
    let second = case.edit(&known);
    assert!(second.traces[1].is_none() && second.traces[0].is_some());
    assert_eq!(second.z.row(1), first.z.row(1));
    let left = |outcome: &EditOutcome| tensor(parts(&outcome.changes[&tensor_name(2)]).0);
    assert!(error(&left(&second), &left(&first)) < 1e-3);
}

/// One layer, z on the base and no prefixes, so that a residual is read at exactly the key that is written:
/// what recursive least squares says holds.
fn one_layer() -> Case {
    let mut case = Case::open();
    case.settings.search.layers = vec![2];
    case.settings.solving.carry = true;
    case.settings.search.z_on = ZOn::Base;
    case.prefixes.clear();
    case
}

/// What an edit of [`one_layer`] adds.
fn added(edit: &EditOutcome) -> Tensor {
    let (left, right, _) = parts(&edit.changes[&tensor_name(2)]);
    tensor(left).matmul(&tensor(right))
}

/// An edit of [`one_layer`] as a part of a version.
fn loaded(edit: &EditOutcome) -> LoadedDelta {
    let changes = edit.changes.clone();
    LoadedDelta { changes, whole: false, dropped: Vec::new(), superseded: Vec::new() }
}

/// The factors of a change, and its keys.
fn parts(change: &Change) -> (&Matrix, &Matrix, &Matrix) {
    let ChangeForm::LowRank { left, right } = &change.form else {
        unreachable!("because MEMIT gives factors")
    };
    (left, right, change.keys.as_ref().unwrap())
}

/// Past keys in the system make several edits add up to one.
#[test]
fn with_carry_small_edits_add_up_to_a_large_one() {
    let mut case = one_layer();
    let whole = added(&case.edit(&[]));
    let all = case.requests.clone();
    let mut sum = whole.zeros_like();
    for requests in all.chunks(2) {
        case.requests = requests.to_vec();
        let outcome = case.edit(&[]);
        sum += added(&outcome);
        case.version.deltas.push(Arc::new(loaded(&outcome)));
    }
    let difference = error(&sum, &whole);
    assert!(difference < 0.05, "they differ by {difference}");

    case.settings.solving.carry = false;
    case.requests = all[4..].to_vec();
    case.version.deltas.pop();
    let forgetful = added(&case.edit(&[]));
    case.settings.solving.carry = true;
    let careful = added(&case.edit(&[]));
    assert!(error(&forgetful, &careful) > 1e-3, "carry changes what is done");
}

/// The weights of all layers after the requests, `each` of them in an edit, with so many keys left of each.
fn edited_in_parts(case: &mut Case, each: usize, carry_keys: usize) -> Vec<Tensor> {
    case.settings.solving.carry_keys = carry_keys;
    case.version.deltas.clear();
    let all = case.requests.clone();
    for requests in all.chunks(each) {
        case.requests = requests.to_vec();
        let edit = loaded(&case.edit(&[]));
        case.version.deltas.push(Arc::new(edit));
    }
    case.requests = all;
    let change = |&layer: &usize| {
        let site = case.model.edit_site(layer).unwrap();
        let sum = case.version.accumulate(&site.tensor, site.orientation).unwrap();
        tensor(&sum.rounded()) - tensor(&case.model.weight(&site.tensor).unwrap())
    };
    case.settings.search.layers.iter().map(change).collect()
}

/// With several layers and contexts too, if what an edit holds of its facts is held by those after it.
#[test]
fn keys_of_all_contexts_make_small_edits_add_up_in_several_layers() {
    let mut case = Case::open();
    case.settings.solving.carry = true;
    case.settings.every_context = true;
    case.settings.search.z_on = ZOn::Base;
    assert!(case.settings.search.layers.len() > 1 && !case.prefixes.is_empty());
    let contexts = case.prefixes.len() + 1;
    let whole = edited_in_parts(&mut case, 5, 1);
    let mut off = |carry_keys| -> f64 {
        let parts = edited_in_parts(&mut case, 1, carry_keys);
        let pairs = parts.iter().zip(&whole);
        pairs.map(|(parts, whole)| error(parts, whole)).sum()
    };
    let (mean, few, all) = (off(1), off(3), off(contexts));
    assert!(few < mean && all < 0.7 * mean, "{mean}, {few}, {all}");
}

/// What stands for a fact's keys is kept with its column, and goes with it.
#[test]
fn keys_go_with_their_column() {
    let mut case = Case::open();
    case.settings.every_context = true;
    case.settings.solving.carry_keys = 3;
    let mut edit = loaded(&case.edit(&[]));
    let name = tensor_name(case.settings.search.layers[0]);
    let keys = edit.changes[&name].keys.clone().unwrap();
    assert_eq!(keys.rows, 3 * case.requests.len());
    (edit.dropped, edit.superseded) = (vec![1], vec![3]);
    let live = edit.live_changes()[&name].keys.clone().unwrap();
    assert_eq!(live, keys.select_rows(&[0, 1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14]));
    case.version.deltas = vec![Arc::new(edit)];
    let past = case.version.past_keys(&name, keys.cols);
    assert_eq!(past, keys.select_rows(&[0, 1, 2, 6, 7, 8, 12, 13, 14]));
}

/// Another value for a fact, on top of the column that it has, is what would have been edited at once.
#[test]
fn an_edit_again_adds_what_is_missing() {
    let mut case = one_layer();
    let first = case.edit(&[]);
    let (before, mut first) = (added(&first), loaded(&first));
    case.requests[1].target = "Danish".to_owned();
    let whole = added(&case.edit(&[]));
    assert!(error(&before, &whole) > 0.1, "or this test shows nothing");

    case.requests = vec![case.requests[1].clone()];
    first.superseded = vec![1];
    case.version.deltas = vec![Arc::new(first.clone())];
    let on_top = error(&(&before + added(&case.edit(&[]))), &whole);
    assert!(on_top < 0.02, "they differ by {on_top}");

    // To hold the fact where it is as well goes half of the way.
    first.superseded.clear();
    case.version.deltas = vec![Arc::new(first)];
    let torn = error(&(&before + added(&case.edit(&[]))), &whole);
    assert!(torn > 5.0 * on_top, "{torn}, {on_top}");
}

/// A case with one more fact about the subject of its third.
fn with_a_twin() -> Case {
    let mut case = Case::open();
    let mut twin = case.requests[2].clone();
    twin.prompt = "{subject} is spoken of in".to_owned();
    twin.target = "Danish".to_owned();
    case.requests.push(twin);
    case
}

/// Both prompts begin with the subject, so they are looked up at one key, and one z is to say both.
#[test]
fn facts_of_one_subject_share_a_z() {
    let mut case = with_a_twin();
    case.settings.search.join_subjects = true;
    let together = case.edit(&[]);
    assert_eq!(together.notes, [""; 0], "they do not compete");
    let z = |outcome: &EditOutcome, i| Tensor::from_slice(outcome.z.row(i));
    // The texts are not equally long, which rounds otherwise.
    assert!(error(&z(&together, 5), &z(&together, 2)) < 1e-5);
    assert_eq!(together.traces[2], together.traces[5]);
    case.settings.search.join_subjects = false;
    let apart = case.edit(&[]);
    assert!(error(&z(&apart, 5), &z(&apart, 2)) > 0.01);
    for alone in [0, 1, 3, 4] {
        let steps = |outcome: &EditOutcome| outcome.traces[alone].as_ref().unwrap().steps;
        assert_eq!(steps(&together), steps(&apart));
        let differ = error(&z(&together, alone), &z(&apart, alone));
        assert!(differ < 1e-3, "who is alone has the z of its own");
    }
    let probability = |outcome: &EditOutcome| -> f32 {
        [2, 5].map(|i: usize| outcome.traces[i].as_ref().unwrap().probability).iter().product()
    };
    assert!(probability(&together) < probability(&apart), "a compromise costs each something");

    // If one of a group is unknown all of it is sought.
    case.settings.search.join_subjects = true;
    let mut known = vec![None; 6];
    known[2] = Some(vec![9.0; apart.z.cols]);
    assert!(error(&z(&case.edit(&known), 2), &z(&together, 2)) < 1e-5);
}

#[test]
fn facts_with_one_key_are_reported() {
    let mut case = with_a_twin();
    case.settings.search.join_subjects = false;
    let notes = case.edit(&[]).notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with("1 of the facts"), "{notes:?}");
    assert!(notes[0].contains("Hamlet is spoken of in"), "{notes:?}");
}

#[test]
fn statistics_that_do_not_fit_are_refused() {
    let mut case = Case::open();
    let name = tensor_name(1);
    case.second_moments.insert(name.clone(), Matrix::zeros(96, 96));
    let error = case.try_edit(&[], &mut |_| {}, &mut Silent).unwrap_err();
    assert!(matches!(error, EditError::Singular { ref tensor, .. } if *tensor == name));
    case.second_moments.insert(name.clone(), Matrix::zeros(24, 24));
    let error = case.try_edit(&[], &mut |_| {}, &mut Silent).unwrap_err();
    assert!(matches!(error, EditError::StatisticsShape { rows: 24, inputs: 96, .. }));
    case.second_moments.remove(&name);
    let error = case.try_edit(&[], &mut |_| {}, &mut Silent).unwrap_err();
    assert!(matches!(error, EditError::NoStatistics { ref tensor } if *tensor == name));
}

/// Push-through (few columns) and the direct solve (many) are one function of their input.
#[test]
fn both_ways_to_solve_agree() {
    let mut case = Case::open();
    let moment = case.second_moments.remove(&tensor_name(1)).unwrap();
    let prior = Prior::Moment { second_moment: &moment, weight: 20.0, ridge: 1e-3 };
    tch::manual_seed(5);
    let past = Tensor::randn([96, 40], (Kind::Double, Device::Cpu));
    let keys = Tensor::randn([96, 8], (Kind::Double, Device::Cpu));
    let mut solver = Solver::default();
    let mut solve = |factors_in: Kind, held: &[&Tensor]| {
        let mut system = System::new(prior, Device::Cpu, factors_in);
        held.iter().for_each(|columns| system.hold(columns));
        solver.adjusted_keys("layer", &system, &keys).unwrap()
    };
    let few = solve(Kind::Double, &[&past, &keys]);
    // One more past key with nothing in it changes nothing, but makes them many.
    let nothing = Tensor::zeros([96, 1], (Kind::Double, Device::Cpu));
    let more = [&past, &nothing, &keys];
    assert!(error(&solve(Kind::Double, &more), &few) < 1e-10);
    // Factors of 32 bits alone would leave 1e-6 or more.
    for held in [[&past, &keys].as_slice(), more.as_slice()] {
        assert!(error(&solve(Kind::Float, held), &few) < 1e-10);
    }
}

#[test]
fn steps_by_curvature_come_farther() {
    let mut case = Case::open();
    case.settings.search.early_stop_loss = 0.0;
    case.settings.search.clamp_norm_factor = 8.0;
    let mut losses = |optimizer, steps| {
        case.settings.search.v_optimizer = optimizer;
        case.settings.search.v_num_grad_steps = steps;
        case.edit(&[]).traces.into_iter().flatten().map(|trace| trace.loss).collect::<Vec<f32>>()
    };
    for steps in [8, 16, 30] {
        let mut all = |optimizer| losses(optimizer, steps).into_iter().sum::<f32>();
        let (curved, adam) = (all(Optimizer::Lbfgs), all(Optimizer::Adam));
        assert!(curved < adam, "{steps} steps: {curved} {adam}");
    }
}

#[test]
fn products_of_16_bits_find_about_the_same_z() {
    let mut case = Case::open();
    case.settings.search.z_matmul = Matmul::Bf16;
    let outcome = case.edit(&[]);
    let (found, golden) = (tensor(&outcome.z), &case.golden["z"]);
    let least = worst_cosine(&found, golden);
    // Eight bits are left of each factor, so a product is off by 2^-9 of it on average.
    assert!(least > 0.98, "{least}");
    assert!(error(&found, golden) > 1e-4, "these are not the products of 32 bits");
}

/// And a model that computes in 16 bits has no use for them.
#[test]
fn a_model_in_16_bits_is_edited_in_its_own() {
    let mut case = Case::open();
    case.model = Model::open(&fixture(), Device::Cpu, kledger::tensor::Dtype::F16).unwrap();
    let plain = case.edit(&[]);
    case.settings.search.z_matmul = Matmul::Bf16;
    assert!(case.edit(&[]).z == plain.z);
}

#[test]
fn an_optimisation_that_runs_away_is_named_and_kept_nowhere() {
    let mut case = Case::open();
    case.settings.search.v_lr = 1e300;
    case.settings.search.clamp_norm_factor = 1e300;
    let mut none = |found: &[Found]| unreachable!("{found:?} is no z");
    let error = case.try_edit(&[], &mut none, &mut Silent).unwrap_err();
    assert!(matches!(error, EditError::NoZ { .. }), "{error}");
}

/// What was taken in as a whole is part of the base that z is sought on; what was edited is not.
#[test]
fn z_is_sought_on_the_base_with_what_was_imported() {
    let mut case = one_layer();
    let bare = case.edit(&[]).z;
    let mut imported = loaded(&case.edit(&[]));
    imported.whole = true;
    for change in imported.changes.values_mut() {
        change.keys = None;
    }
    case.version.deltas.push(Arc::new(imported));
    let on_import = case.edit(&[]).z;
    case.settings.search.z_on = ZOn::Current;
    let current = case.edit(&[]);
    assert_eq!(on_import, current.z, "the import is all there is");
    assert_ne!(on_import, bare);

    case.version.deltas.push(Arc::new(loaded(&current)));
    assert_ne!(case.edit(&[]).z, on_import);
    case.settings.search.z_on = ZOn::Base;
    assert_eq!(case.edit(&[]).z, on_import, "facts edited since do not matter");
}
