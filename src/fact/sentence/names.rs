//! What things are called, as an automaton that finds all of it in a text.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};

use super::Meaning;
use super::{Named, folded::folded};

/// A name without capitals and article: each way to spell it, and what is called so.
type Spelled = Vec<(String, Meaning)>;

/// Names of things.
pub(super) struct Names {
    /// By their numbers.
    names: Vec<(String, Spelled)>,
    numbers: BTreeMap<String, usize>,
    /// Finds a name by its number; `None` where there is none.
    all: Option<AhoCorasick>,
    /// Finds those that have in them what could end a sentence.
    stops: Option<AhoCorasick>,
}

impl Names {
    pub(super) fn new(names: impl IntoIterator<Item = (String, Meaning)>) -> Self {
        let mut spelled: BTreeMap<String, Spelled> = BTreeMap::new();
        for (name, meaning) in names {
            let key = bare(&folded(&name)).to_owned();
            if !key.contains(char::is_alphanumeric) {
                continue;
            }
            let known = spelled.entry(key).or_default();
            if !known.iter().any(|known| known.0 == name && known.1 == meaning) {
                known.push((name, meaning));
            }
        }
        let names: Vec<(String, Spelled)> = spelled.into_iter().collect();
        let texts = || names.iter().map(|(text, _)| text);
        // Names are as many as a lexicon has; an automaton of that size is always built.
        let all = AhoCorasick::new(texts()).ok();
        let stops = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(texts().filter(|text| text.contains(['.', '!', '?'])))
            .ok();
        let numbers = names.iter().enumerate().map(|(at, (text, _))| (text.clone(), at)).collect();
        Self { names, numbers, all, stops }
    }

    /// The names in a text, where each begins and ends; `None` where there are more than `most`.
    pub(super) fn within(&self, folded: &str, most: usize) -> Option<Vec<Named>> {
        let mut found = Vec::new();
        for name in self.all.iter().flat_map(|all| all.find_overlapping_iter(folded)) {
            let (start, end) = (name.start(), name.end());
            if is_whole(folded, start, end) {
                if found.len() == most {
                    return None;
                }
                found.push(Named { start, end, name: name.pattern().as_usize() });
            }
        }
        Some(found)
    }

    /// Where names begin and end that have in them what could end a sentence.
    pub(super) fn with_stops(&self, folded: &str) -> Vec<(usize, usize)> {
        let found = self.stops.iter().flat_map(|stops| stops.find_iter(folded));
        let spans = found.map(|name| (name.start(), name.end()));
        spans.filter(|&(start, end)| is_whole(folded, start, end)).collect()
    }

    /// How a name is spelled, and what it means in a text: of several things those whose name has the capitals that the text
    /// has.
    pub(super) fn meanings(&self, name: usize, text: &str) -> (String, Vec<Meaning>) {
        let (_, spelled) = &self.names[name];
        let is_written = |known: &&(String, Meaning)| text.contains(&known.0);
        let mut meant: Vec<&(String, Meaning)> = spelled.iter().filter(is_written).collect();
        if meant.is_empty() {
            meant = spelled.iter().collect();
        }
        let shown = meant[0].0.clone();
        let mut meanings: Vec<Meaning> =
            meant.into_iter().map(|(_, known)| known.clone()).collect();
        meanings.sort();
        meanings.dedup();
        (shown, meanings)
    }

    pub(super) fn meanings_of(&self, name: &str) -> Vec<Meaning> {
        let number = self.numbers.get(bare(&folded(name)));
        number.map_or_else(Vec::new, |number| self.meanings(*number, name).1)
    }
}

/// A name without an article.
fn bare(name: &str) -> &str {
    name.strip_prefix("the ").unwrap_or(name)
}

/// Whether no word goes on at the ends.
fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let goes_on = |next: Option<char>, inner: Option<char>| {
        next.is_some_and(char::is_alphanumeric) && inner.is_some_and(char::is_alphanumeric)
    };
    !goes_on(text[..start].chars().next_back(), text[start..].chars().next())
        && !goes_on(text[end..].chars().next(), text[..end].chars().next_back())
}
