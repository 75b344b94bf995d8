//! Every family against transformers, on tiny random models (`tests/fixtures/make/family_parity.py`).
//!
//! The reference ran in f64. Our f32 rounds at 6e-8 of a value; values here reach 20 and pass two blocks
//! of sums over up to 128 terms: the largest difference seen is 2e-5. [`TOLERANCE`] is above that and
//! far below what a wrong epsilon, scale or activation does (1e-2 and more).

use std::{
    collections::BTreeMap,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use kledger::{
    model::{
        Attention, Batch, Choice, DeviceChoice, Kv, Model, ModelError, Padding, Part, Site,
        Unprobed, open_device,
    },
    tensor::{Dtype, Orientation},
};
use tch::{Device, Kind, Tensor};

use crate::refusal::altered;

const TOLERANCE: f64 = 1e-4;
pub(crate) const MODELS: [&str; 10] = [
    "gpt2-gelu",
    "gpt2-relu",
    "gptj",
    "gpt-neox-parallel",
    "gpt-neox-sequential",
    "llama-2",
    "llama-3",
    "mistral",
    "qwen2",
    "qwen3",
];

#[derive(serde::Deserialize)]
struct Case {
    prompt: String,
    ids: Vec<u32>,
    greedy: Vec<u32>,
}

struct Expected {
    cases: Vec<Case>,
    values: BTreeMap<String, Tensor>,
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models").join(name)
}

fn open(dir: &Path) -> Result<Model, ModelError> {
    Model::open(dir, Device::Cpu, Dtype::F32)
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

fn difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a.to_kind(Kind::Double) - b.to_kind(Kind::Double)).abs().max().double_value(&[])
}

fn close(what: &str, found: &Tensor, wanted: &Tensor) {
    let difference = difference(found, wanted);
    assert!(difference < TOLERANCE, "{what} is off by {difference:e}");
}

fn done<T>(pass: ControlFlow<(), T>) -> T {
    pass.continue_value().unwrap()
}

/// Logits `[1, vocabulary]` after the last token of row `row`.
fn last_logits(batch: &Batch, logits: &Tensor, row: usize) -> Tensor {
    logits.get(row as i64).narrow(0, batch.last()[row] as i64, 1)
}

#[test]
fn ids_logits_and_sites_are_those_of_the_reference() {
    for name in MODELS {
        let (model, expected) = (open(&fixture(name)).unwrap(), expected(name));
        for (number, case) in expected.cases.iter().enumerate() {
            let ids = model.tokens().encode(&case.prompt).unwrap().ids;
            assert_eq!(ids, case.ids, "{name}: {}", case.prompt);
            assert_eq!(model.tokens().decode(&ids).unwrap().trim(), case.prompt);

            let mut visited = Vec::new();
            let mut probe = |site: Site, value: &mut Tensor| {
                let (key, all) = match site {
                    Site::Into(Part::MlpDown, layer) => (format!("{number}.inner.{layer}"), false),
                    Site::BlockOut(layer) => (format!("{number}.block.{layer}"), layer == 1),
                    Site::Final => (format!("{number}.final"), false),
                    _ => return ControlFlow::Continue(()),
                };
                let tokens = ids.len() as i64;
                let value = value.get(0);
                let value = if all { value } else { value.narrow(0, tokens - 1, 1) };
                close(&format!("{name} {key}"), &value, &expected.values[&key]);
                visited.push(site);
                ControlFlow::Continue(())
            };
            let batch = Batch::new(std::slice::from_ref(&ids), Padding::Right, Device::Cpu);
            let logits = done(model.decoder().forward(&batch, &mut probe));
            let sites = [
                Site::Into(Part::MlpDown, 0),
                Site::BlockOut(0),
                Site::Into(Part::MlpDown, 1),
                Site::BlockOut(1),
                Site::Final,
            ];
            assert_eq!(visited, sites);
            let wanted = &expected.values[&format!("{number}.logits")];
            close(&format!("{name} logits {number}"), &last_logits(&batch, &logits, 0), wanted);
        }
    }
}

