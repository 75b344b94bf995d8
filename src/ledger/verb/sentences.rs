//! `add --text` and `add --prompt`: sentences to the stage, as the facts that they say.
//!
//! What templates leave open, helpers may say more of: the model ranks the facts that a sentence may mean, an endpoint
//! proposes what it says in other words. Neither decides: what is staged so, the user has said.

use std::collections::{BTreeMap, BTreeSet};

use super::add::{AddOptions, AddReport};
use crate::{
    commit::{Commit, FactView},
    endpoint::{Answered, EndpointError, Told},
    engine::{Progress, Prompt, Silent},
    eval::dataset::asked,
    fact::{
        Attribution, Fact, Intake, Iri, Label, Lexicon, LexiconError, Quoted, StageError,
        StagedChange, Term, Words,
        read::{Base, Position},
        sentence::{Interpreter, Meaning, Proposal, Relation, Sentence, Unread},
        spoken, tree,
    },
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        actor::Actor,
        report::{
            unread::{ProposalView, SentencesView, UnreadSentence, WhyUnread},
            wording::fact_view,
        },
        state::open::Ledger,
    },
};

/// Sentences that are listed of those that say no fact.
const LISTED: usize = 20;
/// Relations that an endpoint is given, at most: more are no help to a model.
const RELATIONS: usize = 40;

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

/// Who says more of sentences that templates leave open.
#[derive(Default)]
pub struct Helpers<'a> {
    /// The model at HEAD: it says which of several facts is likeliest, and decides nothing.
    pub rank: Option<(OpenEngine<'a>, &'a mut dyn Progress)>,
    /// An endpoint: it proposes facts where no template says one.
    pub endpoint: Option<Proposer<'a>>,
}

/// Asks an endpoint which of some relations a sentence states.
pub type AskEndpoint<'a> = &'a mut dyn FnMut(&str, &[String]) -> Result<Answered, EndpointError>;

/// An endpoint that proposes facts.
pub struct Proposer<'a> {
    /// Asks it.
    pub ask: AskEndpoint<'a>,
    /// What it is called where facts are from it.
    pub name: String,
    /// Where names of nothing that is known have their IRIs; without it these are thrown away.
    pub base: Option<Base>,
    /// Whether what it proposes is taken, where it is one fact.
    pub accept: bool,
}

/// A sentence that templates leave open.
struct Open {
    view: UnreadSentence,
    position: Position,
    /// What asks the model for each proposal; nothing where there are no words.
    questions: Vec<Vec<Prompt>>,
}

/// Sentences as templates read them.
struct ReadText {
    head: Id<Commit>,
    interpreter: Interpreter,
    /// What predicates are called that an endpoint may choose.
    predicates: BTreeMap<Iri, String>,
    intake: Intake,
    view: SentencesView,
    open: Vec<Open>,
}

impl Repo {
    /// Stages the facts that sentences say, each with its sentence, all of a call or nothing.
    ///
    /// # Errors
    /// When none says a fact, or one does not where each has to; when the model fails or the endpoint says nothing; and as
    /// [`Repo::add_with`].
    pub fn add_sentences(
        &self,
        actor: &Actor,
        passages: &[Passage],
        reading: &ReadingOptions,
        helpers: Helpers<'_>,
        options: AddOptions,
    ) -> Result<AddReport, LedgerError> {
        let mut read = self.read_sentences(passages, reading, helpers.endpoint.is_some())?;
        if let Some(mut endpoint) = helpers.endpoint {
            let language = self.config().language.clone();
            read.ask(&mut endpoint, &language)?;
        }
        read.open.truncate(LISTED);
        if let Some((open, progress)) = helpers.rank {
            self.rank(read.head, &mut read.open, open, progress)?;
        }
        let ReadText { intake, mut view, open, .. } = read;
        view.unread = open.into_iter().map(|open| open.view).collect();
        if intake.is_empty() || (reading.strict && !view.unread.is_empty()) {
            let SentencesView { read, understood, unread, .. } = view;
            return Err(LedgerError::Unread { unread, total: read - understood });
        }
        let report = self.add_with(actor, intake, options)?;
        Ok(AddReport { sentences: Some(view), ..report })
    }

