//! Settings of an editor from a file: kledger's own in TOML, or hyperparameters as the methods' authors (JSON) and EasyEdit
//! (YAML) write them.

use std::path::Path;

use serde_json::{Map, Value};

use super::{error::CliError, runtime::fits_some_model};
use crate::{
    editor::{self, METHODS},
    input,
};

/// What a file says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct SettingsFile {
    /// The editor that it is for, where it says that.
    pub(super) editor: Option<String>,
    /// What it sets.
    pub(super) table: toml::Table,
    /// What of it sets nothing here, in words.
    pub(super) notes: Vec<String>,
}

/// The key that names a method in EasyEdit's files.
const METHOD: &str = "alg_name";
/// ROME's prefixes: for each length in tokens, how many.
const PREFIXES: &str = "context_template_length_params";
/// What kledger does in one way only. Files that want another one are refused.
const ONLY: [(&str, &str); 2] = [("fact_token", "subject_last"), ("layer_selection", "all")];
/// What says where things are and how to run them.
const SURROUNDINGS: [&str; 19] = [
    "P_loc",
    "attn_module_tmp",
    "batch_size",
    "device",
    "fp16",
    "layer_module_tmp",
    "lm_head_module",
    "ln_f_module",
    "max_length",
    "mlp_module_tmp",
    "model_name",
    "model_parallel",
    "mom2_dataset",
    "mom2_dtype",
    "mom2_n_samples",
    "results_dir",
    "rewrite_module_tmp",
    "rewrite_module_tmps",
    "stats_dir",
];

/// Reads the file `path`, which the user calls `name`, for the editor `named` on the command line, else the one that the
/// file names, else `usual`.
///
/// # Errors
/// When it cannot be read, is for another editor than the one named, or sets what the editor cannot be set to.
pub(super) fn read(
    path: &Path,
    name: &Path,
    named: Option<&str>,
    usual: &str,
) -> Result<SettingsFile, CliError> {
    let text =
        input::text(path).map_err(|source| CliError::Read { path: name.to_owned(), source })?;
    let kind = name.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
    let file = parse(&kind.to_lowercase(), &text).and_then(|said| said.take(named, usual));
    let mut file = file.map_err(|why| CliError::SettingsFile { path: name.to_owned(), why })?;
    for note in &mut file.notes {
        *note = format!("{}: {note}", name.display());
    }
    Ok(file)
}

/// What a file says, before it is known what that means.
struct Said {
    keys: Map<String, Value>,
    /// Whether it is somebody else's: what is not known in it is named, and not refused.
    foreign: bool,
}

fn parse(kind: &str, text: &str) -> Result<Said, String> {
    let line = |error: String| error.trim_end().replace('\n', " ");
    let keys = match kind {
        "toml" => {
            let table: toml::Table =
                text.parse().map_err(|e: toml::de::Error| line(e.to_string()))?;
            serde_json::to_value(table).map_err(|e| e.to_string())?
        }
        "json" => serde_json::from_str(text).map_err(|e| line(e.to_string()))?,
        "yaml" | "yml" => yaml_serde::from_str(text).map_err(|e| line(e.to_string()))?,
        _ => return Err("settings are read from .toml, .json and .yaml".to_owned()),
    };
    match keys {
        Value::Object(keys) => Ok(Said { keys, foreign: kind != "toml" }),
        _ => Err("it has no keys".to_owned()),
    }
}

impl Said {
    /// What of it are settings.
    fn take(mut self, named: Option<&str>, usual: &str) -> Result<SettingsFile, String> {
        let of_file = self.method()?;
        if let (Some(named), Some(of_file)) = (named, &of_file)
            && named != of_file
        {
            return Err(format!("it is for {of_file}, not for {named}"));
        }
        let editor = named.or(of_file.as_deref()).unwrap_or(usual);
        let method = editor::method(editor).map_err(|error| error.to_string())?;
        let known: Vec<&str> = method.settings().iter().map(|setting| setting.key).collect();
        for (key, only) in ONLY {
            if let Some(other) = self.keys.remove(key).filter(|value| value != only) {
                return Err(format!("{key} is {other}; only {only:?} is known"));
            }
        }
        let mut file = SettingsFile::default();
        let (mut left, mut around) = (Vec::new(), Vec::new());
        for (key, value) in &self.keys {
            if key == PREFIXES && known.contains(&"prefix_count") {
                file.notes.extend(prefixes(value, &mut file.table)?);
            } else if self.foreign && SURROUNDINGS.contains(&key.as_str()) {
                around.push(key.as_str());
            } else if self.foreign && !known.contains(&key.as_str()) || value.is_null() {
                left.push(format!("{key} = {value}"));
            } else {
                let value = toml::Value::try_from(value).map_err(|e| format!("{key}: {e}"))?;
                file.table.insert(key.clone(), value);
            }
        }
        fits_some_model(Some(editor), &file.table).map_err(|error| error.to_string())?;
        if !left.is_empty() {
            file.notes.push(format!("{editor} has no setting for {}", left.join(", ")));
        }
        if !around.is_empty() {
            file.notes.push(format!("found out without: {}", around.join(", ")));
        }
        file.editor = of_file;
        Ok(file)
    }

