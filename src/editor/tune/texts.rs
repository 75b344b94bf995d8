//! The texts that are trained on, and their loss.

use std::ops::{ControlFlow, Range};

use tch::{Device, Kind, Tensor, no_grad};

use super::plan::Misfit;
use crate::{
    editor::{matrix::int, worded::Worded},
    model::{Decoder, Padding, Question, Unprobed, free_memory},
};

/// Tokens of filling that cost less than a pass of its own.
const FILLING: usize = 64;

/// A text, and what is wanted of it.
#[derive(Debug)]
struct Text {
    ids: Vec<u32>,
    /// Where in it is read what comes next.
    reads: Vec<usize>,
    wanted: Wanted,
    /// How much it counts in the loss of its fact.
    weight: f64,
    /// What enters the first block that can change, `[tokens, d]`.
    entering: Option<Tensor>,
}

/// What is to come next.
#[derive(Debug)]
enum Wanted {
    /// These tokens, one at each place.
    Tokens(Vec<i64>),
    /// What came before: the streams that left the last block then, `[places, d]`.
    Before(Option<Tensor>),
}

impl Text {
    /// A wording of a fact; `end` is the token that ends a text.
    fn target(question: &Question, misfit: Misfit, end: Option<u32>, weight: f64) -> Self {
        let Question { mut ids, prompt, mut reads, mut wanted } = question.clone();
        match misfit {
            // What an encoder says is in no order.
            Misfit::Bag if prompt == ids.len() => {}
            Misfit::Bag => {
                ids.truncate(prompt);
                reads = vec![prompt - 1; wanted.len()];
            }
            Misfit::Forced { end: with_end } => {
                if let Some(end) = end.filter(|_| with_end) {
                    reads.push(ids.len());
                    ids.extend(wanted.last());
                    wanted.push(end);
                }
            }
        }
        let wanted = Wanted::Tokens(wanted.into_iter().map(i64::from).collect());
        Self { ids, reads, wanted, weight, entering: None }
    }

    /// A prompt that is to go on as it does.
    fn kept(prompt: &Question, weight: f64) -> Self {
        let (ids, reads) = (prompt.ids.clone(), prompt.reads.clone());
        Self { ids, reads, wanted: Wanted::Before(None), weight, entering: None }
    }
}

/// The texts of facts, and where they begin to change.
#[derive(Debug)]
pub(super) struct Texts {
    by_fact: Vec<Vec<Text>>,
    /// The lowest block that is tuned.
    lowest: usize,
    /// Tokens that are run together at most.
    pass: usize,
}

impl Texts {
    /// What facts are trained on: their targets, and with a weight `locality` prompts of other facts. What enters the
    /// block `lowest` is computed here and never again.
    pub(super) fn new(
        worded: &[Worded],
        misfit: Misfit,
        locality: f64,
        (decoder, end): (&Decoder, Option<u32>),
        lowest: usize,
    ) -> Self {
        let of = |worded: &Worded| {
            let weight = 1.0 / worded.edited.len() as f64;
            let edited = worded.edited.iter();
            let targets = edited.map(|question| Text::target(question, misfit, end, weight));
            let weight = locality / worded.kept.len().max(1) as f64;
            let kept = worded.kept.iter().filter(|_| locality > 0.0);
            targets.chain(kept.map(|prompt| Text::kept(prompt, weight))).collect()
        };
        let pass = tokens_of_a_pass(decoder, lowest);
        let mut texts = Self { by_fact: worded.iter().map(of).collect(), lowest, pass };
        no_grad(|| texts.enter(decoder));
        texts
    }

    /// Runs all texts up to where they begin to change, and reads what is to stay.
    fn enter(&mut self, decoder: &Decoder) {
        let (lowest, pass) = (self.lowest, self.pass);
        let mut texts: Vec<&mut Text> = self.by_fact.iter_mut().flatten().collect();
        texts.sort_by_key(|text| text.ids.len());
        let lengths: Vec<usize> = texts.iter().map(|text| text.ids.len()).collect();
        for bucket in buckets(&lengths, pass) {
            let texts = &mut texts[bucket];
            let ids: Vec<Vec<u32>> = texts.iter().map(|text| text.ids.clone()).collect();
            let batch = decoder.batch(&ids, Padding::Right);
            let hidden = decoder.embed(&batch.ids, &batch.positions);
            let hidden = through(decoder, 0..lowest, hidden, batch.mask.as_ref());
            for (row, text) in (0..).zip(texts.iter_mut()) {
                let own = hidden.get(row).narrow(0, 0, int(text.ids.len()));
                text.entering = Some(own.copy());
            }
            let is_kept = |text: &Text| matches!(text.wanted, Wanted::Before(_));
            let kept: Vec<&Text> = texts.iter().map(|text| &**text).collect();
            let kept: Vec<&Text> = kept.into_iter().filter(|text| is_kept(text)).collect();
            if !kept.is_empty() {
                let left = leaving(decoder, lowest, &kept);
                let mut place = 0;
                for text in texts.iter_mut().filter(|text| is_kept(text)) {
                    let places = int(text.reads.len());
                    text.wanted = Wanted::Before(Some(left.narrow(0, place, places).copy()));
                    place += places;
                }
            }
        }
    }

