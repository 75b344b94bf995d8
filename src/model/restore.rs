//! Causal tracing (Meng et al., 2022, "Locating and Editing Factual Associations in GPT"): runs in which noise makes some
//! tokens unreadable, and single things put back as they are without it.
//!
//! What is put back at a token changes nothing before the token and nothing below its block. So the run with noise is
//! made once and kept, and a restore runs the rest alone: the blocks above, the token and those after it. Restores at one
//! token run together, each from the block where it begins; in the last block only the last token looks.

use std::ops::{ControlFlow, Range};

use tch::{Kind, Tensor, no_grad};

use super::{
    attention::{Attention, Kv},
    batch::{Batch, Padding},
    decoder::Decoder,
    probe::Site,
    spec::Part,
};

/// Numbers that a pass computes at a time, at most.
const TOGETHER: usize = 1 << 26;

/// What is put back at a token. Parts are [`Part::MlpDown`] and [`Part::AttentionOut`]: what leaves them is what MLP
/// and attention add to the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restore {
    /// The stream after a block.
    State(usize),
    /// What leaves a part in these blocks.
    Outputs(Part, Range<usize>),
    /// The stream after a block, while what leaves a part in all blocks is what it is with noise.
    StateWithout(Part, usize),
}

/// Which run a value is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Clean,
    Noisy,
}

impl Restore {
    /// The block from which on the run differs from that with noise.
    fn begins(&self) -> usize {
        match self {
            Self::State(block) | Self::StateWithout(_, block) => block + 1,
            Self::Outputs(_, blocks) => blocks.start,
        }
    }

    /// Whether the token's stream is put back where it begins.
    const fn is_state(&self) -> bool {
        matches!(self, Self::State(_) | Self::StateWithout(..))
    }

    /// Which run has what is to leave `part` in `block`, if not its own.
    fn output(&self, part: Part, block: usize) -> Option<Source> {
        match self {
            Self::Outputs(own, blocks) if *own == part && blocks.contains(&block) => {
                Some(Source::Clean)
            }
            Self::StateWithout(severed, _) if *severed == part => Some(Source::Noisy),
            _ => None,
        }
    }
}

/// A run as it was, by block.
struct Run {
    /// The stream before each block and after the last, `[rows, tokens, d]`.
    streams: Vec<Tensor>,
    /// What leaves attention.
    attention: Vec<Tensor>,
    /// What leaves the MLP.
    mlp: Vec<Tensor>,
    kept: Vec<Kv>,
}

impl Run {
    fn new(decoder: &Decoder, hidden: Tensor) -> Self {
        let mut run = Self {
            streams: vec![hidden.shallow_clone()],
            attention: Vec::new(),
            mlp: Vec::new(),
            kept: Vec::new(),
        };
        let mut keep = |site: Site, value: &mut Tensor| {
            let to = match site {
                Site::BlockOut(_) => &mut run.streams,
                Site::OutOf(Part::AttentionOut, _) => &mut run.attention,
                Site::OutOf(Part::MlpDown, _) => &mut run.mlp,
                _ => return ControlFlow::Continue(()),
            };
            to.push(value.shallow_clone());
            ControlFlow::Continue(())
        };
        let passed = decoder.blocks(0..decoder.spec().layers, hidden, &[], None, &mut keep);
        run.kept = passed.continue_value().expect("because nobody ends the pass").1;
        run
    }

    /// Some of its rows.
    fn rows(&self, first: i64, rows: i64) -> Self {
        let narrow = |all: &[Tensor]| all.iter().map(|one| one.narrow(0, first, rows)).collect();
        let kept = self.kept.iter().map(|kv| Kv {
            key: kv.key.narrow(0, first, rows),
            value: kv.value.narrow(0, first, rows),
        });
        Self {
            streams: narrow(&self.streams),
            attention: narrow(&self.attention),
            mlp: narrow(&self.mlp),
            kept: kept.collect(),
        }
    }

    fn outputs(&self, part: Part) -> &[Tensor] {
        if part == Part::MlpDown { &self.mlp } else { &self.attention }
    }

    /// The last token's stream after the last block, `[rows, d]`.
    fn end(&self) -> Tensor {
        let last = self.streams.last().expect("because there is one before the first block");
        last.select(1, -1)
    }
}

