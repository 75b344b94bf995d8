//! `config`: the repository's settings, shown and changed.

use std::path::PathBuf;

use serde::Serialize;
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use crate::{
    durable,
    engine::EngineError,
    ledger::{Config, LedgerError, Repo, near::nearest},
};

/// Settings, and where they are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigReport {
    /// The settings file.
    pub path: PathBuf,
    /// The settings asked for or changed, sorted by key.
    pub settings: Vec<Setting>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// Its name; parts of tables are joined by dots.
    pub key: String,
    /// What it is; `None` for one that has no default and is not set.
    pub value: Option<serde_json::Value>,
    /// Whether the file sets it.
    pub set: bool,
}

/// The table of editors' settings, whose keys only their editor knows.
const OPEN: &str = "settings";
/// The setting that names an editor.
const EDITOR: &str = "editor";

/// Says whether an editor is there and takes these settings.
pub type Fits<'a> = &'a dyn Fn(&str, &toml::Table) -> Result<(), EngineError>;

impl Repo {
    /// All settings.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn settings(&self) -> Result<ConfigReport, LedgerError> {
        let file = self.settings_file()?;
        let (mut settings, mut set) = (Vec::new(), Vec::new());
        flatten(None, &serde_json::json!(self.config()), &mut settings);
        let text = toml::from_str::<toml::Table>(&file.to_string()).unwrap_or_default();
        flatten(None, &serde_json::json!(text), &mut set);
        let settings = settings.into_iter().map(|(key, value)| Setting {
            set: set.iter().any(|(other, _)| *other == key),
            value: Some(value).filter(|value| !value.is_null()),
            key,
        });
        let mut settings: Vec<Setting> = settings.collect();
        settings.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(ConfigReport { path: self.settings_path(), settings })
    }

    /// The setting `key`, or all of a table.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn setting(&self, key: &str) -> Result<ConfigReport, LedgerError> {
        let ConfigReport { path, settings } = self.settings()?;
        let known: Vec<String> = settings.iter().map(|setting| setting.key.clone()).collect();
        let table = format!("{key}.");
        let settings: Vec<Setting> = settings
            .into_iter()
            .filter(|setting| setting.key == key || setting.key.starts_with(&table))
            .collect();
        if settings.is_empty() {
            return Err(LedgerError::NoSetting { key: key.to_owned(), near: nearest(key, known) });
        }
        Ok(ConfigReport { path, settings })
    }

    /// Sets `key` to `value`, TOML or a bare string. Comments in the file stay. Whether an editor is there and
    /// what it can be told is for `fits` to say.
    ///
    /// # Errors
    /// When there is no setting of that name, it cannot have that value, or the file cannot be
    /// written. The file is then as it was.
    pub fn set_setting(
        &self,
        key: &str,
        value: &str,
        fits: Fits<'_>,
    ) -> Result<ConfigReport, LedgerError> {
        let bare = || Value::from(value);
        let parsed = value.parse::<Value>().unwrap_or_else(|_| bare());
        let first = self.with_setting(key, parsed, fits);
        // 7 is a number, but somebody may be called so.
        let changed =
            first.or_else(|error| self.with_setting(key, bare(), fits).map_err(|_| error))?;
        self.write_settings(&changed)?.setting(key)
    }

    /// Lets `key` have its default again.
    ///
    /// # Errors
    /// When the file does not set it or cannot be written.
    pub fn unset_setting(&self, key: &str) -> Result<ConfigReport, LedgerError> {
        let mut file = self.settings_file()?;
        let (tables, last) = path_of(key);
        let mut table = Some(file.as_table_mut());
        for part in tables {
            table = table.and_then(|table| table.get_mut(part)?.as_table_mut());
        }
        if table.and_then(|table| table.remove(last)).is_none() {
            let set = self.settings()?.settings.into_iter().filter(|setting| setting.set);
            let near = nearest(key, set.map(|setting| setting.key));
            return Err(LedgerError::NoSetting { key: key.to_owned(), near });
        }
        let repo = self.write_settings(&file.to_string())?;
        let settings = repo.settings()?.settings.into_iter();
        let settings = settings.filter(|setting| setting.key == key).collect();
        Ok(ConfigReport { path: self.settings_path(), settings })
    }

    /// Sets what `found` says of an editor, below a comment. An earlier comment of the same kind, up to its first comma,
    /// goes.
    ///
    /// # Errors
    /// When the file cannot be written, or something else than a table is in the way.
    pub(super) fn set_editor_settings(
        &self,
        editor: &str,
        found: &toml::Table,
        comment: &str,
    ) -> Result<(), LedgerError> {
        // It may have been edited since the repository was opened.
        let path = self.settings_path();
        let parsed = Config::text(&path)?.parse::<DocumentMut>();
        let mut file = parsed.map_err(|error| {
            let why = error.message().replace('\n', " ");
            LedgerError::Config { path, why }
        })?;
        for (key, value) in found {
            let refused = |why: &str| LedgerError::Setting {
                key: format!("{OPEN}.{editor}.{key}"),
                why: why.to_owned(),
            };
            let value = value.to_string().parse::<Value>();
            let value = value.map_err(|error| refused(&error.to_string()))?;
            put(&mut file, &[OPEN, editor], key, value)
                .ok_or_else(|| refused("something else than a table is in the way"))?;
        }
        if let Some(table) = file[OPEN][editor].as_table_mut() {
            let kind = comment.split(',').next().unwrap_or(comment);
            let prefix = table.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or("\n");
            let mut lines: Vec<&str> =
                prefix.lines().filter(|line| !line.starts_with(kind)).collect();
            lines.push(comment);
            let prefix = lines.join("\n") + "\n";
            table.decor_mut().set_prefix(prefix);
        }
        self.write_settings(&file.to_string()).map(|_| ())
    }

    pub(super) fn settings_path(&self) -> PathBuf {
        self.root().join(Self::DIR).join(Config::FILE)
    }

    fn settings_file(&self) -> Result<DocumentMut, LedgerError> {
        // Whether it makes sense was checked when the repository was opened.
        Ok(Config::text(&self.settings_path())?.parse().unwrap_or_default())
    }

    /// The text of the file with one setting changed, if it still makes sense.
    fn with_setting(&self, key: &str, value: Value, fits: Fits<'_>) -> Result<String, LedgerError> {
        let (tables, last) = path_of(key);
        let mut file = self.settings_file()?;
        let text = file.to_string();
        let uncommented = uncomment(&text, key, &value).filter(|_| !file.contains_key(last));
        let changed = match uncommented {
            Some(changed) => changed,
            None => {
                put(&mut file, &tables, last, value).ok_or_else(|| LedgerError::NoSetting {
                    key: key.to_owned(),
                    near: Vec::new(),
                })?;
                file.to_string()
            }
        };
        match toml::from_str::<Config>(&changed) {
            Ok(config) => {
                if key == EDITOR || path_of(key).0.first().unwrap_or(&key) == &OPEN {
                    fitting(&config, fits).map_err(|error| LedgerError::Setting {
                        key: key.to_owned(),
                        why: error.to_string(),
                    })?;
                }
                Ok(changed)
            }
            Err(_)
                if self.setting(key.split('.').next().unwrap_or(key)).is_err()
                    && !key.starts_with(OPEN) =>
            {
                let known = self.settings()?.settings.into_iter().map(|setting| setting.key);
                Err(LedgerError::NoSetting { key: key.to_owned(), near: nearest(key, known) })
            }
            Err(error) => {
                let why = expected(key).map_or_else(
                    || error.message().replace('\n', " "),
                    |what| format!("it is {what}"),
                );
                Err(LedgerError::Setting { key: key.to_owned(), why })
            }
        }
    }

    /// Writes the file and opens the repository again.
    fn write_settings(&self, text: &str) -> Result<Self, LedgerError> {
        durable::write(&self.settings_path(), text.as_bytes())?;
        Self::open(self.root())
    }
}

