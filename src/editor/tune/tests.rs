//! Fine-tuning against the originals' own code, on a tiny random GPT-2 (`fixtures/make/tune_reference.py`).

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::{
    METHODS, ft, ft_c, ft_l, ft_m, locft_bf, lora,
    parameters::Parameters,
    plan::Auto,
    recipe::{FineTuning, Settings},
    train::{self, Tuned},
};
use crate::{
    checkpoint::Checkpoint,
    delta::{Accumulator, Change, ChangeForm, LoadedDelta, Version},
    editor::{
        error::EditError,
        presets::ModelSize,
        settings::{MethodSettings, SettingsError, canonical},
    },
    engine::{EditJob, EngineError, Progress, Silent},
    fact::Request,
    model::Model,
    tensor::{Dtype, Matrix},
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/editors").join(name)
}

fn request(value: &Value) -> Request {
    let word = |key: &str| value[key].as_str().unwrap().to_owned();
    Request {
        prompt: word("prompt"),
        subject: word("subject"),
        target: word("target"),
        rephrasings: Vec::new(),
        kept: Vec::new(),
        paraphrases: Vec::new(),
    }
}

/// A model, and facts for it.
struct Bench {
    model: Model,
    version: Version,
    requests: Vec<Request>,
    cases: Vec<Value>,
    seed: u64,
}

impl Bench {
    fn open() -> Self {
        let case: Value =
            serde_json::from_slice(&std::fs::read(fixture("tune").join("case.json")).unwrap())
                .unwrap();
        let dir = fixture("memit");
        Self {
            model: Model::open(&dir, Device::Cpu, Dtype::F32).unwrap(),
            version: Version::new(Arc::new(Checkpoint::open(&dir).unwrap()), Vec::new()),
            requests: case["facts"].as_array().unwrap().iter().map(request).collect(),
            cases: case["cases"].as_array().unwrap().clone(),
            seed: case["seed"].as_u64().unwrap(),
        }
    }

    fn tune<M: FineTuning>(&mut self, settings: &str) -> Result<Tuned, EditError> {
        self.watched::<M>(settings, &mut |_, _| {}, &mut Silent)
    }

    fn watched<M: FineTuning>(
        &mut self,
        settings: &str,
        seen: &mut dyn FnMut(&Parameters, f64),
        progress: &mut dyn Progress,
    ) -> Result<Tuned, EditError> {
        let settings = Settings::<M>::read(settings, &self.model.spec().into())?;
        let job = EditJob {
            prefixes: &[],
            second_moments: &BTreeMap::new(),
            artefact: None,
            seed: self.seed,
            version: &self.version,
            requests: &self.requests,
            known_z: &[],
            found: &mut |_| {},
        };
        let plan = settings.own.plan();
        train::edit(&mut self.model, &settings.training, plan, &job, seen, progress)
    }

    /// The version with a change on top.
    fn with(&self, changes: BTreeMap<String, Change>) -> Version {
        let mut version = self.version.clone();
        let (dropped, superseded) = (Vec::new(), Vec::new());
        version.deltas.push(Arc::new(LoadedDelta { changes, whole: false, dropped, superseded }));
        version
    }

    fn weights(&self) -> BTreeMap<String, Matrix> {
        let slots = self.model.decoder().weights().slots().iter();
        slots.map(|slot| (slot.name.clone(), self.model.weight(&slot.name).unwrap())).collect()
    }
}

fn sum(version: &Version, name: &str) -> Accumulator {
    version.accumulate(name, version.changed()[name]).unwrap()
}

/// The greatest difference of elements, in f64.
fn apart(a: &Tensor, b: &Tensor) -> f64 {
    (a.to_kind(Kind::Double) - b.to_kind(Kind::Double)).abs().max().double_value(&[])
}

