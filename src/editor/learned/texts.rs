//! Texts that end with what is wanted of the model.

use std::ops::ControlFlow;

use tch::{Kind, Tensor, no_grad};

use crate::{
    editor::locate::lookup::{Asked, continuation},
    model::{Batch, Decoder, ModelError, Padding, Probe, Tokens, Unprobed},
};

/// A prompt and what is to follow it, but for its last token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::editor) struct Text {
    pub(in crate::editor) ids: Vec<u32>,
    /// The last places predict these, one each.
    pub(in crate::editor) wanted: Vec<u32>,
}

impl Text {
    /// `prompt`, and `target` after a space.
    ///
    /// # Errors
    /// When they have a token in common, or are too long to be read together.
    pub(in crate::editor) fn new(
        tokens: &Tokens,
        prompt: &str,
        target: &str,
        context: usize,
    ) -> Result<Self, ModelError> {
        let mut ids = tokens.encode(prompt)?.ids;
        let wanted = continuation(tokens, prompt, &ids, target)?;
        let Some((_, all_but_last)) = wanted.split_last() else {
            return Err(ModelError::NoToken { part: target.to_owned(), text: prompt.to_owned() });
        };
        ids.extend(all_but_last);
        if ids.len() > context {
            return Err(ModelError::TooLong { tokens: ids.len(), context });
        }
        Ok(Self { ids, wanted })
    }

    /// A request in the words that edits are made with.
    pub(in crate::editor) fn of(asked: &Asked) -> Self {
        Self { ids: asked.contexts[0].ids.clone(), wanted: asked.target.clone() }
    }
}

/// Texts up to the block where they begin to change.
#[derive(Debug)]
pub(in crate::editor) struct Entering {
    /// What enters that block, `[rows, tokens, d]`; what is right of a text means nothing.
    hidden: Tensor,
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
        let batch = Batch::new(&rows, Padding::Right, decoder.device());
        let hidden = no_grad(|| {
            let hidden = decoder.embed(&batch.ids, &batch.positions);
            through(decoder, 0, lowest, hidden, &mut Unprobed)
        });
        let longest = int(rows.iter().map(Vec::len).max().unwrap_or(0));
        let (mut read, mut wanted) = (Vec::new(), Vec::new());
        for (row, text) in (0..).zip(texts) {
            let first = text.ids.len() - text.wanted.len();
            read.extend((first..text.ids.len()).map(|place| row * longest + int(place)));
            wanted.extend(text.wanted.iter().copied().map(i64::from));
        }
        let places = texts.iter().map(|text| text.wanted.len()).collect();
        let device = decoder.device();
        let tensor = |values: &[i64]| Tensor::from_slice(values).to_device(device);
        Self { hidden, lowest, read: tensor(&read), wanted: tensor(&wanted).view([-1, 1]), places }
    }

    /// log p of all tokens where the texts are read, with `probe` in the pass, `[places, vocabulary]`, f32.
    pub(in crate::editor) fn log_p(&self, decoder: &Decoder, probe: &mut dyn Probe) -> Tensor {
        let hidden = self.hidden.shallow_clone();
        let hidden = through(decoder, self.lowest, decoder.spec().layers, hidden, probe);
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

    /// The tokens that are likeliest, by row.
    pub(in crate::editor) fn likeliest(&self, log_p: &Tensor) -> Vec<Vec<i64>> {
        let likeliest = log_p.argmax(-1, false);
        let all = Vec::<i64>::try_from(likeliest).expect("because tokens are i64");
        self.by_row(&all)
    }

    /// Whether each row would be continued as is wanted.
    pub(in crate::editor) fn hits(&self, log_p: &Tensor) -> Vec<bool> {
        let wanted =
            Vec::<i64>::try_from(self.wanted.squeeze_dim(1)).expect("because they are i64");
        self.by_row(&wanted).into_iter().zip(self.likeliest(log_p)).map(|(a, b)| a == b).collect()
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
    first: usize,
    end: usize,
    hidden: Tensor,
    probe: &mut dyn Probe,
) -> Tensor {
    match decoder.blocks(first..end, hidden, &[], None, probe) {
        ControlFlow::Continue((hidden, _)) => hidden,
        ControlFlow::Break(()) => unreachable!("because no probe here ends a pass"),
    }
}

pub(in crate::editor) fn int(n: usize) -> i64 {
    i64::try_from(n).expect("because sizes are far below 2^63")
}
