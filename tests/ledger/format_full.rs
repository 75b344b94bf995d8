//! A store with every kind of step, delta and thing in progress opens, verifies and goes on.
//!
//! `tests/fixtures/format/full-0002` was written by the first program whose ids are promises, without
//! its index, which is built again. No such store is ever made again: with `KLEDGER_MAKE_FIXTURE` set, the test
//! makes the fixture of the newest format, where there is none.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use kledger::{
    checkpoint::{Checkpoint, write_merged, write_tensors},
    codec,
    delta::TensorFile,
    engine::Silent,
    eval::{EASYEDIT, Weights},
    ledger::{
        About, How, Repo, ResumeOptions, Task, Texts,
        verb::{
            eval::{EvalOptions, Material},
            export::ExportFormat,
            fsck::FsckOptions,
            import::ImportSource,
            log::LogOptions,
            merge::{FastForward, MergeOptions},
            revert::RevertOptions,
        },
    },
    store::FORMAT,
    tensor::Tensor,
};
use serde_json::{Value, json};

use crate::support::{Place, copy, fixtures, open, options, turtle_triples};

const FIRST: &str = "h.0.mlp.c_proj.weight";
const SECOND: &str = "layers.1.mlp.down_proj.weight";

fn newest() -> u32 {
    FORMAT.strip_prefix("kledger ").unwrap().parse().unwrap()
}

fn fixture(format: u32) -> PathBuf {
    fixtures().join(format!("full-{format:04}"))
}

/// The checkpoint of `place`'s base with some tensors changed, as a directory.
fn tuned(place: &Place, change: impl Fn(&str, usize, f32) -> f32) -> PathBuf {
    let base = Checkpoint::open(&place.repo.base_dir()).unwrap();
    let changed = |name: &str| {
        let tensor = base.tensor(name).unwrap();
        let values = tensor.to_f32().into_iter().enumerate();
        let bytes = values.flat_map(|(at, value)| change(name, at, value).to_le_bytes()).collect();
        (name.to_owned(), Tensor { bytes, ..tensor })
    };
    let tensors = [FIRST, SECOND, "embed.weight"].into_iter().map(changed).collect();
    let dir = place.dir.path().join("tuned");
    fs::create_dir(&dir).unwrap();
    write_merged(&base, &tensors, &dir).unwrap();
    dir
}

/// A delta that is written down whole, as an export of another repository with the same base.
fn dense(place: &Place) -> PathBuf {
    let base = Checkpoint::open(&place.repo.base_dir()).unwrap();
    let before = base.tensor("embed.weight").unwrap();
    let change: Vec<f32> = (0..8u8).map(f32::from).collect();
    let of = |shape: Vec<usize>, values: Vec<f32>| Tensor {
        dtype: before.dtype,
        shape,
        bytes: values.into_iter().flat_map(f32::to_le_bytes).collect(),
    };
    let after = before.to_f32().into_iter().zip(&change).map(|(value, change)| value + change);
    let after = of(vec![8], after.collect());
    let numbers: BTreeMap<_, _> =
        [("embed.weight.dense".to_owned(), of(vec![1, 8], change))].into();
    let dir = place.dir.path().join("dense");
    fs::create_dir(&dir).unwrap();
    write_tensors(&dir.join("delta-1.safetensors"), &numbers).unwrap();
    let manifest = json!({
        "format": "kledger delta 1",
        "base": place.repo.show("HEAD").unwrap().base.to_string(),
        "source": "a dense change",
        "deltas": [{
            "file": codec::id_of(&TensorFile::of(&numbers)).to_string(),
            "tensors": [{
                "name": "embed.weight",
                "outputs": 1,
                "inputs": 8,
                "orientation": "out-in",
                "form": "dense",
            }],
            "columns": [],
        }],
        "weights": { "embed.weight": after.id().to_string() },
    });
    fs::write(dir.join("delta.json"), manifest.to_string()).unwrap();
    fs::write(dir.join("facts.nt"), "").unwrap();
    dir
}

