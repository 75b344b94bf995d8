//! Turtle and its relatives in pieces that end between tokens.
//!
//! The parser begins a token anew whenever it is given more of it, so a literal of many lines would cost the square
//! of its length if it came line by line, and one that never ends would be held for ever.

use std::io::{self, BufRead};

use super::{
    Problem,
    limits::{DEPTH, TOKEN},
};

/// Bytes after which a piece ends with any token, and not with a line.
const PIECE: usize = 64 << 10;

/// The pieces of a reader. A piece is a line, or some lines where a token has many; of a very long line it is a part.
pub(super) struct Pieces<R> {
    reader: R,
    piece: Vec<u8>,
    within: Within,
    /// Bytes since the token began.
    token: usize,
    /// Brackets that are open.
    depth: usize,
    /// Number of the line in which the piece ends, from 1.
    line: u64,
    at_start: bool,
}

/// What the next byte is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Names, marks and white space.
    Plain,
    /// Behind a backslash in a name.
    Escaped,
    /// `<...>`.
    Iri,
    /// `#...`.
    Comment,
    /// Behind the first of some quotes.
    Quote(u8),
    /// Behind the second of some quotes.
    Quotes(u8),
    /// A literal of one line, perhaps behind a backslash.
    Short(u8, bool),
    /// A literal of many lines, behind so many quotes, perhaps behind a backslash.
    Long(u8, u8, bool),
}

impl<R: BufRead> Pieces<R> {
    /// Those of `reader`, before which the source has some lines.
    pub(super) const fn new(reader: R, lines_before: u64) -> Self {
        Self {
            reader,
            piece: Vec::new(),
            within: Within::Plain,
            token: 0,
            depth: 0,
            line: lines_before,
            at_start: true,
        }
    }

    /// Number of the line in which the last piece ends, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// Whether something in the last piece looks like a triple in another.
    pub(super) fn has_triple_term(&self) -> bool {
        let piece = String::from_utf8_lossy(&self.piece);
        ["<<(", "<< "].iter().any(|start| piece.contains(start))
    }

    /// The next piece; at the end it has no bytes.
    ///
    /// # Errors
    /// When the reader fails, or a token is too long or too deep in others.
    pub(super) fn next(&mut self) -> Result<&[u8], Problem> {
        self.piece.clear();
        loop {
            let ready = match self.reader.fill_buf() {
                Ok(ready) => ready,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Problem::Read(error)),
            };
            if ready.is_empty() {
                return Ok(&self.piece);
            }
            let (mut taken, mut whole) = (0, false);
            let mut wrong = Ok(());
            for byte in ready {
                taken += 1;
                if self.at_start {
                    self.line += 1;
                }
                self.at_start = *byte == b'\n';
                self.within = self.within.after(*byte);
                self.token += 1;
                if self.within == Within::Plain {
                    wrong = plain(*byte, &mut self.token, &mut self.depth);
                    whole = *byte == b'\n' || self.token == 0 && self.piece.len() + taken >= PIECE;
                } else if self.token > TOKEN {
                    wrong = Err(Problem::too_long("a literal, IRI or comment", TOKEN));
                }
                if whole || wrong.is_err() {
                    break;
                }
            }
            self.piece.extend_from_slice(&ready[..taken]);
            self.reader.consume(taken);
            wrong?;
            if whole {
                return Ok(&self.piece);
            }
        }
    }
}

/// Takes note of a byte that is in no IRI, literal or comment, or ends one.
fn plain(byte: u8, token: &mut usize, depth: &mut usize) -> Result<(), Problem> {
    match byte {
        b'[' | b'(' | b'{' => *depth += 1,
        b']' | b')' | b'}' => *depth = depth.saturating_sub(1),
        b' ' | b'\t' | b'\r' | b'\n' | b',' | b';' | b'>' => {}
        _ if *token > TOKEN => return Err(Problem::too_long("a name", TOKEN)),
        _ => return Ok(()),
    }
    *token = 0;
    if *depth > DEPTH { Err(Problem::too_deep("brackets", DEPTH)) } else { Ok(()) }
}

