//! Names for commits.

use bincode::{Decode, Encode};

use crate::{commit::Commit, id::Id};

/// What is current.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[repr(u32)]
pub enum Head {
    /// A branch by its short name; it has no commit before the first one on it.
    Branch(String) = 0,
    /// A commit, on no branch.
    Detached(Id<Commit>) = 1,
}

/// Why a name cannot be given to a ref.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} cannot be the name of a branch or tag: {why}")]
pub struct RefNameError {
    /// The name.
    pub name: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// The longest name, in bytes.
const LONGEST: usize = 200;

/// Checks a full ref name, `heads/…` or `tags/…`. The rules are git's, and names that a revision
/// could not tell from something else are refused as well.
///
/// # Errors
/// Says what is wrong with the name.
pub fn check_ref_name(name: &str) -> Result<(), RefNameError> {
    let short = name.strip_prefix("heads/").or_else(|| name.strip_prefix("tags/"));
    let forbidden = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\@{}".contains(c);
    let why = match short {
        None => Some("it is neither under heads/ nor under tags/"),
        Some("") => Some("it is empty"),
        Some("HEAD") => Some("HEAD is the name of what is current"),
        Some(short) if short.len() > LONGEST => Some("it is longer than 200 bytes"),
        Some(short) if short.starts_with('-') => Some("it begins like an option"),
        Some(short) if short.contains("..") => Some("it contains `..`"),
        Some(short) if short.contains(forbidden) => {
            Some("it contains white space or one of ~ ^ : ? * [ \\ @ { }")
        }
        Some(short)
            if short.split('/').any(|part| {
                part.is_empty()
                    || part.starts_with('.')
                    || part.ends_with('.')
                    || part.ends_with(".lock")
            }) =>
        {
            Some("one of its parts is empty, begins or ends with a dot, or ends with .lock")
        }
        Some(_) => None,
    };
    why.map_or(Ok(()), |why| Err(RefNameError { name: short.unwrap_or(name).to_owned(), why }))
}

#[cfg(test)]
mod tests {
    use super::check_ref_name;

    #[test]
    fn names_that_would_confuse_are_refused() {
        for good in ["heads/main", "heads/ada/draft-2", "tags/v1.0", "heads/größe"] {
            check_ref_name(good).unwrap();
        }
        for bad in [
            "main",
            "heads/",
            "heads/../x",
            "heads/a..b",
            "heads/.a",
            "heads/a.lock",
            "heads/a b",
            "heads/HEAD",
            "tags/-d",
            "heads/a~1",
            "heads/a@{1}",
            "heads/a//b",
            "heads/a\u{7}",
        ] {
            assert!(check_ref_name(bad).is_err(), "{bad} passes");
        }
        assert!(check_ref_name(&format!("heads/{}", "x".repeat(201))).is_err());
    }
}
