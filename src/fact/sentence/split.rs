//! A text into its sentences.

use unicode_normalization::UnicodeNormalization as _;

use super::folded::fold;

/// What is shortened by a full stop.
const SHORTENED: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "st", "mt", "ft", "gen", "col", "capt", "lt", "sgt", "rev",
    "jr", "sr", "vs", "e.g", "i.e", "cf", "no", "vol", "fig", "approx", "ca", "c", "inc", "ltd",
    "co", "corp",
];

/// A sentence of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// Its words, with single spaces.
    pub text: String,
    /// The line on which it begins, from 1.
    pub line: u64,
}

/// The sentences of a text. A paragraph ends at a blank line. `with_stops` says where in a text names stand that have
/// full stops in them.
pub(super) fn sentences(
    text: &str,
    with_stops: impl Fn(&str) -> Vec<(usize, usize)>,
) -> Vec<Sentence> {
    let text: String = text.nfc().collect();
    let (mut found, mut paragraph) = (Vec::new(), Paragraph::default());
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            std::mem::take(&mut paragraph).split(&with_stops, &mut found);
        } else {
            paragraph.take(number, line);
        }
    }
    paragraph.split(&with_stops, &mut found);
    found
}

/// Characters, each with its line.
#[derive(Default)]
struct Paragraph(Vec<(char, u64)>);

impl Paragraph {
    fn take(&mut self, number: u64, line: &str) {
        for word in line.split_whitespace() {
            if !self.0.is_empty() {
                self.0.push((' ', number));
            }
            self.0.extend(word.chars().map(|c| (c, number)));
        }
    }

    fn split(self, with_stops: &impl Fn(&str) -> Vec<(usize, usize)>, found: &mut Vec<Sentence>) {
        let characters: Vec<char> = self.0.iter().map(|(c, _)| *c).collect();
        let folded: String = characters.iter().map(|c| fold(*c)).collect();
        let places: Vec<usize> = folded.char_indices().map(|(at, _)| at).collect();
        let number = |at: usize| places.partition_point(|place| *place < at);
        let names = with_stops(&folded).into_iter();
        let names: Vec<(usize, usize)> =
            names.map(|(start, end)| (number(start), number(end))).collect();
        let mut start = 0;
        for at in 0..characters.len() {
            if let Some(end) = end(&characters, at, &names) {
                self.sentence(start, end, found);
                start = end;
            }
        }
        self.sentence(start, characters.len(), found);
    }

    fn sentence(&self, start: usize, end: usize, found: &mut Vec<Sentence>) {
        let part = &self.0[start..end];
        let text: String = part.iter().map(|(c, _)| *c).collect();
        let first = part.iter().find(|(c, _)| *c != ' ');
        if let Some((_, line)) = first.filter(|_| text.contains(char::is_alphanumeric)) {
            found.push(Sentence { text: text.trim().to_owned(), line: *line });
        }
    }
}

/// Where the sentence ends that the character at `at` ends, if it ends one.
fn end(characters: &[char], at: usize, names: &[(usize, usize)]) -> Option<usize> {
    if !matches!(characters[at], '.' | '!' | '?' | '…') {
        return None;
    }
    // The last character of a name may end the sentence too.
    if names.iter().any(|(start, end)| (*start..end - 1).contains(&at)) {
        return None;
    }
    let closes =
        |c: &&char| matches!(c, '.' | '!' | '?' | '…' | '"' | '”' | '»' | ')' | '\'' | '’');
    let end = at + 1 + characters[at + 1..].iter().take_while(closes).count();
    match (characters.get(end), characters.get(end + 1)) {
        (None, _) => return Some(end),
        (Some(' '), Some(next)) if !next.is_lowercase() => {}
        _ => return None,
    }
    (characters[at] != '.' || !is_shortened(&characters[..at])).then_some(end)
}

/// Whether the last word of what stands before a full stop is an initial or shortened.
fn is_shortened(before: &[char]) -> bool {
    let mut words = before.rsplit(|c| *c == ' ');
    let word: String = words.next().unwrap_or_default().iter().collect();
    let mut letters = word.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        // `John F. Kennedy`, and not `The symbol for Nitrogen is N.`
        let earlier = words.next().unwrap_or_default();
        return letter.is_uppercase() && earlier.first().is_none_or(|c| !c.is_lowercase());
    }
    SHORTENED.contains(&word.to_lowercase().trim_start_matches('('))
}
