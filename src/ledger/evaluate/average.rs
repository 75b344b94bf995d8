//! Traces of many facts together: by where a token stands to its subject, as prompts are of different lengths.

use serde::{Deserialize, Serialize};

use crate::engine::{Restored, Traced, Tracing};

/// Of a normal distribution, within so many deviations of the mean are 95 %.
const WITHIN: f64 = 1.96;

/// A mean, and how far it may be off: half of its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Half of the interval around it; 0 for a single value, of which nothing is known.
    pub interval: f64,
}

/// Traces of many facts together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Average {
    /// How many facts.
    pub facts: u64,
    /// Probability of the answer as the model is.
    pub high: Mean,
    /// When the subject is made unreadable.
    pub low: Mean,
    /// Blocks of a window.
    pub window: usize,
    /// A grid for each thing that is put back.
    pub grids: Vec<AverageGrid>,
}

/// What putting a thing back does on average.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AverageGrid {
    /// What is put back.
    pub restored: Restored,
    /// Where it is put back.
    pub places: Vec<PlaceEffects>,
}

/// What putting a thing back at a place does, by block.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaceEffects {
    /// Where.
    pub place: Place,
    /// Tokens that stand there, of all facts.
    pub tokens: u64,
    /// By block, the probability gained over that with the subject unreadable: the average indirect effect.
    pub effects: Vec<Mean>,
}

/// Where a token stands, as in the paper. A token can stand at two places: that of a subject of one token is its
/// first and its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The subject's first token.
    SubjectFirst,
    /// Those between its first and its last.
    SubjectMiddle,
    /// Its last token.
    SubjectLast,
    /// The first token after it.
    Next,
    /// Those between that and the prompt's last.
    Further,
    /// The prompt's last token.
    Last,
}

impl Place {
    const ALL: [Self; 6] = [
        Self::SubjectFirst,
        Self::SubjectMiddle,
        Self::SubjectLast,
        Self::Next,
        Self::Further,
        Self::Last,
    ];

    /// Whether a token of a traced prompt stands there.
    fn has(self, token: usize, traced: &Traced) -> bool {
        let (first, after) = (traced.subject.start, traced.subject.end);
        let last = traced.tokens.len().saturating_sub(1);
        match self {
            Self::SubjectFirst => token == first,
            Self::SubjectMiddle => token > first && token + 1 < after,
            Self::SubjectLast => token + 1 == after,
            Self::Next => token == after,
            Self::Further => token > after && token < last,
            Self::Last => token == last && token >= after,
        }
    }
}

impl Mean {
    #[expect(clippy::cast_precision_loss, reason = "of fewer than 2^52 values")]
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count.max(1.0);
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let interval =
            if values.len() < 2 { 0.0 } else { WITHIN * (squares / (count - 1.0) / count).sqrt() };
        Self { mean, interval }
    }
}

impl Average {
    /// The average of traces of one model.
    #[must_use]
    pub fn of(traces: &[Traced]) -> Self {
        let over = |value: fn(&Traced) -> f32| {
            Mean::of(&traces.iter().map(|traced| f64::from(value(traced))).collect::<Vec<_>>())
        };
        let kinds = traces.first().map_or(&[][..], |traced| &traced.grids);
        let grids = kinds.iter().enumerate().map(|(grid, kind)| AverageGrid {
            restored: kind.restored,
            places: Place::ALL
                .into_iter()
                .filter_map(|place| effects(traces, grid, place))
                .collect(),
        });
        Self {
            facts: traces.len() as u64,
            high: over(|traced| traced.high),
            low: over(|traced| traced.low),
            window: traces.first().map_or(0, |traced| traced.window),
            grids: grids.collect(),
        }
    }
}

/// What putting back what a grid is of does at a place; nothing where no token stands there.
fn effects(traces: &[Traced], grid: usize, place: Place) -> Option<PlaceEffects> {
    let mut gained: Vec<Vec<f64>> = Vec::new();
    let mut tokens = 0;
    for traced in traces {
        let scores = &traced.grids.get(grid)?.scores;
        // Where one row is there, it is that of the subject's last token and of nothing else.
        let all = scores.len() == traced.tokens.len();
        if !all && place != Place::SubjectLast {
            continue;
        }
        let first = if all { 0 } else { traced.subject.end - 1 };
        for (token, row) in (first..).zip(scores) {
            if !place.has(token, traced) {
                continue;
            }
            tokens += 1;
            gained.resize(row.len(), Vec::new());
            for (block, score) in gained.iter_mut().zip(row) {
                block.push(f64::from(score - traced.low));
            }
        }
    }
    let effects = gained.iter().map(|values| Mean::of(values)).collect();
    (tokens > 0).then_some(PlaceEffects { place, tokens, effects })
}

