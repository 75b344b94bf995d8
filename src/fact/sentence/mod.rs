//! Sentences read as facts: the templates of the lexicon backwards.
//!
//! A template is the beginning of a sentence, with a place for the subject, that the object ends. So a sentence says a
//! fact if it begins with a name, or has one where a template has its subject, ends with another, and what stands
//! before and between them is what the template has there. Nothing else is understood: this is no open information
//! extraction, and a sentence that could mean two facts means none.

mod folded;
mod frames;
mod names;
mod split;

use std::collections::BTreeSet;

use super::{Fact, Iri, Literal, Term};
use frames::{Frames, Template};
use names::Names;
pub use split::Sentence;

/// Characters of a sentence that is read: no fact is said in more.
const LONGEST: usize = 2000;
/// Names in a sentence that are looked at.
const MOST_NAMES: usize = 2000;

/// Words that take back, or leave open, what the words around them say.
const HEDGES: &[&str] = &[
    "not",
    "no",
    "never",
    "none",
    "neither",
    "nor",
    "cannot",
    "without",
    "unless",
    "hardly",
    "barely",
    "may",
    "might",
    "could",
    "would",
    "should",
    "must",
    "shall",
    "will",
    "if",
    "whether",
    "perhaps",
    "maybe",
    "possibly",
    "probably",
    "likely",
    "unlikely",
    "reportedly",
    "allegedly",
    "supposedly",
    "apparently",
    "presumably",
    "rumoured",
    "rumored",
    "said",
    "say",
    "says",
    "claim",
    "claims",
    "claimed",
    "believe",
    "believes",
    "believed",
    "thought",
    "think",
    "thinks",
    "doubt",
    "doubts",
    "deny",
    "denies",
    "denied",
    "wrongly",
    "false",
    "falsely",
    "untrue",
    "fiction",
    "almost",
    "nearly",
    "formerly",
    "former",
    "once",
    "was",
    "were",
    "had",
    "used",
    "until",
];

/// What a sentence may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The fact.
    pub fact: Fact,
    /// The template that says it.
    pub template: String,
    /// Whether the sentence says it in the words of the template; else words without a meaning of their own differ.
    pub is_exact: bool,
}

/// Why a sentence says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// It is a question.
    Question,
    /// This word takes back what it says, or leaves it open.
    Hedged(String),
    /// It is longer than what is read.
    TooLong,
    /// Fewer than two things are named in it; the name of the one, if there is one.
    NoNames(Option<String>),
    /// No template says what these two are to one another.
    NoTemplate(String, String),
}

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meaning {
    /// A thing.
    Thing(Iri),
    /// A value that facts with this predicate have.
    Value(Iri, Literal),
}

impl Meaning {
    fn thing(self) -> Option<Iri> {
        match self {
            Self::Thing(thing) => Some(thing),
            Self::Value(..) => None,
        }
    }

    /// As the object of a fact with a predicate.
    fn object(self, of: &Iri) -> Option<Term> {
        match self {
            Self::Thing(thing) => Some(Term::Iri(thing)),
            Self::Value(predicate, value) => (predicate == *of).then_some(Term::Literal(value)),
        }
    }
}

/// Templates and names, to be found in sentences.
pub struct Interpreter {
    names: Names,
    frames: Frames,
    relations: Vec<Relation>,
}

/// What a first template says, and of which predicates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The template with the object at its end.
    pub text: String,
    /// The predicates that have it.
    pub predicates: Vec<Iri>,
}

/// A name in a sentence, by where it begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Named {
    start: usize,
    end: usize,
    name: usize,
}

impl Named {
    const fn holds(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    const fn length(&self) -> usize {
        self.end - self.start
    }
}

/// A way to read a sentence.
struct Way<'a> {
    subject: Named,
    object: Named,
    template: &'a Template,
}

impl Interpreter {
    /// Knows things and values by their `names` and predicates by their templates: a predicate, the template, and whether it is one
    /// of those that are shipped with the program. `is_used` says which predicates have facts.
    #[must_use]
    pub fn new(
        names: impl IntoIterator<Item = (String, Meaning)>,
        templates: impl IntoIterator<Item = (Iri, String, bool)>,
        is_used: impl Fn(&Iri) -> bool,
    ) -> Self {
        let templates = templates.into_iter().map(|(predicate, text, is_shipped)| {
            let rank = match (is_used(&predicate), is_shipped) {
                (true, _) => 2,
                (false, false) => 1,
                (false, true) => 0,
            };
            Template { predicate, text, rank }
        });
        let templates: Vec<Template> = templates.collect();
        let relations = relations(&templates);
        Self { names: Names::new(names), frames: Frames::new(templates), relations }
    }

    /// What can be said between two things: of predicates with facts or with templates of the user's, the former first.
    #[must_use]
    pub fn relations(&self) -> &[Relation] {
        &self.relations
    }

    /// The sentences of a text.
    #[must_use]
    pub fn sentences(&self, text: &str) -> Vec<Sentence> {
        split::sentences(text, |folded| self.names.with_stops(folded))
    }

    /// The things that are called so.
    #[must_use]
    pub fn called(&self, name: &str) -> Vec<Iri> {
        self.names.meanings_of(name).into_iter().filter_map(Meaning::thing).collect()
    }

    /// The things that a text names, each name with what is called so; of names within one another the longest.
    #[must_use]
    pub fn named_in(&self, text: &str) -> Vec<(String, Vec<Iri>)> {
        let things = self.longest_in(text).into_iter().map(|(name, meanings)| {
            (name, meanings.into_iter().filter_map(Meaning::thing).collect::<Vec<_>>())
        });
        things.filter(|(_, things)| !things.is_empty()).collect()
    }

