//! Room for what frees room: a file of no use that is given up when the disk is full, so that `gc`, `reset` and
//! `fsck` can still write the little they need.

use std::{fs, io, path::Path};

use super::{Store, leftovers};
use crate::durable;

/// Its name in the store.
const FILE: &str = "reserve";
/// Its length in bytes: a journal's record, a few packs, and a small index made anew.
const LENGTH: u64 = 4 << 20;
/// With less than this free no room is taken.
const PLENTY: u64 = 4 * LENGTH;

impl Store {
    /// Gives up the reserve, and what was left half written, where the disk has less room than that.
    pub fn make_room(&self) {
        let dir = self.dir();
        if free(dir).is_ok_and(|free| free < LENGTH) {
            // What is here can be missing; a write then says what it lacks.
            let _ignored = fs::remove_file(dir.join(FILE));
        }
    }

    /// Takes room for when there is none, where there is plenty.
    pub(super) fn keep_room(dir: &Path) {
        let path = dir.join(FILE);
        if path.exists() || !free(dir).is_ok_and(|free| free > PLENTY) {
            return;
        }
        let taken = durable::call("reserve: take", || {
            let file = fs::File::create_new(&path)?;
            allocate(&file)
        });
        if taken.is_err() {
            let _ignored = leftovers::remove(&[path]);
        }
    }
}

fn free(dir: &Path) -> io::Result<u64> {
    let told = rustix::fs::statvfs(dir)?;
    Ok(told.f_bavail.saturating_mul(told.f_frsize))
}

#[cfg(target_os = "linux")]
fn allocate(file: &fs::File) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    Ok(fallocate(file, FallocateFlags::empty(), 0, LENGTH)?)
}

#[cfg(not(target_os = "linux"))]
fn allocate(_: &fs::File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
