//! A dataset's edits as triples: facts, labels, and each record's own words.

use super::{Dataset, DatasetError};
use crate::{
    eval::Case,
    fact::{Fact, Iri, Label, Term, Words, read::Position},
};

/// Things that a dataset has no id for are named after what it calls them.
const NAMED: &str = "https://kledger.dev/name/";
const ENTITY: &str = "http://www.wikidata.org/entity/";
const PROPERTY: &str = "http://www.wikidata.org/prop/direct/";
/// What a claim is judged by.
const VERDICT: &str = "verdict";

/// What a dataset asks to be edited in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Requests {
    /// Facts and words, in the order of the records.
    pub triples: Vec<(Fact, Position)>,
    /// Records left out because an earlier one answers the same question.
    pub skipped: u64,
    /// Claims left out because they are labelled neither true nor false.
    pub undecided: u64,
    /// Paraphrases left out because they do not name their subject, or have braces.
    pub unusable: u64,
}

impl Requests {
    /// Takes in those of another file.
    pub fn extend(&mut self, more: Self) {
        self.triples.extend(more.triples);
        self.skipped += more.skipped;
        self.undecided += more.undecided;
        self.unusable += more.unusable;
    }
}

/// The triples for the cases of `dataset`.
///
/// # Errors
/// When the prompt of a case does not name its subject.
pub fn requests(dataset: &Dataset) -> Result<Requests, DatasetError> {
    let (skipped, undecided) = (dataset.skipped, dataset.passed_over);
    let mut requests = Requests { skipped, undecided, ..Requests::default() };
    for (place, case) in &dataset.cases {
        let Some(prompt) = template(&case.prompt, &case.subject) else {
            return Err(DatasetError::Field {
                place: place.clone(),
                field: "prompt".to_owned(),
                why: format!("{:?} does not name its subject, {:?}", case.prompt, case.subject),
            });
        };
        let fact = fact(case, &prompt);
        let place = place.in_words();
        let mut words = Words::none(fact.question());
        words.prompts.push(prompt);
        for text in &case.paraphrases {
            match template(text, &case.subject) {
                Some(text) => words.paraphrases.push(text),
                None => requests.unusable += 1,
            }
        }
        let named = [(&fact.subject, &case.subject)].into_iter().chain(match &fact.object {
            Term::Iri(object) => Some((object, &case.target)),
            Term::Literal(_) => None,
        });
        let labels: Vec<Fact> = named.flat_map(|(iri, name)| label(iri, name).triples()).collect();
        let triples = labels.into_iter().chain(words.triples()).chain([fact]);
        requests.triples.extend(triples.map(|triple| (triple, place.clone())));
    }
    Ok(requests)
}

/// The fact that an answer ends a prompt about a thing, which is called so in it, and the words for it: the prompt is a
/// question of its own. An answer that is no known thing becomes one. Nothing where the prompt cannot be a template.
pub(crate) fn asked(
    (subject, name): (&Iri, &str),
    prompt: &str,
    (object, answer): (Option<Iri>, &str),
) -> Option<Vec<Fact>> {
    let prompt = template(prompt, name).filter(|_| !answer.trim().is_empty())?;
    let new = object.is_none().then(|| named(answer));
    let label: Vec<Fact> = new.iter().flat_map(|object| label(object, answer).triples()).collect();
    let object = Term::Iri(object.or(new)?);
    let fact = Fact { subject: subject.clone(), predicate: named(&prompt), object };
    let mut words = Words::none(fact.question());
    words.prompts.push(prompt);
    Some(label.into_iter().chain(words.triples()).chain([fact]).collect())
}

/// What a case says, with Wikidata's IRIs where it has ids.
fn fact(case: &Case, prompt: &str) -> Fact {
    let known = |namespace: &str, id: &Option<String>| {
        let id = id.as_ref().filter(|id| id.chars().all(|c| c.is_ascii_alphanumeric()))?;
        (!id.is_empty()).then(|| iri(&format!("{namespace}{id}")))
    };
    Fact {
        subject: named(&case.subject),
        predicate: known(PROPERTY, &case.relation)
            .unwrap_or_else(|| named(if case.is_claim() { VERDICT } else { prompt })),
        object: Term::Iri(known(ENTITY, &case.target_id).unwrap_or_else(|| named(&case.target))),
    }
}

/// The IRI of what is only known by a name.
fn named(name: &str) -> Iri {
    Iri::of_name(&iri(NAMED), name)
}

fn iri(text: &str) -> Iri {
    Iri::new(text).expect("because an absolute IRI that goes on in ASCII is one")
}

fn label(iri: &Iri, name: &str) -> Words {
    let mut words = Words::none(iri.clone());
    words.labels.push(Label { language: Some("en".to_owned()), text: words_of(name) });
    words
}

/// `text` with `{subject}` in the place of `subject`, as the lexicon takes it: on one line, and
/// without other braces; none where that cannot be.
fn template(text: &str, subject: &str) -> Option<String> {
    let mut text = words_of(text);
    if !text.contains(Case::SUBJECT) {
        text = text.replacen(&words_of(subject), Case::SUBJECT, 1);
    }
    let (before, after) = text.split_once(Case::SUBJECT)?;
    let braces = [before, after].iter().any(|part| part.contains(['{', '}']));
    let control = text.contains(char::is_control);
    (!braces && !control && !subject.trim().is_empty()).then_some(text)
}

/// Its words with single spaces between them.
fn words_of(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
