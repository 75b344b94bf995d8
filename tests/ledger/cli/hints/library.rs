//! Hints of commands that run the model, which is the stand-in here.

use std::{collections::BTreeMap, fs};

use kledger::{
    checkpoint::{Checkpoint, write_merged},
    cli::error::CliError,
    engine::{Prompt, Restored, Silent, Tracing},
    ledger::{
        LedgerError, Repo, Task,
        verb::{
            bisect::BisectState,
            export::{ExportFormat, ExportOptions},
            import::ImportSource,
            trace::Subject,
            train::TrainOptions,
        },
    },
    tensor::{Dtype, Tensor},
};

use super::{
    super::train::{knowing, options as training, train},
    Sandbox, reaches_the_model,
};
use crate::{
    large::bounded,
    ledger::Meanwhile,
    statistics::{Reader, stats},
    support::{Place, open, options, stand_in},
};

/// The hint of an error, which has to have `hint` in it.
#[track_caller]
fn told<T>(result: Result<T, LedgerError>, hint: &str) -> String {
    let Err(error) = result else { panic!("it was done") };
    let error = CliError::from(error);
    let said = error.hint().unwrap_or_else(|| panic!("there is no hint: {error:.300}"));
    assert!(said.contains(hint), "{hint:?} is not in {said}");
    said
}

#[test]
fn an_edit_that_is_not_good_enough_is_made_with_other_settings() {
    let place = Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    let mut how = options("Anna");
    how.edit.settings.insert("strength".to_owned(), 0.5.into());
    how.edit.require.efficacy = Some(0.9);
    let hint =
        "nothing was changed: the stage and any pending merge are intact; adjust the settings";
    told(place.commit_with(&how, &mut Silent), hint);
    how.edit.require.efficacy = Some(0.0);
    let edit = place.commit_with(&how, &mut Silent).unwrap().edit.unwrap();
    assert_eq!(edit.known, 1, "what was found is not looked for again");
    place.add(":Bert :likes :Oslo .").unwrap();
    how.edit.require.efficacy = Some(0.9);
    told(place.commit_with(&how, &mut Silent), hint);
    how.edit.settings.clear();
    place.commit_with(&how, &mut Silent).unwrap();
}

#[test]
fn a_commit_that_was_overtaken_is_made_again() {
    let place = Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    let act = || drop(place.add(":Bert :likes :Oslo .").unwrap());
    let mut progress = Meanwhile { act: Some(act), stop: false };
    let hint =
        "another command got in first: look at kledger status and run this one again; vectors";
    told(place.commit_with(&options("Both"), &mut progress), hint);
    assert_eq!(place.repo.status().unwrap().staged.len(), 2);
    let made = place.commit("Both").unwrap();
    assert_eq!((made.facts.added, made.edit.unwrap().known), (2, 1));
}

#[test]
fn an_edit_that_is_stopped_goes_on() {
    let place = Place::new();
    place.add(":Anna :likes :Rome . :Bert :likes :Oslo . :Carl :likes :Bonn .").unwrap();
    let hint = "; what was to be edited still is: run the command again";
    for (ends_in, kept) in [
        (1, "the edit of 1 fact was found and is kept"),
        (3, "the edits of 2 facts were found and are kept"),
    ] {
        let mut stopped = Reader { ends_in: Some(ends_in), ..Reader::default() };
        let said = told(place.commit_with(&options("All"), &mut stopped), hint);
        assert_eq!(said, format!("{kept}{hint}"));
    }
    assert_eq!(place.commit("All").unwrap().edit.unwrap().known, 3);
}

#[test]
fn statistics_are_taken_on_less_text_or_on_a_text_of_the_users() {
    let place = Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    let with = |place: Place, tokens: u64| {
        let setting = format!("statistics-tokens = {tokens}\n");
        fs::write(place.repo.root().join(".kledger/config.toml"), setting).unwrap();
        let repo = Repo::open(place.repo.root()).unwrap();
        Place::around(place.dir, repo)
    };
    let place = with(place, 999_999_999_999);
    let hint =
        "lower the setting statistics-tokens (30000 is the default), or give a text of yours";
    told(place.commit("Anna"), hint);
    stats(&place, &["Anna likes Rome".to_owned()], &mut Silent).unwrap();
    place.commit("Anna").unwrap();
    let place = with(Place::new(), 30_000);
    place.add(":Anna :likes :Rome .").unwrap();
    place.commit("Anna").unwrap();
}

