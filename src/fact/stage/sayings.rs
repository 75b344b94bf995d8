//! What triples say of words, on its way to the stage.

use std::mem;

use rayon::prelude::*;

use super::{
    AddOutcome,
    call::{as_it_is, by_key, key_end, together_end},
    gathered::Pieces,
};
use crate::{
    codec::{self, Draft, ObjectError, Verbatim},
    fact::{
        read::Position,
        term::Iri,
        tree::{self, LexiconTree, TreeEdit},
        vocabulary::{Addition, Said, Words},
    },
    id::Id,
};

/// What triples say of words, as bytes, which are a fraction of what the words themselves need.
#[derive(Debug, Clone, Default)]
pub(super) struct Sayings {
    /// The words of one triple each, one behind the other, encoded.
    bytes: Pieces,
    /// Each by its key.
    all: Vec<TreeEdit<Words, Told>>,
    /// Where the first was read.
    first: Option<Position>,
}

/// Where words begin and end among the bytes, and what they add to none.
#[derive(Debug, Clone, Copy)]
struct Told {
    start: usize,
    end: usize,
    adds: Option<Addition>,
}

impl Told {
    fn words(self, bytes: &Pieces) -> Words {
        let words = codec::beginning(bytes.get(self.start, self.end));
        words.expect("because words were written there")
    }
}

impl Sayings {
    pub(super) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Where the first was read.
    pub(super) const fn first(&self) -> Option<&Position> {
        self.first.as_ref()
    }

    /// Takes in the `words` of one triple.
    pub(super) fn take(&mut self, words: &Words, position: Position) {
        self.first.get_or_insert(position);
        let (start, end) = self.bytes.put(words);
        let told = Told { start, end, adds: words.addition() };
        self.all.push((Words::key(&words.iri), Some(told)));
    }

    /// Takes in `others` after these.
    pub(super) fn append(&mut self, others: Self) {
        if self.is_empty() {
            *self = others;
            return;
        }
        let before = self.bytes.len();
        self.bytes.append(others.bytes);
        let moved =
            |Told { start, end, adds }| Told { start: before + start, end: before + end, adds };
        self.all.extend(others.all.into_iter().map(|(key, told)| (key, told.map(moved))));
    }

