//! Adds a product of two matrices of f32 to sums of f64, in one fixed order.
//!
//! Each sum takes its products rank by rank, in ascending order. Which sums are worked on together, and
//! by which instructions, is this file's business and changes no bit: a product of two f32 is exact in
//! f64, so that a fused multiply-add gives what a multiplication and an addition give.
//!
//! Blocked as in Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008):
//! rows of `right` in panels of columns that stay in the nearest cache while bands of rows of `left` go
//! by, and tiles of sums in registers while the ranks of a panel go by.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::tensor::Matrix;

/// Rows and vectors of sums in registers at a time: twelve of the sixteen that AVX2 has.
const ROWS: usize = 6;
const VECTORS: usize = 2;
/// Columns of a panel: four vectors of the widest kind.
const COLUMNS: usize = 32;
/// Ranks that go by while a tile is in registers; a panel of them is 64 KiB.
const RANKS: usize = 256;
/// Rows of sums that one thread takes at a time.
const BAND: usize = 8 * ROWS;

/// A row of a panel of `right`.
type Values = [f64; COLUMNS];
/// A column of `ROWS` rows of `left`.
type Factors = [f64; ROWS];

/// `sums [out, in] += left [out, rank] @ right [rank, in]`, of these ranks alone, in their order.
pub(super) fn add_product(sums: &mut [f64], left: &Matrix, right: &Matrix, ranks: &[usize]) {
    let inputs = right.cols;
    if inputs == 0 {
        return;
    }
    for ranks in ranks.chunks(RANKS) {
        let panels = panels(right, ranks);
        sums.par_chunks_mut(BAND * inputs).enumerate().for_each(|(band, sums)| {
            let rows = BAND * band..BAND * band + sums.len() / inputs;
            let factors = factors(left, rows, ranks);
            let ranks = ranks.len();
            Arch::new().dispatch(Band { sums, inputs, ranks, factors: &factors, panels: &panels });
        });
    }
}

/// Panel by panel these rows of `right`, the last one filled up with zeros.
fn panels(right: &Matrix, ranks: &[usize]) -> Vec<Values> {
    let mut panels = vec![[0.0; COLUMNS]; right.cols.div_ceil(COLUMNS) * ranks.len()];
    panels.par_chunks_mut(ranks.len()).enumerate().for_each(|(panel, rows)| {
        for (row, &rank) in rows.iter_mut().zip(ranks) {
            for (into, &value) in row.iter_mut().zip(&right.row(rank)[panel * COLUMNS..]) {
                *into = f64::from(value);
            }
        }
    });
    panels
}

/// `ROWS` rows at a time these columns of `left`, the last rows filled up with zeros.
fn factors(left: &Matrix, rows: std::ops::Range<usize>, ranks: &[usize]) -> Vec<Factors> {
    let mut factors = vec![[0.0; ROWS]; rows.len().div_ceil(ROWS) * ranks.len()];
    for (at, row) in rows.enumerate() {
        let row = left.row(row);
        let columns = &mut factors[at / ROWS * ranks.len()..][..ranks.len()];
        for (column, &rank) in columns.iter_mut().zip(ranks) {
            column[at % ROWS] = f64::from(row[rank]);
        }
    }
    factors
}

/// Rows of sums and what is to be added to them.
struct Band<'a> {
    sums: &'a mut [f64],
    inputs: usize,
    ranks: usize,
    factors: &'a [Factors],
    panels: &'a [Values],
}

impl WithSimd for Band<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { sums, inputs, ranks, factors, panels } = self;
        for (panel, values) in panels.chunks(ranks).enumerate() {
            let columns = panel * COLUMNS..inputs.min((panel + 1) * COLUMNS);
            for (sums, factors) in sums.chunks_mut(ROWS * inputs).zip(factors.chunks(ranks)) {
                let mut tile = [[0.0; COLUMNS]; ROWS];
                for (tile, sums) in tile.iter_mut().zip(sums.chunks(inputs)) {
                    tile[..columns.len()].copy_from_slice(&sums[columns.clone()]);
                }
                add_tile(simd, &mut tile, factors, values);
                for (tile, sums) in tile.iter().zip(sums.chunks_mut(inputs)) {
                    sums[columns.clone()].copy_from_slice(&tile[..columns.len()]);
                }
            }
        }
    }
}

