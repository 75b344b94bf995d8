//! Texts of about one length that are run together, and what a change at their subjects costs.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use super::{
    lookup::{Asked, Lookup},
    openings::Openings,
    place::Place,
    settings::Search,
    tails::{Tails, stack},
    term::Term,
};
use crate::{
    editor::matrix::int,
    model::{Decoder, Padding},
};

/// Rows of one bucket; row i belongs to group `groups[i]` of a batch.
#[derive(Debug)]
pub(super) struct Bucket {
    tails: Tails,
    groups: Vec<usize>,
    /// `groups`, i64.
    index: Tensor,
    /// Tokens of the tails without filling.
    lengths: Vec<usize>,
    /// The block after which the streams are read, plus 1.
    end: usize,
    /// Where in a tail they are read, `[rows, n]`.
    reads: Tensor,
    term: Term,
}

/// A context of a fact of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    /// The group whose δ changes it.
    pub(super) group: usize,
    /// The fact, counted through all groups.
    pub(super) fact: usize,
    pub(super) asked: &'a Asked,
    pub(super) text: &'a Lookup,
    /// Whether it is the fact's first.
    pub(super) first: bool,
    /// Tokens of it that are predicted.
    pub(super) predicted: usize,
    /// How much it counts in the loss of its group.
    pub(super) weight: f64,
}

impl Row<'_> {
    /// Its own size.
    pub(super) fn shape(&self) -> Shape {
        let tokens = self.text.tail().len();
        Shape { rows: 1, tokens, longest: tokens, predicted: self.predicted }
    }

    /// What decides how long it takes.
    pub(super) fn size(&self) -> (usize, usize, usize) {
        (self.text.tail().len(), self.predicted, self.text.head().len())
    }
}

impl Bucket {
    /// Contexts in which the target is to follow.
    pub(super) fn misfit(
        decoder: &Decoder,
        openings: &Openings,
        rows: &[Row<'_>],
        (settings, place): (&Search, Place),
    ) -> Self {
        let end = settings.loss_layer(decoder.spec().layers) + 1;
        let longest = rows.iter().map(|row| row.asked.target.len()).max().unwrap_or(0);
        let (mut reads, mut targets, mut counted) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            let target = &row.asked.target;
            let first = row.text.tail().len() - target.len();
            let each = row.weight / target.len() as f64;
            for j in 0..longest {
                let token = target.get(j);
                reads.push(if token.is_some() { int(first + j) } else { 0 });
                targets.push(token.map_or(0, |&id| i64::from(id)));
                counted.push(if token.is_some() { each } else { 0.0 });
            }
        }
        let device = decoder.device();
        let table = |t: Tensor| t.view([-1, int(longest)]).to_device(device);
        let reads = table(Tensor::from_slice(&reads));
        let counted = Tensor::from_slice(&counted).to_kind(Kind::Float);
        let term = Term::misfit(table(Tensor::from_slice(&targets)), table(counted));
        Self::new(decoder, openings, rows, (settings, place), (end, reads), term)
    }

