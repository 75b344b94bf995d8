//! The least-squares system of one layer (MEMIT, eq. 14).
//!
//! C is E[k kᵀ] of the keys the model meets in ordinary text, `[in, in]`; λ weighs it; K holds the
//! mean key of each fact of this edit and P those of earlier ones, a column each. With C₀ = λ (C +
//! ridge) and A = C₀ + P Pᵀ + H Hᵀ the change of the layer is Δ = R (A⁻¹ K)ᵀ, R being what is missing
//! at the keys. In the paper H is K. With a column √w k for every context of every fact instead, w
//! being its weight in the mean, Δ is the least-squares answer for R at each of these keys and not
//! only at their mean, and no larger: it still has one column for each fact. All in f64, by Cholesky
//! factors; these may be of f32, and their solutions are refined in f64 until they are as good.
//!
//! This module knows nothing of models.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use crate::{
    editor::matrix::{gram, tensor},
    tensor::Matrix,
};

/// A refined X leaves this of A's norm times X's, about what factors of f64 leave.
const LEFT: f64 = 1e-15;

/// Steps of refinement at most. Each gains some digits, or the matrix is too much for f32.
const REFINEMENTS: usize = 20;

/// Up to this part of a layer's inputs columns are few: where both ways take the same time. Counting
/// multiplications it would be a quarter, but products are quicker than solutions with factors.
const FEW: i64 = 8;

/// Solves the systems of one model's layers and remembers the factors of their C₀ and spaces found in C, which are
/// the same from edit to edit.
#[derive(Debug, Default)]
pub struct Solver {
    factors: BTreeMap<String, Known>,
    spaces: BTreeMap<String, ([u8; 32], Tensor)>,
}

#[derive(Debug)]
struct Known {
    /// Hash of everything C₀ is made of.
    of: [u8; 32],
    factor: Factor,
}

/// What a layer holds besides the edit.
#[derive(Debug, Clone, Copy)]
pub enum Prior<'a> {
    /// λ (C + ridge · mean(diag C) · 1): what the model knows.
    Moment {
        /// C, `[in, in]`.
        second_moment: &'a Matrix,
        /// λ.
        weight: f64,
        /// Added to C's diagonal, as a fraction of the diagonal's mean.
        ridge: f64,
    },
    /// λ · 1, in a space of its own.
    Identity {
        /// Dimensions of the space.
        size: i64,
        /// λ.
        weight: f64,
    },
}

/// A system that has no unique solution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "C is not positive definite: some keys are zero in all of its text, as they may be with ReLU, or it was taken from too little text"
)]
pub struct Singular;

/// What a layer is to hold, as columns `[in, _]` as long as they are few, else added up to A.
#[derive(Debug)]
pub struct System<'a> {
    prior: Prior<'a>,
    device: Device,
    factors_in: Kind,
    columns: Vec<Tensor>,
    sum: Option<Tensor>,
}

impl<'a> System<'a> {
    /// Only the prior, on `device`. Matrices as wide as the layer are factored in `factors_in`, f64 or f32.
    #[must_use]
    pub const fn new(prior: Prior<'a>, device: Device, factors_in: Kind) -> Self {
        Self { prior, device, factors_in, columns: Vec::new(), sum: None }
    }

    /// Adds keys `[in, _]` to be held: a column each.
    pub fn hold(&mut self, keys: &Tensor) {
        let keys = keys.to_device(self.device).to_kind(Kind::Double);
        if let Some(sum) = &mut self.sum {
            *sum += gram(&keys);
            return;
        }
        self.columns.push(keys);
        let total: i64 = self.columns.iter().map(|keys| keys.size()[1]).sum();
        if FEW * total > self.columns[0].size()[0] {
            let mut sum = self.prior.weighted(self.device);
            for keys in self.columns.drain(..) {
                sum += gram(&keys);
            }
            self.sum = Some(sum);
        }
    }

