use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use bincode::{Decode, Encode};

use super::{fsck::Findings, *};
use crate::{
    codec::{self, Object, Objects},
    commit::Commit,
    id::{Id, Kind},
};

/// Stands for a commit: the store only looks at the tag.
#[derive(Encode, Decode)]
struct Note(String);

impl Kind for Note {
    const NAME: &'static str = "note";
}
impl Object for Note {
    const TAG: u8 = Commit::TAG;
}

fn kinds() -> Kinds {
    Kinds::of_the_store().with(|_: &Note| References::default())
}

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(dir.path()).unwrap();
    (dir, store)
}

/// A transaction that moves `main` from `from` to a new note.
fn step(from: Option<Id<Commit>>, text: &str) -> (Transaction, Id<Commit>) {
    let bytes = codec::encode(&Note(text.to_owned()));
    let hash = *Id::<Note>::of(&bytes).as_bytes();
    let to = Id::from_bytes(hash);
    let transaction = Transaction {
        objects: [(hash, bytes)].into(),
        refs: vec![RefChange { name: "heads/main".to_owned(), expect: from, new: Some(to) }],
        time: 7,
        author: "Ada".to_owned(),
        command: text.to_owned(),
        ..Transaction::default()
    };
    (transaction, to)
}

fn history(store: &Store, texts: &[&str]) -> Id<Commit> {
    let session = store.session().unwrap();
    let mut at = session.reference("heads/main").unwrap();
    for text in texts {
        let (transaction, to) = step(at, text);
        session.transact(transaction).unwrap();
        at = Some(to);
    }
    at.unwrap()
}

fn check(store: &Store) -> Findings {
    fsck::check(store, &kinds(), &mut |_| {}).unwrap()
}

fn main_ref(store: &Store) -> Id<Commit> {
    store.session().unwrap().refs().unwrap()["heads/main"]
}

#[test]
fn a_transaction_is_there_after_reopening() {
    let (_dir, store) = store();
    let large = "x".repeat(10_000);
    let tip = history(&store, &["one", "two", &large]);
    let session = store.session().unwrap();
    assert_eq!(session.reference("heads/main").unwrap(), Some(tip));
    assert_eq!(codec::get(&session, Id::<Note>::from_bytes(*tip.as_bytes())).unwrap().0, large);
    assert_eq!(session.commits_with_prefix(&tip.to_string()[..5]).unwrap(), [tip]);
    assert_eq!(session.commits_with_prefix(&format!("{tip}00")).unwrap(), []);
    let commands: Vec<String> = session.operations().map(|op| op.unwrap().command).collect();
    assert_eq!(commands, [large.as_str(), "two", "one"]);
    assert_eq!(session.reflog("heads/main").unwrap().len(), 3);
    drop(session);
    assert_eq!(check(&store), Findings { objects: 3, ..Findings::default() });
}

#[test]
fn what_moved_meanwhile_is_not_overwritten() {
    let (_dir, store) = store();
    let tip = history(&store, &["one"]);
    let session = store.session().unwrap();
    let (late, _) = step(None, "late");
    assert!(matches!(session.transact(late), Err(StoreError::RefMoved { .. })));
    let root = |old| RootUpdate { name: "stage".to_owned(), old, new: Some([1; 32]) };
    let staging = |old| Transaction { roots: vec![root(old)], ..Transaction::default() };
    session.transact(staging(None)).unwrap();
    assert!(matches!(session.transact(staging(None)), Err(StoreError::RootMoved { .. })));
    assert_eq!(session.root("stage").unwrap(), Some([1; 32]));
    assert_eq!(session.reference("heads/main").unwrap(), Some(tip));
}

/// Puts a link to a copy in the place of the file or directory at `at`, and says where the copy is.
fn link_away(at: &Path, outside: &Path) -> PathBuf {
    let target = outside.join(at.file_name().unwrap());
    fs::rename(at, &target).unwrap();
    symlink(&target, at).unwrap();
    target
}

fn put_back(at: &Path, target: &Path) {
    fs::remove_file(at).unwrap();
    fs::rename(target, at).unwrap();
}

