//! What the stream at a subject should be so that the model says the target (MEMIT, eq. 16).
//!
//! For each subject a vector δ is added to the stream at its last token as it leaves the
//! z layer, in the facts' bare prompts, after each prefix, in "{subject} is a" and in prompts about the
//! subject's other facts. Adam looks for the δ that makes
//!
//! L = mean over facts and contexts of −log p(target) / |target|
//!   + kl_factor · KL(what "{subject} is a" means now ‖ meant before)
//!   + locality_factor · mean over the other facts of KL(what their prompts mean now ‖ meant before)
//!   + v_weight_decay · ‖δ‖ / ‖h‖²
//!
//! small, h being the stream in the first bare prompt; δ never grows beyond clamp_norm_factor · ‖h‖; z = h + δ,
//! with each fact's own h. Facts of one subject are looked up at almost one key, where the edit can put only
//! one value, so they share a δ (`join_subjects`; Dong et al., 2025, MEMIT-Merge); apart, each would be
//! given the mean of what they ask for.
//! The first KL term is read at the subject's last token itself, and in this direction, as the reference
//! implementation does; the reference has no second one, which is left out where no other fact is
//! known. It is read at the end of the prompts.
//!
//! Subjects are independent, so they are optimised side by side: one row of δ each, each with its own
//! clamp and its own end.

use tch::{Device, no_grad};

use super::{
    bucket::{Bucket, Row, Shape},
    error::EditError,
    lookup::Asked,
    openings::Openings,
    search::Search,
    settings::Settings,
};
use crate::{
    delta::Matrix,
    ledger::{Progress, ZTrace},
    model::{Decoder, free_memory},
};

/// Requests that share a δ, each with its number in the edit.
pub(super) type Group<'a> = Vec<(usize, &'a Asked)>;

/// The z of a group's requests and how they were found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// `[requests, d]`.
    pub(super) z: Matrix,
    /// How the optimisation ended.
    pub(super) trace: ZTrace,
}

/// Finds the z of each request of `groups`, in their order. Many of their texts begin with one of
/// `openings`.
pub(super) fn find(
    decoder: &Decoder,
    openings: &[Vec<u32>],
    groups: &[Group<'_>],
    settings: &Settings,
    progress: &mut dyn Progress,
) -> Result<Vec<Found>, EditError> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let mut found: Vec<Option<Found>> = vec![None; groups.len()];
    progress.start("z", Some(groups.iter().map(Vec::len).sum::<usize>() as u64));
    let openings = no_grad(|| {
        let mut openings = Openings::new(decoder, openings);
        openings.advance(decoder, decoder.spec().layers);
        openings
    });
    let kind = settings.z_matmul.kind();
    let rounded = kind.map(|kind| decoder.computing_in(kind, settings.z_layer() + 1));
    let stepping = rounded.as_ref().unwrap_or(decoder);
    let budget = Budget::of(decoder.device());
    let mut done = 0;
    let mut first = 0;
    while first < groups.len() {
        let count = budget.groups(decoder, settings, &groups[first..]);
        let batch = &groups[first..first + count];
        let mut search = no_grad(|| Search::new(decoder, &openings, batch, settings, budget));
        while !search.is_over() {
            let step = search.step(stepping, settings);
            for (place, ended) in step.ended {
                for ((request, asked), z) in
                    batch[place].iter().zip(ended.z.data.chunks_exact(ended.z.cols))
                {
                    if z.iter().any(|value| !value.is_finite()) {
                        return Err(EditError::NoZ { subject: asked.subject.clone() });
                    }
                    progress.found_z(*request, z);
                    done += 1;
                }
                found[first + place] = Some(ended);
            }
            progress.advance(done, &format!("loss {:.3}", step.loss))?;
        }
        first += count;
    }
    progress.finish(&format!("{done} found"));
    Ok(found.into_iter().map(|f| f.expect("because every search ends")).collect())
}

/// How much is done at a time, memory in bytes.
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
}

impl Budget {
    /// A share of what is free; on a CPU no more than makes it faster.
    fn of(device: Device) -> Self {
        let free = free_memory(device).unwrap_or(4 << 30);
        match device {
            Device::Cpu => Self {
                facts: 256,
                kept: (free / 4).min(256 << 20),
                pass: (free / 8).min(96 << 20),
                filling: 24,
            },
            _ => Self { facts: 1024, kept: free / 3, pass: free / 6, filling: 512 },
        }
    }

    /// How many of the first `groups` are sought together.
    fn groups(self, decoder: &Decoder, settings: &Settings, groups: &[Group<'_>]) -> usize {
        let spec = decoder.spec();
        let blocks = spec.layers - settings.z_layer();
        let bytes = |asked: &Asked| {
            let texts = asked.contexts.iter().chain(&asked.kept);
            let tokens: usize = texts.map(|text| text.ids.len()).sum();
            4 * (tokens * 2 * blocks * spec.width + (1 + asked.kept.len()) * spec.vocabulary)
        };
        let (mut facts, mut total) = (0, 0);
        let fits = |group: &&Group<'_>| {
            facts += group.len();
            total += group.iter().map(|(_, asked)| bytes(asked)).sum::<usize>();
            facts <= self.facts && total <= self.kept
        };
        groups.iter().take_while(fits).count().max(1)
    }

    /// Makes buckets of rows that are about equally long.
    pub(super) fn split<'a>(
        self,
        decoder: &Decoder,
        settings: &Settings,
        mut rows: Vec<Row<'a>>,
        mut make: impl FnMut(&[Row<'a>]) -> Bucket,
    ) -> Vec<Bucket> {
        rows.sort_by_key(Row::size);
        let mut buckets = Vec::new();
        let mut rest = rows.as_slice();
        while let Some(first) = rest.first() {
            let mut shape = first.shape();
            let joins = |row: &&Row<'_>| {
                shape = shape.with(row.shape());
                self.fits(decoder, settings, shape)
            };
            let count = 1 + rest[1..].iter().take_while(joins).count();
            buckets.push(make(&rest[..count]));
            rest = &rest[count..];
        }
        buckets
    }

    /// Puts neighbours together where facts have ended.
    pub(super) fn join(
        self,
        decoder: &Decoder,
        settings: &Settings,
        buckets: Vec<Bucket>,
    ) -> Vec<Bucket> {
        let mut joined: Vec<Bucket> = Vec::with_capacity(buckets.len());
        for bucket in buckets {
            match joined.pop() {
                Some(last) if self.fits(decoder, settings, last.shape().with(bucket.shape())) => {
                    joined.push(last.join(bucket));
                }
                last => joined.extend(last.into_iter().chain([bucket])),
            }
        }
        joined
    }

    /// Whether so much is run together.
    fn fits(self, decoder: &Decoder, settings: &Settings, shape: Shape) -> bool {
        let filling = shape.rows * shape.longest - shape.tokens;
        let bytes = shape.rows * bytes(decoder, settings, shape.longest, shape.predicted);
        filling <= self.filling && bytes <= self.pass
    }
}

/// Roughly what a pass keeps of one row for the way back, and what it makes of it on the way.
fn bytes(decoder: &Decoder, settings: &Settings, tail: usize, target: usize) -> usize {
    let spec = decoder.spec();
    let blocks = spec.layers - settings.z_layer();
    let tokens = tail * (16 * spec.width + 3 * spec.inner);
    4 * (blocks * tokens + target * 4 * spec.vocabulary)
}
