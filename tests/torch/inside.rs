//! Looking inside a model, beside transformers and the original code of causal tracing.
//!
//! `tests/fixtures/make/lens.py` and `trace_reference.py` made the expected values, in f64. Probabilities are compared to
//! 1e-4, as in the family tests; entropies and divergences, which are sums of many of them, to 1e-3.

use std::{collections::BTreeMap, fs, ops::ControlFlow, path::Path};

use kledger::{
    checkpoint::Checkpoint,
    engine::{Engine, EngineError, Progress, Restored, Silent, Traceable, Traced, Tracing},
    ledger::Depth,
    model::{Batch, DeviceChoice, Model, Padding, Part, Restore, Site, Traces},
    runtime::TorchEngine,
    tensor::Dtype,
};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use crate::{editor, family};

const TOLERANCE: f64 = 1e-4;

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&fs::read(fixture(name)).unwrap()).unwrap()
}

fn engine(dir: &Path) -> TorchEngine {
    TorchEngine::open(dir, DeviceChoice::Cpu, Dtype::F32).unwrap()
}

fn model(dir: &Path) -> Model {
    Model::open(dir, Device::Cpu, Dtype::F32).unwrap()
}

#[test]
fn blocks_say_what_those_of_transformers_do() {
    for name in family::MODELS {
        let mut engine = engine(&family::fixture(name));
        let tokens = model(&family::fixture(name));
        let tokens = tokens.tokens();
        for case in json(&format!("lens/{name}.json")).as_array().unwrap() {
            let prompt = case["prompt"].as_str().unwrap();
            let lens = engine.lens(prompt, case["expected"].as_str()).unwrap();
            assert_eq!(lens.blocks.len(), 2, "{name}");
            assert_eq!(lens.tokens.len(), tokens.encode(prompt).unwrap().ids.len());
            for (block, wanted) in lens.blocks.iter().zip(case["blocks"].as_array().unwrap()) {
                for (token, said) in block.iter().enumerate() {
                    let close = |what: &str, found: f32, tolerance: f64| {
                        let wanted = wanted[what][token].as_f64().unwrap();
                        let off = (f64::from(found) - wanted).abs();
                        assert!(
                            off < tolerance,
                            "{name} {prompt} {token} {what}: {found}, {wanted}"
                        );
                    };
                    let expected = said.expected.unwrap();
                    close("probability", said.probability, TOLERANCE);
                    close("expected", expected.probability, TOLERANCE);
                    close("entropy", said.entropy, 1e-3);
                    close("divergence", said.divergence, 1e-3);
                    assert_eq!(expected.rank, wanted["rank"][token].as_u64().unwrap(), "{name}");
                    let id = u32::try_from(wanted["word"][token].as_u64().unwrap()).unwrap();
                    assert_eq!(said.word, tokens.decode(&[id]).unwrap(), "{name} {prompt} {token}");
                }
            }
            let last = lens.blocks.last().unwrap();
            assert!(last.iter().all(|said| said.divergence < 1e-6), "the last block is the end");
        }
    }
}

/// The tensor of a block that edits change, all of it multiplied.
fn scaled(dir: &Path, block: usize, factor: f32) -> BTreeMap<String, kledger::tensor::Tensor> {
    let name = model(dir).edit_site(block).unwrap().tensor;
    let tensor = Checkpoint::open(dir).unwrap().tensor(&name).unwrap();
    let values = tensor.to_f32().into_iter().map(|value| factor * value);
    let bytes = values.flat_map(f32::to_le_bytes).collect();
    let shape = tensor.shape.clone();
    let scaled = kledger::tensor::Tensor { dtype: Dtype::F32, shape, bytes };
    [(name, scaled.rounded_to(tensor.dtype))].into()
}