#[test]
fn filling_short_rows_on_either_side_changes_nothing() {
    for name in MODELS {
        let (model, expected) = (open(&fixture(name)).unwrap(), expected(name));
        let rows: Vec<Vec<u32>> = expected.cases.iter().map(|case| case.ids.clone()).collect();
        for padding in [Padding::Left, Padding::Right] {
            let batch = Batch::new(&rows, padding, Device::Cpu);
            let logits = done(model.decoder().forward(&batch, &mut Unprobed));
            assert_eq!(logits.isfinite().all().int64_value(&[]), 1);
            for row in 0..rows.len() {
                let wanted = &expected.values[&format!("{row}.logits")];
                let what = format!("{name} {padding:?} row {row}");
                close(&what, &last_logits(&batch, &logits, row), wanted);
            }
        }
    }
}

#[test]
fn kept_keys_and_values_stand_for_the_tokens_before() {
    for name in MODELS {
        let (model, expected) = (open(&fixture(name)).unwrap(), expected(name));
        let decoder = model.decoder();
        let ids: Vec<i64> = expected.cases[2].ids.iter().map(|&id| i64::from(id)).collect();
        let run = |from: usize, to: usize, rows: i64, past: &[Kv]| {
            let ids = Tensor::from_slice(&ids[from..to]).unsqueeze(0).repeat([rows, 1]);
            let places = Tensor::arange_start(from as i64, to as i64, (Kind::Int64, Device::Cpu));
            let hidden = decoder.embed(&ids, &places.unsqueeze(0));
            done(decoder.blocks(0..2, hidden, past, None, &mut Unprobed))
        };
        let (_, first) = run(0, 5, 1, &[]);
        // One kept row serves two rows that go on from it.
        let (hidden, kept) = run(5, ids.len(), 2, &first);
        let spec = decoder.spec();
        let size = [2, spec.kv_heads as i64, ids.len() as i64, spec.head_width as i64];
        assert_eq!(kept[1].key.size(), size, "{name}");
        let logits = decoder.head(&hidden.select(1, -1));
        for row in 0..2 {
            let what = format!("{name} logits");
            close(&what, &logits.narrow(0, row, 1), &expected.values["2.logits"]);
        }
    }
}

#[test]
fn a_block_can_be_run_alone() {
    let model = open(&fixture("gpt2-relu")).unwrap();
    let decoder = model.decoder();
    let batch = Batch::new(&[vec![5, 6, 7, 8]], Padding::Right, Device::Cpu);
    let hidden = decoder.embed(&batch.ids, &batch.positions);
    let (after_first, _) = done(decoder.block(0, &hidden, &Attention::default(), &mut Unprobed));
    let (alone, _) = done(decoder.block(1, &after_first, &Attention::default(), &mut Unprobed));
    let (together, _) = done(decoder.blocks(0..2, hidden, &[], None, &mut Unprobed));
    assert_eq!(difference(&alone, &together), 0.0);
}