/// A prompt run as it is and with noise, to put things back into.
pub struct Traces<'a> {
    decoder: &'a Decoder,
    /// One row.
    clean: Run,
    /// A row for each sample of noise.
    noisy: Run,
    samples: i64,
    tokens: i64,
    /// The first token that has noise.
    first: usize,
    answer: u32,
    high: f64,
    low: f64,
}

impl<'a> Traces<'a> {
    /// Runs the prompt `ids` as it is and with `noise` `[samples, n, d]`, which is added to the embeddings of its n tokens
    /// from `first` on. `answer` is the next token whose probability is watched; where none is given, the likeliest.
    ///
    /// # Panics
    /// When the prompt has no token, or not as many from `first` on as the noise: mistakes of the caller.
    #[must_use]
    pub fn new(
        decoder: &'a Decoder,
        ids: &[u32],
        first: usize,
        noise: &Tensor,
        answer: Option<u32>,
    ) -> Self {
        no_grad(|| {
            let batch = Batch::new(&[ids.to_vec()], Padding::Right, decoder.device());
            let embedded = decoder.embed(&batch.ids, &batch.positions); // [1, tokens, d]
            let [samples, noisy, _] =
                <[i64; 3]>::try_from(noise.size()).expect("because noise is [samples, n, d]");
            let after = ids.len() as i64 - first as i64 - noisy;
            let noise = noise.to_kind(embedded.kind()).to_device(embedded.device());
            let noise = noise.constant_pad_nd([0, 0, first as i64, after, 1, 0]);
            // The clean run is row 0.
            let both = Run::new(decoder, embedded + noise);
            let (clean, noisy) = (both.rows(0, 1), both.rows(1, samples));
            let likely = probabilities(decoder, &clean.end());
            let answer =
                answer.unwrap_or_else(|| likely.argmax(-1, false).int64_value(&[0]) as u32);
            let mut traces = Self {
                decoder,
                clean,
                noisy,
                samples,
                tokens: ids.len() as i64,
                first,
                answer,
                high: likely.double_value(&[0, i64::from(answer)]),
                low: 0.0,
            };
            traces.low = traces.likely(&traces.noisy.end())[0];
            traces
        })
    }

    /// The token whose probability is watched.
    #[must_use]
    pub const fn answer(&self) -> u32 {
        self.answer
    }

    /// Its probability without noise.
    #[must_use]
    pub const fn high(&self) -> f64 {
        self.high
    }

    /// Its probability with noise, averaged over the samples.
    #[must_use]
    pub const fn low(&self) -> f64 {
        self.low
    }

    /// Its probability when each of `restores` alone is put back at `token`, averaged over the samples.
    #[must_use]
    pub fn restored(&self, token: usize, restores: &[Restore]) -> Vec<f64> {
        let mut scores = vec![self.low; restores.len()];
        // What comes before the noise is as it would be put back.
        if token < self.first {
            return scores;
        }
        let mut order: Vec<usize> = (0..restores.len()).collect();
        order.sort_by_key(|&restore| restores[restore].begins());
        for part in order.chunks(self.most(token)) {
            let restores: Vec<&Restore> = part.iter().map(|&restore| &restores[restore]).collect();
            let found = no_grad(|| self.together(token as i64, &restores));
            for (&restore, found) in part.iter().zip(found) {
                scores[restore] = found;
            }
        }
        scores
    }

    /// Restores that run together at a token, so that memory holds them.
    fn most(&self, token: usize) -> usize {
        let spec = self.decoder.spec();
        let tokens = self.tokens as usize;
        let looked_at = 2 * tokens * spec.kv_heads * spec.head_width;
        let inside = 2 * (tokens - token) * spec.inner;
        let each = self.samples as usize * looked_at.max(inside).max(spec.vocabulary);
        (TOGETHER / each.max(1)).max(1)
    }