    /// The loss of some facts, the mean over them, and its slopes by `leaves`, which the decoder computes with, in f32.
    pub(super) fn slopes(
        &self,
        decoder: &Decoder,
        facts: &[usize],
        leaves: &[Tensor],
    ) -> (f64, Vec<Tensor>) {
        let mut loss = 0.0;
        let mut slopes: Option<Vec<Tensor>> = None;
        for texts in self.together(facts) {
            let costs = self.costs(decoder, &texts) / facts.len() as f64;
            let cost = costs.sum(Kind::Float);
            loss += cost.double_value(&[]);
            let new = Tensor::run_backward(&[cost], leaves, false, false);
            let new = new.into_iter().map(|slope| slope.to_kind(Kind::Float));
            slopes = Some(match slopes {
                None => new.collect(),
                Some(sum) => sum.into_iter().zip(new).map(|(sum, new)| sum + new).collect(),
            });
        }
        (loss, slopes.unwrap_or_default())
    }

    /// The loss of a fact, what is to stay left out.
    pub(super) fn misfit(&self, decoder: &Decoder, fact: usize) -> f64 {
        let targets = self.by_fact[fact].iter();
        let targets: Vec<&Text> =
            targets.filter(|text| matches!(text.wanted, Wanted::Tokens(_))).collect();
        no_grad(|| self.costs(decoder, &targets).sum(Kind::Double).double_value(&[]))
    }

    /// Texts of `facts` that are about equally long, as many as are run together.
    fn together(&self, facts: &[usize]) -> Vec<Vec<&Text>> {
        let mut texts: Vec<&Text> = facts.iter().flat_map(|&fact| &self.by_fact[fact]).collect();
        texts.sort_by_key(|text| text.ids.len());
        let lengths: Vec<usize> = texts.iter().map(|text| text.ids.len()).collect();
        buckets(&lengths, self.pass).into_iter().map(|bucket| texts[bucket].to_vec()).collect()
    }

    /// What each place that is read costs, weighted, `[places]`.
    fn costs(&self, decoder: &Decoder, texts: &[&Text]) -> Tensor {
        let log_p = |streams: &Tensor| decoder.head(streams).log_softmax(-1, Kind::Float);
        let now = log_p(&leaving(decoder, self.lowest, texts)); // [places, vocabulary]
        let mut costs = Vec::new();
        let mut place = 0;
        for text in texts {
            let places = int(text.reads.len());
            let now = now.narrow(0, place, places);
            let cost = match &text.wanted {
                Wanted::Tokens(tokens) => {
                    let tokens = Tensor::from_slice(tokens).view([-1, 1]).to_device(now.device());
                    -now.gather(1, &tokens, false).squeeze_dim(1)
                }
                Wanted::Before(stream) => {
                    let stream = stream.as_ref().expect("because it was read when texts entered");
                    let before = no_grad(|| log_p(stream));
                    (before.exp() * (before - now)).sum_dim_intlist(
                        [1i64].as_slice(),
                        false,
                        Kind::Float,
                    )
                }
            };
            costs.push(cost * (text.weight / text.reads.len() as f64));
            place += places;
        }
        Tensor::cat(&costs, 0)
    }
}

/// The streams that leave the last block where texts are read, one after the other, `[places, d]`. They enter block
/// `lowest` as was found.
fn leaving(decoder: &Decoder, lowest: usize, texts: &[&Text]) -> Tensor {
    let entering: Vec<&Tensor> = texts
        .iter()
        .map(|text| text.entering.as_ref().expect("because texts entered when they were made"))
        .collect();
    let lengths: Vec<usize> = texts.iter().map(|text| text.ids.len()).collect();
    let mask = decoder.mask(&lengths);
    let hidden = Tensor::pad_sequence(&entering, true, 0.0, "right");
    let longest = hidden.size()[1];
    let read = texts
        .iter()
        .enumerate()
        .flat_map(|(row, text)| text.reads.iter().map(move |&read| int(row) * longest + int(read)));
    let read: Vec<i64> = read.collect();
    let hidden = through(decoder, lowest..decoder.spec().layers, hidden, mask.as_ref());
    hidden.flatten(0, 1).index_select(0, &Tensor::from_slice(&read).to_device(hidden.device()))
}

/// Runs blocks to which nobody listens over texts that are filled up on the right.
fn through(
    decoder: &Decoder,
    blocks: Range<usize>,
    hidden: Tensor,
    mask: Option<&Tensor>,
) -> Tensor {
    match decoder.blocks(blocks, hidden, &[], mask, &mut Unprobed) {
        ControlFlow::Continue((hidden, _)) => hidden,
        ControlFlow::Break(()) => unreachable!("because nobody listens who could end the pass"),
    }
}

/// How many tokens are run together: what is kept of them for the way back is a share of what is free.
fn tokens_of_a_pass(decoder: &Decoder, lowest: usize) -> usize {
    const F32: usize = 4;
    let spec = decoder.spec();
    let blocks = spec.layers - lowest;
    let token = F32 * (blocks * (16 * spec.width + 3 * spec.inner) + spec.vocabulary / 2);
    let free = free_memory(decoder.device()).unwrap_or(4 << 30);
    let pass = match decoder.device() {
        Device::Cpu => (free / 8).min(1 << 30),
        _ => free / 6,
    };
    (pass / token).max(1)
}

/// Neighbours that are run together, of texts whose lengths ascend.
fn buckets(lengths: &[usize], pass: usize) -> Vec<Range<usize>> {
    let mut buckets: Vec<Range<usize>> = Vec::new();
    let mut tokens = 0;
    for (i, &length) in lengths.iter().enumerate() {
        if let Some(bucket) = buckets.last_mut() {
            let filled = (bucket.len() + 1) * length;
            if filled <= pass && filled - tokens - length <= FILLING {
                bucket.end = i + 1;
                tokens += length;
                continue;
            }
        }
        buckets.push(i..i + 1);
        tokens = length;
    }
    buckets
}
