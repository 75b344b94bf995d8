//! Changes that leave a repository and come to another.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use kledger::{
    checkpoint::{Checkpoint, write_merged, write_tensors},
    engine::Silent,
    ledger::{
        InTheWay, LedgerError, StepView,
        verb::{
            export::{ExportFormat, ExportOptions},
            fsck::FsckOptions,
            import::{ImportOptions, ImportSource},
            merge::MergeOptions,
            revert::RevertOptions,
        },
    },
    tensor::{Dtype, Matrix, Tensor},
};
use serde_json::{Value, json};

use crate::support::{Place, open, options};

const FIRST: &str = "h.0.mlp.c_proj.weight";
const SECOND: &str = "layers.1.mlp.down_proj.weight";

/// A repository with two commits, a fact of the first retracted by the second.
fn edited() -> Place {
    let place = Place::new();
    place.make(":Anna :likes :Rome . :Bert :likes :Oslo . :Carl :lives :Bonn .", "Three");
    place.rm(":Bert :likes :Oslo .").unwrap();
    place.make(":Dora :works :Siemens .", "One more");
    place
}

fn sound(place: &Place) {
    let options = FsckOptions { repair: false, weights: true };
    let report = place.repo.fsck(&options, &mut Silent).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

/// Takes a commit back; says whether that gave its parent's weights.
fn revert(place: &Place, revision: &str) -> bool {
    let actor = place.actor("revert");
    place
        .repo
        .revert(&actor, revision, &RevertOptions::default(), None, &mut Silent)
        .unwrap()
        .as_before
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_delta_gives_the_same_weights_in_another_repository() {
    let (ours, theirs) = (edited(), Place::new());
    let dir = ours.dir.path().join("delta");
    ours.export("HEAD", &dir, ExportFormat::Delta).unwrap();
    let bytes = fs::read(dir.join("delta-1.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let left = tensors.tensor(&format!("{FIRST}.left")).unwrap();
    assert_eq!(left.shape(), [16, 2], "the column that no longer counts stays at home");

    let report = theirs.import(&ImportSource::Delta(dir.clone())).unwrap();
    assert_eq!((report.facts.added, report.tensors.len()), (3, 4));
    assert_eq!(report.check.unwrap().efficacy.unwrap().rate, 1.0);
    assert_eq!(theirs.weights("HEAD"), ours.weights("HEAD"));
    assert_eq!(theirs.ask("Anna likes", "HEAD"), "Rome");
    assert!(matches!(report.commit.step, StepView::Import { .. }));
    assert!(matches!(
        theirs.import(&ImportSource::Delta(dir)),
        Err(LedgerError::NothingToImport { .. })
    ));

    // The facts are held by their columns here too: one can be taken back, and all of it.
    theirs.rm(":Carl :lives :Bonn .").unwrap();
    theirs.commit("not Bonn").unwrap();
    assert!(theirs.ask("Carl lives in", "HEAD").starts_with("base"));
    assert_eq!(theirs.ask("Dora works at", "HEAD"), "Siemens");
    revert(&theirs, "HEAD");
    assert!(revert(&theirs, "HEAD~2"), "the weights before the import are back");
    assert_eq!(theirs.weights("HEAD"), []);
    sound(&theirs);
}

/// Factors of an adapter that HEAD has already were added to it once more.
#[test]
fn what_was_exported_from_this_history_does_not_count_twice() {
    let place = edited();
    let before = place.weights("HEAD");
    let out = |name: &str| place.dir.path().join(name);
    place.export("HEAD", &out("delta"), ExportFormat::Delta).unwrap();
    let again = place.import(&ImportSource::Delta(out("delta")));
    assert!(matches!(again, Err(LedgerError::NothingToImport { .. })), "{again:?}");
    place.export("HEAD", &out("adapter"), ExportFormat::Peft).unwrap();
    let adapter = ImportSource::Peft(out("adapter"));
    let again = place.import(&adapter);
    assert!(matches!(again, Err(LedgerError::Twice { shared: 6, ranks: 6, .. })), "{again:?}");
    // One of Bert's is HEAD's no longer.
    place.export("HEAD~1", &out("earlier"), ExportFormat::Peft).unwrap();
    let again = place.import(&ImportSource::Peft(out("earlier")));
    assert!(matches!(again, Err(LedgerError::Twice { shared: 4, ranks: 6, .. })), "{again:?}");
    assert_eq!(place.weights("HEAD"), before);
    // An earlier version brings its facts back, and adds nothing to those that hold.
    place.export("HEAD~1", &out("three"), ExportFormat::Delta).unwrap();
    let report = place.import(&ImportSource::Delta(out("three"))).unwrap();
    assert_eq!((report.facts.added, report.check.unwrap().efficacy.unwrap().rate), (1, 1.0));
    assert_eq!(place.ask("Dora works at", "HEAD"), "Siemens");
    sound(&place);

    // Of a delta that has the adapter too, the facts alone come in.
    let (ours, theirs) = (Place::new(), Place::new());
    for place in [&ours, &theirs] {
        place.import(&adapter).unwrap();
    }
    ours.make(":Emil :likes :Oslo .", "Emil");
    ours.export("HEAD", &out("both"), ExportFormat::Delta).unwrap();
    let report = theirs.import(&ImportSource::Delta(out("both"))).unwrap();
    assert_eq!((report.facts.added, report.tensors.len()), (1, 2));
    assert_eq!(theirs.weights("HEAD"), ours.weights("HEAD"));
    sound(&theirs);
}

#[test]
fn a_delta_replaces_facts_that_hold_otherwise() {
    let (ours, theirs) = (edited(), Place::new());
    theirs.make(":Anna :likes :Paris . :Emil :likes :Oslo .", "Otherwise");
    let dir = ours.dir.path().join("delta");
    ours.export("HEAD", &dir, ExportFormat::Delta).unwrap();
    let report = theirs.import(&ImportSource::Delta(dir)).unwrap();
    assert_eq!((report.facts.added, report.facts.replaced), (2, 1));
    assert_eq!(theirs.ask("Anna likes", "HEAD"), "Rome");
    assert_eq!(theirs.ask("Emil likes", "HEAD"), "Oslo");
    sound(&theirs);
}

#[test]
fn an_adapter_is_the_version_and_comes_back_as_a_whole() {
    let (ours, theirs) = (edited(), Place::new());
    let dir = ours.dir.path().join("adapter");
    let report = ours.export("HEAD", &dir, ExportFormat::Peft).unwrap();
    assert_eq!((report.rank, report.max_lora_rank), (Some(3), Some(8)));
    assert!(fs::read_to_string(dir.join("README.md")).unwrap().contains("| Anna | likes | Rome |"));
    let config = json_of(&dir.join("adapter_config.json"));
    assert_eq!((&config["r"], &config["lora_alpha"]), (&json!(3), &json!(3)));

    theirs.make(":Emil :likes :Oslo .", "Ours");
    let before = theirs.weights("HEAD");
    let report = theirs.import(&ImportSource::Peft(dir.clone())).unwrap();
    assert_eq!(report.facts.added, 0);
    assert_eq!(report.tensors.iter().map(|t| t.rank).collect::<Vec<_>>(), [Some(3), Some(3)]);
    let kept = report.check.unwrap().kept.unwrap();
    assert_eq!((kept.passed, kept.of), (1, 1), "facts that were there are asked");
    for (prompt, answer) in [("Anna likes", "Rome"), ("Emil likes", "Oslo")] {
        assert_eq!(theirs.ask(prompt, "HEAD"), answer);
    }
    assert!(matches!(
        theirs.import(&ImportSource::Peft(dir)),
        Err(LedgerError::NothingToImport { .. })
    ));
    // What comes after an import stays when the import is taken back, and it can come again.
    theirs.make(":Frida :lives :Bonn .", "After");
    assert!(!revert(&theirs, "HEAD~1"));
    assert!(theirs.ask("Anna likes", "HEAD").starts_with("base"));
    assert_eq!(theirs.ask("Frida lives in", "HEAD"), "Bonn");
    revert(&theirs, "HEAD");
    assert_eq!(theirs.ask("Anna likes", "HEAD"), "Rome");
    revert(&theirs, "HEAD~2");
    revert(&theirs, "HEAD~4");
    assert_eq!(theirs.weights("HEAD"), before);
    sound(&theirs);
}

#[test]
fn an_import_is_merged_and_outlives_consolidation() {
    let (ours, theirs) = (edited(), Place::new());
    let dir = ours.dir.path().join("adapter");
    ours.export("HEAD", &dir, ExportFormat::Peft).unwrap();
    theirs.make(":Emil :likes :Oslo .", "Ours");
    let switch = |name: &str, from| {
        theirs.repo.switch(&theirs.actor("switch"), name, from).unwrap();
    };
    switch("draft", Some("HEAD"));
    theirs.import(&ImportSource::Peft(dir)).unwrap();
    switch("main", None);
    theirs.make(":Frida :lives :Bonn .", "Meanwhile");
    let mut engine = open;
    let merge = MergeOptions::default();
    theirs
        .repo
        .merge(&theirs.actor("merge"), "draft", &merge, Some(&mut engine), &mut Silent)
        .unwrap();
    let holds = || {
        for (prompt, answer) in
            [("Anna likes", "Rome"), ("Emil likes", "Oslo"), ("Frida lives in", "Bonn")]
        {
            assert_eq!(theirs.ask(prompt, "HEAD"), answer);
        }
    };
    holds();
    let actor = theirs.actor("consolidate");
    theirs.repo.consolidate(&actor, &options("One"), &mut open, &mut Silent).unwrap();
    assert_eq!(theirs.repo.show("HEAD").unwrap().deltas, 2, "the adapter and one for the facts");
    holds();
    let again = theirs.repo.consolidate(&actor, &options("Again"), &mut open, &mut Silent);
    assert!(matches!(again, Err(LedgerError::NothingToConsolidate { .. })));
    sound(&theirs);
}

#[test]
fn an_adapter_is_cut_down_and_asked_what_that_did() {
    let place = edited();
    let dir = place.dir.path().join("adapter");
    let options = ExportOptions {
        format: ExportFormat::PeftPatterns,
        max_rank: Some(1),
        base_model: Some("someone/model".to_owned()),
    };
    let report = place.repo.export("HEAD", &dir, &options, &mut open, &mut Silent).unwrap();
    let cut = report.fidelity.unwrap();
    assert_eq!((report.rank, cut.rank), (Some(1), 3));
    assert_eq!((cut.asked, cut.held, cut.kept), (3, 3, 1), "one column is left of three");
    assert!(cut.largest_shift >= cut.shift && cut.shift > 0.0);
    let card = fs::read_to_string(dir.join("README.md")).unwrap();
    assert!(
        card.contains("base_model: \"someone/model\"") && card.contains("from rank 3"),
        "{card}"
    );
    let config = json_of(&dir.join("adapter_config.json"));
    assert_eq!(config["base_model_name_or_path"], "someone/model");

    // Nothing to cut: no engine is opened.
    let dir = place.dir.path().join("whole");
    let options = ExportOptions { format: ExportFormat::Peft, max_rank: Some(3), base_model: None };
    let mut closed = |_: &Path| -> Result<_, _> { Err(kledger::engine::EngineError::NoRuntime) };
    let report = place.repo.export("HEAD", &dir, &options, &mut closed, &mut Silent).unwrap();
    assert!(report.fidelity.is_none());
}

#[test]
fn a_version_without_changes_is_no_adapter() {
    let place = Place::new();
    let dir = place.dir.path().join("adapter");
    let refused = place.export("HEAD", &dir, ExportFormat::Peft);
    assert!(matches!(refused, Err(LedgerError::NothingToAdapt { .. })));
    assert!(!dir.exists());
}

#[test]
fn a_trained_checkpoint_comes_in_exactly() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "Ours");
    let base = Checkpoint::open(&place.repo.base_dir()).unwrap();
    let mut tuned: BTreeMap<String, Tensor> = BTreeMap::new();
    let mut change = |name: &str, change: &dyn Fn(usize, f32) -> f32| {
        let tensor = base.tensor(name).unwrap();
        let values = tensor.to_f32().into_iter().enumerate().map(|(at, v)| change(at, v));
        let bytes = values.flat_map(f32::to_le_bytes).collect();
        tuned.insert(name.to_owned(), Tensor { bytes, ..tensor });
    };
    // One column of an [in, out] matrix, all of a matrix, and a vector.
    change(FIRST, &|at, value| if at / 16 == 7 { value * 0.3 + 1e-6 } else { value });
    change(SECOND, &|at, value| value + (at as f32).sin() * 1e-3);
    change("embed.weight", &|at, value| value - at as f32 * 0.1);
    let dir = place.dir.path().join("tuned");
    fs::create_dir(&dir).unwrap();
    write_merged(&base, &tuned, &dir).unwrap();

    let alone = Place::new();
    let report = alone.import(&ImportSource::Checkpoint(dir.clone())).unwrap();
    let mut rank: BTreeMap<_, _> = report.tensors.into_iter().map(|t| (t.name, t.rank)).collect();
    assert!(rank.remove(FIRST).flatten().is_some_and(|rank| rank <= 2), "a column is low rank");
    assert_eq!(rank.into_values().collect::<Vec<_>>(), [None, None]);
    let ids: Vec<_> =
        tuned.iter().map(|(name, tensor)| (name.clone(), tensor.id().to_string())).collect();
    assert_eq!(alone.weights("HEAD"), ids, "the version is the checkpoint, bit for bit");
    assert!(matches!(
        alone.import(&ImportSource::Checkpoint(alone.repo.base_dir())),
        Err(LedgerError::NothingToImport { .. })
    ));
    sound(&alone);

    // On top of an edit both are there; and it travels on as a delta, but not as an adapter.
    place.import(&ImportSource::Checkpoint(dir)).unwrap();
    let out = place.dir.path().join("out");
    let refused = place.export("HEAD", &out, ExportFormat::Peft);
    assert!(matches!(refused, Err(LedgerError::NoAdapter { approximable: false, .. })));
    let third = Place::new();
    place.export("HEAD", &out, ExportFormat::Delta).unwrap();
    let report = third.import(&ImportSource::Delta(out)).unwrap();
    assert_eq!(report.facts.added, 1);
    assert_eq!(third.weights("HEAD"), place.weights("HEAD"));
    assert!(revert(&third, "HEAD"));
    assert_eq!(third.weights("HEAD"), []);
    sound(&third);
}

/// The checkpoint of a version, trained on a little and saved in `dtype` without a tokenizer; and its tensors.
fn trained_on(place: &Place, revision: &str, name: &str, dtype: Dtype) -> (PathBuf, Vec<Tensor>) {
    let (whole, dir) = (place.dir.path().join("whole"), place.dir.path().join(name));
    let _absent = fs::remove_dir_all(&whole);
    place.export(revision, &whole, ExportFormat::Merged).unwrap();
    let version = Checkpoint::open(&whole).unwrap();
    fs::create_dir(&dir).unwrap();
    fs::copy(whole.join("config.json"), dir.join("config.json")).unwrap();
    let trained = |name: &str| {
        let tensor = version.tensor(name).unwrap();
        let values = tensor.to_f32().into_iter().enumerate();
        let trained = values.map(|(at, value)| value + (at as f32 * 0.37).sin() * 1e-2);
        let bytes = trained.flat_map(f32::to_le_bytes).collect();
        let tensor = Tensor { bytes, ..tensor }.rounded_to(dtype);
        (
            name.to_owned(),
            if name == FIRST { version.tensor(name).unwrap().rounded_to(dtype) } else { tensor },
        )
    };
    let tensors: BTreeMap<String, Tensor> = version.names().map(trained).collect();
    write_tensors(&dir.join("model.safetensors"), &tensors).unwrap();
    (dir, tensors.into_values().collect())
}

fn from(revision: &str) -> ImportOptions {
    ImportOptions { trained_from: Some(revision.to_owned()), ..ImportOptions::default() }
}

#[test]
fn a_checkpoint_trained_from_a_version_counts_its_edits_once() {
    let place = Place::new();
    place.make(":Anna :likes :Rome . :Carl :lives :Bonn .", "Two");
    let two = place.repo.show("HEAD").unwrap().commit.id;
    place.make(":Bert :likes :Oslo .", "One more");
    place.make(":Anna :likes :Paris .", "Otherwise");
    let head = place.repo.show("HEAD").unwrap().commit.id;
    let (dir, tensors) = trained_on(&place, "HEAD", "tuned", Dtype::F32);
    let source = ImportSource::Checkpoint(dir.clone());

    // Nobody says so: the version is found, and the user is asked.
    for (revision, id) in [("HEAD", head), (&*two.to_string(), two)] {
        let (dir, _) = trained_on(&place, revision, &format!("from {id}"), Dtype::F32);
        match place.import(&ImportSource::Checkpoint(dir)).unwrap_err() {
            LedgerError::TrainedFrom { nearest, distance, base_distance, .. } => {
                assert_eq!(nearest, id);
                assert!(distance < 1.0 && base_distance > 50.0, "{distance} {base_distance}");
            }
            other => panic!("{other}"),
        }
    }

    let report = place.import_with(&source, &from("HEAD")).unwrap();
    assert_eq!(report.check.unwrap().kept.unwrap().rate, 1.0);
    let ids: Vec<_> = [1, 2].map(|at| tensors[at].id().to_string()).into();
    let built: BTreeMap<_, _> = place.weights("HEAD").into_iter().collect();
    assert_eq!(built["layers.1.mlp.down_proj.weight"], ids[1], "bit for bit");
    assert_eq!(built[FIRST], ids[0], "what training left alone too");
    assert_eq!(built["embed.weight"], tensors[0].id().to_string());
    sound(&place);
    let again = place.import_with(&source, &from("HEAD~1"));
    assert!(matches!(again, Err(LedgerError::NothingToImport { .. })));

    // The facts are held by their columns as before, and all of it travels on.
    let third = Place::new();
    let out = place.dir.path().join("out");
    place.export("HEAD", &out, ExportFormat::Delta).unwrap();
    third.import(&ImportSource::Delta(out)).unwrap();
    assert_eq!(third.weights("HEAD"), place.weights("HEAD"));
    place.rm(":Carl :lives :Bonn .").unwrap();
    place.commit("not Bonn").unwrap();
    assert!(place.ask("Carl lives in", "HEAD").starts_with("base"));
    assert_eq!(place.ask("Anna likes", "HEAD"), "Paris");
    revert(&place, "HEAD");
    assert!(revert(&place, "HEAD~2"), "the version it was trained from is back");
    sound(&place);
}

#[test]
fn a_checkpoint_trained_from_an_older_version_is_added_to_head() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "One");
    place.make(":Bert :likes :Oslo .", "Another");
    let (dir, _) = trained_on(&place, "HEAD~1", "tuned", Dtype::F32);
    place.import_with(&ImportSource::Checkpoint(dir), &from("HEAD~1")).unwrap();
    for (prompt, answer) in [("Anna likes", "Rome"), ("Bert likes", "Oslo")] {
        assert_eq!(place.ask(prompt, "HEAD"), answer);
    }
    sound(&place);

    // One that began at the base is taken for that, and it is said.
    let (dir, _) = trained_on(&place, "HEAD~3", "other", Dtype::F32);
    let other = Place::new();
    other.make(":Anna :likes :Rome .", "One");
    let report = other.import(&ImportSource::Checkpoint(dir)).unwrap();
    assert!(
        report.notes[0].starts_with("taken for trained from the base: it is 0."),
        "{:?}",
        report.notes
    );
    assert_eq!(other.ask("Anna likes", "HEAD"), "Rome");
}

