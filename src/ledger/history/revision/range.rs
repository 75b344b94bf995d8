//! Sets of commits: what a user may write where many are wanted.

use super::{Revision, error::RevisionError};

/// Commits that are in the history of some versions and not in that of others.
///
/// `main` is all of a history, `v1..main` what `main` has and `v1` does not, `a...b` what one of the
/// two has and the other does not; `^v1` takes a history away. An end that is left out is HEAD, and so
/// are the tips if there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Range {
    /// Versions whose histories are meant.
    pub tips: Vec<Revision>,
    /// Versions whose histories are left out.
    pub hidden: Vec<Revision>,
    /// Pairs of which the common history is left out; both are among the tips.
    pub forks: Vec<(Revision, Revision)>,
}

impl Range {
    /// Parses what a command line names.
    ///
    /// # Errors
    /// When a part of it is no revision.
    pub fn parse<'a>(parts: impl IntoIterator<Item = &'a str>) -> Result<Self, RevisionError> {
        let mut range = Self::default();
        for part in parts {
            range.add(part)?;
        }
        Ok(range)
    }

    fn add(&mut self, part: &str) -> Result<(), RevisionError> {
        let Some((from, to, forked)) = ends(part) else {
            match part.strip_prefix('^') {
                Some(hidden) => self.hidden.push(Revision::parse(hidden)?),
                None => self.tips.push(Revision::parse(part)?),
            }
            return Ok(());
        };
        let (from, to) = (Revision::parse(from)?, Revision::parse(to)?);
        self.tips.push(to.clone());
        if forked {
            self.tips.push(from.clone());
            self.forks.push((from, to));
        } else {
            self.hidden.push(from);
        }
        Ok(())
    }
}

/// The two ends of a range, HEAD where one is left out, and whether it has three dots. `None` for what
/// is no range.
pub(crate) fn ends(text: &str) -> Option<(&str, &str, bool)> {
    let (at, dots) = dots(text)?;
    let (from, to) = (&text[..at], &text[at + dots..]);
    let from = if from.is_empty() { "HEAD" } else { from };
    let to = if to.is_empty() { "HEAD" } else { to };
    Some((from, to, dots == 3))
}

/// Where `text` has its two or three dots, and how many; those inside `{}` and in a message that is
/// looked for are none.
pub(crate) fn dots(text: &str) -> Option<(usize, usize)> {
    if text.starts_with(":/") {
        return None;
    }
    let mut depth = 0i32;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            '.' if depth == 0 && text[at..].starts_with("...") => return Some((at, 3)),
            '.' if depth == 0 && text[at..].starts_with("..") => return Some((at, 2)),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(revisions: &[Revision]) -> Vec<String> {
        revisions.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_spelling_means_its_sets() {
        for (parts, tips, hidden, forks) in [
            (&[][..], &[][..], &[][..], 0),
            (&["main"], &["main"], &[], 0),
            (&["^main"], &[], &["main"], 0),
            (&["a..b"], &["b"], &["a"], 0),
            (&["..b"], &["b"], &["HEAD"], 0),
            (&["a~2.."], &["HEAD"], &["a~2"], 0),
            (&["a...b"], &["b", "a"], &[], 1),
            (&["b", "^a", "c"], &["b", "c"], &["a"], 0),
            (&["HEAD^{/a..b}"], &["HEAD^{/a..b}"], &[], 0),
            (&[":/a..b"], &[":/a..b"], &[], 0),
        ] {
            let range = Range::parse(parts.iter().copied()).unwrap();
            assert_eq!(names(&range.tips), tips, "{parts:?}");
            assert_eq!(names(&range.hidden), hidden, "{parts:?}");
            assert_eq!(range.forks.len(), forks, "{parts:?}");
        }
        assert!(Range::parse(["a..b..c"]).is_err());
    }
}
