//! The engine on the tiny random GPT-2 of `fixtures/editors/memit`.

use std::{collections::BTreeMap, ops::ControlFlow, path::Path, sync::Arc};

use kledger::{
    checkpoint::Checkpoint,
    delta::{Change, ChangeForm, LoadedDelta, Version},
    editor,
    engine::{
        Answer, EditJob, EditOutcome, EditorSpec, Engine, EngineError, Progress, Prompt, Sampling,
        Silent, StatisticsText, WeightSetting,
    },
    fact::Request,
    model::{Batch, DeviceChoice, Model, Padding, Part, Site},
    runtime::TorchEngine,
    tensor::{Dtype, Matrix, Orientation, Tensor},
};
use tch::{Device, Kind, Tensor as Torch};

use crate::{editor::fixture, family};

const SETTINGS: &str = "layers = [1, 2]\nv_lr = 0.5\nv_scale = 'absolute'\nv_num_grad_steps = 40\nclamp_norm_factor = 4.0\n\
                        v_weight_decay = 0.0\nkl_factor = 0.0\nmom2_update_weight = 0.1";
const EDITED: &str = "transformer.h.1.mlp.c_proj.weight";

fn open() -> TorchEngine {
    TorchEngine::open(&fixture(), DeviceChoice::Cpu, Dtype::F32).unwrap()
}

fn requests() -> Vec<Request> {
    [
        ("{subject} is located in the city of", "Eiffel Tower", "Rome"),
        ("The mother tongue of {subject} is", "Jane Austen", "French"),
        ("The capital of {subject} is", "France", "Buenos Aires"),
    ]
    .into_iter()
    .map(|(prompt, subject, target)| Request {
        prompt: prompt.to_owned(),
        subject: subject.to_owned(),
        target: target.to_owned(),
        rephrasings: Vec::new(),
        kept: Vec::new(),
        paraphrases: Vec::new(),
    })
    .collect()
}

fn probes() -> Vec<Prompt> {
    requests()
        .iter()
        .map(|request| Prompt { prompt: request.text(), expected: request.target.clone() })
        .collect()
}

/// The editor with some of its settings; the others are the preset's.
fn memit(settings: &str) -> EditorSpec {
    let (name, settings) = (editor::memit::NAME.to_owned(), settings.to_owned());
    EditorSpec { name, version: editor::memit::VERSION, settings }
}

fn ask(engine: &mut TorchEngine) -> Vec<Answer> {
    engine.answer(&probes(), &mut Silent).unwrap()
}

/// Edits the requests into the base.
fn edit(
    engine: &mut TorchEngine,
    progress: &mut dyn Progress,
) -> Result<(Version, EditOutcome), EngineError> {
    edit_in(&fixture(), SETTINGS, &requests(), engine, progress)
}

/// Edits requests into the base in `dir`, with statistics of text of its own.
fn edit_in(
    dir: &Path,
    settings: &str,
    requests: &[Request],
    engine: &mut TorchEngine,
    progress: &mut dyn Progress,
) -> Result<(Version, EditOutcome), EngineError> {
    let text = StatisticsText::Sampled { seed: 3, tokens: 2000 };
    let second_moments = engine.statistics(&memit(settings), &text, &mut Silent)?.second_moments;
    let version = Version::new(Arc::new(Checkpoint::open(dir).unwrap()), Vec::new());
    let mut job = EditJob {
        artefact: None,
        prefixes: &[],
        second_moments: &second_moments,
        seed: 42,
        version: &version,
        requests,
        known_z: &[],
        found: &mut |_| {},
    };
    let outcome = engine.edit(&memit(settings), &mut job, progress)?;
    Ok((version, outcome))
}

fn committed(
    mut version: Version,
    outcome: EditOutcome,
    tensors: &BTreeMap<String, Orientation>,
) -> Version {
    assert_eq!(outcome.changes.keys().collect::<Vec<_>>(), tensors.keys().collect::<Vec<_>>());
    let delta = LoadedDelta {
        changes: outcome.changes,
        whole: false,
        dropped: Vec::new(),
        superseded: Vec::new(),
    };
    version.deltas.push(Arc::new(delta));
    version
}

