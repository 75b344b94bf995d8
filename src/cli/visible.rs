//! Text that kledger did not write, such as names, messages and paths, so that a terminal shows all of it.
//!
//! A terminal obeys control characters, lets some others turn the direction of what it shows, and shows
//! others not at all. Here they become `\n`, `\u001B` or `\U000E0041`, as N-Triples spells them. What
//! people read goes through [`line`] on its way to [`super::page::Page`] and to standard error, and what
//! programs read through [`json`].

use std::{borrow::Cow, fmt::Write};

/// Text on one line. Newlines in it are shown too; tabs stay.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut before = None;
    let mut chars = text.chars().peekable();
    let mut shown = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push(c),
            c if joins(c) && [before, chars.peek().copied()].into_iter().all(is_joined) => {
                shown.push(c);
            }
            c if hides(c) || joins(c) => escape(&mut shown, c),
            c => shown.push(c),
        }
        before = Some(c);
    }
    Cow::Owned(shown)
}

/// An error, whose further lines are indented: any other newline is not the error's own.
pub(super) fn error(text: &str) -> String {
    let lines: Vec<Cow<'_, str>> = text.split("\n  ").map(line).collect();
    lines.join("\n  ")
}

/// A JSON text that means the same. What JSON itself is made of is never hidden, so all that is stands in
/// strings.
pub(super) fn json(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| c != '\n' && (hides(c) || joins(c));
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(shown, "\\u{unit:04x}").expect("because a string can always be written");
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

fn escape(shown: &mut String, c: char) {
    let code = u32::from(c);
    let written =
        if code > 0xffff { write!(shown, "\\U{code:08X}") } else { write!(shown, "\\u{code:04X}") };
    written.expect("because a string can always be written");
}

/// Control characters, and Unicode's format characters (Cf) but for those of [`joins`] and the signs of
/// Arabic and other numbers, which are seen; besides, separators that begin a line.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

/// The joiner and its opposite: between letters of Persian or Hindi and in some emoji they are part of the
/// spelling, elsewhere they are not seen.
const fn joins(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

fn is_joined(neighbour: Option<char>) -> bool {
    neighbour.is_some_and(|c| !c.is_ascii() && !hides(c) && !joins(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_or_hides_is_shown() {
        for (text, shown) in [
            ("plain \\n", "plain \\n"),
            ("Zürich 東京\ta", "Zürich 東京\ta"),
            ("\u{1b}]0;title\u{7}", "\\u001B]0;title\\u0007"),
            ("a\nb\r\n", "a\\nb\\r\\n"),
            ("\u{9b}2J\u{7f}", "\\u009B2J\\u007F"),
            ("\u{202e}evil\u{2066}", "\\u202Eevil\\u2066"),
            ("pay\u{200d}pal\u{200b}", "pay\\u200Dpal\\u200B"),
            ("\u{200c}می\u{200c}خواهم\u{200c}", "\\u200Cمی\u{200c}خواهم\\u200C"),
            ("👩\u{200d}🚀", "👩\u{200d}🚀"),
            ("\u{e0041}", "\\U000E0041"),
        ] {
            assert_eq!(line(text), shown);
            assert_eq!(line(shown), shown, "once is enough");
        }
    }

    #[test]
    fn a_line_of_an_error_is_no_line_of_kledgers() {
        assert_eq!(error("two:\n  a\nhint: b\n  c\u{7}"), "two:\n  a\\nhint: b\n  c\\u0007");
    }

    #[test]
    fn json_means_the_same() {
        let value =
            serde_json::json!({ "a\u{9b}\u{1b}": ["\u{202e}\u{7f}\n", "\u{e0041}ü\u{200d}"] });
        let text = value.to_string();
        let shown = json(&text);
        assert!(!shown.contains(|c| hides(c) || joins(c)), "{shown}");
        assert!(shown.contains("\\udb40\\udc41ü"), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