    fn longest_in(&self, text: &str) -> Vec<(String, Vec<Meaning>)> {
        let folded = folded::folded(text);
        let mut found = self.names.within(&folded, MOST_NAMES).unwrap_or_default();
        let all = found.clone();
        found.retain(|named| {
            !all.iter().any(|other| other.holds(named) && other.length() > named.length())
        });
        found.dedup_by_key(|named| named.name);
        found.iter().map(|named| self.names.meanings(named.name, text)).collect()
    }

    /// What a sentence may say: what its words say, else what they say loosely. Of predicates with the same template those
    /// with facts go before others, and among these those whose template is the user's.
    ///
    /// # Errors
    /// When it says nothing.
    pub fn interpret(&self, sentence: &str) -> Result<Vec<Proposal>, Unread> {
        let folded = folded::folded(sentence);
        if folded.chars().count() > LONGEST {
            return Err(Unread::TooLong);
        }
        let bare = folded.trim_end_matches(folded::is_end);
        if folded[bare.len()..].contains('?') {
            return Err(Unread::Question);
        }
        let named = self.names.within(&folded, MOST_NAMES).ok_or(Unread::TooLong)?;
        // The last full stop may belong to a name.
        let ends = |named: &&Named| (bare.len()..=folded.len()).contains(&named.end);
        let last: Vec<&Named> = named.iter().filter(ends).collect();
        let ways = |is_exact: bool| {
            let mut ways = Vec::new();
            for subject in &named {
                for object in last.iter().filter(|object| object.start >= subject.end) {
                    let frame = frames::of(&folded, subject, object);
                    let templates = if is_exact {
                        self.frames.exact(&frame)
                    } else {
                        self.frames.loose(&frame)
                    };
                    let (subject, object) = (*subject, **object);
                    ways.extend(templates.iter().map(|template| Way { subject, object, template }));
                }
            }
            longest(ways)
        };
        for is_exact in [true, false] {
            let proposals = self.proposals(&ways(is_exact), sentence, is_exact);
            if !proposals.is_empty() {
                return Ok(proposals);
            }
        }
        Err(self.why_not(sentence, &folded, &named))
    }

    /// The facts that the ways say, without those whose predicate has fewer reasons.
    fn proposals(&self, ways: &[Way<'_>], sentence: &str, is_exact: bool) -> Vec<Proposal> {
        let mut proposals: Vec<(u8, Proposal)> = Vec::new();
        for way in ways {
            let Template { predicate, text, rank } = way.template;
            let (_, subjects) = self.names.meanings(way.subject.name, sentence);
            let (_, objects) = self.names.meanings(way.object.name, sentence);
            for subject in subjects.into_iter().filter_map(Meaning::thing) {
                for object in objects.iter().filter_map(|known| known.clone().object(predicate)) {
                    let (subject, predicate) = (subject.clone(), predicate.clone());
                    let fact = Fact { subject, predicate, object };
                    if proposals.iter().all(|(_, known)| known.fact != fact) {
                        let template = text.clone();
                        proposals.push((*rank, Proposal { fact, template, is_exact }));
                    }
                }
            }
        }
        let best = proposals.iter().map(|(rank, _)| *rank).max();
        let best = proposals.into_iter().filter(|(rank, _)| Some(*rank) == best);
        best.map(|(_, proposal)| proposal).collect()
    }

    fn why_not(&self, sentence: &str, folded: &str, named: &[Named]) -> Unread {
        let outside =
            |(at, _): &(usize, &str)| !named.iter().any(|name| (name.start..name.end).contains(at));
        let hedged = folded::words(folded).filter(outside).find(|(_, word)| is_hedge(word));
        if let Some((_, word)) = hedged {
            return Unread::Hedged(word.to_owned());
        }
        let mut names = self.longest_in(sentence).into_iter().map(|(name, _)| name);
        match (names.next(), names.next_back()) {
            (Some(first), Some(last)) => Unread::NoTemplate(first, last),
            (first, _) => Unread::NoNames(first),
        }
    }
}

/// The first template of each predicate that is not only shipped; where there is none, of all.
fn relations(templates: &[Template]) -> Vec<Relation> {
    let best = templates.iter().map(|template| template.rank).max().unwrap_or_default();
    let mut relations: Vec<Relation> = Vec::new();
    let mut seen = BTreeSet::new();
    for rank in (best.min(1)..=best).rev() {
        for Template { predicate, text, .. } in templates.iter().filter(|one| one.rank == rank) {
            if !seen.insert(predicate) {
                continue;
            }
            let text = format!("{text} {{object}}");
            match relations.iter_mut().find(|known| known.text == text) {
                Some(known) => known.predicates.push(predicate.clone()),
                None => relations.push(Relation { text, predicates: vec![predicate.clone()] }),
            }
        }
    }
    relations
}

/// Whether a word takes back what is said, or leaves it open. None is a filler, so no template is met loosely by a
/// sentence that has one more.
fn is_hedge(word: &str) -> bool {
    HEDGES.contains(&word) || word.ends_with("n't") || word.ends_with("n’t")
}

/// The ways whose names are in no longer names of another.
fn longest(ways: Vec<Way<'_>>) -> Vec<Way<'_>> {
    let is_shorter = |a: &Way<'_>, b: &Way<'_>| {
        b.subject.holds(&a.subject)
            && b.object.holds(&a.object)
            && b.subject.length() + b.object.length() > a.subject.length() + a.object.length()
    };
    let kept: Vec<bool> =
        ways.iter().map(|way| !ways.iter().any(|other| is_shorter(way, other))).collect();
    ways.into_iter().zip(kept).filter_map(|(way, kept)| kept.then_some(way)).collect()
}

#[cfg(test)]
mod tests;
