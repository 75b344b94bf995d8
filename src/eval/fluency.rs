//! How varied a text is.

use std::collections::BTreeMap;

use super::{protocol::mean, treebank::words};

/// Length of n-grams, and what their entropy weighs.
const GRAMS: [(usize, f64); 2] = [(2, 2.0 / 3.0), (3, 4.0 / 3.0)];

/// Half of `2/3 H_2 + 4/3 H_3` in bits, `H_n` being the Shannon entropy of how often each n-gram of words occurs
/// in `text`. A text too short to have any has none.
#[must_use]
pub fn entropy(text: &str) -> f64 {
    let words = words(text);
    let sum: f64 = GRAMS.iter().map(|&(n, weight)| weight * gram_entropy(&words, n)).sum();
    sum / 2.0
}

/// The mean of [`entropy`] over texts.
pub(super) fn mean_entropy(texts: &[String]) -> Option<f64> {
    mean(&texts.iter().map(|text| entropy(text)).collect::<Vec<_>>())
}

#[expect(clippy::cast_precision_loss, reason = "texts are short")]
fn gram_entropy(words: &[String], n: usize) -> f64 {
    let mut counts: BTreeMap<&[String], f64> = BTreeMap::new();
    for gram in words.windows(n) {
        *counts.entry(gram).or_default() += 1.0;
    }
    let total = words.len().saturating_sub(n - 1) as f64;
    counts.values().map(|count| count / total).map(|share| -share * share.log2()).sum()
}
