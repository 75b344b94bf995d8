//! Every byte of a small repository changed in turn: found, or harmless; never a wrong answer.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use kledger::{
    engine::{Sampling, Silent},
    ledger::{
        Class, LedgerError, Repo,
        verb::{diff::DiffOptions, fsck::FsckOptions, log::LogOptions},
    },
};

use crate::support::{Place, open};

/// How many bytes are changed, spread over all files, unless `KLEDGER_EVERY_BYTE` is set: then all.
const SAMPLE: usize = 400;

/// What the repository says, to every question that needs no model; an error where there is damage.
fn answers(root: &Path) -> Result<String, LedgerError> {
    let repo = Repo::open(root)?;
    let options = DiffOptions { weights: true, ..DiffOptions::default() };
    let diff = repo.diff("HEAD~1", "HEAD", &options, &mut open, &mut Silent)?;
    let how = Sampling { top: 1, tokens: 1, sample: None };
    let asked =
        repo.ask("Anna likes", &["HEAD~1".to_owned(), "HEAD".to_owned()], &how, &mut open)?;
    let told = (
        repo.log(&LogOptions::default())?,
        repo.show("HEAD")?,
        repo.status()?,
        repo.branches()?,
        diff,
        asked,
    );
    Ok(serde_json::to_string(&told).unwrap())
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn restore(path: &Path, bytes: &[u8]) {
    let permissions = fs::Permissions::from_mode(0o644);
    fs::set_permissions(path, permissions).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn no_byte_changes_the_answers() {
    let place = Place::new();
    place.make(":Anna :likes :Rome . :Bert :lives :Oslo .", "first");
    place.make(":Anna :likes :Oslo .", "second");
    place.add(":Carl :likes :Bonn .").unwrap();
    let root = place.repo.root().to_owned();
    let store = root.join(Repo::DIR);
    let expected = answers(&root).unwrap();

    let is_read = |path: &PathBuf| {
        let name = path.strip_prefix(&store).unwrap().to_str().unwrap();
        // The index is damaged in tests of its own (`store::tests`), settings are the user's to change,
        // and what is in the lock is for a message, and in the reserve for nothing.
        !name.starts_with("ledger/") && !["lock", "config.toml", "reserve"].contains(&name)
    };
    let all: Vec<PathBuf> = files(&store).into_iter().filter(is_read).collect();
    let total: usize = all.iter().map(|path| fs::metadata(path).unwrap().len() as usize).sum();
    let every = std::env::var_os("KLEDGER_EVERY_BYTE").is_some();
    let stride = if every { 1 } else { total / SAMPLE + 1 };
    let (mut flipped, mut found, mut only_fsck) = (0, 0, 0);
    let mut next = 0;
    let mut before = 0;
    for path in &all {
        let whole = fs::read(path).unwrap();
        while next < before + whole.len() {
            let at = next - before;
            let mut changed = whole.clone();
            changed[at] ^= 1 << (next % 8);
            restore(path, &changed);
            let context = || format!("byte {at} of {}", path.display());
            match answers(&root) {
                Err(error) => {
                    assert!(
                        matches!(error.class(), Class::Damage | Class::Refused),
                        "{}: {error}",
                        context()
                    );
                    found += 1;
                }
                Ok(told) => {
                    assert!(told == expected, "{}: a wrong answer", context());
                    // What no answer depended on is for fsck to find, where it means anything.
                    let options = FsckOptions { weights: true, repair: false };
                    let report = place.repo.fsck(&options, &mut Silent);
                    only_fsck += usize::from(report.map_or(true, |r| !r.problems.is_empty()));
                }
            }
            flipped += 1;
            restore(path, &whole);
            next += stride;
        }
        before += whole.len();
    }
    assert_eq!(answers(&root).unwrap(), expected, "put back as it was");
    assert!(flipped >= SAMPLE && found > 0);
    eprintln!("{flipped} of {total} bytes: {found} refused, {only_fsck} found by fsck alone");
}
