//! `schema/config.schema.json` says what `.kledger/config.toml` may hold, and means what is read.

use kledger::ledger::Config;
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../../schema/config.schema.json");

#[test]
fn schema_and_reader_agree() {
    let validator = validator();
    for (is_valid, text) in [
        (true, ""),
        (true, "language = 'de'\nauthor = 'Ada'\ncheckout = 'out'\neditor = 'memit'"),
        (true, "require = 'efficacy=0.95, neighbourhood=0.9'"),
        (true, "seed = 7\nneighbours = 0\nrecheck = 5\nstatistics-tokens = 1000"),
        (true, "[settings.memit]\nlayers = [1, 2]\nv_lr = 0.5"),
        (false, "langauge = 'de'"),
        (false, "statistics_tokens = 1000"),
        (false, "neighbours = -1"),
        (false, "seed = 'seven'"),
        (false, "require = 'speed=1'"),
        (false, "settings = 3"),
        (false, "[settings]\nmemit = 3"),
    ] {
        let value = text.parse::<toml::Table>().unwrap();
        let value = serde_json::to_value(value).unwrap();
        assert_eq!(validator.is_valid(&value), is_valid, "schema: {text}");
        assert_eq!(toml::from_str::<Config>(text).is_ok(), is_valid, "reader: {text}");
    }
}

#[test]
fn schema_names_every_setting_and_its_default() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut named = json!({});
    for (key, setting) in schema["properties"].as_object().unwrap() {
        // What is set by nobody has no default.
        named[key] = setting.get("default").cloned().unwrap_or(match setting["type"].as_str() {
            Some("object") => json!({}),
            _ => Value::Null,
        });
    }
    assert_eq!(serde_json::to_value(Config::default()).unwrap(), named);
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(SCHEMA).unwrap()).unwrap()
}
