//! The one arithmetic that makes weights from a base and deltas.
//!
//! Every element is summed in f64 in one fixed order (base, then deltas in lineage order, then rank
//! in ascending order) and rounded once, so no CPU, thread count or block size can change a bit of the
//! result.

use half::{bf16, f16};
use rayon::prelude::*;

use super::{product::add_product, sums::Sum};
use crate::tensor::{Dtype, Matrix, Orientation, Tensor, widths};

/// Elements that a thread converts at a time, at least.
const PIECE: usize = 4096;
/// Columns turned to rows at a time: two cache lines of f64.
const TURNED: usize = 16;

/// The running sum of one tensor, `W0 + left₁ right₁ + left₂ right₂ + …`, `[out, in]` in f64.
///
/// ```
/// use kledger::{
///     delta::Accumulator,
///     tensor::{Matrix, Orientation, Tensor},
/// };
///
/// let base = Tensor::from(&Matrix::identity(2));
/// let mut sum = Accumulator::new(&base, Orientation::OutIn);
/// let left = Matrix { rows: 2, cols: 1, data: vec![0.5, 0.0] };
/// let right = Matrix { rows: 1, cols: 2, data: vec![0.0, 1.0] };
/// sum.add_low_rank(&left, &right, &[]);
/// assert_eq!(sum.round().to_f32(), [1.0, 0.5, 0.0, 1.0]);
/// ```
#[derive(Debug, Clone)]
pub struct Accumulator {
    outputs: usize,
    inputs: usize,
    sum: Vec<f64>,
    dtype: Dtype,
    orientation: Orientation,
    shape: Vec<usize>,
}

impl Accumulator {
    /// Starts from a checkpoint's tensor. One that is no matrix is taken for one as [`widths`] says.
    #[must_use]
    pub fn new(base: &Tensor, orientation: Orientation) -> Self {
        let (outputs, inputs) = widths(&base.shape, orientation);
        let sum = oriented(base, orientation);
        Self { outputs, inputs, sum, dtype: base.dtype, orientation, shape: base.shape.clone() }
    }

    /// Goes on from sums of before. `None` when they are not of this tensor's size.
    #[must_use]
    pub fn resume(base: &Tensor, sum: &Sum) -> Option<Self> {
        let (outputs, inputs) = widths(&base.shape, sum.orientation);
        if (outputs, inputs, outputs * inputs) != (sum.outputs, sum.inputs, sum.values.len()) {
            return None;
        }
        let (sum, orientation) = (sum.values.clone(), sum.orientation);
        let shape = base.shape.clone();
        Some(Self { outputs, inputs, sum, dtype: base.dtype, orientation, shape })
    }

    /// Output width, rows of the sum.
    #[must_use]
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Input width, columns of the sum.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// How the checkpoint stores this tensor.
    #[must_use]
    pub const fn orientation(&self) -> Orientation {
        self.orientation
    }

    /// The exact sum so far, row-major `[out, in]`.
    #[must_use]
    pub fn sum(&self) -> &[f64] {
        &self.sum
    }

    /// The sum so far, to go on from later.
    #[must_use]
    pub fn into_sum(self) -> Sum {
        let Self { outputs, inputs, sum: values, orientation, .. } = self;
        Sum { orientation, outputs, inputs, values }
    }

    /// Adds `left [out, rank] @ right [rank, in]`, rank by rank in ascending order, leaving out the
    /// `dropped` ranks (ascending).
    pub fn add_low_rank(&mut self, left: &Matrix, right: &Matrix, dropped: &[u32]) {
        assert_eq!((left.rows, right.cols), (self.outputs, self.inputs), "factors fit the tensor");
        assert_eq!(left.cols, right.rows, "factors have one rank");
        let live: Vec<usize> = (0..left.cols)
            .filter(|&rank| u32::try_from(rank).is_ok_and(|r| dropped.binary_search(&r).is_err()))
            .collect();
        add_product(&mut self.sum, left, right, &live);
    }