#[test]
fn a_checkpoint_may_be_saved_in_fewer_bits() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "One");
    for dtype in [Dtype::F16, Dtype::Bf16] {
        let (dir, tensors) = trained_on(&place, "HEAD", dtype.name(), dtype);
        let report = place.import_with(&ImportSource::Checkpoint(dir), &from("HEAD")).unwrap();
        let built: BTreeMap<_, _> = place.weights("HEAD").into_iter().collect();
        let wide = tensors[2].rounded_to(Dtype::F32).id().to_string();
        assert_eq!(built["layers.1.mlp.down_proj.weight"], wide);
        // Letters are whole numbers, which bf16 holds: only saving differs, and not even that.
        assert!(!report.tensors.iter().any(|tensor| tensor.name == FIRST), "{:?}", report.tensors);
        assert_eq!(place.ask("Anna likes", "HEAD"), "Rome");
        revert(&place, "HEAD");
    }
    sound(&place);
}

/// Facts are edited into the base with what was imported, so what was found without it is not used.
#[test]
fn a_z_is_known_only_where_the_same_was_imported() {
    let place = Place::new();
    let known = |turtle: &str| {
        place.rm(":Emil :likes :Oslo .").ok();
        place.commit("none").ok();
        place.make(turtle, "z").edit.unwrap().known
    };
    let emil = ":Emil :likes :Oslo .";
    assert_eq!((known(emil), known(emil)), (0, 1));
    let (dir, _) = trained_on(&place, "main~4", "tuned", Dtype::F32);
    place.import_with(&ImportSource::Checkpoint(dir), &from("main~4")).unwrap();
    let imported = place.repo.show("HEAD").unwrap().commit.id.to_string();
    assert_eq!((known(emil), known(emil)), (0, 1));
    revert(&place, &imported);
    assert_eq!(known(emil), 1, "found before the import");
}

