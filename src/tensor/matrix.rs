//! Matrices of f32.

use super::{Dtype, Tensor};

/// A row-major matrix of f32.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// `rows * cols` values.
    pub data: Vec<f32>,
}

impl From<&Matrix> for Tensor {
    fn from(matrix: &Matrix) -> Self {
        Self {
            dtype: Dtype::F32,
            shape: vec![matrix.rows, matrix.cols],
            bytes: matrix.data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }
}

impl Matrix {
    /// A matrix of zeros.
    #[must_use]
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { rows, cols, data: vec![0.0; rows * cols] }
    }

    /// Ones on the diagonal.
    #[must_use]
    pub fn identity(size: usize) -> Self {
        let mut identity = Self::zeros(size, size);
        identity.data.iter_mut().step_by(size + 1).for_each(|value| *value = 1.0);
        identity
    }

    /// These rows of it, in this order.
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let data = rows.iter().flat_map(|&row| self.row(row)).copied().collect();
        Self { rows: rows.len(), cols: self.cols, data }
    }

    /// These columns of it, in this order.
    #[must_use]
    pub fn select_columns(&self, columns: &[usize]) -> Self {
        let mut data = Vec::with_capacity(self.rows * columns.len());
        for row in 0..self.rows {
            let row = self.row(row);
            data.extend(columns.iter().map(|&column| row[column]));
        }
        Self { rows: self.rows, cols: columns.len(), data }
    }

    /// Rows for columns.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let column = |col: usize| self.data[col..].iter().step_by(self.cols).copied();
        let data = (0..self.cols).flat_map(column).collect();
        Self { rows: self.cols, cols: self.rows, data }
    }

    /// Row `i`.
    #[must_use]
    pub fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }
}