    /// Texts that are to mean what they did.
    pub(super) fn drift(
        decoder: &Decoder,
        openings: &Openings,
        rows: &[Row<'_>],
        (settings, place): (&Search, Place),
    ) -> Self {
        let end = decoder.spec().layers;
        let last: Vec<usize> = rows.iter().map(|row| row.text.tail().len() - 1).collect();
        let weights: Vec<f64> = rows.iter().map(|row| row.weight).collect();
        let device = decoder.device();
        let reads = numbers(&last).view([-1, 1]).to_device(device);
        let weights = Tensor::from_slice(&weights).to_kind(Kind::Float).to_device(device);
        let term = Term::drift(weights);
        Self::new(decoder, openings, rows, (settings, place), (end, reads), term)
    }

    fn new(
        decoder: &Decoder,
        openings: &Openings,
        rows: &[Row<'_>],
        (settings, place): (&Search, Place),
        (end, reads): (usize, Tensor),
        term: Term,
    ) -> Self {
        let texts: Vec<&Lookup> = rows.iter().map(|row| row.text).collect();
        let groups: Vec<usize> = rows.iter().map(|row| row.group).collect();
        let tails = Tails::new(decoder, openings, &texts, (settings.z_layer(), place), end);
        let tails = tails.for_blocks_in(settings.z_matmul.within(decoder.kind()));
        Self {
            tails,
            index: numbers(&groups).to_device(decoder.device()),
            groups,
            lengths: rows.iter().map(|row| row.text.tail().len()).collect(),
            end,
            reads,
            term,
        }
    }

    /// The group of each row, `[rows]`, i64.
    pub(super) const fn groups(&self) -> &Tensor {
        &self.index
    }

    /// Whether its texts are to mean what they did.
    pub(super) const fn is_drift(&self) -> bool {
        self.term.is_drift()
    }

    /// How much is run together.
    pub(super) fn shape(&self) -> Shape {
        Shape {
            rows: self.groups.len(),
            tokens: self.lengths.iter().sum(),
            longest: self.tails.tokens(),
            predicted: self.term.predicted(),
        }
    }

    /// What is changed at the subjects, `[rows, d]`.
    pub(super) fn at_place(&self) -> Tensor {
        self.tails.at_place().to_kind(Kind::Float)
    }

    /// What each row costs, weighted, when the streams at its subject change by its group's row of `delta`
    /// `[groups, d]`: `[rows]`. `unsaid` is told how many of a row's targets are not the likeliest tokens.
    pub(super) fn cost(
        &mut self,
        decoder: &Decoder,
        delta: &Tensor,
        unsaid: Option<&mut Tensor>,
    ) -> Tensor {
        let change = delta.index_select(0, &self.index);
        let streams = self.tails.with(decoder, &change, self.end, &self.reads); // [rows, n, d]
        let log_p = |streams: &Tensor| decoder.head(streams).log_softmax(1, Kind::Float);
        self.term.costs(&streams, log_p, unsaid)
    }

    /// Both as one; their terms are of one kind.
    pub(super) fn join(self, other: Self) -> Self {
        Self {
            tails: self.tails.join(&other.tails),
            groups: [self.groups, other.groups].concat(),
            index: Tensor::cat(&[self.index, other.index], 0),
            lengths: [self.lengths, other.lengths].concat(),
            end: self.end,
            reads: stack(&[&self.reads, &other.reads], 1, Padding::Right),
            term: self.term.join(other.term),
        }
    }

    /// Only the rows of some groups go on: those of group `old` are then of group `places[old]`.
    /// Returns whether there are any.
    pub(super) fn keep(&mut self, places: &BTreeMap<usize, usize>) -> bool {
        let rows: Vec<usize> =
            (0..self.groups.len()).filter(|&row| places.contains_key(&self.groups[row])).collect();
        let all = rows.len() == self.groups.len();
        self.groups = rows.iter().map(|&row| places[&self.groups[row]]).collect();
        self.lengths = rows.iter().map(|&row| self.lengths[row]).collect();
        let device = self.index.device();
        self.index = numbers(&self.groups).to_device(device);
        if all || rows.is_empty() {
            return all;
        }
        let rows = numbers(&rows).to_device(device);
        self.tails.keep(&rows);
        self.reads = self.reads.index_select(0, &rows);
        self.term = self.term.rows(&rows);
        true
    }
}

/// Numbers as an index, i64.
pub(in crate::editor) fn numbers(of: &[usize]) -> Tensor {
    Tensor::from_slice(&of.iter().map(|&n| int(n)).collect::<Vec<_>>())
}

/// Sizes of texts that are run together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shape {
    pub(super) rows: usize,
    /// Tokens of all tails, without filling.
    pub(super) tokens: usize,
    /// Tokens of the longest tail.
    pub(super) longest: usize,
    /// Tokens that are predicted.
    pub(super) predicted: usize,
}

impl Shape {
    /// Both together.
    pub(super) fn with(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            tokens: self.tokens + other.tokens,
            longest: self.longest.max(other.longest),
            predicted: self.predicted + other.predicted,
        }
    }
}
