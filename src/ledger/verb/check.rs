//! `check`: which of a version's facts hold now.

use serde::Serialize;

use crate::{
    commit::{FactView, Rate},
    engine::{Answer, Progress},
    fact::tree,
    ledger::{
        LedgerError, OpenEngine, Repo,
        edit::{
            sample::{if_worded, question},
            trial::Trial,
        },
        report::view::CommitView,
    },
};

/// Which of a version's facts hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    /// The revision as given.
    pub revision: String,
    /// The version.
    pub commit: CommitView,
    /// Facts that it says.
    pub facts: u64,
    /// Of them, those that have no words and were not asked.
    pub wordless: u64,
    /// Those that hold, of all that were asked; `None` where none were.
    pub holding: Option<Rate>,
    /// The first of those that do not, sorted by what they say.
    pub failing: Vec<FailingFact>,
    /// Those that are not listed.
    pub more: u64,
}

/// A fact that a version does not answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailingFact {
    /// The fact.
    pub fact: FactView,
    /// Its edit prompt, subject filled in.
    pub prompt: String,
    /// The object in words.
    pub target: String,
    /// What is answered instead.
    pub answer: Answer,
}

impl CheckReport {
    /// Whether all that was asked holds.
    #[must_use]
    pub const fn all_hold(&self) -> bool {
        self.failing.is_empty() && self.more == 0
    }
}

impl Repo {
    /// Asks the version that `revision` names each of its facts, on exactly its weights; of those that do not hold at most
    /// `listed` are told. Where there is nothing to ask no model is opened.
    ///
    /// # Errors
    /// When there is no such revision, its weights are not those its commit names, the model fails or `progress` asks to stop.
    pub fn check(
        &self,
        revision: &str,
        listed: usize,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<CheckReport, LedgerError> {
        let ledger = self.read()?;
        let id = ledger.resolve(revision)?;
        let commit = ledger.commit(id)?;
        let view = ledger.commit_view(id, &commit)?;
        let line = ledger.line(&commit)?;
        let lexicon = ledger.lexicon(&commit);
        let (mut facts, mut questions) = (0, Vec::new());
        for entry in tree::iter(&ledger, commit.facts) {
            facts += 1;
            questions.extend(if_worded(question(&lexicon, &entry?.1))?);
        }
        drop(ledger);

        let mut answered = Vec::new();
        if !questions.is_empty() {
            let mut trial = Trial::begin(self, (id, &commit, &line), open, progress)?;
            answered = trial.answers_before(questions.iter().map(|asked| ((), asked)), progress)?;
        }
        let holding = Rate::of(answered.iter().map(|(.., answer)| (answer.matches, answer)));
        let failing = answered.into_iter().filter(|(.., answer)| !answer.matches);
        let mut failing: Vec<FailingFact> = failing
            .map(|((), asked, answer)| FailingFact {
                fact: asked.fact.clone(),
                prompt: asked.request.text(),
                target: asked.request.target.clone(),
                answer,
            })
            .collect();
        failing.sort_by(|a, b| a.fact.triple.cmp(&b.fact.triple));
        let more = failing.len().saturating_sub(listed) as u64;
        failing.truncate(listed);
        Ok(CheckReport {
            revision: revision.to_owned(),
            commit: view,
            facts,
            wordless: facts - questions.len() as u64,
            holding,
            failing,
            more,
        })
    }
}
