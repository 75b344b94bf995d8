//! Words for IRIs, and the vocabulary in which they arrive.
//!
//! Triples whose predicate is `rdfs:label`, `skos:prefLabel` or in the namespace of
//! `schema/kledger.ttl` are not facts to be edited but words for other triples.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};

use super::{
    term::{Iri, Literal, Term},
    triple::Fact,
};
use crate::id::{Id, Kind};

/// The namespace of the vocabulary.
pub(super) const NAMESPACE: &str = "https://kledger.dev/ns#";
const LABEL: &str = "http://www.w3.org/2000/01/rdf-schema#label";
const PREFERRED_LABEL: &str = "http://www.w3.org/2004/02/skos/core#prefLabel";

/// Where a template says its subject.
pub(super) const SUBJECT: &str = "{subject}";

/// All that is said of how one IRI is put into words.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
pub struct Words {
    /// What the words are for.
    pub iri: Iri,
    /// Its names, one for each language, sorted by language.
    pub labels: Vec<Label>,
    /// For a predicate: beginnings of sentences that end in the object, with one `{subject}`. The
    /// first is what an edit is made with.
    pub prompts: Vec<String>,
    /// For a predicate: further ones, used only to check that an edit generalises.
    pub paraphrases: Vec<String>,
    /// For a predicate: whether a subject can have several objects at a time.
    pub multi_valued: bool,
    /// Whether prompts and paraphrases are shipped with the program: those that a user adds then
    /// take their place instead of joining them.
    pub shipped: bool,
}

/// A name in a language.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize)]
pub struct Label {
    /// Language tag in lower case; `None` for a name that is not in a language.
    pub language: Option<String>,
    /// The name.
    pub text: String,
}

/// What a triple added to the lexicon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addition {
    /// A label.
    Label,
    /// A prompt or a paraphrase.
    Template,
    /// That a predicate has many values.
    Setting,
}

/// Why a triple of the vocabulary does not say what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WordsError {
    /// A template without a place for the subject, with several, or with other braces.
    #[error("the template {text:?} of {predicate} {why}")]
    Template {
        /// The predicate.
        predicate: Iri,
        /// The template.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A thing where a text, or another kind of value, is wanted.
    #[error("{term} of {iri} is {found}; expected {expected}")]
    Value {
        /// What it was said of.
        iri: Iri,
        /// The term of the vocabulary.
        term: &'static str,
        /// The value found.
        found: String,
        /// What was wanted.
        expected: &'static str,
    },
    /// A name in the namespace that means nothing.
    #[error("the vocabulary has no term {0}")]
    Unknown(Iri),
}

impl WordsError {
    /// How to put it right.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Template { .. } => {
                "a template is the beginning of a sentence that the object ends, \
                 with one {subject}: kl:prompt \"{subject} is located in the city of\""
                    .to_owned()
            }
            Self::Value { term, expected, .. } => format!("write {term} with {expected}"),
            Self::Unknown(_) => {
                "the terms are kl:prompt, kl:paraphrase and kl:multiValued; names go to rdfs:label"
                    .to_owned()
            }
        }
    }
}

impl Kind for Words {
    const NAME: &'static str = "words";
}

impl Words {
    /// No words for `iri`.
    #[must_use]
    pub const fn none(iri: Iri) -> Self {
        Self {
            iri,
            labels: Vec::new(),
            prompts: Vec::new(),
            paraphrases: Vec::new(),
            multi_valued: false,
            shipped: false,
        }
    }

    /// The key under which words for `iri` are kept.
    #[must_use]
    pub fn key(iri: &Iri) -> Id<Self> {
        Id::of(iri.as_str().as_bytes())
    }

    /// How that key begins.
    pub(crate) fn key_start(iri: &Iri) -> [u8; 4] {
        *Self::key(iri).as_bytes().first_chunk().expect("because a hash has 32 bytes")
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.labels.is_empty()
            && self.prompts.is_empty()
            && self.paraphrases.is_empty()
            && !self.multi_valued
    }

