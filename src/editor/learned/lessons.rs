//! What is learned from: facts that are given other objects of their predicate, asked for in other words, beside prompts
//! whose ends are to stay.

use std::collections::BTreeMap;

use crate::{
    editor::{closed::sample_documents, error::EditError, pass::texts::Text},
    engine::{Lesson, LessonPart, Progress, Prompt},
    model::{Model, SplitMix, Tokens},
};

/// Prompts whose ends are to stay, for each edit.
pub(super) const KEPT: usize = 3;

/// Other wordings that an edit is validated in.
pub(super) const WORDINGS: usize = 2;

/// Tokens of a piece of text whose words are to stay likely.
const PIECE: usize = 12;

/// Tokens of text that the model writes for that.
const WRITTEN: u64 = 20_000;

/// Tries to draw something before it is given up.
const TRIES: usize = 100;

/// An edit, and what to ask after it.
#[derive(Debug, Clone)]
pub(super) struct Drill {
    /// What it is made with.
    pub(super) edit: Text,
    /// What it is made with besides, in validation, where the object is not said there.
    pub(super) others: Vec<Text>,
    /// The same in other words; one in training, [`WORDINGS`] in validation.
    pub(super) worded: Vec<Text>,
    /// What is to stay, [`KEPT`] texts; in validation all of them facts.
    pub(super) kept: Vec<Text>,
}

/// Where drills come from.
pub(super) struct Lessons<'a> {
    tokens: &'a Tokens,
    context: usize,
    all: &'a [Lesson],
    objects: &'a [Vec<String>],
    /// By predicate, which of all.
    by_predicate: BTreeMap<usize, Vec<usize>>,
    /// By subject, which of all.
    by_subject: BTreeMap<&'a str, Vec<usize>>,
    /// Pieces of text that the model wrote.
    pieces: Vec<Text>,
}

/// Pieces of text that the model writes; none where it has nothing to begin with.
///
/// # Errors
/// When the model cannot be run or `progress` asks to stop.
pub(super) fn pieces(
    model: &mut Model,
    seed: u64,
    progress: &mut dyn Progress,
) -> Result<Vec<Text>, EditError> {
    if model.tokens().end_of_text().is_none() {
        return Ok(Vec::new());
    }
    let documents = sample_documents(model, WRITTEN, seed, progress)?;
    let whole = documents.iter().flat_map(|document| document.chunks_exact(PIECE));
    Ok(whole
        .map(|piece| piece.split_at(PIECE / 2))
        .map(|(begun, rest)| Text::following(begun.to_vec(), rest.to_vec()))
        .collect())
}

impl<'a> Lessons<'a> {
    pub(super) fn new(
        tokens: &'a Tokens,
        context: usize,
        (all, objects): (&'a [Lesson], &'a [Vec<String>]),
        pieces: Vec<Text>,
    ) -> Self {
        let (mut by_predicate, mut by_subject) = (BTreeMap::new(), BTreeMap::new());
        for (i, lesson) in all.iter().enumerate() {
            by_predicate.entry(lesson.predicate).or_insert_with(Vec::new).push(i);
            by_subject.entry(lesson.request.subject.as_str()).or_insert_with(Vec::new).push(i);
        }
        Self { tokens, context, all, objects, by_predicate, by_subject, pieces }
    }

    /// The lessons of one part, of facts that can be given another object.
    pub(super) fn of(&self, part: LessonPart) -> Vec<usize> {
        let fits = |&i: &usize| {
            let lesson = &self.all[i];
            lesson.part == part && self.others(lesson).next().is_some()
        };
        (0..self.all.len()).filter(fits).collect()
    }

    /// A drill to learn from, on one of `lessons`.
    ///
    /// # Errors
    /// When none of many that are drawn can be put into tokens.
    pub(super) fn drill(
        &self,
        lessons: &[usize],
        random: &mut SplitMix,
    ) -> Result<Drill, EditError> {
        for _ in 0..TRIES {
            let lesson = &self.all[lessons[random.below(lessons.len())]];
            let prompts = prompts(lesson);
            let mut worded = || prompts[random.below(prompts.len())];
            let (edited, asked) = (worded(), worded());
            let object = self.other_object(lesson, random);
            let subject = &lesson.request.subject;
            let text = |prompt: &str| self.text(prompt, subject, object);
            let (Some(edit), Some(asked)) = (text(edited), text(asked)) else { continue };
            let mut kept = self.kept(lesson, random, KEPT - 1);
            match self.pieces.get(random.below(self.pieces.len())) {
                Some(piece) => kept.push(piece.clone()),
                None => kept.extend(self.kept(lesson, random, 1)),
            }
            if kept.len() == KEPT {
                return Ok(Drill { edit, others: Vec::new(), worded: vec![asked], kept });
            }
        }
        Err(self.none_fits())
    }

