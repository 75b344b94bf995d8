//! How fast weights are built from a base and a low-rank delta, beside a plain copy of the same bytes.

#![expect(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

mod results;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group};
use kledger::{
    delta::Accumulator,
    tensor::{Dtype, Matrix, Orientation, Tensor},
};

/// Widths of GPT-2 small's `mlp.c_proj`, and a batch of edits.
const OUTPUTS: usize = 768;
const INPUTS: usize = 3072;
const RANK: usize = 64;

fn matrix(rows: usize, cols: usize) -> Matrix {
    let data = (0u8..251).map(|i| f32::from(i) / 251.0 - 0.5);
    Matrix { rows, cols, data: data.cycle().take(rows * cols).collect() }
}

fn materialise(c: &mut Criterion) {
    let weights = matrix(INPUTS, OUTPUTS);
    let base = Tensor {
        dtype: Dtype::F32,
        shape: vec![INPUTS, OUTPUTS],
        bytes: weights.data.iter().flat_map(|value| value.to_le_bytes()).collect(),
    };
    let (left, right) = (matrix(OUTPUTS, RANK), matrix(RANK, INPUTS));
    let mut group = c.benchmark_group("materialise 768x3072 f32");
    group.throughput(Throughput::Bytes(base.bytes.len() as u64));
    group.bench_function("copy", |b| b.iter(|| black_box(base.bytes.clone())));
    group.bench_function("rank 64", |b| {
        b.iter(|| {
            let mut sum = Accumulator::new(&base, Orientation::InOut);
            sum.add_low_rank(&left, &right, &[]);
            black_box(sum.round())
        });
    });
    group.finish();
}

criterion_group!(benches, materialise);

fn main() {
    results::run("materialise", &[benches]);
}