/// The same of what is beside packs and tensor files: a session that opens then reads and writes nothing behind it.
#[test]
fn a_link_to_the_index_or_the_journal_that_comes_in_later_is_not_followed() {
    let (dir, store) = store();
    let outside = tempfile::tempdir().unwrap();
    // More than sled keeps: they go into a run.
    let object = |number: u32| {
        let bytes = codec::encode(&Note(number.to_string()));
        (*Id::<Note>::of(&bytes).as_bytes(), bytes)
    };
    let (first, _) = step(None, "many");
    let objects = first.objects.in_memory().unwrap().into_iter().chain((0..1100).map(object));
    store.session().unwrap().transact(Transaction { objects: objects.collect(), ..first }).unwrap();
    let is_refused = |result: Result<Session, StoreError>| {
        matches!(result, Err(StoreError::NotPlain { what: "a link", .. }))
    };
    for name in ["journal", "lock", "ledger/runs", "ledger/runs/1"] {
        let at = dir.path().join(name);
        let target = link_away(&at, outside.path());
        assert!(is_refused(store.session()), "{name} is followed");
        put_back(&at, &target);
        store.session().unwrap();
    }
    let at = dir.path().join("ledger/summary");
    let target = link_away(&at, outside.path());
    let was = fs::read(&target).unwrap();
    history(&store, &["one"]);
    assert_eq!(fs::read(&target).unwrap(), was, "it is not written through");
    assert!(Store::glance(dir.path()).is_none(), "nor read");
    put_back(&at, &target);
    for name in ["in-use", "format"] {
        let at = dir.path().join(name);
        let target = link_away(&at, outside.path());
        let opened = if name == "in-use" {
            Guard::share(dir.path()).map(drop)
        } else {
            migrate::check_format(dir.path())
        };
        assert!(matches!(opened, Err(StoreError::NotPlain { .. })), "{name} is followed");
        put_back(&at, &target);
    }
}

/// Opening a store looks for links; one that is put there afterwards is not followed either.
#[test]
fn a_link_that_comes_in_later_is_not_followed() {
    let (dir, store) = store();
    let tip = history(&store, &["one"]);
    let tensor = crate::tensor::Tensor::from(&crate::tensor::Matrix::zeros(1, 1));
    let (file, _) = store.tensors().write(&[("a".to_owned(), tensor)].into()).unwrap();
    let outside = tempfile::tempdir().unwrap();
    let inside = |folder: &str| {
        let entry = fs::read_dir(dir.path().join(folder)).unwrap().next().unwrap().unwrap();
        Path::new(folder).join(entry.file_name())
    };
    let note = |session: &Session| codec::get(session, Id::<Note>::from_bytes(*tip.as_bytes()));
    let names = ["packs", "tensors"].map(|folder| [folder.into(), inside(folder)]);
    for (number, name) in names.iter().flatten().enumerate() {
        let session = store.session().unwrap();
        let (at, target) = (dir.path().join(name), outside.path().join(number.to_string()));
        fs::rename(&at, &target).unwrap();
        symlink(&target, &at).unwrap();
        let refused = if name.starts_with("packs") {
            let Err(codec::ObjectError::Read(error)) = note(&session) else {
                panic!("{name:?} is followed")
            };
            *error.downcast::<StoreError>().unwrap()
        } else {
            store.tensors().open(file).unwrap_err()
        };
        assert!(matches!(refused, StoreError::NotPlain { what: "a link", .. }), "{refused}");
        fs::remove_file(&at).unwrap();
        fs::rename(&target, &at).unwrap();
        assert!(note(&session).is_ok() && store.tensors().open(file).is_ok(), "{name:?} is back");
    }
}

#[test]
fn a_lost_index_is_built_again() {
    let (dir, store) = store();
    let tip = history(&store, &["one", "two"]);
    let before = store.session().unwrap().everything().unwrap();
    fs::remove_dir_all(dir.path().join("ledger")).unwrap();
    assert_eq!(main_ref(&store), tip);
    fs::write(dir.path().join("ledger/db"), "rubbish").unwrap();
    store.rebuild().unwrap();
    assert!(store.session().unwrap().everything().unwrap() == before);
    assert_eq!(check(&store).problems, []);
}