#[inline(always)]
fn add_tile<S: Simd>(simd: S, tile: &mut [Values; ROWS], factors: &[Factors], values: &[Values]) {
    for first in (0..COLUMNS).step_by(VECTORS * S::F64_LANES) {
        let mut sums = [[simd.splat_f64s(0.0); VECTORS]; ROWS];
        for (sums, tile) in sums.iter_mut().zip(&*tile) {
            sums.copy_from_slice(&S::as_simd_f64s(&tile[first..]).0[..VECTORS]);
        }
        for (factors, values) in factors.iter().zip(values) {
            let values = &S::as_simd_f64s(&values[first..]).0[..VECTORS];
            for (sums, &factor) in sums.iter_mut().zip(factors) {
                let factor = simd.splat_f64s(factor);
                for (sum, &value) in sums.iter_mut().zip(values) {
                    *sum = simd.mul_add_e_f64s(factor, value, *sum);
                }
            }
        }
        for (sums, tile) in sums.iter().zip(&mut *tile) {
            S::as_mut_simd_f64s(&mut tile[first..]).0[..VECTORS].copy_from_slice(sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulp::Scalar;

    use super::*;

    /// Numbers whose products and sums fill all bits that f64 has.
    fn numbers(seed: &mut u32, count: usize) -> Vec<f32> {
        let mut next = || {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 17;
            *seed ^= *seed << 5;
            f32::from_bits(*seed & 0x8fff_ffff | 0x3000_0000)
        };
        (0..count).map(|_| next()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_sum_takes_its_products_in_order(
            (outputs, inputs, rank) in (1..2 * ROWS, 1..2 * COLUMNS, 1..RANKS + 9),
            outer in any::<bool>(),
            mut seed in 1u32..,
        ) {
            let outputs = outputs + if outer { BAND } else { 0 };
            let left = Matrix { rows: outputs, cols: rank, data: numbers(&mut seed, outputs * rank) };
            let right = Matrix { rows: rank, cols: inputs, data: numbers(&mut seed, rank * inputs) };
            let base: Vec<f64> =
                numbers(&mut seed, outputs * inputs).into_iter().map(f64::from).collect();
            let ranks: Vec<usize> = (0..rank).filter(|rank| rank % 5 != 3).collect();
            let mut expected = base.clone();
            for (at, sum) in expected.iter_mut().enumerate() {
                let (row, col) = (at / inputs, at % inputs);
                for &rank in &ranks {
                    *sum += f64::from(left.row(row)[rank]) * f64::from(right.row(rank)[col]);
                }
            }
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut sums = base.clone();
                pool.install(|| add_product(&mut sums, &left, &right, &ranks));
                let same = sums.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits());
                prop_assert!(same, "{outputs} x {inputs}, rank {rank}, {threads} threads");
            }
            // A CPU that has nothing, on as many rows and ranks as are worked on at a time.
            let (rows, ranks) = (outputs.min(BAND), &ranks[..ranks.len().min(RANKS)]);
            let (factors, panels) = (factors(&left, 0..rows, ranks), panels(&right, ranks));
            let band = |sums| {
                Band { sums, inputs, ranks: ranks.len(), factors: &factors, panels: &panels }
            };
            let (mut plain, mut fast) = (base[..rows * inputs].to_vec(), base[..rows * inputs].to_vec());
            band(plain.as_mut_slice()).with_simd(Scalar);
            Arch::new().dispatch(band(fast.as_mut_slice()));
            prop_assert!(plain.iter().zip(&fast).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}