#[test]
fn work_that_was_stopped_is_done_again() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "Anna");
    let out = place.dir.path().join("adapter");
    let how = ExportOptions { format: ExportFormat::Peft, ..ExportOptions::default() };
    let mut stopped = Reader { ends_in: Some(1), ..Reader::default() };
    told(place.repo.export("HEAD", &out, &how, &mut open, &mut stopped), "nothing was changed");
    assert!(!out.exists());
    place.repo.export("HEAD", &out, &how, &mut open, &mut Silent).unwrap();
}

#[test]
fn facts_are_committed_some_at_a_time() {
    let place = bounded(stand_in::INPUTS, Some(4000));
    let facts = |from: u32, to: u32| {
        (from..to).map(|n| format!(":s{n} :likes :Rome .\n")).collect::<String>()
    };
    place.add(&facts(0, 200)).unwrap();
    told(place.commit("All"), "stage and commit some of them at a time");
    place.rm(&facts(60, 200)).unwrap();
    assert_eq!(place.commit("Some").unwrap().facts.added, 60);
}

#[test]
fn what_is_too_long_to_be_stored_is_made_shorter() {
    let place = Place::new();
    let hint = "nothing was stored: take fewer or shorter facts, words or names at a time";
    told(place.commit(&"x".repeat(65 << 20)), hint);
    place.commit("x").unwrap();
}

#[test]
fn versions_that_answer_alike_are_asked() {
    let place = Place::new();
    for (object, message) in [("Rome", "first"), ("Rome", "second"), ("Oslo", "third")] {
        place.make(&format!(":Anna :lives :{object} . :{message} :likes :Rome ."), message);
    }
    let probe = Prompt { prompt: "Anna lives in".to_owned(), expected: "Rome".to_owned() };
    let run =
        |good: &str, bad: &str| place.repo.bisect_run(&probe, (good, bad), &mut open, &mut Silent);
    let hint = "see what versions say: kledger ask PROMPT --at REV --vs REV";
    told(run("HEAD~2", "HEAD~1"), hint);
    let said = ["HEAD~2", "HEAD~1", "HEAD"].map(|revision| place.ask("Anna lives in", revision));
    assert_eq!(said, ["Rome", "Rome", "Oslo"]);
    assert!(matches!(run("HEAD~1", "HEAD").unwrap().state, BisectState::Found { .. }));
}

#[test]
fn a_merge_is_not_skipped_but_given_up() {
    let sandbox = Sandbox::diverged();
    sandbox.run(&["merge", "draft"]);
    let place = Place::around(tempfile::tempdir().unwrap(), Repo::open(&sandbox.root()).unwrap());
    let actor = place.actor("skip");
    let skipped = place.repo.skip(&actor, Task::Merge, &Default::default(), None, &mut Silent);
    told(skipped, "kledger merge --abort gives it up");
    sandbox.run(&["merge", "--abort"]).done();
}

#[test]
fn a_change_of_full_rank_is_approximated_or_written_whole() {
    let place = Place::new();
    let base = Checkpoint::open(&place.repo.base_dir()).unwrap();
    let name = "layers.1.mlp.down_proj.weight";
    let tensor = base.tensor(name).unwrap();
    let values = tensor.to_f32().into_iter().enumerate();
    let bytes = values.flat_map(|(at, value)| (value + (at as f32).sin()).to_le_bytes()).collect();
    let tuned: BTreeMap<_, _> =
        [(name.to_owned(), Tensor { bytes, dtype: Dtype::F32, ..tensor })].into();
    let dir = place.dir.path().join("tuned");
    fs::create_dir(&dir).unwrap();
    write_merged(&base, &tuned, &dir).unwrap();
    place.import(&ImportSource::Checkpoint(dir)).unwrap();

    let out = |name: &str| place.dir.path().join(name);
    let hint = "--max-rank N approximates it and says how well; --format merged writes it whole";
    told(place.export("HEAD", &out("adapter"), ExportFormat::Peft), hint);
    let format = ExportFormat::Peft;
    let cut = ExportOptions { format, max_rank: Some(2), ..ExportOptions::default() };
    let cut = place.repo.export("HEAD", &out("adapter"), &cut, &mut open, &mut Silent).unwrap();
    assert!(cut.fidelity.unwrap().lost > 0.0);
    place.export("HEAD", &out("merged"), ExportFormat::Merged).unwrap();
    let sandbox = Sandbox { dir: place.dir };
    sandbox.run(&["checkout", "main"]).done();
}

