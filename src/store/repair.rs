//! Making journal and index again, each from the other and from packs, and these from what can be read of them.
//!
//! Nothing is removed or moved before what is to take its place is whole and agrees with all that could
//! be read; what was there is kept under a name of its own. What is known comes, in this order, from
//! records of the journal that prove themselves, from the operations in sled, from the index's summary, and
//! from the packs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use super::{
    Kinds, References, StoreError,
    collection::{self, COLLECTED, Collection},
    index::{Everything, Index, State},
    journal::{
        self, Entry, HeadUpdate, Journal, Operation, Position, RefUpdate, RootUpdate, Salvage,
    },
    lock::Lock,
    pack::Packs,
    place::{Pack, Place},
    rebuild::{self, Rebuilt},
    refs::Head,
    salvage::{self, Salvaged},
    summary::Summary,
};
use crate::{
    codec::{self, Object as _},
    commit::Commit,
    durable,
    id::Id,
};

/// Makes packs, journal and index again where they are damaged or do not agree. Returns what was done, in words.
pub(super) fn repair(dir: &Path, kinds: &Kinds) -> Result<Vec<String>, StoreError> {
    let _lock = Lock::acquire(dir)?;
    let salvaged = salvage::packs(dir, kinds)?;
    let known = Known::of(dir, kinds, &salvaged)?;
    let mut done = Vec::new();
    remake(dir, known, salvaged.is_empty(), &mut done)?;
    salvage::put_aside(dir, &salvaged, &mut done)?;
    Ok(done)
}

/// Makes journal and index again from what is `known`. A journal that `may_stay` does so if nothing is wrong with it.
fn remake(
    dir: &Path,
    mut known: Known,
    may_stay: bool,
    done: &mut Vec<String>,
) -> Result<(), StoreError> {
    // A journal that is whole may still lack its last records: something must have seen its end.
    let is_told = known.told_positions().any(|told| told.sequence == known.last_intact());
    let returned = known.returned();
    let may_stay = may_stay && returned.is_empty() && known.journal.is_whole;
    let is_all = may_stay && known.last() == known.last_intact() && is_told;
    let records = if is_all {
        rebuild::sources(dir)?
    } else {
        let entries = known.entries(&returned, done);
        let (bytes, mut records) = journal::written(entries);
        let end = records.last().map_or_else(Position::default, |(_, end)| *end);
        let is_exact = known.told_positions().any(|position| position == end);
        collection::settle(&known.packs, &mut records)?;
        if is_exact {
            known.put_journal(dir, &bytes, done)?;
            // The index has taken in just this one.
            if known
                .index
                .as_ref()
                .is_some_and(|index| index.all.position() == end && index.is_whole)
            {
                return Ok(());
            }
            records
        } else {
            let rebuilt = Rebuilt::of(dir, &records)?;
            known.agrees(dir, &records)?;
            known.put_journal(dir, &bytes, done)?;
            put_index(dir, rebuilt, done)?;
            return Ok(());
        }
    };
    let rebuilt = Rebuilt::of(dir, &records)?;
    put_index(dir, rebuilt, done)?;
    Ok(())
}

fn put_index(dir: &Path, rebuilt: Rebuilt, done: &mut Vec<String>) -> Result<(), StoreError> {
    let kept = rebuilt.put_beside(dir)?;
    let old = kept.map_or_else(String::new, |kept| format!("; the old one is {}", kept.display()));
    done.push(format!("the index, from packs and journal{old}"));
    Ok(())
}

/// What can be read of a store.
struct Known {
    packs: Packs,
    journal: Salvage,
    index: Option<FromIndex>,
    /// What was current, and when.
    state: Option<(State, Position)>,
    summary: Option<Position>,
    /// The packs that are there and sound.
    stored: BTreeSet<Id<Pack>>,
    objects: BTreeMap<[u8; 32], Stored>,
    /// What gc has said of what it removed, or was about to.
    collections: Vec<([u8; 32], Collection)>,
}

/// What can be read of the index in sled.
struct FromIndex {
    all: Everything,
    /// Whether all places could be read.
    is_whole: bool,
    operations: BTreeMap<u64, Operation>,
    /// The packs in which it says that something is.
    packs: BTreeSet<Id<Pack>>,
}

