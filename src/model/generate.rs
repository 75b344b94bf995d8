//! Continuing prompts token by token.

use tch::{Device, Kind, Tensor, no_grad};

use super::{
    attention::Kv,
    batch::{Batch, Padding},
    decoder::Decoder,
    error::ModelError,
    probe::Unprobed,
    random::SplitMix,
};

/// Rows that are continued together; more would only need more memory.
const ROWS: usize = 64;

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Choice {
    /// The likeliest; of equals the one with the smallest id.
    Greedy,
    /// At random by probability.
    Sample {
        /// Logits are divided by it.
        temperature: f32,
        /// Only this many likeliest tokens are drawn from.
        top: usize,
        /// Row i draws from a stream of its own, made from the seed and i: what else is in the
        /// batch, the device and libtorch's generator do not matter.
        seed: u64,
    },
}

/// A continuation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Generated {
    /// The new tokens; the one that ended the text, if any, is the last.
    pub ids: Vec<u32>,
    /// Probability of each under the model (temperature 1, all tokens).
    pub probabilities: Vec<f32>,
}

impl Decoder {
    /// Continues each prompt by up to `tokens` tokens, or through the first token that is one of `stops`.
    ///
    /// # Errors
    /// When the model does not read forward, or a prompt is empty, or with its continuation longer than the model's context.
    pub fn generate(
        &self,
        prompts: &[Vec<u32>],
        tokens: usize,
        choice: Choice,
        stops: &[u32],
    ) -> Result<Vec<Generated>, ModelError> {
        self.spec().reads_forward("generation")?;
        let context = self.spec().context;
        for prompt in prompts {
            if prompt.is_empty() {
                return Err(ModelError::NoToken { part: String::new(), text: String::new() });
            }
            if prompt.len() + tokens > context {
                return Err(ModelError::TooLong { tokens: prompt.len() + tokens, context });
            }
        }
        let mut all = Vec::with_capacity(prompts.len());
        for (chunk, rows) in prompts.chunks(ROWS).enumerate() {
            all.extend(no_grad(|| self.extend(rows, chunk * ROWS, tokens, choice, stops)));
        }
        Ok(all)
    }

    /// Continues a few rows together; the first is row `first` of the call.
    fn extend(
        &self,
        rows: &[Vec<u32>],
        first: usize,
        tokens: usize,
        choice: Choice,
        stops: &[u32],
    ) -> Vec<Generated> {
        let ended = |row: &Generated| row.ids.last().is_some_and(|id| stops.contains(id));
        let mut found = vec![Generated::default(); rows.len()];
        let mut pickers: Vec<Picker> =
            (0..rows.len()).map(|row| Picker::new(choice, first + row)).collect();
        let batch = Batch::new(rows, Padding::Left, self.device());
        let mut seen = batch.real(); // [rows, 1, 1, tokens so far]
        let mut hidden = self.embed(&batch.ids, &batch.positions);
        let mut mask = batch.mask.as_ref().map(Tensor::shallow_clone);
        let mut past: Vec<Kv> = Vec::new();
        for step in 0..tokens {
            (hidden, past) = self
                .blocks(0..self.spec().layers, hidden, &past, mask.as_ref(), &mut Unprobed)
                .continue_value()
                .expect("because nothing probes");
            let last = hidden.select(1, hidden.size()[1] - 1); // [rows, d]
            let next = pick(&mut pickers, &self.head(&last));
            for (generated, &(id, probability)) in found.iter_mut().zip(&next) {
                if !ended(generated) {
                    generated.ids.push(id);
                    generated.probabilities.push(probability);
                }
            }
            if found.iter().all(ended) {
                break;
            }
            let column = |values: Vec<i64>| {
                Tensor::from_slice(&values).view([-1, 1]).to_device(self.device())
            };
            let ids = column(next.iter().map(|&(id, _)| i64::from(id)).collect());
            let positions = column(rows.iter().map(|row| (row.len() + step) as i64).collect());
            hidden = self.embed(&ids, &positions);
            let new = Tensor::ones([rows.len() as i64, 1, 1, 1], (Kind::Bool, self.device()));
            seen = Tensor::cat(&[&seen, &new], 3);
            mask = batch.mask.is_some().then(|| seen.shallow_clone());
        }
        found
    }
}

/// Chooses a token for each row of `logits` `[rows, vocabulary]` and says how likely it was.
fn pick(pickers: &mut [Picker], logits: &Tensor) -> Vec<(u32, f32)> {
    let rows = pickers.len();
    let vocabulary = logits.size()[1] as usize;
    let logits = logits.to_kind(Kind::Float).to_device(Device::Cpu).contiguous();
    let mut values = vec![0f32; rows * vocabulary];
    logits.copy_data(&mut values, rows * vocabulary);
    pickers.iter_mut().zip(values.chunks(vocabulary)).map(|(p, row)| p.pick(row)).collect()
}

/// Chooses the tokens of one row.
struct Picker {
    choice: Choice,
    random: SplitMix,
}

impl Picker {
    fn new(choice: Choice, row: usize) -> Self {
        let seed = match choice {
            Choice::Greedy => 0,
            Choice::Sample { seed, .. } => seed,
        };
        let mut random = SplitMix::new(seed);
        // The row's stream begins at an output of the seed's, far from those of its neighbours.
        random = SplitMix::new(random.next() ^ SplitMix::new(row as u64).next());
        Self { choice, random }
    }

    fn pick(&mut self, logits: &[f32]) -> (u32, f32) {
        let mut best = 0;
        for (id, logit) in logits.iter().enumerate() {
            if *logit > logits[best] {
                best = id;
            }
        }
        let highest = f64::from(logits[best]);
        let total: f64 = logits.iter().map(|&l| (f64::from(l) - highest).exp()).sum();
        let id = match self.choice {
            Choice::Greedy => best,
            Choice::Sample { temperature, top, .. } => {
                self.sample(logits, highest, f64::from(temperature), top)
            }
        };
        let probability = (f64::from(logits[id]) - highest).exp() / total;
        (id as u32, probability as f32)
    }

    fn sample(&mut self, logits: &[f32], highest: f64, temperature: f64, top: usize) -> usize {
        let mut order: Vec<usize> = (0..logits.len()).collect();
        if top < order.len() {
            order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]).then(a.cmp(&b)));
            order.truncate(top.max(1));
        }
        let weight = |&id: &usize| ((f64::from(logits[id]) - highest) / temperature).exp();
        let total: f64 = order.iter().map(weight).sum();
        let mut left = self.random.unit() * total;
        for id in &order {
            left -= weight(id);
            if left < 0.0 {
                return *id;
            }
        }
        order[0]
    }
}
