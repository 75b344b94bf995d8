//! Removing what is no longer reachable.
//!
//! What is kept is found by following references from the roots: refs, HEAD, everything that is
//! current under a name, and what the operations since a moment name. Packs are never changed, so one
//! in which something is not wanted any more is removed as a whole, and what is wanted of it goes into
//! a new pack first. So does all of a pack without blocks, which becomes smaller. The index is then built anew, without what is gone.
//!
//! **Order of writes:** the new pack; a record in the journal that says which packs are gone; the
//! index; and only then are files removed. A process that is killed in between leaves files that
//! nothing names.

use std::{collections::BTreeSet, path::PathBuf};

use super::{
    Kinds, Operation, References, RootUpdate, Session, Store, StoreError, ZMemo,
    collection::{self, COLLECTED, Collection},
    index::State,
    journal::{Entry, Journal, Position},
    leftovers,
    pack::{self, Packs},
    place::Pack,
    rebuild,
    refs::Head,
};
use crate::{
    codec::{NewObjects, Object, Objects as _},
    delta::TensorFile,
    id::Id,
};

/// What gc is to do.
#[derive(Debug, Clone, Default)]
pub struct Collect {
    /// What operations since this moment name is kept; in milliseconds since 1970.
    pub since: i64,
    /// Whether places of z vectors are kept that nothing else reaches.
    pub z: bool,
    /// Objects that are to be gone although operations name them, or they say where z vectors are.
    pub forget: BTreeSet<[u8; 32]>,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// Who runs it.
    pub author: String,
    /// The command line, for people.
    pub command: String,
}

/// What gc did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// What keeps objects, and how many each keeps that those before it do not.
    pub kept: Vec<(Reason, u64)>,
    /// Hashes of the objects that are kept.
    pub live: BTreeSet<[u8; 32]>,
    /// Objects removed.
    pub objects: u64,
    /// Tensor files removed.
    pub tensor_files: u64,
    /// Other files removed, which killed processes had left.
    pub leftovers: u64,
    /// Bytes of the files removed, less those written.
    pub freed: u64,
    /// The first operation all of whose objects are kept.
    pub since: u64,
}

/// Why objects are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// They are reachable from a branch, a tag or HEAD.
    Refs,
    /// They are current under this name.
    Root(String),
    /// An operation that can be taken back names them.
    Operations,
    /// They say where z vectors are.
    Z,
}

/// Removes what is no longer reachable. Unless it is only to say what it would do, no other process
/// may have the store open: see [`Store::alone`].
///
/// # Errors
/// When something is damaged or cannot be written. Nothing that is wanted is lost then.
pub fn collect(
    store: &Store,
    session: Session,
    kinds: &Kinds,
    how: &Collect,
    progress: &mut dyn FnMut(&str),
) -> Result<Collected, StoreError> {
    progress("journal");
    let mut records = Journal::of(store.dir()).records(Position::default())?;
    let earlier = collection::settle(session.packs(), &mut records)?;
    agree(store, &session, &records)?;
    let done = Collected { since: earlier.since, ..Collected::default() };
    let files = BTreeSet::new();
    let order = Vec::new();
    let mut collector =
        Collector { store, kinds, how, session, records, earlier, files, order, done };
    progress("references");
    let since = collector.mark()?;
    progress("packs");
    let sorted = collector.sort()?;
    collector.sweep(sorted, since, progress)
}

/// Makes sure that index and journal say the same of what is current: nothing is removed on the word of one.
fn agree(
    store: &Store,
    session: &Session,
    records: &[(Entry, Position)],
) -> Result<(), StoreError> {
    let end = records.last().map_or_else(Position::default, |(_, end)| *end);
    let expected = State::after(records);
    let head = expected.head.as_ref().map(|_| session.head()).transpose()?;
    let told = State { refs: session.refs()?, roots: session.roots()?, head };
    if session.position()? == end && told != expected {
        let why = "it and the journal do not agree on what is current";
        return Err(StoreError::damaged(&store.dir().join("ledger"), why));
    }
    Ok(())
}

