//! Learning the world's sentences: every next token, and names by themselves.

use std::{error::Error, ops::ControlFlow};

use kledger::model::{Attention, Decoder, Part, Site};
use tch::{Device, Kind, Tensor};
use tokenizers::Tokenizer;

use crate::{
    Args,
    corpus::{self, Sequence},
    swap::Swap,
    train::{Lessons, Loss, through},
    world::World,
};

/// Tokens in a sequence.
const SEQUENCE: usize = 96;

/// The world in sentences, pass after pass.
pub(crate) struct Sentences<'a> {
    args: &'a Args,
    world: &'a World,
    tokenizer: &'a Tokenizer,
    device: Device,
    /// Those of one pass, and of which.
    text: Vec<Sequence>,
    loaded: usize,
    steps_per_pass: usize,
}

impl<'a> Sentences<'a> {
    pub(crate) fn new(
        args: &'a Args,
        world: &'a World,
        tokenizer: &'a Tokenizer,
        device: Device,
    ) -> Result<Self, Box<dyn Error>> {
        let text = corpus::sequences(world, tokenizer, args.seed, 0, SEQUENCE)?;
        // Passes differ by a few tokens; all have as many steps as the first.
        let steps_per_pass = text.len() / args.batch;
        Ok(Self { args, world, tokenizer, device, text, loaded: 0, steps_per_pass })
    }
}

impl Lessons for Sentences<'_> {
    fn steps(&self) -> usize {
        self.steps_per_pass * self.args.epochs
    }

    fn loss(&mut self, decoder: &Decoder, step: usize) -> Result<Loss, Box<dyn Error>> {
        let (pass, place) = (step / self.steps_per_pass, step % self.steps_per_pass);
        if pass != self.loaded {
            let (world, seed) = (self.world, self.args.seed);
            self.text = corpus::sequences(world, self.tokenizer, seed, pass, SEQUENCE)?;
            self.loaded = pass;
        }
        let from = (place * self.args.batch).min(self.text.len() - self.args.batch);
        let rows = &self.text[from..from + self.args.batch];
        Ok(loss(decoder, rows, self.args, self.device))
    }
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
    let swap = (args.swap > 0.0).then(|| Swap::new(rows, SEQUENCE, args.swap, device));
    let hidden = through(decoder, &embedded, None, args.dropout, |layer, hidden| match &swap {
        Some(swap) if layer == 0 => swap.names(&hidden),
        _ => hidden,
    });
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