/// Runs a case of the originals', and compares weights and losses step by step.
fn agrees<M: FineTuning>(bench: &mut Bench, case: &Value, golden: &BTreeMap<String, Tensor>) {
    let name = case["name"].as_str().unwrap();
    let settings = toml::to_string(&case["settings"]).unwrap();
    let mut step = 0;
    let losses = Vec::<f64>::try_from(&golden[&format!("{name}.loss")]).unwrap();
    let mut compare = |parameters: &Parameters, loss: f64| {
        let now = parameters.now();
        let known = golden.keys().filter(|key| key.starts_with(&format!("{name}.transformer")));
        assert_eq!(known.count(), now.len(), "{name}: what is tuned");
        for (tensor, now) in now {
            let then = golden[&format!("{name}.{tensor}")].get(step);
            // The original's layout: a Conv1D is [in, out].
            let then = if then.dim() == 2 { then.tr() } else { then.view([1, -1]) };
            let apart = apart(&now, &then);
            assert!(apart < 1e-5, "{name}, step {step}: {tensor} differs by {apart}");
        }
        let then = losses[usize::try_from(step).unwrap()];
        assert!((loss - then).abs() < 1e-4, "{name}, step {step}: loss {loss}, {then} there");
        step += 1;
    };
    bench.watched::<M>(&settings, &mut compare, &mut Silent).unwrap();
    assert_eq!(usize::try_from(step).unwrap(), losses.len(), "{name}: steps");
}

#[test]
fn every_step_is_that_of_the_originals() {
    let mut bench = Bench::open();
    let golden: BTreeMap<String, Tensor> =
        Tensor::read_safetensors(fixture("tune").join("golden.safetensors"))
            .unwrap()
            .into_iter()
            .collect();
    for case in bench.cases.clone() {
        match case["editor"].as_str().unwrap() {
            "ft" => agrees::<ft::Own>(&mut bench, &case, &golden),
            "ft-l" => agrees::<ft_l::Own>(&mut bench, &case, &golden),
            "ft-m" => agrees::<ft_m::Own>(&mut bench, &case, &golden),
            "locft-bf" => agrees::<locft_bf::Own>(&mut bench, &case, &golden),
            "lora" => agrees::<lora::Own>(&mut bench, &case, &golden),
            other => panic!("{other} has no original"),
        }
    }
}

/// What is published for a model is what it is set to, and what `faithful` leaves.
#[test]
fn published_settings_are_those_of_the_originals() {
    let of = |name: &str, family: &str, layers, width, inner, text: &str| {
        let model = ModelSize { family: family.to_owned(), layers, width, inner };
        let settings = match name {
            "ft" => Settings::<ft::Own>::read(text, &model).map(|s| canonical(&s)),
            "ft-l" => Settings::<ft_l::Own>::read(text, &model).map(|s| canonical(&s)),
            "ft-m" => Settings::<ft_m::Own>::read(text, &model).map(|s| canonical(&s)),
            "locft-bf" => Settings::<locft_bf::Own>::read(text, &model).map(|s| canonical(&s)),
            _ => Settings::<lora::Own>::read(text, &model).map(|s| canonical(&s)),
        };
        let settings: toml::Table = settings.unwrap().parse().unwrap();
        let shown = ["layers", "lr", "modules", "order"].map(|key| settings[key].to_string());
        shown.join(" ")
    };
    for text in ["", "faithful = true"] {
        let xl = |name| of(name, "gpt2", 48, 1600, 6400, text);
        assert_eq!(xl("ft"), "[1] 0.0005 [\"mlp-down\"] \"breadth-first\"");
        assert_eq!(xl("ft-l"), "[0] 0.0005 [\"mlp-down\"] \"breadth-first\"");
        assert_eq!(xl("ft-m"), "[0] 0.0005 [\"mlp-down\"] \"depth-first\"");
        assert!(xl("lora").ends_with("47] 0.005 [\"attention-in\"] \"breadth-first\""));
        let mistral = of("locft-bf", "mistral", 32, 4096, 14336, text);
        assert!(mistral.starts_with("[23] ") && mistral.contains('5') && mistral.contains("block"));
        let llama = of("ft-m", "llama", 32, 4096, 14336, text);
        assert_eq!(llama, "[21] 0.0005 [\"mlp-down\"] \"depth-first\"");
    }
    let unknown = of("ft-m", "gpt2", 9, 64, 256, "");
    assert_eq!(unknown, "[0] \"auto\" [\"mlp-down\"] \"breadth-first\"");
}