    /// Has what is said of a thing be said of the one that `other` has for it.
    pub(super) fn rename<'n>(&mut self, other: impl Fn(&Iri) -> Option<&'n Iri>) {
        let Self { bytes, all, first } = mem::take(self);
        let Some(first) = first else { return };
        for told in all.into_iter().filter_map(|(_, told)| told) {
            let words = told.words(&bytes);
            let words = match other(&words.subject()) {
                Some(other) => words.of(other),
                None => words,
            };
            self.take(&words, first.clone());
        }
    }

    /// Leaves out what is known already; `known` has the words that are kept under an IRI.
    ///
    /// # Errors
    /// Those of `known`.
    pub(super) fn leave_out_known<E>(
        &mut self,
        mut known: impl FnMut(&Iri) -> Result<Words, E>,
    ) -> Result<(), E> {
        self.sort();
        let bytes = &self.bytes;
        let mut said: Option<(Id<Words>, Said)> = None;
        let mut failed = Ok(());
        self.all.retain(|(key, told)| {
            let Some(words) = told.map(|told| told.words(bytes)) else { return false };
            if said.as_ref().is_none_or(|(other, _)| other != key) {
                match known(&words.iri) {
                    Ok(known) => said = Some((*key, Said::from(known.own()))),
                    Err(error) => failed = Err(error),
                }
            }
            said.as_mut().is_some_and(|(_, said)| said.say(words).is_some())
        });
        failed
    }

    /// The words of the tree `before` with these after them, and how many are new.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(super) fn stage(
        mut self,
        draft: &mut Draft<'_>,
        before: Option<Id<LexiconTree>>,
    ) -> Result<(Id<LexiconTree>, AddOutcome), ObjectError> {
        self.sort();
        let (mut new, mut done, mut kept) = (AddOutcome::default(), 0, 0);
        while done < self.all.len() {
            let end = together_end(&self.all, done);
            let mut parts = Vec::new();
            while done < end {
                let next = key_end(&self.all, done);
                parts.push(done..next);
                done = next;
            }
            let keys: Vec<Id<Words>> = parts.iter().map(|part| self.all[part.start].0).collect();
            let known = before.map(|root| tree::get_many(&*draft, root, &keys)).transpose()?;
            let known = known.unwrap_or_default();
            let joined = |part| {
                let part = &self.all[part];
                self.joined(part, known.get(&part[0].0))
            };
            let joined: Vec<_> = parts.par_iter().cloned().map(joined).collect();
            for (part, joined) in parts.into_iter().zip(joined) {
                let (key, told) = self.all[part.start];
                let told = match joined {
                    None => {
                        told.and_then(|told| told.adds)
                            .into_iter()
                            .for_each(|adds| new.count(adds));
                        told
                    }
                    Some((words, added)) => {
                        added.into_iter().for_each(|adds| new.count(adds));
                        let (start, end) = self.bytes.put(&Verbatim(&words));
                        Some(Told { start, end, adds: None })
                    }
                };
                self.all[kept] = (key, told);
                kept += 1;
            }
        }
        self.all.truncate(kept);
        let Self { bytes, all, .. } = self;
        let written = |told: Told| Verbatim(bytes.get(told.start, told.end));
        let changes: Vec<TreeEdit<Words, Verbatim<'_>>> =
            all.into_iter().map(|(key, told)| (key, told.map(written))).collect();
        let root = match before {
            Some(root) if new == AddOutcome::default() => root,
            Some(root) => tree::update_encoded(draft, root, &changes, &as_it_is)?,
            None => tree::build_encoded(draft, &changes, &as_it_is),
        };
        Ok((root, new))
    }

    /// The bytes of all words under one key after those that are `known`, and what they add; nothing where they are what
    /// one triple says.
    fn joined(
        &self,
        of_key: &[TreeEdit<Words, Told>],
        known: Option<&Words>,
    ) -> Option<(Vec<u8>, Vec<Addition>)> {
        if of_key.len() == 1 && known.is_none() {
            return None;
        }
        let told = of_key.iter().filter_map(|(_, told)| Some((*told)?.words(&self.bytes)));
        let mut told = told.peekable();
        let iri = told.peek()?.iri.clone();
        let mut said = Said::from(known.cloned().unwrap_or_else(|| Words::none(iri.clone())));
        let added = told.filter_map(|words| said.say(words)).collect();
        let mut bytes = Vec::new();
        codec::append(&said.into_words(iri), &mut bytes);
        Some((bytes, added))
    }

    /// By key, and as read for each.
    fn sort(&mut self) {
        let start = |told: &Option<Told>| told.map(|told| told.start);
        self.all.par_sort_unstable_by(|a, b| {
            by_key(a.0, b.0).then_with(|| start(&a.1).cmp(&start(&b.1)))
        });
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use super::*;
    use crate::{
        codec::Nothing,
        fact::{
            term::{Literal, Term},
            triple::Fact,
            vocabulary::{Gathered, LABEL, NAMESPACE, saying},
        },
    };

    /// Words of seven things: labels that take each other's place, names, templates, and settings that set nothing.
    fn words() -> Vec<Words> {
        let iri = |text: &str| Iri::new(text).unwrap();
        let words = |number: usize| {
            let (term, text) = match number % 5 {
                0 => (LABEL.to_owned(), format!("label {}", number % 11)),
                1 => {
                    ("http://www.w3.org/2004/02/skos/core#altLabel".to_owned(), format!("{number}"))
                }
                2 => (format!("{NAMESPACE}prompt"), format!("{{subject}} {}", number % 3)),
                3 => (format!("{NAMESPACE}paraphrase"), format!("{{subject}}, {}", number % 3)),
                _ => (format!("{NAMESPACE}multiValued"), (number % 7 == 1).to_string()),
            };
            let subject = iri(&format!("https://example.org/{}", number % 7));
            let object = Term::Literal(Literal::text(&text));
            saying(&Fact { subject, predicate: iri(&term), object }).unwrap()
        };
        (0..300).map(words).collect()
    }

    fn sayings(words: &[Words]) -> Sayings {
        let mut sayings = Sayings::default();
        for words in words {
            sayings.take(words, Position { source: Arc::from("in"), line: 1, column: None });
        }
        sayings
    }

    #[test]
    fn words_are_staged_as_if_they_were_said_one_after_another() {
        let words = words();
        let (mut gathered, mut expected) = (Gathered::default(), AddOutcome::default());
        for words in &words {
            gathered.say(words.clone()).into_iter().for_each(|adds| expected.count(adds));
        }
        let gathered = gathered.into_words();
        let by_key = gathered.values().map(|words| (Words::key(&words.iri), words));
        let by_key: BTreeMap<_, _> = by_key.collect();
        let mut draft = Draft::new(&Nothing);
        let root = tree::build(&mut draft, by_key);
        for parts in [1, 2, 7, 300] {
            let parts: Vec<&[Words]> = words.chunks(words.len() / parts).collect();
            let mut all = Sayings::default();
            parts.iter().for_each(|part| all.append(sayings(part)));
            assert_eq!(all.stage(&mut draft, None).unwrap(), (root, expected));
            let (mut staged, mut new) = (None, 0);
            for part in parts {
                let (root, outcome) = sayings(part).stage(&mut draft, staged).unwrap();
                new += outcome.labels + outcome.names + outcome.templates + outcome.settings;
                staged = Some(root);
            }
            assert_eq!(staged, Some(root));
            let AddOutcome { labels, names, templates, settings, .. } = expected;
            assert_eq!(new, labels + names + templates + settings);
        }
    }

    #[test]
    fn what_is_known_is_left_out_and_what_is_renamed_is_said_of_another() {
        let words = words();
        let mut again = sayings(&words);
        let mut gathered = Gathered::default();
        for words in &words {
            let _new = gathered.say(words.clone());
        }
        let known = gathered.into_words();
        again.leave_out_known(|iri| Ok::<_, ()>(known[iri].clone())).unwrap();
        // A label that another one took the place of is new again.
        assert!(again.all.iter().all(|(_, told)| told.unwrap().adds == Some(Addition::Label)));
        let one = Iri::new("https://example.org/one").unwrap();
        let mut renamed = sayings(&words);
        renamed.rename(|iri| iri.as_str().ends_with("/3").then_some(&one));
        let mut draft = Draft::new(&Nothing);
        let (root, _) = renamed.stage(&mut draft, None).unwrap();
        let of = |iri: &Iri| tree::get(&draft, root, Words::key(iri)).unwrap();
        assert_eq!(of(&Iri::new("https://example.org/3").unwrap()), None);
        assert!(of(&one).unwrap().labels.is_empty(), "its labels are further names");
        assert!(of(&Words::names_iri(&one)).unwrap().labels.len() > 1);
    }
}
