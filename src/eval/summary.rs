//! From rows to the table of a paper.

use serde::{Deserialize, Serialize};

use super::{
    Row,
    protocol::{Protocol, mean},
};

/// A figure over all cases, as papers print it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name in the paper.
    pub name: String,
    /// What it says, in words.
    pub about: String,
    /// What mean and interval are in.
    pub unit: Unit,
    /// The mean over cases.
    pub mean: f64,
    /// Half of the 95 % interval of the mean; `None` of a figure that is no mean over cases.
    pub interval: Option<f64>,
    /// Cases it was measured on.
    pub cases: u64,
}

/// What a figure is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Hundredths.
    Percent,
    /// Between 0 and 1.
    Share,
    /// Of entropy.
    Bits,
    /// Hundredths of a bit.
    Centibits,
    /// Equally likely tokens.
    Tokens,
}

impl Unit {
    /// By what a value is multiplied.
    const fn scale(self) -> f64 {
        match self {
            Self::Percent | Self::Centibits => 100.0,
            Self::Share | Self::Bits | Self::Tokens => 1.0,
        }
    }

    /// Digits after the point that papers print.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::Percent | Self::Centibits => 1,
            Self::Bits | Self::Tokens => 2,
            Self::Share => 3,
        }
    }
}

/// Standard deviations on each side of a mean that hold 95 % of a normal distribution.
const NORMAL_95: f64 = 1.96;

/// `n / (1/x_1 + ... + 1/x_n)`; 0 where one of them is not above 0.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a score has three parts")]
pub fn harmonic_mean(values: &[f64]) -> f64 {
    if values.iter().any(|value| *value <= 0.0) {
        return 0.0;
    }
    values.len() as f64 / values.iter().map(|value| 1.0 / value).sum::<f64>()
}

impl Protocol {
    /// The table: the score first, then each measure that at least one of `rows` has.
    #[must_use]
    pub fn summary(&self, rows: &[Row]) -> Vec<Metric> {
        let measures = self.measures.iter().map(|m| (m.name, m.about, m.unit));
        let writings = self.writings.iter().map(|w| (w.name, w.about, w.unit));
        let mut metrics: Vec<Metric> = Vec::new();
        for (column, (name, about, unit)) in measures.chain(writings).enumerate() {
            let values: Vec<f64> = rows
                .iter()
                .filter_map(|row| row.0[column])
                .map(|value| value * unit.scale())
                .collect();
            metrics.extend(Metric::over(name, about, unit, &values));
        }
        let parts: Vec<&Metric> = self
            .score
            .iter()
            .filter_map(|name| metrics.iter().find(|metric| metric.name == *name))
            .collect();
        if parts.is_empty() || parts.len() < self.score.len() {
            return metrics;
        }
        let score = Metric {
            name: "S".to_owned(),
            about: format!("harmonic mean of {}", self.score.join(", ")),
            unit: parts[0].unit,
            mean: harmonic_mean(&parts.iter().map(|part| part.mean).collect::<Vec<_>>()),
            interval: None,
            cases: parts.iter().map(|part| part.cases).min().unwrap_or(0),
        };
        metrics.insert(0, score);
        metrics
    }
}

impl Metric {
    /// Mean and `1.96 sigma / sqrt(n)`, sigma being the standard deviation of the values as they are,
    /// not that of a population they are drawn from; `None` of nothing.
    #[expect(clippy::cast_precision_loss, reason = "counts of cases are small")]
    fn over(name: &str, about: &str, unit: Unit, values: &[f64]) -> Option<Self> {
        let centre = mean(values)?;
        let squares: Vec<f64> = values.iter().map(|value| (value - centre).powi(2)).collect();
        let deviation = mean(&squares)?.sqrt();
        Some(Self {
            name: name.to_owned(),
            about: about.to_owned(),
            unit,
            mean: centre,
            interval: Some(NORMAL_95 * deviation / (values.len() as f64).sqrt()),
            cases: values.len() as u64,
        })
    }
}