#[test]
fn a_subject_is_named_as_its_prompt_does() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    let trace = |prompt, subject| {
        let restored = vec![Restored::State];
        let how = Tracing {
            samples: 1,
            seed: 1,
            noise: 3.0,
            window: None,
            restored,
            subject_last: false,
        };
        let subject = Subject::Prompt { prompt, subject, expected: None };
        let revisions = ["HEAD".to_owned()];
        place.repo.trace(subject, &revisions, &how, false, &mut open, &mut Silent)
    };
    let said = told(trace("Ada likes", None), "say what it is about: --subject NAME");
    reaches_the_model(&Sandbox::with_words(), &["trace", "Ada likes", "--subject", "Ada"]);
    assert!(said.contains("--subject"), "{said}");
    trace("Ada likes", Some("Ada")).unwrap();
    told(trace("Ada likes", Some("ada")), "give the subject as the prompt writes it");
}

#[test]
fn facts_that_the_model_knows_are_added_to_be_traced() {
    let place = Place::new();
    place.make(":Bert :lives :Rome .", "first");
    place.rm(":Bert :lives :Rome .").unwrap();
    place.commit("none").unwrap();
    let trace = || {
        let restored = vec![Restored::State];
        let how = Tracing {
            samples: 1,
            seed: 1,
            noise: 3.0,
            window: None,
            restored,
            subject_last: false,
        };
        let revisions = ["HEAD".to_owned()];
        place.repo.trace(Subject::Facts(1), &revisions, &how, false, &mut open, &mut Silent)
    };
    let hint = "add facts that the model knows: kledger add --neighbourhood FILE, kledger commit";
    told(trace(), hint);
    let knows = place.ask("Anna likes", "HEAD");
    place.add_neighbours(&format!(":Anna :likes :{knows} .")).unwrap();
    place.commit("Known").unwrap();
    assert_eq!(trace().unwrap().versions[0].traces.len(), 1);
}

#[test]
fn what_an_editor_edits_with_is_trained_first() {
    let place = knowing();
    place.add(":Bert :likes :Rome .").unwrap();
    let mut how = options("Bert");
    how.edit.editor = Some("trained".to_owned());
    told(
        place.commit_with(&how, &mut Silent),
        "kledger train trained makes what it edits with; kledger artefacts",
    );
    let trained = train(&place, &training(100)).unwrap();
    place.commit_with(&how, &mut Silent).unwrap();

    let named = place.repo.show_artefact("nothing");
    told(named, "kledger artefacts lists what there is");
    assert_eq!(place.repo.artefacts().unwrap().artefacts[0].artefact, trained.artefact);
    how.edit.artefact = Some(trained.artefact);
    how.edit.settings.insert("bold".to_owned(), true.into());
    place.add(":Carl :likes :Rome .").unwrap();
    told(place.commit_with(&how, &mut Silent), "kledger artefacts lists what there is");
}

#[test]
fn what_can_be_trained_is_trained_on_facts() {
    let place = Place::new();
    let hint = "add facts that the model knows: kledger add --neighbourhood FILE";
    told(train(&place, &training(10)), hint);
    let place = knowing();
    assert!(train(&place, &training(10)).is_ok());
    let memit = TrainOptions { editor: "memit".to_owned(), ..training(10) };
    told(train(&place, &memit), "kledger editors says which editors need training");
    let editors = Sandbox { dir: place.dir }.run(&["editors"]).done();
    assert!(editors.contains("  needs: training\n"), "{editors}");
}
