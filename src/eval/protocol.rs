//! A protocol as a table, and how its rows are filled in.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, PromptTarget, Score, Weights, summary::Unit};

/// What a paper measures. `version` is raised when the same answers would give other figures.
#[derive(Debug)]
pub struct Protocol {
    /// Its name on the command line and in results.
    pub name: &'static str,
    /// Its version.
    pub version: u32,
    /// What is measured on continuations.
    pub measures: &'static [Measure],
    /// What is measured on texts that the model writes.
    pub writings: &'static [Writing],
    /// How those texts begin.
    pub beginnings: fn(&Case) -> Vec<String>,
    /// How they go on.
    pub decoding: Decoding,
    /// The measures whose harmonic mean is the score, S; none where the paper has no such score.
    pub score: &'static [&'static str],
}

/// A measure on continuations.
#[derive(Debug)]
pub struct Measure {
    /// Its name in the paper.
    pub name: &'static str,
    /// What it says, in words.
    pub about: &'static str,
    /// What is asked for a case. A case's value is the mean over its questions.
    pub asks: fn(&Case) -> Vec<Question>,
    /// What is computed from each answer.
    pub computed: Computed,
    /// How papers print it.
    pub unit: Unit,
}

/// A continuation that is asked for, and one that is held against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The prompt.
    pub prompt: String,
    /// The continuation.
    pub target: String,
    /// The other continuation, where there is one.
    pub other: Option<String>,
}

/// What a figure is computed from.
#[derive(Debug, Clone, Copy)]
pub enum Computed {
    /// From the answer.
    Alone(fn(&Score) -> f64),
    /// From the answer, and that with the other continuation.
    Against(fn(&Score, &Score) -> f64),
    /// From the answer, and what the unedited base answers.
    SinceBase(fn(&Score, &Score) -> f64),
}

/// A measure on the texts that a model writes for a case.
#[derive(Debug)]
pub struct Writing {
    /// Its name in the paper.
    pub name: &'static str,
    /// What it says, in words.
    pub about: &'static str,
    /// What is computed; `None` where the case lacks what it is compared with.
    pub computed: fn(&Written<'_>) -> Option<f64>,
    /// How papers print it.
    pub unit: Unit,
}

/// How a model goes on with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoding {
    /// Each token is drawn. It takes long, so only where it is asked for.
    Sampled,
    /// So many tokens, each the likeliest; always.
    Greedy {
        /// Tokens after the beginning.
        tokens: usize,
    },
}

/// What a model wrote for a case.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// The texts, beginnings included.
    pub texts: &'a [String],
    /// The case.
    pub case: &'a Case,
    /// What words weigh.
    pub weights: &'a Weights,
}

/// Scores by what was asked. What could not be asked is not among them.
pub type Answers = BTreeMap<PromptTarget, Score>;

/// The figures of a case: by measure, then by writing; `None` where it was not measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Vec<Option<f64>>);

impl Question {
    fn asked(&self) -> PromptTarget {
        PromptTarget { prompt: self.prompt.clone(), target: self.target.clone() }
    }

    fn other(&self) -> Option<PromptTarget> {
        Some(PromptTarget { prompt: self.prompt.clone(), target: self.other.clone()? })
    }
}

impl Measure {
    /// All that is asked of a version.
    fn asked(&self, case: &Case) -> Vec<PromptTarget> {
        let questions = (self.asks)(case);
        let against = matches!(self.computed, Computed::Against(_));
        let others = questions.iter().filter(|_| against).filter_map(Question::other);
        questions.iter().map(Question::asked).chain(others).collect()
    }

    fn value(&self, case: &Case, now: &Answers, base: &Answers) -> Option<f64> {
        let questions = (self.asks)(case);
        let values = questions.iter().filter_map(|question| {
            let said = now.get(&question.asked())?;
            match self.computed {
                Computed::Alone(value) => Some(value(said)),
                Computed::Against(value) => Some(value(said, now.get(&question.other()?)?)),
                Computed::SinceBase(value) => Some(value(said, base.get(&question.asked())?)),
            }
        });
        mean(&values.collect::<Vec<_>>())
    }
}

impl Protocol {
    /// All that is asked of a version.
    #[must_use]
    pub fn asked(&self, cases: &[Case]) -> BTreeSet<PromptTarget> {
        self.measures.iter().flat_map(|m| cases.iter().flat_map(|case| m.asked(case))).collect()
    }

    /// All that is asked of the unedited base besides.
    #[must_use]
    pub fn asked_of_base(&self, cases: &[Case]) -> BTreeSet<PromptTarget> {
        let since = |m: &&Measure| matches!(m.computed, Computed::SinceBase(_));
        let measures = self.measures.iter().filter(since);
        measures.flat_map(|m| cases.iter().flat_map(|case| m.asked(case))).collect()
    }

    /// The names of the figures in a [`Row`], in order.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let measures = self.measures.iter().map(|measure| measure.name);
        measures.chain(self.writings.iter().map(|writing| writing.name)).collect()
    }

    /// The figures of `case`; `written` are the texts that the model wrote for it, if it did.
    #[must_use]
    pub fn row(
        &self,
        case: &Case,
        now: &Answers,
        base: &Answers,
        written: Option<Written<'_>>,
    ) -> Row {
        let measured = self.measures.iter().map(|measure| measure.value(case, now, base));
        let written = self.writings.iter().map(|writing| (writing.computed)(written.as_ref()?));
        Row(measured.chain(written).collect())
    }
}

/// A line of a protocol's table.
pub(super) const fn measure(
    name: &'static str,
    unit: Unit,
    asks: fn(&Case) -> Vec<Question>,
    computed: Computed,
    about: &'static str,
) -> Measure {
    Measure { name, about, asks, computed, unit }
}

/// A line about texts.
pub(super) const fn writing(
    name: &'static str,
    unit: Unit,
    computed: fn(&Written<'_>) -> Option<f64>,
    about: &'static str,
) -> Writing {
    Writing { name, about, computed, unit }
}

/// Arithmetic mean; `None` of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts of cases are small")]
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
