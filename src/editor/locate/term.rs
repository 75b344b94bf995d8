//! What texts cost when the streams at their subjects change.

use tch::{Kind, Tensor};

use super::tails::stack;
use crate::model::Padding;

/// What is added up over the rows of a group.
#[derive(Debug)]
pub(super) enum Term {
    /// −log p of the target.
    Misfit {
        /// The target's tokens where they are predicted, `[rows, n]`.
        targets: Tensor,
        /// How much each of them counts: the row's weight / tokens, 0 where there is none.
        counted: Tensor,
        /// Where in these tables, read row by row, there is one: the head is asked for no others.
        real: Tensor,
    },
    /// KL(now ‖ before) of what follows the text.
    Drift {
        /// Weights of the rows, `[rows]`.
        weights: Tensor,
        /// log p before, `[rows, vocabulary]`, once it is known.
        before: Option<Tensor>,
    },
}

impl Term {
    /// `targets` and `counted` as they are kept.
    pub(super) fn misfit(targets: Tensor, counted: Tensor) -> Self {
        let real = counted.flatten(0, 1).nonzero().squeeze_dim(1);
        Self::Misfit { targets, counted, real }
    }

    /// Texts of these weights, which mean before what they mean when they are first asked.
    pub(super) const fn drift(weights: Tensor) -> Self {
        Self::Drift { weights, before: None }
    }

    /// Whether it is a drift.
    pub(super) const fn is_drift(&self) -> bool {
        matches!(self, Self::Drift { .. })
    }

    /// Tokens that are predicted.
    pub(super) fn predicted(&self) -> usize {
        match self {
            Self::Misfit { real, .. } => real.numel(),
            Self::Drift { weights, .. } => weights.numel(),
        }
    }

    /// The rows of both; they are of one kind.
    pub(super) fn join(self, other: Self) -> Self {
        match (self, other) {
            (
                Self::Misfit { targets, counted, .. },
                Self::Misfit { targets: more_targets, counted: more_counted, .. },
            ) => Self::misfit(
                stack(&[&targets, &more_targets], 1, Padding::Right),
                stack(&[&counted, &more_counted], 1, Padding::Right),
            ),
            (
                Self::Drift { weights, before },
                Self::Drift { weights: more_weights, before: more_before },
            ) => Self::Drift {
                weights: Tensor::cat(&[weights, more_weights], 0),
                before: before.zip(more_before).map(|(one, other)| Tensor::cat(&[one, other], 0)),
            },
            _ => unreachable!("because buckets of one kind are joined"),
        }
    }

    /// What each row costs, weighted, `[rows]`, where its streams are `[rows, n, d]`; `log_p` says of
    /// streams `[k, d]` what follows, `[k, vocabulary]`. `unsaid` is told how many of a row's targets are not the
    /// likeliest tokens, `[rows]`.
    pub(super) fn costs(
        &mut self,
        streams: &Tensor,
        log_p: impl Fn(&Tensor) -> Tensor,
        unsaid: Option<&mut Tensor>,
    ) -> Tensor {
        let all = streams.flatten(0, 1);
        match self {
            Self::Misfit { targets, counted, real } => {
                let of_real = |table: &Tensor| table.flatten(0, 1).index_select(0, real);
                let by_row = |real_ones: &Tensor| {
                    let table = counted.zeros_like().flatten(0, 1).index_add(0, real, real_ones);
                    table.view_as(counted).sum_dim_intlist([1i64].as_slice(), false, Kind::Float)
                };
                let log_p = log_p(&all.index_select(0, real));
                let targets = of_real(targets);
                if let Some(unsaid) = unsaid {
                    let likeliest = log_p.argmax(1, false);
                    *unsaid = by_row(&likeliest.ne_tensor(&targets).to_kind(Kind::Float));
                }
                let log_p = log_p.gather(1, &targets.unsqueeze(1), false).squeeze_dim(1);
                by_row(&-(log_p * of_real(counted)))
            }
            Self::Drift { weights, before } => {
                let now = log_p(&all);
                let before = before.get_or_insert_with(|| now.detach());
                let drift = now.exp() * (&now - &*before);
                drift.sum_dim_intlist([1i64].as_slice(), false, Kind::Float) * &*weights
            }
        }
    }

    /// Only the rows at `index` (i64).
    pub(super) fn rows(&self, index: &Tensor) -> Self {
        let chosen = |of: &Tensor| of.index_select(0, index);
        match self {
            Self::Misfit { targets, counted, .. } => Self::misfit(chosen(targets), chosen(counted)),
            Self::Drift { weights, before } => {
                Self::Drift { weights: chosen(weights), before: before.as_ref().map(chosen) }
            }
        }
    }
}
