//! What is known of edited subjects besides the facts that are edited: their other facts among the
//! neighbourhood, whose prompts an edit is to leave as they are.

use std::collections::BTreeMap;

use super::{
    examine::WordedFact,
    sample::{if_worded, question},
};
use crate::{
    codec::{ObjectError, Objects},
    fact::{Fact, FactKey, Iri, Lexicon, LexiconError, Roots, tree},
    ledger::error::LedgerError,
};

/// Prompts of a request's other facts at most.
const MOST: usize = 16;

/// By subject: other predicates, and a prompt of each.
pub(crate) struct Others(BTreeMap<Iri, BTreeMap<Iri, String>>);

impl Others {
    /// Reads what the neighbourhood of `roots` says about the subjects of `facts`. What was edited, now or
    /// earlier, is not among it: of that the base believes what is no longer wanted.
    ///
    /// # Errors
    /// When an object is damaged.
    pub(crate) fn read<'a>(
        objects: &dyn Objects,
        lexicon: &Lexicon<'_>,
        roots: Roots,
        facts: impl IntoIterator<Item = &'a Fact>,
    ) -> Result<Self, LedgerError> {
        let mut others: BTreeMap<Iri, BTreeMap<Iri, String>> =
            facts.into_iter().map(|fact| (fact.subject.clone(), BTreeMap::new())).collect();
        for entry in tree::iter(objects, roots.neighbourhood) {
            let (key, fact) = entry?;
            let Some(known) = others.get_mut(&fact.subject) else { continue };
            if tree::get(objects, roots.facts, key)?.is_some() {
                continue;
            }
            if let Some(mut request) = if_worded(lexicon.request(&fact))? {
                // Checks ask in the first wording; here it is another one, where there is one.
                let prompt = request.rephrasings.pop().unwrap_or(request.prompt);
                known.insert(fact.predicate, prompt);
            }
        }
        Ok(Self(others))
    }

    /// Puts `fact` in words, with the prompts that are to be left as they are.
    ///
    /// # Errors
    /// When it has no words.
    pub(crate) fn question(
        &self,
        lexicon: &Lexicon<'_>,
        fact: &Fact,
    ) -> Result<WordedFact, LexiconError> {
        let mut question = question(lexicon, fact)?;
        let known = self.0.get(&fact.subject).into_iter().flatten();
        let others = known.filter(|(predicate, _)| **predicate != fact.predicate);
        question.request.kept = others.map(|(_, prompt)| prompt.clone()).take(MOST).collect();
        Ok(question)
    }

    /// Puts all of `facts` in words.
    ///
    /// # Errors
    /// When one has none.
    pub(crate) fn questions(
        &self,
        lexicon: &Lexicon<'_>,
        facts: &BTreeMap<FactKey, Fact>,
    ) -> Result<BTreeMap<FactKey, WordedFact>, LexiconError> {
        facts.iter().map(|(key, fact)| Ok((*key, self.question(lexicon, fact)?))).collect()
    }

    /// Puts those of `facts` in words that have some.
    ///
    /// # Errors
    /// When an object is damaged.
    pub(crate) fn questions_with_words(
        &self,
        lexicon: &Lexicon<'_>,
        facts: &BTreeMap<FactKey, Fact>,
    ) -> Result<BTreeMap<FactKey, WordedFact>, ObjectError> {
        let mut questions = BTreeMap::new();
        for (key, fact) in facts {
            let question = if_worded(self.question(lexicon, fact))?;
            questions.extend(question.map(|question| (*key, question)));
        }
        Ok(questions)
    }
}