#[test]
fn an_index_that_is_behind_catches_up() {
    let (dir, store) = store();
    history(&store, &["one"]);
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(dir.path().join("ledger")).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() {
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    let tip = history(&store, &["two", "three"]);
    fs::remove_dir_all(dir.path().join("ledger")).unwrap();
    fs::rename(copy.path(), dir.path().join("ledger")).unwrap();
    assert_eq!(main_ref(&store), tip);
    assert_eq!(check(&store).problems, []);
}

#[test]
fn no_byte_of_a_pack_or_of_the_journal_changes_unnoticed() {
    let (dir, store) = store();
    history(&store, &["one", "two"]);
    let mut files = vec![dir.path().join("journal")];
    for folder in fs::read_dir(dir.path().join("packs")).unwrap() {
        let folder = fs::read_dir(folder.unwrap().path()).unwrap();
        files.extend(folder.map(|file| file.unwrap().path()));
    }
    assert_eq!(files.len(), 3);
    for file in files {
        let whole = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        for at in (0..whole.len()).step_by(5) {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            fs::write(&file, &changed).unwrap();
            assert_ne!(check(&store).problems, [], "byte {at} of {}", file.display());
        }
        fs::write(&file, &whole).unwrap();
    }
    assert_eq!(check(&store).problems, []);
}

#[test]
fn damage_in_the_index_is_found_or_harmless_and_is_repaired() {
    let (dir, store) = store();
    let tip = history(&store, &["one", "two"]);
    let db = dir.path().join("ledger/db");
    let whole = fs::read(&db).unwrap();
    let used: Vec<usize> = (0..whole.len()).filter(|&at| whole[at] != 0).collect();
    for &at in used.iter().step_by(used.len() / 60 + 1) {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        fs::write(&db, &changed).unwrap();
        for entry in fs::read_dir(dir.path().join("ledger")).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("snap.") {
                fs::remove_file(path).unwrap();
            }
        }
        // sled takes a broken record for the end of its log, and then catches up with the journal.
        let found = fsck::check(&store, &kinds(), &mut |_| {});
        if !found.is_ok_and(|found| found.problems.is_empty()) {
            store.rebuild().unwrap();
        }
        assert_eq!(main_ref(&store), tip, "byte {at}");
        assert_eq!(check(&store).problems, [], "byte {at}");
    }
}

/// A transaction of this many new notes.
fn notes(from: u32, count: u32) -> Transaction {
    let objects = (from..from + count).map(|number| {
        let bytes = codec::encode(&Note(format!("note {number}")));
        (*Id::<Note>::of(&bytes).as_bytes(), bytes)
    });
    Transaction { objects: objects.collect(), ..Transaction::default() }
}

