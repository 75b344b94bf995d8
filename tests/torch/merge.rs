//! Merging on the shipped base, where edits take and get in each other's way.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::line;

/// The facts of the lines `numbers` of the shipped edits.
fn facts(dir: &TempDir, numbers: std::ops::Range<usize>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/edits/counterfactual-10.nt");
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    fs::write(dir.path().join("facts.nt"), lines[numbers].join("\n")).unwrap();
    line(dir, &["add", "facts.nt"]);
    line(dir, &["commit", "-m", "Moved"]);
}

/// `main` and `draft` with two moved landmarks each; HEAD is on `main`.
fn apart() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/base");
    line(&dir, &["init", "--model", base.to_str().unwrap()]);
    fs::write(dir.path().join(".kledger/config.toml"), "statistics-tokens = 4000\n").unwrap();
    line(&dir, &["switch", "-c", "draft"]);
    facts(&dir, 0..2);
    line(&dir, &["switch", "main"]);
    facts(&dir, 2..4);
    dir
}

/// Facts that hold of those that were asked.
fn held(check: &Value) -> (u64, u64) {
    let count = |which: &str, what: &str| check[which][what].as_u64().unwrap_or(0);
    let sum = |what| count("efficacy", what) + count("kept", what);
    (sum("passed"), sum("of"))
}

#[test]
fn each_strategy_merges_and_repairing_is_no_worse_than_summing() {
    let dir = apart();
    let merge = |strategy: &str| {
        let report = line(&dir, &["merge", "draft", "--strategy", strategy]);
        assert_eq!(report["outcome"], "done", "{report:#}");
        let made = report["made"][0].clone();
        assert_eq!(made["commit"]["parents"].as_array().unwrap().len(), 2);
        assert_eq!(line(&dir, &["fsck", "--weights"])["problems"], Value::Array(Vec::new()));
        line(&dir, &["undo"]);
        made
    };
    let sum = merge("sum");
    let (held_by_sum, of) = held(&sum["check"]);
    assert_eq!((of, &sum["delta"]), (4, &Value::Null), "every fact is asked");

    let again = merge("re-edit");
    assert_eq!((&again["delta"]["facts"], &again["delta"]["known"]), (&2.into(), &2.into()));
    assert_eq!(held(&again["check"]).1, 4);

    let repair = merge("repair");
    assert!(held(&repair["check"]).0 >= held_by_sum, "{repair:#}");
    let repaired = repair["repaired"].as_array().unwrap().len();
    assert_eq!(repaired == 0, repair["delta"].is_null());
    if repaired > 0 {
        assert_eq!(repair["delta"]["known"], repaired, "z is known");
    }

    line(&dir, &["merge", "draft"]);
    let one = line(&dir, &["consolidate"]);
    assert_eq!((&one["edit"]["facts"], &one["edit"]["known"]), (&4.into(), &4.into()));
    assert_eq!((&one["facts"], &line(&dir, &["show"])["deltas"]), (&4.into(), &1.into()));
    assert!(held(&one["edit"]["check"]).0 >= held_by_sum, "{one:#}");
    line(&dir, &["fsck", "--weights"]);
}
