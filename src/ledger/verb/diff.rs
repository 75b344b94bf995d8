//! `diff`: two versions compared: facts, weights, behaviour.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    commit::Commit,
    delta::{ChangeForm, Version},
    engine::{Answer, Continuations, Engine, EngineError, Lens, Progress, Prompt, Sampling},
    fact::{LexiconError, tree},
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        evaluate::depth::Depth,
        history::revision::range,
        lineage::{line::Line, load},
        report::{stat::Stat, view::FactChange, wording},
    },
    tensor::Orientation,
};

/// How two versions differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiffReport {
    /// The version compared with.
    pub from: Id<Commit>,
    /// The version compared.
    pub to: Id<Commit>,
    /// Facts that differ.
    pub facts: Vec<FactChange>,
    /// IRIs whose words differ.
    pub words: u64,
    /// Tensors that differ; `None` when not asked for.
    pub weights: Option<Vec<TensorDiff>>,
    /// What the versions answer; `None` when not asked for.
    pub behaviour: Option<Vec<BehaviourRow>>,
}

/// How much two versions differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatReport {
    /// The version compared with.
    pub from: Id<Commit>,
    /// The version compared.
    pub to: Id<Commit>,
    /// How much they differ.
    pub stat: Stat,
}

/// How a tensor differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TensorDiff {
    /// Name in the checkpoint.
    pub name: String,
    /// Output width.
    pub outputs: u64,
    /// Input width.
    pub inputs: u64,
    /// Most linearly independent rows the difference can have: columns live in one version only.
    pub rank: u64,
    /// Frobenius norm of the exact difference.
    pub norm: f64,
    /// That norm over the norm of the tensor in `from`.
    pub relative: f64,
    /// Largest absolute difference of an element.
    pub largest: f64,
    /// Elements that differ after rounding to the checkpoint's dtype.
    pub changed: u64,
}

/// What the two versions answer to one prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BehaviourRow {
    /// The prompt.
    pub prompt: String,
    /// The object of the fact the prompt asks for in `from`, if there is one, and what the versions
    /// make of it.
    pub old: Option<Expectation>,
    /// The same for `to`.
    pub new: Option<Expectation>,
    /// What `from` says.
    pub before: Continuations,
    /// What `to` says.
    pub after: Continuations,
    /// Where in their blocks they part; `None` when not asked for.
    pub depth: Option<Depth>,
}

/// How likely both versions hold a continuation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expectation {
    /// The continuation.
    pub text: String,
    /// In `from`.
    pub before: Answer,
    /// In `to`.
    pub after: Answer,
}

/// How many likely next tokens a behaviour row lists.
const TOP: usize = 5;
/// How many tokens a behaviour row continues by.
const TOKENS: usize = 8;

/// What `diff` compares besides facts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiffOptions {
    /// Compare weights.
    pub weights: bool,
    /// Compare behaviour.
    pub behaviour: Option<Prompts>,
    /// Compare with it what each block would say.
    pub depth: bool,
}

/// What versions are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompts {
    /// The edit prompts of the facts that differ.
    OfFacts,
    /// These.
    Given(Vec<String>),
}

/// A prompt and the objects that the two versions should give it.
#[derive(Default)]
struct ComparedPrompt {
    prompt: String,
    old: Option<String>,
    new: Option<String>,
}

impl Repo {
    /// The two versions that a user means to compare: `from` and `to`, or without `to` what is on both
    /// sides of the dots of `a..b`, an end that is left out being HEAD. `a...b` is what `b` changed since
    /// it and `a` diverged.
    ///
    /// # Errors
    /// When there is no such revision, or `a` and `b` have no commit in common.
    pub fn versions(
        &self,
        from: &str,
        to: Option<&str>,
    ) -> Result<(Id<Commit>, Id<Commit>), LedgerError> {
        let ledger = self.view()?;
        let (from, to, forked) = match (to, range::ends(from)) {
            (None, Some(ends)) => ends,
            (to, _) => (from, to.unwrap_or("HEAD"), false),
        };
        let (mut from, to) = (ledger.resolve(from)?, ledger.resolve(to)?);
        if forked {
            let bases = ledger.merge_bases(&BTreeSet::from([from]), to)?;
            from = bases.first().copied().ok_or(LedgerError::Apart { a: from, b: to })?;
        }
        Ok((from, to))
    }