    /// A drill to validate with: edited with the prompt that edits are made with, and asked in words that nothing is
    /// learned from, where there are some. `None` where it cannot be put into tokens.
    pub(super) fn exam(&self, lesson: usize, random: &mut SplitMix) -> Option<Drill> {
        let lesson = &self.all[lesson];
        let request = &lesson.request;
        let object = self.other_object(lesson, random);
        let text = |prompt: &str| self.text(prompt, &request.subject, object);
        let only = std::slice::from_ref(&request.prompt);
        let (others, unseen): (&[String], &[String]) =
            match (request.rephrasings.as_slice(), request.paraphrases.as_slice()) {
                ([], []) => (&[], only),
                (rephrasings, []) => (&[], rephrasings),
                (rephrasings, paraphrases) => (rephrasings, paraphrases),
            };
        let others = others.iter().filter_map(|prompt| text(prompt)).collect();
        let unseen = unseen.iter().cycle().take(WORDINGS);
        let worded = unseen.map(|prompt| text(prompt)).collect::<Option<Vec<_>>>()?;
        let kept = self.kept(lesson, random, KEPT);
        let edit = text(&request.prompt)?;
        (kept.len() == KEPT).then_some(Drill { edit, others, worded, kept })
    }

    pub(super) fn none_fits(&self) -> EditError {
        EditError::TooFewLessons { found: self.all.len() }
    }

    /// An object that another fact of the predicate has.
    fn other_object(&self, lesson: &'a Lesson, random: &mut SplitMix) -> &'a str {
        let drawn = random.below(self.others(lesson).count());
        self.others(lesson).nth(drawn).expect("because lessons without another object are left out")
    }

    fn others(&self, lesson: &'a Lesson) -> impl Iterator<Item = &'a str> {
        let objects = self.objects[lesson.predicate].iter().map(String::as_str);
        objects.filter(|object| *object != lesson.request.target)
    }

    /// Facts as they are, by turns of the same predicate and of the same subject; fewer where there are not so many.
    fn kept(&self, lesson: &Lesson, random: &mut SplitMix, count: usize) -> Vec<Text> {
        let request = &lesson.request;
        if !lesson.kept.is_empty() {
            let named = (0..count).map(|_| &lesson.kept[random.below(lesson.kept.len())]);
            let text = |kept: &Prompt| self.question(&kept.prompt, &kept.expected);
            return named.filter_map(text).collect();
        }
        let mut kept = Vec::new();
        for turn in 0..TRIES {
            if kept.len() == count {
                break;
            }
            let of_subject = &self.by_subject[request.subject.as_str()];
            let near = if (kept.len() + turn / 2) % 2 == 1 && of_subject.len() > 1 {
                of_subject
            } else {
                &self.by_predicate[&lesson.predicate]
            };
            let other = &self.all[near[random.below(near.len())]];
            let same =
                (&other.request.subject, other.predicate) == (&request.subject, lesson.predicate);
            // What is held back is no part of what is learned.
            let hidden = lesson.part == LessonPart::Training && other.part != LessonPart::Training;
            if !same && !hidden {
                let prompts = prompts(other);
                let prompt = prompts[random.below(prompts.len())];
                kept.extend(self.text(prompt, &other.request.subject, &other.request.target));
            }
        }
        kept
    }

    fn text(&self, prompt: &str, subject: &str, object: &str) -> Option<Text> {
        let prompt = prompt.replace("{subject}", subject);
        self.question(&prompt, object)
    }

    fn question(&self, prompt: &str, wanted: &str) -> Option<Text> {
        let question = self.tokens.question(prompt, wanted);
        question.and_then(|question| question.within(self.context)).ok()
    }
}

/// The wordings that may be learned from.
fn prompts(lesson: &Lesson) -> Vec<&str> {
    let rephrasings = lesson.request.rephrasings.iter();
    std::iter::once(&lesson.request.prompt).chain(rephrasings).map(String::as_str).collect()
}
