//! How like two texts are in the words they use.

use std::collections::{BTreeMap, BTreeSet};

/// What each word of some documents weighs: `ln((1 + n) / (1 + df)) + 1`, where `df` of the `n`
/// documents have it. Words that none of them has weigh nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weights(BTreeMap<String, f64>);

impl Weights {
    /// The weights in `documents`.
    pub fn of<'a>(documents: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut number, mut having) = (0.0, BTreeMap::<String, u32>::new());
        for document in documents {
            number += 1.0;
            for word in terms(document).collect::<BTreeSet<_>>() {
                *having.entry(word).or_default() += 1;
            }
        }
        let weight = |having: u32| f64::ln((1.0 + number) / (1.0 + f64::from(having))) + 1.0;
        Self(having.into_iter().map(|(word, having)| (word, weight(having))).collect())
    }

    /// The cosine of the angle between two texts as vectors of counts times weights; 0 where one of
    /// them has no word that weighs.
    #[must_use]
    pub fn cosine(&self, a: &str, b: &str) -> f64 {
        let (a, b) = (self.vector(a), self.vector(b));
        let norm = |v: &BTreeMap<String, f64>| v.values().map(|x| x * x).sum::<f64>().sqrt();
        let dot: f64 = a.iter().filter_map(|(word, x)| Some(x * b.get(word)?)).sum();
        let norms = norm(&a) * norm(&b);
        if norms > 0.0 { dot / norms } else { 0.0 }
    }

    fn vector(&self, text: &str) -> BTreeMap<String, f64> {
        let mut vector = BTreeMap::new();
        for word in terms(text) {
            if let Some(weight) = self.0.get(&word) {
                *vector.entry(word).or_default() += weight;
            }
        }
        vector
    }
}

/// Runs of at least two letters, digits or underscores, in lower case.
fn terms(text: &str) -> impl Iterator<Item = String> {
    let runs = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    runs.filter(|run| run.chars().nth(1).is_some()).map(str::to_lowercase)
}
