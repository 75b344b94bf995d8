//! `kledger fsck`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use insta::assert_snapshot;
use serde_json::Value;

use super::Sandbox;

#[test]
fn what_was_read_is_counted() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["fsck"]).done(), @"
    Read 164 objects, 0 tensor files
    No damage found
    ");
}

#[test]
fn weights_of_every_version_are_built() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["fsck", "--weights"]).done(), @"
    Read 164 objects, 0 tensor files, built the weights of 2 versions
    No damage found
    ");
}

#[test]
fn json_lists_problems() {
    let sandbox = Sandbox::with_history();
    let told = sandbox.data(&["fsck", "--weights"]);
    assert_eq!((&told["versions"], &told["problems"]), (&3.into(), &serde_json::json!([])));
    damage_packs(&sandbox);
    let told = sandbox.line(&["fsck"], 3);
    assert!(!told["data"]["problems"].as_array().unwrap().is_empty(), "{told}");
}

#[test]
fn a_damaged_pack_is_found() {
    let sandbox = Sandbox::with_words();
    sandbox.run(&["fsck"]).done();
    damage_packs(&sandbox);
    let output = sandbox.run(&["fsck"]);
    assert_eq!(output.code, 3, "{output:#?}");
    assert!(output.stdout.contains("damage: "), "{output:#?}");
}

#[test]
fn a_damaged_base_is_found() {
    let sandbox = Sandbox::with_words();
    let base = sandbox.root().join(".kledger/base");
    let tensors = files_under(&base)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
    flip_a_bit(&tensors.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap());
    let output = sandbox.run(&["fsck"]);
    assert_eq!(output.code, 3, "{output:#?}");
    assert!(output.stdout.contains("has changed"), "{output:#?}");
}

#[test]
fn a_damaged_index_is_made_again() {
    let sandbox = Sandbox::with_history();
    let before = sandbox.state();
    fs::write(sandbox.root().join(".kledger/ledger/db"), "rubbish").unwrap();
    let told = sandbox.run(&["fsck", "--repair"]).done();
    assert!(told.contains("  repaired: "), "{told}");
    assert_eq!(sandbox.state(), before);
}

/// The pack of many facts, in many blocks, and its path.
fn large_pack(sandbox: &Sandbox) -> (PathBuf, Vec<u8>) {
    let line =
        |n: usize| format!("<http://a.b/s{n}> <http://a.b/p{}> <http://a.b/o{}> .\n", n % 7, n * n);
    sandbox.write("many.nt", &(0..4000).map(line).collect::<String>());
    sandbox.run(&["add", "many.nt"]).done();
    let packs = files_under(&sandbox.root().join(".kledger/packs"));
    let packs = packs.into_iter().map(|path| (fs::read(&path).unwrap(), path));
    let (bytes, path) = packs.max_by_key(|(bytes, _)| bytes.len()).unwrap();
    assert!(bytes.len() > 200 << 10, "{}", bytes.len());
    (path, bytes)
}

fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The number of entries is no object's: all of them are kept.
#[test]
fn a_pack_of_which_all_can_be_read_is_made_again() {
    let sandbox = Sandbox::with_words();
    let (path, mut bytes) = large_pack(&sandbox);
    let before = sandbox.state();
    bytes[16] ^= 1;
    overwrite(&path, &bytes);
    assert_eq!(sandbox.run(&["fsck"]).code, 3);
    let told = sandbox.run(&["fsck", "--repair"]).done();
    assert!(told.contains("objects that can be read of a damaged pack, which is "), "{told}");
    assert_eq!(sandbox.state(), before);
    sandbox.run(&["fsck"]).done();
}

/// Of a pack with a changed byte in its middle all blocks but that one are kept; a backup has the rest.
#[test]
fn what_can_be_read_of_a_damaged_pack_is_kept() {
    let sandbox = Sandbox::with_words();
    let (path, bytes) = large_pack(&sandbox);
    let before = sandbox.state();
    let all = sandbox.data(&["fsck"])["objects"].as_u64().unwrap();
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    overwrite(&path, &changed);
    let told = sandbox.line(&["fsck", "--repair"], 3);
    let left = told["data"]["objects"].as_u64().unwrap();
    assert!(left < all && left > all - 50, "{left} of {all}");
    let problems = told["data"]["problems"].as_array().unwrap();
    let missing = |problem: &Value| problem.as_str().unwrap().ends_with("referred to and missing");
    assert!(!problems.is_empty() && problems.iter().all(missing), "{problems:#?}");
    // What was committed is all there, and the damaged pack too.
    sandbox.run(&["show", "HEAD"]).done();
    let store = files_under(&sandbox.root().join(".kledger"));
    let kept = store.iter().find(|path| path.to_string_lossy().contains("/pack-"));
    assert_eq!(fs::read(kept.unwrap()).unwrap(), changed);

    fs::write(&path, &bytes).unwrap();
    let told = sandbox.run(&["fsck", "--repair"]).done();
    assert!(told.contains("taken up again"), "{told}");
    assert_eq!(sandbox.state(), before);
    sandbox.run(&["fsck"]).done();
}

fn damage_packs(sandbox: &Sandbox) {
    let packs = files_under(&sandbox.root().join(".kledger/packs"));
    packs.iter().for_each(|pack| flip_a_bit(pack));
}

fn files_under(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_under(&path)) } else { files.push(path) }
    }
    files
}

fn flip_a_bit(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let near_the_end = bytes.len() - 40;
    bytes[near_the_end] ^= 1;
    fs::write(path, bytes).unwrap();
}