/// An object in packs.
struct Stored {
    packs: Vec<Id<Pack>>,
    is_commit: bool,
    references: References,
}

impl Known {
    /// What can be read in `dir`, with the packs that were `salvaged` in the place of the damaged ones.
    fn of(dir: &Path, kinds: &Kinds, salvaged: &Salvaged) -> Result<Self, StoreError> {
        let (packs, mut journal) = (Packs::of(dir), Journal::of(dir).salvage()?);
        for entry in journal.entries.values_mut().chain(journal.doubtful.values_mut()) {
            entry.pack = entry.pack.map(|pack| salvaged.get(&pack).copied().unwrap_or(pack));
        }
        let index = Index::salvage(&dir.join("ledger"))?.map(|(all, is_whole)| {
            let packs = all.places.values().filter_map(|place| match place {
                Place::Object { pack, .. } => Some(*pack),
                Place::Row { .. } => None,
            });
            FromIndex { packs: packs.collect(), operations: all.logged(), all, is_whole }
        });
        // A journal and an index of two histories: the journal is what was acknowledged.
        let agrees = |index: &FromIndex| {
            journal.entries.iter().all(|(number, entry)| {
                index.operations.get(number).is_none_or(|known| *known == entry.operation)
            })
        };
        let index = index.filter(agrees);
        let summary = Summary::read(&dir.join("ledger"));
        let mut states: Vec<(State, Position)> = Vec::new();
        states.extend(summary.as_ref().map(|summary| (summary.current(), summary.position())));
        states.extend(index.as_ref().map(|index| (index.all.current(), index.all.position())));
        let state = states.into_iter().max_by_key(|(_, position)| position.sequence);
        let summary = summary.map(|summary| summary.position());
        let mut known = Self {
            packs,
            journal,
            index,
            state,
            summary,
            stored: BTreeSet::new(),
            objects: BTreeMap::new(),
            collections: Vec::new(),
        };
        known.read_packs(kinds)?;
        Ok(known)
    }

    fn read_packs(&mut self, kinds: &Kinds) -> Result<(), StoreError> {
        for id in self.packs.stored()? {
            let contents = match self.packs.read(id) {
                Ok(contents) => contents,
                Err(error) if error.is_damage() => continue,
                Err(error) => return Err(error),
            };
            self.stored.insert(id);
            contents.each(|hash, bytes| {
                let Ok(references) = kinds.read(hash, bytes) else { return };
                if let Ok(collection) = codec::decode::<Collection>(bytes) {
                    self.collections.push((*hash, collection));
                }
                let is_commit = bytes.first() == Some(&Commit::TAG);
                let stored = Stored { packs: Vec::new(), is_commit, references };
                self.objects.entry(*hash).or_insert(stored).packs.push(id);
            });
        }
        Ok(())
    }

    /// The number of the last operation that is known to have been.
    fn last(&self) -> u64 {
        let index = self.index.as_ref();
        let operations = index.and_then(|index| index.operations.keys().next_back().copied());
        let told = self.told_positions().map(|position| position.sequence);
        let last = told.chain(operations).chain([self.last_seen()]).max().unwrap_or_default();
        let is_unsaid = last == self.last_intact() && self.unsaid_collection().is_some();
        last + u64::from(is_unsaid)
    }

    /// What gc has removed without an operation that is known to say so. It is true where what it names is
    /// gone, and the journal still names it.
    fn unsaid_collection(&self) -> Option<[u8; 32]> {
        let operations = self.journal.entries.values().map(|entry| &entry.operation);
        let operations = operations.chain(self.index.iter().flat_map(|it| it.operations.values()));
        let said: BTreeSet<[u8; 32]> = operations.filter_map(collection::made_by).collect();
        let named = |pack: &Id<Pack>| {
            self.journal.entries.values().any(|entry| entry.pack.as_ref() == Some(pack))
        };
        let is_done = |(hash, collection): &&([u8; 32], Collection)| {
            !said.contains(hash)
                && collection.packs.iter().any(named)
                && !collection.packs.iter().any(|pack| self.stored.contains(pack))
        };
        let done = self.collections.iter().filter(is_done);
        done.max_by_key(|(_, collection)| collection.packs.len()).map(|(hash, _)| *hash)
    }

