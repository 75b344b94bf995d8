//! How the model is opened, if this build can.

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

    /// Whether this build runs models.
    #[must_use]
    pub const fn is_there() -> bool {
        cfg!(feature = "torch")
    }
}
