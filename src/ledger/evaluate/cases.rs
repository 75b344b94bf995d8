//! A version's own facts as cases: with the paraphrases that no edit saw, what the base is known to say
//! instead, and facts of others that are to stay.

use std::collections::BTreeMap;

use crate::{
    commit::Commit,
    eval::{Case, PromptTarget},
    fact::{Fact, FactKey, LexiconError, tree},
    ledger::{
        edit::{
            examine::WordedFact,
            sample::{Sample, question},
        },
        error::LedgerError,
        state::open::Ledger,
    },
};

/// Cases, and how many facts are none because they have no words.
pub(crate) struct FactCases {
    pub(crate) cases: Vec<Case>,
    pub(crate) wordless: u64,
}

impl Ledger<'_> {
    /// The facts that hold at `commit` as cases, `limit` at most.
    ///
    /// # Errors
    /// When an object is damaged.
    pub(crate) fn fact_cases(
        &self,
        commit: &Commit,
        limit: Option<usize>,
    ) -> Result<FactCases, LedgerError> {
        let (lexicon, roots) = (self.lexicon(commit), commit.roots());
        let facts: BTreeMap<FactKey, Fact> =
            tree::iter(self, roots.facts).collect::<Result<_, _>>()?;
        let sample = Sample::draw(self, &lexicon, roots, &facts, self.config, self.config.seed)?;
        let mut others: BTreeMap<String, Vec<PromptTarget>> = BTreeMap::new();
        for WordedFact { fact, request } in sample.neighbours {
            let asked = PromptTarget { prompt: request.text(), target: request.target };
            others.entry(fact.predicate).or_default().push(asked);
        }
        let mut found = FactCases { cases: Vec::new(), wordless: 0 };
        for (key, fact) in facts.iter().take(limit.unwrap_or(usize::MAX)) {
            let WordedFact { request, fact: view } = match question(&lexicon, fact) {
                Ok(question) => question,
                Err(LexiconError::Object(error)) => return Err(error.into()),
                Err(_) => {
                    found.wordless += 1;
                    continue;
                }
            };
            let known = tree::get(self, roots.neighbourhood, *key)?;
            let known = known.filter(|known| known.object != fact.object);
            // Others of whom the new object is true say nothing of what it displaces.
            let others = others.get(&view.predicate).into_iter().flatten();
            let locality = others.filter(|other| other.target != request.target).cloned().collect();
            found.cases.push(Case {
                id: view.triple,
                paraphrases: request.paraphrase_texts().collect(),
                subject: request.subject,
                prompt: request.prompt,
                target: request.target,
                truth: known.and_then(|known| lexicon.request(&known).ok()).map(|r| r.target),
                locality,
                ..Case::default()
            });
        }
        Ok(found)
    }
}
