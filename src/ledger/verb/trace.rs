//! `trace`: what in a version an answer comes from.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use serde::Serialize;

use crate::{
    commit::Commit,
    engine::{Engine, Progress, Restored, Traceable, Traced, Tracing},
    fact::{Fact, FactKey, Iri, Request, tree},
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        edit::{
            examine::WordedFact,
            sample::{if_worded, question, shuffled},
        },
        evaluate::average::{Average, ChosenLayers},
        state::open::Ledger,
    },
};

/// What is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// One prompt.
    Prompt {
        /// The beginning of a text.
        prompt: &'a str,
        /// What it is about, as it writes it; otherwise the longest name in it that the version knows.
        subject: Option<&'a str>,
        /// The continuation that is watched; otherwise the likeliest.
        expected: Option<&'a str>,
    },
    /// So many facts that the first version knows, of those that hold and of the neighbourhood, drawn by the seed.
    Facts(usize),
}

/// What the answers of versions come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceReport {
    /// Samples of noise.
    pub samples: usize,
    /// Their seed.
    pub seed: u64,
    /// Deviation of the noise, in deviations of the embeddings of the subjects' tokens.
    pub noise: f64,
    /// Subjects whose tokens those are.
    pub subjects: u64,
    /// One for each version looked into, in the order asked for.
    pub versions: Vec<TraceVersion>,
    /// What the user should know, in words.
    pub notes: Vec<String>,
}

/// What the answers of one version come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceVersion {
    /// The revision as given.
    pub revision: String,
    /// The commit it names.
    pub commit: Id<Commit>,
    /// Each prompt.
    pub traces: Vec<Trace>,
    /// All of them together, where facts were traced.
    pub average: Option<Average>,
    /// The blocks whose MLPs bring the answers back, where they were to be chosen.
    pub layers: Option<ChosenLayers>,
}

/// What one answer comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    /// The prompt.
    pub prompt: String,
    /// The grids.
    #[serde(flatten)]
    pub traced: Traced,
}

/// A version that is looked into.
struct Version<'a> {
    revision: &'a String,
    id: Id<Commit>,
}

/// What is read of the store before it is closed.
struct Known {
    /// Facts to be asked, in the order they were drawn in.
    facts: Vec<WordedFact>,
    /// What subjects are called.
    subjects: BTreeSet<String>,
}

impl Repo {
    /// Traces what the answers of the versions that `revisions` name come from. With `choose_layers` it says which blocks'
    /// MLPs bring answers back, for which they have to be restored.
    ///
    /// # Errors
    /// When there is no such revision, its weights are not those its commit names, the prompt does not name its
    /// subject, the version knows no fact, the model fails or `progress` asks to stop.
    pub fn trace(
        &self,
        subject: Subject<'_>,
        revisions: &[String],
        how: &Tracing,
        choose_layers: bool,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<TraceReport, LedgerError> {
        let ledger = self.read()?;
        let mut versions = Vec::new();
        for revision in revisions {
            versions.push(Version { revision, id: ledger.resolve(revision)? });
        }
        let Some(first) = versions.first() else { return Ok(TraceReport::empty(how)) };
        let known = Known::read(&ledger, first.id, subject, how.seed)?;
        drop(ledger);
        let (prompt, wanted) = match subject {
            Subject::Prompt { prompt, subject, expected } => {
                let of = known.subject_of(prompt, subject)?;
                let (prompt, expected) = (prompt.to_owned(), expected.map(str::to_owned));
                (Some(Traceable { prompt, subject: of, expected }), 1)
            }
            Subject::Facts(wanted) => (None, wanted),
        };
        let mut report = TraceReport::empty(how);
        let mut engine = self.engine(open)?;
        progress.part("weights");
        engine.set_weights(&self.weights_at(first.id)?.1)?;
        let prompts = match prompt {
            Some(prompt) => vec![prompt],
            None => known.held(engine.as_mut(), wanted, progress)?,
        };
        if prompts.is_empty() {
            let (revision, asked) = (first.revision.clone(), known.facts.len() as u64);
            return Err(LedgerError::NothingKnown { revision, asked });
        }
        if prompts.len() < wanted {
            let (held, asked) = (prompts.len(), known.facts.len());
            report.notes.push(format!("no more than {held} of {asked} facts are known"));
        }
        let mut subjects = known.subjects;
        if subjects.is_empty() {
            subjects
                .extend(prompts.iter().map(|asked| asked.prompt[asked.subject.clone()].to_owned()));
        }
        report.subjects = subjects.len() as u64;
        let subjects: Vec<String> = subjects.into_iter().collect();
        for (number, version) in versions.iter().enumerate() {
            if number > 0 {
                progress.part("weights");
                engine.set_weights(&self.weights_at(version.id)?.1)?;
            }
            let traced = engine.trace(&subjects, &prompts, how, progress)?;
            let average = matches!(subject, Subject::Facts(_)).then(|| Average::of(&traced));
            let layers = average.as_ref().filter(|_| choose_layers);
            let layers = layers.and_then(ChosenLayers::of);
            let traces = prompts.iter().zip(traced);
            let traces =
                traces.map(|(asked, traced)| Trace { prompt: asked.prompt.clone(), traced });
            report.versions.push(TraceVersion {
                revision: version.revision.clone(),
                commit: version.id,
                traces: traces.collect(),
                average,
                layers,
            });
        }
        Ok(report)
    }
}

impl TraceReport {
    fn empty(how: &Tracing) -> Self {
        let Tracing { samples, seed, noise, .. } = *how;
        Self { samples, seed, noise, subjects: 0, versions: Vec::new(), notes: Vec::new() }
    }