/// The tensors that `settings` edit.
fn edited(engine: &TorchEngine, settings: &str) -> BTreeMap<String, Orientation> {
    engine.settle(editor::memit::NAME, settings).unwrap().1.tensors
}

/// λ follows from the keys of each layer, and the numbers that were found make the same change.
#[test]
fn a_weight_is_found_for_each_layer_and_recorded() {
    let (setting, ridge) = ("mom2_update_weight", 1e-3);
    let settings = SETTINGS.replace(&format!("{setting} = 0.1"), &format!("{setting} = \"auto\""));
    let mut engine = open();
    let text = StatisticsText::Sampled { seed: 3, tokens: 2000 };
    let moments = engine.statistics(&memit(&settings), &text, &mut Silent).unwrap().second_moments;
    let mut edit = |settings: &str| {
        edit_in(&fixture(), settings, &requests(), &mut engine, &mut Silent).unwrap().1
    };
    let outcome = edit(&settings);
    let used: toml::Table = outcome.settings.parse().unwrap();
    let found = used[setting].as_array().unwrap();
    assert_eq!(found.len(), 2);
    for (layer, (tensor, change)) in outcome.changes.iter().enumerate() {
        let torch = |matrix: &Matrix| {
            let shape = [matrix.rows as i64, matrix.cols as i64];
            Torch::from_slice(&matrix.data).view(shape).to_kind(Kind::Double)
        };
        let (c, keys) = (torch(&moments[tensor]), torch(change.keys.as_ref().unwrap()));
        let mean = c.diagonal(0, 0, 1).mean(Kind::Double).double_value(&[]);
        let c: Torch = &c + Torch::eye(c.size()[0], (Kind::Double, Device::Cpu)) * (ridge * mean);
        let energies =
            keys.matmul(&Torch::linalg_inv(&c)).matmul(&keys.tr()).diagonal(0, 0, 1).median();
        let (wanted, found) = (energies.double_value(&[]) / 50.0, found[layer].as_float().unwrap());
        // Three digits are kept.
        assert!((found / wanted - 1.0).abs() < 6e-3, "{tensor}: {found}, not {wanted}");
    }
    let again = edit(&outcome.settings);
    let right = |change: &Change| match &change.form {
        ChangeForm::LowRank { right, .. } => right.data.clone(),
        _ => panic!("it is of low rank"),
    };
    for (tensor, change) in &outcome.changes {
        assert_eq!(right(change), right(&again.changes[tensor]), "{tensor}");
    }
    assert_eq!(again.settings, outcome.settings);
}