impl Within {
    const fn after(self, byte: u8) -> Self {
        match (self, byte) {
            // Nothing but a literal with three quotes goes on in the next line, whatever is wrong with it.
            (Self::Long(quote, _, true), _) => Self::Long(quote, 0, false),
            (Self::Long(quote, _, false), b'\\') => Self::Long(quote, 0, true),
            (Self::Long(quote, count, false), _) => {
                if byte != quote {
                    Self::Long(quote, 0, false)
                } else if count == 2 {
                    Self::Plain
                } else {
                    Self::Long(quote, count + 1, false)
                }
            }
            (_, b'\n') | (Self::Escaped, _) | (Self::Iri, b'>') => Self::Plain,
            (Self::Short(quote, true), _) => Self::Short(quote, false),
            (Self::Short(quote, false), _) => Self::short(quote, byte),
            (Self::Quote(quote), _) => {
                if byte == quote {
                    Self::Quotes(quote)
                } else {
                    Self::short(quote, byte)
                }
            }
            (Self::Quotes(quote), _) if byte == quote => Self::Long(quote, 0, false),
            // Behind an empty literal, or in a name.
            (Self::Quotes(_) | Self::Plain, b'\\') => Self::Escaped,
            (Self::Iri, _) | (Self::Quotes(_) | Self::Plain, b'<') => Self::Iri,
            (Self::Comment, _) | (Self::Quotes(_) | Self::Plain, b'#') => Self::Comment,
            (Self::Quotes(_) | Self::Plain, b'"' | b'\'') => Self::Quote(byte),
            (Self::Quotes(_) | Self::Plain, _) => Self::Plain,
        }
    }

    const fn short(quote: u8, byte: u8) -> Self {
        match byte {
            b'\\' => Self::Short(quote, true),
            _ if byte == quote => Self::Plain,
            _ => Self::Short(quote, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        let mut pieces = Pieces::new(text.as_bytes(), 0);
        let mut all = Vec::new();
        loop {
            match pieces.next().unwrap() {
                [] => return all,
                piece => all.push(String::from_utf8(piece.to_vec()).unwrap()),
            }
        }
    }

    #[test]
    fn a_piece_is_a_line_unless_a_literal_has_many() {
        let lines = [
            "<http://a.b/#c\"> \"\" , \"\\\"\" , '#' , '\"' ; # \"\"\" <\n",
            "a:it\\'s a:b\\#c \"\"\"one\n\"\"two\\\"\"\"\nthree\"\"\" , ''''a''\n''' ; a:b \"\" .\n",
            "a:b \"not closed\n",
            "<not closed\n",
            "a:c a:d a:e . # at the end",
        ];
        assert_eq!(pieces(&lines.concat()), lines);
    }

    #[test]
    fn a_long_line_is_cut_between_tokens() {
        let text = "<http://a.b/c> ".repeat(10_000);
        let pieces = pieces(&text);
        assert!(pieces.len() > 1);
        assert!(pieces.iter().all(|piece| piece.len() < PIECE + 100));
        assert!(pieces.iter().all(|piece| piece.ends_with(['>', ' '])));
        assert_eq!(pieces.concat(), text);
    }

    #[test]
    fn what_never_ends_is_refused() {
        let text = [b"'''\n".as_slice(), &vec![b'a'; TOKEN]].concat();
        let mut pieces = Pieces::new(text.as_slice(), 0);
        assert!(matches!(pieces.next(), Err(Problem::TooLong { .. })));
        let text = "[".repeat(DEPTH + 1);
        let mut pieces = Pieces::new(text.as_bytes(), 0);
        assert!(matches!(pieces.next(), Err(Problem::TooDeep { .. })));
    }
}
