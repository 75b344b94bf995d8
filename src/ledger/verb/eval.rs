//! `eval`: how good the edits of a version are, in the terms of the papers.

use serde::Serialize;

use crate::{
    commit::Commit,
    engine::Progress,
    eval::{Case, Metric, PERPLEXITY, Protocol, Source},
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        actor::Actor,
        evaluate::measuring::{EvalRecord, Measuring, Texts},
        state::evaluations::Evaluation,
    },
};

/// What is evaluated, and in what.
#[derive(Debug, Clone, Copy)]
pub struct EvalOptions<'a> {
    /// The versions, each in a column of the table.
    pub revisions: &'a [String],
    /// What they are examined in.
    pub material: Material<'a>,
    /// By which protocol; a text has its own.
    pub protocol: &'a Protocol,
    /// What the model is to write, too.
    pub texts: Texts<'a>,
    /// Who keeps the figures in the repository, if they are to be kept.
    pub store: Option<&'a Actor>,
}

/// What versions are examined in.
#[derive(Debug, Clone, Copy)]
pub enum Material<'a> {
    /// Cases, and what they are from.
    Cases(&'a Source, &'a [Case]),
    /// The facts that hold at the first version, this many at most.
    Facts(Option<usize>),
    /// What a text is from, and the text: for its perplexity.
    Text(&'a Source, &'a str),
}

/// The figures, side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvalReport {
    /// By which protocol.
    pub protocol: &'static str,
    /// Its version.
    pub protocol_version: u32,
    /// What the cases were taken from.
    #[serde(flatten)]
    pub source: Source,
    /// Each version, in the order asked for.
    pub versions: Vec<EvalVersion>,
    /// What was not measured and why, in words.
    pub notes: Vec<String>,
    /// Whether the figures were stored.
    pub stored: bool,
    /// Each case under each version.
    #[serde(skip)]
    pub records: Vec<EvalRecord>,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvalVersion {
    /// The revision as given.
    pub revision: String,
    /// The commit it names.
    pub commit: Id<Commit>,
    /// Facts that hold there.
    pub facts: u64,
    /// Cases, or for a text its tokens.
    pub cases: u64,
    /// The figures, as the paper prints them.
    pub metrics: Vec<Metric>,
}

/// A version that is to be asked.
struct Version<'a> {
    revision: &'a String,
    id: Id<Commit>,
    commit: Commit,
    facts: u64,
}

impl Repo {
    /// Measures versions in the terms of a protocol.
    ///
    /// # Errors
    /// When there is no such revision, its weights are not those its commit names, no case has words,
    /// the model fails or `progress` asks to stop.
    pub fn eval(
        &self,
        options: &EvalOptions<'_>,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EvalReport, LedgerError> {
        let ledger = self.read()?;
        let mut versions = Vec::new();
        for revision in options.revisions {
            let id = ledger.resolve(revision)?;
            let commit = ledger.commit(id)?;
            let facts = ledger.fact_count(&commit)?;
            versions.push(Version { revision, id, commit, facts });
        }
        let mut notes = Vec::new();
        let mut own = Vec::new();
        if let (Material::Facts(limit), Some(first)) = (options.material, versions.first()) {
            let found = ledger.fact_cases(&first.commit, limit)?;
            if found.cases.is_empty() {
                return Err(LedgerError::NothingToEvaluate { revision: first.revision.clone() });
            }
            notes.extend((found.wordless > 0).then(|| {
                format!("{} of the facts have no words and were not asked", found.wordless)
            }));
            own = found.cases;
        }
        drop(ledger);
        let mut engine = self.engine(open)?;
        let protocol = options.protocol;
        let (name, number, source, cases) = match options.material {
            Material::Cases(source, cases) => {
                (protocol.name, protocol.version, source.clone(), cases)
            }
            Material::Facts(_) => {
                (protocol.name, protocol.version, Source::facts(), own.as_slice())
            }
            Material::Text(source, _) => (PERPLEXITY.0, PERPLEXITY.1, source.clone(), &[][..]),
        };
        let mut report = EvalReport {
            protocol: name,
            protocol_version: number,
            source,
            versions: Vec::new(),
            notes,
            stored: options.store.is_some(),
            records: Vec::new(),
        };
        let mut measuring = Measuring::new(protocol, cases, options.texts);
        measuring.ask_base(engine.as_mut(), progress)?;
        for version in &versions {
            progress.part("weights");
            engine.set_weights(&self.weights_at(version.id)?.1)?;
            let (cases, metrics) = if let Material::Text(_, text) = options.material {
                let reading = engine.read_text(text, progress)?;
                (reading.tokens, vec![reading.metric()])
            } else {
                let metrics = measuring.ask(engine.as_mut(), progress)?;
                report.records.extend(measuring.records(version.revision));
                (cases.len() as u64, metrics)
            };
            report.versions.push(EvalVersion {
                revision: version.revision.clone(),
                commit: version.id,
                facts: version.facts,
                cases,
                metrics,
            });
        }
        if !cases.is_empty() {
            report.notes.extend(measuring.notes());
        }
        if let Some(actor) = options.store {
            let evaluations =
                report.versions.iter().map(|version| (version.commit, report.evaluation(version)));
            self.read()?.store_evaluations(actor, &evaluations.collect::<Vec<_>>())?;
        }
        Ok(report)
    }
}

impl EvalReport {
    /// What is stored of a version.
    #[must_use]
    pub fn evaluation(&self, version: &EvalVersion) -> Evaluation {
        Evaluation {
            protocol: self.protocol.to_owned(),
            protocol_version: self.protocol_version,
            source: self.source.clone(),
            cases: version.cases,
            metrics: version.metrics.clone(),
        }
    }
}

/// A version of a history and what was measured of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// The version.
    pub commit: Id<Commit>,
    /// Facts that hold there.
    pub facts: u64,
    /// Its figures.
    pub evaluation: Evaluation,
}

impl Repo {
    /// The evaluations like `like` of the version that `revision` names and of those before it, along
    /// first parents, oldest first: those in the repository, and those just `made`.
    ///
    /// # Errors
    /// When there is no such revision or the store cannot be read.
    pub fn evaluated(
        &self,
        revision: &str,
        like: &Evaluation,
        made: &[(Id<Commit>, Evaluation)],
    ) -> Result<Vec<Evaluated>, LedgerError> {
        let ledger = self.read()?;
        let mut evaluated = Vec::new();
        let mut next = Some(ledger.resolve(revision)?);
        while let Some(id) = next {
            let commit = ledger.commit(id)?;
            let new = made.iter().find(|(made, _)| *made == id).map(|(_, new)| new.clone());
            let mut stored = ledger.evaluations(id)?.into_iter().rev();
            let found = new.or_else(|| stored.find(|stored| stored.is_like(like)));
            let facts = ledger.fact_count(&commit)?;
            evaluated.extend(found.map(|evaluation| Evaluated { commit: id, facts, evaluation }));
            next = commit.parents.first().copied();
        }
        evaluated.reverse();
        Ok(evaluated)
    }
}
