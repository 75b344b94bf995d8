//! Stores that are in use, of another format, or damaged.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use super::{Sandbox, advised};
use crate::support::{copy, fixtures};

/// The files below `dir`.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Writes over what is not to be written over.
fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A history that is checked and has a backup, which shares no file with it.
fn backed_up() -> Sandbox {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["backup", "../copy"]).done();
    sandbox
}

/// Copies what is below `part` of the store back from the backup.
fn bring_back(sandbox: &Sandbox, part: &str) {
    let part = Path::new(".kledger").join(part);
    let (here, there) = (sandbox.root().join(&part), sandbox.dir.path().join("copy").join(&part));
    fs::remove_dir_all(&here).unwrap();
    fs::create_dir(&here).unwrap();
    copy(&there, &here);
}

#[test]
fn another_kledger_is_waited_for() {
    let sandbox = Sandbox::with_words();
    let lock = fs::File::open(sandbox.root().join(".kledger/lock")).unwrap();
    lock.lock().unwrap();
    let hint = "wait until it is done and run the command again";
    let advice = advised(&sandbox, &["tag", "v1"], hint);
    lock.unlock().unwrap();
    advice.again();
}

#[test]
fn a_store_of_an_older_format_is_migrated() {
    let sandbox = Sandbox { dir: tempfile::tempdir().unwrap() };
    fs::create_dir(sandbox.root()).unwrap();
    copy(&fixtures().join("v0001"), &sandbox.root());
    let hint = "bring it to this kledger's format with `kledger migrate`";
    let advice = advised(&sandbox, &["status"], hint);
    advice.run("kledger migrate", &[]);
    advice.again();
}

#[test]
fn a_store_of_a_newer_format_is_left_to_the_kledger_that_wrote_it() {
    let sandbox = Sandbox::with_words();
    let format = sandbox.root().join(".kledger/format");
    let ours = fs::read(&format).unwrap();
    fs::write(&format, "kledger 99\n").unwrap();
    let advice = advised(&sandbox, &["status"], "use the kledger that wrote it, or a newer one");
    // The one that wrote it is this one.
    fs::write(&format, ours).unwrap();
    advice.again();
}

#[test]
fn damage_is_found_out_about_and_brought_back_from_a_backup() {
    let sandbox = backed_up();
    for pack in files(&sandbox.root().join(".kledger/packs")) {
        let mut bytes = fs::read(&pack).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..].fill(0xff);
        overwrite(&pack, &bytes);
    }
    let advice = advised(&sandbox, &["show", "HEAD"], "find out more with kledger fsck");
    let told = advice.says("kledger fsck", &[], &[]);
    assert_eq!(told.code, 3);
    assert!(told.stdout.contains("brought back from a backup, under its name"), "{told:#?}");
    bring_back(&sandbox, "packs");
    advice.again();
}

#[test]
fn weights_that_are_gone_are_brought_back_from_a_backup() {
    let sandbox = backed_up();
    for tensors in files(&sandbox.root().join(".kledger/tensors")) {
        fs::remove_file(tensors).unwrap();
    }
    let hint =
        "nothing here can make that file again: bring it back from a backup; `kledger fsck` says";
    let advice = advised(&sandbox, &["export", "HEAD", "out"], hint);
    assert_eq!(advice.says("kledger fsck", &[], &[]).code, 3);
    bring_back(&sandbox, "tensors");
    advice.again();
}

#[test]
fn the_base_is_brought_back_from_a_backup_or_another_repository() {
    let damage = |sandbox: &Sandbox| {
        let base = files(&sandbox.root().join(".kledger/base")).into_iter();
        let length = |path: &PathBuf| fs::metadata(path).unwrap().len();
        let path = base.max_by_key(length).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        overwrite(&path, &bytes);
    };
    let hint =
        "bring .kledger/base back from a backup, or from the .kledger/base of a repository made";
    let sandbox = backed_up();
    damage(&sandbox);
    let advice = advised(&sandbox, &["export", "HEAD", "out"], hint);
    bring_back(&sandbox, "base");
    advice.again();
    let sandbox = Sandbox::with_history();
    damage(&sandbox);
    let advice = advised(&sandbox, &["export", "HEAD", "out"], hint);
    let other = Sandbox::new();
    let base = sandbox.root().join(".kledger/base");
    fs::remove_dir_all(&base).unwrap();
    fs::create_dir(&base).unwrap();
    copy(&other.root().join(".kledger/base"), &base);
    advice.again();
}

#[test]
fn index_and_journal_are_made_again() {
    let sandbox = Sandbox::with_history();
    let journal = sandbox.root().join(".kledger/journal");
    let mut bytes = fs::read(&journal).unwrap();
    bytes[40] ^= 1;
    fs::write(&journal, bytes).unwrap();
    fs::remove_dir_all(sandbox.root().join(".kledger/ledger")).unwrap();
    let hint =
        "`kledger fsck` says what is damaged; `kledger fsck --repair` makes index and journal";
    let advice = advised(&sandbox, &["log"], hint);
    assert_eq!(advice.says("kledger fsck", &[], &[]).code, 3);
    advice.says("kledger fsck --repair", &[], &[]);
    advice.again();
}

#[test]
fn a_link_is_replaced_by_what_it_leads_to() {
    let hint =
        "put its target there, if you trust it; to keep a store on another disk, make the link";
    let sandbox = Sandbox::with_words();
    let (store, disk) = (sandbox.root().join(".kledger"), sandbox.dir.path().join("disk"));
    fs::rename(store.join("packs"), &disk).unwrap();
    symlink(&disk, store.join("packs")).unwrap();
    let advice = advised(&sandbox, &["log"], hint);
    fs::remove_file(store.join("packs")).unwrap();
    fs::rename(&disk, store.join("packs")).unwrap();
    advice.again();
    fs::rename(&store, &disk).unwrap();
    symlink(&disk, &store).unwrap();
    advice.again();
}

#[test]
fn a_backup_goes_where_nothing_else_is() {
    let sandbox = Sandbox::with_history();
    fs::create_dir(sandbox.root().join("mine")).unwrap();
    sandbox.write("mine/letter.txt", "Dear");
    let hint = "name a new directory, or one that holds an earlier backup of this repository";
    advised(&sandbox, &["backup", "mine"], hint);
    sandbox.run(&["backup", "../copy"]).done();
    sandbox.run(&["backup", "../copy"]).done();
    // A file used to be said to exist, and nothing else.
    sandbox.write("file", "");
    let hint = "name a directory, or a place where nothing is; checkout writes where";
    for place in ["file", "file/copy"] {
        advised(&sandbox, &["backup", place], hint);
    }
    sandbox.run(&["backup", "../new"]).done();
    assert_eq!(fs::read(sandbox.root().join("file")).unwrap(), b"");
}

#[test]
fn a_place_that_is_read_only_is_made_writable() {
    let sandbox = Sandbox::with_words();
    // Its directory is its owner's alone.
    fs::set_permissions(sandbox.dir.path(), Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(sandbox.root().join("shelf")).unwrap();
    let shelf = sandbox.root().join("shelf");
    fs::set_permissions(&shelf, Permissions::from_mode(0o555)).unwrap();
    let words = ["export", "HEAD", "shelf/out"];
    let refused = crate::cli::files::as_reader(&sandbox, &words).failed(1);
    let hint = "hint: the place is read-only for you: check its permissions and how it is mounted";
    assert!(refused.contains(hint), "{refused}");
    fs::set_permissions(&shelf, Permissions::from_mode(0o777)).unwrap();
    crate::cli::files::as_reader(&sandbox, &words).done();
}