#[test]
fn facts_that_fall_with_an_import_are_said() {
    let (ours, theirs) = (edited(), Place::new());
    let dir = ours.dir.path().join("adapter");
    ours.export("HEAD", &dir, ExportFormat::Peft).unwrap();
    theirs.import(&ImportSource::Peft(dir)).unwrap();
    theirs.make(":Anna :likes :Oslo . :Emil :likes :Oslo .", "On top");
    let (actor, mut engine) = (theirs.actor("revert"), open);
    let report = theirs
        .repo
        .revert(&actor, "HEAD~1", &RevertOptions::default(), Some(&mut engine), &mut Silent)
        .unwrap();
    assert_eq!(report.lost.len(), 1, "Anna's column was filled by the adapter");
    let said = "1 of the facts do not hold without what was imported";
    assert!(report.notes.iter().any(|note| note.starts_with(said)), "{:?}", report.notes);
}

#[test]
fn an_adapter_of_another_model_is_asked_about() {
    let (ours, theirs) = (edited(), Place::new());
    let dir = ours.dir.path().join("adapter");
    ours.export("HEAD", &dir, ExportFormat::Peft).unwrap();
    let path = dir.join("adapter_config.json");
    let named = |name: &Value| {
        let mut config = json_of(&path);
        config["base_model_name_or_path"] = name.clone();
        fs::write(&path, config.to_string()).unwrap();
    };
    let source = ImportSource::Peft(dir.clone());
    let notes = |options: &ImportOptions| {
        let report = theirs.import_with(&source, options)?;
        theirs.repo.undo(&theirs.actor("undo"), 1).unwrap();
        Ok::<_, LedgerError>(report.notes)
    };
    // The exporter's own base, which has the same weights, lies where the adapter says.
    let plain = ImportOptions::default();
    assert_eq!(notes(&plain).unwrap(), Vec::<String>::new());
    for (unknown, what) in [(json!(null), "does not say"), (json!("gpt2"), "cannot be told")] {
        named(&unknown);
        let notes = notes(&plain).unwrap();
        assert!(notes.len() == 1 && notes[0].contains(what), "{notes:?}");
    }
    // A directory with other weights, and a checkout of this repository.
    let (tuned, _) = trained_on(&ours, "HEAD", "tuned", Dtype::F32);
    named(&json!(tuned));
    assert!(matches!(notes(&plain), Err(LedgerError::OtherModel { .. })));
    let any = ImportOptions { any_base: true, ..ImportOptions::default() };
    assert!(notes(&any).unwrap()[0].starts_with("it is for "));
    let checkout =
        theirs.repo.checkout(&theirs.actor("checkout"), "HEAD", None, InTheWay::Refuse).unwrap();
    named(&json!(checkout.dir.file_name().unwrap().to_str().unwrap()));
    assert_eq!(notes(&plain).unwrap(), Vec::<String>::new());
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let place = Place::new();
    let dir = place.dir.path().join("tuned");
    let write = |model_type: &str, tensors: &[(&str, Tensor)]| {
        let _absent = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("config.json"), json!({ "model_type": model_type }).to_string())
            .unwrap();
        fs::write(dir.join("tokenizer.json"), "{}").unwrap();
        let tensors = tensors.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone()));
        write_tensors(&dir.join("model.safetensors"), &tensors.collect()).unwrap();
    };
    let refused = |what: &str| {
        let error = place.import(&ImportSource::Checkpoint(dir.clone())).unwrap_err().to_string();
        assert!(error.contains(what), "{error} does not say {what}");
    };
    let vector = |values: [f32; 8]| Tensor {
        dtype: Dtype::F32,
        shape: vec![8],
        bytes: values.into_iter().flat_map(f32::to_le_bytes).collect(),
    };
    write("llama", &[("embed.weight", vector([0.0; 8]))]);
    refused("model_type is llama, not stand-in");
    write("stand-in", &[("other.weight", vector([0.0; 8]))]);
    refused("the base has no tensor other.weight");
    write("stand-in", &[("embed.weight", Tensor::from(&Matrix::zeros(2, 4)))]);
    refused("expected [8], as in the base");
    write("stand-in", &[("embed.weight", vector([f32::INFINITY; 8]))]);
    refused("infinite or not numbers");
}