struct Collector<'a> {
    store: &'a Store,
    kinds: &'a Kinds,
    how: &'a Collect,
    session: Session,
    records: Vec<(Entry, Position)>,
    earlier: Collection,
    /// Tensor files that are kept.
    files: BTreeSet<Id<TensorFile>>,
    /// Objects that are kept, each before those that it refers to.
    order: Vec<[u8; 32]>,
    done: Collected,
}

/// What becomes of the packs.
#[derive(Default)]
struct Sorted {
    kept: BTreeSet<Id<Pack>>,
    dropped: BTreeSet<Id<Pack>>,
    /// What is wanted of the packs dropped.
    moved: NewObjects,
}

impl Collector<'_> {
    /// Finds what is kept, and why; returns the first operation all of whose objects are.
    fn mark(&mut self) -> Result<u64, StoreError> {
        let refs = self.session.refs()?;
        let mut tips: Vec<[u8; 32]> = refs.values().map(|id| *id.as_bytes()).collect();
        if let Head::Detached(id) = self.session.head()? {
            tips.push(*id.as_bytes());
        }
        self.follow(Reason::Refs, tips)?;
        for (name, hash) in self.session.roots()? {
            if name != COLLECTED {
                self.follow(Reason::Root(name), vec![hash])?;
            }
        }
        let operations = || self.records.iter().map(|(entry, _)| &entry.operation);
        let recent = operations().find(|operation| operation.time >= self.how.since);
        let end = self.records.last().map_or(1, |(_, end)| end.sequence + 1);
        // What is gone does not come back with the clock.
        let since = recent.map_or(end, |first| first.sequence).max(self.earlier.since);
        let named = operations().filter(|operation| operation.sequence >= since);
        let mut named: Vec<[u8; 32]> = named.flat_map(Operation::names).collect();
        named.retain(|hash| self.earlier.forgotten.binary_search(hash).is_err());
        self.follow(Reason::Operations, named)?;
        if self.how.z {
            let memos = self.session.with_tag(ZMemo::TAG)?;
            self.follow(Reason::Z, memos)?;
        }
        Ok(since)
    }

    fn follow(&mut self, why: Reason, mut ahead: Vec<[u8; 32]>) -> Result<(), StoreError> {
        let before = self.done.live.len();
        // What is current is never removed, whatever it refers to.
        let nothing = BTreeSet::new();
        let forget = match why {
            Reason::Refs | Reason::Root(_) => &nothing,
            Reason::Operations | Reason::Z => &self.how.forget,
        };
        while let Some(hash) = ahead.pop() {
            if forget.contains(&hash) || !self.done.live.insert(hash) {
                continue;
            }
            self.order.push(hash);
            let references = self.references(&hash)?;
            ahead.extend(references.objects.into_iter().rev());
            self.files.extend(references.files);
        }
        let new = self.done.live.len() - before;
        if new > 0 {
            self.done.kept.push((why, new as u64));
        }
        Ok(())
    }

    /// What an object refers to. gc goes no further where it cannot read: a damaged object may refer to
    /// something.
    fn references(&self, hash: &[u8; 32]) -> Result<References, StoreError> {
        self.kinds.read(hash, &self.object(hash)?).map_err(|what| self.damaged(hash, &what))
    }

    fn object(&self, hash: &[u8; 32]) -> Result<Vec<u8>, StoreError> {
        self.session.bytes(hash)?.ok_or_else(|| self.damaged(hash, "is missing"))
    }

    fn damaged(&self, hash: &[u8; 32], what: &str) -> StoreError {
        let short = blake3::Hash::from_bytes(*hash).to_hex();
        StoreError::damaged(self.store.dir(), format!("object {short:.12} {what}"))
    }

    fn sort(&mut self) -> Result<Sorted, StoreError> {
        let mut sorted = Sorted::default();
        let mut moving = BTreeSet::new();
        // Earlier collections are no reason to move what is beside them.
        let live = |hash: &[u8; 32], bytes: &[u8]| {
            self.done.live.contains(hash) || bytes.first() == Some(&Collection::TAG)
        };
        for id in self.records.iter().filter_map(|(entry, _)| entry.pack) {
            if sorted.kept.contains(&id) || sorted.dropped.contains(&id) {
                continue;
            }
            let contents = self.session.packs().read(id)?;
            let mut is_wanted = true;
            contents.each(|hash, object| is_wanted &= live(hash, object));
            if is_wanted && contents.has_blocks() {
                sorted.kept.insert(id);
                continue;
            }
            sorted.dropped.insert(id);
            contents.each(|hash, object| {
                if self.done.live.contains(hash) {
                    moving.insert(*hash);
                } else if object.first() != Some(&Collection::TAG) {
                    self.done.objects += 1;
                }
            });
        }
        // As they refer to one another: packs of before have them by hash, and what is near in a tree is to be near.
        for hash in self.order.iter().filter(|hash| moving.contains(*hash)) {
            sorted.moved.insert(*hash, &self.object(hash)?);
        }
        Ok(sorted)
    }

    fn sweep(
        self,
        sorted: Sorted,
        since: u64,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Collected, StoreError> {
        let Self { store, how, session, earlier, files, mut done, .. } = self;
        let Sorted { mut kept, dropped, moved } = sorted;
        let packs = Packs::of(store.dir());
        if done.objects > 0 {
            done.since = since;
        }
        let mut written = 0;
        // The store is held until the files are gone.
        let _session = if dropped.is_empty() {
            session
        } else if how.dry_run {
            written = pack::length(&moved).map_err(|error| StoreError::read(packs.dir(), error))?;
            session
        } else {
            progress("index");
            let gone = earlier.packs.into_iter().filter(|pack| !kept.contains(pack));
            let gone: BTreeSet<Id<Pack>> = gone.chain(dropped.iter().copied()).collect();
            let forgotten: BTreeSet<[u8; 32]> =
                earlier.forgotten.into_iter().chain(how.forget.iter().copied()).collect();
            let collection = Collection {
                packs: gone.into_iter().collect(),
                forgotten: forgotten.into_iter().collect(),
                since: done.since,
            };
            let (session, pack) = record(session, how, &collection, moved)?;
            written = leftovers::length(&packs.path(pack));
            kept.insert(pack);
            session
        };

        progress("files");
        let kept = kept.iter().map(|id| packs.path(*id)).collect();
        let dropped: BTreeSet<PathBuf> = dropped.iter().map(|id| packs.path(*id)).collect();
        let (dropped, left): (Vec<PathBuf>, Vec<PathBuf>) = leftovers::strays(packs.dir(), &kept)?
            .into_iter()
            .partition(|path| dropped.contains(path));
        let kept = files.iter().map(|id| store.tensors().path(*id)).collect();
        let tensors = leftovers::strays(&store.dir().join("tensors"), &kept)?;
        // What a repair has put aside may be what named them.
        let is_sure = rebuild::put_aside(store.dir())?.is_empty();
        let left =
            [if is_sure { left } else { Vec::new() }, leftovers::beside(store.dir())?].concat();
        done.tensor_files = tensors.len() as u64;
        done.leftovers = left.len() as u64;
        let going = [dropped, tensors, left].concat();
        let freed = if how.dry_run {
            going.iter().map(|path| leftovers::length(path)).sum()
        } else {
            leftovers::remove(&going)?
        };
        done.freed = freed.saturating_sub(written);
        Ok(done)
    }
}

/// Writes what is wanted of the packs that go, and that they go; returns the new pack.
fn record(
    session: Session,
    how: &Collect,
    collection: &Collection,
    mut moved: NewObjects,
) -> Result<(Session, Id<Pack>), StoreError> {
    let hash = *moved.put(collection).as_bytes();
    moved.fit()?;
    let pack = session.packs().write(&moved)?.0;
    drop(moved);
    let old = session.root(COLLECTED)?;
    let operation = Operation {
        sequence: session.position()?.sequence + 1,
        time: how.time,
        author: how.author.clone(),
        command: how.command.clone(),
        refs: Vec::new(),
        head: None,
        roots: vec![RootUpdate { name: COLLECTED.to_owned(), old, new: Some(hash) }],
    };
    let session = session.record_anew(&Entry { operation, pack: Some(pack) })?;
    Ok((session, pack))
}