    /// Runs restores at one token together, those that begin lower first.
    fn together(&self, token: i64, restores: &[&Restore]) -> Vec<f64> {
        let layers = self.decoder.spec().layers;
        let (mut hidden, mut begun): (Option<Tensor>, usize) = (None, 0);
        for block in 0..layers {
            let begin = restores[begun..].iter().take_while(|restore| restore.begins() == block);
            let mut parts: Vec<Tensor> = hidden.take().into_iter().collect();
            parts.extend(begin.map(|restore| self.start(restore, token)));
            begun = restores.partition_point(|restore| restore.begins() <= block);
            if !parts.is_empty() {
                let all = Tensor::cat(&parts, 0);
                hidden = Some(self.block(block, &all, token, &restores[..begun]));
            }
        }
        // Behind the last block only the last token is read.
        let mut ends: Vec<Tensor> = hidden.iter().map(|hidden| hidden.select(1, -1)).collect();
        ends.extend(restores[begun..].iter().map(|it| self.start(it, token).select(1, -1)));
        self.likely(&Tensor::cat(&ends, 0))
    }

    /// The stream from `token` on where a restore begins, `[samples, tokens, d]`.
    fn start(&self, restore: &Restore, token: i64) -> Tensor {
        let block = restore.begins();
        let noisy = self.noisy.streams[block].narrow(1, token, self.tokens - token);
        if !restore.is_state() {
            return noisy;
        }
        let clean = self.clean.streams[block].narrow(1, token, 1);
        let clean = clean.expand([self.samples, -1, -1], false);
        Tensor::cat(&[clean, noisy.narrow(1, 1, self.tokens - token - 1)], 1)
    }

    /// Runs a block for all `restores` that have begun; in the last one, only the last token goes on.
    fn block(&self, block: usize, hidden: &Tensor, token: i64, restores: &[&Restore]) -> Tensor {
        let (rows, tokens, device) = (hidden.size()[0], hidden.size()[1], hidden.device());
        let before = self.noisy.kept[block].first(token);
        let repeat = |kept: &Tensor| kept.repeat([restores.len() as i64, 1, 1, 1]);
        let past = Kv { key: repeat(&before.key), value: repeat(&before.value) };
        let is_last = block + 1 == self.decoder.spec().layers;
        let last = is_last.then(|| Tensor::full([rows, 1], tokens - 1, (Kind::Int64, device)));
        let seen = Attention { past: Some(&past), mask: None, only: last.as_ref() };
        // What the restored token puts out in the last block reaches no other.
        let goes_on = !is_last || tokens == 1;
        let mut put = |site: Site, value: &mut Tensor| {
            if let Site::OutOf(part @ (Part::MlpDown | Part::AttentionOut), _) = site
                && goes_on
            {
                self.put_back(part, block, token, restores, value);
            }
            ControlFlow::Continue(())
        };
        let passed = self.decoder.block(block, hidden, &seen, &mut put);
        passed.continue_value().expect("because nobody ends the pass").0
    }

    /// Puts what is to leave a part at the restored token, the first of `value`, in its place.
    fn put_back(
        &self,
        part: Part,
        block: usize,
        token: i64,
        restores: &[&Restore],
        value: &Tensor,
    ) {
        for (run, from) in [(&self.clean, Source::Clean), (&self.noisy, Source::Noisy)] {
            let wanted = (0..).zip(restores);
            let wanted = wanted.filter(|(_, restore)| restore.output(part, block) == Some(from));
            let rows: Vec<i64> =
                wanted.flat_map(|(at, _)| at * self.samples..(at + 1) * self.samples).collect();
            if rows.is_empty() {
                continue;
            }
            let output = run.outputs(part)[block].select(1, token); // [1 or samples, d]
            let times = rows.len() as i64 / output.size()[0];
            let rows = Tensor::from_slice(&rows).to_device(value.device());
            let _same = value.select(1, 0).index_copy_(0, &rows, &output.repeat([times, 1]));
        }
    }

    /// The answer's probability at the ends `[n samples, d]`, averaged over the samples.
    fn likely(&self, ends: &Tensor) -> Vec<f64> {
        let likely = probabilities(self.decoder, ends).select(1, i64::from(self.answer));
        let means =
            likely.view([-1, self.samples]).mean_dim([1i64].as_slice(), false, Kind::Double);
        Vec::<f64>::try_from(means.to_device(tch::Device::Cpu)).expect("because it is of f64")
    }
}

/// What is likely to follow streams that left the last block, `[rows, vocabulary]`.
fn probabilities(decoder: &Decoder, ends: &Tensor) -> Tensor {
    decoder.head(ends).softmax(-1, Kind::Float)
}
