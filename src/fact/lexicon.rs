//! From facts to sentences.
//!
//! A [`Lexicon`] is a view of the committed words and of those staged on top of them. It names things
//! and puts a fact as a [`Request`]: the beginning of a sentence and how it is to end.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};
use percent_encoding::percent_decode_str;

use super::{
    read::{Format, read_triples},
    spoken::spoken,
    term::{Iri, Term},
    tree::{self, LexiconTree, Seen},
    triple::Fact,
    vocabulary::{self, Gathered, SUBJECT, Words},
};
use crate::{
    codec::{ObjectError, Objects},
    id::Id,
};

/// A fact in words, as an editor takes it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
pub struct Request {
    /// Beginning of a sentence, with one `{subject}`.
    pub prompt: String,
    /// The subject's name.
    pub subject: String,
    /// How the sentence is to go on, without a leading space.
    pub target: String,
    /// Other beginnings of the same, each with one `{subject}`, that an edit may be made with.
    pub rephrasings: Vec<String>,
    /// Beginnings about other facts of the subject, each with one `{subject}`, whose ends are to stay.
    pub kept: Vec<String>,
    /// Further ones, for checks only: an edit never sees them.
    pub paraphrases: Vec<String>,
}

impl Request {
    /// The prompt with the subject filled in.
    #[must_use]
    pub fn text(&self) -> String {
        self.prompt.replace(SUBJECT, &self.subject)
    }

    /// The paraphrases with the subject filled in.
    pub fn paraphrase_texts(&self) -> impl Iterator<Item = String> {
        self.paraphrases.iter().map(|paraphrase| paraphrase.replace(SUBJECT, &self.subject))
    }
}

/// Why a fact cannot be put into words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LexiconError {
    /// The predicate has no prompt.
    #[error("the predicate {predicate} has no template")]
    NoTemplate {
        /// The predicate.
        predicate: Iri,
    },
    /// The IRI has no label and its last part says nothing.
    #[error("{iri} has no label, and {local:?} is no name for it")]
    NoLabel {
        /// The IRI.
        iri: Iri,
        /// Its last part.
        local: String,
    },
    /// The object is a literal without a word in it.
    #[error("the object of {fact} has no words")]
    NoWords {
        /// The fact.
        fact: Box<Fact>,
    },
    /// The object is a value of a type that no rule puts into words.
    #[error(
        "the object of {fact} is a value that no rule puts into words in the language {language:?}"
    )]
    NoRule {
        /// The fact.
        fact: Box<Fact>,
        /// The language, by its tag.
        language: String,
    },
    /// The words could not be read.
    #[error(transparent)]
    Object(#[from] ObjectError),
}

impl LexiconError {
    /// How to put it right: lines of Turtle to add.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoTemplate { predicate } => Some(format!(
                "add one, in words that the object completes:\n  @prefix kl: <{}> .\n  \
                 {predicate} kl:prompt \"{{subject}} ...\" .",
                vocabulary::NAMESPACE
            )),
            Self::NoLabel { iri, .. } => Some(format!(
                "add one:\n  {iri} <http://www.w3.org/2000/01/rdf-schema#label> \"...\"@en ."
            )),
            Self::NoWords { .. } => Some("give the object a text".to_owned()),
            Self::NoRule { fact, .. } => Some(format!(
                "add the object as a text, in the words that are to be learnt, or take the fact from the stage: \
                 kledger rm --about '{}' --predicate '{}'; add --skip-unknown leaves such facts out",
                fact.subject, fact.predicate
            )),
            Self::Object(_) => None,
        }
    }
}

/// Nodes of its trees that a lexicon caches.
const CACHED: usize = 8192;

/// Words, as they were committed and as they are staged.
pub struct Lexicon<'a> {
    objects: &'a dyn Objects,
    root: Id<LexiconTree>,
    staged: Option<Id<LexiconTree>>,
    language: &'a str,
    seen: Seen<Words>,
}

impl<'a> Lexicon<'a> {
    /// The words of the tree `root`, in English.
    #[must_use]
    pub const fn new(objects: &'a dyn Objects, root: Id<LexiconTree>) -> Self {
        Self { objects, root, staged: None, language: "en", seen: Seen::of_at_most(CACHED) }
    }

