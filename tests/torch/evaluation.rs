//! The protocols on a model against the papers' own evaluation code on the same one (golden figures made
//! by `fixtures/make/eval_reference.py`).

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use kledger::{
    checkpoint::Checkpoint,
    engine::{Drawing, Engine, Length, Prompt, Silent},
    eval::{
        Answers, COUNTERFACT, Case, EASYEDIT, MEND, PromptTarget, Protocol, ZSRE,
        dataset::{Answer, Dataset, Reading},
    },
    model::DeviceChoice,
    runtime::TorchEngine,
    tensor::{Dtype, Tensor},
};
use serde_json::Value;

use crate::editor::fixture as random;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/base")
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/eval").join(name)
}

fn open(dir: &Path) -> TorchEngine {
    TorchEngine::open(dir, DeviceChoice::Cpu, Dtype::F32).unwrap()
}

/// A version: the second matrix of a block's MLP negated.
fn negated(dir: &Path, block: usize) -> BTreeMap<String, Tensor> {
    let names = ["", "transformer."].map(|prefix| format!("{prefix}h.{block}.mlp.c_proj.weight"));
    let base = Checkpoint::open(dir).unwrap();
    let name = names.iter().find(|name| base.names().any(|other| other == **name)).unwrap();
    let mut tensor = base.tensor(name).unwrap();
    let width = tensor.bytes.len() / tensor.shape.iter().product::<usize>();
    for element in tensor.bytes.chunks_mut(width) {
        *element.last_mut().unwrap() ^= 0x80; // the sign of a little-endian number
    }
    BTreeMap::from([(name.clone(), tensor)])
}

fn answers(engine: &mut TorchEngine, asked: impl IntoIterator<Item = PromptTarget>) -> Answers {
    let asked: Vec<PromptTarget> = asked.into_iter().collect();
    let probe = |asked: &PromptTarget| Prompt {
        prompt: asked.prompt.clone(),
        expected: asked.target.clone(),
    };
    let probes: Vec<Prompt> = asked.iter().map(probe).collect();
    let scores = engine.score(&probes, &mut Silent).unwrap();
    asked.into_iter().zip(scores.into_iter().map(Option::unwrap)).collect()
}

fn is_whole(case: &Case) -> bool {
    !case.paraphrases.is_empty() && !case.locality.is_empty()
}

#[test]
fn figures_are_those_of_the_papers_own_code() {
    let alternative = Reading { answer: Answer::Alternative, ..Reading::default() };
    let files: [(&Protocol, &str, &Reading); 4] = [
        (&COUNTERFACT, "counterfact.json", &Reading::default()),
        (&ZSRE, "zsre.json", &Reading::default()),
        (&MEND, "zsre.json", &alternative),
        (&EASYEDIT, "easyedit.json", &Reading::default()),
    ];
    for (dir, block, golden) in
        [(random(), 1, "random-1"), (shipped(), 0, "base-0"), (shipped(), 5, "base-5")]
    {
        let golden = fs::read_to_string(fixture(&format!("reference-{golden}.json"))).unwrap();
        let golden: Value = serde_json::from_str(&golden).unwrap();
        let mut engine = open(&dir);
        let close = |found: f64, expected: &Value, what: &str| {
            let expected = expected.as_f64().unwrap();
            let near = (found - expected).abs() < 2e-4 * expected.abs().max(1.0);
            assert!(near, "{} block {block}, {what}: {found}, not {expected}", dir.display());
        };
        for (protocol, file, reading) in files {
            let dataset = Dataset::read(&fixture(file), file, reading).unwrap();
            let cases = dataset.cases.into_iter().map(|(_, case)| case);
            let cases: Vec<Case> =
                cases.filter(|case| protocol.name != "counterfact" || is_whole(case)).collect();
            engine.set_weights(&BTreeMap::new()).unwrap();
            let base = answers(&mut engine, protocol.asked_of_base(&cases));
            engine.set_weights(&negated(&dir, block)).unwrap();
            let now = answers(&mut engine, protocol.asked(&cases));
            let rows: Vec<_> =
                cases.iter().map(|case| protocol.row(case, &now, &base, None)).collect();
            let table = golden[protocol.name].as_object().unwrap();
            let found = protocol.summary(&rows);
            assert_eq!(found.len(), table.len(), "{}", protocol.name);
            for metric in found {
                let what = format!("{} {}", protocol.name, metric.name);
                close(metric.mean, &table[&metric.name], &what);
            }
        }
    }
}

