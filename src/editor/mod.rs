//! Editors: requests in, a change of weights out.
//!
//! [`METHODS`] lists them. Those of `closed` solve for the change; they stand on `locate`, which finds where facts are
//! looked up and what should be there. Those of `tune` go down the gradient of a loss. Those of
//! `learned` are trained to turn a gradient into an edit. That of `neurons` changes what single units say.
//!
//! Letters are those of the MEMIT paper: k is a key, `[in]`; z a value, `[d]`; C = E[k kᵀ]; R what is missing; λ the
//! weight of C. The model is the same before and after an edit, also when it fails.
//!
//! This module knows nothing of commits. Without the feature `torch` there is only what can be said of methods before
//! they run: their names, their needs and their settings, so that these can be checked.

#[cfg(feature = "torch")]
mod approximate;
mod closed;
#[cfg(feature = "torch")]
mod error;
mod learned;
mod locate;
#[cfg(feature = "torch")]
mod matrix;
mod method;
mod module;
mod neurons;
#[cfg(feature = "torch")]
mod pass;
mod presets;
mod settings;
mod tune;
#[cfg(feature = "torch")]
mod worded;
#[cfg(feature = "torch")]
mod workbench;

#[cfg(feature = "torch")]
pub use approximate::approximate;
#[cfg(feature = "torch")]
pub use closed::{ClosedForm, Prior, Singular, Solver, System, sample_documents, second_moments};
pub use closed::{SolveFactor, Solving, Weight, alphaedit, emmet, memit, pmet, rome};
#[cfg(feature = "torch")]
pub use error::EditError;
#[cfg(feature = "torch")]
pub use locate::prefixes::sample_prefixes;
pub use locate::settings::{Matmul, Optimizer, Scale, Search, ZOn};
pub use method::Method;
use method::Registered;
#[cfg(feature = "torch")]
pub use method::{Bench, Editor};
pub use presets::ModelSize;
pub use settings::{Defaults, MethodSettings, Setting, SettingsError};

/// All methods.
pub const METHODS: &[&dyn Method] = &{
    let [ft, ft_l, ft_m, ft_c, locft_bf, lora] = tune::METHODS;
    [
        &Registered::<memit::Settings>::NEW as &dyn Method,
        &Registered::<alphaedit::Settings>::NEW,
        &Registered::<emmet::Settings>::NEW,
        &Registered::<pmet::Settings>::NEW,
        &Registered::<rome::Settings>::NEW,
        &Registered::<rome::Rebuilt>::NEW,
        ft,
        ft_l,
        ft_m,
        ft_c,
        locft_bf,
        lora,
        &Registered::<learned::mend::Settings>::NEW,
        &Registered::<learned::ke::Settings>::NEW,
        &Registered::<learned::enn::Settings>::NEW,
        &Registered::<neurons::Settings>::NEW,
    ]
};

/// The method that commits and configurations call so.
///
/// # Errors
/// When there is none.
pub fn method(name: &str) -> Result<&'static dyn Method, SettingsError> {
    let found = METHODS.iter().copied().find(|method| method.name() == name);
    found.ok_or_else(|| {
        let known: Vec<&str> = METHODS.iter().map(|method| method.name()).collect();
        SettingsError::Editor { name: name.to_owned(), known: known.join(", ") }
    })
}

/// Makes sure of what an editor stands on to whom it matters what is before a token.
///
/// # Errors
/// When the model reads both ways.
#[cfg(feature = "torch")]
fn reads_forward(editor: &'static str, model: &crate::model::Spec) -> Result<(), SettingsError> {
    if model.direction == crate::model::Direction::Forward {
        return Ok(());
    }
    let others = METHODS.iter().filter(|method| method.reads_both_ways());
    let others = others.map(|method| method.name()).collect::<Vec<_>>().join(", ");
    let others = others.rsplit_once(", ").map(|(first, last)| format!("{first} or {last}"));
    let others = others.unwrap_or_default();
    Err(SettingsError::ReadsBothWays { editor, model_type: model.model_type, others })
}

/// The same error; where it is of a setting that other methods have, with their names.
#[must_use]
pub fn naming_others(error: SettingsError) -> SettingsError {
    let SettingsError::Key { key, known, .. } = error else { return error };
    let has_it = |method: &dyn Method| method.settings().iter().any(|setting| setting.key == key);
    let having = METHODS.iter().filter(|method| has_it(**method));
    let elsewhere = having.map(|method| method.name()).collect();
    SettingsError::Key { key, elsewhere, known }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_every_method_has_a_meaning_and_no_other_has() {
        for method in METHODS {
            let keys: Vec<&str> = method.settings().iter().map(|setting| setting.key).collect();
            assert!(keys.is_sorted(), "{keys:?}");
            let defaults = method.defaults();
            let unknown = defaults.keys().find(|key| !keys.contains(&key.as_str()));
            assert_eq!(unknown, None, "{}", method.name());
            // What has no default depends on the model, and says so.
            for setting in method.settings() {
                assert!(!setting.meaning.is_empty() && !setting.range.is_empty());
                assert!(defaults.contains_key(setting.key) || setting.by_model, "{}", setting.key);
            }
        }
    }

    #[test]
    fn a_setting_of_another_method_is_named_with_it() {
        let refused = |editor: &str, text: &str| {
            let error = method(editor).unwrap().fit_some_model(text).unwrap_err();
            naming_others(error).to_string()
        };
        let error = refused("memit", "L2 = 1");
        assert!(error.starts_with("there is no setting \"L2\", which alphaedit has; "), "{error}");
        let error = refused("alphaedit", "mom2_adjustment = true");
        assert!(error.contains(", which rome and r-rome have; there is "), "{error}");
        let error = refused("rome", "nosuch = 1");
        assert!(error.starts_with("there is no setting \"nosuch\"; there is "), "{error}");
    }

    #[test]
    fn names_are_found_and_others_are_named() {
        for method in METHODS {
            assert_eq!(super::method(method.name()).unwrap().version(), method.version());
        }
        let error = method("nobody").err().unwrap().to_string();
        assert_eq!(
            error,
            "there is no editor \"nobody\"; there is memit, alphaedit, emmet, pmet, rome, r-rome, ft, ft-l, ft-m, ft-c, \
             locft-bf, lora, mend, ke, enn, kn"
        );
    }
}