#[test]
fn versions_part_where_those_of_transformers_do() {
    let mut parted = BTreeMap::new();
    for name in family::MODELS {
        let dir = family::fixture(name);
        let (mut engine, tokens) = (engine(&dir), model(&dir));
        for case in json(&format!("lens/{name}.json")).as_array().unwrap() {
            let prompt = case["prompt"].as_str().unwrap();
            let expected = case["expected"].as_str();
            engine.set_weights(&BTreeMap::new()).unwrap();
            let before = engine.lens(prompt, expected).unwrap();
            for wanted in case["changed"].as_array().unwrap() {
                let block = usize::try_from(wanted["block"].as_u64().unwrap()).unwrap();
                engine.set_weights(&scaled(&dir, block, -4.0)).unwrap();
                let depth = Depth::between(&before, &engine.lens(prompt, expected).unwrap());
                let parts = wanted["parts"].as_u64().map(|parts| usize::try_from(parts).unwrap());
                assert_eq!(depth.parts, parts, "{name} {prompt} {block}");
                *parted.entry(parts).or_insert(0) += 1;
                for (at, found) in depth.blocks.iter().enumerate() {
                    let id = u32::try_from(wanted["word"][at].as_u64().unwrap()).unwrap();
                    assert_eq!(found.after.token, id, "{name} {prompt} {block}");
                    assert_eq!(found.after.word, tokens.tokens().decode(&[id]).unwrap(), "{name}");
                    let watched = wanted["expected"][at].as_f64().unwrap();
                    let off = (f64::from(found.after.watched.unwrap()) - watched).abs();
                    assert!(off < TOLERANCE, "{name} {prompt} {block} {at}: {off}");
                }
            }
        }
    }
    assert!(parted.len() > 1, "not all part at the same block: {parted:?}");
}