    /// The editor that the file is for.
    fn method(&mut self) -> Result<Option<String>, String> {
        let Some(value) = self.keys.remove(METHOD) else { return Ok(None) };
        let known = METHODS.iter().map(|method| method.name());
        let called = value.as_str().unwrap_or_default().to_lowercase();
        match known.clone().find(|name| *name == called) {
            Some(name) => Ok(Some(name.to_owned())),
            None => {
                let known = known.collect::<Vec<_>>().join(", ");
                Err(format!("{METHOD} is {value}: there is no such editor; there is {known}"))
            }
        }
    }
}

/// Puts ROME's prefixes, pairs of a length and a number, into `table`; what of them has no place there.
fn prefixes(value: &Value, table: &mut toml::Table) -> Result<Option<String>, String> {
    let pairs: Vec<(i64, i64)> = serde_json::from_value(value.clone())
        .map_err(|_| format!("{PREFIXES} is {value}, not pairs of a length and a number"))?;
    let longest = pairs.iter().map(|(length, _)| *length).max().unwrap_or(1);
    let count = pairs.iter().map(|(_, count)| *count).fold(0, i64::saturating_add);
    table.insert("prefix_count".to_owned(), count.into());
    table.insert("prefix_tokens".to_owned(), longest.into());
    let alike = pairs.iter().all(|(length, _)| *length == longest);
    let note = format!(
        "{PREFIXES} = {value}: prefixes are of one length here, {count} of {longest} tokens"
    );
    Ok((!alike).then_some(note))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, text: &str, named: Option<&str>) -> Result<SettingsFile, String> {
        parse(kind, text)?.take(named, "memit")
    }

    /// As kmeng01/memit has them: the method is not named.
    #[test]
    fn hyperparameters_in_json() {
        let text = r#"{"layers": [3, 4], "clamp_norm_factor": 0.75, "layer_selection": "all",
            "fact_token": "subject_last", "v_lr": 5e-1, "mom2_adjustment": true, "mom2_update_weight": 15000,
            "rewrite_module_tmp": "transformer.h.{}.mlp.fc_out", "mom2_n_samples": 100000}"#;
        let file = of("json", text, None).unwrap();
        let wanted =
            "layers = [3, 4]\nclamp_norm_factor = 0.75\nv_lr = 0.5\nmom2_update_weight = 15000";
        assert_eq!(file.table, wanted.parse().unwrap());
        assert_eq!(file.editor, None);
        let notes = [
            "memit has no setting for mom2_adjustment = true",
            "found out without: rewrite_module_tmp, mom2_n_samples",
        ];
        assert_eq!(file.notes, notes);
        let file = of("json", text, Some("rome"));
        assert!(file.unwrap_err().contains("layers"), "ROME edits one block");
    }

    /// As EasyEdit has them: 5e-1 is a number, and the method is named.
    #[test]
    fn hyperparameters_in_yaml() {
        let text = "alg_name: \"AlphaEdit\"\nmodel_name: \"./gpt2-xl\"\ndevice: 0\nlayers: [3, 4]\nv_lr: 5e-1\n\
                    nullspace_threshold: 2e-2 # of C\nL2: 10\nmom2_update_weight: 20000\n";
        let file = of("yaml", text, None).unwrap();
        assert_eq!(file.editor.as_deref(), Some("alphaedit"));
        let wanted = "layers = [3, 4]\nv_lr = 0.5\nnullspace_threshold = 0.02\nL2 = 10";
        assert_eq!(file.table, wanted.parse().unwrap());
        let notes = [
            "alphaedit has no setting for mom2_update_weight = 20000",
            "found out without: model_name, device",
        ];
        assert_eq!(file.notes, notes);
        assert_eq!(of("yml", text, Some("rome")).unwrap_err(), "it is for alphaedit, not for rome");
    }

    #[test]
    fn prefixes_of_several_lengths_become_those_of_one() {
        let pairs = |pairs: &str| {
            let text = format!("alg_name: R-ROME\nlayers: [3]\n{PREFIXES}: {pairs}");
            of("yaml", &text, None)
        };
        let file = pairs("[[5, 10], [10, 10]]").unwrap();
        let wanted = "layers = [3]\nprefix_count = 20\nprefix_tokens = 10";
        assert_eq!(file.table, wanted.parse().unwrap());
        assert_eq!(file.editor.as_deref(), Some("r-rome"));
        assert!(file.notes[0].ends_with("of one length here, 20 of 10 tokens"), "{:?}", file.notes);
        assert_eq!(pairs("[[5, 10]]").unwrap().notes, Vec::<String>::new());
        assert!(pairs("many").unwrap_err().contains("not pairs"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_key() {
        for (kind, text, why) in [
            ("toml", "nosuch = 1", "there is no setting \"nosuch\""),
            ("toml", "v_lr = 0", "v_lr must be above zero, found 0"),
            ("toml", "v_lr =", "TOML parse error"),
            ("json", "{\"v_lr\": \"fast\"}", "v_lr must be a value like 0.5"),
            ("json", "[1]", "it has no keys"),
            ("json", "{", "EOF"),
            ("yaml", "fact_token: last", "fact_token is \"last\"; only \"subject_last\" is known"),
            (
                "yaml",
                "alg_name: SERAC",
                "alg_name is \"SERAC\": there is no such editor; there is memit",
            ),
            ("yaml", "layers: [1", "did not find expected ',' or ']'"),
            ("ini", "v_lr = 1", "settings are read from .toml, .json and .yaml"),
        ] {
            let found = of(kind, text, None).unwrap_err();
            assert!(found.contains(why) && !found.contains('\n'), "{text}: {found}");
        }
    }
}
