//! Words for IRIs, and the vocabulary in which they arrive.
//!
//! Triples whose predicate is `rdfs:label`, `skos:prefLabel`, `skos:altLabel` or in the namespace of
//! `schema/kledger.ttl` are not facts to be edited but words for other triples.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use bincode::{Decode, Encode};
use indexmap::IndexSet;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{
    term::{Iri, Literal, Term},
    triple::Fact,
};
use crate::id::{Id, Kind};

/// The namespace of the vocabulary.
pub(crate) const NAMESPACE: &str = "https://kledger.dev/ns#";
/// The predicate of names.
pub(crate) const LABEL: &str = "http://www.w3.org/2000/01/rdf-schema#label";
const PREFERRED_LABEL: &str = "http://www.w3.org/2004/02/skos/core#prefLabel";
const FURTHER_NAME: &str = "http://www.w3.org/2004/02/skos/core#altLabel";

/// What the IRIs of Wikidata's things begin with.
pub(super) const ENTITY: &str = "http://www.wikidata.org/entity/";

/// What the IRI begins with under which the further names of another one are kept.
const NAMES: &str = "https://kledger.dev/names?of=";

/// Bytes of a label or a template: no model reads more at a time, and all words for an IRI are kept together.
const LONGEST: usize = 64 << 10;

/// Where a template says its subject.
pub(super) const SUBJECT: &str = "{subject}";

/// All that is said of how one IRI is put into words.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
pub struct Words {
    /// What the words are for.
    pub iri: Iri,
    /// Its names, one for each language, sorted by language. Under the IRI of [further
    /// names](Words::names_iri) there may be several for each, sorted too.
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
    /// A further name.
    Name,
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
                "the terms are kl:prompt, kl:paraphrase and kl:multiValued; names go to rdfs:label, \
                 further ones to skos:altLabel"
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

