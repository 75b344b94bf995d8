//! The weight of what a model knows besides, on the shipped base: a published one can hold a whole edit back.

use std::path::Path;

use tempfile::TempDir;

use crate::cli::{command, line};

fn staged() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let path = |name: &str| examples.join(name).to_str().unwrap().to_owned();
    line(&dir, &["init", "--model", &path("base")]);
    line(&dir, &["config", "set", "statistics-tokens", "4000"]);
    line(&dir, &["add", &path("edits/counterfactual-10.nt")]);
    dir
}

/// 15,000 is what MEMIT's authors set for models of billions of parameters.
#[test]
fn an_edit_that_the_weight_holds_back_is_refused_with_its_cause() {
    let dir = staged();
    let weight = |value: &str| format!("mom2_update_weight={value}");
    let out = command(&dir, &["commit", "-m", "held back", "--set", &weight("15000")]);
    let out = { out }.output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("efficacy is 0.000 (0 of 10), required 0.5"), "{said}");
    assert!(said.contains(": a smaller mom2_update_weight lets more through"), "{said}");
    let status = line(&dir, &["status"]);
    assert_eq!(status["staged"].as_array().unwrap().len(), 10, "what is staged still is");

    // The rule that goes by the keys finds one that lets it through, and so does measuring.
    for found in ["auto", "measured"] {
        let made = line(&dir, &["commit", "-m", found, "--set", &weight(found)]);
        assert_eq!(made["edit"]["check"]["efficacy"]["rate"], 1.0, "{found}");
        assert_eq!(made["edit"]["known"], 10, "the vectors were kept");
        line(&dir, &["undo"]);
    }
}
