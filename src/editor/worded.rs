//! Requests in tokens, as they are trained on: what is to be said, and what is to stay.

use super::{error::EditError, locate::lookup::Asked};
use crate::{
    fact::Request,
    model::{Direction, Model, ModelError, Question},
};

/// A request, worded in one prompt or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::editor) struct Worded {
    /// What is wanted after each prompt, the one that edits are made with first.
    pub(in crate::editor) edited: Vec<Question>,
    /// Prompts about the subject's other facts, read where they go on; nothing is wanted there but what is said already.
    pub(in crate::editor) kept: Vec<Question>,
}

impl Worded {
    /// Puts `request` into tokens, no more than `context` of each text. Only if they are to `rephrase` it are there prompts
    /// beside the first.
    ///
    /// # Errors
    /// When a prompt has no subject or is too long, or what is wanted has no token.
    pub(in crate::editor) fn new(
        model: &Model,
        rephrase: bool,
        request: &Request,
        context: usize,
    ) -> Result<Self, EditError> {
        match model.spec().direction {
            Direction::Forward => {
                Asked::new(model.tokens(), &[], rephrase, request, context).map(Self::from)
            }
            Direction::Both => Self::at_once(model, rephrase, request, context),
        }
    }

    fn at_once(
        model: &Model,
        rephrase: bool,
        request: &Request,
        context: usize,
    ) -> Result<Self, EditError> {
        let refuse = |error: ModelError| EditError::Request {
            subject: request.subject.clone(),
            why: error.to_string(),
        };
        let tokens = model.tokens();
        let others = if rephrase { request.rephrasings.as_slice() } else { &[] };
        let text = |prompt: &String| prompt.replace("{subject}", &request.subject);
        let edited = std::iter::once(&request.prompt).chain(others).map(|prompt| {
            let question = tokens.question(&text(prompt), &request.target);
            question.and_then(|question| question.within(context)).map_err(refuse)
        });
        let kept = request.kept.iter().filter_map(|prompt| {
            let question = tokens.open_question(&text(prompt)).map_err(refuse);
            question.map(|question| question.within(context).ok()).transpose()
        });
        Ok(Self {
            edited: edited.collect::<Result<_, _>>()?,
            kept: kept.collect::<Result<_, _>>()?,
        })
    }
}

impl From<Asked> for Worded {
    fn from(asked: Asked) -> Self {
        let Asked { contexts, kept, target, .. } = asked;
        let edited = contexts.into_iter().map(|context| {
            let prompt = context.ids.len() + 1 - target.len();
            let reads = (prompt - 1..context.ids.len()).collect();
            Question { ids: context.ids, prompt, reads, wanted: target.clone() }
        });
        let edited = edited.collect();
        let open = |ids: Vec<u32>| {
            let (prompt, reads) = (ids.len(), vec![ids.len() - 1]);
            Question { ids, prompt, reads, wanted: Vec::new() }
        };
        Self { edited, kept: kept.into_iter().map(|kept| open(kept.ids)).collect() }
    }
}
