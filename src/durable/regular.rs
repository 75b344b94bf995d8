//! Files that a user named or somebody gave to them: regular ones of a bounded size.

use std::{
    fs::{File, FileType, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
};

use rustix::fs::OFlags;

/// Opens a regular file, or a link to one, to be read. A pipe would keep its reader waiting and a device may
/// never end, so both are refused, without waiting.
///
/// # Errors
/// When it cannot be opened or is something else.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // Neither waits for a writer nor takes a terminal; for a regular file both mean nothing.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() { Ok(file) } else { Err(refused(kind)) }
}

/// The bytes of a regular file that has at most `limit` of them.
///
/// # Errors
/// As [`open_regular`], and when it is longer.
pub fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let stated = file.metadata()?.len();
    let mut bytes = Vec::new();
    if stated <= limit {
        // What it says of its length is not relied on: files of the system say none.
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    }
    let found = stated.max(bytes.len() as u64);
    if found > limit {
        let why = format!("it has {found} bytes or more; at most {limit} are read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

fn refused(kind: FileType) -> io::Error {
    let what = if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "something else"
    };
    io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, not a regular file"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::fs::{CWD, FileType as Kind, Mode, mknodat};

    use super::*;

    /// Opening a pipe used to wait for somebody to write to it.
    #[test]
    fn only_regular_files_are_opened() {
        let root = tempfile::tempdir().unwrap();
        let (file, link, pipe) =
            (root.path().join("file"), root.path().join("link"), root.path().join("pipe"));
        fs::write(&file, "text").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        mknodat(CWD, &pipe, Kind::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        for regular in [&file, &link] {
            assert_eq!(read_regular(regular, 4).unwrap(), b"text");
        }
        let why = |path: &Path| open_regular(path).unwrap_err().to_string();
        assert_eq!(why(&pipe), "it is a pipe, not a regular file");
        assert_eq!(why(Path::new("/dev/zero")), "it is a device, not a regular file");
        assert_eq!(why(root.path()), "it is a directory, not a regular file");
    }

    #[test]
    fn a_file_is_read_up_to_a_limit() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, [0xff; 5]).unwrap();
        assert_eq!(read_regular(&file, 5).unwrap().len(), 5);
        let error = read_regular(&file, 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(error.to_string().contains("at most 4 "), "{error}");
        // It says that it has no bytes.
        assert!(read_regular(Path::new("/proc/self/status"), 4).is_err());
    }
}
