//! Matrices as the ledger has them, as tensors, and back.

use tch::{Device, Kind, Tensor};

use crate::tensor::Matrix;

/// A size as libtorch counts.
pub(super) fn int(n: usize) -> i64 {
    i64::try_from(n).expect("because sizes are far below 2^63")
}

/// A matrix on a device, f32.
pub(super) fn tensor(matrix: &Matrix, device: Device) -> Tensor {
    Tensor::from_slice(&matrix.data).view([-1, int(matrix.cols)]).to_device(device)
}

/// A two-dimensional tensor as f32 in memory.
pub(super) fn matrix(tensor: &Tensor) -> Matrix {
    let size = tensor.size();
    let sizes: Vec<usize> = size.iter().filter_map(|&n| usize::try_from(n).ok()).collect();
    let &[rows, cols] = sizes.as_slice() else {
        unreachable!("because callers pass matrices, found shape {size:?}")
    };
    Matrix { rows, cols, data: floats(tensor) }
}

/// x xᵀ for x `[n, m]`, in x's kind. It is symmetric, so of the blocks beside the diagonal only one
/// of two is computed.
pub(super) fn gram(x: &Tensor) -> Tensor {
    const BLOCK: i64 = 256;
    let n = x.size()[0];
    let product = Tensor::zeros([n, n], (x.kind(), x.device()));
    let mut start = 0;
    while start < n {
        let rows = BLOCK.min(n - start);
        let below = x.narrow(0, start, rows).matmul(&x.narrow(0, 0, start + rows).tr());
        product.narrow(0, start, rows).narrow(1, 0, start + rows).copy_(&below);
        product.narrow(0, 0, start).narrow(1, start, rows).copy_(&below.narrow(1, 0, start).tr());
        start += rows;
    }
    product
}

/// The values of a tensor as f32 in memory, row by row.
pub(super) fn floats(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.detach().to_kind(Kind::Float).to_device(Device::Cpu).contiguous();
    let mut values = vec![0.0; tensor.numel()];
    tensor.copy_data(&mut values, tensor.numel());
    values
}
