//! `query`: SPARQL over any version, the log, and what the model says.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::log::LogOptions;
use crate::{
    commit::Commit,
    engine::{Engine, Progress, Prompt, Sampling},
    fact::{Fact, FactKey, Iri, LexiconError, Literal, Term, tree},
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        history::{
            cache::queried::label,
            graphs::{Graphs, Special, VERSION},
            revision::{Revision, range::Range},
        },
        report::prov::{Activity, quotation},
        state::open::Ledger,
    },
    query::{Answer, Dataset, Function, How, ModelCall, QueryError, Text, Value, run},
};

/// Tokens that the model goes on by where nothing says how long its answer is.
const TOKENS: usize = 12;

/// What a query is asked of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryOptions {
    /// The version that is the default graph.
    pub at: String,
    /// The version that it is compared with: there are graphs then of what was added and removed since.
    pub from: Option<String>,
    /// Whether names are left out of versions.
    pub facts_only: bool,
    /// How it is evaluated.
    pub how: How,
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueryReport {
    /// The version that was the default graph.
    pub version: Id<Commit>,
    /// How many rows or triples there are; of ASK 1 is yes.
    pub rows: u64,
    /// The answer.
    pub answer: Answer,
}

impl Repo {
    /// Evaluates a query. Of an answer that is to be written `take` gets the bytes. An engine is opened where the query
    /// asks the model.
    ///
    /// # Errors
    /// When the query would fetch something or goes beyond a limit; when it names no version; when the store cannot be read, the model fails, or `take` cannot write.
    pub fn query(
        &self,
        text: Text,
        options: &QueryOptions,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
        take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<QueryReport, LedgerError> {
        if let Some(format) = options.how.format {
            format.fits(text.form)?;
        }
        let (version, dataset) = self.dataset(&text, options)?;
        let mut model = Model::new(self, version, open, progress);
        let mut take = |bytes: &[u8]| take(bytes).map_err(LedgerError::Output);
        let mut ask = |asked: &ModelCall| model.ask(asked);
        let summary = run(text, dataset, options.how, &mut take, &mut ask);
        if let Err(LedgerError::Query(QueryError::Damaged)) = &summary {
            self.view()?.drop_queried();
        }
        let summary = summary?;
        Ok(QueryReport { version, rows: summary.rows, answer: summary.answer })
    }

    /// The graphs that a query names.
    fn dataset(
        &self,
        text: &Text,
        options: &QueryOptions,
    ) -> Result<(Id<Commit>, Dataset), LedgerError> {
        let ledger = self.view()?;
        let version = ledger.resolve(&options.at)?;
        let commit = ledger.commit(version)?;
        let mut graphs = Graphs::of(&ledger, &commit)?;
        if let Some(from) = &options.from {
            let from = ledger.commit(ledger.resolve(from)?)?;
            graphs.differences(&from, &commit)?;
        }
        let named: BTreeSet<&String> = text.graphs.iter().chain(&text.sources).collect();
        for name in named {
            match Special::ALL.into_iter().find(|special| special.iri() == *name) {
                Some(Special::Log) => graphs.facts(name, &self.log_as_triples(version)?)?,
                Some(Special::Words) => graphs.words(&commit)?,
                Some(Special::Citations) => {
                    graphs.facts(name, &ledger.citations_as_triples(version, &commit)?)?;
                }
                Some(Special::Added | Special::Removed) if options.from.is_some() => {}
                Some(_) => return Err(QueryError::NoGraph { name: name.clone() }.into()),
                None => {
                    let Some(revision) = name.strip_prefix(VERSION) else {
                        return Err(unknown(name, text).into());
                    };
                    let other = ledger.commit(ledger.resolve_named(revision)?)?;
                    graphs.version(name, &other)?;
                }
            }
        }
        if options.facts_only {
            graphs.dataset.hide(&label())?;
        }
        Ok((version, graphs.dataset))
    }

    fn log_as_triples(&self, version: Id<Commit>) -> Result<Vec<Fact>, LedgerError> {
        let tips = vec![Revision::parse(&version.to_string())?];
        let range = Range { tips, ..Range::default() };
        let log = self.log(&LogOptions { range, ..LogOptions::default() })?;
        let mut triples = Vec::new();
        for entry in &log.entries {
            let rates = [
                ("efficacy", entry.efficacy),
                ("paraphrase", entry.paraphrase),
                ("neighbourhood", entry.neighbourhood),
            ];
            let rates = rates.map(|(name, rate)| (name, rate.map(|rate| rate.rate)));
            triples.extend(Activity { commit: &entry.commit, facts: entry.facts, rates }.triples());
        }
        Ok(triples)
    }
}

impl Ledger<'_> {
    /// The version that the name of a graph means.
    pub(super) fn resolve_named(&self, revision: &str) -> Result<Id<Commit>, LedgerError> {
        self.resolve(&percent_decode_str(revision).decode_utf8_lossy())
    }

    /// Where the facts of a version were read.
    fn citations_as_triples(
        &self,
        version: Id<Commit>,
        commit: &Commit,
    ) -> Result<Vec<Fact>, LedgerError> {
        let facts: BTreeMap<FactKey, Fact> =
            tree::iter(self, commit.facts).collect::<Result<_, _>>()?;
        let origins = self.origins(version, facts.keys().copied().collect())?;
        let mut triples = Vec::new();
        for (key, citation) in self.citation_views(&origins)? {
            triples.extend(quotation((key, &facts[&key]), origins[&key], &citation));
        }
        Ok(triples)
    }
}