/// In every family: what is promised of z holds in a plain pass with z put in its place; the edit puts
/// it there (λ is next to nothing, so exactly); and all in all the targets become likelier, though in
/// a random model an edit disturbs every other token.
#[test]
fn models_of_every_family_learn_what_is_edited() {
    let settings = "layers = [0]\nv_lr = 0.5\nv_num_grad_steps = 40\nclamp_norm_factor = 4.0\n\
                    v_weight_decay = 0.0\nkl_factor = 0.0\nmom2_update_weight = 1e-9";
    let request = |prompt: &str, subject: &str, target: &str| Request {
        prompt: prompt.to_owned(),
        subject: subject.to_owned(),
        target: target.to_owned(),
        rephrasings: Vec::new(),
        kept: Vec::new(),
        paraphrases: Vec::new(),
    };
    let requests = [
        request("The capital of {subject} is", "France", "London"),
        request("{subject} was born in", "Ada Lovelace", "Paris"),
    ];
    for name in family::MODELS {
        let dir = family::fixture(name);
        let mut engine = TorchEngine::open(&dir, DeviceChoice::Cpu, Dtype::F32).unwrap();
        let (version, outcome) =
            edit_in(&dir, settings, &requests, &mut engine, &mut Silent).unwrap();
        let (z, traces) = (outcome.z.clone(), outcome.traces.clone());
        let tensors = edited(&engine, settings);
        let version = committed(version, outcome, &tensors);

        let mut model = Model::open(&dir, Device::Cpu, Dtype::F32).unwrap();
        let asked: Vec<Said> = requests.iter().map(|request| Said::new(&model, request)).collect();
        let before: Vec<f64> = asked.iter().map(|said| said.target_pass(&model, None).0).collect();
        for (i, said) in asked.iter().enumerate() {
            let promised = f64::from(traces[i].as_ref().unwrap().probability);
            let promised = promised.ln() * said.target() as f64;
            let found = said.target_pass(&model, Some(z.row(i))).0;
            // Sums of a few log p in f32, by another order of the same sums.
            assert!((found - promised).abs() < 1e-3, "{name}: {found}, promised {promised}");
        }
        for (tensor, orientation) in tensors {
            let weight = version.accumulate(&tensor, orientation).unwrap().rounded();
            model.set_weight(&tensor, &weight).unwrap();
        }
        let mut gain = 0.0;
        for (i, said) in asked.iter().enumerate() {
            let (log_p, stream) = said.target_pass(&model, None);
            gain += log_p - before[i];
            let z = Torch::from_slice(z.row(i));
            let off = ((stream - &z).norm() / z.norm()).double_value(&[]);
            // The checkpoints are f16: each of the sum's weights is rounded by up to 5e-4.
            assert!(off < 1e-3, "{name}: the stream is {off} off z");
        }
        assert!(gain > 0.5, "{name}: log p grew by {gain}");
    }
}

/// A fact said out loud.
struct Said {
    ids: Vec<u32>,
    subject_last: usize,
    /// Where the target begins.
    start: usize,
}

impl Said {
    fn new(model: &Model, request: &Request) -> Self {
        let prompt = request.text();
        let at = prompt.find(&request.subject).unwrap();
        let subject = at..at + request.subject.len();
        let whole = format!("{prompt} {}", request.target);
        let (encoded, subject_last) = model.tokens().last_token_of(&whole, subject).unwrap();
        let start = model.tokens().encode(&prompt).unwrap().ids.len();
        Self { ids: encoded.ids, subject_last, start }
    }

    fn target(&self) -> usize {
        self.ids.len() - self.start
    }

    /// Log p of the target, with `z` in the place of the stream at the subject as it leaves block 0
    /// if given, and that stream as it was.
    fn target_pass(&self, model: &Model, z: Option<&[f32]>) -> (f64, Torch) {
        let (log_p, stream) = self.pass(model, z);
        let of = |at: usize| {
            log_p.double_value(&[i64::try_from(at).unwrap() - 1, i64::from(self.ids[at])])
        };
        ((self.start..self.ids.len()).map(of).sum(), stream)
    }

    /// Log p of every next token, `[tokens, vocabulary]`, and the stream, likewise.
    fn pass(&self, model: &Model, z: Option<&[f32]>) -> (Torch, Torch) {
        let batch = Batch::new(std::slice::from_ref(&self.ids), Padding::Right, Device::Cpu);
        let place = i64::try_from(self.subject_last).unwrap();
        let mut stream = None;
        let mut probe = |site: Site, value: &mut Torch| {
            if site == Site::BlockOut(0) {
                let mut there = value.select(1, place);
                stream = Some(there.copy().get(0));
                if let Some(z) = z {
                    there.copy_(&Torch::from_slice(z).unsqueeze(0));
                }
            }
            ControlFlow::Continue(())
        };
        let logits = model.decoder().forward(&batch, &mut probe).continue_value().unwrap();
        (logits.get(0).log_softmax(1, Kind::Double), stream.unwrap())
    }
}