    /// The number of the last operation that the journal shows, be it damaged.
    fn last_seen(&self) -> u64 {
        let next = self.last_intact() + 1;
        if self.journal.doubtful.contains_key(&next) { next } else { next - 1 }
    }

    fn last_intact(&self) -> u64 {
        self.journal.entries.keys().next_back().copied().unwrap_or_default()
    }

    /// Ends of the journal that an index has seen.
    fn told_positions(&self) -> impl Iterator<Item = Position> {
        let index = self.index.as_ref().map(|index| index.all.position());
        index.into_iter().chain(self.summary)
    }

    /// Packs that no record names, and that have what is missing otherwise: someone has brought them back.
    fn returned(&self) -> BTreeSet<Id<Pack>> {
        let entries = || self.journal.entries.values();
        let named: BTreeSet<Id<Pack>> = entries().filter_map(|entry| entry.pack).collect();
        let is_named = |stored: &&Stored| stored.packs.iter().any(|pack| named.contains(pack));
        let led_to = self.objects.values().filter(is_named).flat_map(|it| &it.references.objects);
        let wanted: BTreeSet<[u8; 32]> =
            led_to.copied().chain(entries().flat_map(|entry| entry.operation.names())).collect();
        let missing = self.objects.iter().filter(|(hash, stored)| {
            wanted.contains(*hash) && stored.packs.iter().all(|pack| !named.contains(pack))
        });
        missing.flat_map(|(_, stored)| stored.packs.iter().copied()).collect()
    }

