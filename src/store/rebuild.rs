//! Building the index again from packs and journal: beside the one that is there, which goes only when the
//! new one is whole.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Session, StoreError,
    border::Apart,
    collection,
    index::Everything,
    journal::{Entry, Journal, Position},
    leftovers,
    pack::Packs,
    summary::Summary,
};
use crate::durable::{self, FilledDir};

/// The journal's records, without the names of packs that gc has removed.
pub(super) fn sources(dir: &Path) -> Result<Vec<(Entry, Position)>, StoreError> {
    let mut records = Journal::of(dir).records(Position::default())?;
    collection::settle(&Packs::of(dir), &mut records)?;
    Ok(records)
}

/// As [`sources`], unless something says that the journal has had more; and whether something confirms that
/// it has not.
///
/// # Errors
/// When the journal is damaged or may lack records: only `fsck --repair` asks everything there is.
pub(super) fn whole(dir: &Path) -> Result<(Vec<(Entry, Position)>, bool), StoreError> {
    let records = sources(dir)?;
    let journal = Journal::of(dir);
    let damaged = |why: &str| Err(StoreError::damaged(journal.path(), why));
    let end = records.last().map_or_else(Position::default, |(_, end)| *end);
    let told = Summary::read(&dir.join("ledger")).map(|summary| summary.position());
    if let Some(told) = told {
        let is_known = told == Position::default() || records.iter().any(|(_, at)| *at == told);
        if !is_known {
            return damaged("it lacks what the index's summary has taken in");
        }
        if told == end {
            return Ok((records, true));
        }
    }
    if journal.length()? > end.length {
        return damaged("its end is cut short, and no index says whether that was acknowledged");
    }
    if records.is_empty() && !leftovers::strays(&dir.join("packs"), &[].into())?.is_empty() {
        return damaged("it has no records, and there are packs");
    }
    Ok((records, false))
}

/// An index that was built and compared with what it was built from, not yet in its place.
pub(super) struct Rebuilt(FilledDir);

impl Rebuilt {
    /// That of `records`.
    pub(super) fn of(dir: &Path, records: &[(Entry, Position)]) -> Result<Self, StoreError> {
        let packs = Packs::of(dir);
        let filled = durable::fill_dir(&dir.join("ledger"), |new| {
            let index = Apart::of(new, Session::open_index(new)?);
            index.apply(&packs, records)?;
            index.flush()?;
            if index.everything()? == Everything::of(&packs, records)? {
                Ok(())
            } else {
                Err(StoreError::damaged(new, "the disk does not keep what is written"))
            }
        });
        filled.map(Self)
    }

    /// Puts it in the place of the one that is there, which goes.
    pub(super) fn replace(self) -> Result<(), StoreError> {
        // The one before is no loss, and is swept the next time where it cannot be removed.
        Ok(self.0.replace()?)
    }

    /// Puts it in the place of the one that is there, which is kept under another name: that is returned.
    pub(super) fn put_beside(self, dir: &Path) -> Result<Option<PathBuf>, StoreError> {
        let index = dir.join("ledger");
        let aside = aside(dir, "ledger");
        durable::step("repair: before the index is put aside");
        let moved = durable::call("repair: rename", || fs::rename(&index, &aside));
        let kept = match moved {
            Ok(()) => Some(aside),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(StoreError::write(&index, error)),
        };
        self.0.place_new()?;
        Ok(kept)
    }
}

/// A name that is free for what is damaged and called `name`. Nothing that kledger does removes what has it.
pub(super) fn aside(dir: &Path, name: &str) -> PathBuf {
    let mut number = 1u64;
    loop {
        let path = dir.join(format!("{name}{ASIDE}{number}"));
        if fs::symlink_metadata(&path).is_err() {
            return path;
        }
        number += 1;
    }
}

const ASIDE: &str = ".damaged-";

/// What repairs have put aside.
pub(super) fn put_aside(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let is_aside = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = name.split_once(ASIDE).map(|(_, number)| number);
        number.is_some_and(|number| number.parse::<u64>().is_ok())
    };
    let mut found = leftovers::list(dir)?;
    found.retain(is_aside);
    found.sort();
    Ok(found)
}