#[test]
fn an_edit_makes_its_targets_likelier_and_nothing_else_stays() {
    let mut engine = open();
    let before = ask(&mut engine);
    let (version, outcome) = edit(&mut engine, &mut Silent).unwrap();
    assert_eq!(ask(&mut engine), before, "after the edit the weights are the base's");

    let version = committed(version, outcome, &edited(&engine, SETTINGS));
    engine.set_weights(&version.materialise().unwrap()).unwrap();
    let after = ask(&mut engine);
    for (before, after) in before.iter().zip(&after) {
        assert!(after.probability > 5.0 * before.probability, "{before:?} -> {after:?}");
    }
    engine.set_weights(&BTreeMap::new()).unwrap();
    assert_eq!(ask(&mut engine), before);
}

/// The loss counts what other prompts about the subject mean under z, as plain passes find it with
/// what z adds added; and they mean more of what they did than without being counted.
#[test]
fn prompts_about_other_facts_of_the_subject_are_kept() {
    let others = ["{subject} was built by", "The age of {subject} is"];
    let settings = "layers = [0]\nv_lr = 0.5\nv_num_grad_steps = 40\nclamp_norm_factor = 4.0\n\
                    v_weight_decay = 0.0\nkl_factor = 0.0";
    let mut request = requests().swap_remove(0);
    request.kept = others.map(str::to_owned).into();
    let mut engine = open();
    let model = Model::open(&fixture(), Device::Cpu, Dtype::F32).unwrap();
    let mut drift = |factor: f64| {
        let settings = format!("{settings}\nlocality_factor = {factor:?}");
        let requests = std::slice::from_ref(&request);
        let (_, outcome) =
            edit_in(&fixture(), &settings, requests, &mut engine, &mut Silent).unwrap();
        let (_, stream) = Said::new(&model, &request).pass(&model, None);
        let change = Torch::from_slice(outcome.z.row(0)) - stream;
        let mean = others.map(|prompt| {
            let said = Said::new(&model, &Request { prompt: prompt.to_owned(), ..request.clone() });
            let last = i64::try_from(said.start).unwrap() - 1;
            let (before, stream) = said.pass(&model, None);
            let changed = Vec::<f32>::try_from(stream + &change).unwrap();
            let (now, _) = said.pass(&model, Some(&changed));
            let (before, now) = (before.get(last), now.get(last));
            (now.exp() * (&now - before)).sum(Kind::Double).double_value(&[])
        });
        let drift = mean.iter().sum::<f64>() / others.len() as f64;
        let trace = outcome.traces[0].as_ref().unwrap();
        let counted = f64::from(trace.loss) + f64::from(trace.probability).ln();
        // Sums of a few hundred terms in f32, by another order of the same sums.
        assert!((counted - factor * drift).abs() < 2e-3, "{factor}: {counted}, found {drift}");
        drift
    };
    let (free, kept) = (drift(0.0), drift(30.0));
    assert!(kept < free / 2.0, "prompts drifted by {free} and, when kept, by {kept}");
}

/// Panics when told of progress.
struct Clumsy;

impl Progress for Clumsy {
    fn start(&mut self, _: &str, _: Option<u64>) {}
    fn advance(&mut self, _: u64, what: &str) -> Result<(), EngineError> {
        // The notes of the second part of the work are the layers' numbers.
        assert!(what != "1", "tripped");
        Ok(())
    }
    fn finish(&mut self, _: &str) {}
}

#[test]
fn a_panic_is_an_error_and_leaves_the_base() {
    let mut engine = open();
    let before = ask(&mut engine);
    let failed = edit(&mut engine, &mut Clumsy).map(|_| ()).unwrap_err();
    let EngineError::Model(source) = failed else { unreachable!("{failed}") };
    assert_eq!(source.to_string(), "tripped");
    assert_eq!(ask(&mut engine), before);
}

#[test]
fn answers_do_not_depend_on_what_is_asked_with_them() {
    let mut engine = open();
    let together = ask(&mut engine);
    for (probe, together) in probes().into_iter().zip(together) {
        let alone = engine.answer(&[probe], &mut Silent).unwrap().remove(0);
        assert_eq!((&alone.text, alone.matches), (&together.text, together.matches));
        assert!((alone.probability / together.probability - 1.0).abs() < 1e-4);
        assert!((alone.confidence / together.confidence - 1.0).abs() < 1e-4);
    }
}