/// The last window used to be moved back to be as long as the others. (Golden figures made by
/// `fixtures/make/perplexity.py`.)
#[test]
fn perplexities_are_those_of_transformers_recipe() {
    let text = fs::read_to_string(fixture("text.txt")).unwrap().repeat(8);
    let golden = fs::read_to_string(fixture("perplexity.json")).unwrap();
    let golden: Vec<Value> = serde_json::from_str(&golden).unwrap();
    for (name, dir) in [("base", shipped()), ("memit", random())] {
        let mut engine = open(&dir);
        let texts = golden.iter().filter(|golden| golden["model"] == name);
        let mut compared = 0;
        for golden in texts {
            let characters = usize::try_from(golden["characters"].as_u64().unwrap()).unwrap();
            let reading = engine.read_text(&text[..characters], &mut Silent).unwrap();
            assert_eq!(reading.tokens, golden["tokens"].as_u64().unwrap(), "{golden}");
            // The mean of logarithms: the perplexity of a single token has that of its rounding.
            let (found, expected) = (reading.perplexity(), golden["PPL"].as_f64().unwrap());
            let off = found.ln() / expected.ln() - 1.0;
            assert!(off.abs() < 1e-6, "{found}, expected {golden}");
            compared += 1;
        }
        assert_eq!(compared, 9);
    }
}

#[test]
fn what_does_not_fit_is_left_out_and_nothing_else() {
    let mut engine = open(&random());
    let probe = |prompt: &str, expected: &str| Prompt {
        prompt: prompt.to_owned(),
        expected: expected.to_owned(),
    };
    let long = "The river was ".repeat(40);
    let probes = [
        probe("The capital of France is", "Rome"),
        probe(&long, "Rome"),
        probe("The capital of France is", "Porto Alegre"),
        probe("The capital of", "Rome"),
    ];
    let together = engine.score(&probes, &mut Silent).unwrap();
    assert_eq!(together.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true, true]);
    for (probe, together) in probes.iter().zip(together) {
        let Some(together) = together else { continue };
        let alone = engine.score(std::slice::from_ref(probe), &mut Silent).unwrap();
        let alone = alone.into_iter().next().flatten().unwrap();
        assert_eq!((&alone.expected, &alone.likeliest), (&together.expected, &together.likeliest));
        for (alone, together) in alone.log_p.iter().zip(&together.log_p) {
            assert!((alone - together).abs() < 1e-4, "{alone} {together}");
        }
        let answer = engine.answer(std::slice::from_ref(probe), &mut Silent).unwrap();
        let probability = together.log_p.iter().sum::<f64>().exp();
        assert!((f64::from(answer[0].probability) - probability).abs() < 1e-5);
    }
    assert!(engine.read_text("", &mut Silent).is_err());
}

#[test]
fn texts_are_drawn_by_their_seed() {
    let mut engine = open(&shipped());
    let beginnings = ["France is", "The Eiffel Tower is close to", "France is"].map(str::to_owned);
    let mut write = |seed| {
        let how = Drawing { length: Length::Whole(30), top: 5, seed };
        engine.write_texts(&beginnings, &how, &mut Silent).unwrap()
    };
    let texts = write(1);
    for (text, beginning) in texts.iter().zip(&beginnings) {
        assert!(text.trim_start().starts_with(beginning), "{text}");
        assert!(text.len() > beginning.len() + 20, "{text}");
    }
    assert_ne!(texts[0], texts[2], "the same beginning goes on in another way");
    assert_eq!(texts, write(1));
    assert_ne!(texts, write(2));
}