/// Why a query that names `name` is refused.
pub(super) fn unknown(name: &str, text: &Text) -> QueryError {
    if text.sources.contains(name) {
        QueryError::Load { what: "FROM", name: format!("<{name}>") }
    } else {
        QueryError::NoGraph { name: name.to_owned() }
    }
}

/// The model, once a query asks it.
pub(super) struct Model<'a> {
    repo: &'a Repo,
    version: Id<Commit>,
    open: OpenEngine<'a>,
    progress: &'a mut dyn Progress,
    engine: Option<Box<dyn Engine>>,
    /// What it said already.
    told: BTreeMap<(String, Option<String>), Said>,
}

/// What the model said after a prompt.
#[derive(Debug, Clone)]
struct Said {
    text: String,
    holds: bool,
}

impl<'a> Model<'a> {
    pub(super) const fn new(
        repo: &'a Repo,
        version: Id<Commit>,
        open: OpenEngine<'a>,
        progress: &'a mut dyn Progress,
    ) -> Self {
        Self { repo, version, open, progress, engine: None, told: BTreeMap::new() }
    }

    /// What a function says; nothing where there are no words to ask with.
    pub(super) fn ask(&mut self, asked: &ModelCall) -> Result<Option<String>, LedgerError> {
        let Some((prompt, target)) = self.question(asked)? else { return Ok(None) };
        let key = (prompt, target);
        let said = match self.told.get(&key) {
            Some(said) => said.clone(),
            None => {
                let said = self.say(&key.0, key.1.as_deref())?;
                self.told.insert(key, said.clone());
                said
            }
        };
        Ok(Some(match asked.function {
            Function::Answer => said.text,
            Function::Holds => said.holds.to_string(),
        }))
    }

    /// The prompt for a function's arguments, and the object that is expected, if any is.
    fn question(&self, asked: &ModelCall) -> Result<Option<(String, Option<String>)>, LedgerError> {
        let arguments = asked.arguments.as_slice();
        let (subject, predicate, object) = match (asked.function, arguments) {
            (Function::Answer, [subject, predicate]) => (subject, predicate, None),
            (_, [subject, predicate, object]) => (subject, predicate, Some(object)),
            (function, _) => {
                let why =
                    format!("<{}> takes a subject, a predicate and an object", function.iri());
                return Err(QueryError::Evaluation { why }.into());
            }
        };
        let (Some(subject), Some(predicate)) = (iri(subject), iri(predicate)) else {
            return Ok(None);
        };
        let ledger = self.repo.view()?;
        let commit = ledger.commit(self.version)?;
        let object = match object {
            Some(object) => match term(object) {
                Some(object) => Some(object),
                None => return Ok(None),
            },
            None => {
                let facts = ledger.facts_about(commit.facts, &subject)?.into_values();
                facts.filter(|fact| fact.predicate == predicate).map(|fact| fact.object).min()
            }
        };
        let is_expected = object.is_some();
        // Where nothing is expected any object does: the words before it are what counts.
        let object = object.unwrap_or_else(|| Term::Literal(Literal::text("x")));
        match ledger.lexicon(&commit).request(&Fact { subject, predicate, object }) {
            Ok(request) => Ok(Some((request.text(), is_expected.then_some(request.target)))),
            Err(LexiconError::Object(error)) => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    fn say(&mut self, prompt: &str, target: Option<&str>) -> Result<Said, LedgerError> {
        if self.engine.is_none() {
            let mut engine = self.repo.engine(self.open)?;
            engine.set_weights(&self.repo.weights_at(self.version)?.1)?;
            self.engine = Some(engine);
            self.progress.start("questions", None);
        }
        let engine = self.engine.as_mut().expect("because it was just opened");
        self.progress.advance(self.told.len() as u64 + 1, "")?;
        let Some(target) = target else {
            let how = Sampling { top: 1, tokens: TOKENS, sample: None };
            let text = engine.continuations(prompt, &how)?.text;
            let end = text.find(['.', ',', ';', '\n']).unwrap_or(text.len());
            return Ok(Said { text: text[..end].trim().to_owned(), holds: false });
        };
        let question = Prompt { prompt: prompt.to_owned(), expected: target.to_owned() };
        let answers = engine.answer(&[question], &mut crate::engine::Silent)?;
        let answer = answers.into_iter().next();
        Ok(answer.map_or(Said { text: String::new(), holds: false }, |answer| Said {
            text: answer.text.trim().to_owned(),
            holds: answer.matches,
        }))
    }
}

fn iri(value: &Value) -> Option<Iri> {
    (value.kind == "uri").then(|| Iri::new(&value.value).ok()).flatten()
}

fn term(value: &Value) -> Option<Term> {
    if value.kind != "literal" {
        return iri(value).map(Term::Iri);
    }
    Some(Term::Literal(match (&value.language, &value.datatype) {
        (Some(language), _) => Literal::in_language(&value.value, language),
        (None, Some(datatype)) => Literal::typed(&value.value, Iri::new(datatype).ok()?),
        (None, None) => Literal::text(&value.value),
    }))
}