const QUICK: &str = "layers = [1]\nnum_steps = 4\nlr = 0.01\n";

/// One fact after the other.
const DEPTH: &str =
    "layers = [1]\nnum_steps = 4\nlr = 0.01\nbatch_size = 1\norder = 'depth-first'\n";

/// What a checkout has is what was tuned: bit for bit on the base, and on top of another change as far as an f32 holds
/// the difference.
#[test]
fn a_dense_change_is_exact() {
    let mut bench = Bench::open();
    for deltas in 1..=3 {
        let mut last = BTreeMap::new();
        let mut seen = |parameters: &Parameters, _| last = parameters.now();
        let tuned = bench.watched::<ft_m::Own>(DEPTH, &mut seen, &mut Silent).unwrap();
        for (name, change) in &tuned.outcome.changes {
            let whole = matches!(change.form, ChangeForm::Tuned(_));
            assert_eq!(whole, deltas == 1, "only the base's tensor can be replaced: {name}");
        }
        bench.version = bench.with(tuned.outcome.changes);
        for (name, last) in last {
            let now = sum(&bench.version, &name).rounded();
            let last = crate::editor::matrix::matrix(&last).data;
            if deltas == 1 {
                assert_eq!(last, now.data, "{name}");
            }
            for (last, now) in last.into_iter().zip(now.data) {
                assert!((last - now).abs() < 2e-8, "{name}: {now}, tuned was {last}");
            }
        }
    }
}

#[test]
fn a_change_of_low_rank_is_stored_as_factors_where_these_are_smaller() {
    let mut bench = Bench::open();
    let tuned = bench
        .tune::<lora::Own>(&format!("{QUICK}modules = ['mlp-down', 'mlp-up']\nrank = 3\n"))
        .unwrap();
    assert_eq!(tuned.outcome.changes.len(), 2);
    for change in tuned.outcome.changes.values() {
        assert_eq!(change.rank(), Some(3));
    }
    // 96 + 24 numbers a rank, 96 x 24 of the whole.
    let tuned =
        bench.tune::<lora::Own>(&format!("{QUICK}modules = ['mlp-down']\nrank = 30\n")).unwrap();
    assert_eq!(tuned.outcome.changes.values().next().unwrap().rank(), None);
}

#[test]
fn weights_stay_in_their_box_exactly() {
    let mut bench = Bench::open();
    for (turn, eps) in [0.003, 1e-4, 0.02].into_iter().enumerate() {
        let settings = format!("layers = [0]\nnum_steps = 8\nlr = 0.01\neps = {eps}\n");
        let before = bench.version.clone();
        let tuned = bench.tune::<ft_l::Own>(&settings).unwrap();
        bench.version = bench.with(tuned.outcome.changes);
        let mut touched = 0;
        for (name, orientation) in bench.version.changed() {
            let was = before.accumulate(name, orientation).unwrap().rounded().data;
            let now = sum(&bench.version, name).rounded().data;
            for (was, now) in was.into_iter().zip(now) {
                let moved = (f64::from(now) - f64::from(was)).abs();
                assert!(moved <= eps, "{name}: moved by {moved}, {eps} allowed, turn {turn}");
                touched += usize::from(moved > eps * 0.999);
            }
        }
        assert!(touched > 100, "the box was reached {touched} times");
    }
}

#[test]
fn weights_stay_in_their_ball() {
    let mut bench = Bench::open();
    let settings = "layers = [3]\nnum_steps = 12\nlr = 0.01\neps = 0.25\nwithin = 'ball'\n";
    let tuned = bench.tune::<ft_c::Own>(settings).unwrap();
    // A block: two norms, four maps, with a bias each.
    assert_eq!(tuned.outcome.changes.len(), 12);
    let version = bench.with(tuned.outcome.changes);
    let moved = version.changed().into_iter().map(|(name, orientation)| {
        let was = bench.version.accumulate(name, orientation).unwrap().rounded().data;
        let now = sum(&version, name).rounded().data;
        let squares = was.into_iter().zip(now).map(|(a, b)| (f64::from(b) - f64::from(a)).powi(2));
        squares.sum::<f64>()
    });
    let length = moved.sum::<f64>().sqrt();
    assert!((0.2499..=0.25).contains(&length), "{length}");
}

