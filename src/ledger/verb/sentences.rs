//! `add --text` and `add --prompt`: sentences to the stage, as the facts that they say.

use std::collections::BTreeSet;

use super::add::{AddOptions, AddReport};
use crate::{
    eval::dataset::asked,
    fact::{
        Attribution, Fact, Intake, Iri, Lexicon, Quoted, StageError, StagedChange, Term, Words,
        read::Position,
        sentence::{Interpreter, Meaning, Proposal, Sentence, Unread},
        spoken, tree,
    },
    ledger::{
        LedgerError, Repo,
        actor::Actor,
        report::{
            unread::{SentencesView, UnreadSentence, WhyUnread},
            wording::fact_view,
        },
        state::open::Ledger,
    },
};

/// Sentences that are listed of those that say no fact.
const LISTED: usize = 20;

/// A text whose sentences are to be staged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// What it is called where a place in it is named.
    pub name: String,
    /// The text.
    pub text: String,
}

/// How sentences are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadingOptions {
    /// Whether a sentence counts whose words differ from the template's in words without a meaning of their own.
    pub loosely: bool,
    /// Which of its facts a sentence means that may mean several, from 1.
    pub pick: Option<usize>,
    /// The predicates that are understood; all where there are none.
    pub predicates: BTreeSet<Iri>,
    /// Whether each sentence has to say a fact.
    pub strict: bool,
}

impl Repo {
    /// Stages the facts that sentences say, each with its sentence, all of a call or nothing.
    ///
    /// # Errors
    /// When none says a fact, or one does not where each has to; and as [`Repo::add_with`].
    pub fn add_sentences(
        &self,
        actor: &Actor,
        passages: &[Passage],
        reading: &ReadingOptions,
        options: AddOptions,
    ) -> Result<AddReport, LedgerError> {
        let (intake, sentences) = self.read_sentences(passages, reading)?;
        if intake.is_empty() || (reading.strict && !sentences.unread.is_empty()) {
            let SentencesView { read, understood, unread, .. } = sentences;
            return Err(LedgerError::Unread { unread, total: read - understood });
        }
        let report = self.add_with(actor, intake, options)?;
        Ok(AddReport { sentences: Some(sentences), ..report })
    }

    fn read_sentences(
        &self,
        passages: &[Passage],
        reading: &ReadingOptions,
    ) -> Result<(Intake, SentencesView), LedgerError> {
        let ledger = self.view()?;
        let (_, commit) = ledger.head_commit()?;
        let lexicon = ledger.lexicon(&commit);
        let lexicon = match ledger.stored_stage()? {
            Some(stage) => lexicon.with(stage.words),
            None => lexicon,
        };
        let interpreter = ledger.interpreter(&lexicon, &reading.predicates)?;
        let (mut intake, mut view) = (Intake::default(), SentencesView::default());
        for Passage { name, text } in passages {
            for Sentence { text, line } in interpreter.sentences(text) {
                view.read += 1;
                let position = Position { source: name.as_str().into(), line, column: None };
                match meant(interpreter.interpret(&text), reading) {
                    Ok(proposal) => {
                        view.understood += 1;
                        take(&mut intake, [proposal.fact], &position, text)?;
                    }
                    Err(unmeant) => {
                        let unread = unmeant.view(&lexicon, &position, text)?;
                        *view.counts.entry(unread.why).or_default() += 1;
                        if view.unread.len() < LISTED {
                            view.unread.push(unread);
                        }
                    }
                }
            }
        }
        Ok((intake, view))
    }

