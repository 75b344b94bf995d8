//! The check made after an edit: do the facts hold, in other words too, and did anything else move.
//!
//! It runs on exactly the weights that a checkout of the version has. This module decides what is
//! asked and counts the answers; the engine gives them.

use std::collections::BTreeMap;

use crate::{
    commit::{Check, FactRow, FactView, PromptRow, Rate},
    engine::{Answer, Engine, EngineError, Progress, Prompt},
    fact::Request,
    ledger::{
        edit::failure::{Failure, Finding},
        error::LedgerError,
        requirements::Requirements,
    },
    tensor::Tensor,
};

/// A fact and its words.
#[derive(Debug, Clone)]
pub(crate) struct WordedFact {
    /// The fact.
    pub fact: FactView,
    /// How it is asked.
    pub request: Request,
}

/// What an edit is examined in.
#[derive(Debug, Default)]
pub(crate) struct Examination {
    /// Facts that were edited, and how their edit went.
    pub edited: Vec<(WordedFact, Finding)>,
    /// Facts that nobody edited and whose answers must not move.
    pub neighbours: Vec<WordedFact>,
    /// Facts of earlier commits, which must still hold.
    pub earlier: Vec<WordedFact>,
    /// What there was to draw neighbours from.
    pub known: Known,
}

/// What there was to draw neighbours from: facts of questions that the edit does not answer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    /// All of them.
    pub facts: u64,
    /// Those of edited predicates.
    pub of_predicates: u64,
    /// How many were to be drawn for a predicate.
    pub wanted: usize,
}

impl Known {
    /// Why there are no neighbours.
    fn why_none(self) -> String {
        let Self { facts, of_predicates, wanted } = self;
        let why = match (facts, of_predicates) {
            _ if wanted == 0 => return "the setting neighbours is 0".to_owned(),
            (0, _) => "no other fact is known".to_owned(),
            (1, 0) => "the other fact that is known has no edited predicate".to_owned(),
            (facts, 0) => format!("none of the {facts} other facts known has an edited predicate"),
            (_, of) => {
                return format!("none of the {of} known facts of edited predicates has words");
            }
        };
        format!("{why}; add some with kledger add --neighbourhood FILE")
    }
}

impl Examination {
    /// What the version before is asked, and the one after too.
    pub(crate) fn prompts(&self) -> Vec<Prompt> {
        let edited = self.edited.iter().map(|(question, _)| question);
        let asked = edited.chain(&self.neighbours).chain(&self.earlier);
        asked.map(WordedFact::prompt).collect()
    }

    /// Asks the version with the edited tensors `after`, and counts. `before` are the answers of the version
    /// before to [`Self::prompts`]. The engine has the weights `after` when this returns.
    ///
    /// # Errors
    /// When the model fails or `progress` asks to stop.
    pub(crate) fn run(
        self,
        engine: &mut dyn Engine,
        before: Vec<Answer>,
        after: &BTreeMap<String, Tensor>,
        progress: &mut dyn Progress,
    ) -> Result<(Check, Vec<Failure>), EngineError> {
        let mut prompts = self.prompts();
        let (questions, findings): (Vec<WordedFact>, Vec<_>) = self.edited.into_iter().unzip();
        let (edited, neighbours) = (questions.len(), self.neighbours.len());
        let known = self.known;
        let asked: Vec<WordedFact> =
            questions.into_iter().chain(self.neighbours).chain(self.earlier).collect();
        for question in &asked[..edited] {
            prompts.extend(question.paraphrase_prompts());
        }
        engine.set_weights(after)?;
        let mut after = engine.answer(&prompts, progress)?;
        let mut paraphrased = after.split_off(asked.len()).into_iter();

        let mut traces = findings.iter().map(|finding| finding.trace.clone());
        let mut rows =
            asked.into_iter().zip(before).zip(after).map(|((question, before), after)| {
                let prompts: Vec<String> = question.request.paraphrase_texts().collect();
                FactRow {
                    prompt: question.request.text(),
                    target: question.request.target,
                    fact: question.fact,
                    before,
                    after,
                    // Only edited facts are asked in other words; the others find nothing left.
                    paraphrases: prompts
                        .into_iter()
                        .zip(paraphrased.by_ref())
                        .map(|(prompt, answer)| PromptRow { prompt, answer })
                        .collect(),
                    trace: traces.next().flatten(),
                }
            });
        let facts: Vec<FactRow> = rows.by_ref().take(edited).collect();
        let neighbours: Vec<FactRow> = rows.by_ref().take(neighbours).collect();
        let earlier: Vec<FactRow> = rows.collect();

        let held = |row: &FactRow| row.after.matches;
        let unmoved = |row: &FactRow| row.before.text == row.after.text;
        let mut notes = Vec::new();
        if !facts.is_empty() && facts.iter().all(|row| row.paraphrases.is_empty()) {
            notes.push(
                "paraphrase not measured: no edited predicate has a second template".to_owned(),
            );
        }
        if !facts.is_empty() && neighbours.is_empty() {
            notes.push(format!("neighbourhood not measured: {}", known.why_none()));
        }
        let failures = facts.iter().zip(&findings).filter(|(row, _)| !held(row));
        let failures = failures
            .map(|(row, finding)| Failure { fact: row.fact.clone(), cause: finding.cause() });
        let failures = failures.collect();
        let check = Check {
            efficacy: Rate::of(facts.iter().map(|row| (held(row), &row.after))),
            paraphrase: Rate::of(
                facts
                    .iter()
                    .flat_map(|row| &row.paraphrases)
                    .map(|row| (row.answer.matches, &row.answer)),
            ),
            neighbourhood: Rate::of(neighbours.iter().map(|row| (unmoved(row), &row.after))),
            kept: Rate::of(earlier.iter().map(|row| (held(row), &row.after))),
            facts,
            drift: neighbours.into_iter().filter(|row| !unmoved(row)).collect(),
            lost: earlier.into_iter().filter(|row| row.before.matches && !held(row)).collect(),
            notes,
            growth: Vec::new(),
            text: None,
            probes: None,
        };
        Ok((check, failures))
    }
}

