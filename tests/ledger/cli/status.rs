//! `kledger status`.

use std::{fs, path::PathBuf};

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{Sandbox, commit::weak_edit};
use crate::support::{Place, WORDS};

#[test]
fn staged_words_are_counted() {
    let sandbox = Sandbox::new();
    sandbox.write("words.ttl", WORDS);
    sandbox.run(&["add", "words.ttl"]).done();
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  base stand-in (0 facts)
    Staged for the next commit:
      words for 3 IRIs
    ");
}

#[test]
fn staged_facts_are_listed() {
    let sandbox = Sandbox::with_words();
    sandbox.stage(":Ada :likes :Coffee ; :lives :London .");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  Words (0 facts)
    Staged for the next commit:
    + Ada / likes / Coffee
    + Ada / lives / London
    ");
    assert_snapshot!(sandbox.run(&["status", "-n", "1"]).done(), @"
    On main <id>  Words (0 facts)
    Staged for the next commit:
    + Ada / likes / Coffee
      and 1 more (-v lists them)
    ");
}

#[test]
fn staged_neighbourhood_facts_are_counted() {
    let sandbox = Sandbox::with_words();
    let facts = "@prefix : <https://example.org/> . :Ada :likes :Coffee ; :lives :London .";
    sandbox.write("facts.ttl", facts);
    sandbox.run(&["add", "--neighbourhood", "facts.ttl"]).done();
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  Words (0 facts)
    Staged for the next commit:
      2 neighbourhood facts
    ");
}

#[test]
fn a_predicate_without_a_template_is_named() {
    let sandbox = Sandbox::new();
    sandbox.stage(":Ada :likes :Tea .");
    let status = sandbox.run(&["status"]).done();
    assert!(status.contains("no template for <https://example.org/likes>"), "{status}");
}

#[test]
fn json_lists_what_is_staged_and_names_head() {
    let sandbox = Sandbox::with_words();
    sandbox.stage(":Ada :likes :Coffee .");
    let status = sandbox.data(&["status"]);
    assert_eq!(status["staged"][0]["change"], "added");
    assert_eq!(status["head"]["commit"], sandbox.data(&["show"])["commit"]["id"]);
}

#[test]
fn a_merge_that_waits_is_told() {
    assert_snapshot!(Sandbox::merging().run(&["status"]).done(), @"
    On main <id>  Ours (3 facts)
    A merge of draft is in progress, 1 commit left
      Anna / likes: ours Paris, theirs Berlin, base Rome
      Bert / likes: ours Oslo, theirs Bonn, base Rome
      kledger merge --continue resumes it, --abort gives it up
    Nothing staged
    ");
}

#[test]
fn a_rebase_that_waits_is_told() {
    let sandbox = Sandbox::diverged();
    sandbox.run(&["switch", "draft"]).done();
    assert_eq!(sandbox.run(&["rebase", "main", "--no-check"]).code, 1);
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On draft <id>  Carl moves (3 facts)
    A rebase of main is in progress, 2 commits left
      Anna / likes: ours Paris, theirs Berlin, base Rome
      Bert / likes: ours Oslo, theirs Bonn, base Rome
      kledger rebase --continue resumes it, --abort gives it up
    Nothing staged
    ");
}

#[test]
fn facts_that_do_not_hold_are_told() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    weak_edit(&place, ":Bert :likes :Oslo . :Carl :likes :Bonn .");
    let sandbox = Sandbox { dir: place.dir };
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  weak (3 facts)
    2 of 3 facts asked do not hold at HEAD
      Carl / likes / Bonn
      Bert / likes / Oslo
      kledger show says what is answered instead
      kledger repair edits again what does not hold
    Nothing staged
    ");
    sandbox.data(&["status"]);
}

#[test]
fn a_bisection_is_told_until_it_ends() {
    let sandbox = Sandbox::diverged();
    assert!(!sandbox.run(&["status"]).done().contains("bisection"));
    sandbox.run(&["bisect", "start", "--no-checkout"]).done();
    let told = sandbox.run(&["status"]).done();
    assert!(told.contains("A bisection is in progress\n  name a bad version"), "{told}");
    sandbox.run(&["bisect", "bad", "main"]).done();
    sandbox.run(&["bisect", "good", "main~2"]).done();
    let told = sandbox.run(&["status"]).done();
    assert!(told.contains("A bisection is in progress\nTest <id> Common\n"), "{told}");
    assert!(told.contains("kledger bisect reset ends it\n"), "{told}");
    assert_eq!(sandbox.data(&["status"])["bisection"]["state"], "test");
    sandbox.run(&["bisect", "reset"]).done();
    assert!(!sandbox.run(&["status"]).done().contains("bisection"));
}

/// A checkout without files of the user's, and where it is.
fn checked_out() -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::with_history();
    let model = sandbox.root().join("model");
    fs::remove_dir_all(&model).unwrap();
    sandbox.run(&["checkout", "main"]).done();
    (sandbox, model)
}

/// The same with one file changed, one deleted, and 31 added.
fn changed() -> Sandbox {
    let (sandbox, model) = checked_out();
    fs::write(model.join("config.json"), "{}").unwrap();
    fs::remove_file(model.join("tokenizer.json")).unwrap();
    fs::create_dir(model.join("results")).unwrap();
    for number in 0..30 {
        fs::write(model.join(format!("note {number:02}")), "").unwrap();
    }
    sandbox
}

fn files(sandbox: &Sandbox, words: &[&str]) -> Value {
    sandbox.data(words)["checkout"]["files"].take()
}

/// A file that is written again, with another time and number, is what it was.
#[test]
fn a_checkout_that_is_as_it_was_written_differs_in_nothing() {
    let (sandbox, model) = checked_out();
    let nothing = json!({"changed": [], "deleted": [], "added": [], "more": 0});
    assert_eq!(files(&sandbox, &["status"]), nothing);
    let config = fs::read(model.join("config.json")).unwrap();
    fs::remove_file(model.join("config.json")).unwrap();
    fs::write(model.join("config.json"), config).unwrap();
    assert_eq!(files(&sandbox, &["status"]), nothing);
}

#[test]
fn what_became_of_the_checkout_is_told() {
    let sandbox = changed();
    sandbox.run(&["switch", "draft"]).done();
    let told = sandbox.run(&["status"]).done();
    let expected = "  checked out in <dir>/repo/model: <id>, not where HEAD is
    changed  config.json
    deleted  tokenizer.json
    added    note 00
    added    note 01
";
    assert!(told.contains(expected), "{told}");
    assert!(told.contains("    added    note 17\n    and 13 more (-v lists them)\n"), "{told}");
    assert!(sandbox.run(&["status", "-v"]).done().contains("    added    results/\n"));
}

#[test]
fn json_lists_as_many_files_as_are_wanted() {
    let sandbox = changed();
    let all = files(&sandbox, &["status"]);
    assert_eq!((all["added"].as_array().unwrap().len(), &all["more"]), (31, &0.into()));
    let some = files(&sandbox, &["status", "-n", "1"]);
    assert_eq!(some["changed"], json!(["config.json"]));
    assert_eq!((&some["deleted"], &some["more"]), (&json!([]), &32.into()));
}

#[test]
fn a_repository_is_wanted() {
    let sandbox = Sandbox::bare();
    let message = sandbox.run(&["status"]).failed(1);
    assert!(message.contains("not in a kledger repository"), "{message}");
    assert!(message.contains("hint: make one: kledger init"), "{message}");
    let message = sandbox.run(&["-C", "nosuch", "status"]).failed(1);
    assert!(message.contains("cannot work in nosuch"), "{message}");
}
