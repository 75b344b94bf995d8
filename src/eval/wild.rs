//! Edits without teacher forcing, as "The Mirage of Model Editing" asks for (Yang et al. 2025): the model writes on by itself,
//! and what it wrote is read.
//!
//! The paper has a model grade the texts, or compares words; here words are compared. What becomes of the subject's other
//! facts is asked besides: neighbours alone do not show it.

use super::{
    Case,
    protocol::{
        Computed::SinceBase, Decoding, Protocol, Question, Written, mean, measure, writing,
    },
    questions::{known, paraphrases, question},
    score::Score,
    summary::Unit::Percent,
};

/// What the model writes of the edit, in its own words and in others; whether other answers are whole as the base's,
/// right or wrong.
#[rustfmt::skip]
pub const WILD: Protocol = Protocol {
    name: "wild",
    version: 1,
    measures: &[
        measure("Locality", Percent, known, SinceBase(same), "neighbourhood: whole answers as the base says them"),
        measure("Subject", Percent, companions, SinceBase(same), "the subject's other facts: whole answers as the base says them"),
    ],
    writings: &[
        writing("Reliability", Percent, reliability, "edit prompt: the text says the new object and not the one before"),
        writing("Generalization", Percent, generalization, "in other words: the text says the new object and not the one before"),
    ],
    beginnings: |case| {
        let others = paraphrases(case).into_iter().map(|question| question.prompt);
        std::iter::once(case.text()).chain(others).collect()
    },
    decoding: Decoding::Greedy { tokens: 20 },
    score: &[],
};

fn companions(case: &Case) -> Vec<Question> {
    case.companions.iter().map(question).collect()
}

fn same(now: &Score, base: &Score) -> f64 {
    f64::from(u8::from(now.likeliest == base.likeliest))
}

fn reliability(written: &Written<'_>) -> Option<f64> {
    mean(&says(written).take(1).collect::<Vec<_>>())
}

fn generalization(written: &Written<'_>) -> Option<f64> {
    mean(&says(written).skip(1).collect::<Vec<_>>())
}

/// Of each text 1 where what the model wrote says the new object and not the one before, else 0.
fn says(written: &Written<'_>) -> impl Iterator<Item = f64> {
    let case = written.case;
    let beginnings = (WILD.beginnings)(case).into_iter();
    written.texts.iter().zip(beginnings).map(|(text, beginning)| {
        let own = text.strip_prefix(&beginning).unwrap_or(text);
        let truth = case.truth.as_deref().filter(|truth| !truth.is_empty());
        // An object can be a part of the other's name, as England is of New England: the longer one is looked for first.
        let (new, before) = match truth {
            None => (without(own, &case.target) != own, false),
            Some(truth) if truth.len() > case.target.len() => {
                let (before, new) = says_both(own, truth, &case.target);
                (new, before)
            }
            Some(truth) => says_both(own, &case.target, truth),
        };
        f64::from(u8::from(new && !before))
    })
}

/// Whether a text says the longer phrase, and besides it the shorter one.
fn says_both(text: &str, longer: &str, shorter: &str) -> (bool, bool) {
    let rest = without(text, longer);
    (rest != text, without(&rest, shorter) != rest)
}

/// A text less a phrase, wherever it stands as whole words.
fn without(text: &str, phrase: &str) -> String {
    let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut rest = String::new();
    let mut from = 0;
    for (at, found) in text.match_indices(phrase) {
        let end = at + found.len();
        if !inside(text[..at].chars().next_back()) && !inside(text[end..].chars().next()) {
            rest.push_str(&text[from..at]);
            from = end;
        }
    }
    rest.push_str(&text[from..]);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Weights;

    fn written(texts: &[&str], truth: Option<&str>) -> (Option<f64>, Option<f64>) {
        let case = Case {
            prompt: "{subject} is in".to_owned(),
            subject: "The tower".to_owned(),
            target: "Rome".to_owned(),
            truth: truth.map(str::to_owned),
            paraphrases: vec!["Where is the tower? In".to_owned(), "It stands in".to_owned()],
            ..Case::default()
        };
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        let weights = Weights::default();
        let written = Written { texts: &texts, case: &case, weights: &weights };
        (reliability(&written), generalization(&written))
    }

    #[test]
    fn what_is_written_says_the_new_object_and_not_the_one_before() {
        let texts = [
            "The tower is in Rome. It is old.",
            "Where is the tower? In Paris.",
            "It stands in the city of Rome",
        ];
        assert_eq!(written(&texts, Some("Paris")), (Some(1.0), Some(0.5)));
        // Both are no answer.
        let texts = [
            "The tower is in Rome, a part of Paris.",
            "Where is the tower? In Rome",
            "It stands in Romeville",
        ];
        assert_eq!(written(&texts, Some("Paris")), (Some(0.0), Some(0.5)));
        assert_eq!(written(&texts[..1], None), (Some(1.0), None));
    }

    #[test]
    fn an_object_within_the_others_name_is_not_counted_as_said() {
        let texts = ["The tower is in Rome."];
        assert_eq!(written(&texts, Some("New Rome")).0, Some(1.0));
        assert_eq!(written(&["The tower is in New Rome."], Some("New Rome")).0, Some(0.0));
        assert_eq!(written(&["The tower is in Rome."], Some("Rom")).0, Some(1.0));
        assert_eq!(without("Rome and Romeo, Rome", "Rome"), " and Romeo, ");
    }
}