    /// Counts how much the version that `from` names and the one that `to` names differ.
    ///
    /// # Errors
    /// When there is no such revision or the store cannot be read.
    pub fn diff_stat(&self, from: &str, to: &str) -> Result<StatReport, LedgerError> {
        let ledger = self.view()?;
        let (from, to) = (ledger.resolve(from)?, ledger.resolve(to)?);
        let (a, b) = (ledger.commit_and_changes(from)?, ledger.commit_and_changes(to)?);
        Ok(StatReport { from, to, stat: Stat::between(&ledger, &a, &b)? })
    }

    /// Compares the version that `from` names with the one that `to` names.
    ///
    /// # Errors
    /// When there is no such revision, weights are damaged, behaviour is wanted and `open` gives no
    /// engine, or the model fails.
    pub fn diff(
        &self,
        from: &str,
        to: &str,
        options: &DiffOptions,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<DiffReport, LedgerError> {
        let ledger = self.view()?;
        let (from, to) = (ledger.resolve(from)?, ledger.resolve(to)?);
        let (a, b) = (ledger.commit_and_changes(from)?, ledger.commit_and_changes(to)?);
        let facts = wording::fact_changes(&ledger, &ledger.lexicon(&b), a.facts, b.facts)?;
        let mut words = 0;
        for difference in tree::diff(&ledger, a.lexicon, b.lexicon) {
            difference?;
            words += 1;
        }
        let questions: Option<Vec<ComparedPrompt>> = match &options.behaviour {
            None => None,
            Some(Prompts::Given(prompts)) => Some(
                prompts
                    .iter()
                    .map(|prompt| ComparedPrompt {
                        prompt: prompt.clone(),
                        ..ComparedPrompt::default()
                    })
                    .collect(),
            ),
            Some(Prompts::OfFacts) => {
                let mut questions = Vec::new();
                for difference in tree::diff(&ledger, a.facts, b.facts) {
                    let (_, old, new) = difference?;
                    let request = |commit: &Commit, fact: Option<_>| match fact {
                        None => Ok(None),
                        Some(fact) => match ledger.lexicon(commit).request(&fact) {
                            Ok(request) => Ok(Some(request)),
                            Err(LexiconError::Object(error)) => Err(error),
                            // A fact that lost its words cannot be asked for.
                            Err(_) => Ok(None),
                        },
                    };
                    let (old, new) = (request(&a, old)?, request(&b, new)?);
                    let Some(prompt) = new.as_ref().or(old.as_ref()) else { continue };
                    questions.push(ComparedPrompt {
                        prompt: prompt.text(),
                        old: old.map(|request| request.target),
                        new: new.map(|request| request.target),
                    });
                }
                Some(questions)
            }
        };
        // A lineage is as long as its history: it is read only where weights are looked at.
        let asks = questions.as_ref().is_some_and(|questions| !questions.is_empty());
        let lines =
            if options.weights || asks { Some((ledger.line(&a)?, ledger.line(&b)?)) } else { None };
        drop(ledger);
        let (a_line, b_line) = lines.unwrap_or_default();

        if options.weights {
            self.verify_base()?;
        }
        let weights = options.weights.then(|| self.weight_diff(&a_line, &b_line)).transpose()?;
        let behaviour = match questions {
            Some(questions) if asks => {
                let before = self.weights(from, &a, &a_line)?;
                let after = self.weights(to, &b, &b_line)?;
                let mut engine = self.engine(open)?;
                engine.set_weights(&before)?;
                let was = hear(engine.as_mut(), &questions, options.depth, progress)?;
                engine.set_weights(&after)?;
                let is = hear(engine.as_mut(), &questions, options.depth, progress)?;
                Some(rows(questions, was, is))
            }
            // No model is needed to ask nothing.
            nothing => nothing.map(|_| Vec::new()),
        };
        let facts = facts.into_iter().map(|(_, change)| change).collect();
        Ok(DiffReport { from, to, facts, words, weights, behaviour })
    }

    /// Each tensor in which two versions differ, from the exact sums.
    fn weight_diff(&self, from: &Line, to: &Line) -> Result<Vec<TensorDiff>, LedgerError> {
        let (files, base) = (self.store().tensors(), self.base()?);
        let a = load::load(&files, base.clone(), from)?;
        let b = load::load(&files, base, to)?;
        let mut diffs = Vec::new();
        for (name, orientation) in
            changed(&a).into_iter().chain(changed(&b)).collect::<BTreeMap<_, _>>()
        {
            let (before, after) =
                (a.accumulate(name, orientation)?, b.accumulate(name, orientation)?);
            let differences = || before.sum().iter().zip(after.sum()).map(|(a, b)| b - a);
            let (old, new) = (before.rounded(), after.rounded());
            let changed = old.data.iter().zip(&new.data).filter(|(a, b)| a != b).count() as u64;
            let norm = frobenius(differences());
            if norm == 0.0 {
                continue;
            }
            let (outputs, inputs) = (before.outputs() as u64, before.inputs() as u64);
            diffs.push(TensorDiff {
                rank: rank(&a, from, &b, to, name).unwrap_or(u64::MAX).min(outputs).min(inputs),
                name: name.to_owned(),
                outputs,
                inputs,
                norm,
                relative: norm / frobenius(before.sum().iter().copied()),
                largest: differences().map(f64::abs).fold(0.0, f64::max),
                changed,
            });
        }
        Ok(diffs)
    }
}

fn changed(version: &Version) -> BTreeMap<&str, Orientation> {
    let changes = version.deltas.iter().flat_map(|delta| &delta.changes);
    changes.map(|(name, change)| (name.as_str(), change.orientation)).collect()
}

fn frobenius(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

/// Columns of `tensor` that are live in one version only; `None` where a whole change is.
fn rank(a: &Version, from: &Line, b: &Version, to: &Line, tensor: &str) -> Option<u64> {
    let live = |version: &Version, line: &Line| {
        let mut live = BTreeSet::new();
        for (entry, delta) in line.entries().iter().zip(&version.deltas) {
            match delta.changes.get(tensor).map(|change| &change.form) {
                None => {}
                Some(ChangeForm::LowRank { right, .. }) => {
                    let ranks = (0..right.rows).filter_map(|rank| u32::try_from(rank).ok());
                    live.extend(
                        ranks
                            .filter(|rank| !entry.dropped.contains(rank))
                            .map(|rank| (entry.id, Some(rank))),
                    );
                }
                Some(ChangeForm::Dense(_) | ChangeForm::Tuned(_)) => {
                    live.insert((entry.id, None));
                }
            }
        }
        live
    };
    let (a, b) = (live(a, from), live(b, to));
    let mut different = a.symmetric_difference(&b);
    different.try_fold(0, |rank, (_, column)| column.map(|_| rank + 1))
}

/// What a version says to each question, and how likely it finds the objects.
struct Heard {
    says: Continuations,
    old: Option<Answer>,
    new: Option<Answer>,
    /// What its blocks would say, where that was asked for.
    lens: Option<Lens>,
}

fn hear(
    engine: &mut dyn Engine,
    questions: &[ComparedPrompt],
    depth: bool,
    progress: &mut dyn Progress,
) -> Result<Vec<Heard>, EngineError> {
    let expected = |question: &ComparedPrompt| [question.old.clone(), question.new.clone()];
    let prompts: Vec<Prompt> = questions
        .iter()
        .flat_map(|question| {
            expected(question)
                .into_iter()
                .flatten()
                .map(|expected| Prompt { prompt: question.prompt.clone(), expected })
        })
        .collect();
    let mut answers = engine.answer(&prompts, progress)?.into_iter();
    let how = Sampling { top: TOP, tokens: TOKENS, sample: None };
    progress.start("prompts", Some(questions.len() as u64));
    let mut heard = Vec::with_capacity(questions.len());
    for (done, question) in (1..).zip(questions) {
        let lens = depth.then(|| engine.lens(&question.prompt, question.watched()));
        heard.push(Heard {
            says: engine.continuations(&question.prompt, &how)?,
            old: question.old.as_ref().and_then(|_| answers.next()),
            new: question.new.as_ref().and_then(|_| answers.next()),
            lens: lens.transpose()?,
        });
        progress.advance(done, "asked")?;
    }
    progress.finish("");
    Ok(heard)
}

impl ComparedPrompt {
    /// What is watched in the blocks: the object that was set, or the one that went.
    fn watched(&self) -> Option<&str> {
        self.new.as_deref().or(self.old.as_deref())
    }
}

fn rows(questions: Vec<ComparedPrompt>, was: Vec<Heard>, is: Vec<Heard>) -> Vec<BehaviourRow> {
    let expectation = |text: Option<String>, before: Option<Answer>, after: Option<Answer>| {
        Some(Expectation { text: text?, before: before?, after: after? })
    };
    questions
        .into_iter()
        .zip(was.into_iter().zip(is))
        .map(|(question, (was, is))| BehaviourRow {
            prompt: question.prompt,
            old: expectation(question.old, was.old, is.old),
            new: expectation(question.new, was.new, is.new),
            before: was.says,
            after: is.says,
            depth: was.lens.zip(is.lens).map(|(was, is)| Depth::between(&was, &is)),
        })
        .collect()
}
