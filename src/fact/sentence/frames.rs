//! What stands around the subject and the object, in templates and in sentences.

use std::collections::BTreeMap;

use super::{
    Named,
    folded::{folded, without_article, words},
};
use crate::fact::{Iri, vocabulary::SUBJECT};

/// Words that a sentence may have more or fewer of than its template. Those that say which way round a fact is, such as
/// `of` and `by`, are none of them.
const FILLERS: &[&str] = &[
    "a",
    "an",
    "the",
    "is",
    "are",
    "it",
    "its",
    "that",
    "which",
    "who",
    "this",
    "there",
    "here",
    "as",
    "be",
    "called",
    "named",
    "known",
    "found",
    "located",
    "situated",
    "also",
    "today",
    "now",
    "currently",
];

/// A template of a predicate.
#[derive(Clone)]
pub(super) struct Template {
    pub(super) predicate: Iri,
    pub(super) text: String,
    /// How much speaks for the predicate where several have the template.
    pub(super) rank: u8,
}

/// What stands before a subject, and between it and the object; without articles before either.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Frame([String; 2]);

impl Frame {
    fn new(before: &str, between: &str) -> Self {
        Self([before, between].map(|part| without_article(part).to_owned()))
    }

    /// Without words that say nothing of their own.
    fn loose(&self) -> Self {
        Self(self.0.each_ref().map(|part| {
            let words = words(part).map(|(_, word)| word).filter(|word| !FILLERS.contains(word));
            words.collect::<Vec<_>>().join(" ")
        }))
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(String::is_empty)
    }
}

/// What stands around two names of a sentence.
pub(super) fn of(folded: &str, subject: &Named, object: &Named) -> Frame {
    Frame::new(&folded[..subject.start], &folded[subject.end..object.start])
}

/// Templates by what stands around their subject and object.
#[derive(Default)]
pub(super) struct Frames {
    exact: BTreeMap<Frame, Vec<Template>>,
    loose: BTreeMap<Frame, Vec<Template>>,
}

impl Frames {
    pub(super) fn new(templates: impl IntoIterator<Item = Template>) -> Self {
        let mut frames = Self::default();
        for template in templates {
            let text = folded(&template.text);
            let Some((before, between)) = text.split_once(SUBJECT) else { continue };
            let frame = Frame::new(before, between);
            if frame.is_empty() {
                continue;
            }
            let loose = frame.loose();
            if !loose.is_empty() {
                frames.loose.entry(loose).or_default().push(template.clone());
            }
            frames.exact.entry(frame).or_default().push(template);
        }
        frames
    }

    /// The templates with exactly these words.
    pub(super) fn exact(&self, frame: &Frame) -> &[Template] {
        self.exact.get(frame).map_or(&[], Vec::as_slice)
    }

    /// The templates that differ from these words in fillers alone.
    pub(super) fn loose(&self, frame: &Frame) -> &[Template] {
        self.loose.get(&frame.loose()).map_or(&[], Vec::as_slice)
    }
}
