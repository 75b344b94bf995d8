//! Requests in tokens: the texts in which a fact is looked up.

use crate::{
    editor::error::EditError,
    fact::Request,
    model::{ModelError, Tokens},
};

/// A text, and the token at which its subject's facts are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::editor) struct Lookup {
    /// All tokens.
    pub(in crate::editor) ids: Vec<u32>,
    /// Index of the subject's last token.
    pub(super) subject_last: usize,
}

impl Lookup {
    /// Everything before the subject's last token: never touched by an edit.
    pub(super) fn head(&self) -> &[u32] {
        &self.ids[..self.subject_last]
    }

    /// The subject's last token and what follows.
    pub(super) fn tail(&self) -> &[u32] {
        &self.ids[self.subject_last..]
    }

    /// Everything up to the subject's last token.
    pub(super) fn through_subject(&self) -> &[u32] {
        &self.ids[..=self.subject_last]
    }
}

/// A request in tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::editor) struct Asked {
    /// Whom it is about, for messages.
    pub(in crate::editor) subject: String,
    /// The prompts bare, then one after each prefix; each followed by the target but for its last
    /// token, so that the tail's last `target.len()` tokens predict the target.
    pub(in crate::editor) contexts: Vec<Lookup>,
    /// How many of the contexts are bare prompts, the one edits are made with first.
    pub(super) bare: usize,
    /// "{subject} is a", cut off after the subject: what it is like is read there.
    pub(super) essence: Lookup,
    /// Prompts about the subject's other facts, to their end: what they mean is to stay.
    pub(in crate::editor) kept: Vec<Lookup>,
    /// What is to follow the prompt.
    pub(in crate::editor) target: Vec<u32>,
}

impl Asked {
    /// Puts `request` into tokens, bare and after each of `prefixes`, where its prompts take turns.
    /// Only if they are to `rephrase` it are there others than the first; `context` is the longest
    /// sequence the model takes.
    pub(in crate::editor) fn new(
        tokens: &Tokens,
        prefixes: &[String],
        rephrase: bool,
        request: &Request,
        context: usize,
    ) -> Result<Self, EditError> {
        let refuse = |why: String| EditError::Request { subject: request.subject.clone(), why };
        let others = if rephrase { request.rephrasings.as_slice() } else { &[] };
        let halves = |prompt| -> Result<(&str, &str), EditError> {
            let halves = str::split_once(prompt, "{subject}");
            halves.ok_or_else(|| refuse(format!("{prompt:?} has no {{subject}}")))
        };
        let prompts: Vec<(&str, &str)> = std::iter::once(&request.prompt)
            .chain(others)
            .map(|prompt| halves(prompt))
            .collect::<Result<_, _>>()?;
        let look_up = |before: &str, after: &str| -> Result<Lookup, EditError> {
            let text = format!("{before}{}{after}", request.subject);
            let subject = before.len()..before.len() + request.subject.len();
            let (encoded, subject_last) =
                tokens.last_token_of(&text, subject).map_err(|e| refuse(e.to_string()))?;
            Ok(Lookup { ids: encoded.ids, subject_last })
        };

        let bare = look_up(prompts[0].0, prompts[0].1)?;
        let target = tokens
            .continuation(&request.text(), &bare.ids, &request.target)
            .map_err(|e| refuse(e.to_string()))?;
        let Some((_, all_but_last)) = target.split_last() else {
            return Err(refuse("its object has no token".to_owned()));
        };

        let mut contexts = vec![bare];
        for (before, after) in &prompts[1..] {
            contexts.push(look_up(before, after)?);
        }
        let bare = contexts.len();
        let turns = prompts.iter().cycle().skip(1);
        for (prefix, (before, after)) in prefixes.iter().zip(turns) {
            contexts.push(look_up(&format!("{} {before}", sentence(prefix)), after)?);
        }
        for lookup in &mut contexts {
            lookup.ids.extend(all_but_last);
            let length = lookup.ids.len();
            if length > context {
                return Err(refuse(format!("{length} tokens are too many, {context} may be read")));
            }
        }
        let mut essence = look_up("", " is a")?;
        essence.ids.truncate(essence.subject_last + 1);
        let mut kept = Vec::new();
        for prompt in &request.kept {
            let (before, after) = halves(prompt)?;
            kept.push(look_up(before, after)?);
        }
        kept.retain(|lookup| lookup.ids.len() <= context);
        Ok(Self { subject: request.subject.clone(), contexts, bare, essence, kept, target })
    }
}

/// Tokens that the contexts behind each of `prefixes` begin with, as far as words do not run together.
pub(in crate::editor) fn openings(
    tokens: &Tokens,
    prefixes: &[String],
) -> Result<Vec<Vec<u32>>, ModelError> {
    prefixes.iter().map(|prefix| Ok(tokens.encode(&sentence(prefix))?.ids)).collect()
}

fn sentence(prefix: &str) -> String {
    format!("{prefix}.")
}

/// Requests that share a δ, each with its number in the edit.
pub(in crate::editor) type Group<'a> = Vec<(usize, &'a Asked)>;