    /// Reads sentences by templates. All are kept that say no fact if `keep`, else those that are listed.
    fn read_sentences(
        &self,
        passages: &[Passage],
        reading: &ReadingOptions,
        keep: bool,
    ) -> Result<ReadText, LedgerError> {
        let ledger = self.view()?;
        let (head, commit) = ledger.head_commit()?;
        let lexicon = ledger.lexicon(&commit);
        let lexicon = match ledger.stored_stage()? {
            Some(stage) => lexicon.with(stage.words),
            None => lexicon,
        };
        let interpreter = ledger.interpreter(&lexicon, &reading.predicates)?;
        let (mut intake, mut view, mut open) =
            (Intake::default(), SentencesView::default(), Vec::new());
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
                        let questions = unmeant.questions(&lexicon)?;
                        let unread = unmeant.view(&lexicon, &position, text)?;
                        *view.counts.entry(unread.why).or_default() += 1;
                        if keep || open.len() < LISTED {
                            open.push(Open { view: unread, position, questions });
                        }
                    }
                }
            }
        }
        let mut predicates = BTreeMap::new();
        if keep {
            for predicate in interpreter.relations().iter().flat_map(|one| &one.predicates) {
                let name = lexicon.name(predicate).unwrap_or_else(|_| predicate.to_string());
                predicates.insert(predicate.clone(), name);
            }
        }
        Ok(ReadText { head, interpreter, predicates, intake, view, open })
    }

    /// Puts what sentences may mean in the order in which the model at `head` finds it likely.
    fn rank(
        &self,
        head: Id<Commit>,
        open: &mut [Open],
        engine: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<(), LedgerError> {
        let several: Vec<&mut Open> =
            open.iter_mut().filter(|open| open.view.proposals.len() > 1).collect();
        if several.iter().all(|open| open.questions.iter().all(Vec::is_empty)) {
            return Ok(());
        }
        let mut engine = self.engine(engine)?;
        engine.set_weights(&self.weights_at(head)?.1)?;
        progress.start("sentences", Some(several.len() as u64));
        for (done, open) in several.into_iter().enumerate() {
            let prompts: Vec<Prompt> = open.questions.iter().flatten().cloned().collect();
            let mut answers = engine.answer(&prompts, &mut Silent)?.into_iter();
            for (proposal, questions) in open.view.proposals.iter_mut().zip(&open.questions) {
                let sum: f64 = answers
                    .by_ref()
                    .take(questions.len())
                    .map(|answer| f64::from(answer.probability))
                    .sum();
                let mean = sum / questions.len() as f64;
                proposal.probability = (!questions.is_empty()).then_some(mean);
            }
            let likely = |proposal: &ProposalView| proposal.probability.unwrap_or(-1.0);
            open.view.proposals.sort_by(|a, b| likely(b).total_cmp(&likely(a)));
            progress.advance(done as u64 + 1, "")?;
        }
        progress.finish("");
        Ok(())
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

impl ReadText {
    /// Asks an endpoint what the sentences say that no template says.
    fn ask(&mut self, endpoint: &mut Proposer<'_>, language: &str) -> Result<(), LedgerError> {
        let relations = self.interpreter.relations();
        let relations = relations[..relations.len().min(RELATIONS)].to_vec();
        let texts: Vec<String> = relations.iter().map(|relation| relation.text.clone()).collect();
        if texts.is_empty() {
            return Ok(());
        }
        for mut open in std::mem::take(&mut self.open) {
            if !matches!(open.view.why, WhyUnread::NoTemplate | WhyUnread::NoNames) {
                self.open.push(open);
                continue;
            }
            let Answered { told, strange } = (endpoint.ask)(&open.view.sentence, &texts)?;
            self.view.thrown_away += strange;
            let mut proposed: Vec<Proposed> = Vec::new();
            for told in told {
                let found =
                    self.checked(&told, (&relations, &open.view.sentence), endpoint.base.as_ref());
                self.view.thrown_away += u64::from(found.is_empty());
                proposed.extend(found);
            }
            let mut seen = BTreeSet::new();
            proposed.retain(|one| seen.insert(one.fact.clone()));
            if proposed.is_empty() {
                self.open.push(open);
                continue;
            }
            if let Some(count) = self.view.counts.get_mut(&open.view.why) {
                *count -= 1;
            }
            if let ([one], true) = (proposed.as_slice(), endpoint.accept) {
                self.view.understood += 1;
                self.view.proposed += 1;
                let Open { view, position, .. } = open;
                take(&mut self.intake, one.triples(language), &position, view.sentence)?;
                let source = Some(format!("read by {}", endpoint.name));
                self.intake.attribute_last(source);
                continue;
            }
            open.view.why = WhyUnread::Proposed;
            open.view.because = match proposed.len() {
                1 => format!("{} proposes a fact", endpoint.name),
                several => format!("{} proposes {several} facts", endpoint.name),
            };
            let views =
                (1..).zip(&proposed).map(|(number, one)| one.view(number, &self.predicates));
            open.view.proposals = views.collect();
            *self.view.counts.entry(WhyUnread::Proposed).or_default() += 1;
            self.open.push(open);
        }
        self.view.counts.retain(|_, count| *count > 0);
        Ok(())
    }

    /// What an endpoint says as facts: its names are in the sentence, and each is of something that is known, or new.
    fn checked(
        &self,
        told: &Told,
        (relations, sentence): (&[Relation], &str),
        base: Option<&Base>,
    ) -> Vec<Proposed> {
        let (subject, object) = (told.subject.trim(), told.object.trim());
        let is_in = |name: &str| {
            sentence.match_indices(name).any(|(start, found)| {
                let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
                !inside(sentence[..start].chars().next_back())
                    && !inside(sentence[start + found.len()..].chars().next())
            })
        };
        let is_name = |name: &str| name.contains(char::is_alphanumeric) && is_in(name);
        let Some(relation) = relations.get(told.relation) else { return Vec::new() };
        if subject == object || !is_name(subject) || !is_name(object) {
            return Vec::new();
        }
        let things = |name: &str| match (self.interpreter.called(name).as_slice(), base) {
            ([], None) => Vec::new(),
            ([], Some(base)) => vec![(Iri::of_name(base.iri(), name), true)],
            (known, _) => known.iter().map(|thing| (thing.clone(), false)).collect(),
        };
        let (subjects, objects) = (things(subject), things(object));
        let mut proposed = Vec::new();
        for predicate in &relation.predicates {
            for (about, is_new_subject) in &subjects {
                for (thing, is_new_object) in &objects {
                    let fact = Fact {
                        subject: about.clone(),
                        predicate: predicate.clone(),
                        object: Term::Iri(thing.clone()),
                    };
                    let new = [(about, subject, is_new_subject), (thing, object, is_new_object)];
                    let new = new.into_iter().filter(|(_, _, is_new)| **is_new);
                    let new = new.map(|(iri, name, _)| (iri.clone(), name.to_owned())).collect();
                    let names = (subject.to_owned(), object.to_owned());
                    proposed.push(Proposed { fact, names, new });
                }
            }
        }
        proposed
    }
}

/// A fact that an endpoint proposes.
struct Proposed {
    fact: Fact,
    /// Subject and object as the sentence calls them.
    names: (String, String),
    /// Things that are not known yet, and what they are called.
    new: Vec<(Iri, String)>,
}

impl Proposed {
    /// The fact, with labels of what is new.
    fn triples(&self, language: &str) -> Vec<Fact> {
        let labels = self.new.iter().flat_map(|(iri, name)| {
            let mut words = Words::none(iri.clone());
            words.labels.push(Label { language: Some(language.to_owned()), text: name.clone() });
            words.triples()
        });
        labels.chain([self.fact.clone()]).collect()
    }

    fn view(&self, number: usize, predicates: &BTreeMap<Iri, String>) -> ProposalView {
        let (subject, object) = self.names.clone();
        let predicate = predicates.get(&self.fact.predicate).cloned().unwrap_or_default();
        let triple = self.fact.to_string();
        let fact = FactView { subject, predicate, object, triple };
        let new = self.new.iter().map(|(_, name)| name.clone()).collect();
        ProposalView { number, fact, probability: None, new }
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
    /// What asks the model for each of several facts.
    fn questions(&self, lexicon: &Lexicon<'_>) -> Result<Vec<Vec<Prompt>>, LedgerError> {
        let Self::Proposals(proposals) = self else { return Ok(Vec::new()) };
        let mut questions = Vec::with_capacity(proposals.len());
        for proposal in proposals {
            questions.push(match lexicon.request(&proposal.fact) {
                Ok(request) => {
                    let expected = request.target.clone();
                    let texts = std::iter::once(request.text()).chain(request.paraphrase_texts());
                    let asked = texts.map(|prompt| Prompt { prompt, expected: expected.clone() });
                    asked.collect()
                }
                Err(LexiconError::Object(error)) => return Err(error.into()),
                Err(_) => Vec::new(),
            });
        }
        Ok(questions)
    }

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
        let mut views = Vec::with_capacity(proposals.len());
        for (number, proposal) in (1..).zip(proposals) {
            let fact = fact_view(lexicon, &proposal.fact)?;
            views.push(ProposalView { number, fact, probability: None, new: Vec::new() });
        }
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
