//! How a file begins: what no parser has to be asked about.

use std::io::{BufRead, Chain, Cursor, Read};

use super::Problem;

/// Bytes that are looked at.
const LOOKED_AT: u64 = 512;

/// The whole reader again, without a byte order mark.
pub(super) type Begun<R> = Chain<Cursor<Vec<u8>>, R>;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// What is no text in UTF-8, by how it begins.
const OTHERS: [(&[u8], &str, &str); 9] = [
    (b"\x1f\x8b", "compressed by gzip", "unpack it: zcat FILE | kledger add --format nt -"),
    (b"BZh", "compressed by bzip2", "unpack it: bzcat FILE | kledger add --format nt -"),
    (b"\xfd7zXZ", "compressed by xz", "unpack it: xzcat FILE | kledger add --format nt -"),
    (
        b"\x28\xb5\x2f\xfd",
        "compressed by zstd",
        "unpack it: zstdcat FILE | kledger add --format nt -",
    ),
    (b"PK\x03\x04", "a zip archive", "unpack it and name the file in it"),
    (b"$HDT", "of the binary format HDT", "convert it to N-Triples: hdt2rdf FILE NEW.nt"),
    (b"\xff\xfe", "in UTF-16", UTF_16),
    (b"\xfe\xff", "in UTF-16", UTF_16),
    (b"%PDF", "a PDF", "name a file of triples"),
];

const UTF_16: &str = "convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW";

/// Looks at how `reader` begins.
///
/// # Errors
/// When that is not how a text in UTF-8 begins, or there is nothing at all.
pub(super) fn begun<R: BufRead>(mut reader: R) -> Result<Begun<R>, Problem> {
    let mut start = Vec::new();
    reader.by_ref().take(LOOKED_AT).read_to_end(&mut start).map_err(Problem::Read)?;
    let other = OTHERS.iter().find(|(start_of, ..)| start.starts_with(start_of));
    if let Some((_, what, remedy)) = other {
        return Err(Problem::NotText { what, remedy });
    }
    if let [first, second, ..] = start.as_slice()
        && (*first == 0) != (*second == 0)
    {
        let remedy = "convert it: iconv -f UTF-16BE -t UTF-8 FILE > NEW, or -f UTF-16LE";
        return Err(Problem::NotText { what: "in UTF-16", remedy });
    }
    if start.contains(&0) {
        return Err(Problem::NotText { what: "binary", remedy: "name a file of triples" });
    }
    let text = start.strip_prefix(MARK).unwrap_or(&start);
    let lower = text.trim_ascii_start().to_ascii_lowercase();
    if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") {
        let remedy = "a page about the data is not the data: ask the server for it, for example curl -L -H \
                      'Accept: text/turtle' URL";
        return Err(Problem::NotText { what: "a page in HTML", remedy });
    }
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    let skipped = (start.len() - text.len()) as u64;
    let mut begun = Cursor::new(start);
    begun.set_position(skipped);
    Ok(begun.chain(reader))
}
