//! How the model is opened, if this build can.
//!
//! Loading libtorch takes longer than most verbs do. So a build without it can be installed as `kledger`
//! beside one with it as `kledger-torch`, which then takes its place for verbs that may run the model.

#[cfg(feature = "torch")]
use std::io::{self, Write as _};

#[cfg(not(feature = "torch"))]
use std::{env, os::unix::process::CommandExt as _, process::Command};
use std::{ffi::OsString, path::Path, process::ExitCode};

use super::error::{CliError, Exit};
use crate::{
    editor::{self, METHODS, SettingsError},
    engine::{Engine, EngineError},
    tensor::Dtype,
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
        let device = self.device.parse::<crate::model::DeviceChoice>()?;
        Ok(Box::new(crate::runtime::TorchEngine::open(base, device, self.dtype)?))
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
    ///
    /// # Errors
    /// When no edit can be made in it.
    #[cfg(feature = "torch")]
    pub fn doubts(base: &Path) -> Result<Vec<String>, EngineError> {
        let cpu = crate::model::DeviceChoice::Cpu;
        Ok(crate::runtime::TorchEngine::open(base, cpu, Dtype::F32)?.doubts().to_vec())
    }

    /// What a user should know of the base in a directory before it is edited; its weights are not
    /// loaded. Nothing where this build runs no models.
    ///
    /// # Errors
    /// None.
    #[cfg(not(feature = "torch"))]
    pub const fn doubts(_base: &Path) -> Result<Vec<String>, EngineError> {
        Ok(Vec::new())
    }

    /// Makes sure that there is such an editor and that it can be set so: on the base in a directory where this
    /// build opens it, else on some model.
    ///
    /// # Errors
    /// When there is none, or a setting is unknown or cannot have its value.
    pub fn fits(
        &self,
        base: &Path,
        editor: &str,
        settings: &toml::Table,
    ) -> Result<(), EngineError> {
        fits_some_model(Some(editor), settings)?;
        match self.open(base) {
            Ok(engine) => engine.settle(editor, &settings.to_string()).map(drop),
            // Facts cannot be edited into it now; nothing is wrong with the settings.
            Err(_) => Ok(()),
        }
    }

    /// Whether this build runs models.
    #[must_use]
    pub const fn is_there() -> bool {
        cfg!(feature = "torch")
    }
}

/// Makes sure that there is such an editor, or any where none is named, and that it can be set so on some model.
///
/// # Errors
/// When there is none, or a setting is unknown or cannot have its value.
pub(super) fn fits_some_model(
    editor: Option<&str>,
    settings: &toml::Table,
) -> Result<(), EngineError> {
    let settings = settings.to_string();
    let fits = match editor {
        Some(name) => editor::method(name).and_then(|method| method.fit_some_model(&settings)),
        None => {
            let mut tried: Vec<_> =
                METHODS.iter().map(|method| method.fit_some_model(&settings)).collect();
            // What one that has the setting says of its value says more than one that has it not.
            let is_key = |tried: &Result<(), _>| matches!(tried, Err(SettingsError::Key { .. }));
            tried.sort_by_key(|tried| (tried.is_err(), is_key(tried)));
            tried.into_iter().next().unwrap_or(Ok(()))
        }
    };
    fits.map_err(|error| EngineError::Settings(editor::naming_others(error).to_string()))
}

/// The program that is this one with libtorch in it.
#[cfg(not(feature = "torch"))]
const WITH_LIBTORCH: &str = "kledger-torch";

/// Has the program with libtorch do what `words` say in place of this one, if it lies beside it.
///
/// # Errors
/// When it cannot be started.
#[cfg(not(feature = "torch"))]
pub(super) fn give_way(words: &[OsString]) -> Result<(), CliError> {
    let (Ok(this), Some((name, rest))) = (env::current_exe(), words.split_first()) else {
        return Ok(());
    };
    let program = this.with_file_name(WITH_LIBTORCH);
    if program == this || !program.is_file() {
        return Ok(());
    }
    // Usage and help name the program as the user does.
    let source = Command::new(&program).arg0(name).args(rest).exec();
    Err(CliError::Start { program, source })
}

/// Ends the process with libtorch in it at once. Taking its operators apart, as C++ does at the end of a
/// process, takes a third of the time of a verb that uses none; all that is to be written is written.
#[cfg(feature = "torch")]
#[expect(unsafe_code, reason = "only C ends a process without what it registered for its end")]
pub(super) fn end(code: Exit) -> ExitCode {
    let _unheard = io::stdout().flush();
    // SAFETY: it takes a number and does not come back.
    unsafe { libc::_exit(i32::from(code as u8)) }
}

/// How the process ends.
#[cfg(not(feature = "torch"))]
pub(super) fn end(code: Exit) -> ExitCode {
    code.into()
}

/// Nothing: this is the program with libtorch.
///
/// # Errors
/// None.
#[cfg(feature = "torch")]
pub(super) const fn give_way(_words: &[OsString]) -> Result<(), CliError> {
    Ok(())
}