    /// The journal's entries, as far as anything tells; says of what there is no trace.
    fn entries(&mut self, returned: &BTreeSet<Id<Pack>>, done: &mut Vec<String>) -> Vec<Entry> {
        let last = self.last();
        let (mut entries, mut open, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        for number in 1..=last {
            let at = entries.len();
            let operation = self.index.as_ref().and_then(|index| index.operations.get(&number));
            if let Some(entry) = self.journal.entries.get(&number) {
                entries.push(entry.clone());
                continue;
            }
            let doubtful = self.journal.doubtful.get(&number).filter(|entry| {
                operation == Some(&entry.operation)
                    && entry.pack.is_none_or(|pack| self.stored.contains(&pack))
            });
            match (doubtful, operation) {
                (Some(entry), _) => entries.push(entry.clone()),
                (None, Some(operation)) => {
                    entries.push(Entry { operation: operation.clone(), pack: None });
                    open.push(at);
                }
                (None, None) => {
                    let time = entries.last().map_or(0, |entry: &Entry| entry.operation.time);
                    entries.push(Entry { operation: nothing(number, time), pack: None });
                    lost.push(at);
                }
            }
        }
        self.infer(&mut entries, &lost);
        open.extend(&lost);
        let mut left = self.assign_packs(&mut entries, &open);
        if !lost.is_empty() {
            let first = lost.first().map_or(0, |at| at + 1);
            done.push(format!(
                "as far as it goes: of {} of {last} operations (number {first} and on) only the \
                 results are known, so stage, stashes and branches may be as they were before",
                lost.len(),
            ));
        }
        let is_complete = self.index.as_ref().is_some_and(|index| {
            index.is_whole && last > 0 && index.all.position().sequence >= self.last_intact()
        });
        if is_complete && lost.is_empty() {
            left.retain(|pack| self.is_in_index(*pack) || returned.contains(pack));
        }
        self.take_up(&mut entries, left, done);
        entries
    }

    /// Gives operations that are known from the index the packs that came with them; returns the packs that
    /// are left.
    fn assign_packs(&self, entries: &mut [Entry], open: &[usize]) -> BTreeSet<Id<Pack>> {
        let (gone, since) = self.collected(entries);
        let mut left = self.stored.clone();
        for pack in entries.iter().filter_map(|entry| entry.pack) {
            left.remove(&pack);
        }
        left.retain(|pack| !gone.contains(pack) || self.is_in_index(*pack));
        for &at in open {
            let Some(entry) = entries.get_mut(at) else { continue };
            let fits = |pack: &Id<Pack>| at > since || !gone.contains(pack);
            let new = made_by(&entry.operation);
            let mut packs = new.iter().filter_map(|hash| self.objects.get(hash));
            entry.pack = packs
                .find_map(|stored| {
                    stored.packs.iter().find(|pack| left.contains(pack) && fits(pack))
                })
                .copied();
            if let Some(pack) = &entry.pack {
                left.remove(pack);
            }
        }
        // What came without a name, such as z vectors: the index knows that it did.
        let free: Vec<usize> = open
            .iter()
            .copied()
            .filter(|&at| at > since && entries.get(at).is_some_and(|entry| entry.pack.is_none()))
            .collect();
        let known: Vec<Id<Pack>> =
            left.iter().copied().filter(|pack| self.is_in_index(*pack)).collect();
        for (at, pack) in free.into_iter().zip(known) {
            if let Some(entry) = entries.get_mut(at) {
                entry.pack = Some(pack);
                left.remove(&pack);
            }
        }
        left
    }

    /// What gc has removed, and the place of the entry that says so.
    fn collected(&self, entries: &[Entry]) -> (BTreeSet<Id<Pack>>, usize) {
        let newest =
            entries.iter().rposition(|entry| collection::made_by(&entry.operation).is_some());
        let Some(at) = newest else { return (BTreeSet::new(), 0) };
        let hash = entries.get(at).and_then(|entry| collection::made_by(&entry.operation));
        let said = self.collections.iter().find(|(found, _)| Some(*found) == hash);
        (said.map(|(_, it)| it.packs.iter().copied().collect()).unwrap_or_default(), at)
    }

    /// Whether the index says that something is in `pack`.
    fn is_in_index(&self, pack: Id<Pack>) -> bool {
        self.index.as_ref().is_some_and(|index| index.packs.contains(&pack))
    }

    /// Has the `lost` operations make what later ones found, and what is known to have been current.
    fn infer(&self, entries: &mut [Entry], lost: &[usize]) {
        let told = self.state.as_ref().map(|(_, position)| position.sequence);
        let mut now = State::default();
        let mut inferred: Vec<(usize, Operation)> = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let before = lost.iter().rev().find(|&&gap| gap < at);
            if let Some(&gap) = before {
                let moves = missing_before(&now, &entry.operation);
                now.take_in(&moves);
                inferred.push((gap, moves));
            }
            now.take_in(&entry.operation);
            if Some(entry.operation.sequence) == told
                && let Some((state, _)) = &self.state
                && let Some(&gap) = lost.iter().rev().find(|&&gap| gap <= at)
            {
                let moves = between(&now, state);
                now.take_in(&moves);
                inferred.push((gap, moves));
            }
        }
        if let Some(hash) = self.unsaid_collection()
            && let Some(&gap) = lost.last()
            && !now.roots.contains_key(COLLECTED)
        {
            let mut moves = nothing(0, 0);
            let name = COLLECTED.to_owned();
            moves.roots.push(RootUpdate { name, old: None, new: Some(hash) });
            inferred.push((gap, moves));
        }
        // What is nowhere was removed, and no name was left for it.
        if let Some(&gap) = lost.last() {
            let mut moves = nothing(0, 0);
            let is_gone = |hash: &[u8; 32]| !self.objects.contains_key(hash);
            let refs = now.refs.iter().filter(|(_, commit)| is_gone(commit.as_bytes()));
            moves.refs.extend(refs.map(|(name, commit)| RefUpdate {
                name: name.clone(),
                old: Some(*commit),
                new: None,
            }));
            let roots = now.roots.iter().filter(|(_, hash)| is_gone(hash));
            moves.roots.extend(roots.map(|(name, hash)| RootUpdate {
                name: name.clone(),
                old: Some(*hash),
                new: None,
            }));
            if moves != nothing(0, 0) {
                inferred.push((gap, moves));
            }
        }
        for (gap, moves) in inferred {
            if let Some(entry) = entries.get_mut(gap) {
                entry.operation.refs.extend(moves.refs);
                entry.operation.roots.extend(moves.roots);
                entry.operation.head = moves.head.or_else(|| entry.operation.head.take());
            }
        }
    }