    /// The triples that say this to [`Stage::add`](super::Stage::add). Shipped templates are left out:
    /// every copy of the program has them.
    #[must_use]
    pub fn triples(&self) -> Vec<Fact> {
        let say = |predicate: &str, object| Fact {
            subject: self.iri.clone(),
            predicate: Iri::new(predicate).expect("because the vocabulary's names are IRIs"),
            object: Term::Literal(object),
        };
        let term = |name: &str| format!("{NAMESPACE}{name}");
        let labels = self.labels.iter().map(|label| match &label.language {
            Some(language) => say(LABEL, Literal::in_language(&label.text, language)),
            None => say(LABEL, Literal::text(&label.text)),
        });
        let templates = [("prompt", &self.prompts), ("paraphrase", &self.paraphrases)];
        let templates =
            templates.into_iter().filter(|_| !self.shipped).flat_map(|(name, texts)| {
                texts.iter().map(move |text| say(&term(name), Literal::text(text)))
            });
        let many = self.multi_valued.then(|| say(&term("multiValued"), Literal::text("true")));
        labels.chain(templates).chain(many).collect()
    }

    /// Takes in `more` words for the same IRI. A label replaces the one in its language; templates
    /// come after those that are there, or replace them where those are only the shipped ones.
    pub fn extend(&mut self, more: &Self) {
        for label in &more.labels {
            self.set_label(label.clone());
        }
        if self.shipped && !more.shipped && !more.prompts.is_empty() {
            self.prompts.clear();
            self.paraphrases.clear();
            self.shipped = false;
        }
        for prompt in &more.prompts {
            push_new(&mut self.prompts, prompt);
        }
        for paraphrase in &more.paraphrases {
            push_new(&mut self.paraphrases, paraphrase);
        }
        self.multi_valued |= more.multi_valued;
    }

    /// These words with those of `other` after them. Labels that both have stay as they are here.
    #[must_use]
    pub fn beside(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.extend(other);
        for label in &self.labels {
            both.set_label(label.clone());
        }
        both
    }

    fn set_label(&mut self, label: Label) -> bool {
        match self.labels.binary_search_by(|other| other.language.cmp(&label.language)) {
            Ok(at) if self.labels[at] == label => false,
            Ok(at) => {
                self.labels[at] = label;
                true
            }
            Err(at) => {
                self.labels.insert(at, label);
                true
            }
        }
    }

    /// The name to use in `language`: in that language or a variety of it, else in English, else
    /// one in no language, else the first there is.
    #[must_use]
    pub fn label(&self, language: &str) -> Option<&str> {
        let wanted = language.to_ascii_lowercase();
        let of = |wanted: &str| {
            let exact = self.labels.iter().find(|label| label.language.as_deref() == Some(wanted));
            exact.or_else(|| {
                self.labels.iter().find(|label| {
                    let tag = label.language.as_deref().unwrap_or_default();
                    tag.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('-'))
                })
            })
        };
        of(&wanted)
            .or_else(|| of("en"))
            .or_else(|| self.labels.iter().find(|label| label.language.is_none()))
            .or_else(|| self.labels.first())
            .map(|label| label.text.as_str())
    }
}

fn push_new(list: &mut Vec<String>, text: &str) -> bool {
    let new = !list.iter().any(|other| other == text);
    if new {
        list.push(text.to_owned());
    }
    new
}

/// Whether triples with this predicate are words and not facts.
pub(super) fn is_term(predicate: &Iri) -> bool {
    let predicate = predicate.as_str();
    predicate == LABEL || predicate == PREFERRED_LABEL || predicate.starts_with(NAMESPACE)
}

/// Puts what `triple`, which [is words](is_term), says into `words`: what it added, which is nothing where it
/// was there already.
///
/// # Errors
/// When it makes no sense.
pub(super) fn take(
    words: &mut BTreeMap<Iri, Words>,
    triple: &Fact,
) -> Result<Option<Addition>, WordsError> {
    let name = triple.predicate.as_str().strip_prefix(NAMESPACE);
    let addition = match name {
        None => {
            let label = label_of(triple)?;
            entry(words, triple).set_label(label).then_some(Addition::Label)
        }
        Some("prompt") => {
            let text = template(triple, "kl:prompt")?;
            push_new(&mut entry(words, triple).prompts, &text).then_some(Addition::Template)
        }
        Some("paraphrase") => {
            let text = template(triple, "kl:paraphrase")?;
            push_new(&mut entry(words, triple).paraphrases, &text).then_some(Addition::Template)
        }
        Some("multiValued") => {
            let new = is_true(triple)?
                && !std::mem::replace(&mut entry(words, triple).multi_valued, true);
            new.then_some(Addition::Setting)
        }
        Some(_) => return Err(WordsError::Unknown(triple.predicate.clone())),
    };
    Ok(addition)
}