#[test]
fn blocks_say_nothing_after_what_cannot_be_read() {
    let mut engine = engine(&family::fixture("gpt2-relu"));
    let long = "tower ".repeat(60);
    for (prompt, expected, why) in [
        ("", None, "the text is empty"),
        (long.as_str(), None, "tokens are too many"),
        ("Paris", Some(""), "has no token in \"Paris\""),
    ] {
        let error = engine.lens(prompt, expected).unwrap_err();
        assert!(matches!(error, EngineError::Refused { .. }), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
    let one = self::engine(&family::fixture("gpt2-gelu")).lens("P", None).unwrap();
    assert_eq!((one.tokens.len(), one.expected), (1, None));
}

/// What is put back in a cell of a golden grid.
fn cell(what: &str, block: usize, window: usize, layers: usize) -> Restore {
    let around = block.saturating_sub(window / 2)..layers.min(block + window.div_ceil(2));
    match what {
        "state" => Restore::State(block),
        "mlp" => Restore::Outputs(Part::MlpDown, around),
        "attention" => Restore::Outputs(Part::AttentionOut, around),
        "state-without-mlp" => Restore::StateWithout(Part::MlpDown, block),
        "state-without-attention" => Restore::StateWithout(Part::AttentionOut, block),
        _ => unreachable!("{what}"),
    }
}

const KINDS: [&str; 5] =
    ["state", "mlp", "attention", "state-without-mlp", "state-without-attention"];

#[test]
fn grids_are_those_of_the_original() {
    for name in ["memit", "gpt2-gelu", "gptj", "gpt-neox-parallel"] {
        let dir = if name == "memit" { editor::fixture() } else { family::fixture(name) };
        let model = model(&dir);
        let golden = json(&format!("trace/{name}.json"));
        let tensors = Tensor::read_safetensors(fixture(&format!("trace/{name}.safetensors")));
        let tensors: BTreeMap<String, Tensor> = tensors.unwrap().into_iter().collect();
        let window = usize::try_from(golden["window"].as_u64().unwrap()).unwrap();
        let layers = model.spec().layers;
        let mut moved = 0.0f64;
        for (number, case) in golden["cases"].as_array().unwrap().iter().enumerate() {
            let (prompt, subject) = (case["prompt"].as_str().unwrap(), case["subject"].as_str());
            let start = prompt.find(subject.unwrap()).unwrap();
            let part = start..start + subject.unwrap().len();
            let (encoded, tokens) = model.tokens().tokens_of(prompt, part).unwrap();
            let range: Vec<usize> = serde_json::from_value(case["tokens"].clone()).unwrap();
            assert_eq!([tokens.start, tokens.end], range[..], "{name} {prompt}");
            let noise = &tensors[&format!("{number}.noise")];
            let traces = Traces::new(model.decoder(), &encoded.ids, tokens.start, noise, None);
            assert_eq!(u64::from(traces.answer()), case["answer"].as_u64().unwrap());
            for (found, wanted) in [(traces.high(), "high"), (traces.low(), "low")] {
                let wanted = case[wanted].as_f64().unwrap();
                assert!((found - wanted).abs() < TOLERANCE, "{name}: {found}, {wanted}");
            }
            for token in 0..encoded.ids.len() {
                // All together, as they are run; each has a place of its own in the grids.
                let cells = |what| (0..layers).map(move |block| cell(what, block, window, layers));
                let restores: Vec<Restore> = KINDS.into_iter().flat_map(cells).collect();
                let found = traces.restored(token, &restores);
                for (what, found) in KINDS.into_iter().zip(found.chunks(layers)) {
                    let grid = &tensors[&format!("{number}.{what}")];
                    for (block, found) in found.iter().enumerate() {
                        let wanted = grid.double_value(&[token as i64, block as i64]);
                        let off = (found - wanted).abs();
                        assert!(
                            off < TOLERANCE,
                            "{name} {what} {token} {block}: {found}, {wanted}"
                        );
                        moved = moved.max((found - traces.low()).abs());
                    }
                }
            }
        }
        assert!(moved > 100.0 * TOLERANCE, "{name}: nothing is put back ({moved})");
    }
}

/// The probability of the answer in one whole pass in which a restore is made by a probe.
fn by_a_probe(
    model: &Model,
    ids: &[u32],
    first: usize,
    noise: &Tensor,
    (token, restore): (usize, &Restore),
    answer: u32,
) -> f64 {
    let samples = noise.size()[0];
    let rows = vec![ids.to_vec(); 1 + usize::try_from(samples).unwrap()];
    let batch = Batch::new(&rows, Padding::Right, Device::Cpu);
    let token = token as i64;
    let mut noisy: BTreeMap<(Part, usize), Tensor> = BTreeMap::new();
    let mut logits = None;
    // First with noise alone, to see what is put out then.
    for pass in 0..2 {
        let mut probe = |site: Site, value: &mut Tensor| {
            let from = |source: &Tensor, value: &Tensor| {
                value.narrow(0, 1, samples).select(1, token).copy_(source);
            };
            match site {
                Site::Embed => {
                    let there = value.narrow(0, 1, samples);
                    let mut there = there.narrow(1, first as i64, noise.size()[1]);
                    there += noise;
                }
                Site::OutOf(part, block) if pass == 0 => {
                    noisy.insert((part, block), value.copy());
                }
                Site::BlockOut(block) => {
                    if let Restore::State(at) | Restore::StateWithout(_, at) = restore
                        && *at == block
                        && pass == 1
                    {
                        from(&value.get(0).get(token), value);
                    }
                }
                Site::OutOf(part, block) => match restore {
                    Restore::Outputs(own, blocks) if *own == part && blocks.contains(&block) => {
                        from(&value.get(0).get(token), value);
                    }
                    Restore::StateWithout(severed, _) if *severed == part => {
                        let before = noisy[&(part, block)].narrow(0, 1, samples);
                        from(&before.select(1, token), value);
                    }
                    _ => {}
                },
                _ => {}
            }
            ControlFlow::Continue(())
        };
        logits = model.decoder().forward(&batch, &mut probe).continue_value();
    }
    let likely = logits.unwrap().select(1, -1).softmax(-1, Kind::Double);
    likely.narrow(0, 1, samples).select(1, i64::from(answer)).mean(Kind::Double).double_value(&[])
}

#[test]
fn restores_run_together_are_whole_passes_in_every_family() {
    tch::manual_seed(5);
    for name in family::MODELS {
        let model = model(&family::fixture(name));
        let prompt = "Ada Lovelace was born in";
        let (encoded, subject) = model.tokens().tokens_of(prompt, 0..12).unwrap();
        let (ids, first) = (encoded.ids, subject.start);
        let shape = [3, subject.len() as i64, model.spec().width as i64];
        let noise = Tensor::randn(shape, (Kind::Float, Device::Cpu)) * 2.0;
        let traces = Traces::new(model.decoder(), &ids, first, &noise, Some(9));
        let restores: Vec<Restore> = KINDS
            .into_iter()
            .flat_map(|what| (0..2).map(move |block| cell(what, block, 2, 2)))
            .collect();
        for token in [0, subject.start, subject.end - 1, ids.len() - 1] {
            for (restore, found) in restores.iter().zip(traces.restored(token, &restores)) {
                let wanted = by_a_probe(&model, &ids, first, &noise, (token, restore), 9);
                let off = (found - wanted).abs();
                assert!(off < 1e-6, "{name} {token} {restore:?}: {found}, not {wanted}");
            }
        }
    }
}

fn tracing() -> Tracing {
    let restored = Restored::ALL.to_vec();
    Tracing { samples: 4, seed: 7, noise: 3.0, window: None, restored, subject_last: false }
}

fn asked(prompt: &str, subject: &str) -> Traceable {
    let start = prompt.find(subject).unwrap();
    let subject = start..start + subject.len();
    Traceable { prompt: prompt.to_owned(), subject, expected: None }
}

fn trace(prompts: &[Traceable], how: &Tracing) -> Result<Vec<Traced>, EngineError> {
    let subjects = ["Ada Lovelace", "France", "Paris"].map(str::to_owned);
    engine(&editor::fixture()).trace(&subjects, prompts, how, &mut Silent)
}

#[test]
fn noise_is_as_strong_as_the_original_makes_it_and_the_same_for_a_seed() {
    let prompts = [asked("The capital of France is", "France")];
    let first = trace(&prompts, &tracing()).unwrap();
    let deviation = json("trace/memit.json")["deviation"].as_f64().unwrap();
    assert!((f64::from(first[0].noise) / (3.0 * deviation) - 1.0).abs() < 1e-5);
    assert_eq!(first, trace(&prompts, &tracing()).unwrap());
    let other = trace(&prompts, &Tracing { seed: 8, ..tracing() }).unwrap();
    assert_ne!(first[0].low, other[0].low);
    assert_eq!(first[0].high, other[0].high);
    assert_eq!(first[0].answer, other[0].answer);
}

#[test]
fn the_last_token_of_a_subject_can_be_traced_alone() {
    let prompts = [asked("Ada Lovelace was born in", "Ada Lovelace"), asked("In Paris", "Paris")];
    let all = trace(&prompts, &tracing()).unwrap();
    let alone = trace(&prompts, &Tracing { subject_last: true, ..tracing() }).unwrap();
    for (all, alone) in all.iter().zip(&alone) {
        assert_eq!(all.grids.len(), Restored::ALL.len());
        for (all_of, alone_of) in all.grids.iter().zip(&alone.grids) {
            assert_eq!(all_of.scores.len(), all.tokens.len());
            assert_eq!(alone_of.scores, [all_of.scores[all.subject.end - 1].clone()]);
            assert_eq!(alone_of.scores[0].len(), 4, "a figure for each block");
        }
    }
    // Where the last token's stream is put back after the last block, all is as without noise.
    let ends = &all[0].grids[0].scores.last().unwrap();
    assert!((ends.last().unwrap() - all[0].high).abs() < 1e-6);
}

#[test]
fn what_cannot_be_traced_is_refused() {
    let long = format!("Ada {}", "tower ".repeat(60));
    let error = trace(&[asked(&long, "Ada")], &tracing()).unwrap_err();
    assert!(error.to_string().contains("tokens are too many"), "{error}");
    // A prompt that is its subject, of one token.
    let one = trace(&[asked("a", "a")], &tracing()).unwrap();
    assert_eq!((one[0].tokens.len(), one[0].subject.clone()), (1, 0..1));
    assert_eq!(one[0].grids[0].scores.len(), 1);
}

/// Stops after some steps.
struct Stopping(u64);

impl Progress for Stopping {
    fn start(&mut self, _: &str, total: Option<u64>) {
        assert!(total.is_some_and(|total| total > self.0));
    }

    fn advance(&mut self, done: u64, _: &str) -> Result<(), EngineError> {
        if done >= self.0 { Err(EngineError::Interrupted) } else { Ok(()) }
    }

    fn finish(&mut self, _: &str) {}
}

#[test]
fn tracing_can_be_stopped_between_tokens() {
    let prompts = [asked("Ada Lovelace was born in", "Ada Lovelace")];
    let subjects = ["Ada".to_owned()];
    let mut engine = engine(&editor::fixture());
    let stopped = engine.trace(&subjects, &prompts, &tracing(), &mut Stopping(2));
    assert!(matches!(stopped, Err(EngineError::Interrupted)), "{stopped:?}");
}
