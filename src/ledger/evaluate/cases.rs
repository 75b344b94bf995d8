//! A version's own facts as cases: with the paraphrases that no edit saw, what the base is known to say
//! instead, and what is to stay: facts of others, and other facts of the subject.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    codec::ObjectError,
    commit::Commit,
    eval::{Case, PromptTarget},
    fact::{Fact, FactKey, Iri, Lexicon, LexiconError, Request, Roots, tree},
    ledger::{
        edit::{
            examine::WordedFact,
            sample::{Draw, Sample, question},
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
            others.entry(fact.predicate).or_default().push(asked(request));
        }
        let mut companions = self.companions(&lexicon, roots, &facts)?;
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
                companions: companions.remove(&fact.subject).unwrap_or_default(),
                ..Case::default()
            });
        }
        Ok(found)
    }

    /// Facts of the neighbourhood about the subjects of `facts`, but for questions that those answer: by subject, as many
    /// as there are neighbours of a predicate.
    fn companions(
        &self,
        lexicon: &Lexicon<'_>,
        roots: Roots,
        facts: &BTreeMap<FactKey, Fact>,
    ) -> Result<BTreeMap<Iri, Vec<PromptTarget>>, LedgerError> {
        let subjects: BTreeSet<&Iri> = facts.values().map(|fact| &fact.subject).collect();
        let known = tree::select(self, roots.neighbourhood, &|key, fact: &Fact| {
            Ok::<_, ObjectError>(subjects.contains(&fact.subject) && !facts.contains_key(&key))
        })?;
        let mut drawn: BTreeMap<Iri, Draw> = BTreeMap::new();
        for (key, fact) in known {
            let draw = || Draw::new(self.config.seed, self.config.neighbours);
            drawn.entry(fact.subject.clone()).or_insert_with(draw).offer(key, &fact);
        }
        let mut companions = BTreeMap::new();
        for (subject, draw) in drawn {
            let worded = draw.questions(lexicon)?.into_iter();
            companions.insert(subject, worded.map(|it| asked(it.request)).collect());
        }
        Ok(companions)
    }
}

/// The fact as a question and its answer.
fn asked(request: Request) -> PromptTarget {
    PromptTarget { prompt: request.text(), target: request.target }
}