    /// The IRI under which further names of `iri` are kept as labels: what it is called besides its label.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn names_iri(iri: &Iri) -> Iri {
        let of = utf8_percent_encode(iri.as_str(), NON_ALPHANUMERIC);
        Iri::new(&format!("{NAMES}{of}"))
            .expect("because an absolute IRI that goes on in ASCII is one")
    }

    /// What the words are for: of further names, what has them. Nothing where they are for one question alone.
    pub(crate) fn thing(&self) -> Option<Iri> {
        match self.named() {
            None if Fact::is_question(&self.iri) => None,
            None => Some(self.iri.clone()),
            named => named,
        }
    }

    /// What the triple adds that [says](saying) these words, where nothing is known.
    pub(super) fn addition(&self) -> Option<Addition> {
        if !self.labels.is_empty() {
            let of_names = self.iri.as_str().starts_with(NAMES);
            Some(if of_names { Addition::Name } else { Addition::Label })
        } else if !self.prompts.is_empty() || !self.paraphrases.is_empty() {
            Some(Addition::Template)
        } else {
            self.multi_valued.then_some(Addition::Setting)
        }
    }

    /// The subject of the triple that says these words.
    pub(super) fn subject(&self) -> Iri {
        self.named().unwrap_or_else(|| self.iri.clone())
    }

    /// The same words for `other`: what names another thing is a further name of it.
    pub(super) fn of(self, other: &Iri) -> Self {
        let iri = if self.labels.is_empty() { other.clone() } else { Self::names_iri(other) };
        Self { iri, ..self }
    }

    /// Those that are not shipped: what a user says takes the place of shipped templates.
    pub(super) fn own(mut self) -> Self {
        if self.shipped {
            self.prompts.clear();
            self.paraphrases.clear();
        }
        self
    }

    /// Whether they are the shipped ones for a property of Wikidata under its second IRI.
    pub(crate) fn is_twin(&self) -> bool {
        self.shipped && self.iri.as_str().starts_with(ENTITY)
    }

    /// Of what these are the further names, if they are.
    fn named(&self) -> Option<Iri> {
        let of = self.iri.as_str().strip_prefix(NAMES)?;
        Iri::new(&percent_decode_str(of).decode_utf8().ok()?).ok()
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

    /// The triples that say this to [`StoredStage::add`](super::StoredStage::add). Shipped templates are left out:
    /// every copy of the program has them.
    #[must_use]
    pub fn triples(&self) -> Vec<Fact> {
        let named = self.named();
        let name = if named.is_some() { FURTHER_NAME } else { LABEL };
        let say = |predicate: &str, object| Fact {
            subject: named.as_ref().unwrap_or(&self.iri).clone(),
            predicate: Iri::new(predicate).expect("because the vocabulary's names are IRIs"),
            object: Term::Literal(object),
        };
        let term = |name: &str| format!("{NAMESPACE}{name}");
        let labels = self.labels.iter().map(|label| match &label.language {
            Some(language) => say(name, Literal::in_language(&label.text, language)),
            None => say(name, Literal::text(&label.text)),
        });
        let templates = [("prompt", &self.prompts), ("paraphrase", &self.paraphrases)];
        let templates =
            templates.into_iter().filter(|_| !self.shipped).flat_map(|(name, texts)| {
                texts.iter().map(move |text| say(&term(name), Literal::text(text)))
            });
        let many = self.multi_valued.then(|| say(&term("multiValued"), Literal::text("true")));
        labels.chain(templates).chain(many).collect()
    }

    /// Takes in `more` words for the same IRI. A label replaces the one in its language, and further names join
    /// those that are there; templates come after those that are there, or replace them where those are only the shipped ones.
    pub fn extend(&mut self, more: &Self) {
        let mut said = Said::from(mem::replace(self, Self::none(self.iri.clone())));
        said.label_all(&more.labels);
        if said.shipped && !more.shipped && !more.prompts.is_empty() {
            said.prompts.clear();
            said.paraphrases.clear();
            said.shipped = false;
        }
        said.prompts.extend(more.prompts.iter().cloned());
        said.paraphrases.extend(more.paraphrases.iter().cloned());
        said.multi_valued |= more.multi_valued;
        *self = said.into_words(self.iri.clone());
    }

    /// These words with those of `other` after them. Labels that both have stay as they are here.
    #[must_use]
    pub fn beside(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.extend(other);
        let mut said = Said::from(both);
        said.label_all(&self.labels);
        said.into_words(self.iri.clone())
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

/// [`Words`] of which what was said already is found at once, however much that is.
pub(super) struct Said {
    labels: BTreeMap<Option<String>, BTreeSet<String>>,
    /// Whether there may be several labels in a language.
    several: bool,
    prompts: IndexSet<String>,
    paraphrases: IndexSet<String>,
    multi_valued: bool,
    shipped: bool,
}

impl From<Words> for Said {
    fn from(words: Words) -> Self {
        let mut said = Self {
            labels: BTreeMap::new(),
            several: words.named().is_some(),
            prompts: words.prompts.into_iter().collect(),
            paraphrases: words.paraphrases.into_iter().collect(),
            multi_valued: words.multi_valued,
            shipped: words.shipped,
        };
        said.label_all(&words.labels);
        said
    }
}

impl Said {
    fn label_all(&mut self, labels: &[Label]) {
        for label in labels {
            self.label(label.clone());
        }
    }

    /// Takes in a label: whether it is new.
    fn label(&mut self, Label { language, text }: Label) -> bool {
        let labels = self.labels.entry(language).or_default();
        if labels.contains(&text) {
            return false;
        }
        if !self.several {
            labels.clear();
        }
        labels.insert(text)
    }

    /// Takes in what [one triple](saying) says: what it added, which is nothing where it was there already.
    pub(super) fn say(&mut self, words: Words) -> Option<Addition> {
        let addition = words.addition()?;
        let Words { labels, prompts, paraphrases, multi_valued, .. } = words;
        let mut new = multi_valued && !mem::replace(&mut self.multi_valued, true);
        for label in labels {
            new |= self.label(label);
        }
        for text in prompts {
            new |= self.prompts.insert(text);
        }
        for text in paraphrases {
            new |= self.paraphrases.insert(text);
        }
        new.then_some(addition)
    }

    pub(super) fn into_words(self, iri: Iri) -> Words {
        let labels = self.labels.into_iter().flat_map(|(language, texts)| {
            texts.into_iter().map(move |text| Label { language: language.clone(), text })
        });
        Words {
            iri,
            labels: labels.collect(),
            prompts: self.prompts.into_iter().collect(),
            paraphrases: self.paraphrases.into_iter().collect(),
            multi_valued: self.multi_valued,
            shipped: self.shipped,
        }
    }
}

/// Words that are being gathered, by what they are for.
#[derive(Default)]
pub(super) struct Gathered(BTreeMap<Iri, Said>);

impl Gathered {
    /// All that was gathered.
    pub(super) fn into_words(self) -> BTreeMap<Iri, Words> {
        let words = self.0.into_iter();
        words.map(|(iri, said)| (iri.clone(), said.into_words(iri))).collect()
    }

    /// Takes in what [one triple](saying) says: what it added, which is nothing where it was there already.
    pub(super) fn say(&mut self, words: Words) -> Option<Addition> {
        let none = |iri: &Iri| Words::none(iri.clone()).into();
        self.0.entry(words.iri.clone()).or_insert_with_key(none).say(words)
    }
}

/// Whether triples with this predicate are words and not facts.
pub(crate) fn is_term(predicate: &Iri) -> bool {
    let predicate = predicate.as_str();
    [LABEL, PREFERRED_LABEL, FURTHER_NAME].contains(&predicate) || predicate.starts_with(NAMESPACE)
}

/// What `triple`, which [is words](is_term), says.
///
/// # Errors
/// When it makes no sense.
pub(super) fn saying(triple: &Fact) -> Result<Words, WordsError> {
    let mut words = Words::none(triple.subject.clone());
    match triple.predicate.as_str().strip_prefix(NAMESPACE) {
        None => {
            words.labels.push(label_of(triple)?);
            if triple.predicate.as_str() == FURTHER_NAME {
                words.iri = Words::names_iri(&words.iri);
            }
        }
        Some("prompt") => words.prompts.push(template(triple, "kl:prompt")?),
        Some("paraphrase") => words.paraphrases.push(template(triple, "kl:paraphrase")?),
        Some("multiValued") => words.multi_valued = is_true(triple)?,
        Some(_) => return Err(WordsError::Unknown(triple.predicate.clone())),
    }
    Ok(words)
}

fn text<'a>(triple: &'a Fact, term: &'static str) -> Result<&'a Literal, WordsError> {
    match &triple.object {
        Term::Literal(literal) if literal.lexical.len() > LONGEST => Err(WordsError::Value {
            iri: triple.subject.clone(),
            term,
            found: format!("a text of {} bytes", literal.lexical.len()),
            expected: "a text of 64 KiB at most",
        }),
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
        take(&mut Gathered::default(), &said(&term, Literal::text(text)))
    }

    fn take(words: &mut Gathered, triple: &Fact) -> Result<Option<Addition>, WordsError> {
        Ok(words.say(saying(triple)?))
    }

    #[test]
    fn further_names_are_kept_beside_labels_and_told_as_they_came() {
        let mut all = Gathered::default();
        let names = ["New York City", "NYC", "The Big Apple", "NYC"];
        let new = names.map(|name| {
            take(&mut all, &said(FURTHER_NAME, Literal::in_language(name, "en"))).unwrap().is_some()
        });
        assert_eq!(new, [true, true, true, false]);
        take(&mut all, &said(LABEL, Literal::in_language("New York", "en"))).unwrap();
        let of = iri("http://example.org/p");
        let all = all.into_words();
        assert_eq!(all[&of].label("en"), Some("New York"));
        let names = &all[&Words::names_iri(&of)];
        let mut both = names.clone();
        both.extend(names);
        assert_eq!(&both, names);
        let mut again = Gathered::default();
        for triple in all.values().flat_map(Words::triples) {
            assert_eq!(triple.subject, of);
            take(&mut again, &triple).unwrap().unwrap();
        }
        assert_eq!(again.into_words(), all);
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
        let mut all = Gathered::default();
        for (language, text) in [("de", "Rom"), ("fr", "Rome (fr)"), ("en-gb", "Rome")] {
            take(&mut all, &said(LABEL, Literal::in_language(text, language))).unwrap();
        }
        let mut words = all.into_words();
        let words = words.first_entry().unwrap().into_mut();
        assert_eq!(words.label("de"), Some("Rom"));
        assert_eq!(words.label("it"), Some("Rome"));
        let without_english = Words {
            labels: vec![words.labels[0].clone(), words.labels[2].clone()],
            ..words.clone()
        };
        assert_eq!(without_english.label("it"), Some("Rom"));
        let newest = said(PREFERRED_LABEL, Literal::in_language("Roma", "de"));
        words.extend(&saying(&newest).unwrap());
        assert_eq!(words.label("de"), Some("Roma"), "the newest counts");
    }

    #[test]
    fn words_are_short() {
        let long = "x".repeat(LONGEST);
        assert!(matches!(prompt(&format!("{{subject}} {long}")), Err(WordsError::Value { .. })));
        let label = said(LABEL, Literal::text(&format!("{long}x")));
        assert!(take(&mut Gathered::default(), &label).is_err());
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
