//! Facts that there are no words for, left out before they are staged.

use std::collections::BTreeMap;

use super::{Intake, Roots, StagedChange, call::read};
use crate::{
    codec::{self, Draft, ObjectError},
    fact::{lexicon::Lexicon, spoken::spoken, stored::StoredStage, term::Term},
    id::Id,
};

impl Intake {
    /// Leaves out facts whose predicate has no template, neither here nor staged `before` nor `committed`, and those
    /// whose object is a value that no rule puts into words in `language`. What is left out is counted.
    ///
    /// # Errors
    /// When a tree cannot be read.
    pub fn leave_out_unknown(
        &mut self,
        draft: &mut Draft<'_>,
        before: Option<Id<StoredStage>>,
        committed: Roots,
        language: &str,
    ) -> Result<(), ObjectError> {
        let before = before.map(|id| codec::get(draft, id)).transpose()?;
        let (words, _) = self.words.clone().stage(draft, before.map(|before| before.words))?;
        let lexicon = Lexicon::new(draft, committed.lexicon).with(words);
        let mut known = BTreeMap::new();
        for predicate in self.predicates.keys() {
            known.insert(predicate.clone(), !lexicon.words(predicate)?.prompts.is_empty());
        }
        let Self { bytes, facts, predicates, left_out, .. } = self;
        let mut wrong = Ok(());
        facts.retain(|(_, start, end)| {
            let StagedChange::Set(fact) = read(bytes.get(*start, *end)).change else { return true };
            let has_template = known[&fact.predicate]
                || lexicon.words(&fact.question()).map_or_else(
                    |error| {
                        wrong = Err(error);
                        true
                    },
                    |words| !words.prompts.is_empty(),
                );
            let unsaid =
                matches!(&fact.object, Term::Literal(value) if spoken(value, language).is_none());
            let left = match (has_template, unsaid) {
                (false, _) => &mut left_out.no_template,
                (true, true) => &mut left_out.no_rule,
                (true, false) => return true,
            };
            left.count(fact.predicate.as_str());
            if let Some(count) = predicates.get_mut(&fact.predicate) {
                *count -= 1;
            }
            false
        });
        predicates.retain(|_, count| *count > 0);
        wrong
    }
}