impl WordedFact {
    /// What the engine is asked.
    pub(crate) fn prompt(&self) -> Prompt {
        Prompt { prompt: self.request.text(), expected: self.request.target.clone() }
    }

    fn paraphrase_prompts(&self) -> impl Iterator<Item = Prompt> {
        self.request
            .paraphrase_texts()
            .map(|prompt| Prompt { prompt, expected: self.request.target.clone() })
    }
}

impl Requirements {
    /// Makes sure that `check` reaches all of it. What was not measured is not held against it.
    ///
    /// # Errors
    /// [`LedgerError::Unmet`] says what it does not reach.
    pub(crate) fn met_by(&self, check: &Check, failures: &[Failure]) -> Result<(), LedgerError> {
        let rates = [check.efficacy, check.paraphrase, check.neighbourhood, check.kept];
        let rates = rates.map(|rate| rate.map(|rate| (rate.passed, rate.of, rate.rate)));
        let probes = check.probes.as_ref().map(|probes| (probes.after, probes.of, probes.share()));
        let unmet: Vec<String> = self
            .named()
            .into_iter()
            .zip(rates.into_iter().chain([probes]))
            .filter_map(|((name, wanted), measured)| {
                let (wanted, (passed, of, rate)) = (wanted?, measured?);
                // Cut, not rounded: what is missed is never written as what was required.
                let shown = (rate * 1e3).floor() / 1e3;
                (rate < wanted)
                    .then(|| format!("{name} is {shown:.3} ({passed} of {of}), required {wanted}"))
            })
            .chain(self.exceeded_by(check))
            .collect();
        if unmet.is_empty() {
            return Ok(());
        }
        let (check, failures) = (Box::new(check.clone()), failures.to_vec());
        Err(LedgerError::Unmet { unmet, check, failures })
    }

    /// What `check` does not stay below, in words.
    fn exceeded_by(&self, check: &Check) -> impl Iterator<Item = String> {
        let drift = check.farthest();
        let drift = drift.map(|growth| (growth.relative, format!("of {}", growth.tensor)));
        let text = check.text.as_ref().map(|text| (text.after, format!("of {}", text.source)));
        let bounds = self.bounds().into_iter().zip([drift, text]);
        bounds.filter_map(|((name, bound), measured)| {
            let (bound, (found, of)) = (bound?, measured?);
            // Not a number is not below anything. What is exceeded is never written as what was required.
            let shown = (found * 1e4).ceil() / 1e4;
            let within = found < bound;
            (!within).then(|| format!("{name} {of} is {shown}, required below {bound}"))
        })
    }
}