/// Every kind of step, delta and thing in progress.
fn make(to: &Path) {
    let place = Place::new();
    let repo = &place.repo;
    let switch = |name: &str, from: Option<&str>| {
        repo.switch(&place.actor("switch"), name, from).unwrap();
    };
    place.add_neighbours(":Carl :likes :Bern .").unwrap();
    place.make(":Anna :likes :Rome . :Bert :lives :Oslo .", "First edit");
    let long = "Straße ".repeat(60);
    place.add_neighbours(&format!(":Dora :likes \"{long}\"@de .")).unwrap();
    place.add(":Anna :likes :Oslo .").unwrap();
    place.rm(":Bert :lives :Oslo .").unwrap();
    place.commit("Replaced and retracted").unwrap();
    repo.create_tag(&place.actor("tag"), "v1", "HEAD").unwrap();
    repo.revert(&place.actor("revert"), "HEAD", &RevertOptions::default(), None, &mut Silent)
        .unwrap();

    switch("imports", Some("HEAD"));
    let adapter = place.dir.path().join("adapter");
    place.export("v1", &adapter, ExportFormat::Peft).unwrap();
    place.import(&ImportSource::Peft(adapter)).unwrap();
    // One column, which is of low rank, and a whole matrix, which is not.
    let tuned = tuned(&place, |name, at, value| match name {
        FIRST if at / 16 == 7 => value * 0.25,
        SECOND => value + (at % 5) as f32,
        _ => value,
    });
    place.import(&ImportSource::Checkpoint(tuned)).unwrap();
    place.import(&ImportSource::Delta(dense(&place))).unwrap();

    switch("main", None);
    switch("draft", Some("HEAD"));
    place.make(":Emil :works :Siemens .", "On a branch");
    place.make(":Frida :likes :Paris .", "To be picked");
    switch("main", None);
    place.make(":Gerd :likes :Bonn .", "Meanwhile");
    let (mut engine, how) = (open, How::default());
    let picked = ["draft".to_owned()];
    repo.cherry_pick(&place.actor("cherry-pick"), &picked, &how, Some(&mut engine), &mut Silent)
        .unwrap();
    let merge = MergeOptions { fast_forward: FastForward::Never, ..MergeOptions::default() };
    repo.merge(&place.actor("merge"), "draft~1", &merge, Some(&mut engine), &mut Silent).unwrap();
    let actor = place.actor("consolidate");
    repo.consolidate(&actor, &options("All at once"), &mut engine, &mut Silent).unwrap();
    let weights = Weights::default();
    let evaluated = EvalOptions {
        revisions: &["HEAD".to_owned()],
        material: Material::Facts(None),
        protocol: &EASYEDIT,
        texts: Texts { drawing: None, weights: &weights },
        store: Some(&place.actor("eval")),
    };
    repo.eval(&evaluated, &mut engine, &mut Silent).unwrap();

    place.add(":Hans :likes :Wien .").unwrap();
    repo.stash_push(&place.actor("stash"), Some("Hans")).unwrap();
    repo.bisect_start(&place.actor("bisect"), Some("HEAD"), &["v1".to_owned()], false).unwrap();
    switch("theirs", Some("HEAD"));
    place.make(":Ida :likes :Rome . :Jan :likes :Rome .", "Theirs");
    switch("main", None);
    place.make(":Ida :likes :Oslo . :Jan :likes :Oslo .", "Ours");
    let merge = MergeOptions::default();
    repo.merge(&place.actor("merge"), "theirs", &merge, Some(&mut engine), &mut Silent).unwrap();
    repo.resolve_with(&place.actor("resolve"), turtle_triples(":Ida :likes :Bern .")).unwrap();
    place.rm(":Gerd :likes :Bonn .").unwrap();
    place.add(":Kurt :lives :Ulm .").unwrap();

    let store = to.join(".kledger");
    fs::create_dir_all(&store).unwrap();
    copy(repo.store().dir(), &store);
    fs::remove_dir_all(store.join("ledger")).unwrap();
    for file in ["lock", "reserve", "verified"] {
        fs::remove_file(store.join(file)).unwrap();
    }
    let told = serde_json::to_string_pretty(&told(repo)).unwrap();
    fs::write(to.join("expected.json"), told + "\n").unwrap();
}