    /// Of everything that the factor of C₀ depends on.
    fn hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        match self.prior {
            Prior::Moment { second_moment, weight, ridge } => {
                let rest = (self.device, self.factors_in, weight, ridge);
                hasher.update(format!("{rest:?}").as_bytes());
                hash_values(&mut hasher, second_moment);
            }
            Prior::Identity { size, weight } => {
                let rest = (self.device, self.factors_in, size, weight);
                hasher.update(format!("{rest:?}").as_bytes());
            }
        }
        *hasher.finalize().as_bytes()
    }
}

impl Solver {
    /// A⁻¹ K, `[in, n]`, for the keys `keys` `[in, n]`, on the device of `system` and in f64. `layer`
    /// names the tensor whose C₀ factor is remembered.
    ///
    /// # Errors
    /// When C₀ is not positive definite.
    pub fn adjusted_keys(
        &mut self,
        layer: &str,
        system: &System<'_>,
        keys: &Tensor,
    ) -> Result<Tensor, Singular> {
        let keys = keys.to_device(system.device).to_kind(Kind::Double);
        if let Some(sum) = &system.sum {
            return Factor::new(sum.shallow_clone(), system.factors_in)?.solve(&keys);
        }
        // Woodbury: A⁻¹ K = X − C₀⁻¹ U (1 + Uᵀ C₀⁻¹ U)⁻¹ Uᵀ X for X = C₀⁻¹ K and the columns U, a
        // small system once C₀ is factored.
        let prior = self.factor(layer, system)?;
        let free = prior.solve(&keys)?; // X
        if system.columns.is_empty() {
            return Ok(free);
        }
        let columns = Tensor::cat(&system.columns, 1); // U
        let solved = prior.solve(&columns)?; // C₀⁻¹ U
        let one = Tensor::eye(columns.size()[1], (Kind::Double, system.device));
        let inner = columns.tr().matmul(&solved) + one;
        let bound = columns.tr().matmul(&free).cholesky_solve(&cholesky(&inner)?, false);
        Ok(free - solved.matmul(&bound))
    }

    /// kᵀ C₀⁻¹ k of each of the keys `[in, n]`, `[n]`, f64.
    ///
    /// # Errors
    /// When C₀ is not positive definite.
    pub fn energies(system: &System<'_>, keys: &Tensor) -> Result<Tensor, Singular> {
        let keys = keys.to_device(system.device).to_kind(Kind::Double);
        let prior = Factor::new(system.prior.weighted(system.device), system.factors_in)?;
        let spread = prior.solve(&keys)?;
        Ok((keys * spread).sum_dim_intlist([0i64].as_slice(), false, Kind::Double))
    }

    /// Directions that `found` finds in C, with which it is remembered for the tensor `layer`; `how` says what they
    /// depend on besides.
    ///
    /// # Errors
    /// As `found`.
    pub(super) fn space<E>(
        &mut self,
        layer: &str,
        (second_moment, how): (&Matrix, String),
        found: impl FnOnce() -> Result<Tensor, E>,
    ) -> Result<Tensor, E> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(how.as_bytes());
        hash_values(&mut hasher, second_moment);
        let of = *hasher.finalize().as_bytes();
        if let Some((_, space)) = self.spaces.get(layer).filter(|(known, _)| *known == of) {
            return Ok(space.shallow_clone());
        }
        let space = found()?;
        self.spaces.insert(layer.to_owned(), (of, space.shallow_clone()));
        Ok(space)
    }

    fn factor(&mut self, layer: &str, system: &System<'_>) -> Result<&Factor, Singular> {
        let of = system.hash();
        if self.factors.get(layer).is_none_or(|known| known.of != of) {
            let factor = Factor::new(system.prior.weighted(system.device), system.factors_in)?;
            self.factors.insert(layer.to_owned(), Known { of, factor });
        }
        Ok(&self.factors[layer].factor)
    }
}