    /// Adds a whole change `[out, in]`.
    pub fn add_dense(&mut self, change: &Matrix) {
        assert_eq!((change.rows, change.cols), (self.outputs, self.inputs), "change fits tensor");
        self.sum
            .par_iter_mut()
            .zip(&change.data)
            .for_each(|(sum, &value)| *sum += f64::from(value));
    }

    /// Adds the difference between `tuned` and `base`, two tensors laid out as the one this sum started
    /// from. Where the sum is still what `base` has, it becomes exactly what `tuned` has.
    pub fn add_difference(&mut self, tuned: &Tensor, base: &Tensor) {
        assert_eq!((&tuned.shape, &base.shape), (&self.shape, &self.shape), "tensors fit");
        let (tuned, base) = (oriented(tuned, self.orientation), oriented(base, self.orientation));
        self.sum.par_iter_mut().zip(tuned.par_iter().zip(&base)).for_each(
            |(sum, (tuned, base))| {
                let untouched = sum.to_bits() == base.to_bits();
                *sum = if untouched { *tuned } else { (*sum - base) + tuned };
            },
        );
    }

    /// Rounds once to the checkpoint's dtype (to nearest, ties to even) and turns back to the
    /// checkpoint's orientation.
    #[must_use]
    pub fn round(&self) -> Tensor {
        let bytes = match self.dtype {
            Dtype::F32 => self.stored(|v| to_f32(v).to_le_bytes()),
            Dtype::F16 => self.stored(|v| to_f16(v).to_le_bytes()),
            Dtype::Bf16 => self.stored(|v| to_bf16(v).to_le_bytes()),
        };
        Tensor { dtype: self.dtype, shape: self.shape.clone(), bytes }
    }

    /// The bytes of all elements, in the checkpoint's orientation.
    fn stored<const N: usize>(&self, write: impl Fn(f64) -> [u8; N] + Sync) -> Vec<u8> {
        let bytes = if self.orientation == Orientation::InOut && self.shape.len() == 2 {
            turned(&self.sum, self.outputs, self.inputs, write)
        } else {
            converted(&self.sum, write)
        };
        bytes.into_flattened()
    }

    /// The rounded weights widened to f32, `[out, in]`: what a model that loads the checkout
    /// computes with.
    #[must_use]
    pub fn rounded(&self) -> Matrix {
        let round = |&value: &f64| match self.dtype {
            Dtype::F32 => to_f32(value),
            Dtype::F16 => to_f16(value).to_f32(),
            Dtype::Bf16 => to_bf16(value).to_f32(),
        };
        Matrix {
            rows: self.outputs,
            cols: self.inputs,
            data: self.sum.par_iter().map(round).collect(),
        }
    }
}

/// A tensor's elements, `[out, in]` in f64.
pub(super) fn oriented(tensor: &Tensor, orientation: Orientation) -> Vec<f64> {
    match tensor.dtype {
        Dtype::F32 => read(tensor, orientation, |b| f64::from(f32::from_le_bytes(b))),
        Dtype::F16 => read(tensor, orientation, |b| f64::from(f16::from_le_bytes(b))),
        Dtype::Bf16 => read(tensor, orientation, |b| f64::from(bf16::from_le_bytes(b))),
    }
}

fn read<const N: usize>(
    tensor: &Tensor,
    orientation: Orientation,
    read: impl Fn([u8; N]) -> f64 + Sync,
) -> Vec<f64> {
    let (stored, _) = tensor.bytes.as_chunks();
    match (tensor.shape.as_slice(), orientation) {
        (&[rows, cols], Orientation::InOut) => turned(stored, rows, cols, read),
        _ => converted(stored, read),
    }
}

fn converted<T: Copy + Sync, U: Send>(values: &[T], convert: impl Fn(T) -> U + Sync) -> Vec<U> {
    values.par_iter().with_min_len(PIECE).map(|&value| convert(value)).collect()
}