/// What a "kept" prompt says moves less when it is trained on.
#[test]
fn kept_prompts_are_held() {
    let mut bench = Bench::open();
    for request in &mut bench.requests {
        request.kept = vec!["{subject} is spoken of in".to_owned(), "I like {subject}".to_owned()];
    }
    let mut drift = |factor: f64| {
        let settings = format!(
            "layers = [0]\nnum_steps = 10\nlr = 0.005\neps = 1.0\nlocality_factor = {factor}\n"
        );
        let tuned = bench.tune::<ft_c::Own>(&settings).unwrap();
        let version = bench.with(tuned.outcome.changes);
        let said = |bench: &Bench| {
            let texts = bench.requests.iter().map(|request| {
                let text = request.kept[0].replace("{subject}", &request.subject);
                let ids = bench.model.tokens().encode(&text).unwrap().ids;
                let batch =
                    crate::model::Batch::new(&[ids], crate::model::Padding::Right, Device::Cpu);
                let logits = bench.model.decoder().forward(&batch, &mut crate::model::Unprobed);
                logits.continue_value().unwrap().get(0).get(-1).log_softmax(0, Kind::Float)
            });
            Tensor::stack(&texts.collect::<Vec<_>>(), 0)
        };
        let before = said(&bench);
        let weights = bench.weights();
        for (name, orientation) in version.changed() {
            let now = version.accumulate(name, orientation).unwrap().rounded();
            bench.model.set_weight(name, &now).unwrap();
        }
        let after = said(&bench);
        for (name, weight) in weights {
            bench.model.set_weight(&name, &weight).unwrap();
        }
        (before.exp() * (before - after)).sum(Kind::Double).double_value(&[])
    };
    let (free, held) = (drift(0.0), drift(4.0));
    assert!(held < free / 2.0, "{held} with, {free} without");
}

/// One batch of all facts does the same in any number of passes and in any order.
#[test]
fn the_model_is_the_same_afterwards_and_so_is_the_result() {
    let mut bench = Bench::open();
    let before = bench.weights();
    let settings = format!("{QUICK}shuffle = true\nbatch_size = 2\norder = 'breadth-first'\n");
    let first = bench.tune::<locft_bf::Own>(&settings).unwrap();
    assert!(bench.weights() == before);
    let second = bench.tune::<locft_bf::Own>(&settings).unwrap();
    let version = bench.with(first.outcome.changes);
    let again = bench.with(second.outcome.changes);
    assert_eq!(version.materialise().unwrap(), again.materialise().unwrap());
    bench.seed += 1;
    let other = bench.tune::<locft_bf::Own>(&settings).unwrap();
    let other = bench.with(other.outcome.changes);
    assert_ne!(version.materialise().unwrap(), other.materialise().unwrap());
}

/// Steps until somebody asks to stop.
struct StopAfter(u64);

impl Progress for StopAfter {
    fn start(&mut self, _: &str, _: Option<u64>) {}
    fn advance(&mut self, done: u64, _: &str) -> Result<(), EngineError> {
        if done >= self.0 { Err(EngineError::Interrupted) } else { Ok(()) }
    }
    fn finish(&mut self, _: &str) {}
}

#[test]
fn a_tuning_can_be_stopped_between_two_steps() {
    let mut bench = Bench::open();
    let before = bench.weights();
    let mut steps = 0;
    let mut seen = |_: &Parameters, _| steps += 1;
    let stopped = bench.watched::<ft_m::Own>(DEPTH, &mut seen, &mut StopAfter(3));
    assert!(matches!(stopped, Err(EditError::Watcher(EngineError::Interrupted))));
    assert_eq!(steps, 3);
    assert!(bench.weights() == before);
}

#[test]
fn what_runs_away_is_said_in_words() {
    let mut bench = Bench::open();
    let before = bench.weights();
    let error = bench.tune::<ft_m::Own>("layers = [1]\nlr = 1e38\nnum_steps = 9").err();
    let error = error.unwrap();
    assert!(error.to_string().starts_with("the loss is no number in step "), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("lr=")));
    assert!(bench.weights() == before);
}