fn entry<'a>(words: &'a mut BTreeMap<Iri, Words>, triple: &Fact) -> &'a mut Words {
    let iri = &triple.subject;
    words.entry(iri.clone()).or_insert_with(|| Words::none(iri.clone()))
}

fn text<'a>(triple: &'a Fact, term: &'static str) -> Result<&'a Literal, WordsError> {
    match &triple.object {
        Term::Literal(literal) if !literal.lexical.trim().is_empty() => Ok(literal),
        found => Err(WordsError::Value {
            iri: triple.subject.clone(),
            term,
            found: found.to_string(),
            expected: "a text that is not empty",
        }),
    }
}

fn label_of(triple: &Fact) -> Result<Label, WordsError> {
    let literal = text(triple, "a label")?;
    let text = literal.lexical.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(Label { language: literal.language.clone(), text })
}

fn template(triple: &Fact, term: &'static str) -> Result<String, WordsError> {
    let text = text(triple, term)?.lexical.trim();
    let rest = text.replacen(SUBJECT, "", 1);
    let why = if rest.len() == text.len() {
        Some("has no {subject}")
    } else if rest.contains(SUBJECT) {
        Some("has more than one {subject}")
    } else if rest.contains("{object}") {
        Some("names the {object}, which always comes after it")
    } else if rest.contains(['{', '}']) {
        Some("has braces other than {subject}")
    } else if text.contains(char::is_control) {
        Some("has a line break or another control character")
    } else {
        None
    };
    match why {
        None => Ok(text.to_owned()),
        Some(why) => Err(WordsError::Template {
            predicate: triple.subject.clone(),
            text: text.to_owned(),
            why,
        }),
    }
}

fn is_true(triple: &Fact) -> Result<bool, WordsError> {
    match &triple.object {
        Term::Literal(Literal { lexical, .. }) if lexical == "true" || lexical == "1" => Ok(true),
        Term::Literal(Literal { lexical, .. }) if lexical == "false" || lexical == "0" => Ok(false),
        found => Err(WordsError::Value {
            iri: triple.subject.clone(),
            term: "kl:multiValued",
            found: found.to_string(),
            expected: "true or false",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iri(text: &str) -> Iri {
        Iri::new(text).unwrap()
    }

    fn said(term: &str, object: Literal) -> Fact {
        Fact {
            subject: iri("http://example.org/p"),
            predicate: iri(term),
            object: Term::Literal(object),
        }
    }

    fn prompt(text: &str) -> Result<Option<Addition>, WordsError> {
        let term = format!("{NAMESPACE}prompt");
        take(&mut BTreeMap::new(), &said(&term, Literal::text(text)))
    }

    #[test]
    fn a_template_has_one_subject_and_no_other_braces() {
        assert_eq!(prompt(" {subject} is in ").unwrap(), Some(Addition::Template));
        for bad in
            ["is in", "{subject} {subject}", "{subject} is in {object}", "{subject} {x}", " "]
        {
            assert!(prompt(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn labels_fall_back_in_a_fixed_order() {
        let mut all = BTreeMap::new();
        for (language, text) in [("de", "Rom"), ("fr", "Rome (fr)"), ("en-gb", "Rome")] {
            take(&mut all, &said(LABEL, Literal::in_language(text, language))).unwrap();
        }
        let words = all.values().next().unwrap();
        assert_eq!(words.label("de"), Some("Rom"));
        assert_eq!(words.label("it"), Some("Rome"));
        let without_english = Words {
            labels: vec![words.labels[0].clone(), words.labels[2].clone()],
            ..words.clone()
        };
        assert_eq!(without_english.label("it"), Some("Rom"));
        take(&mut all, &said(PREFERRED_LABEL, Literal::in_language("Roma", "de"))).unwrap();
        assert_eq!(all.values().next().unwrap().label("de"), Some("Roma"), "the newest counts");
    }

    #[test]
    fn users_templates_replace_shipped_ones() {
        let words = |prompts: &[&str], shipped| Words {
            prompts: prompts.iter().map(ToString::to_string).collect(),
            shipped,
            ..Words::none(iri("http://example.org/p"))
        };
        let mut both = words(&["{subject} a", "{subject} b"], true);
        both.extend(&words(&["{subject} c"], false));
        both.extend(&words(&["{subject} d", "{subject} c"], false));
        assert_eq!(both.prompts, ["{subject} c", "{subject} d"]);
    }
}
