//! Equal names made one, before their facts are staged.

use std::collections::BTreeMap;

use super::{Intake, StageError, Staged, StagedChange, call::read};
use crate::fact::{
    term::{Iri, Term},
    triple::Fact,
};

/// The predicate by which two names are equal.
pub const SAME_AS: &str = "http://www.w3.org/2002/07/owl#sameAs";

/// What became of equal names.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct United {
    /// Names whose facts go to another.
    pub names: u64,
    /// Facts that name them.
    pub facts: u64,
    /// Equalities that follow from others: they are said twice, or close a circle.
    pub repeated: u64,
}

impl Intake {
    /// Has the facts and words about equal names be about one of them: the one that `is_known` already, else the one that
    /// is named first. A label of another is a further name of it. What says that names are equal is taken out.
    ///
    /// # Errors
    /// When several equal names are known, or a name is equal to a value; and those of `is_known`.
    pub fn unite<E: From<StageError>>(
        &mut self,
        mut is_known: impl FnMut(&Iri) -> Result<bool, E>,
    ) -> Result<United, E> {
        let mut equal = Equal::default();
        for (_, start, end) in &self.facts {
            let Staged { change: StagedChange::Set(fact) | StagedChange::Retract(fact), source } =
                read(self.bytes.get(*start, *end));
            if fact.predicate.as_str() == SAME_AS {
                let Term::Iri(other) = fact.object else {
                    let fact = Box::new(fact);
                    return Err(StageError::EqualToValue { fact, source_name: source }.into());
                };
                equal.join(fact.subject, other);
            }
        }
        let mut united = United { repeated: equal.repeated, ..United::default() };
        let mut names: BTreeMap<Iri, Iri> = BTreeMap::new();
        for group in equal.groups() {
            let mut known = Vec::new();
            for name in &group {
                if is_known(name)? {
                    known.push(name.clone());
                }
            }
            if known.len() > 1 {
                return Err(StageError::BothKnown { names: known }.into());
            }
            let one = known.pop().unwrap_or_else(|| group[0].clone());
            let others = group.into_iter().filter(|name| *name != one);
            names.extend(others.map(|name| (name, one.clone())));
        }
        united.names = names.len() as u64;
        united.facts = self.rename(&names);
        Ok(united)
    }

    /// Puts other names in the place of some, and takes out what says that they are equal. Says how many facts that were.
    fn rename(&mut self, names: &BTreeMap<Iri, Iri>) -> u64 {
        let (mut renamed, mut touched) = (Self::default(), 0);
        let mut attributed = self.attributed.iter().peekable();
        for (_, start, end) in &self.facts {
            while let Some((_, attribution)) = attributed.next_if(|(until, _)| until <= start) {
                renamed.attribute(attribution.clone());
            }
            let staged = read(self.bytes.get(*start, *end));
            let source = staged.source;
            let (StagedChange::Set(mut fact) | StagedChange::Retract(mut fact)) = staged.change;
            if fact.predicate.as_str() == SAME_AS {
                continue;
            }
            touched += u64::from(rename(&mut fact, names));
            *renamed.predicates.entry(fact.predicate.clone()).or_default() += 1;
            let key = fact.key(false);
            let staged = Staged { change: StagedChange::Set(fact), source };
            let (start, end) = renamed.bytes.put(&staged);
            renamed.facts.push((key, start, end));
        }
        for (_, attribution) in attributed {
            renamed.attribute(attribution.clone());
        }
        renamed.words = std::mem::take(&mut self.words);
        renamed.words.rename(|name| names.get(name));
        renamed.left_out = std::mem::take(&mut self.left_out);
        *self = renamed;
        touched
    }
}

/// Whether a fact has one of the names, which gets the other one.
fn rename(fact: &mut Fact, names: &BTreeMap<Iri, Iri>) -> bool {
    let mut touched = false;
    if let Some(one) = names.get(&fact.subject) {
        fact.subject = one.clone();
        touched = true;
    }
    if let Term::Iri(object) = &mut fact.object
        && let Some(one) = names.get(object)
    {
        *object = one.clone();
        touched = true;
    }
    touched
}

/// Names in groups that are equal.
#[derive(Default)]
struct Equal {
    numbers: BTreeMap<Iri, usize>,
    names: Vec<Iri>,
    /// Of each name one that is equal, or itself.
    up: Vec<usize>,
    repeated: u64,
}

impl Equal {
    fn number(&mut self, name: Iri) -> usize {
        if let Some(number) = self.numbers.get(&name) {
            return *number;
        }
        let number = self.names.len();
        self.names.push(name.clone());
        self.up.push(number);
        self.numbers.insert(name, number);
        number
    }

    fn top(&mut self, mut at: usize) -> usize {
        while self.up[at] != at {
            self.up[at] = self.up[self.up[at]];
            at = self.up[at];
        }
        at
    }

    fn join(&mut self, a: Iri, b: Iri) {
        let (a, b) = (self.number(a), self.number(b));
        let (top, other) = (self.top(a), self.top(b));
        if top == other {
            self.repeated += 1;
        }
        // The one that was named first stays on top.
        self.up[top.max(other)] = top.min(other);
    }

    /// The groups of more than one name, each by when they were named.
    fn groups(mut self) -> Vec<Vec<Iri>> {
        let mut groups: BTreeMap<usize, Vec<Iri>> = BTreeMap::new();
        for at in 0..self.names.len() {
            let top = self.top(at);
            groups.entry(top).or_default().push(self.names[at].clone());
        }
        groups.into_values().filter(|group| group.len() > 1).collect()
    }
}
