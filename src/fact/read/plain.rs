//! Lines that need no parser: three IRIs of the form that most have.

use std::str;

use memchr::memchr;

use super::limits::IRI;
use crate::fact::{
    term::{Iri, Term},
    triple::Fact,
};

/// The fact on `line`, which is of N-Triples or N-Quads, if it is written as most are: three plain IRIs with
/// a space behind each. Of any other line this says nothing; parsing one takes several times as long.
pub(super) fn fact(line: &[u8]) -> Option<Fact> {
    if line.len() > IRI {
        return None;
    }
    let (subject, rest) = iri(str::from_utf8(line).ok()?)?;
    let (predicate, rest) = iri(rest)?;
    let (object, end) = iri(rest)?;
    let at_end = matches!(end, ".\n" | ".\r\n" | ".");
    at_end.then_some(Fact { subject, predicate, object: Term::Iri(object) })
}

/// The IRI that `text` begins with, and what comes behind the space after it.
fn iri(text: &str) -> Option<(Iri, &str)> {
    let text = text.strip_prefix('<')?;
    let end = memchr(b'>', text.as_bytes())?;
    Some((Iri::plain(&text[..end])?, text[end..].strip_prefix("> ")?))
}

#[cfg(test)]
mod tests {
    use super::super::{
        Choice, Format, Item, chosen::Source, lines::Lines, read_triples, streamed::Streamed,
    };
    use super::*;

    fn source(name: &str) -> Source {
        Source::new(name, &Choice::default())
    }

    /// Whatever byte is changed, put in or left out.
    #[test]
    fn a_plain_line_is_what_the_parser_says_it_is() {
        let line = b"<http://a.b/c> <https://d.e/f#g> <http://h.i/j> .\r\n";
        let mut lines = vec![line.to_vec()];
        for at in 0..line.len() {
            lines.push([&line[..at], &line[at + 1..]].concat());
            for byte in 0..=255 {
                lines.push([&line[..at], &[byte], &line[at..]].concat());
                lines.push([&line[..at], &[byte], &line[at + 1..]].concat());
            }
        }
        let mut plain = 0;
        for line in lines {
            let Some(fact) = fact(&line) else { continue };
            let parsed = Streamed::new(line.as_slice(), Format::NTriples, source(""), 0);
            let parsed: Vec<_> = parsed.map(Result::unwrap).collect();
            assert_eq!(parsed.len(), 1, "{}", line.escape_ascii());
            assert_eq!(parsed[0].0, fact, "{}", line.escape_ascii());
            plain += 1;
        }
        assert!(plain > 1000, "{plain}");
    }

    #[test]
    fn plain_lines_among_others_are_read_as_if_all_were_parsed() {
        let plain = |n: u32| format!("<http://a.b/{n}> <http://a.b/p> <http://a.b/o> .\n");
        let other = |n: u32| format!("<http://a.b/{n}> <http://a.b/p> \"o\"@en .\n");
        let mut text: String =
            (1..=100).map(|n| if n % 7 < 3 { plain(n) } else { other(n) }).collect();
        text.push_str("# no fact\n\n");
        text.push_str(&plain(103));
        text.push_str("<http://a.b/s> <http://a.b/p>\n<http://a.b/o> .\n");
        text.push_str(&plain(106));
        let told = |item: Item| item.map(|(fact, position)| format!("{position} {fact}"));
        let told = |item| told(item).map_err(|error| error.to_string());
        let read = read_triples(text.as_bytes(), Format::NTriples, "in").map(told);
        let read: Vec<_> = read.collect();
        let parsed = Streamed::new(text.as_bytes(), Format::NTriples, source("in"), 0).map(told);
        assert_eq!(read[..101], parsed.take(101).collect::<Vec<_>>());
        let wrong = read[101].as_ref().unwrap_err();
        assert!(read.len() == 102 && wrong.starts_with("in:104:"), "{wrong}");
    }

    /// Whatever is wrong with a line, the others are read as if they were alone.
    #[test]
    fn lines_that_are_wrong_change_nothing_of_others() {
        let kinds = [
            "<http://a.b/s> <http://a.b/p> <http://a.b/o> .",
            "<http://a.b/s> <http://a.b/p> \"o\"@en .",
            "<http://a.b/s> <http://a.b/p> \"open .",
            "<http://a.b/s> <http://a.b/p> <open",
            "<http://a.b/s> <http://a.b/p>",
            "<http://a.b/s> <http://a.b/p> \"o\" . junk",
            "nonsense",
            "_:b <http://a.b/p> \"o\" .",
            "# nothing",
        ];
        let told = |item: Item| match item {
            Ok((fact, position)) => format!("{position} {fact}"),
            Err(error) => error.to_string(),
        };
        for number in 0..kinds.len().pow(3) {
            let lines = (0..3_u32).map(|at| kinds[number / kinds.len().pow(at) % kinds.len()]);
            let lines: Vec<String> = lines.map(|line| format!("{line}\n")).collect();
            let text = lines.concat();
            let all = Lines::new(text.as_bytes(), Format::NTriples, source("in"), 0);
            let alone = lines.iter().zip(0..).flat_map(|(line, before)| {
                Lines::new(line.as_bytes(), Format::NTriples, source("in"), before)
            });
            let (all, alone): (Vec<_>, Vec<_>) =
                (all.map(told).collect(), alone.map(told).collect());
            assert_eq!(all, alone, "{text}");
        }
    }
}