fn runs(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("ledger/runs")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn many_objects_go_into_few_runs() {
    let (dir, store) = store();
    let all = notes(0, 7000).objects.in_memory().unwrap();
    for from in (0..7000).step_by(500) {
        store.session().unwrap().transact(notes(from, 500)).unwrap();
        if from >= 1000 {
            assert!((1..4).contains(&runs(dir.path()).len()), "{:?}", runs(dir.path()));
        }
    }
    let session = store.session().unwrap();
    for (hash, bytes) in &all {
        assert_eq!(session.bytes(hash).unwrap().as_ref(), Some(bytes));
        let mut other = *hash;
        other[0] ^= 1;
        assert!(!session.contains(&other).unwrap());
    }
    let alike = |hash: &&[u8; 32]| hash[0] == 0x2a;
    let expected: Vec<Id<Commit>> =
        all.keys().filter(alike).map(|hash| Id::from_bytes(*hash)).collect();
    assert_eq!(session.commits_with_prefix("2a").unwrap(), expected);
    // What is there is not stored again.
    session.transact(notes(0, 7000)).unwrap();
    let before = session.everything().unwrap();
    assert_eq!(before.places.len(), 7000);
    drop(session);
    store.rebuild().unwrap();
    assert!(store.session().unwrap().everything().unwrap() == before);
    assert_eq!(check(&store), Findings { objects: 7000, ..Findings::default() });
}

#[test]
fn damage_in_a_run_is_found_or_harmless_and_is_repaired() {
    let (dir, store) = store();
    let all = notes(0, 1500).objects.in_memory().unwrap();
    store.session().unwrap().transact(notes(0, 1500)).unwrap();
    let [run] = runs(dir.path()).try_into().unwrap();
    let whole = fs::read(&run).unwrap();
    for at in (0..whole.len()).step_by(6007) {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        fs::write(&run, &changed).unwrap();
        if let Ok(session) = store.session() {
            for (hash, bytes) in &all {
                match session.bytes(hash) {
                    Ok(found) => assert_eq!(found.as_ref(), Some(bytes), "byte {at}"),
                    Err(error) => assert!(error.to_string().contains("read"), "{error}"),
                }
            }
        }
        // The last block is read when the store is opened, and then the index is built again.
        let problems = check(&store).problems;
        assert!(problems.iter().all(|problem| problem.repairable), "{problems:?}");
        assert!(at + 4096 >= whole.len() || !problems.is_empty(), "byte {at}");
        store.rebuild().unwrap();
        assert_eq!(check(&store).problems, [], "byte {at}");
    }
    fs::remove_file(&run).unwrap();
    assert!(store.session().unwrap().bytes(all.keys().next().unwrap()).unwrap().is_some());
}

/// sled takes a broken record for the end of its log, and may then name runs that are gone.
#[test]
fn an_index_that_names_runs_that_are_gone_is_built_again() {
    let (dir, store) = store();
    store.session().unwrap().transact(notes(0, 1500)).unwrap();
    let copy = tempfile::tempdir().unwrap();
    let index = dir.path().join("ledger");
    let sled: Vec<PathBuf> = fs::read_dir(&index).unwrap().map(|e| e.unwrap().path()).collect();
    let sled: Vec<&PathBuf> = sled.iter().filter(|path| path.is_file()).collect();
    for file in &sled {
        fs::copy(file, copy.path().join(file.file_name().unwrap())).unwrap();
    }
    let old = runs(dir.path());
    store.session().unwrap().transact(notes(1500, 1500)).unwrap();
    assert_ne!(runs(dir.path()), old);
    for file in fs::read_dir(&index).unwrap().map(|e| e.unwrap().path()) {
        if file.is_file() {
            fs::remove_file(file).unwrap();
        }
    }
    for file in &sled {
        fs::copy(copy.path().join(file.file_name().unwrap()), file).unwrap();
    }
    assert_eq!(store.session().unwrap().everything().unwrap().places.len(), 3000);
    // Nothing says that the old one knew no more, so it is kept.
    let aside = vec![dir.path().join("ledger.damaged-1")];
    assert_eq!(check(&store), Findings { objects: 3000, aside, ..Findings::default() });
}

#[test]
fn objects_that_refer_to_nothing_stored_are_found() {
    let (_dir, store) = store();
    let session = store.session().unwrap();
    let memo =
        ZMemo { file: Id::from_bytes([3; 32]), places: vec![ZEntry { key: [4; 32], row: 1 }] };
    session.transact(Transaction { z: vec![memo], ..Transaction::default() }).unwrap();
    assert_eq!(session.z(&[4; 32]).unwrap(), Some((Id::from_bytes([3; 32]), 1)));
    assert!(session.bytes(&[4; 32]).unwrap().is_none());
    drop(session);
    let problems = check(&store).problems;
    assert_eq!(problems.len(), 2, "the file and the object that lists its tensors");
    assert!(problems[0].what.contains("missing") && problems[1].what == "it is missing");
    let unknown = [([5; 32], vec![0xfe, 1])];
    let odd = Transaction { objects: unknown.into(), ..Transaction::default() };
    store.session().unwrap().transact(odd).unwrap();
    assert_eq!(check(&store).problems.len(), 3);
}

#[test]
fn hostile_names_do_not_become_refs() {
    let (_dir, store) = store();
    let (mut transaction, _) = step(None, "one");
    transaction.refs[0].name = "heads/../../etc/passwd".to_owned();
    let refused = store.session().unwrap().transact(transaction);
    assert!(matches!(refused, Err(StoreError::RefName(_))));
    assert_eq!(store.session().unwrap().operations().count(), 0);
}

#[test]
fn a_view_waits_for_nobody_and_shows_one_moment() {
    let (_dir, store) = store();
    let tip = history(&store, &["one", "two"]);
    let held = store.session().unwrap();
    let view = store.view().unwrap();
    let (transaction, new) = step(Some(tip), "three");
    held.transact(transaction).unwrap();
    assert_eq!(view.refs().unwrap()["heads/main"], tip);
    assert_eq!(codec::get(&view, Id::<Note>::from_bytes(*tip.as_bytes())).unwrap().0, "two");
    let later = store.view().unwrap();
    assert_eq!(later.reference("heads/main").unwrap(), Some(new));
    assert_eq!(later.head().unwrap(), held.head().unwrap());
    assert_eq!(later.commits_with_prefix(&new.to_string()[..9]).unwrap(), [new]);
    drop((held, later));
    let commands: Vec<String> = view.operations().map(|op| op.unwrap().command).collect();
    assert_eq!(commands, ["two", "one"]);
    let (late, _) = step(Some(tip), "late");
    assert!(matches!(view.transact(late), Err(StoreError::RefMoved { .. })));
}

#[test]
fn a_summary_counts_if_the_journal_ends_where_it_says() {
    let (dir, store) = store();
    let summary = dir.path().join("ledger/summary");
    history(&store, &["one"]);
    let old = fs::read(&summary).unwrap();
    let tip = history(&store, &["two"]);
    store.session().unwrap().transact(notes(0, 1100)).unwrap();
    let new = fs::read(&summary).unwrap();
    let mut changed = new.clone();
    changed[100] ^= 1;
    for bytes in [Some(&old), Some(&changed), Some(&Vec::new()), None] {
        match bytes {
            Some(bytes) => fs::write(&summary, bytes).unwrap(),
            None => fs::remove_file(&summary).unwrap(),
        }
        assert_eq!(store.view().unwrap().reference("heads/main").unwrap(), Some(tip));
        assert!(fs::read(&summary).unwrap() == new);
    }
    // What it names is gone.
    fs::remove_file(&runs(dir.path())[0]).unwrap();
    assert_eq!(store.view().unwrap().reference("heads/main").unwrap(), Some(tip));
    assert_eq!(check(&store).problems, []);
}

#[test]
fn what_was_stored_together_is_read_in_one_go() {
    let (dir, store) = store();
    let session = store.session().unwrap();
    let (some, many) = (notes(0, 50), notes(50, 50));
    let hashes = |transaction: &Transaction| -> Vec<[u8; 32]> {
        transaction.objects.lengths().map(|(hash, _)| *hash).collect()
    };
    let (here, elsewhere) = (hashes(&some), hashes(&many));
    session.transact(some).unwrap();
    session.transact(many).unwrap();
    session.preload(&here[7]).unwrap();
    // What is at hand needs no file.
    fs::remove_dir_all(dir.path().join("packs")).unwrap();
    for hash in here {
        let id = Id::<Note>::from_bytes(hash);
        assert!(codec::get(&session, id).unwrap().0.starts_with("note "));
    }
    assert!(session.bytes(&elsewhere[7]).is_err());
    session.preload(&[7; 32]).unwrap();
}

/// Everything in a store that is not the index, by name.
fn kept(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["packs", "tensors"] {
        for entry in fs::read_dir(dir.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            found.extend(fs::read_dir(path).unwrap().map(|file| file.unwrap().path()));
        }
    }
    found.sort();
    found
}

/// A store with branches, a detached HEAD, a stage, z vectors, something undone and something that gc removed.
fn lived_in() -> (tempfile::TempDir, Store) {
    let (dir, store) = store();
    history(&store, &["one", "two"]);
    let session = store.session().unwrap();
    let (other, at) = step(None, "elsewhere");
    let refs = vec![RefChange { name: "heads/other".to_owned(), expect: None, new: Some(at) }];
    session.transact(Transaction { refs, ..other }).unwrap();
    let gone = RefChange { name: "heads/other".to_owned(), expect: Some(at), new: None };
    session.transact(Transaction { refs: vec![gone], ..Transaction::default() }).unwrap();
    let how = gc::Collect { since: i64::MAX, z: true, ..gc::Collect::default() };
    gc::collect(&store, session, &kinds(), &how, &mut |_| {}).unwrap();
    let tip = history(&store, &["three", "four"]);
    let session = store.session().unwrap();
    let head = Some((session.head().unwrap(), Head::Detached(tip)));
    session.transact(Transaction { head, time: 8, ..Transaction::default() }).unwrap();
    let note = codec::encode(&Note("staged".to_owned()));
    let hash = *Id::<Note>::of(&note).as_bytes();
    let roots = vec![RootUpdate { name: "stage".to_owned(), old: None, new: Some(hash) }];
    let objects = [(hash, note)].into();
    session.transact(Transaction { objects, roots, ..Transaction::default() }).unwrap();
    session.transact(notes(0, 20)).unwrap();
    drop(session);
    assert_eq!(check(&store).problems, []);
    (dir, store)
}

/// Ways in which the journal `whole` can be damaged.
fn damages(whole: &[u8]) -> Vec<(String, Option<Vec<u8>>)> {
    let mut all = vec![
        ("missing".to_owned(), None),
        ("empty".to_owned(), Some(Vec::new())),
        ("zeros".to_owned(), Some(vec![0; whole.len()])),
    ];
    for at in (0..whole.len()).step_by(37) {
        let mut changed = whole.to_vec();
        changed[at] ^= 1 << (at % 8);
        all.push((format!("byte {at}"), Some(changed)));
    }
    let mut at = 0;
    while at < whole.len() {
        for end in [at, at + 17] {
            all.push((format!("{end} bytes"), Some(whole[..end].to_vec())));
        }
        let length = u32::from_le_bytes(whole[at..at + 4].try_into().unwrap());
        at += 4 + usize::try_from(length).unwrap() + 32;
    }
    all
}

fn copied(dir: &Path) -> (tempfile::TempDir, Store) {
    let copy = tempfile::tempdir().unwrap();
    let mut cp = std::process::Command::new("cp");
    assert!(cp.args(["-a", "."]).arg(copy.path()).current_dir(dir).status().unwrap().success());
    let store = Store::open(copy.path()).unwrap();
    (copy, store)
}

/// A copy of the store `whole` with these bytes as its journal, or without one.
fn with_journal(whole: &Path, bytes: Option<Vec<u8>>) -> (tempfile::TempDir, Store) {
    let (dir, store) = copied(whole);
    let path = dir.path().join("journal");
    match bytes {
        Some(bytes) => fs::write(&path, bytes).unwrap(),
        None => fs::remove_file(&path).unwrap(),
    }
    (dir, store)
}

fn repair(store: &Store) -> fsck::Repaired {
    fsck::repair(store, &kinds(), &mut |_| {}).unwrap()
}

/// A repair used to delete the packs that a damaged journal did not name any more.
#[test]
fn a_damaged_journal_is_made_again_from_the_index() {
    let (whole, store) = lived_in();
    let before = store.session().unwrap().everything().unwrap();
    let journal = fs::read(whole.path().join("journal")).unwrap();
    let files = kept(whole.path()).len();
    for (damage, bytes) in damages(&journal) {
        let (dir, store) = with_journal(whole.path(), bytes);
        for _ in 0..2 {
            let repaired = repair(&store);
            assert_eq!(repaired.findings.problems, [], "{damage}");
            assert_eq!(repaired.removed, Vec::<PathBuf>::new(), "{damage}");
        }
        let after = store.session().unwrap().everything().unwrap();
        assert!(after.refs == before.refs && after.roots == before.roots, "{damage}");
        assert!(after.current() == before.current(), "{damage}");
        assert!(after.operations == before.operations, "{damage}");
        assert!(after.places == before.places, "{damage}");
        assert_eq!(kept(dir.path()).len(), files, "{damage}");
    }
}

#[test]
fn a_damaged_journal_and_a_damaged_index_are_made_again_from_the_summary() {
    let (whole, store) = lived_in();
    let before = store.session().unwrap().everything().unwrap();
    let journal = fs::read(whole.path().join("journal")).unwrap();
    let files = kept(whole.path()).len();
    for (damage, bytes) in damages(&journal).into_iter().step_by(5) {
        let (dir, store) = with_journal(whole.path(), bytes);
        fs::write(dir.path().join("ledger/db"), "rubbish").unwrap();
        assert!(store.session().is_err(), "{damage}: nobody builds an index from that unasked");
        let repaired = repair(&store);
        assert_eq!(repaired.findings.problems, [], "{damage}");
        let after = store.session().unwrap().everything().unwrap();
        // Notes lead to no other notes, so those of which nothing else is left are recovered.
        let mut current = after.current();
        current.refs.retain(|name, _| !name.starts_with("heads/recovered-"));
        assert_eq!(current, before.current(), "{damage}");
        assert!(after.logged().len() >= before.logged().len(), "{damage}");
        assert_eq!(kept(dir.path()).len(), files, "{damage}");
        repair(&store);
        assert_eq!(kept(dir.path()).len(), files, "{damage}");
        assert!(fs::read(dir.path().join("ledger.damaged-1/db")).unwrap() == b"rubbish");
    }
}

#[test]
fn with_nothing_left_but_packs_every_commit_is_found() {
    let (whole, store) = lived_in();
    let tip = main_ref(&store);
    let journal = fs::read(whole.path().join("journal")).unwrap();
    let files = kept(whole.path()).len();
    for (damage, bytes) in damages(&journal).into_iter().step_by(5) {
        let (dir, store) = with_journal(whole.path(), bytes);
        fs::write(dir.path().join("ledger/db"), "rubbish").unwrap();
        fs::remove_file(dir.path().join("ledger/summary")).unwrap();
        let repaired = repair(&store);
        assert_eq!(repaired.findings.problems, [], "{damage}");
        assert_eq!(kept(dir.path()).len(), files, "{damage}");
        let session = store.session().unwrap();
        assert!(session.contains(tip.as_bytes()).unwrap(), "{damage}");
        let is_named = session.refs().unwrap().values().any(|commit| *commit == tip)
            || session.head().unwrap() == Head::Detached(tip)
            || session.operations().any(|op| op.unwrap().names().any(|it| it == *tip.as_bytes()));
        assert!(is_named, "{damage}: {:?}", repaired.made);
    }
}

#[test]
fn an_index_that_is_damaged_is_kept_and_one_that_cannot_be_read_just_now_stays() {
    let (dir, store) = lived_in();
    let before = store.session().unwrap().everything().unwrap();
    fs::write(dir.path().join("ledger/db"), "rubbish").unwrap();
    let repaired = repair(&store);
    assert_eq!(repaired.findings.problems, []);
    assert!(store.session().unwrap().everything().unwrap() == before);
    assert_eq!(fs::read(dir.path().join("ledger.damaged-1/db")).unwrap(), b"rubbish");
    for code in [4, 5, 13, 24, 28] {
        let error = sled::Error::Io(std::io::Error::from_raw_os_error(code));
        for error in [error.clone(), error] {
            let error = border::failed(dir.path(), error);
            assert!(!error.is_damage() && error.is_of_the_machine(), "{code}: {error}");
        }
    }
}

#[test]
fn leftovers_go_only_where_nothing_is_or_was_damaged() {
    let (dir, store) = lived_in();
    let stray = dir.path().join("packs/00");
    fs::create_dir_all(&stray).unwrap();
    let stray = stray.join("0".repeat(64));
    fs::write(&stray, "left by a process that was killed").unwrap();
    let tail = fs::read(dir.path().join("journal")).unwrap();
    fs::write(dir.path().join("journal"), &tail[..tail.len() - 5]).unwrap();
    assert_eq!(repair(&store).removed, Vec::<PathBuf>::new());
    assert!(stray.exists());
    fs::remove_file(dir.path().join("journal.damaged-1")).unwrap();
    assert_eq!(repair(&store).removed, [stray]);
}

#[test]
fn a_record_that_cannot_be_synced_is_taken_back() {
    // What happens when that fails too is tried with the real binary.
    let (dir, store) = store();
    history(&store, &["one"]);
    let before = fs::read(dir.path().join("journal")).unwrap();
    fs::write(dir.path().join("journal"), [before.as_slice(), &[7; 99]].concat()).unwrap();
    history(&store, &["two"]);
    assert!(fs::read(dir.path().join("journal")).unwrap().starts_with(&before));
    assert_eq!(check(&store).problems, []);
}
