//! Texts as they are compared: without capitals, with single spaces.

use unicode_normalization::UnicodeNormalization as _;

/// A character without capitals; what would become several characters stays.
pub(super) fn fold(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// A text in Unicode normalisation form C, without capitals, with single spaces and plain apostrophes.
pub(super) fn folded(text: &str) -> String {
    let text: String = text.nfc().map(fold).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('’', "'")
}

/// Whether a character can end a sentence, or stand behind what ends it.
pub(super) const fn is_end(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '"' | '”' | '»' | ')' | ' ')
}

/// The words of a text and where each begins.
pub(super) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_letter = |c: char| c.is_alphanumeric() || c == '\'';
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + text[rest..].find(is_letter)?;
        let length = text[start..].find(|c| !is_letter(c)).unwrap_or(text.len() - start);
        rest = start + length;
        Some((start, text[start..rest].trim_matches('\'')))
    })
}

/// `text` without an article at its end.
pub(super) fn without_article(text: &str) -> &str {
    let text = text.trim();
    match text.strip_suffix("the") {
        Some("") => "",
        Some(rest) if rest.ends_with(' ') => rest.trim_end(),
        _ => text,
    }
}
