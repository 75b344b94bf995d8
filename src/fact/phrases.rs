//! Which predicate a text is about, by the words of templates.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;

use super::{
    term::Iri,
    vocabulary::{SUBJECT, Words},
};

/// Words of a phrase at least: fewer say little.
const WORDS: usize = 2;

/// What templates say besides their subject.
pub(crate) struct Phrases {
    /// Finds a phrase by its number; `None` where there is none.
    all: Option<AhoCorasick>,
    /// Whose each is.
    predicates: Vec<Iri>,
}

impl Phrases {
    /// The phrases of the templates among `words` that are one predicate's alone.
    pub(crate) fn of(words: impl IntoIterator<Item = Words>) -> Self {
        let mut owners: BTreeMap<String, Option<Iri>> = BTreeMap::new();
        for words in words {
            for template in words.prompts.iter().chain(&words.paraphrases) {
                for phrase in template.split(SUBJECT).map(str::trim) {
                    if phrase.split_whitespace().count() < WORDS {
                        continue;
                    }
                    let owner =
                        owners.entry(phrase.to_owned()).or_insert_with(|| Some(words.iri.clone()));
                    if owner.as_ref() != Some(&words.iri) {
                        *owner = None;
                    }
                }
            }
        }
        let own = owners.into_iter().filter_map(|(phrase, owner)| Some((phrase, owner?)));
        let (phrases, predicates): (Vec<String>, Vec<Iri>) = own.unzip();
        Self { all: AhoCorasick::new(phrases).ok(), predicates }
    }

    /// The predicate whose phrase is the longest in the last sentence of a text.
    pub(crate) fn about(&self, text: &str) -> Option<&Iri> {
        let begin = ["! ", "? ", ". "].iter().filter_map(|end| text.rfind(end)).max();
        let sentence = begin.map_or(text, |at| &text[at + 2..]);
        let borders = |start: usize, end: usize| {
            let around = [sentence[..start].chars().next_back(), sentence[end..].chars().next()];
            !around.into_iter().flatten().any(char::is_alphanumeric)
        };
        let found = self.all.iter().flat_map(|all| all.find_overlapping_iter(sentence));
        let whole = found.filter(|found| borders(found.start(), found.end()));
        let longest = whole.max_by_key(|found| found.end() - found.start())?;
        self.predicates.get(longest.pattern().as_usize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str, prompts: &[&str]) -> Words {
        let iri = Iri::new(&format!("https://example.org/{name}")).unwrap();
        let prompts = prompts.iter().map(|&prompt| prompt.to_owned()).collect();
        Words { prompts, ..Words::none(iri) }
    }

    #[test]
    fn the_longest_phrase_of_the_last_sentence_counts() {
        let phrases = Phrases::of([
            words("capital", &["The capital of {subject} is", "{subject} has its capital in"]),
            words("place", &["{subject} was born in", "{subject} is in the"]),
            words("state", &["{subject} is in the"]),
        ]);
        let about =
            |text: &str| phrases.about(text).map(|iri| iri.as_str().rsplit_once('/').unwrap().1);
        assert_eq!(about("The capital of Chile"), Some("capital"));
        assert_eq!(about("Chile has its capital in Santiago. Ada was born in"), Some("place"));
        assert_eq!(about("Ada was born in London. The"), None);
        assert_eq!(about("Ada was born into"), None, "words end where phrases do");
        assert_eq!(about("Oslo is in the"), None, "two predicates say so");
        assert_eq!(about("Chile is"), None);
        assert_eq!(Phrases::of([]).about("Ada was born in"), None);
    }
}