/// A positive definite matrix A, ready to be divided by.
#[derive(Debug)]
struct Factor {
    /// A, f64.
    matrix: Tensor,
    /// L with L Lᵀ = A, f64 or f32.
    lower: Tensor,
}

impl Factor {
    /// Where f32 is too short for A the factor is of f64 all the same.
    fn new(matrix: Tensor, kind: Kind) -> Result<Self, Singular> {
        let lower = cholesky(&matrix.to_kind(kind)).or_else(|_| cholesky(&matrix))?;
        Ok(Self { matrix, lower })
    }

    /// A⁻¹ B for B of f64; with a factor of f32 by iterative refinement (Wilkinson, 1963).
    fn solve(&self, b: &Tensor) -> Result<Tensor, Singular> {
        let by_factor = |b: &Tensor| {
            let b = b.to_kind(self.lower.kind());
            b.cholesky_solve(&self.lower, false).to_kind(Kind::Double)
        };
        let mut x = by_factor(b);
        if self.lower.kind() == Kind::Double {
            return Ok(x);
        }
        let norm = |x: &Tensor| x.norm().double_value(&[]);
        let enough = LEFT * norm(&self.matrix);
        for _ in 0..REFINEMENTS {
            let left = b - self.matrix.matmul(&x);
            if norm(&left) <= enough * norm(&x) {
                return Ok(x);
            }
            x += by_factor(&left);
        }
        Ok(b.cholesky_solve(&cholesky(&self.matrix)?, false))
    }
}

impl Prior<'_> {
    /// C₀.
    fn weighted(&self, device: Device) -> Tensor {
        match *self {
            Self::Moment { second_moment, weight, ridge } => {
                let c = tensor(second_moment, device).to_kind(Kind::Double);
                let ridge = ridge * c.diagonal(0, 0, 1).mean(Kind::Double);
                let identity = Tensor::eye(c.size()[0], (Kind::Double, device));
                (c + identity * ridge) * weight
            }
            Self::Identity { size, weight } => Tensor::eye(size, (Kind::Double, device)) * weight,
        }
    }
}

fn hash_values(hasher: &mut blake3::Hasher, matrix: &Matrix) {
    for values in matrix.data.chunks(1 << 14) {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        hasher.update(&bytes);
    }
}

/// X D⁻¹ for a positive definite D.
pub(super) fn divided(x: &Tensor, d: &Tensor) -> Result<Tensor, Singular> {
    Ok(x.tr().cholesky_solve(&cholesky(d)?, false).tr())
}

fn cholesky(system: &Tensor) -> Result<Tensor, Singular> {
    let (lower, failed_at) = system.linalg_cholesky_ex(false, false);
    if failed_at.int64_value(&[]) == 0 { Ok(lower) } else { Err(Singular) }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, convert::Infallible};

    use super::*;

    #[test]
    fn a_space_is_found_once_for_what_it_depends_on() {
        let (mut solver, found) = (Solver::default(), Cell::new(0));
        let mut seek = |layer: &str, c: &Matrix, how: &str| {
            let seeking = || {
                found.set(found.get() + 1);
                Ok::<_, Infallible>(tensor(c, Device::Cpu))
            };
            let space = solver.space(layer, (c, how.to_owned()), seeking).unwrap();
            assert!(space.equal(&tensor(c, Device::Cpu)));
            found.get()
        };
        let one = Matrix::identity(2);
        let other = Matrix { data: vec![1.0, 0.0, 0.0, 2.0], ..one.clone() };
        assert_eq!([seek("a", &one, "0.2"), seek("a", &one, "0.2")], [1, 1]);
        assert_eq!([seek("a", &one, "0.4"), seek("b", &one, "0.2")], [2, 3]);
        assert_eq!([seek("b", &other, "0.2"), seek("b", &other, "0.2")], [4, 4]);
    }
}
