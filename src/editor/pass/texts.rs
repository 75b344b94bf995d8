//! Texts that are run up to where the model is read.

use std::ops::ControlFlow;

use tch::{Kind, Tensor, no_grad};

pub(in crate::editor) use crate::model::Question as Text;
use crate::{
    editor::matrix::int,
    model::{Decoder, Padding, Probe, Unprobed},
};

/// Texts up to the block where they begin to change.
#[derive(Debug)]
pub(in crate::editor) struct Entering {
    /// What enters that block, `[rows, tokens, d]`; what is right of a text means nothing.
    hidden: Tensor,
    /// Where there are texts, where attention would look beside them.
    mask: Option<Tensor>,
    lowest: usize,
    /// Indices of the places that are read, of all rows one after the other.
    read: Tensor,
    /// What is wanted there, `[places, 1]`.
    wanted: Tensor,
    /// How many places each row has.
    places: Vec<usize>,
}

impl Entering {
    /// Runs `texts` through the blocks below `lowest`, to which nobody listens.
    pub(in crate::editor) fn new(decoder: &Decoder, texts: &[&Text], lowest: usize) -> Self {
        let rows: Vec<Vec<u32>> = texts.iter().map(|text| text.ids.clone()).collect();
        let batch = decoder.batch(&rows, Padding::Right);
        let mask = batch.mask;
        let hidden = no_grad(|| {
            let hidden = decoder.embed(&batch.ids, &batch.positions);
            through(decoder, (0, lowest), hidden, mask.as_ref(), &mut Unprobed)
        });
        let longest = int(rows.iter().map(Vec::len).max().unwrap_or(0));
        let (mut read, mut wanted) = (Vec::new(), Vec::new());
        for (row, text) in (0..).zip(texts) {
            read.extend(text.reads.iter().map(|&place| row * longest + int(place)));
            wanted.extend(text.wanted.iter().copied().map(i64::from));
        }
        let places = texts.iter().map(|text| text.wanted.len()).collect();
        let device = decoder.device();
        let tensor = |values: &[i64]| Tensor::from_slice(values).to_device(device);
        let (read, wanted) = (tensor(&read), tensor(&wanted).view([-1, 1]));
        Self { hidden, mask, lowest, read, wanted, places }
    }

    /// log p of all tokens, or classes, where the texts are read, with `probe` in the pass, `[places, outputs]`, f32.
    pub(in crate::editor) fn log_p(&self, decoder: &Decoder, probe: &mut dyn Probe) -> Tensor {
        let hidden = self.hidden.shallow_clone();
        let blocks = (self.lowest, decoder.spec().layers);
        let hidden = through(decoder, blocks, hidden, self.mask.as_ref(), probe);
        let read = hidden.flatten(0, 1).index_select(0, &self.read);
        decoder.head(&read).log_softmax(-1, Kind::Float)
    }

    /// −log p of what is wanted, `[places]`.
    pub(in crate::editor) fn nll(&self, log_p: &Tensor) -> Tensor {
        -log_p.gather(1, &self.wanted, false).squeeze_dim(1)
    }

    /// The part that each place has in its row's mean, `[places]`.
    #[expect(clippy::cast_precision_loss, reason = "places are few")]
    pub(in crate::editor) fn shares(&self) -> Tensor {
        let shares = self.places.iter().flat_map(|&n| std::iter::repeat_n(1.0 / n as f32, n));
        Tensor::from_slice(&shares.collect::<Vec<f32>>()).to_device(self.wanted.device())
    }

    /// What is likeliest, by row.
    pub(in crate::editor) fn likeliest(&self, log_p: &Tensor) -> Vec<Vec<i64>> {
        let likeliest = log_p.argmax(-1, false);
        let all = Vec::<i64>::try_from(likeliest).expect("because tokens are i64");
        self.by_row(&all)
    }

    /// Whether of each row that is what is wanted.
    pub(in crate::editor) fn hits(&self, log_p: &Tensor) -> Vec<bool> {
        let wanted =
            Vec::<i64>::try_from(self.wanted.squeeze_dim(1)).expect("because they are i64");
        self.by_row(&wanted).into_iter().zip(self.likeliest(log_p)).map(|(a, b)| a == b).collect()
    }

    /// The row whose wanted places are least likely, of those where something else is likelier; `None` where all is said.
    pub(in crate::editor) fn furthest(&self, log_p: &Tensor) -> Option<usize> {
        let nll = Vec::<f64>::try_from(self.nll(log_p).to_kind(Kind::Double))
            .expect("because they are f64");
        let rows = self.by_row(&nll).into_iter().zip(self.hits(log_p)).enumerate();
        let missed = rows.filter(|(_, (_, hit))| !hit);
        let mean = |nll: &[f64]| nll.iter().sum::<f64>() / nll.len() as f64;
        missed.max_by(|(_, (a, _)), (_, (b, _))| mean(a).total_cmp(&mean(b))).map(|(row, _)| row)
    }

    fn by_row<T: Clone>(&self, all: &[T]) -> Vec<Vec<T>> {
        let mut rest = all;
        let row = |&places: &usize| {
            let (row, others) = rest.split_at(places);
            rest = others;
            row.to_vec()
        };
        self.places.iter().map(row).collect()
    }
}

fn through(
    decoder: &Decoder,
    (first, end): (usize, usize),
    hidden: Tensor,
    mask: Option<&Tensor>,
    probe: &mut dyn Probe,
) -> Tensor {
    match decoder.blocks(first..end, hidden, &[], mask, probe) {
        ControlFlow::Continue((hidden, _)) => hidden,
        ControlFlow::Break(()) => unreachable!("because no probe here ends a pass"),
    }
}