/// What a repository holds, for comparing. Ids stand for all that they name.
fn told(repo: &Repo) -> Value {
    let log = repo.log(&LogOptions { all: true, ..LogOptions::default() }).unwrap();
    let commits = log.entries.iter().map(|entry| {
        let show = repo.show(&entry.commit.id.to_string()).unwrap();
        let weights: BTreeMap<_, _> =
            show.weights.iter().map(|tensor| (&tensor.name, tensor.id.to_string())).collect();
        json!({
            "id": show.commit.id.to_string(),
            "message": show.commit.message,
            "step": show.commit.step,
            "refs": show.commit.refs,
            "facts": show.facts,
            "neighbourhood": show.neighbourhood,
            "spec": show.spec.map(|spec| spec.id.to_string()),
            "checked": show.check.map(|check| check.facts.len()),
            "measured": show.evaluations.iter().map(|it| &it.protocol).collect::<Vec<_>>(),
            "delta": show.delta.map(|delta| delta.id.to_string()),
            "deltas": show.deltas,
            "weights": weights,
        })
    });
    let status = repo.status().unwrap();
    let unfinished = status.unfinished.unwrap();
    let conflicts = unfinished.conflicts.iter().map(|it| (&it.subject, it.settled));
    let stashes = repo.stashes().unwrap().entries;
    json!({
        "commits": commits.collect::<Vec<_>>(),
        "staged": status.staged,
        "stashes": stashes.iter().map(|stash| &stash.message).collect::<Vec<_>>(),
        "bisection": repo.bisection().unwrap().state,
        "conflicts": conflicts.collect::<Vec<_>>(),
        "operations": repo.op_log(None).unwrap().operations.len(),
    })
}

#[test]
fn a_store_with_everything_opens() {
    let newest = newest();
    if std::env::var_os("KLEDGER_MAKE_FIXTURE").is_some() && !fixture(newest).exists() {
        make(&fixture(newest));
    }
    // Before the second format's, ids were no promises.
    (2..=newest).for_each(opens);
}

fn opens(format: u32) {
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture(format), dir.path());
    kledger::store::migrate(&dir.path().join(".kledger")).unwrap();
    let repo = Repo::open(dir.path()).unwrap();
    let expected = fs::read_to_string(fixture(format).join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    assert_eq!(told(&repo), expected);

    let place = Place::around(dir, repo);
    let versions = expected["commits"].as_array().unwrap().len() as u64;
    let found =
        place.repo.fsck(&FsckOptions { weights: true, repair: false }, &mut Silent).unwrap();
    assert_eq!((found.problems, found.versions), (vec![], versions));

    // What was in progress goes on, and what was put aside comes back.
    let right = turtle_triples(":Jan :likes :Bonn .");
    place.repo.resolve_with(&place.actor("resolve"), right).unwrap();
    let mut engine = open;
    let actor = place.actor("merge");
    place
        .repo
        .go_on(&actor, Task::Merge, &ResumeOptions::default(), Some(&mut engine), &mut Silent)
        .unwrap();
    assert_eq!(place.ask("Ida likes", "HEAD"), "Bern");
    assert_eq!(place.ask("Jan likes", "HEAD"), "Bonn");
    place.repo.stash_pop(&place.actor("stash"), 0).unwrap();
    place.commit("Goes on from here").unwrap();
    assert_eq!(place.ask("Hans likes", "HEAD"), "Wien");
    let about = About::new(Some("Frida"), None);
    let blamed = place.repo.blame("HEAD", &about).unwrap().facts;
    assert_eq!(blamed[0].commit.message, "To be picked");
    place.fsck();
}
