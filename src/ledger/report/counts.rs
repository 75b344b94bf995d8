//! Counting what differs.

/// How many differences there are.
pub(crate) fn differing<T, E>(differences: impl Iterator<Item = Result<T, E>>) -> Result<u64, E> {
    differences.map(|difference| difference.map(drop)).try_fold(0, |count, item| {
        item?;
        Ok(count + 1)
    })
}

/// The norm of a difference, for people.
pub(crate) fn distance(norm: f64) -> String {
    if norm == 0.0 || norm >= 0.01 { format!("{norm:.2}") } else { format!("{norm:.1e}") }
}