    /// With the words of the tree `staged`, which is among the same objects, on top.
    #[must_use]
    pub fn with(self, staged: Id<LexiconTree>) -> Self {
        Self { staged: Some(staged), ..self }
    }

    /// With names in `language`, by its tag, where there are any.
    #[must_use]
    pub fn in_language(self, language: &'a str) -> Self {
        Self { language, ..self }
    }

    /// All that is said of `iri`.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn words(&self, iri: &Iri) -> Result<Words, ObjectError> {
        let key = Words::key(iri);
        let said = |root| tree::get_seen(self.objects, &self.seen, root, key);
        let mut words = said(self.root)?.unwrap_or_else(|| Words::none(iri.clone()));
        if let Some(staged) = self.staged
            && let Some(staged) = said(staged)?
        {
            words.extend(&staged);
        }
        Ok(words)
    }

    /// All words.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(crate) fn all(&self) -> Result<Vec<Words>, ObjectError> {
        let committed = tree::iter(self.objects, self.root);
        let mut all: BTreeMap<Id<Words>, Words> = committed.collect::<Result<_, _>>()?;
        for entry in self.staged.iter().flat_map(|root| tree::iter(self.objects, *root)) {
            let (key, words) = entry?;
            all.entry(key).or_insert_with(|| Words::none(words.iri.clone())).extend(&words);
        }
        Ok(all.into_values().collect())
    }

    /// Whether a subject can have several objects under `predicate`.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn multi_valued(&self, predicate: &Iri) -> Result<bool, ObjectError> {
        Ok(self.words(predicate)?.multi_valued)
    }

    /// What `iri` is called: its label, else the last part of the IRI with `_` as space.
    ///
    /// # Errors
    /// When it has no label and its last part is a bare identifier; when the tree cannot be read.
    pub fn name(&self, iri: &Iri) -> Result<String, LexiconError> {
        match self.words(iri)?.label(self.language) {
            Some(label) => Ok(label.to_owned()),
            None => {
                let local = local_name(iri);
                if is_opaque(&local) {
                    return Err(LexiconError::NoLabel { iri: iri.clone(), local });
                }
                Ok(local)
            }
        }
    }

    /// Whether `iri` is called so, by its [name](Self::name) or by a further one in any language; capitals do not
    /// matter.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn is_called(&self, iri: &Iri, name: &str) -> Result<bool, ObjectError> {
        let wanted = name.to_lowercase();
        if self.show(&Term::Iri(iri.clone()))?.to_lowercase() == wanted {
            return Ok(true);
        }
        let further = self.words(&Words::names_iri(iri))?.labels;
        Ok(further.iter().any(|label| label.text.to_lowercase() == wanted))
    }

    /// What to show for `term`: its name, else the IRI itself; a literal's value.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn show(&self, term: &Term) -> Result<String, ObjectError> {
        match term {
            Term::Literal(literal) => Ok(literal.lexical.clone()),
            Term::Iri(iri) => match self.name(iri) {
                Ok(name) => Ok(name),
                Err(LexiconError::Object(error)) => Err(error),
                Err(_) => Ok(iri.to_string()),
            },
        }
    }

    /// Puts `fact` as a request. What a predicate has as `kl:paraphrase` is held out for checks and
    /// its prompts are for the edit; where it has none, all its prompts but the first are held out.
    /// Where the fact's [question](Fact::question) has prompts, its words count and not the predicate's.
    ///
    /// # Errors
    /// When the predicate has no prompt, subject or object no name, or a node cannot be read.
    pub fn request(&self, fact: &Fact) -> Result<Request, LexiconError> {
        let mut words = self.words(&fact.question())?;
        if words.prompts.is_empty() {
            words = self.words(&fact.predicate)?;
        }
        let Words { prompts, mut paraphrases, .. } = words;
        let mut prompts = prompts.into_iter();
        let prompt = prompts
            .next()
            .ok_or_else(|| LexiconError::NoTemplate { predicate: fact.predicate.clone() })?;
        let mut rephrasings: Vec<String> = prompts.collect();
        // A template may be given as prompt and as paraphrase; then it is no secret from the edit.
        let known: BTreeSet<&String> = rephrasings.iter().chain([&prompt]).collect();
        paraphrases.retain(|text| !known.contains(text));
        if paraphrases.is_empty() {
            // Something must be held out, or nothing could be said of other words.
            paraphrases = std::mem::take(&mut rephrasings);
        }
        let target = match &fact.object {
            Term::Iri(iri) => self.name(iri)?,
            Term::Literal(literal) => {
                spoken(literal, self.language).ok_or_else(|| LexiconError::NoRule {
                    fact: Box::new(fact.clone()),
                    language: self.language.to_owned(),
                })?
            }
        };
        if !target.contains(char::is_alphanumeric) {
            return Err(LexiconError::NoWords { fact: Box::new(fact.clone()) });
        }
        let subject = self.name(&fact.subject)?;
        Ok(Request { prompt, subject, target, rephrasings, kept: Vec::new(), paraphrases })
    }
}

