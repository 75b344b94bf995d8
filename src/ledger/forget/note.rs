//! What is still to be removed once history does not say it any more.
//!
//! History is rewritten in one transaction; removing what said it takes many steps. What is to go is written down before, by
//! hashes, so that the next command finishes what a killed one began.

use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use bincode::{Decode, Encode};

use crate::{
    codec::{self, NewObjects, Object},
    durable::{self, WriteError},
    id::Kind,
    ledger::{LedgerError, Repo, actor::Actor, history::cache, state::open::Ledger},
    store::{
        StoreError,
        gc::{self, Collect, Collected},
    },
};

/// The note's name in the store.
const FILE: &str = "forgetting";

/// What is to be removed.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Forgetting {
    /// The operation that takes it out of history: before that is made nothing is to go.
    operation: u64,
    /// Hashes of objects that are to be gone whatever operations name them, ascending.
    objects: Vec<[u8; 32]>,
    time: i64,
    author: String,
    command: String,
}

impl Kind for Forgetting {
    const NAME: &'static str = "forgetting";
}

impl Object for Forgetting {
    const TAG: u8 = 0x1f;
}

impl Forgetting {
    /// Writes down that `objects` are to go once the next operation is made. Nobody else may make one.
    ///
    /// # Errors
    /// When they are too many, or the note cannot be written.
    pub(crate) fn begin(
        ledger: &Ledger<'_>,
        actor: &Actor,
        objects: BTreeSet<[u8; 32]>,
    ) -> Result<Self, LedgerError> {
        let newest = ledger.session.operations().next().transpose()?;
        let note = Self {
            operation: newest.map_or(1, |newest| newest.sequence + 1),
            objects: objects.into_iter().collect(),
            time: actor.time,
            author: actor.author.clone(),
            command: actor.command.clone(),
        };
        let mut bounded = NewObjects::default();
        bounded.put(&note);
        bounded.fit().map_err(StoreError::from)?;
        durable::write(&path(ledger.session.dir()), &codec::seal(&note))?;
        Ok(note)
    }

    /// Whether history does not say it any more: its operation was made, and no other in its place.
    fn is_of_history(&self, ledger: &Ledger<'_>) -> Result<bool, LedgerError> {
        let end = self.operation.saturating_add(1);
        let made = ledger.session.operations_before(end).next().transpose()?;
        Ok(made.is_some_and(|made| {
            let of = (self.operation, self.time, &self.author, &self.command);
            (made.sequence, made.time, &made.author, &made.command) == of
        }))
    }

    /// Removes all of it, and what else is unreachable. No other process may have the store open.
    ///
    /// # Errors
    /// When something is damaged or cannot be removed. The note is still there then.
    pub(crate) fn finish(
        self,
        repo: &Repo,
        ledger: Ledger<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Collected, LedgerError> {
        let dir = ledger.session.dir().to_owned();
        cache::remove(&dir)?;
        // z vectors do not say whose they are.
        let how = Collect {
            since: i64::MIN,
            z: false,
            forget: self.objects.into_iter().collect(),
            dry_run: false,
            time: self.time,
            author: self.author,
            command: self.command,
        };
        let kinds = ledger.kinds()?;
        let mut collected = gc::collect(repo.store(), ledger.session, &kinds, &how, progress)?;
        collected.freed += repo.snapshots().sweep(&collected.live, false)?.1;
        remove(&dir)?;
        Ok(collected)
    }
}

fn path(store: &Path) -> PathBuf {
    store.join(FILE)
}

fn remove(store: &Path) -> Result<(), LedgerError> {
    durable::step("forget: before the note is removed");
    let path = path(store);
    Ok(fs::remove_file(&path).map_err(|source| WriteError { path, source })?)
}

/// Finishes what a killed process had begun. Where others are at work, or nothing can be written, that waits for a
/// later command.
///
/// # Errors
/// When something is damaged.
pub(crate) fn complete(repo: &Repo) -> Result<(), LedgerError> {
    let dir = repo.store().dir();
    if !path(dir).exists() {
        return Ok(());
    }
    let done = repo.store().alone(|| {
        let bytes = match durable::read(&path(dir)) {
            Ok(bytes) => bytes,
            // Another process has finished it.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(LedgerError::Read { path: path(dir), source }),
        };
        // A damaged note says nothing: what it was about is forgotten by forgetting it again.
        let Some(note) = codec::unseal::<Forgetting>(&bytes) else { return remove(dir) };
        let ledger = repo.read()?;
        if note.is_of_history(&ledger)? {
            note.finish(repo, ledger, &mut |_| {}).map(drop)
        } else {
            remove(dir)
        }
    });
    match done {
        Err(
            LedgerError::Store(StoreError::Busy { .. } | StoreError::Write(_))
            | LedgerError::Write(_),
        ) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        let note = Forgetting {
            operation: 5,
            objects: vec![[7; 32]],
            time: 6,
            author: "A".to_owned(),
            command: "f".to_owned(),
        };
        let number = |n: u8| [n, 0, 0, 0, 0, 0, 0, 0];
        let expected = [
            &[0x1f, 1][..],
            &number(5),
            &number(1),
            &[7; 32],
            &number(6),
            &number(1),
            b"A",
            &number(1),
            b"f",
        ]
        .concat();
        assert_eq!(codec::encode(&note), expected);
        assert_eq!(codec::decode::<Forgetting>(&expected).unwrap(), note);
    }
}
