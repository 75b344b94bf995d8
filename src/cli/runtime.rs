//! How the model is opened, if this build can.

#[cfg(feature = "torch")]
use std::error::Error;
use std::path::Path;

use crate::{
    delta::Dtype,
    ledger::{Engine, EngineError},
};

/// What the model runs on.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "torch"), expect(dead_code, reason = "only a model runs on a device"))]
pub struct Runtime {
    device: String,
    dtype: Dtype,
}

impl Runtime {
    /// `device` as in `--device`; nothing is opened yet.
    #[must_use]
    pub fn new(device: &str, dtype: Dtype) -> Self {
        Self { device: device.to_owned(), dtype }
    }

    /// Opens the base in a directory.
    ///
    /// # Errors
    /// When there is no such device, the base cannot be loaded, or this build runs no models.
    #[cfg(feature = "torch")]
    pub fn open(&self, base: &Path) -> Result<Box<dyn Engine>, EngineError> {
        let device = self.device.parse().map_err(|error| EngineError::Model(Box::new(error)))?;
        Ok(Box::new(crate::engine::TorchEngine::open(base, device, self.dtype)?))
    }

    /// Opens the base in a directory.
    ///
    /// # Errors
    /// When there is no such device, the base cannot be loaded, or this build runs no models.
    #[cfg(not(feature = "torch"))]
    pub fn open(&self, _base: &Path) -> Result<Box<dyn Engine>, EngineError> {
        Err(EngineError::NoRuntime)
    }

    /// What a user should know of the base in a directory before it is edited; its weights are not
    /// loaded. Nothing where this build runs no models.
    #[must_use]
    #[cfg(feature = "torch")]
    pub fn doubts(base: &Path) -> Vec<String> {
        let cpu = crate::model::DeviceChoice::Cpu;
        match crate::engine::TorchEngine::open(base, cpu, Dtype::F32) {
            Ok(engine) => engine.doubts().to_vec(),
            Err(error) => {
                let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                vec![format!("no edit can be made in this model, and nothing asked of it: {why}")]
            }
        }
    }

    /// What a user should know of the base in a directory before it is edited; its weights are not
    /// loaded. Nothing where this build runs no models.
    #[must_use]
    #[cfg(not(feature = "torch"))]
    pub const fn doubts(_base: &Path) -> Vec<String> {
        Vec::new()
    }

    /// Whether this build runs models.
    #[must_use]
    pub const fn is_there() -> bool {
        cfg!(feature = "torch")
    }
}
