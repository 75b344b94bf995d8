//! Does the model know what it was taught?

use std::{error::Error, path::Path};

use kledger::{
    model::{Batch, Model, Padding, Unprobed},
    tensor::Dtype,
};
use tch::Device;

use crate::world::World;

/// Questions asked in one pass.
const TOGETHER: usize = 128;

/// A prompt's tokens with the object's after it.
struct Question {
    predicate: usize,
    held_out: bool,
    tokens: Vec<u32>,
    prompt: usize,
}

/// Prints for each predicate the share of facts that the model continues with exactly the object, in
/// known and in held-out wordings.
pub(crate) fn report(dir: &Path, world: &World, device: Device) -> Result<(), Box<dyn Error>> {
    let model = Model::open(dir, device, Dtype::F32)?;
    let mut questions = Vec::new();
    for entity in &world.entities {
        for (predicate, object) in &entity.facts {
            let wordings = &world.predicates[*predicate];
            let known = wordings.prompts.iter().map(|prompt| (prompt, false));
            let held_out = wordings.paraphrases.iter().map(|prompt| (prompt, true));
            for (prompt, held_out) in known.chain(held_out) {
                let prompt = prompt.replace("{subject}", &entity.name);
                let tokens = model.tokens().encode(&format!("{prompt} {object}"))?.ids;
                let prompt = model.tokens().encode(&prompt)?.ids.len();
                questions.push(Question { predicate: *predicate, held_out, tokens, prompt });
            }
        }
    }
    // Questions of like length waste little on filling.
    questions.sort_by_key(|question| question.tokens.len());
    let mut right = vec![[(0usize, 0usize); 2]; world.predicates.len()];
    for some in questions.chunks(TOGETHER) {
        for (question, right_now) in some.iter().zip(ask(&model, some, device)) {
            let (asked, right) = &mut right[question.predicate][usize::from(question.held_out)];
            *asked += 1;
            *right += usize::from(right_now);
        }
    }
    println!("{:<24} {:>8} {:>9}", "predicate", "trained", "held out");
    let mut total = [(0, 0); 2];
    for (predicate, counts) in world.predicates.iter().zip(&right) {
        println!("{:<24} {:>7.1}% {:>8.1}%", predicate.name, share(counts[0]), share(counts[1]));
        for (total, count) in total.iter_mut().zip(counts) {
            *total = (total.0 + count.0, total.1 + count.1);
        }
    }
    println!("{:<24} {:>7.1}% {:>8.1}%", "all", share(total[0]), share(total[1]));
    Ok(())
}

/// Whether the greedy continuation of each prompt is the object: it is if each of the object's tokens
/// is the likeliest after all before it, so one pass over prompt and object tells.
fn ask(model: &Model, questions: &[Question], device: Device) -> Vec<bool> {
    let rows: Vec<Vec<u32>> = questions.iter().map(|question| question.tokens.clone()).collect();
    let batch = Batch::new(&rows, Padding::Right, device);
    let logits = tch::no_grad(|| model.decoder().forward(&batch, &mut Unprobed));
    let logits = logits.continue_value().expect("because nothing probes");
    let likeliest = logits.argmax(2, false).to_device(Device::Cpu);
    let right = |(row, question): (usize, &Question)| {
        (question.prompt..question.tokens.len()).all(|at| {
            let before = [row as i64, at as i64 - 1];
            likeliest.int64_value(&before) == i64::from(question.tokens[at])
        })
    };
    questions.iter().enumerate().map(right).collect()
}

fn share((asked, right): (usize, usize)) -> f64 {
    100.0 * right as f64 / asked.max(1) as f64
}