/// Rows for columns, [`TURNED`] columns at a time, so that what is read is as near together as what is
/// written.
fn turned<T: Copy + Sync, U: Copy + Send>(
    values: &[T],
    rows: usize,
    cols: usize,
    convert: impl Fn(T) -> U + Sync,
) -> Vec<U> {
    let Some(&first) = values.first() else { return Vec::new() };
    let mut turned = vec![convert(first); values.len()];
    turned.par_chunks_mut(TURNED * rows).enumerate().for_each(|(part, turned)| {
        let width = turned.len() / rows;
        for row in 0..rows {
            let values = &values[row * cols + part * TURNED..][..width];
            for (col, &value) in values.iter().enumerate() {
                turned[col * rows + row] = convert(value);
            }
        }
    });
    turned
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is the point")]
const fn to_f32(value: f64) -> f32 {
    value as f32
}

/// f64 to f32 with the last bit set whenever anything was cut off ("round to odd"), after which
/// rounding to a format of at most 22 bits of mantissa is as good as rounding the f64 itself. The
/// conversions of the `half` crate from f64 round twice, and on some CPUs differently.
fn to_odd_f32(value: f64) -> f32 {
    let nearest = to_f32(value);
    if f64::from(nearest) == value || nearest.is_nan() {
        return nearest;
    }
    let beyond = f64::from(nearest).abs() > value.abs();
    f32::from_bits((nearest.to_bits() - u32::from(beyond)) | 1)
}

fn to_f16(value: f64) -> f16 {
    f16::from_f32(to_odd_f32(value))
}

fn to_bf16(value: f64) -> bf16 {
    bf16::from_f32(to_odd_f32(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tensor(shape: [usize; 2], values: &[f32]) -> Tensor {
        Tensor {
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    #[test]
    fn a_change_is_left_times_right_in_either_orientation() {
        let left = Matrix { rows: 2, cols: 2, data: vec![1.0, 2.0, 3.0, 4.0] };
        let right = Matrix { rows: 2, cols: 3, data: vec![1.0, 0.0, -1.0, 0.5, 1.0, 2.0] };
        let zeros = [0.0; 6];
        let mut plain = Accumulator::new(&tensor([2, 3], &zeros), Orientation::OutIn);
        plain.add_low_rank(&left, &right, &[]);
        assert_eq!(plain.sum(), [2.0, 2.0, 3.0, 5.0, 4.0, 5.0]);
        let mut turned = Accumulator::new(&tensor([3, 2], &zeros), Orientation::InOut);
        turned.add_low_rank(&left, &right, &[]);
        assert_eq!(turned.rounded(), plain.rounded());
        assert_eq!(turned.round(), tensor([3, 2], &[2.0, 5.0, 2.0, 4.0, 3.0, 5.0]));
    }

    #[test]
    fn dropped_columns_leave_no_trace() {
        let base = tensor([1, 2], &[0.1, -0.2]);
        let left = Matrix { rows: 1, cols: 3, data: vec![0.3, 7.0, 0.7] };
        let right = Matrix { rows: 3, cols: 2, data: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
        let mut dropped = Accumulator::new(&base, Orientation::OutIn);
        dropped.add_low_rank(&left, &right, &[1]);
        let mut never = Accumulator::new(&base, Orientation::OutIn);
        never.add_low_rank(
            &Matrix { rows: 1, cols: 2, data: vec![0.3, 0.7] },
            &Matrix { rows: 2, cols: 2, data: vec![1.0, 2.0, 5.0, 6.0] },
            &[],
        );
        assert_eq!(dropped.sum(), never.sum());
    }

    #[test]
    fn halves_are_rounded_once() {
        // Just above the tie between 1 and 1 + 2⁻¹⁰ (f16) or 1 + 2⁻⁷ (bf16), by less than f32 sees.
        let above = |bits: i32| 1.0 + 2f64.powi(-bits - 1) + 2f64.powi(-50);
        assert_eq!(to_f16(above(10)).to_f64(), 1.0 + 2f64.powi(-10));
        assert_eq!(to_bf16(above(7)).to_f64(), 1.0 + 2f64.powi(-7));
        assert_eq!(to_f16(1.0 + 2f64.powi(-11)).to_f64(), 1.0);
        assert!(to_f16(1e6).is_infinite() && to_f16(f64::NAN).is_nan());
    }

    #[test]
    fn a_tuned_tensor_is_taken_exactly() {
        // Numbers whose difference no f32 holds.
        let base = tensor([2, 2], &[1.0, 1e-30, -0.0, 3e20]);
        let tuned = tensor([2, 2], &[1e-9, 7.0, -0.0, -1e-20]);
        for orientation in [Orientation::OutIn, Orientation::InOut] {
            let mut sum = Accumulator::new(&base, orientation);
            sum.add_difference(&tuned, &base);
            assert_eq!(sum.round(), tuned);
        }
        let vector = |values: &[f32]| Tensor { shape: vec![4], ..tensor([2, 2], values) };
        let base = vector(&[1.0, 2.0, 3.0, 4.0]);
        let mut sum = Accumulator::new(&base, Orientation::OutIn);
        assert_eq!((sum.outputs(), sum.inputs()), (1, 4));
        sum.add_low_rank(
            &Matrix { rows: 1, cols: 1, data: vec![2.0] },
            &Matrix { rows: 1, cols: 4, data: vec![0.0, 1.0, 0.0, 0.0] },
            &[],
        );
        sum.add_difference(&vector(&[1.0, 2.0, 3.0, 5.0]), &base);
        assert_eq!(sum.round(), vector(&[1.0, 4.0, 3.0, 5.0]));
    }

    #[test]
    fn a_sum_goes_on_where_it_was_left() {
        let base = tensor([3, 2], &[0.1, -0.2, 0.3, 1e-20, 5.0, -0.0]);
        let tuned = tensor([3, 2], &[0.1, -0.25, 0.3, 7.0, 5.0, 0.0]);
        let left = Matrix { rows: 2, cols: 2, data: vec![0.3, 7.0, 0.7, -1.1] };
        let right = Matrix { rows: 2, cols: 3, data: vec![1.0, 2.0, 3.0, 0.1, 0.2, 0.3] };
        let steps: [&dyn Fn(&mut Accumulator); 3] = [
            &|sum| sum.add_low_rank(&left, &right, &[1]),
            &|sum| sum.add_difference(&tuned, &base),
            &|sum| sum.add_low_rank(&left, &right, &[]),
        ];
        let mut whole = Accumulator::new(&base, Orientation::InOut);
        steps.iter().for_each(|step| step(&mut whole));
        for split in 0..=steps.len() {
            let mut first = Accumulator::new(&base, Orientation::InOut);
            steps[..split].iter().for_each(|step| step(&mut first));
            let mut second = Accumulator::resume(&base, &first.into_sum()).unwrap();
            steps[split..].iter().for_each(|step| step(&mut second));
            assert_eq!(second.sum(), whole.sum());
            assert_eq!(second.round(), whole.round());
        }
        let other = tensor([2, 2], &[0.0; 4]);
        assert!(Accumulator::resume(&other, &whole.into_sum()).is_none());
    }

    proptest! {
        #[test]
        fn rounding_to_half_finds_the_nearest(value in -70000f64..70000.0) {
            let rounded = to_f16(value);
            prop_assume!(rounded.is_finite());
            let bits = rounded.to_bits();
            for neighbour in [bits.wrapping_sub(1), bits.wrapping_add(1)].map(f16::from_bits) {
                if neighbour.is_finite() {
                    let distance = |half: f16| (half.to_f64() - value).abs();
                    prop_assert!(distance(rounded) <= distance(neighbour));
                }
            }
        }
    }
}
