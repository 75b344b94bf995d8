//! A store that somebody made: links in it lead nowhere.

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::{Sandbox, make_a_pipe};

/// One command of each verb that opens a store.
const VERBS: &[&[&str]] = &[
    &["log"],
    &["status"],
    &["tag", "new"],
    &["add", "more.nt"],
    &["gc", "--prune", "now", "--z-vectors"],
    &["commit", "-m", "new"],
    &["fsck", "--repair", "--weights"],
    &["forget", "https://example.org/Carl", "--yes"],
    &["checkout", "draft"],
    &["reset", "--hard", "HEAD~1"],
    &["config", "set", "seed", "3"],
    &["stash"],
    &["show", "HEAD"],
    &["diff", "HEAD~1", "HEAD"],
    &["blame"],
    &["undo"],
    &["op", "log"],
    &["branch", "new"],
    &["rm", "--about", "https://example.org/Anna"],
    &["merge", "draft"],
    &["revert", "HEAD"],
    &["export", "HEAD", "out"],
    &["migrate"],
];

/// What is not in every store, and what kledger would make of it.
const ABSENT: &[&str] = &[
    "landing",
    "changes",
    "subjects",
    "partial",
    "snapshots",
    "ledger.old",
    "ledger/runs",
    "ledger/summary",
    "packs/00",
    "tensors/ff",
    ".config.toml.1-0.tmp",
    "anything",
];

/// Everything below `dir`, directories with nothing in them.
pub(super) fn tree(dir: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
            found.insert(path, None);
        } else {
            found.insert(path.clone(), Some(fs::read(&path).unwrap()));
        }
    }
    found
}

/// Puts a link in the place of `name` in the store: to what was there, which is outside now, or to something
/// else.
fn link(sandbox: &Sandbox, name: &Path, same: bool) {
    let (store, outside) = (sandbox.root().join(".kledger"), sandbox.dir.path().join("outside"));
    let (at, target) = (store.join(name), outside.join("target"));
    fs::create_dir(&outside).unwrap();
    let is_dir = at.is_dir();
    if same && at.exists() {
        fs::rename(&at, &target).unwrap();
    } else if is_dir || !same {
        fs::create_dir_all(target.join("ab")).unwrap();
        fs::write(target.join("ab/precious"), "mine").unwrap();
        fs::write(target.join("precious"), "mine").unwrap();
    } else {
        fs::write(&target, "mine").unwrap();
    }
    match fs::remove_dir_all(&at) {
        Err(_) if at.exists() => fs::remove_file(&at).unwrap(),
        _ => {}
    }
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    symlink(&target, &at).unwrap();
}

/// What `words` do in a copy of `before` in which `name` is a link; what it leads to is as it was.
fn run_with_link(before: &Sandbox, name: &Path, same: bool, words: &[&str]) {
    let run = before.copy();
    link(&run, name, same);
    let outside = run.dir.path().join("outside");
    let was = tree(&outside);
    let output = run.run(words);
    let context = format!("{} {words:?}: {output:?}", name.display());
    assert!(tree(&outside) == was, "{context}");
    let one_of_many = name.starts_with("packs") || name.starts_with("tensors");
    if !one_of_many || name.components().count() < 3 {
        assert_eq!(output.code, 1, "{context}");
        let name = run.redact(name.as_os_str().as_encoded_bytes());
        let said = format!("<dir>/repo/.kledger/{name} is a link");
        assert!(output.stderr.contains(&said), "{context}");
    }
}

/// `log` and `status` used to write over what a link led to, `tag`, `add` and `gc` to remove it.
#[test]
fn nothing_behind_a_link_is_touched() {
    let before = Sandbox::with_history();
    let store = before.root().join(".kledger");
    let there = tree(&store).into_keys().map(|path| path.strip_prefix(&store).unwrap().to_owned());
    let absent = ABSENT.iter().map(PathBuf::from);
    let names: Vec<PathBuf> = there.chain(absent).collect();
    assert!(names.len() > 40, "{names:?}");
    // All of them take minutes.
    let every = env::var_os("KLEDGER_EVERY_LINK").is_some();
    for (number, name) in names.iter().enumerate() {
        for same in [true, false] {
            let turn = (number * 5 + usize::from(same) * 11) % VERBS.len();
            let verbs = VERBS.iter().enumerate().filter(|(verb, _)| every || turn == *verb);
            for (_, words) in verbs {
                run_with_link(&before, name, same, words);
            }
        }
    }
}

#[test]
fn what_would_be_waited_for_is_refused() {
    let sandbox = Sandbox::new();
    make_a_pipe(&sandbox.root().join(".kledger/changes"));
    let said = sandbox.run(&["log"]).failed(1);
    assert!(said.contains("changes is a pipe, a socket or a device"), "{said}");
}

/// A store on another disk.
#[test]
fn the_store_itself_may_be_behind_a_link() {
    let sandbox = Sandbox::with_history();
    let (store, elsewhere) = (sandbox.root().join(".kledger"), sandbox.dir.path().join("disk"));
    fs::rename(&store, &elsewhere).unwrap();
    symlink(&elsewhere, &store).unwrap();
    for words in VERBS {
        let output = sandbox.run(words);
        assert!(!output.stderr.contains("is a link"), "{words:?}: {output:?}");
    }
    sandbox.run(&["fsck", "--weights"]).done();
}