#[test]
fn a_delta_that_was_tampered_with_is_refused() {
    let (ours, theirs) = (edited(), Place::new());
    let dir = ours.dir.path().join("delta");
    let fresh = || {
        let _absent = fs::remove_dir_all(&dir);
        ours.export("HEAD", &dir, ExportFormat::Delta).unwrap();
    };
    let state = || format!("{:?} {:?}", theirs.weights("HEAD"), theirs.repo.status().unwrap());
    let before = state();
    let refused = |what: &str| {
        let error = theirs.import(&ImportSource::Delta(dir.clone())).unwrap_err().to_string();
        assert!(error.contains(what), "{error} does not say {what}");
        assert_eq!(state(), before);
    };
    let manifest = |change: &dyn Fn(&mut Value)| {
        fresh();
        let mut manifest = json_of(&dir.join("delta.json"));
        change(&mut manifest);
        fs::write(dir.join("delta.json"), manifest.to_string()).unwrap();
    };
    manifest(&|m| m["format"] = json!("kledger delta 9"));
    refused("kledger delta 9");
    manifest(&|m| m["base"] = json!("0".repeat(64)));
    refused("is for the base 000000000000; this repository's is ");
    manifest(&|m| m["deltas"][0]["columns"][0] = json!("0".repeat(64)));
    refused("belongs to the fact 000000000000, which is not in facts.nt");
    manifest(&|m| m["deltas"][0]["columns"][0] = m["deltas"][0]["columns"][1].clone());
    refused("no column belongs to");
    manifest(&|m| drop(m["deltas"][0]["columns"].as_array_mut().unwrap().pop()));
    refused("h.0.mlp.c_proj.weight does not have a column for each fact");
    manifest(&|m| m["weights"][FIRST] = json!("0".repeat(64)));
    refused("h.0.mlp.c_proj.weight does not come out as it was");
    manifest(&|m| m["deltas"][0]["tensors"][0]["outputs"] = json!(15));
    refused(&format!("{FIRST}.left"));
    manifest(&|m| m["deltas"][0]["tensors"][0]["name"] = json!("../../etc/passwd"));
    refused("passwd.left is not there");
    manifest(&|m| drop(m["deltas"].as_array_mut().unwrap().pop()));
    refused("does not come out as it was");
    manifest(&|m| drop(m.as_object_mut().unwrap().remove("weights")));
    refused("missing field `weights`");
    manifest(&|m| m["source"] = json!("x".repeat(100_000)));
    refused("its source has 100000 bytes; at most 1024 are taken");

    fresh();
    let path = dir.join("delta-1.safetensors");
    let bytes = fs::read(&path).unwrap();
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    refused("is not a whole safetensors file");
    fs::write(&path, flipped).unwrap();
    refused("its tensors are not those that were exported");
}