    /// What was put back, in the order of the grids.
    pub fn restored(&self) -> impl Iterator<Item = Restored> {
        let grids = self.versions.first().and_then(|version| version.traces.first());
        grids.into_iter().flat_map(|trace| &trace.traced.grids).map(|grid| grid.restored)
    }
}

impl Known {
    fn read(
        ledger: &Ledger<'_>,
        id: Id<Commit>,
        subject: Subject<'_>,
        seed: u64,
    ) -> Result<Self, LedgerError> {
        let commit = ledger.commit(id)?;
        let (lexicon, roots) = (ledger.lexicon(&commit), commit.roots());
        let mut facts: BTreeMap<FactKey, Fact> =
            tree::iter(ledger, roots.neighbourhood).collect::<Result<_, _>>()?;
        // What was edited counts, not what the base knew.
        for entry in tree::iter(ledger, roots.facts) {
            let (key, fact) = entry?;
            facts.insert(key, fact);
        }
        let iris: BTreeSet<&Iri> = facts.values().map(|fact| &fact.subject).collect();
        let mut subjects = BTreeSet::new();
        for iri in iris {
            subjects.extend(if_worded(lexicon.name(iri))?);
        }
        let mut worded = Vec::new();
        if let Subject::Facts(_) = subject {
            for fact in shuffled(facts, seed) {
                worded.extend(if_worded(question(&lexicon, &fact))?);
            }
        }
        Ok(Self { facts: worded, subjects })
    }

    /// Where a prompt's subject stands in it.
    fn subject_of(&self, prompt: &str, named: Option<&str>) -> Result<Range<usize>, LedgerError> {
        let Some(named) = named else {
            let found = self.subjects.iter().filter_map(|name| standing(prompt, name));
            let longest = found.max_by_key(|range| (range.len(), std::cmp::Reverse(range.start)));
            return longest.ok_or_else(|| LedgerError::NoSubject { prompt: prompt.to_owned() });
        };
        let start = prompt.find(named).filter(|_| !named.trim().is_empty());
        let refusal =
            || LedgerError::NotInPrompt { subject: named.to_owned(), prompt: prompt.to_owned() };
        start.map(|start| start..start + named.len()).ok_or_else(refusal)
    }

    /// Facts that the engine's version knows, at most as many as are wanted, as prompts.
    fn held(
        &self,
        engine: &mut dyn Engine,
        wanted: usize,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Traceable>, LedgerError> {
        let mut held = Vec::new();
        for facts in self.facts.chunks(wanted.max(1)) {
            let prompts: Vec<_> = facts.iter().map(WordedFact::prompt).collect();
            let answers = engine.answer(&prompts, progress)?;
            let right = facts.iter().zip(answers).filter(|(_, answer)| answer.matches);
            held.extend(right.filter_map(|(fact, _)| traceable(&fact.request)));
            if held.len() >= wanted {
                break;
            }
        }
        held.truncate(wanted);
        Ok(held)
    }
}

/// A fact as a prompt whose object is watched.
pub(super) fn traceable(request: &Request) -> Option<Traceable> {
    let (before, _) = request.prompt.split_once("{subject}")?;
    let subject = before.len()..before.len() + request.subject.len();
    Some(Traceable { prompt: request.text(), subject, expected: Some(request.target.clone()) })
}

/// Where a name stands in a text as words of its own.
fn standing(text: &str, name: &str) -> Option<Range<usize>> {
    let whole = |range: &Range<usize>| {
        let before = text[..range.start].chars().next_back();
        let after = text[range.end..].chars().next();
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    };
    let found = text.match_indices(name).filter(|(_, name)| !name.is_empty());
    found.map(|(start, name)| start..start + name.len()).find(whole)
}
