//! Text that kledger did not write, such as names, messages and paths, so that a terminal shows all of it.
//!
//! A terminal obeys control characters, lets some others turn the direction of what it shows, and shows
//! others not at all. Here they become `\n`, `\u001B` or `\U000E0041`, as N-Triples spells them. What
//! people read goes through [`line`] on its way to [`super::page::Page`] and to standard error, and what
//! programs read through [`json`] or [`Spelled`].

use std::{borrow::Cow, fmt::Write, io};

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
            escape_in_json(&mut shown, c);
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// How a format of data spells characters that a terminal would obey or hide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As N-Triples and Turtle do.
    NTriples,
    /// As JSON does.
    Json,
    /// It has none.
    None,
}

/// Data on its way to standard output, in which such characters are spelled. It means what it meant.
pub(super) struct Spelled<W: io::Write> {
    out: W,
    spelling: Spelling,
    /// The beginning of a character whose other bytes are still to come.
    begun: Vec<u8>,
}

impl<W: io::Write> Spelled<W> {
    pub(super) const fn new(out: W, spelling: Spelling) -> Self {
        Self { out, spelling, begun: Vec::new() }
    }

    fn put(&mut self, text: &str) -> io::Result<()> {
        let hidden = |c: char| !matches!(c, '\n' | '\r' | '\t') && (hides(c) || joins(c));
        if self.spelling == Spelling::None || !text.contains(hidden) {
            return self.out.write_all(text.as_bytes());
        }
        let mut shown = String::with_capacity(text.len());
        for c in text.chars() {
            match self.spelling {
                _ if !hidden(c) => shown.push(c),
                Spelling::Json => escape_in_json(&mut shown, c),
                Spelling::NTriples | Spelling::None => escape(&mut shown, c),
            }
        }
        self.out.write_all(shown.as_bytes())
    }
}

impl<W: io::Write> io::Write for Spelled<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        let begun = std::mem::take(&mut self.begun);
        let whole = match std::str::from_utf8(&begun) {
            Ok(text) => text,
            Err(error) => {
                let (whole, rest) = begun.split_at(error.valid_up_to());
                self.begun = rest.to_vec();
                if error.error_len().is_some() {
                    return Err(io::Error::other("it is not UTF-8"));
                }
                std::str::from_utf8(whole).unwrap_or_default()
            }
        };
        self.put(whole)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn escape(shown: &mut String, c: char) {
    let code = u32::from(c);
    let written =
        if code > 0xffff { write!(shown, "\\U{code:08X}") } else { write!(shown, "\\u{code:04X}") };
    written.expect("because a string can always be written");
}

fn escape_in_json(shown: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        write!(shown, "\\u{unit:04x}").expect("because a string can always be written");
    }
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
    use std::io::Write as _;

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

    /// Every such character, in a name and in a text, in each format that can spell it.
    #[test]
    fn rdf_means_the_same() {
        use crate::fact::{
            Fact, Iri, Literal, Term,
            read::{Format, read_triples},
            write::{RdfFormat, RdfWriter},
        };
        let unseen = ('\0'..=char::MAX).filter(|c| hides(*c) || joins(*c));
        let facts: Vec<Fact> = unseen
            .flat_map(|c| {
                let object = Term::Literal(Literal::text(&format!("a{c}b")));
                let iri = Iri::new(&format!("http://dbpedia.org/resource/a{c}b"));
                let subject = iri.or_else(|_| Iri::new("http://dbpedia.org/resource/x")).unwrap();
                Some(Fact { predicate: subject.clone(), subject, object })
            })
            .collect();
        assert!(facts.len() > 200, "{}", facts.len());
        for (written, read, spelling) in [
            (RdfFormat::NTriples, Format::NTriples, Spelling::NTriples),
            (RdfFormat::Turtle, Format::Turtle, Spelling::NTriples),
            (RdfFormat::JsonLd, Format::JsonLd, Spelling::Json),
        ] {
            let mut writer = RdfWriter::new(written, Spelled::new(Vec::new(), spelling));
            facts.iter().for_each(|fact| writer.fact(fact).unwrap());
            let text = String::from_utf8(writer.finish().unwrap().out).unwrap();
            assert!(!text.contains(|c| c != '\n' && c != '\t' && (hides(c) || joins(c))));
            let triples = read_triples(text.as_bytes(), read, "written");
            let mut found: Vec<Fact> = triples.map(|triple| triple.unwrap().0).collect();
            let mut wanted = facts.clone();
            found.sort();
            wanted.sort();
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn a_character_may_come_in_pieces() {
        let mut spelled = Spelled::new(Vec::new(), Spelling::NTriples);
        for byte in "a\u{9b}\u{e0041}ü\n".as_bytes() {
            spelled.write_all(&[*byte]).unwrap();
        }
        assert_eq!(String::from_utf8(spelled.out).unwrap(), "a\\u009B\\U000E0041ü\n");
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
