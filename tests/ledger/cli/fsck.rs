//! `kledger fsck`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use insta::assert_snapshot;

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
