//! Files that the user names, to be read as text: opened without waiting for ever, unpacked, and read up to a limit.

mod packed;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Cursor, Read},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

pub use packed::unpacked;

/// Bytes of a text that is held as a whole. The corpus on which MEMIT takes its statistics has a quarter of it, the
/// largest benchmark a tenth.
pub const WHOLE: u64 = 1 << 30;
/// Bytes at the beginning in which no text has a NUL.
const LOOKED_AT: usize = 4096;
/// How long a named pipe may have nobody who writes to it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens the file at `path`. A named pipe is waited for, but not for ever where nobody writes to it.
///
/// # Errors
/// When it cannot be opened, is a directory, or a pipe without a writer.
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        let text = "it is a directory: name the files in it";
        return Err(io::Error::new(io::ErrorKind::IsADirectory, text));
    }
    if kind.is_fifo() {
        return open_pipe(path);
    }
    Ok(Box::new(BufReader::new(File::open(path)?)))
}

fn open_pipe(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    let mut first = vec![0; LOOKED_AT];
    let asked = Instant::now();
    let read = loop {
        match file.read(&mut first) {
            Ok(0) if asked.elapsed() > PATIENCE => {
                let seconds = PATIENCE.as_secs();
                let text = format!(
                    "it is a pipe, and nobody wrote to it for {seconds} seconds: start what writes to it first"
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            Ok(0) => thread::sleep(Duration::from_millis(20)),
            Ok(read) => break read,
            // Somebody is there who has not written yet.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break 0,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    };
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    first.truncate(read);
    Ok(Box::new(Cursor::new(first).chain(BufReader::new(file))))
}

/// The text in the file at `path`, unpacked, without a byte order mark.
///
/// # Errors
/// When it cannot be read, is no text in UTF-8, or is longer than [`WHOLE`].
pub fn text(path: &Path) -> io::Result<String> {
    text_of(open(path)?)
}

/// [`text`] of what `reader` gives.
///
/// # Errors
/// As [`text`].
pub fn text_of(reader: Box<dyn BufRead + Send>) -> io::Result<String> {
    let refuse = |text: &str| Err(io::Error::new(io::ErrorKind::InvalidData, text));
    let mut reader = unpacked(reader);
    let mut bytes = Vec::new();
    reader.by_ref().take(LOOKED_AT as u64).read_to_end(&mut bytes)?;
    if bytes.contains(&0) {
        return refuse(
            "it is no text: there are NUL bytes in it (UTF-16 is to be converted to UTF-8)",
        );
    }
    reader.take(WHOLE + 1 - bytes.len() as u64).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > WHOLE {
        return refuse("it is longer than 1 GiB, which is read as a whole: name a part of it");
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            return refuse(&format!("byte {at} is not UTF-8: convert it with iconv -t UTF-8"));
        }
    };
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_refused_and_a_mark_is_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let said = |bytes: &[u8]| {
            let path = dir.path().join("text");
            fs::write(&path, bytes).unwrap();
            text(&path).map_err(|error| error.to_string())
        };
        assert_eq!(said(b"\xef\xbb\xbfa"), Ok("a".to_owned()));
        assert!(said(b"a\0b").unwrap_err().contains("NUL"));
        assert!(said(b"a\xe9b").unwrap_err().contains("byte 1 is not UTF-8"));
        assert!(text(Path::new("/dev/zero")).unwrap_err().to_string().contains("NUL"));
        assert!(text(dir.path()).unwrap_err().to_string().contains("directory"));
    }
}