    /// Adds operations that name the packs `left`, which may have been acknowledged, and branches for the commits
    /// in them that nothing reaches.
    fn take_up(&self, entries: &mut Vec<Entry>, left: BTreeSet<Id<Pack>>, done: &mut Vec<String>) {
        if left.is_empty() {
            return;
        }
        let tips = self.tips(entries, &left);
        let time = entries.last().map_or(0, |entry| entry.operation.time);
        done.push(format!(
            "{} files of objects that may have been acknowledged, taken up again",
            left.len()
        ));
        for pack in left {
            let number = entries.len() as u64 + 1;
            entries.push(Entry { operation: nothing(number, time), pack: Some(pack) });
        }
        let Some(newest) = entries.last_mut() else { return };
        for tip in tips {
            let name = format!("recovered-{tip:.12}");
            done.push(format!("the branch {name}, at a commit that nothing else reaches"));
            let name = format!("heads/{name}");
            newest.operation.refs.push(RefUpdate { name, old: None, new: Some(tip) });
        }
    }

    /// The commits in packs `left` that nothing reaches, and that are all there.
    fn tips(&self, entries: &[Entry], left: &BTreeSet<Id<Pack>>) -> Vec<Id<Commit>> {
        let named: BTreeSet<[u8; 32]> =
            entries.iter().flat_map(|entry| entry.operation.names()).collect();
        let is_left = |stored: &Stored| stored.packs.iter().all(|pack| left.contains(pack));
        let here = || self.objects.iter().filter(|(_, stored)| is_left(stored));
        let all = self.objects.values();
        let led_to: BTreeSet<[u8; 32]> =
            all.flat_map(|stored| stored.references.objects.iter().copied()).collect();
        let tips = here().filter(|(hash, stored)| {
            stored.is_commit && !led_to.contains(*hash) && !named.contains(*hash)
        });
        let tips = tips.filter(|(hash, _)| self.is_all_there(hash));
        tips.map(|(hash, _)| Id::from_bytes(*hash)).collect()
    }

    fn is_all_there(&self, hash: &[u8; 32]) -> bool {
        let (mut seen, mut ahead) = (BTreeSet::new(), vec![*hash]);
        while let Some(hash) = ahead.pop() {
            if !seen.insert(hash) {
                continue;
            }
            match self.objects.get(&hash) {
                Some(stored) => ahead.extend(&stored.references.objects),
                None => return false,
            }
        }
        true
    }

    /// Makes sure that nothing the old index says is lost with `records`.
    fn agrees(&self, dir: &Path, records: &[(Entry, Position)]) -> Result<(), StoreError> {
        let new = Everything::of(&self.packs, records)?;
        let journal = Journal::of(dir);
        let refused = |what: &str| {
            let why = format!("{what} of the index cannot be rebuilt from it and from packs");
            Err(StoreError::damaged(journal.path(), why))
        };
        let Some(index) = &self.index else { return Ok(()) };
        if index
            .operations
            .iter()
            .any(|(number, operation)| new.logged().get(number) != Some(operation))
        {
            return refused("operations");
        }
        let is_there = |hash: &[u8; 32]| new.places.contains_key(hash);
        let lost = index.all.places.iter().find(|(hash, place)| {
            let is_stored = match place {
                Place::Object { pack, .. } => self.stored.contains(pack),
                Place::Row { .. } => true,
            };
            is_stored && !is_there(hash)
        });
        if lost.is_some() {
            return refused("places");
        }
        if let Some((state, position)) = &self.state
            && position.sequence >= self.last_intact()
        {
            let current = new.current();
            let kept =
                state.refs.iter().all(|(name, commit)| current.refs.get(name) == Some(commit));
            if !kept || state.roots != current.roots || state.head != current.head {
                return refused("refs");
            }
        }
        Ok(())
    }

