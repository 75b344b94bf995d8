//! Context prefixes: what may stand before a prompt.

use super::settings::Search;
use crate::{
    editor::error::EditError,
    model::{Choice, Model},
};

/// What prefixes begin with, in turn.
const OPENINGS: [&str; 5] = ["The", "Therefore", "Because", "I", "You"];

/// How many of the likeliest tokens each is drawn from.
const TOP: usize = 5;

/// Samples context prefixes from the model as it is. Each is text without braces (they would mean a
/// place to fill in) and without line breaks.
///
/// # Errors
/// When the model cannot be run.
pub fn sample_prefixes(
    model: &Model,
    settings: &Search,
    seed: u64,
) -> Result<Vec<String>, EditError> {
    let tokens = model.tokens();
    let length = tokens.lead().len() + settings.prefix_tokens;
    let mut rows = Vec::new();
    for opening in OPENINGS.iter().cycle().take(settings.prefix_count) {
        let mut ids = tokens.encode(opening)?.ids;
        ids.truncate(length);
        rows.push(ids);
    }
    let shortest = rows.iter().map(Vec::len).min().unwrap_or(0);
    let new = length - shortest.min(length);
    let choice = Choice::Sample { temperature: 1.0, top: TOP, seed };
    let generated = model.decoder().generate(&rows, new, choice, &[])?;
    let texts = rows.into_iter().zip(generated).map(|(mut ids, more)| {
        ids.extend(more.ids);
        ids.truncate(length);
        Ok(tokens.decode(&ids)?.replace(['{', '}', '\n'], " ").trim().to_owned())
    });
    texts.collect()
}