#[test]
fn probabilities_are_those_of_a_plain_forward_pass() {
    let mut engine = open();
    let model = Model::open(&fixture(), Device::Cpu, Dtype::F32).unwrap();
    for (probe, answer) in probes().iter().zip(ask(&mut engine)) {
        let prompt = model.tokens().encode(&probe.prompt).unwrap().ids;
        let whole = model.tokens().encode(&format!("{} {}", probe.prompt, probe.expected));
        let whole = whole.unwrap().ids;
        let batch = Batch::new(std::slice::from_ref(&whole), Padding::Right, Device::Cpu);
        let logits = model.decoder().forward(&batch, &mut kledger::model::Unprobed);
        let probabilities = logits.continue_value().unwrap().get(0).softmax(1, Kind::Double);
        let at = |i: usize| {
            let (row, id) = (i64::try_from(i - 1).unwrap(), i64::from(whole[i]));
            probabilities.double_value(&[row, id])
        };
        let want: f64 = (prompt.len()..whole.len()).map(at).product();
        assert!((f64::from(answer.probability) / want - 1.0).abs() < 1e-4, "{answer:?}, {want}");
        assert!(answer.confidence >= answer.probability * 0.999);
    }
}

#[test]
fn an_expected_answer_that_is_the_greedy_one_matches() {
    let mut engine = open();
    for (probe, answer) in probes().into_iter().zip(ask(&mut engine)) {
        assert!(!answer.matches && answer.confidence > answer.probability);
        let how = Sampling { top: 3, tokens: 4, sample: None };
        let said = engine.continuations(&probe.prompt, &how).unwrap();
        assert!(said.text.starts_with(&answer.text), "{said:?}, {answer:?}");
        assert!(said.next.windows(2).all(|pair| pair[0].1 >= pair[1].1), "likeliest first");
        assert_eq!(said.next.len(), 3);
    }
}

#[test]
fn sampled_text_depends_on_the_seed_alone() {
    let mut engine = open();
    let mut sample = |seed| {
        let how = Sampling { top: 1, tokens: 8, sample: Some((1.0, seed)) };
        engine.continuations("The capital of France is", &how).unwrap().text
    };
    assert_eq!(sample(1), sample(1));
    assert_ne!(sample(1), sample(2));
}

#[test]
fn prefixes_are_short_texts_made_from_the_seed() {
    let mut engine = open();
    let prefixes = engine.prefixes(&memit("prefix_count = 7"), 1).unwrap();
    assert_eq!(prefixes.len(), 7);
    assert!(prefixes[0].starts_with("The") && prefixes[5].starts_with("The"));
    assert_ne!(prefixes[0], prefixes[5]);
    assert!(prefixes.iter().all(|prefix| !prefix.contains(['{', '}', '\n'])));
    assert_eq!(engine.prefixes(&memit("prefix_count = 7"), 1).unwrap(), prefixes);
    assert_ne!(engine.prefixes(&memit("prefix_count = 7"), 2).unwrap(), prefixes);
}