    /// Stages the fact that `answer` ends `prompt`. Where a template says it, it is that of the template; else the prompt
    /// becomes a question of its own about the thing in it that is called `subject`, or that alone is named in it.
    ///
    /// # Errors
    /// When the prompt names no thing or several, or the answer is the name of several; and as [`Repo::add_with`].
    pub fn add_answer(
        &self,
        actor: &Actor,
        (prompt, answer): (&str, &str),
        subject: Option<&str>,
        reading: &ReadingOptions,
        options: AddOptions,
    ) -> Result<AddReport, LedgerError> {
        let mut intake = Intake::default();
        let position = Position { source: "prompt".into(), line: 1, column: None };
        let sentence = format!("{} {}", prompt.trim(), answer.trim());
        {
            let ledger = self.view()?;
            let (_, commit) = ledger.head_commit()?;
            let lexicon = ledger.lexicon(&commit);
            let lexicon = match ledger.stored_stage()? {
                Some(stage) => lexicon.with(stage.words),
                None => lexicon,
            };
            let interpreter = ledger.interpreter(&lexicon, &reading.predicates)?;
            let found = interpreter.interpret(&sentence);
            let is_said = matches!(&found, Ok(proposals) if proposals.iter().any(|p| p.is_exact));
            let triples = if is_said && subject.is_none() {
                match meant(found, reading) {
                    Ok(proposal) => vec![proposal.fact],
                    Err(unmeant) => {
                        let unread = vec![unmeant.view(&lexicon, &position, sentence)?];
                        return Err(LedgerError::Unread { unread, total: 1 });
                    }
                }
            } else {
                question(&interpreter, prompt, answer, subject)?
            };
            take(&mut intake, triples, &position, sentence)?;
        }
        self.add_with(actor, intake, options)
    }
}

/// Takes in what a sentence says.
fn take(
    intake: &mut Intake,
    triples: impl IntoIterator<Item = Fact>,
    position: &Position,
    sentence: String,
) -> Result<(), LedgerError> {
    let triples = triples.into_iter().map(|fact| Ok((fact, position.clone())));
    intake.append(Intake::of(triples).map_err(StageError::Read)?);
    let text = Some(Quoted::Sentence(sentence));
    intake.attribute(Attribution { text, ..Attribution::default() });
    Ok(())
}

/// Why no fact is meant.
enum Unmeant {
    Unread(Unread),
    Proposals(Vec<Proposal>),
}

/// The one fact that is meant.
fn meant(
    found: Result<Vec<Proposal>, Unread>,
    reading: &ReadingOptions,
) -> Result<Proposal, Unmeant> {
    let mut proposals = found.map_err(Unmeant::Unread)?;
    let place = match reading.pick {
        Some(number) => number.checked_sub(1),
        None if proposals.len() == 1 && (proposals[0].is_exact || reading.loosely) => Some(0),
        None => None,
    };
    match place.filter(|place| *place < proposals.len()) {
        Some(place) => Ok(proposals.swap_remove(place)),
        None => Err(Unmeant::Proposals(proposals)),
    }
}

impl Unmeant {
    fn view(
        self,
        lexicon: &Lexicon<'_>,
        position: &Position,
        sentence: String,
    ) -> Result<UnreadSentence, LedgerError> {
        let proposals = match &self {
            Self::Proposals(proposals) => proposals.as_slice(),
            Self::Unread(_) => &[],
        };
        let views = proposals.iter().map(|proposal| fact_view(lexicon, &proposal.fact));
        let views = views.collect::<Result<_, _>>()?;
        let (why, because) = match self {
            Self::Unread(Unread::Question) => (WhyUnread::Question, "it asks".to_owned()),
            Self::Unread(Unread::Hedged(word)) => {
                (WhyUnread::Hedged, format!("{word:?} takes back or leaves open what it says"))
            }
            Self::Unread(Unread::TooLong) => (WhyUnread::TooLong, "it is too long".to_owned()),
            Self::Unread(Unread::NoNames(None)) => {
                (WhyUnread::NoNames, "it names nothing that is known".to_owned())
            }
            Self::Unread(Unread::NoNames(Some(name))) => {
                (WhyUnread::NoNames, format!("{name} is all that is known of what it names"))
            }
            Self::Unread(Unread::NoTemplate(a, b)) => {
                let because = format!("no template says this of {a} and {b}");
                (WhyUnread::NoTemplate, because)
            }
            Self::Proposals(proposals) => match proposals.as_slice() {
                [one] if !one.is_exact => {
                    let because = format!("it says {:?} only loosely", one.template);
                    (WhyUnread::Loose, because)
                }
                [_] => {
                    (WhyUnread::Ambiguous, "it means one fact, and another was picked".to_owned())
                }
                _ => (WhyUnread::Ambiguous, format!("it may mean {} facts", proposals.len())),
            },
        };
        let place = position.to_string();
        Ok(UnreadSentence { place, sentence, why, because, proposals: views })
    }
}