/// The last part of an IRI in readable form.
fn local_name(iri: &Iri) -> String {
    let text = iri.as_str().trim_end_matches(['/', '#']);
    let last = text.rfind(['/', '#', ':']).map_or(text, |at| &text[at + 1..]);
    percent_decode_str(last).decode_utf8_lossy().replace('_', " ").trim().to_owned()
}

/// Whether a name is an identifier that says nothing: `Q243`, `P36`, `m.02j81`, `2988507`, a UUID.
fn is_opaque(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let numbered = name.strip_prefix(['Q', 'P', 'L']).is_some_and(digits);
    let machine_id = name.strip_prefix("m.").or_else(|| name.strip_prefix("g.")).is_some();
    let uuid = name.len() == 36
        && name.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    let number = digits(name) && name.len() > 4;
    numbered || machine_id || uuid || number || !name.contains(char::is_alphanumeric)
}

/// The words shipped with the program: templates for the most used predicates of Wikidata
/// (`http://www.wikidata.org/prop/direct/P...`, and the same under `http://www.wikidata.org/entity/`)
/// and DBpedia.
#[must_use]
pub fn builtin() -> BTreeMap<Id<Words>, Words> {
    const FILES: [(&str, &str); 2] = [
        ("schema/templates/wikidata.ttl", include_str!("../../schema/templates/wikidata.ttl")),
        ("schema/templates/dbpedia.ttl", include_str!("../../schema/templates/dbpedia.ttl")),
    ];
    let mut all = Gathered::default();
    for (name, text) in FILES {
        for triple in read_triples(text.as_bytes(), Format::Turtle, name) {
            let (triple, _) = triple.expect("because the shipped files are parsed in a test");
            let saying = vocabulary::saying(&triple);
            all.say(saying.expect("because the shipped files hold nothing but words"))
                .expect("because the shipped files say nothing twice");
        }
    }
    all.into_words()
        .into_values()
        .flat_map(|words| {
            let words = Words { shipped: true, ..words };
            [as_entity(&words), Some(words)]
        })
        .flatten()
        .map(|words| (Words::key(&words.iri), words))
        .collect()
}

/// The same words for a Wikidata property by its entity's IRI.
fn as_entity(words: &Words) -> Option<Words> {
    let number = words.iri.as_str().strip_prefix("http://www.wikidata.org/prop/direct/")?;
    let iri = Iri::new(&format!("{}{number}", vocabulary::ENTITY))
        .expect("because an absolute IRI followed by letters is one");
    Some(Words { iri, ..words.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names_are_decoded() {
        let local = |text| local_name(&Iri::new(text).unwrap());
        assert_eq!(local("http://dbpedia.org/resource/Eiffel_Tower"), "Eiffel Tower");
        assert_eq!(local("http://dbpedia.org/resource/S%C3%A3o_Paulo"), "São Paulo");
        assert_eq!(local("http://example.org/ns#capital/"), "capital");
        assert_eq!(local("urn:isbn:Dune"), "Dune");
    }

    #[test]
    fn identifiers_are_not_names() {
        for opaque in
            ["Q243", "P36", "L7", "m.02j81", "2988507", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", ""]
        {
            assert!(is_opaque(opaque), "{opaque}");
        }
        for name in ["Quebec", "P", "1984", "M25 motorway", "Paris"] {
            assert!(!is_opaque(name), "{name}");
        }
    }
}
