//! The training loop: AdamW, a cosine, and a state to go on from.

use std::{error::Error, path::Path};

use indicatif::{ProgressBar, ProgressStyle};
use kledger::{
    checkpoint::Checkpoint,
    model::{Attention, Decoder, Family, ModelError, Part, Role, Slot, Spec, Unprobed, Weights},
};
use tch::{Device, Kind, Tensor};

use crate::{Args, adam::Adam, output};

const WARM_UP: usize = 100;
/// The cosine ends at this part of the highest rate.
const LAST_RATE: f64 = 0.02;
/// What a run goes on from, in the output directory.
const STATE: &str = "training-state.safetensors";
/// Steps between two states.
const STATE_EVERY: usize = 200;

/// What a model learns from.
pub(crate) trait Lessons {
    /// Steps that a run has.
    fn steps(&self) -> usize;

    /// What a step lowers.
    fn loss(&mut self, decoder: &Decoder, step: usize) -> Result<Loss, Box<dyn Error>>;
}

/// What a step lowers.
pub(crate) struct Loss {
    /// Mean negative log likelihood of what is to be said.
    pub(crate) prediction: Tensor,
    /// The same with what else is asked for.
    pub(crate) total: Tensor,
}

/// Trains from random weights, those of a model of the same shape, or the state in the output directory.
pub(crate) fn train(
    args: &Args,
    (family, spec): (&'static dyn Family, Spec),
    device: Device,
    lessons: &mut dyn Lessons,
) -> Result<Decoder, Box<dyn Error>> {
    tch::manual_seed(i64::try_from(args.seed)?);
    let given = args.from.as_ref().map(|dir| Checkpoint::open(dir)).transpose()?;
    let weights = Weights::new(family, &spec, family.prefix(), |slot| {
        let start = match &given {
            Some(checkpoint) => stored(slot, checkpoint)?,
            None => initial(slot, spec.layers),
        };
        Ok(start.to_device(device).set_requires_grad(true))
    })?;
    let decoder = Decoder::new(spec, weights);
    let mut adam = Adam::new(decoder.weights());
    let state = args.out.join(STATE);
    let mut step = if args.resume { adam.restore(decoder.weights(), &state)? } else { 0 };

    let steps = lessons.steps();
    let bar = ProgressBar::new(steps as u64).with_style(ProgressStyle::with_template(
        "{bar:30} {pos}/{len} steps, {elapsed} of about {duration}, {msg}",
    )?);
    let mut mean_loss = None;
    while step < steps {
        let loss = lessons.loss(&decoder, step)?;
        loss.total.backward();
        adam.step(decoder.weights(), rate(args.rate, step, steps), step + 1);
        step += 1;
        if step % 20 == 0 {
            let now = loss.prediction.double_value(&[]);
            if !now.is_finite() {
                return Err(format!("the loss is {now} after {step} steps").into());
            }
            let mean = mean_loss.map_or(now, |mean: f64| 0.7 * mean + 0.3 * now);
            mean_loss = Some(mean);
            bar.set_message(format!("loss {mean:.3}"));
        }
        bar.set_position(step as u64);
        if step % STATE_EVERY == 0 {
            adam.save(decoder.weights(), step, &state)?;
            output::write_weights(&args.out, decoder.weights())?;
            println!("{step} steps, loss {:.3}", mean_loss.unwrap_or_default());
        }
    }
    let last = mean_loss.map_or(String::new(), |mean| format!("loss {mean:.3}"));
    bar.finish_with_message(last.clone());
    println!("{steps} steps in {:?}, {last}", bar.elapsed());
    Ok(decoder)
}

/// Removes the state that a finished run needs no more.
pub(crate) fn forget_state(dir: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(dir.join(STATE)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// GPT-2's start: small normal numbers, smaller still where a block writes to the stream.
fn initial(slot: &Slot, layers: usize) -> Tensor {
    let shape = sizes(&slot.shape);
    let kind = (Kind::Float, Device::Cpu);
    match (slot.role, slot.part) {
        (Role::Bias, _) => Tensor::zeros(shape, kind),
        (Role::Weight, part) if part.is_norm() => Tensor::ones(shape, kind),
        (Role::Weight, Part::AttentionOut | Part::MlpDown) => {
            Tensor::randn(shape, kind) * (0.02 / (2.0 * layers as f64).sqrt())
        }
        (Role::Weight, _) => Tensor::randn(shape, kind) * 0.02,
    }
}

fn sizes(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&n| n as i64).collect()
}

/// What a checkpoint holds.
fn stored(slot: &Slot, checkpoint: &Checkpoint) -> Result<Tensor, ModelError> {
    let tensor = checkpoint.tensor(&slot.name)?;
    if tensor.shape != slot.stored_shape() {
        let (name, wanted) = (slot.name.clone(), slot.stored_shape());
        return Err(ModelError::Shape { name, wanted, found: tensor.shape });
    }
    let values = Tensor::from_slice(&tensor.to_f32()).view(&*sizes(&tensor.shape));
    Ok(slot.turn(&values))
}

/// The stream that leaves the last block, where part of what each block adds is left out at random. `after` sees what leaves
/// each block, and says what goes on.
pub(crate) fn through(
    decoder: &Decoder,
    embedded: &Tensor,
    mask: Option<&Tensor>,
    dropout: f64,
    mut after: impl FnMut(usize, Tensor) -> Tensor,
) -> Tensor {
    let mut hidden = embedded.dropout(dropout, true);
    for layer in 0..decoder.spec().layers {
        let seen = Attention { mask, ..Attention::default() };
        let out = decoder.block(layer, &hidden, &seen, &mut Unprobed);
        let out = out.continue_value().expect("because nothing ends the pass").0;
        hidden = after(layer, &hidden + (out - &hidden).dropout(dropout, true));
    }
    hidden
}

/// Linear warm-up, then a cosine.
fn rate(highest: f64, step: usize, steps: usize) -> f64 {
    if step < WARM_UP {
        return highest * (step + 1) as f64 / WARM_UP as f64;
    }
    let done = (step - WARM_UP) as f64 / (steps - WARM_UP).max(1) as f64;
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
    highest * (LAST_RATE + (1.0 - LAST_RATE) * cosine)
}