/// Makes sure that the editors of a configuration are there and take their settings.
fn fitting(config: &Config, fits: Fits<'_>) -> Result<(), EngineError> {
    if !config.settings.contains_key(&config.editor) {
        fits(&config.editor, &toml::Table::new())?;
    }
    config.settings.iter().try_for_each(|(editor, table)| fits(editor, table))
}

/// What can be set for `key`, for people. `None` where its own error says it better.
fn expected(key: &str) -> Option<&'static str> {
    match &serde_json::json!(Config::default())[key] {
        serde_json::Value::Number(_) => Some("a whole number, 0 or more"),
        serde_json::Value::String(_) if key == "require" => None,
        serde_json::Value::String(_) => Some("a text"),
        _ => None,
    }
}

/// The tables that a key is in, and its name there.
fn path_of(key: &str) -> (Vec<&str>, &str) {
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts.pop().unwrap_or_default();
    (parts, last)
}

/// The text with the template's line for `key` in force: `# seed = 0` becomes `seed = 7`. `None` where
/// there is no such line, or it would mean something else because it stands in a table.
fn uncomment(text: &str, key: &str, value: &Value) -> Option<String> {
    let start = format!("# {key} = ");
    let line = text.lines().find(|line| line.starts_with(&start))?;
    let changed = text.replacen(line, &format!("{key} = {value}"), 1);
    let parsed: DocumentMut = changed.parse().ok()?;
    parsed.contains_key(key).then_some(changed)
}

/// Puts a setting into its table. `None` where something else than a table is in the way.
fn put(file: &mut DocumentMut, tables: &[&str], last: &str, value: Value) -> Option<()> {
    // A new table goes behind the comments at the end, or what is uncommented later would be in it.
    let behind = file.trailing().as_str().unwrap_or_default().to_owned();
    let mut table: &mut dyn TableLike = file.as_table_mut();
    let mut is_new = false;
    for part in tables {
        if !table.contains_key(part) {
            let mut new = Table::new();
            new.set_implicit(true);
            // Of several new ones only the innermost is written out.
            if !behind.is_empty() {
                new.decor_mut().set_prefix(format!("{behind}\n"));
            }
            table.insert(part, Item::Table(new));
            is_new = true;
        }
        table = table.get_mut(part)?.as_table_like_mut()?;
    }
    table.insert(last, Item::Value(value));
    if is_new {
        file.set_trailing("");
    }
    Some(())
}

/// Tables taken apart: `settings.memit.lambda`.
fn flatten(
    key: Option<&str>,
    value: &serde_json::Value,
    into: &mut Vec<(String, serde_json::Value)>,
) {
    match (value, key) {
        (serde_json::Value::Object(table), key) => {
            for (part, value) in table {
                let key = key.map_or_else(|| part.clone(), |key| format!("{key}.{part}"));
                flatten(Some(&key), value, into);
            }
        }
        (value, Some(key)) => into.push((key.to_owned(), value.clone())),
        (_, None) => {}
    }
}