/// The fact that `answer` ends `prompt`, whose predicate is a question of its own, and the words for it.
fn question(
    interpreter: &Interpreter,
    prompt: &str,
    answer: &str,
    subject: Option<&str>,
) -> Result<Vec<Fact>, LedgerError> {
    let wrong =
        |things: Vec<String>| LedgerError::NoOneSubject { prompt: prompt.to_owned(), things };
    let named = match subject {
        Some(subject) => vec![(subject.to_owned(), interpreter.called(subject))],
        None => interpreter.named_in(prompt),
    };
    let (name, thing) = match named.as_slice() {
        [(name, things)] => match things.as_slice() {
            [thing] => (name, thing),
            things => return Err(wrong(things.iter().map(ToString::to_string).collect())),
        },
        several => return Err(wrong(several.iter().map(|(name, _)| name.clone()).collect())),
    };
    let object = match interpreter.called(answer).as_slice() {
        [] => None,
        [object] => Some(object.clone()),
        several => {
            let things = several.iter().map(ToString::to_string).collect();
            return Err(LedgerError::Namesakes { name: answer.to_owned(), things });
        }
    };
    asked((thing, name), prompt, (object, answer)).ok_or_else(|| wrong(Vec::new()))
}

impl Ledger<'_> {
    /// What the templates and names at HEAD and on the stage make of sentences.
    fn interpreter(
        &self,
        lexicon: &Lexicon<'_>,
        predicates: &BTreeSet<Iri>,
    ) -> Result<Interpreter, LedgerError> {
        let (mut used, mut things) = (BTreeSet::new(), BTreeSet::new());
        let mut values = BTreeSet::new();
        let mut see = |fact: &Fact| {
            if !used.contains(&fact.predicate) {
                used.insert(fact.predicate.clone());
            }
            let object = match &fact.object {
                Term::Iri(object) => Some(object),
                Term::Literal(value) => {
                    values.insert((fact.predicate.clone(), value.clone()));
                    None
                }
            };
            for thing in [Some(&fact.subject), object].into_iter().flatten() {
                if !things.contains(thing) {
                    things.insert(thing.clone());
                }
            }
        };
        let (_, commit) = self.head_commit()?;
        for root in [commit.facts, commit.neighbourhood] {
            for entry in tree::iter(self, root) {
                see(&entry?.1);
            }
        }
        if let Some(stage) = self.stored_stage()? {
            for root in [stage.changes, stage.neighbourhood] {
                for entry in tree::iter(self, root) {
                    if let StagedChange::Set(fact) = entry?.1.change {
                        see(&fact);
                    }
                }
            }
        }
        let language = self.config.language.to_ascii_lowercase();
        let is_meant = |tag: &Option<String>| match tag.as_deref() {
            None | Some("en") => true,
            Some(tag) => tag == language || tag.starts_with(&format!("{language}-")),
        };
        let (mut names, mut templates) = (Vec::new(), Vec::new());
        for words in lexicon.all()? {
            let Words { prompts, paraphrases, labels, .. } = &words;
            if prompts.is_empty() && paraphrases.is_empty() {
                let Some(thing) = words.thing() else { continue };
                things.remove(&thing);
                let labels = labels.iter().filter(|label| is_meant(&label.language));
                names.extend(
                    labels.map(|label| (label.text.clone(), Meaning::Thing(thing.clone()))),
                );
            } else if let Some(predicate) = words.thing()
                && (predicates.is_empty() || predicates.contains(&predicate))
                && (used.contains(&predicate) || !words.is_twin())
            {
                let texts = prompts.iter().chain(paraphrases).cloned();
                templates.extend(texts.map(|text| (predicate.clone(), text, words.shipped)));
            }
        }
        for thing in things {
            names.extend(lexicon.name(&thing).ok().map(|name| (name, Meaning::Thing(thing))));
        }
        for (predicate, value) in values {
            let words = spoken(&value, &self.config.language);
            names.extend(words.map(|words| (words, Meaning::Value(predicate, value))));
        }
        Ok(Interpreter::new(names, templates, |predicate| used.contains(predicate)))
    }
}
