//! Whether a model that somebody names is this repository's base.

use std::path::Path;

use serde_json::Value;

use super::manifest::Manifest;
use crate::{
    checkpoint::{Base, Checkpoint},
    id::Id,
    ledger::repo::Repo,
};

/// What a name says of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Alike {
    /// It is the base, or a version of it.
    Same,
    /// It is another model; this is what the base is called.
    Other(String),
    /// Nothing: one of the two has no name that others know it by.
    Unknown,
}

impl Repo {
    /// Whether `name`, a name on the hub or a path, means the base. A path may be relative to the root, and to
    /// `beside`.
    pub(crate) fn is_base(
        &self,
        name: &str,
        beside: &Path,
        base: &Checkpoint,
        id: Id<Base>,
    ) -> Alike {
        let config = base.config().get("_name_or_path").and_then(Value::as_str);
        let ours = config.filter(|ours| !ours.is_empty());
        let places = [self.root().join(name), beside.join(name)];
        for place in places.iter().filter(|place| place.join("config.json").is_file()) {
            if Manifest::read(place).is_some_and(|manifest| manifest.base == id) {
                return Alike::Same;
            }
            if let Ok(there) = Checkpoint::open_weights(place) {
                return if same_weights(base, &there) {
                    Alike::Same
                } else {
                    Alike::Other(ours.map_or_else(|| format!("{id:.12}"), str::to_owned))
                };
            }
        }
        match ours {
            Some(ours) if last(ours).eq_ignore_ascii_case(last(name)) => Alike::Same,
            Some(ours) if is_hub_name(ours) && is_hub_name(name) => Alike::Other(ours.to_owned()),
            _ => Alike::Unknown,
        }
    }
}

/// The name without who made it or where it lies.
fn last(name: &str) -> &str {
    let mut parts = name.split(['/', '\\']).filter(|part| !part.is_empty());
    parts.next_back().unwrap_or_default()
}

/// `name` or `maker/name`, and no path.
fn is_hub_name(name: &str) -> bool {
    let outside = name.starts_with(['/', '.', '~']) || name.contains('\\');
    !outside && !name.ends_with('/') && name.split('/').count() <= 2
}

/// Whether two checkpoints have the same tensors, bit for bit.
fn same_weights(one: &Checkpoint, other: &Checkpoint) -> bool {
    one.names().eq(other.names())
        && one.names().all(|name| match (one.raw(name), other.raw(name)) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_no_names_on_the_hub() {
        for name in ["gpt2", "meta-llama/Llama-3.2-1B"] {
            assert!(is_hub_name(name), "{name}");
        }
        for path in ["/data/gpt2", "./gpt2", "../gpt2", "~/gpt2", r"C:\gpt2", "a/b/c", "out/"] {
            assert!(!is_hub_name(path), "{path}");
        }
        assert_eq!(last("/data/Llama-3.2-1B/"), "Llama-3.2-1B");
    }
}