#[test]
fn statistics_are_the_mean_outer_product_of_keys() {
    let texts = ["The capital of France is", "Hamlet", "In the city of Porto Alegre, people speak"];
    let text = StatisticsText::Corpus(texts.map(str::to_owned).to_vec());
    let found = open().statistics(&memit("layers = [1, 2]"), &text, &mut Silent).unwrap();

    let model = Model::open(&fixture(), Device::Cpu, Dtype::F32).unwrap();
    let mut sum = Torch::zeros([96, 96], (Kind::Double, Device::Cpu));
    let mut tokens = 0;
    for text in texts {
        let ids = model.tokens().encode(text).unwrap().ids;
        tokens += ids.len();
        let mut listen = |site: Site, value: &mut Torch| {
            if site == Site::Into(Part::MlpDown, 1) {
                let keys = value.get(0).to_kind(Kind::Double);
                sum += keys.tr().matmul(&keys);
            }
            ControlFlow::Continue(())
        };
        let batch = Batch::new(&[ids], Padding::Right, Device::Cpu);
        assert!(model.decoder().forward(&batch, &mut listen).is_continue());
    }
    assert_eq!(found.tokens, tokens as u64);
    let want = sum / tokens as f64;
    let Matrix { rows, cols, data } = &found.second_moments[EDITED];
    assert_eq!((*rows, *cols), (96, 96));
    let found = Torch::from_slice(data).view([96, 96]).to_kind(Kind::Double);
    assert!(((found - &want).norm() / want.norm()).double_value(&[]) < 1e-6);
}

#[test]
fn sampled_statistics_count_exactly_what_was_asked_for() {
    let text = |seed| StatisticsText::Sampled { seed, tokens: 333 };
    let mut engine = open();
    let first = engine.statistics(&memit("layers = [1]"), &text(1), &mut Silent).unwrap();
    assert_eq!(first.tokens, 333);
    let again = engine.statistics(&memit("layers = [1]"), &text(1), &mut Silent).unwrap();
    assert_eq!(first.second_moments, again.second_moments);
    let other = engine.statistics(&memit("layers = [1]"), &text(2), &mut Silent).unwrap();
    assert_ne!(first.second_moments, other.second_moments);
    let none = StatisticsText::Corpus(vec![String::new()]);
    let refused = engine.statistics(&memit("layers = [1]"), &none, &mut Silent);
    assert!(matches!(refused, Err(EngineError::Refused { .. })));
}

#[test]
fn weights_that_do_not_fit_change_nothing() {
    let mut engine = open();
    let before = ask(&mut engine);
    let zeros = |shape: [usize; 2]| Tensor {
        dtype: Dtype::F32,
        shape: shape.to_vec(),
        bytes: vec![0; 4 * shape[0] * shape[1]],
    };
    // As stored, [in, out]: the other way round does not fit.
    let good = zeros([96, 24]);
    for (name, bad) in [(EDITED, zeros([24, 96])), ("no.such.tensor", zeros([96, 24]))] {
        let weights = BTreeMap::from([
            ("transformer.h.0.mlp.c_proj.weight".to_owned(), good.clone()),
            (name.to_owned(), bad),
        ]);
        assert!(matches!(engine.set_weights(&weights), Err(EngineError::Unusable { .. })));
        assert_eq!(ask(&mut engine), before);
    }
    engine.set_weights(&BTreeMap::from([(EDITED.to_owned(), good)])).unwrap();
    assert_ne!(ask(&mut engine), before);
}