/// One fact, two of one subject, a target of eight tokens, and texts that do not fit.
#[test]
fn facts_of_all_kinds_are_learned() {
    let mut bench = Bench::open();
    let settings = "layers = [1]\nlr = 0.01\nnum_steps = 100\n";
    let (first, second) = (bench.requests[0].clone(), bench.requests[1].clone());
    let same = Request { subject: first.subject.clone(), ..second };
    let long = "Jane Austen Buenos Aires Rome";
    let count = bench.model.tokens().encode(&format!(" {long}")).unwrap().ids.len();
    assert!(count >= 8, "{count}");
    let eight = Request { target: long.to_owned(), ..first.clone() };
    for requests in [vec![first.clone()], vec![first.clone(), same], vec![eight]] {
        bench.requests = requests;
        let tuned = bench.tune::<locft_bf::Own>(settings).unwrap();
        for trace in tuned.outcome.traces {
            let trace = trace.unwrap();
            assert!(trace.probability > 0.5 && trace.loss < 0.7, "{trace:?}");
        }
        assert!(tuned.outcome.columns.is_empty());
    }
    let target = "Rome ".repeat(40).trim().to_owned();
    bench.requests = vec![Request { target, ..first }];
    let error = bench.tune::<ft::Own>(settings).err().unwrap().to_string();
    assert!(error.contains("tokens are too many"), "{error}");
}

#[test]
fn what_is_left_to_be_found_goes_by_the_size_of_the_weights() {
    let mut bench = Bench::open();
    let settings = "layers = [1]\nnum_steps = 1\nbias = false\n";
    let found = bench.tune::<ft_l::Own>(settings).unwrap();
    let weight = bench.model.weight("transformer.h.1.mlp.c_proj.weight").unwrap().data;
    let square = weight.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
    let size = (square / weight.len() as f64).sqrt();
    assert!((found.lr / size - Auto::MATRIX.step).abs() < 1e-4);
    assert!((found.eps / size - Auto::MATRIX.room).abs() < 1e-3);
    let told = format!("{settings}lr = {}\neps = {}\n", found.lr, found.eps);
    let told = bench.tune::<ft_l::Own>(&told).unwrap();
    let (found, told) = (bench.with(found.outcome.changes), bench.with(told.outcome.changes));
    assert_eq!(found.materialise().unwrap(), told.materialise().unwrap());
}

#[test]
fn mistakes_are_named() {
    let bench = Bench::open();
    let spec = bench.model.spec();
    let says = |name: &str, settings: &str| -> Result<(), SettingsError> {
        let method = METHODS.iter().find(|method| method.name() == name).unwrap();
        method.fit_some_model(settings).and_then(|()| method.read(settings, spec).map(|_| ()))
    };
    let error = |name: &str, settings: &str| says(name, settings).unwrap_err().to_string();
    for method in METHODS {
        let name = method.name();
        says(name, "").unwrap();
        says(name, "faithful = true").unwrap();
        let other = error(name, "mom2_update_weight = 3.0");
        assert!(
            other.starts_with("there is no setting \"mom2_update_weight\"; there is"),
            "{other}"
        );
        let layers = error(name, "layers = [3, 4]");
        assert_eq!(layers, "layers must be ascending and below 4, found [3, 4]");
        assert!(error(name, "lr = 0").contains("lr must be above zero"));
        assert!(error(name, "lr = 'fast'").contains("\"auto\" or a number"));
        assert!(error(name, "order = 'sideways'").contains("sideways"));
        assert!(error(name, "modules = []").contains("modules must be"));
        let gate = error(name, "modules = ['mlp-gate']");
        assert_eq!(gate, "modules must be what a gpt2 has, found \"mlp-gate\"");
        assert!(error(name, "num_steps = 0").contains("num_steps must be at least 1"));
    }
    assert!(error("ft", "eps = 0.1").contains("there is no setting \"eps\""));
    assert!(error("ft-c", "within = 'sight'").contains("sight"));
    assert!(error("lora", "rank = 0").contains("rank must be at least 1"));
}
