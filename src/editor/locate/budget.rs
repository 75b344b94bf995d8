//! How much of a search is done at a time.

use tch::Device;

use super::{
    bucket::{Bucket, Row, Shape},
    lookup::{Asked, Group},
    settings::Search,
};
use crate::model::{Decoder, free_memory};

/// Limits, and what they are compared with; memory in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Facts that are sought side by side at most: more are not faster, and are lost together when the
    /// work is stopped.
    facts: usize,
    /// Memory for what is kept as long as a batch is sought.
    kept: usize,
    /// Memory for what one bucket's pass keeps for the way back.
    pass: usize,
    /// Tokens of filling that cost less than a pass of its own.
    filling: usize,
    /// Kept of a token of a text as long as it is sought.
    kept_token: usize,
    /// What a text may have meant before.
    meaning: usize,
    /// Roughly what a pass keeps of a token, and what it makes of it on the way.
    token: usize,
    /// The same of a prediction.
    prediction: usize,
}

impl Budget {
    /// A share of what is free. On a CPU it is no more than makes it faster: about what the weights
    /// take that a pass reads.
    pub(super) fn new(decoder: &Decoder, settings: &Search) -> Self {
        const F32: usize = 4;
        let spec = decoder.spec();
        let blocks = spec.layers - settings.z_layer();
        let weights = F32 * blocks * spec.width * (4 * spec.width + 2 * spec.inner);
        let device = decoder.device();
        let free = free_memory(device).unwrap_or(4 << 30);
        let (facts, kept, pass, filling) = match device {
            Device::Cpu => (
                256,
                (free / 4).min(weights.max(256 << 20)),
                (free / 8).min(weights.max(192 << 20)),
                40,
            ),
            _ => (1024, free / 3, free / 6, 512),
        };
        Self {
            facts,
            kept,
            pass,
            filling,
            kept_token: F32 * 2 * blocks * spec.width,
            meaning: F32 * spec.vocabulary,
            token: F32 * blocks * (16 * spec.width + 3 * spec.inner),
            prediction: F32 * 4 * spec.vocabulary,
        }
    }

    /// How many of the first `groups` are sought together.
    pub(super) fn groups(&self, groups: &[Group<'_>]) -> usize {
        let bytes = |asked: &Asked| {
            let texts = asked.contexts.iter().chain(&asked.kept);
            let tokens: usize = texts.map(|text| text.ids.len()).sum();
            tokens * self.kept_token + (1 + asked.kept.len()) * self.meaning
        };
        let (mut facts, mut total) = (0, 0);
        let fits = |group: &&Group<'_>| {
            facts += group.len();
            total += group.iter().map(|(_, asked)| bytes(asked)).sum::<usize>();
            facts <= self.facts && total <= self.kept
        };
        groups.iter().take_while(fits).count().max(1)
    }

    /// Rows that are about equally long, by bucket.
    pub(super) fn split<'a>(&self, mut rows: Vec<Row<'a>>) -> Vec<Vec<Row<'a>>> {
        rows.sort_by_key(Row::size);
        let mut buckets: Vec<(Shape, Vec<Row<'a>>)> = Vec::new();
        for row in rows {
            match buckets.last_mut() {
                Some((shape, bucket)) if self.fits(shape.with(row.shape())) => {
                    *shape = shape.with(row.shape());
                    bucket.push(row);
                }
                _ => buckets.push((row.shape(), vec![row])),
            }
        }
        buckets.into_iter().map(|(_, bucket)| bucket).collect()
    }

    /// Puts neighbours together where facts have ended.
    pub(super) fn join(&self, buckets: Vec<Bucket>) -> Vec<Bucket> {
        let mut joined: Vec<Bucket> = Vec::with_capacity(buckets.len());
        let fit = |last: &Bucket, bucket: &Bucket| {
            last.is_drift() == bucket.is_drift() && self.fits(last.shape().with(bucket.shape()))
        };
        for bucket in buckets {
            match joined.pop() {
                Some(last) if fit(&last, &bucket) => joined.push(last.join(bucket)),
                last => joined.extend(last.into_iter().chain([bucket])),
            }
        }
        joined
    }

    /// Whether so much is run together.
    fn fits(&self, shape: Shape) -> bool {
        let filled = shape.rows * shape.longest;
        let bytes = filled * self.token + shape.predicted * self.prediction;
        filled - shape.tokens <= self.filling && bytes <= self.pass
    }
}
