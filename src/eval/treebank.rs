//! Text to words.

/// What stands for itself wherever it stands.
const ALONE: &str = "?!;@#$%&*()[]{}<>“”«»‘’„`";

/// What closes a sentence with its full stop.
const CLOSING: [char; 8] = [')', ']', '}', '>', '"', '\'', '”', '»'];

/// Words of which two are made.
const JOINED: [(&str, usize); 6] =
    [("cannot", 3), ("gimme", 3), ("gonna", 3), ("gotta", 3), ("lemme", 3), ("wanna", 3)];

/// The words of `text` by the conventions of the Penn Treebank: marks stand alone, `'s`, `n't` and
/// their like are words, a full stop is one at the end of a sentence only. Where a sentence ends is
/// guessed: before a word with a capital or a quotation mark, and at the end of the text.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chunks = text.split_whitespace().peekable();
    while let Some(chunk) = chunks.next() {
        let last = chunks.peek().is_none_or(|next| {
            next.starts_with(|c: char| c.is_uppercase() || ['"', '“', '«', '`'].contains(&c))
        });
        Chunk { text: chunk, last, word: String::new(), found: &mut found }.split();
    }
    found
}

/// Characters between two spaces.
struct Chunk<'a> {
    text: &'a str,
    /// Whether a sentence may end with it.
    last: bool,
    word: String,
    found: &'a mut Vec<String>,
}

impl Chunk<'_> {
    fn split(&mut self) {
        let mut at = 0;
        while let Some(c) = self.text[at..].chars().next() {
            let rest = &self.text[at..];
            let after = &rest[c.len_utf8()..];
            let taken = match c {
                '"' if self.word.is_empty() && !after.is_empty() => self.mark("``", 1),
                '"' => self.mark("''", 1),
                '-' if after.starts_with('-') => self.mark("--", 2),
                '.' if after.starts_with('.') => {
                    let dots = rest.len() - rest.trim_start_matches('.').len();
                    self.mark(&rest[..dots], dots)
                }
                '.' if self.last && after.trim_start_matches(CLOSING).is_empty() => {
                    self.mark(".", 1)
                }
                ',' | ':' if !after.starts_with(|c: char| c.is_ascii_digit()) => {
                    self.mark(&rest[..1], 1)
                }
                '\'' if !self.word.is_empty() && is_clitic(after) => {
                    let end = 1 + after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
                    self.mark(&rest[..end], end)
                }
                c if ALONE.contains(c) => self.mark(&rest[..c.len_utf8()], c.len_utf8()),
                c => {
                    self.word.push(c);
                    c.len_utf8()
                }
            };
            at += taken;
        }
        self.end();
    }

    /// A word that is one by itself; gives back how many bytes it takes.
    fn mark(&mut self, mark: &str, bytes: usize) -> usize {
        self.end();
        self.found.push(mark.to_owned());
        bytes
    }

    /// The word so far is whole.
    fn end(&mut self) {
        let word = std::mem::take(&mut self.word);
        let lower = word.to_lowercase();
        let joined = JOINED.iter().find(|(text, _)| *text == lower).map(|(_, at)| *at);
        let negated = (lower.ends_with("n't") && word.len() > 3).then(|| word.len() - 3);
        match joined.or(negated) {
            Some(at) if word.is_char_boundary(at) => {
                self.found.extend([word[..at].to_owned(), word[at..].to_owned()]);
            }
            _ if word.is_empty() => {}
            _ => self.found.push(word),
        }
    }
}

/// Whether what follows an apostrophe is a word with it: nothing, `s`, `m`, `d`, `ll`, `re` or `ve`.
fn is_clitic(after: &str) -> bool {
    let end = after.find(|c: char| !c.is_alphanumeric()).unwrap_or(after.len());
    ["", "s", "m", "d", "ll", "re", "ve"].contains(&after[..end].to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_treebank() {
        for (text, expected) in [
            ("Rome isn't far, is it?", "Rome|is|n't|far|,|is|it|?"),
            ("He can't; they cannot.", "He|ca|n't|;|they|can|not|."),
            ("It cost $3,000.50 (in 1999).", "It|cost|$|3,000.50|(|in|1999|)|."),
            ("The U.S. won. \"Good\", he said...", "The|U.S.|won|.|``|Good|''|,|he|said|..."),
            (
                "Ada's dogs' toys: we'll see -- o'clock",
                "Ada|'s|dogs|'|toys|:|we|'ll|see|--|o'clock",
            ),
            ("  ", ""),
        ] {
            assert_eq!(words(text).join("|"), expected);
        }
    }
}
