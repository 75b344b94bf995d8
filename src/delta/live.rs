//! What still counts of a version's deltas, for export.

use std::collections::BTreeMap;

use super::version::{Change, ChangeForm, LoadedDelta, Version};
use crate::tensor::Matrix;

impl LoadedDelta {
    /// Which of `count` columns count, ascending.
    #[must_use]
    pub fn live(&self, count: usize) -> Vec<usize> {
        let dropped = |column: &usize| {
            u32::try_from(*column).is_ok_and(|c| self.dropped.binary_search(&c).is_ok())
        };
        (0..count).filter(|column| !dropped(column)).collect()
    }

    /// Its changes without the columns that no longer count. What they add is the same, bit for bit.
    #[must_use]
    pub fn live_changes(&self) -> BTreeMap<String, Change> {
        let live = |change: &Change| Change {
            orientation: change.orientation,
            form: match &change.form {
                ChangeForm::LowRank { left, right } => {
                    let live = self.live(right.rows);
                    ChangeForm::LowRank {
                        left: left.select_columns(&live),
                        right: right.select_rows(&live),
                    }
                }
                whole => whole.clone(),
            },
            keys: change.keys.as_ref().map(|keys| {
                let live = self.live(change.columns()).into_iter();
                let rows: Vec<usize> =
                    live.flat_map(|column| change.rows_of_keys(column)).collect();
                keys.select_rows(&rows)
            }),
        };
        self.changes.iter().map(|(name, change)| (name.clone(), live(change))).collect()
    }
}

impl Version {
    /// All that is added to `tensor` as one pair of factors, `[out, r]` and `[r, in]`, the deltas' live
    /// columns side by side in their order; `None` where a delta is not of low rank.
    #[must_use]
    pub fn factors(&self, tensor: &str) -> Option<(Matrix, Matrix)> {
        let mut joined: Option<(Matrix, Matrix)> = None;
        for delta in &self.deltas {
            let Some(change) = delta.changes.get(tensor) else { continue };
            let ChangeForm::LowRank { left, right } = &change.form else { return None };
            let live = delta.live(right.rows);
            let (left, right) = (left.select_columns(&live), right.select_rows(&live));
            joined = Some(match joined {
                None => (left, right),
                Some((before, above)) => (before.beside(&left), above.over(&right)),
            });
        }
        joined
    }
}

impl Matrix {
    /// Its columns and then those of `other`.
    fn beside(&self, other: &Self) -> Self {
        assert_eq!(self.rows, other.rows, "columns are of one length");
        let data =
            (0..self.rows).flat_map(|row| [self.row(row), other.row(row)].concat()).collect();
        Self { rows: self.rows, cols: self.cols + other.cols, data }
    }

    /// Its rows and then those of `other`.
    fn over(mut self, other: &Self) -> Self {
        assert_eq!(self.cols, other.cols, "rows are of one length");
        self.rows += other.rows;
        self.data.extend(&other.data);
        self
    }
}
