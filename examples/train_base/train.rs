//! The training loop: AdamW, a cosine, and a state to go on from.

use std::{error::Error, ops::ControlFlow, path::Path};

use indicatif::{ProgressBar, ProgressStyle};
use kledger::{
    checkpoint::Checkpoint,
    model::{
        Attention, Decoder, ModelError, Part, Role, Site, Slot, Spec, Unprobed, Weights, family,
    },
};
use tch::{Device, Kind, Tensor};
use tokenizers::Tokenizer;

use crate::{
    Args,
    adam::Adam,
    corpus::{self, Sequence},
    output,
    swap::Swap,
    world::World,
};

/// Tokens in a sequence.
const SEQUENCE: usize = 96;
const WARM_UP: usize = 100;
/// The cosine ends at this part of the highest rate.
const LAST_RATE: f64 = 0.02;
/// What a run goes on from, in the output directory.
const STATE: &str = "training-state.safetensors";
/// Steps between two states.
const STATE_EVERY: usize = 200;

/// Trains from random weights, those of a model of the same shape, or the state in the output directory.
pub(crate) fn train(
    args: &Args,
    world: &World,
    tokenizer: &Tokenizer,
    spec: Spec,
    device: Device,
) -> Result<Decoder, Box<dyn Error>> {
    tch::manual_seed(i64::try_from(args.seed)?);
    let given = args.from.as_ref().map(|dir| Checkpoint::open(dir)).transpose()?;
    let family = family(spec.model_type, &[])?;
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

    let per_pass = |pass| corpus::sequences(world, tokenizer, args.seed, pass, SEQUENCE);
    let mut text = per_pass(0)?;
    // Passes differ by a few tokens; all have as many steps as the first.
    let steps_per_pass = text.len() / args.batch;
    let steps = steps_per_pass * args.epochs;
    let bar = ProgressBar::new(steps as u64).with_style(ProgressStyle::with_template(
        "{bar:30} {pos}/{len} steps, {elapsed} of about {duration}, {msg}",
    )?);
    let mut loaded = 0;
    let mut mean_loss = None;
    while step < steps {
        let (pass, place) = (step / steps_per_pass, step % steps_per_pass);
        if pass != loaded {
            text = per_pass(pass)?;
            loaded = pass;
        }
        let from = (place * args.batch).min(text.len() - args.batch);
        let loss = loss(&decoder, &text[from..from + args.batch], args, device);
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
    println!("{steps} steps of {} tokens in {:?}, {last}", args.batch * SEQUENCE, bar.elapsed());
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

/// What a step lowers.
struct Loss {
    /// Weighted mean negative log likelihood of every next token.
    prediction: Tensor,
    /// The same and, weighted, the names' loss.
    total: Tensor,
}

fn loss(decoder: &Decoder, rows: &[Sequence], args: &Args, device: Device) -> Loss {
    let length = SEQUENCE as i64;
    let batch = |of: fn(&Sequence) -> &Vec<i64>| {
        let tokens: Vec<i64> = rows.iter().flat_map(of).copied().collect();
        Tensor::from_slice(&tokens).view([rows.len() as i64, -1]).to_device(device)
    };
    let tokens = batch(|row| &row.ids);
    let names = batch(|row| &row.names).narrow(1, 0, length);
    let positions = Tensor::arange(length, (Kind::Int64, device)).unsqueeze(0);
    let ids = tokens.narrow(1, 0, length);
    let embedded = decoder.embed(&ids, &positions);
    let mut hidden = embedded.dropout(args.dropout, true);
    let swap = (args.swap > 0.0).then(|| Swap::new(rows, SEQUENCE, args.swap, device));
    for layer in 0..decoder.spec().layers {
        let out = decoder.block(layer, &hidden, &Attention::default(), &mut Unprobed);
        let out = out.continue_value().expect("because nothing ends the pass").0;
        hidden = &hidden + (out - &hidden).dropout(args.dropout, true);
        if let (0, Some(swap)) = (layer, &swap) {
            hidden = swap.names(&hidden);
        }
    }
    let logits = decoder.head(&hidden).flatten(0, 1);
    let mut targets = tokens.narrow(1, 1, length).flatten(0, 1);
    if let Some(swap) = &swap {
        targets = swap.objects(&targets);
    }
    let unlikely = -logits.log_softmax(1, Kind::Float).gather(1, &targets.unsqueeze(1), false);
    let objects = batch(|row| &row.objects).narrow(1, 1, length).flatten(0, 1);
    let weights = objects.to_kind(Kind::Float) * (1.0 - args.rest) + args.rest;
    let prediction = (unlikely.squeeze() * &weights).sum(Kind::Float) / weights.sum(Kind::Float);
    if args.names == 0.0 {
        return Loss { total: prediction.shallow_clone(), prediction };
    }
    let apart = names_apart(decoder, &ids, &positions, &embedded, &names);
    Loss { total: &prediction + apart * args.names, prediction }
}

/// Names have a loss of their own: how far a name's tokens, after the first block's attention, are from
/// those of the same name elsewhere with nothing around it, relative to the stream.
///
/// A small model left alone reads a name together with the words before it, in the first block, and with
/// its place in the text. Then the name has another key in every wording, so that an edit made in some
/// wordings is lost in others and moves other names. Large models put the tokens of a name together
/// first; this one is taught to.
fn names_apart(
    decoder: &Decoder,
    ids: &Tensor,
    positions: &Tensor,
    embedded: &Tensor,
    names: &Tensor,
) -> Tensor {
    let context = decoder.spec().context as i64;
    let moved = Tensor::randint(context, [ids.size()[0], 1], (Kind::Int64, ids.device()));
    let elsewhere = decoder.embed(ids, &(positions + moved).remainder(context));
    let read =
        attended(decoder, embedded, None) - attended(decoder, &elsewhere, Some(&own_name(names)));
    let share = square(&read) / square(&embedded.detach());
    let named = names.gt(0).to_kind(Kind::Float);
    (share * &named).sum(Kind::Float) / named.sum(Kind::Float).clamp_min(1.0)
}

/// Where tokens may look, for [`Attention`]: those of names at that name only, others as they would.
fn own_name(names: &Tensor) -> Tensor {
    let (from, to) = (names.unsqueeze(2), names.unsqueeze(1)); // [b, t, 1], [b, 1, t]
    from.eq(0).logical_or(&from.eq_tensor(&to)).tril(0).unsqueeze(1)
}

/// The stream after the first block's attention, `[batch, tokens, d]`.
fn attended(decoder: &Decoder, embedded: &Tensor, mask: Option<&Tensor>) -> Tensor {
    let mut out = None;
    let mut probe = |site: Site, value: &mut Tensor| {
        if site != Site::OutOf(Part::AttentionOut, 0) {
            return ControlFlow::Continue(());
        }
        out = Some(value.shallow_clone());
        ControlFlow::Break(())
    };
    let seen = Attention { mask, ..Attention::default() };
    let _ended = decoder.block(0, embedded, &seen, &mut probe);
    embedded + out.expect("because attention is what a block begins with")
}

/// Squared length of each token's vector.
fn square(x: &Tensor) -> Tensor {
    x.square().sum_dim_intlist([2i64].as_slice(), false, Kind::Float)
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