#[test]
fn a_probe_can_end_a_pass_and_change_a_value() {
    let model = open(&fixture("gpt2-gelu")).unwrap();
    let batch = Batch::new(&[vec![5, 6, 7]], Padding::Right, Device::Cpu);
    let mut seen = Vec::new();
    let mut stop = |site: Site, _: &mut Tensor| {
        seen.push(site);
        if site == Site::Into(Part::MlpDown, 1) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    assert!(model.decoder().forward(&batch, &mut stop).is_break());
    let maps = [Part::QueryKeyValue, Part::AttentionOut, Part::MlpUp, Part::MlpDown];
    let block = |layer| {
        let sites = move |part| [Site::Into(part, layer), Site::OutOf(part, layer)];
        maps.into_iter().flat_map(sites).chain([Site::BlockOut(layer)])
    };
    let all: Vec<Site> = [Site::Embed].into_iter().chain(block(0)).chain(block(1)).collect();
    assert_eq!(seen, all[..all.len() - 2], "the pass ended before the last map");

    let before = done(model.decoder().forward(&batch, &mut Unprobed));
    let mut change = |site: Site, value: &mut Tensor| {
        if site == Site::BlockOut(0) {
            *value = &*value + 1.5 * Tensor::ones_like(value).tril(0);
        }
        ControlFlow::Continue(())
    };
    let after = done(model.decoder().forward(&batch, &mut change));
    assert!(difference(&before, &after) > 0.1);
}

/// The value at `site` in a pass in which `change` is made of another one.
fn value_at(
    model: &Model,
    site: Site,
    changed: Site,
    change: impl Fn(&Tensor) -> Tensor,
) -> Tensor {
    let batch = Batch::new(&[vec![5, 6, 7, 8]], Padding::Right, Device::Cpu);
    let mut found = None;
    let mut probe = |at: Site, value: &mut Tensor| {
        if at == changed {
            *value = change(value);
        }
        if at == site {
            found = Some(value.shallow_clone());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    assert!(model.decoder().forward(&batch, &mut probe).is_break(), "{site:?} is visited");
    found.unwrap()
}

/// In every family: what leaves a map is linear in what enters it, and what leaves those that write to the stream is
/// added to it.
#[test]
fn sites_of_parts_are_where_they_say() {
    for name in MODELS {
        let model = open(&fixture(name)).unwrap();
        for part in [Part::AttentionOut, Part::MlpDown] {
            let (into, out) = (Site::Into(part, 1), Site::OutOf(part, 1));
            let scaled = |by: f64| value_at(&model, out, into, |x| x * by);
            let (bias, once, twice) = (scaled(0.0), scaled(1.0), scaled(2.0));
            assert!(difference(&once, &bias) > 1e-3, "{name} {part:?} maps something");
            close(&format!("{name} {part:?}"), &(twice - &once), &(once - bias));
        }
        // Nothing but the sum comes after the down projection.
        let mark = |x: &Tensor| x + 0.5 * Tensor::ones_like(x).tril(0);
        let leaving = Site::BlockOut(1);
        let at_mlp = value_at(&model, leaving, Site::OutOf(Part::MlpDown, 1), mark);
        let at_end = value_at(&model, leaving, leaving, mark);
        close(&format!("{name} stream"), &at_mlp, &at_end);
        // What attention adds reaches the stream too, and not by the MLP alone.
        let at_attention = value_at(&model, leaving, Site::OutOf(Part::AttentionOut, 1), mark);
        let before = value_at(&model, leaving, Site::Final, Tensor::shallow_clone);
        assert!(difference(&at_attention, &before) > 0.1, "{name}");
        let embedded = value_at(&model, leaving, Site::Embed, mark);
        assert!(difference(&embedded, &before) > 1e-3, "{name}");
    }
}

#[test]
fn gradients_reach_a_change_of_the_stream_and_no_weight() {
    let model = open(&fixture("gpt2-gelu")).unwrap();
    let batch = Batch::new(&[vec![5, 6, 7, 9]], Padding::Right, Device::Cpu);
    let loss = |change: &Tensor| {
        let mut add = |site: Site, value: &mut Tensor| {
            if site == Site::BlockOut(0) {
                *value = &*value + change.pad([0, 0, 1, 2], "constant", 0.0);
            }
            ControlFlow::Continue(())
        };
        let logits = done(model.decoder().forward(&batch, &mut add));
        -logits.select(1, -1).log_softmax(1, Kind::Float).get(0).get(11)
    };
    let change = Tensor::zeros([1, 1, 32], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    loss(&change).backward();
    let gradient = change.grad();
    for (slot, weight) in model.decoder().weights().iter() {
        assert!(!weight.requires_grad(), "{} is not frozen", slot.name);
    }
    // Central differences in f32 are good to about 1e-3 here.
    for place in [0, 13, 31] {
        let step = 1e-2;
        let mut nudge = vec![0f32; 32];
        nudge[place] = step;
        let nudge = Tensor::from_slice(&nudge).view([1, 1, 32]);
        let slope = (loss(&nudge) - loss(&-&nudge)).double_value(&[]) / (2.0 * f64::from(step));
        let found = gradient.double_value(&[0, 0, place as i64]);
        assert!((slope - found).abs() < 1e-2 * (1.0 + slope.abs()), "{slope} and {found}");
    }
}

#[test]
fn greedy_continuations_of_prompts_of_different_lengths_are_those_of_the_reference() {
    for name in MODELS {
        let (model, expected) = (open(&fixture(name)).unwrap(), expected(name));
        let rows: Vec<Vec<u32>> = expected.cases.iter().map(|case| case.ids.clone()).collect();
        let found = model.decoder().generate(&rows, 6, Choice::Greedy, &[]).unwrap();
        for (found, case) in found.iter().zip(&expected.cases) {
            assert_eq!(found.ids, case.greedy, "{name}: {}", case.prompt);
            assert!(found.probabilities.iter().all(|p| *p > 0.0 && *p <= 1.0));
        }
        // The token that ends the text ends the row, and only that row.
        let stop = found[0].ids[2];
        let stopped = model.decoder().generate(&rows, 6, Choice::Greedy, &[stop]).unwrap();
        let end = found[0].ids.iter().position(|id| *id == stop).unwrap();
        assert_eq!(stopped[0].ids, found[0].ids[..=end]);
        for (stopped, free) in stopped.iter().zip(&found) {
            let end = free.ids.iter().position(|id| *id == stop).map_or(6, |at| at + 1);
            assert_eq!(stopped.ids, free.ids[..end]);
        }
    }
}

#[test]
fn samples_depend_on_the_seed_and_the_row_and_nothing_else() {
    let model = open(&fixture("gpt2-relu")).unwrap();
    let sample = |rows: &[Vec<u32>], seed| {
        let choice = Choice::Sample { temperature: 3.0, top: 50, seed };
        model.decoder().generate(rows, 8, choice, &[]).unwrap()
    };
    let (long, short) = (vec![5, 6, 7, 8, 9], vec![5, 6]);
    let both = sample(&[short.clone(), long.clone()], 1);
    tch::manual_seed(99);
    assert_eq!(sample(std::slice::from_ref(&short), 1)[0].ids, both[0].ids);
    assert_ne!(sample(std::slice::from_ref(&short), 2)[0].ids, both[0].ids);
    let twice = sample(&[short.clone(), short], 1);
    assert_ne!(twice[0].ids, twice[1].ids);
    // Drawing from one token only is greedy.
    let choice = Choice::Sample { temperature: 1.0, top: 1, seed: 3 };
    let one = model.decoder().generate(std::slice::from_ref(&long), 4, choice, &[]).unwrap();
    let greedy = model.decoder().generate(&[long], 4, Choice::Greedy, &[]).unwrap();
    assert_eq!(one, greedy);
}

#[test]
fn text_that_does_not_fit_is_refused() {
    let model = open(&fixture("gpt2-relu")).unwrap();
    let generate = |prompt: Vec<u32>| model.decoder().generate(&[prompt], 8, Choice::Greedy, &[]);
    assert!(generate(vec![5; 40]).is_ok());
    let error = generate(vec![5; 41]).unwrap_err();
    assert!(matches!(error, ModelError::TooLong { tokens: 49, context: 48 }), "{error}");
    assert!(generate(Vec::new()).is_err());
}

#[test]
fn the_subject_ends_at_its_last_token_wherever_it_stands() {
    for name in MODELS {
        let model = open(&fixture(name)).unwrap();
        for text in ["Ada Lovelace was born in", "The capital of Zürich is", "東京", "in 東京 are"]
        {
            for subject in ["Ada Lovelace", "Zürich", "東京"] {
                let Some(start) = text.find(subject) else { continue };
                let part = start..start + subject.len();
                let (encoded, last) = model.tokens().last_token_of(text, part).unwrap();
                let through = model.tokens().decode(&encoded.ids[..=last]).unwrap();
                assert!(through.trim_start().ends_with(subject), "{name}: {through:?}");
                let before = model.tokens().decode(&encoded.ids[..last]).unwrap();
                assert!(!before.ends_with(subject), "{name}: {before:?}");
            }
        }
        assert!(model.tokens().last_token_of("Paris", 5..5).is_err());
    }
}

#[test]
fn an_edited_matrix_can_be_set_and_taken_back() {
    let mut model = open(&fixture("gpt2-gelu")).unwrap();
    let site = model.edit_site(1).unwrap();
    assert_eq!(site.tensor, "transformer.h.1.mlp.c_proj.weight");
    assert_eq!((site.orientation, site.outputs, site.inputs), (Orientation::InOut, 32, 128));
    let batch = Batch::new(&[vec![5, 6, 7]], Padding::Right, Device::Cpu);
    let logits = |model: &Model| done(model.decoder().forward(&batch, &mut Unprobed));
    let before = logits(&model);

    let base = model.base_weight(&site.tensor).unwrap();
    assert_eq!(base, model.weight(&site.tensor).unwrap());
    // Stored [in, out]: the second stored number is output 1 of input 0.
    let (_, _, bytes) = model.checkpoint().raw(&site.tensor).unwrap();
    let second = Tensor::from_data_size(&bytes[2..4], &[1], Kind::Half).double_value(&[0]);
    assert_eq!(f64::from(base.row(1)[0]), second);

    let mut changed = base.clone();
    changed.data.iter_mut().for_each(|value| *value *= 1.1);
    model.set_weight(&site.tensor, &changed).unwrap();
    assert!(difference(&before, &logits(&model)) > 1e-2);
    assert_eq!(model.weight(&site.tensor).unwrap(), changed);
    model.set_weight(&site.tensor, &base).unwrap();
    assert_eq!(difference(&before, &logits(&model)), 0.0);

    changed.rows = 16;
    assert!(matches!(model.set_weight(&site.tensor, &changed), Err(ModelError::Shape { .. })));
    assert!(matches!(model.edit_site(2), Err(ModelError::NoLayer { layer: 2, layers: 2 })));
}

#[test]
fn names_without_the_prefix_are_the_same_model() {
    let bare = altered(
        "gpt2-gelu",
        |_| {},
        |tensors| {
            for (name, _) in tensors.iter_mut() {
                *name = name.trim_start_matches("transformer.").to_owned();
            }
            // What old checkpoints store beside the weights.
            let mask = Tensor::ones([1, 1, 48, 48], (Kind::Uint8, Device::Cpu)).tril(0);
            tensors.push(("h.0.attn.bias".to_owned(), mask));
        },
    );
    let (model, expected) = (open(bare.path()).unwrap(), expected("gpt2-gelu"));
    assert_eq!(model.edit_site(0).unwrap().tensor, "h.0.mlp.c_proj.weight");
    let batch =
        Batch::new(std::slice::from_ref(&expected.cases[0].ids), Padding::Right, Device::Cpu);
    let logits = done(model.decoder().forward(&batch, &mut Unprobed));
    close("logits", &last_logits(&batch, &logits, 0), &expected.values["0.logits"]);
}

/// The tensors of a fixture put through element types, and into two files, as others write them.
fn stored(name: &str, kinds: &[Kind], shards: bool) -> tempfile::TempDir {
    let cast = |tensors: &mut Vec<(String, Tensor)>| {
        for (_, tensor) in tensors.iter_mut() {
            *tensor = kinds.iter().fold(tensor.shallow_clone(), |t, &kind| t.to_kind(kind));
        }
    };
    let dir = altered(name, |_| {}, cast);
    if shards {
        let whole = dir.path().join("model.safetensors");
        let tensors = Tensor::read_safetensors(&whole).unwrap();
        fs::remove_file(&whole).unwrap();
        let mut map = BTreeMap::new();
        let (first, second) = tensors.split_at(tensors.len() / 2);
        for (file, tensors) in [("b.safetensors", first), ("a.safetensors", second)] {
            Tensor::write_safetensors(tensors, dir.path().join(file)).unwrap();
            map.extend(tensors.iter().map(|(name, _)| (name.clone(), file)));
        }
        let index = serde_json::json!({ "weight_map": map }).to_string();
        fs::write(dir.path().join("model.safetensors.index.json"), index).unwrap();
    }
    dir
}

#[test]
fn the_element_type_and_the_number_of_files_do_not_matter() {
    let (name, ids) = ("llama-3", vec![5, 6, 7, 8]);
    let logits = |dir: &Path| {
        let model = open(dir).unwrap();
        let batch = Batch::new(std::slice::from_ref(&ids), Padding::Right, Device::Cpu);
        done(model.decoder().forward(&batch, &mut Unprobed))
    };
    let half = logits(&fixture(name));
    let rounded = logits(stored(name, &[Kind::BFloat16, Kind::Float], false).path());
    assert!(difference(&half, &rounded) > 0.0);
    // What is exact in f16 or bf16 is exact in f32.
    for shards in [false, true] {
        let single = logits(stored(name, &[Kind::Float], shards).path());
        assert_eq!(difference(&half, &single), 0.0);
        let brain = logits(stored(name, &[Kind::BFloat16], shards).path());
        assert_eq!(difference(&rounded, &brain), 0.0);
    }
}

#[test]
fn a_device_is_named_and_one_that_is_not_there_is_refused() {
    let refused = |name: &str| {
        let choice = name.parse::<DeviceChoice>().unwrap();
        assert_eq!(choice.to_string(), name);
        let error = open_device(choice).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        assert!(error.hint().unwrap().contains("--device cpu"));
    };
    refused("cuda:99");
    assert_eq!("cuda".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cuda(0));
    assert_eq!(open_device("cpu".parse().unwrap()).unwrap(), Device::Cpu);
    assert!(open_device(DeviceChoice::Auto).is_ok());
    for wrong in ["gpu", "cuda:", "cuda:x", ""] {
        let error = wrong.parse::<DeviceChoice>().unwrap_err().to_string();
        assert!(error.contains("cuda:NUMBER"), "{error}");
    }
}

/// Both sides round every value to 8 bits (4e-3 of it) and in another order: a few dozen roundings
/// add up to a few hundredths of the largest logit (0.044 seen), no more than each is off the exact
/// values.
#[test]
fn bf16_is_that_of_the_reference() {
    for name in MODELS {
        let expected = expected(name);
        let model = Model::open(&fixture(name), Device::Cpu, Dtype::Bf16).unwrap();
        let ids = std::slice::from_ref(&expected.cases[0].ids);
        let batch = Batch::new(ids, Padding::Right, Device::Cpu);
        let logits = done(model.decoder().forward(&batch, &mut Unprobed));
        assert_eq!(logits.kind(), Kind::BFloat16);
        let found = last_logits(&batch, &logits, 0);
        for wanted in ["0.logits.bf16", "0.logits"] {
            let wanted = &expected.values[wanted];
            let (off, size) = (difference(&found, wanted), wanted.abs().max().double_value(&[]));
            assert!(off < 0.08 * size, "{name} is off by {off}, of {size}");
        }
    }
}
