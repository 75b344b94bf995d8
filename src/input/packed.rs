//! Files that are packed by gzip, bzip2 or zstd, unpacked while they are read.
//!
//! What a file is is told by its first bytes. What comes out of it is limited by what went in: a bomb ends early.

use std::{
    fmt,
    io::{self, BufRead, BufReader, Cursor, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// Bytes that come out for each that went in, when more than [`FREE`] came out already. Triples of large dumps
/// make ten to thirty.
const RATIO: u64 = 100;
/// Bytes that may come out whatever went in.
const FREE: u64 = 64 << 20;
/// Bytes that are unpacked at a time.
const AT_ONCE: usize = 256 << 10;

/// A program that packs files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Gzip,
    Bzip2,
    Zstd,
}

/// How files of each begin.
const STARTS: [(Packing, &[u8]); 3] =
    [(Packing::Gzip, b"\x1f\x8b"), (Packing::Bzip2, b"BZh"), (Packing::Zstd, b"\x28\xb5\x2f\xfd")];
/// Bytes that tell one from another.
const LOOKED_AT: u64 = 4;

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Zstd => "zstd",
        })
    }
}

/// `reader`, or what is packed in it. What is packed twice is unpacked once. Whatever cannot be read is an error when
/// it is read.
#[must_use]
pub fn unpacked(mut reader: Box<dyn BufRead + Send>) -> Box<dyn BufRead + Send> {
    let mut start = Vec::new();
    if let Err(error) = reader.by_ref().take(LOOKED_AT).read_to_end(&mut start) {
        return Box::new(BufReader::new(Broken(Some(error))));
    }
    let packing = STARTS.iter().find(|(_, begins)| start.starts_with(begins));
    let whole = Cursor::new(start).chain(reader);
    let Some((packing, _)) = packing else { return Box::new(whole) };
    let read = Arc::new(AtomicU64::new(0));
    let packed = Counted { reader: whole, read: Arc::clone(&read) };
    let unpacking: Box<dyn Read + Send> = match packing {
        Packing::Gzip => Box::new(MultiGzDecoder::new(packed)),
        Packing::Bzip2 => Box::new(MultiBzDecoder::new(packed)),
        Packing::Zstd => Box::new(Frames::new(packed)),
    };
    let limited = Limited { unpacking, packing: *packing, read, made: 0 };
    Box::new(BufReader::with_capacity(AT_ONCE, limited))
}

/// What could not be read.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Counts what is read.
struct Counted<R> {
    reader: R,
    read: Arc<AtomicU64>,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(out)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.read.fetch_add(amount as u64, Ordering::Relaxed);
        self.reader.consume(amount);
    }
}

/// Ends where more comes out than went in with any sense, and says in words what is wrong with what is packed.
struct Limited {
    unpacking: Box<dyn Read + Send>,
    packing: Packing,
    read: Arc<AtomicU64>,
    made: u64,
}

impl Read for Limited {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let made = self.unpacking.read(out).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => {
                let text = format!("what {} packed is damaged or cut off: {error}", self.packing);
                io::Error::new(io::ErrorKind::InvalidData, text)
            }
        })?;
        self.made += made as u64;
        if self.made > FREE + RATIO * self.read.load(Ordering::Relaxed) {
            let text = format!("what {} packed is more than {RATIO} times as long", self.packing);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok(made)
    }
}

/// The frames of zstd one after another: programs that use many threads write several.
struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    /// Whether the decoder is within a frame.
    open: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), open: false }
    }

    /// Goes to the next frame, over those that have no data; there may be none.
    fn next_frame(&mut self) -> io::Result<()> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.open = true;
                    break;
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = self.source.by_ref().take(length.into());
                    io::copy(&mut skipped, &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(())
    }

    /// Makes sure that the frame is as it was packed.
    fn close(&mut self) -> io::Result<()> {
        self.open = false;
        let (written, found) =
            (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
        match written.zip(found) {
            Some((written, found)) if written != found => {
                Err(io::Error::other("its checksum is another one"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.open {
                self.next_frame()?;
                if !self.open {
                    return Ok(0);
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let some = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.source, some).map_err(io::Error::other)?;
            }
            match self.decoder.read(out)? {
                0 if !out.is_empty() => self.close()?,
                read => return Ok(read),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use bzip2::write::BzEncoder;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn pack(packing: Packing, bytes: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Gzip => {
                let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::default());
                packed.write_all(bytes).unwrap();
                packed.finish().unwrap()
            }
            Packing::Bzip2 => {
                let mut packed = BzEncoder::new(Vec::new(), bzip2::Compression::default());
                packed.write_all(bytes).unwrap();
                packed.finish().unwrap()
            }
            Packing::Zstd => compress_to_vec(bytes, CompressionLevel::Fastest),
        }
    }

    fn read(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        unpacked(Box::new(Cursor::new(bytes))).read_to_end(&mut read)?;
        Ok(read)
    }

    const ALL: [Packing; 3] = [Packing::Gzip, Packing::Bzip2, Packing::Zstd];

    #[test]
    fn files_of_several_parts_are_read_to_their_end() {
        let parts: Vec<Vec<u8>> = (0..3)
            .map(|part| (0..300_000_u32).map(|n| (n / 3).to_le_bytes()[part]).collect())
            .collect();
        for packing in ALL {
            let packed: Vec<u8> = parts.iter().flat_map(|part| pack(packing, part)).collect();
            assert_eq!(read(packed).unwrap(), parts.concat(), "{packing}");
            assert_eq!(read(pack(packing, b"")).unwrap(), b"", "{packing}");
        }
        assert_eq!(read(b"BZ".to_vec()).unwrap(), b"BZ");
        // A frame of zstd for other programs.
        let skipped = [&b"\x5a\x2a\x4d\x18\x03\0\0\0abc"[..], &pack(Packing::Zstd, b"b")].concat();
        assert_eq!(read([pack(Packing::Zstd, b"a"), skipped].concat()).unwrap(), b"ab");
    }

    #[test]
    fn what_is_damaged_or_cut_off_is_an_error() {
        let text: Vec<u8> =
            (0..100_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
        for packing in ALL {
            let packed = pack(packing, &text);
            let said = |bytes: Vec<u8>| {
                read(bytes).map(|read| read.len()).map_err(|error| {
                    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                    error.to_string()
                })
            };
            for end in [5, packed.len() / 2, packed.len() - 1] {
                let error = said(packed[..end].to_vec()).unwrap_err();
                assert!(error.contains(&format!("what {packing} packed is damaged")), "{error}");
            }
            let mut damaged = packed.clone();
            damaged[packed.len() / 2] ^= 0x10;
            assert!(said(damaged).is_err(), "{packing}");
        }
    }

    #[test]
    fn a_bomb_ends_early() {
        let zeros = vec![b'a'; 160 << 20];
        for packing in ALL {
            let packed = pack(packing, &zeros);
            let error = read(packed).map(|read| read.len()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{packing}: {error}");
        }
    }
}