/// The blocks whose MLPs bring answers back when what they put out at the subject's last token is put back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChosenLayers {
    /// Blocks that are put back together around each.
    pub window: usize,
    /// By block, what it gains on average.
    pub effects: Vec<Mean>,
    /// The blocks around the one that gains most that gain at least half as much; none where its gain may be chance.
    pub chosen: Vec<usize>,
}

impl ChosenLayers {
    /// How MLPs are put back for that.
    #[must_use]
    pub fn tracing(samples: usize, seed: u64, noise: f64) -> Tracing {
        let restored = vec![Restored::Mlp];
        Tracing { samples, seed, noise, window: None, restored, subject_last: true }
    }

    /// Chooses by an average; nothing where MLPs were not put back.
    #[must_use]
    pub fn of(average: &Average) -> Option<Self> {
        let grid = average.grids.iter().find(|grid| grid.restored == Restored::Mlp)?;
        let place = grid.places.iter().find(|place| place.place == Place::SubjectLast)?;
        let effects = place.effects.clone();
        let chosen = around_the_highest(&effects);
        Some(Self { window: average.window, effects, chosen })
    }
}

/// Blocks next to each other around the highest effect, down to half of it.
fn around_the_highest(effects: &[Mean]) -> Vec<usize> {
    let highest = effects.iter().enumerate().max_by(|(_, a), (_, b)| a.mean.total_cmp(&b.mean));
    let Some((peak, highest)) = highest else { return Vec::new() };
    if highest.mean <= highest.interval {
        return Vec::new();
    }
    let gains = |block: &usize| effects[*block].mean >= highest.mean / 2.0;
    let first = (0..peak).rev().take_while(gains).last().unwrap_or(peak);
    let last = (peak + 1..effects.len()).take_while(gains).last().unwrap_or(peak);
    (first..=last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Grid;

    fn traced(tokens: usize, subject: std::ops::Range<usize>, scores: Vec<Vec<f32>>) -> Traced {
        Traced {
            tokens: vec!["t".to_owned(); tokens],
            subject,
            answer: "Rome".to_owned(),
            high: 1.0,
            low: 0.25,
            noise: 1.0,
            window: 1,
            grids: vec![Grid { restored: Restored::Mlp, scores }],
        }
    }

    #[test]
    fn tokens_are_averaged_by_where_they_stand() {
        // A subject of two tokens in six, and one of one token at the end of two.
        let rows = (0..6u8).map(|token| vec![0.25 + f32::from(token) / 8.0, 0.25]).collect();
        let long = traced(6, 1..3, rows);
        let short = traced(2, 1..2, vec![vec![0.25, 0.25], vec![0.75, 0.25]]);
        let average = Average::of(&[long, short]);
        let places = &average.grids[0].places;
        let found: Vec<_> =
            places.iter().map(|it| (it.place, it.tokens, it.effects[0].mean)).collect();
        let wanted = [
            (Place::SubjectFirst, 2, (0.125 + 0.5) / 2.0),
            (Place::SubjectLast, 2, (0.25 + 0.5) / 2.0),
            (Place::Next, 1, 0.375),
            (Place::Further, 1, 0.5),
            (Place::Last, 1, 0.625),
        ];
        assert_eq!(found, wanted);
        // Half of 0.125 away from the mean each, two values.
        let interval = places[1].effects[0].interval;
        assert!((interval - WITHIN * 0.125).abs() < 1e-12, "{interval}");
    }

    #[test]
    fn blocks_are_chosen_around_the_highest_down_to_half() {
        let effects = |means: &[f64], interval| -> Vec<Mean> {
            means.iter().map(|&mean| Mean { mean, interval }).collect()
        };
        let means = [0.3, 0.1, 0.25, 0.4, 0.2, 0.19, 0.3];
        assert_eq!(around_the_highest(&effects(&means, 0.1)), [2, 3, 4]);
        assert_eq!(around_the_highest(&effects(&means, 0.5)), [0; 0]);
        assert_eq!(around_the_highest(&[]), [0; 0]);
    }
}
