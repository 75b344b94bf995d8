//! `kledger commit`. The binary has no model here: what edits comes from the library.

use std::process::Command;

use insta::assert_snapshot;
use kledger::{
    commit::ProbesAsked,
    engine::Silent,
    ledger::{
        EditOptions, LedgerError, Requirements,
        verb::commit::{CommitOptions, CommitReport},
    },
};
use serde_json::Value;

use super::{Output, Sandbox, shown};
use crate::support::{Place, WORDS, options, stand_in::column};

#[test]
fn words_are_committed_without_a_model() {
    let sandbox = Sandbox::new();
    sandbox.write("words.ttl", WORDS);
    sandbox.run(&["add", "words.ttl"]).done();
    assert_snapshot!(sandbox.run(&["commit", "-m", "Words"]).done(), @"
    [main <id>] Words
      no fact changed
      words for 3 IRIs
    ");
}

#[test]
fn an_edit_is_shown_with_its_check() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    assert_snapshot!(shown("commit", place.make(":Anna :likes :Oslo . :Bert :lives :Bonn .", "second")), @"
    [main <id>] second
      1 fact added, 1 replaced, efficacy 100 %, paraphrase 100 %
      memit of 2 tensors, delta 8.7 KiB (model 32 KiB)
      neighbourhood not measured: no other fact is known; add some with kledger add --neighbourhood FILE
    ");
}

/// An edit of half the strength that facts need to hold.
pub(super) fn weak_edit(place: &Place, turtle: &str) -> CommitReport {
    place.add(turtle).unwrap();
    let settings = [("strength".to_owned(), 0.5.into())].into_iter().collect();
    let require = Requirements::nothing_of_an_edit();
    let edit = EditOptions { settings, require, ..EditOptions::default() };
    place.commit_with(&CommitOptions { edit, ..options("weak") }, &mut Silent).unwrap()
}

/// The first weight is a quarter of what the facts need.
fn measured() -> CommitOptions {
    let settings = "strength = 0.25\nmeasured = true".parse().unwrap();
    CommitOptions {
        edit: EditOptions { settings, ..EditOptions::default() },
        ..options("measured")
    }
}

#[test]
fn a_weight_that_is_to_be_measured_is_the_best_of_some() {
    let place = Place::new();
    place.add(":Anna :likes :Rome . :Bert :lives :Bonn .").unwrap();
    let report = place.commit_with(&measured(), &mut Silent).unwrap();
    assert_eq!(report.edit.as_ref().unwrap().known, 0, "nothing is from an earlier run");
    assert_snapshot!(shown("commit", report), @"
    [main <id>] measured
      2 facts added, efficacy 100 %, paraphrase 100 %
      words for 3 IRIs
      memit of 2 tensors, delta 8.7 KiB (model 32 KiB)
      weight 0.25: S 0.0 (efficacy 0 %, paraphrase 0 %)
      weight 1: S 100.0 (efficacy 100 %, paraphrase 100 %)  taken
      weight 4: S 0.0 (efficacy 0 %, paraphrase 0 %)
      neighbourhood not measured: no other fact is known; add some with kledger add --neighbourhood FILE
      statistics taken on 30000 tokens sampled from the base; kledger stats --corpus FILE takes them on text of yours
    ");
    let spec = place.repo.show("HEAD").unwrap().spec.unwrap();
    assert!(spec.settings.contains("strength = 1.0\n"), "{}", spec.settings);
    place.fsck();
}

#[test]
fn a_dry_run_says_what_would_come_and_records_nothing() {
    let place = Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    let before = place.repo.status().unwrap();
    let options = CommitOptions { message: String::new(), dry_run: true, ..measured() };
    let report = place.commit_with(&options, &mut Silent).unwrap();
    assert_snapshot!(shown("commit", report), @"
    Nothing is recorded: a dry run
      1 fact added, efficacy 100 %, paraphrase 100 %
      words for 3 IRIs
      memit of 2 tensors, delta 4.6 KiB (model 32 KiB)
      weight 0.25: S 0.0 (efficacy 0 %, paraphrase 0 %)
      weight 1: S 100.0 (efficacy 100 %, paraphrase 100 %)  taken
      weight 4: S 0.0 (efficacy 0 %, paraphrase 0 %)
      neighbourhood not measured: no other fact is known; add some with kledger add --neighbourhood FILE
      statistics taken on 30000 tokens sampled from the base; kledger stats --corpus FILE takes them on text of yours
    ");
    assert_eq!(place.repo.status().unwrap(), before);
    assert_eq!(
        place.commit("now").unwrap().edit.unwrap().known,
        0,
        "other settings seek another z"
    );
    place.fsck();
}

/// Also where nothing is staged, and only words of the commit would change.
#[test]
fn a_dry_run_amends_nothing() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    let before = place.repo.status().unwrap();
    let sandbox = Sandbox { dir: place.dir };
    let said = sandbox.run(&["commit", "--amend", "-m", "other", "--dry-run"]).done();
    assert!(said.starts_with("Nothing is recorded: a dry run\n"), "{said}");
    let repo = kledger::ledger::Repo::open(place.repo.root()).unwrap();
    assert_eq!(repo.status().unwrap(), before);
}

#[test]
fn a_first_edit_of_a_model_without_published_settings_names_the_calibration() {
    let place = Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    let said =
        |report: &CommitReport| report.notes.iter().any(|note| note.contains("kledger calibrate"));
    let require = Requirements::nothing_of_an_edit();
    let edit = EditOptions { editor: Some("timid".to_owned()), require, ..EditOptions::default() };
    let timid = CommitOptions { edit, ..options("timid") };
    assert!(said(&place.commit_with(&timid, &mut Silent).unwrap()));
    place.add(":Bert :lives :Bonn .").unwrap();
    assert!(!said(&place.commit_with(&timid, &mut Silent).unwrap()), "it is said once");
}

#[test]
fn an_edit_of_which_fewer_than_half_hold_is_refused_with_the_causes() {
    let place = Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    let settings = [("strength".to_owned(), 0.5.into())].into_iter().collect();
    let edit = EditOptions { settings, ..EditOptions::default() };
    let weak = CommitOptions { edit, ..options("weak") };
    let refused = place.commit_with(&weak, &mut Silent).unwrap_err();
    let LedgerError::Unmet { unmet, failures, .. } = refused else { panic!("{refused}") };
    assert_eq!(unmet, ["efficacy is 0.000 (0 of 1), required 0.5"]);
    let causes: Vec<String> = failures.iter().map(|failure| failure.cause.to_string()).collect();
    assert_eq!(
        causes,
        [
            "its vector was found (p 100 %), the weights take 50 % of it: a smaller strength lets more through"
        ]
    );
    // What was staged still is, and what was found is known.
    let require = Requirements::nothing_of_an_edit();
    let edit = EditOptions { require, ..weak.edit.clone() };
    let made = place.commit_with(&CommitOptions { edit, ..weak }, &mut Silent).unwrap();
    assert_eq!(made.edit.unwrap().known, 1);
}

/// A first edit with a requirement.
fn requiring(require: &str) -> (Place, Result<CommitReport, LedgerError>) {
    let place = Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    let edit = EditOptions { require: require.parse().unwrap(), ..EditOptions::default() };
    let options = CommitOptions { edit, ..options("bounded") };
    let made = place.commit_with(&options, &mut Silent);
    (place, made)
}

#[test]
fn drift_is_measured_where_it_is_bounded_and_nowhere_else() {
    let (place, made) = requiring("drift<50");
    let made = made.unwrap();
    let check = &made.edit.as_ref().unwrap().check;
    let growth: Vec<(&str, f64)> =
        check.growth.iter().map(|growth| (growth.tensor.as_str(), growth.relative)).collect();
    // By hand: half of the difference between what Anna's column held and what it says now, over all that the base holds;
    // the second tensor was empty.
    let tensor = |name: &str| {
        let base = place.repo.base().unwrap().tensor(name).unwrap().to_f32();
        base.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
    };
    let was = format!("base{}", column("Anna likes"));
    let byte =
        |word: &str, at: usize| f64::from(word.as_bytes().get(at).copied().unwrap_or_default());
    let moved: f64 = (0..16).map(|at| (byte("Rome", at) - byte(&was, at)).powi(2)).sum();
    let wanted = moved.sqrt() / 2.0 / tensor("h.0.mlp.c_proj.weight");
    let (name, found) = growth[0];
    assert_eq!(name, "h.0.mlp.c_proj.weight");
    assert!((found - wanted).abs() < 1e-6, "{found}, not {wanted}");
    // Of a tensor that was zero it is the norm.
    let (name, found) = growth[1];
    assert_eq!(name, "layers.1.mlp.down_proj.weight");
    assert!((found - moved.sqrt() / 2.0).abs() < 1e-4, "{found}");
    assert_eq!(check.text, None);
    let (_, unbounded) = requiring("efficacy=1");
    let json = serde_json::to_string(&unbounded.unwrap().edit.unwrap().check).unwrap();
    assert!(!json.contains("growth") && !json.contains("\"text\":null"), "{json}");
}

#[test]
fn what_drifts_too_far_is_refused() {
    let (_, refused) = requiring("drift<0.001");
    let LedgerError::Unmet { unmet, .. } = refused.unwrap_err() else { panic!("it is unmet") };
    assert_eq!(unmet.len(), 1);
    assert!(unmet[0].starts_with("drift of layers.1.mlp.down_proj.weight is "), "{unmet:?}");
    assert!(unmet[0].ends_with(", required below 0.001"), "{unmet:?}");
}

#[test]
fn perplexity_is_of_the_text_that_is_named_or_of_one_that_the_base_writes() {
    let (_, made) = requiring("perplexity<1000");
    let sampled = made.unwrap().edit.unwrap().check.text.unwrap();
    assert_eq!(sampled.source, "2000 tokens sampled from the base, seed 0");
    let place = Place::new();
    std::fs::write(place.repo.root().join("kept.txt"), "anna bert carl\n").unwrap();
    let store = place.repo.root().join(".kledger");
    std::fs::write(store.join("config.toml"), "perplexity-text = 'kept.txt'\n").unwrap();
    let place = place.reopened();
    place.add(":Anna :likes :Rome .").unwrap();
    let commit = |require: &str| {
        let edit = EditOptions { require: require.parse().unwrap(), ..EditOptions::default() };
        place.commit_with(&CommitOptions { edit, ..options("bounded") }, &mut Silent)
    };
    let LedgerError::Unmet { unmet, .. } = commit("perplexity<0.5").unwrap_err() else {
        panic!("it is unmet")
    };
    assert!(unmet[0].starts_with("perplexity of kept.txt is "), "{unmet:?}");
    let made = commit("perplexity<1000000,drift<10000").unwrap();
    let text = made.edit.as_ref().unwrap().check.text.clone().unwrap();
    assert_eq!((text.source.as_str(), text.tokens), ("kept.txt", 3));
    assert!(text.after.is_finite() && text.before.is_finite(), "{text:?}");
    let printed = shown("commit", made);
    assert!(
        printed.contains("perplexity ") && printed.contains(": kept.txt, 3 tokens"),
        "{printed}"
    );
    assert!(printed.contains("  drift at most "), "{printed}");
    // It is stored with the commit.
    assert_eq!(place.repo.show("HEAD").unwrap().check.unwrap().text, Some(text));
    // Where a text is kept it is measured without being bounded.
    place.add(":Bert :lives :Bern .").unwrap();
    let check = commit("").unwrap().edit.unwrap().check;
    assert!(check.text.is_some() && check.growth.len() == 2 && check.probes.is_none(), "{check:?}");
    std::fs::remove_file(place.repo.root().join("kept.txt")).unwrap();
    place.add(":Carl :lives :Bern .").unwrap();
    let missing = commit("perplexity<1000000").unwrap_err();
    assert!(missing.to_string().contains("perplexity-text names kept.txt: No such"), "{missing}");
}

/// A repository that is set to ask these lines.
pub(super) fn probing(lines: &str) -> Place {
    let place = Place::new();
    std::fs::write(place.repo.root().join("probes.txt"), lines).unwrap();
    let store = place.repo.root().join(".kledger");
    std::fs::write(store.join("config.toml"), "probes = 'probes.txt'\n").unwrap();
    place.reopened()
}

#[test]
fn probes_are_to_go_on_as_in_the_base() {
    let place = probing("Anna likes\n\nDora lives in\nnobody knows\n");
    place.add(":Anna :likes :Rome .").unwrap();
    let commit = |require: &str| {
        let edit = EditOptions { require: require.parse().unwrap(), ..EditOptions::default() };
        place.commit_with(&CommitOptions { edit, ..options("probed") }, &mut Silent)
    };
    let LedgerError::Unmet { unmet, .. } = commit("probes=0.7").unwrap_err() else {
        panic!("it is unmet")
    };
    assert_eq!(unmet, ["probes is 0.666 (2 of 3), required 0.7"]);
    let made = commit("probes=0.6").unwrap();
    let probes = made.edit.as_ref().unwrap().check.probes.clone().unwrap();
    let wanted = ProbesAsked { source: "probes.txt".to_owned(), of: 3, before: 3, after: 2 };
    assert_eq!(probes, wanted);
    // Fewer than nine in ten, which is worth a warning.
    assert_snapshot!(shown("commit", made), @"
    [main <id>] probed
      1 fact added, efficacy 100 %, paraphrase 100 %
      words for 3 IRIs
      memit of 2 tensors, delta 4.6 KiB (model 32 KiB)
      1 of 1 z were known
      drift at most 38.4513: layers.1.mlp.down_proj.weight
      2 of 3 probes go on as in the base, before 3: probes.txt
      neighbourhood not measured: no other fact is known; add some with kledger add --neighbourhood FILE
      warning: 1 of 3 probes go on otherwise: kledger diff HEAD~1 --probe probes.txt shows which
    ");
    // What the version before lost counts as lost, and what is taken back as kept.
    place.add(":Dora :lives :Bern .").unwrap();
    let check = commit("").unwrap().edit.unwrap().check;
    assert_eq!(check.probes, Some(ProbesAsked { before: 2, after: 1, ..wanted }));
    assert_eq!(place.repo.show("HEAD").unwrap().check.unwrap().probes, check.probes);
}

#[test]
fn probes_that_a_commit_is_given_are_asked_in_place_of_those_that_are_set() {
    let mut place = probing("Anna likes\nnobody knows\n");
    let file = place.repo.root().join("mine.txt");
    std::fs::write(&file, "nobody knows\n").unwrap();
    place.repo.ask_probes(&file);
    place.add(":Anna :likes :Rome .").unwrap();
    let check = place.commit_with(&options("probed"), &mut Silent).unwrap().edit.unwrap().check;
    let wanted = ProbesAsked { source: "mine.txt".to_owned(), of: 1, before: 1, after: 1 };
    assert_eq!(check.probes, Some(wanted));
}

/// Far from the base a version is worth a warning, though nobody asked for drift. The warning is not stored.
#[test]
fn a_change_larger_than_the_tensor_is_warned_of() {
    let place = Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    let with = |strength: f64| {
        let settings = [("strength".to_owned(), strength.into())].into_iter().collect();
        let require = Requirements::nothing_of_an_edit();
        let edit = EditOptions { settings, require, ..EditOptions::default() };
        let options = CommitOptions { edit, dry_run: true, ..options("far") };
        let made = place.commit_with(&options, &mut Silent).unwrap();
        let warnings = made.notes.into_iter().filter(|note| note.starts_with("warning: "));
        (warnings.collect::<Vec<_>>(), made.edit.unwrap().check.growth.len())
    };
    // The second tensor was zero, and is as far as its norm from that: it is not warned of.
    assert_eq!(with(1.0), (Vec::new(), 0));
    let (warnings, recorded) = with(400.0);
    assert_eq!((warnings.len(), recorded), (1, 0), "{warnings:?}");
    let end = " of h.0.mlp.c_proj.weight: above 2 what was not edited tends to move";
    assert!(warnings[0].ends_with(end), "{warnings:?}");
}

#[test]
fn files_that_nothing_can_be_measured_with_are_refused_before_the_edit() {
    let sandbox = Sandbox::with_words();
    sandbox.stage(":Ada :likes :Tea .");
    let commit = ["commit", "-m", "x"];
    let huge = "a line\n".repeat(10_001);
    for (setting, bytes, why) in [
        ("probes", None, "No such file"),
        ("probes", Some(&b""[..]), "there is no line in it"),
        ("probes", Some(b"\n  \n"), "there is no line in it"),
        ("probes", Some(huge.as_bytes()), "it has more than 10000 lines"),
        ("probes", Some(b"caf\xe9"), "byte 3 is not UTF-8"),
        ("probes", Some(b"a\0"), "NUL"),
        ("perplexity-text", None, "No such file"),
        ("perplexity-text", Some(b" \n"), "there is no text in it"),
        ("perplexity-text", Some(b"caf\xe9"), "byte 3 is not UTF-8"),
    ] {
        let file = sandbox.root().join("kept.txt");
        match bytes {
            Some(bytes) => std::fs::write(&file, bytes).unwrap(),
            None => drop(std::fs::remove_file(&file)),
        }
        sandbox.write(".kledger/config.toml", &format!("{setting} = 'kept.txt'\n"));
        let said = format!("the setting {setting} names kept.txt: ");
        sandbox.refused(&commit, 1, &[&said, why, "hint: name another"]);
    }
    sandbox.write(".kledger/config.toml", "probes = '.'\n");
    sandbox.refused(&commit, 1, &["it is a directory"]);
    // What the command names counts, and is named as it is.
    sandbox.write("none.txt", "");
    let named = [&commit[..], &["--probes", "none.txt"]].concat();
    sandbox.refused(&named, 1, &["error: none.txt: there is no line in it"]);
}

#[test]
fn facts_that_do_not_take_are_shown() {
    let report = weak_edit(&Place::new(), ":Anna :likes :Rome .");
    assert_snapshot!(shown("commit", report), @r#"
    [main <id>] weak
      1 fact added, efficacy 0 %, paraphrase 0 %
      words for 3 IRIs
      memit of 2 tensors, delta 4.6 KiB (model 32 KiB)
      does not hold: Anna / likes / Rome
        Anna likes ... Zhpe\u001C\u0019 (p 50 %, wanted p 1 %)
        its vector was found (p 100 %), the weights take 50 % of it: a smaller strength lets more through
      neighbourhood not measured: no other fact is known; add some with kledger add --neighbourhood FILE
      statistics taken on 30000 tokens sampled from the base; kledger stats --corpus FILE takes them on text of yours
      kledger repair edits again what does not hold
    "#);
}

#[test]
fn json_has_ids_in_full() {
    let sandbox = Sandbox::with_words();
    sandbox.stage(":Ada <http://www.w3.org/2000/01/rdf-schema#label> \"Ada\"@en .");
    let made = sandbox.data(&["commit", "-m", "A label"]);
    assert_eq!(made["commit"]["id"].as_str().unwrap().len(), 64);
    assert_eq!((&made["commit"]["message"], &made["words"]), (&"A label".into(), &1.into()));
    assert_eq!(sandbox.data(&["show"])["commit"]["id"], made["commit"]["id"]);
}

#[test]
fn nothing_staged_is_nothing_to_commit() {
    let sandbox = Sandbox::new();
    let parts = ["nothing is staged", "hint: stage facts first"];
    sandbox.refused(&["commit", "-m", "x"], 1, &parts);
}

#[test]
fn a_predicate_without_a_template_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.stage(":Ada :likes :Tea .");
    sandbox.refused(&["commit", "-m", "x"], 1, &["https://example.org/likes", "hint: "]);
}

#[test]
fn a_message_is_needed() {
    let sandbox = Sandbox::with_words();
    sandbox.stage(":Ada :likes :Tea .");
    sandbox.refused(&["commit", "-m", " "], 1, &["a commit needs a message"]);
    sandbox.misused(&[&["commit"], &["commit", "-m", "x", "--reset-author"]]);
}

#[test]
fn requirements_and_settings_have_a_form() {
    let sandbox = Sandbox::with_words();
    sandbox.stage(":Ada :likes :Tea .");
    let require = ["commit", "-m", "x", "--require", "speed=1"];
    sandbox.refused(&require, 2, &["\"speed=1\" is not a requirement", "hint: for example"]);
    let set = ["commit", "-m", "x", "--set", "lambda"];
    sandbox.refused(&set, 2, &["\"lambda\" is not KEY=VALUE", "--set mom2_update_weight=3000"]);
}

/// Also where there is nothing to be edited, and so nobody reads them.
#[test]
fn settings_are_checked_where_nothing_is_edited() {
    let sandbox = Sandbox::with_words();
    sandbox.stage(":Ada <http://www.w3.org/2000/01/rdf-schema#label> \"Ada\"@en .");
    sandbox.refused(&["commit", "-m", "x", "--set", "lambda=3000"], 1, &["lambda"]);
}

#[test]
fn without_a_model_facts_stay_staged() {
    let sandbox = Sandbox::with_words();
    sandbox.stage(":Ada :likes :Tea .");
    let message = if cfg!(feature = "torch") { "stand-in" } else { "no model runtime" };
    sandbox.refused(&["commit", "-m", "x"], 4, &[message, "hint: "]);
}

/// Another user, later, amends.
fn amend(sandbox: &Sandbox, words: &[&str]) -> Output {
    let mut command: Command = sandbox.command(&[&["commit", "--amend"], words].concat());
    command.env("KLEDGER_AUTHOR", "Bob").env("KLEDGER_DATE", "2027-01-01T00:00:00Z");
    sandbox.finish(command, "")
}

fn author(sandbox: &Sandbox) -> Value {
    sandbox.data(&["log", "-1"])["entries"][0]["author"].take()
}

#[test]
fn an_amended_message_keeps_author_and_time() {
    let sandbox = Sandbox::with_words();
    let before = sandbox.data(&["show"]);
    assert_snapshot!(amend(&sandbox, &["-m", "Words, better"]).done(), @r#"
    [main <id>] Words, better
      no fact changed
      words for 3 IRIs
      in place of <id>
      the weights are as they were: nothing was staged
    "#);
    let after = sandbox.data(&["show"]);
    for kept in ["author", "time", "parents"] {
        assert_eq!(after["commit"][kept], before["commit"][kept], "{kept}");
    }
    sandbox.run(&["undo"]).done();
    assert_eq!(sandbox.data(&["show"]), before);
}

#[test]
fn an_amended_commit_has_the_author_that_is_given() {
    let sandbox = Sandbox::with_words();
    sandbox.run(&["--author", "Cem", "commit", "--amend", "-m", "one"]).done();
    assert_eq!(author(&sandbox), "Cem");
    amend(&sandbox, &["-m", "two"]).done();
    assert_eq!(author(&sandbox), "Cem", "the environment's is not given");
    amend(&sandbox, &["--reset-author"]).done();
    assert_eq!(author(&sandbox), "Bob");
    sandbox.run(&["undo", "-n", "3"]).done();
    assert_eq!(author(&sandbox), "Ada <ada@example.org>");
}

#[test]
fn what_cannot_be_amended_is_refused() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["commit", "--amend", "--no-edit"]).failed(1), @r#"
    error: there is nothing to amend <id> with
    hint: stage facts first, or say -m MESSAGE
    "#);
    sandbox.run(&["reset", "HEAD~1"]).done();
    assert_snapshot!(sandbox.run(&["commit", "--amend", "-m", "x"]).failed(1), @r#"
    error: <id> is the base: there is nothing to amend
    hint: kledger commit -m MESSAGE makes the first commit on it
    "#);
}
