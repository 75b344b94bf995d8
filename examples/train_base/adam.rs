//! The optimiser, whose state can be saved.

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use kledger::model::Weights;
use tch::Tensor;

const DECAY: f64 = 0.02;
const BETAS: (f64, f64) = (0.9, 0.98);
const EPSILON: f64 = 1e-8;

/// AdamW (Loshchilov and Hutter, 2019) with the gradient's norm cut at 1. Its moments can be saved.
pub(crate) struct Adam {
    moments: Vec<(Tensor, Tensor)>,
}

impl Adam {
    pub(crate) fn new(weights: &Weights) -> Self {
        let moments = weights.iter().map(|(_, w)| (w.zeros_like(), w.zeros_like())).collect();
        Self { moments }
    }

    /// Changes the weights by their gradients, which are then zero.
    pub(crate) fn step(&mut self, weights: &Weights, rate: f64, count: usize) {
        let count = i32::try_from(count).expect("because no run has 2^31 steps");
        tch::no_grad(|| {
            let norms: Vec<Tensor> = weights.iter().map(|(_, w)| w.grad().norm()).collect();
            let cut = (Tensor::stack(&norms, 0).norm() + 1e-6).reciprocal().clamp_max(1.0);
            let unbias = (1.0 - BETAS.0.powi(count), 1.0 - BETAS.1.powi(count));
            for ((slot, weight), (mean, square)) in weights.iter().zip(&mut self.moments) {
                let mut weight = weight.shallow_clone();
                let mut gradient = weight.grad();
                let _ = gradient.g_mul_(&cut);
                let _ = mean.lerp_(&gradient, 1.0 - BETAS.0);
                let _ = square.lerp_(&gradient.square(), 1.0 - BETAS.1);
                if slot.shape.len() == 2 {
                    let _ = weight.g_mul_scalar_(1.0 - rate * DECAY);
                }
                let spread = (&*square / unbias.1).sqrt() + EPSILON;
                weight -= &*mean / spread * (rate / unbias.0);
                let _ = gradient.zero_();
            }
        });
    }

    /// Writes weights, moments and the number of steps made.
    pub(crate) fn save(
        &self,
        weights: &Weights,
        step: usize,
        path: &Path,
    ) -> Result<(), Box<dyn Error>> {
        let mut named = vec![("step".to_owned(), Tensor::from_slice(&[step as i64]))];
        for ((slot, weight), (mean, square)) in weights.iter().zip(&self.moments) {
            let parts = [("weight", weight), ("mean", mean), ("square", square)];
            for (part, tensor) in parts {
                named.push((format!("{part} {}", slot.name), tensor.detach().contiguous()));
            }
        }
        let unfinished: PathBuf = path.with_extension("unfinished");
        Tensor::write_safetensors(&named, &unfinished)?;
        Ok(std::fs::rename(unfinished, path)?)
    }

    /// Reads what [`Adam::save`] wrote and returns the number of steps made.
    pub(crate) fn restore(
        &mut self,
        weights: &Weights,
        path: &Path,
    ) -> Result<usize, Box<dyn Error>> {
        let saved: std::collections::BTreeMap<String, Tensor> =
            Tensor::read_safetensors(path)?.into_iter().collect();
        let find =
            |name: &str| saved.get(name).ok_or_else(|| format!("{} has no {name}", path.display()));
        tch::no_grad(|| -> Result<(), Box<dyn Error>> {
            for ((slot, weight), (mean, square)) in weights.iter().zip(&mut self.moments) {
                weight.shallow_clone().f_copy_(find(&format!("weight {}", slot.name))?)?;
                mean.f_copy_(find(&format!("mean {}", slot.name))?)?;
                square.f_copy_(find(&format!("square {}", slot.name))?)?;
            }
            Ok(())
        })?;
        Ok(usize::try_from(find("step")?.int64_value(&[0]))?)
    }
}
