//! Where the files of somebody's checkpoint are.
//!
//! A copy of a checkpoint is for handing on. A link in a directory that was handed to its user could point to any
//! file of theirs, which would go along in every checkout. So links are followed within the directory,
//! and from a snapshot of a Hugging Face cache to the blobs beside it, and no further.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::error::CheckpointError;

/// Makes sure that the file `name` of the checkpoint in `dir`, if it is there, is a file that belongs to it.
///
/// # Errors
/// [`CheckpointError::Outside`] when a link points outside; [`CheckpointError::Read`] when it leads nowhere or to
/// no file.
pub(super) fn check(dir: &Path, name: &str) -> Result<(), CheckpointError> {
    let path = dir.join(name);
    let read = |source| CheckpointError::Read { path: path.clone(), source };
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_file() => return Ok(()),
        Ok(found) if found.is_symlink() => {}
        Ok(_) => return Err(read(io::Error::other("it is no file"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(read(error)),
    }
    let (target, dir) = (path.canonicalize().map_err(read)?, dir.canonicalize().map_err(read)?);
    let blobs = blobs(&dir).and_then(|blobs| blobs.canonicalize().ok());
    if !target.starts_with(&dir) && !blobs.is_some_and(|blobs| target.starts_with(blobs)) {
        return Err(CheckpointError::Outside { path, target, dir });
    }
    if !target.is_file() {
        return Err(read(io::Error::other("its target is no file")));
    }
    Ok(())
}

/// Where a Hugging Face cache keeps the files of the snapshot that `dir` is or is in.
fn blobs(dir: &Path) -> Option<PathBuf> {
    let snapshots = dir.ancestors().skip(1).find(|dir| dir.ends_with("snapshots"))?;
    Some(snapshots.with_file_name("blobs"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_where_they_belong_to_the_checkpoint() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let snapshot = at("hub/models--a/snapshots/1");
        for dir in ["hub/models--a/snapshots/1/more", "hub/disk/blobs", "elsewhere"] {
            fs::create_dir_all(at(dir)).unwrap();
        }
        // A cache whose blobs are on another disk.
        symlink(at("hub/disk/blobs"), at("hub/models--a/blobs")).unwrap();
        for file in ["hub/disk/blobs/b", "elsewhere/secret", "hub/models--a/snapshots/1/plain"] {
            fs::write(at(file), file).unwrap();
        }
        for (name, target) in [
            ("inside", "plain"),
            ("blob", "../../blobs/b"),
            ("more/blob", "../../../blobs/b"),
            ("outside", "../../../../elsewhere/secret"),
            ("nowhere", "gone"),
            ("round", "round"),
            ("folder", "more"),
        ] {
            symlink(target, snapshot.join(name)).unwrap();
        }
        for fine in ["plain", "inside", "blob", "more/blob", "not-there"] {
            check(&snapshot, fine).unwrap();
        }
        check(&snapshot.join("more"), "blob").unwrap();
        let outside = check(&snapshot, "outside").unwrap_err();
        assert!(matches!(outside, CheckpointError::Outside { .. }), "{outside}");
        for unreadable in ["nowhere", "round", "folder", "more"] {
            let error = check(&snapshot, unreadable).unwrap_err();
            assert!(matches!(error, CheckpointError::Read { .. }), "{error}");
        }
    }
}
