//! The least-squares system of one layer (MEMIT, eq. 14).
//!
//! C is E[k kᵀ] of the keys the model meets in ordinary text, `[in, in]`; λ weighs it; K holds the
//! mean key of each fact of this edit and P those of earlier ones, a column each. With C₀ = λ (C +
//! ridge) and A = C₀ + P Pᵀ + H Hᵀ the change of the layer is Δ = R (A⁻¹ K)ᵀ, R being what is missing
//! at the keys. In the paper H is K. With a column √w k for every context of every fact instead, w
//! being its weight in the mean, Δ is the least-squares answer for R at each of these keys and not
//! only at their mean, and no larger: it still has one column for each fact. All in f64, by Cholesky
//! factors.
//!
//! This module knows nothing of models.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use super::matrix::{gram, tensor};
use crate::delta::Matrix;

/// Solves the systems of one model's layers and remembers the factors of their C₀, which are the
/// same from edit to edit.
#[derive(Debug, Default)]
pub struct Solver {
    factors: BTreeMap<String, Factor>,
}

#[derive(Debug)]
struct Factor {
    /// Hash of everything C₀ is made of.
    of: [u8; 32],
    /// L with L Lᵀ = C₀.
    lower: Tensor,
}

/// What a layer holds besides the edit.
#[derive(Debug, Clone, Copy)]
pub struct Prior<'a> {
    /// C, `[in, in]`.
    pub second_moment: &'a Matrix,
    /// λ.
    pub weight: f64,
    /// Added to C's diagonal, as a fraction of the diagonal's mean.
    pub ridge: f64,
}

/// A system that has no unique solution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("C is not positive definite: it was taken from too little text, or ridge is too small")]
pub struct Singular;

/// What a layer is to hold, as columns `[in, _]` as long as they are few, else added up to A.
#[derive(Debug)]
pub struct System<'a> {
    prior: Prior<'a>,
    device: Device,
    columns: Vec<Tensor>,
    sum: Option<Tensor>,
}

impl<'a> System<'a> {
    /// Only the prior, on `device`.
    #[must_use]
    pub const fn new(prior: Prior<'a>, device: Device) -> Self {
        Self { prior, device, columns: Vec::new(), sum: None }
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
        if 2 * total > self.columns[0].size()[0] {
            let mut sum = self.prior.weighted(self.device);
            for keys in self.columns.drain(..) {
                sum += gram(&keys);
            }
            self.sum = Some(sum);
        }
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
            return Ok(keys.cholesky_solve(&cholesky(sum)?, false));
        }
        // Woodbury: A⁻¹ K = X − C₀⁻¹ U (1 + Uᵀ C₀⁻¹ U)⁻¹ Uᵀ X for X = C₀⁻¹ K and the columns U, a
        // small system once C₀ is factored.
        let lower = self.factor(layer, &system.prior, system.device)?;
        let free = keys.cholesky_solve(lower, false); // X
        if system.columns.is_empty() {
            return Ok(free);
        }
        let columns = Tensor::cat(&system.columns, 1); // U
        let solved = columns.cholesky_solve(lower, false); // C₀⁻¹ U
        let one = Tensor::eye(columns.size()[1], (Kind::Double, system.device));
        let inner = columns.tr().matmul(&solved) + one;
        let bound = columns.tr().matmul(&free).cholesky_solve(&cholesky(&inner)?, false);
        Ok(free - solved.matmul(&bound))
    }

    fn factor(
        &mut self,
        layer: &str,
        prior: &Prior<'_>,
        device: Device,
    ) -> Result<&Tensor, Singular> {
        let of = prior.hash(device);
        if self.factors.get(layer).is_none_or(|factor| factor.of != of) {
            let lower = cholesky(&prior.weighted(device))?;
            self.factors.insert(layer.to_owned(), Factor { of, lower });
        }
        Ok(&self.factors[layer].lower)
    }
}

impl Prior<'_> {
    /// C₀ = λ (C + ridge · mean(diag C) · 1).
    fn weighted(&self, device: Device) -> Tensor {
        let c = tensor(self.second_moment, device).to_kind(Kind::Double);
        let ridge = self.ridge * c.diagonal(0, 0, 1).mean(Kind::Double);
        let identity = Tensor::eye(c.size()[0], (Kind::Double, device));
        (c + identity * ridge) * self.weight
    }

    fn hash(&self, device: Device) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{device:?} {:?} {:?}", self.weight, self.ridge).as_bytes());
        for value in &self.second_moment.data {
            hasher.update(&value.to_le_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

fn cholesky(system: &Tensor) -> Result<Tensor, Singular> {
    let (lower, failed_at) = system.linalg_cholesky_ex(false, false);
    if failed_at.int64_value(&[]) == 0 { Ok(lower) } else { Err(Singular) }
}