    /// Puts a journal in the place of the one that is there, which is kept.
    fn put_journal(
        &self,
        dir: &Path,
        bytes: &[u8],
        done: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        let journal = Journal::of(dir);
        if self.journal.bytes == bytes {
            return Ok(());
        }
        let aside = rebuild::aside(dir, "journal");
        durable::step("repair: before the journal is put aside");
        let old = match durable::call("repair: link", || fs::hard_link(journal.path(), &aside)) {
            Ok(()) => format!("; the old one is {}", aside.display()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            // Not every file system has links.
            Err(_) => {
                durable::write(&aside, &self.journal.bytes)?;
                format!("; the old one is {}", aside.display())
            }
        };
        durable::sync(dir)?;
        durable::write(journal.path(), bytes)?;
        done.push(format!("the journal, from the index and from packs{old}"));
        Ok(())
    }
}

/// An operation that changes nothing: it stands for one of which there is no trace.
fn nothing(sequence: u64, time: i64) -> Operation {
    Operation {
        sequence,
        time,
        author: "kledger".to_owned(),
        command: "fsck --repair".to_owned(),
        refs: Vec::new(),
        head: None,
        roots: Vec::new(),
    }
}

/// Objects that became current with an operation, gc's first: what it says is in its own pack.
fn made_by(operation: &Operation) -> Vec<[u8; 32]> {
    let refs = operation.refs.iter().filter_map(|update| update.new).map(|id| *id.as_bytes());
    let head = operation.head.as_ref().and_then(|head| match head.new {
        Head::Detached(id) => Some(*id.as_bytes()),
        Head::Branch(_) => None,
    });
    let roots = operation.roots.iter().filter_map(|update| update.new);
    collection::made_by(operation).into_iter().chain(refs).chain(head).chain(roots).collect()
}

impl State {
    /// What is current after `records`.
    pub(super) fn after(records: &[(Entry, Position)]) -> Self {
        let mut state = Self::default();
        records.iter().for_each(|(entry, _)| state.take_in(&entry.operation));
        state
    }

    fn take_in(&mut self, operation: &Operation) {
        for update in &operation.refs {
            match update.new {
                Some(commit) => self.refs.insert(update.name.clone(), commit),
                None => self.refs.remove(&update.name),
            };
        }
        for update in &operation.roots {
            match update.new {
                Some(hash) => self.roots.insert(update.name.clone(), hash),
                None => self.roots.remove(&update.name),
            };
        }
        if let Some(head) = &operation.head {
            self.head = Some(head.new.clone());
        }
    }
}

/// What must have happened after `now` for `operation` to have found what it did.
fn missing_before(now: &State, operation: &Operation) -> Operation {
    let mut moves = nothing(0, 0);
    for update in &operation.refs {
        let (name, old) = (update.name.clone(), now.refs.get(&update.name).copied());
        if old != update.old {
            moves.refs.push(RefUpdate { name, old, new: update.old });
        }
    }
    for update in operation.roots.iter().filter(|root| root.name != COLLECTED) {
        let (name, old) = (update.name.clone(), now.roots.get(&update.name).copied());
        if old != update.old {
            moves.roots.push(RootUpdate { name, old, new: update.old });
        }
    }
    if let (Some(was), Some(update)) = (&now.head, &operation.head)
        && *was != update.old
    {
        moves.head = Some(HeadUpdate { old: was.clone(), new: update.old.clone() });
    }
    moves
}

/// What leads from `now` to `then`.
fn between(now: &State, then: &State) -> Operation {
    let mut moves = nothing(0, 0);
    let names: BTreeSet<&String> = now.refs.keys().chain(then.refs.keys()).collect();
    for name in names {
        let (old, new) = (now.refs.get(name).copied(), then.refs.get(name).copied());
        if old != new {
            moves.refs.push(RefUpdate { name: name.clone(), old, new });
        }
    }
    let names: BTreeSet<&String> = now.roots.keys().chain(then.roots.keys()).collect();
    for name in names {
        let (old, new) = (now.roots.get(name).copied(), then.roots.get(name).copied());
        if old != new {
            moves.roots.push(RootUpdate { name: name.clone(), old, new });
        }
    }
    if let Some(new) = &then.head
        && now.head.as_ref() != Some(new)
    {
        let first = Head::Branch(super::session::FIRST_BRANCH.to_owned());
        moves.head = Some(HeadUpdate { old: now.head.clone().unwrap_or(first), new: new.clone() });
    }
    moves
}
