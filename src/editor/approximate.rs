//! The nearest change of lower rank, by singular values.

use tch::{Device, Kind, Tensor};

use super::matrix::{matrix, tensor};
use crate::{engine::Approximation, model::ModelError, tensor::Matrix};

/// The best approximation of `left @ right` by factors of at most `rank` columns, in the Frobenius norm
/// (Eckart and Young), in f64 on the CPU. The singular values are shared evenly between the factors.
///
/// # Errors
/// When libtorch finds no decomposition.
pub fn approximate(
    left: &Matrix,
    right: &Matrix,
    rank: usize,
) -> Result<Approximation, ModelError> {
    let wide = |matrix: &Matrix| tensor(matrix, Device::Cpu).to_kind(Kind::Double);
    // A product's singular values are those of a small core between two orthogonal bases.
    let (q_left, r_left) = Tensor::f_linalg_qr(&wide(left), "reduced")?; // [out, r], [r, r]
    let (q_right, r_right) = Tensor::f_linalg_qr(&wide(right).tr(), "reduced")?; // [in, r], [r, r]
    let (u, s, v) = r_left.matmul(&r_right.tr()).f_svd(true, true)?;
    let all = s.size()[0];
    let kept = i64::try_from(rank).unwrap_or(i64::MAX).min(all);
    let norm = |values: &Tensor| values.square().sum(Kind::Double).sqrt().double_value(&[]);
    let lost = norm(&s.narrow(0, kept, all - kept)) / norm(&s).max(f64::MIN_POSITIVE);
    let root = s.narrow(0, 0, kept).sqrt();
    let left = q_left.matmul(&u.narrow(1, 0, kept)) * &root;
    let right = (q_right.matmul(&v.narrow(1, 0, kept)) * &root).tr();
    Ok(Approximation { left: matrix(&left), right: matrix(&right), lost })
}