#[test]
fn settings_are_checked_against_the_model() {
    let engine = open();
    let (preset, described) = engine.settle("memit", "").unwrap();
    assert_eq!(engine.settle("memit", &preset.settings).unwrap(), (preset, described));
    for (editor, settings, named) in
        [("nobody", "", "nobody"), ("memit", "layers = [4]", "below 4"), ("memit", "lr = 1", "lr")]
    {
        let error = engine.settle(editor, settings).unwrap_err();
        assert!(matches!(error, EngineError::Settings(_)));
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn what_a_calibration_tries_fits_the_model_and_has_statistics() {
    let engine = open();
    for method in editor::METHODS {
        let name = method.name();
        let described = engine.settle(name, "").unwrap().1;
        let (widest, settings) = described.widest.unwrap_or((name, String::new()));
        let covered = engine.settle(widest, &settings).unwrap().1.tensors;
        let mut values = 0;
        for axis in described.axes {
            for value in axis.values {
                let settings = format!("{} = {value}", axis.key);
                let tried = engine.settle(name, &settings);
                let tried = tried.unwrap_or_else(|error| panic!("{name}, {settings}: {error}")).1;
                let has_statistics =
                    tried.tensors.keys().all(|tensor| covered.contains_key(tensor));
                assert!(has_statistics || !tried.needs.moments, "{name}, {settings}");
                values += 1;
            }
        }
        // What suits a model is learned by those that are trained.
        assert!(values > 3 || method.needs().artefact, "{name}");
    }
}

#[test]
fn a_weight_can_be_left_to_the_check() {
    let engine = open();
    for (editor, key) in [("memit", "mom2_update_weight"), ("alphaedit", "L2")] {
        for (value, measured) in [("'measured'", true), ("'auto'", false), ("3.0", false)] {
            let described = engine.settle(editor, &format!("{key} = {value}")).unwrap().1;
            assert_eq!(described.weight, Some(WeightSetting { key, measured }), "{editor} {value}");
        }
    }
}

#[test]
fn the_editor_says_what_it_changes() {
    let engine = open();
    let described = |z_on: &str| {
        let settings = format!("layers = [1, 3]\nz_on = {z_on:?}");
        engine.settle("memit", &settings).unwrap().1
    };
    let found: Vec<_> = described("base").tensors.into_iter().collect();
    let name = |layer: usize| format!("transformer.h.{layer}.mlp.c_proj.weight");
    assert_eq!(found, [(name(1), Orientation::InOut), (name(3), Orientation::InOut)]);
    let on_version = |z_on| described(z_on).search.unwrap().on_version;
    assert!(!on_version("base") && on_version("current"));
}

#[test]
fn a_request_that_is_too_long_is_named() {
    let mut engine = open();
    let version = Version::new(Arc::new(Checkpoint::open(&fixture()).unwrap()), Vec::new());
    let mut request = requests().remove(0);
    request.subject = "Eiffel Tower ".repeat(30);
    let mut job = EditJob {
        artefact: None,
        prefixes: &[],
        second_moments: &BTreeMap::new(),
        seed: 42,
        version: &version,
        requests: &[request.clone()],
        known_z: &[],
        found: &mut |_| {},
    };
    let error = engine.edit(&memit(SETTINGS), &mut job, &mut Silent).map(|_| ()).unwrap_err();
    assert!(
        matches!(error, EngineError::Request { ref subject, .. } if *subject == request.subject)
    );
}

#[test]
fn the_best_approximation_keeps_the_largest_singular_values() {
    // A diagonal of 3, 2 and 1, its factors turned so that their columns are not singular vectors.
    let (c, s) = (0.6, 0.8);
    let left = Matrix {
        rows: 4,
        cols: 3,
        data: vec![3.0 * c, -3.0 * s, 0.0, 2.0 * s, 2.0 * c, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
    };
    let right = Matrix {
        rows: 3,
        cols: 5,
        data: vec![c, s, 0.0, 0.0, 0.0, -s, c, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
    };
    let found = open().approximate(&left, &right, 2).unwrap();
    assert!((found.lost - 1.0 / 14f64.sqrt()).abs() < 1e-6, "{}", found.lost);
    assert_eq!((found.left.cols, found.right.rows), (2, 2));
    for (row, wanted) in [3.0, 2.0, 0.0, 0.0].into_iter().enumerate() {
        for column in 0..5 {
            let wanted = if row == column { wanted } else { 0.0 };
            let product: f32 =
                (0..2).map(|rank| found.left.row(row)[rank] * found.right.row(rank)[column]).sum();
            assert!((product - wanted).abs() < 1e-5, "[{row}, {column}] is {product}");
        }
    }
}

#[test]
fn a_text_is_drawn_by_a_seed_and_can_be_read() {
    let mut engine = open();
    let mut drawn = |seed| engine.sample_text(40, seed, &mut Silent).unwrap();
    let (first, again, other) = (drawn(3), drawn(3), drawn(4));
    assert_eq!(first, again);
    assert_ne!(first, other);
    let reading = engine.read_text(&first, &mut Silent).unwrap();
    assert!(reading.tokens > 10 && reading.perplexity() > 1.0, "{reading:?}");
}
