//! A ledger of a million facts and ten thousand commits: how long its verbs take.
//!
//! The history is written object by object, because no engine edits a million facts in the time of a
//! benchmark; what is measured are the verbs themselves. Set `TMPDIR` to a fast disk with 2 GB.

#![expect(missing_docs, clippy::unwrap_used, clippy::print_stderr, reason = "a benchmark")]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    hint::black_box,
    path::{Path, PathBuf},
};

use criterion::{BatchSize, Criterion, Throughput, criterion_group};
use kledger::{
    checkpoint::write_tensors,
    codec::{self, Draft},
    commit::{Commit, Step},
    delta::{Delta, Lineage, TensorFile},
    engine::{Engine, EngineError, Silent},
    fact::{
        Fact, FactKey, Intake, Iri, Role, Term,
        read::{Choice, Format, Table, TableKind, read_triples},
        tree,
    },
    ledger::{
        About, Actor, InTheWay, Outcome, Repo,
        verb::{
            commit::CommitOptions,
            diff::DiffOptions,
            import::{ImportOptions, ImportSource},
            log::LogOptions,
            merge::MergeOptions,
        },
    },
    store::{RefChange, Session, Transaction},
    tensor::{Matrix, Tensor},
};

mod results;
#[path = "../tests/ledger/support/stand_in.rs"]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not all of it is needed"
)]
mod stand_in;

use stand_in::StandIn;

const FACTS: u32 = 1_000_000;
const COMMITS: u32 = 10_000;
/// Edits of the history whose versions are checked out.
const DEPTH: usize = 1_000;
/// Facts of each commit but the first, which has the rest.
const FACTS_PER_COMMIT: u32 = 10;

fn fact(number: u32, object: u32) -> Fact {
    let entity = |n: u32| Iri::new(&format!("http://www.wikidata.org/entity/Q{n}")).unwrap();
    let predicate = format!("http://www.wikidata.org/prop/direct/P{}", number % 20);
    Fact {
        subject: entity(number / 20),
        predicate: Iri::new(&predicate).unwrap(),
        object: Term::Iri(entity(object)),
    }
}

fn actor(time: i64) -> Actor {
    Actor { author: "Ada".to_owned(), time, command: "bench".to_owned() }
}

fn init(dir: &Path) -> Repo {
    let (model, root) = (dir.join("base"), dir.join("repo"));
    stand_in::write_checkpoint(&model, stand_in::INPUTS);
    fs::create_dir(&root).unwrap();
    Repo::init(&root, &model, &actor(0), &mut Silent, |_| Ok(Vec::new())).unwrap().0
}

/// Commits `facts` on a branch, with a delta that has a column for each.
fn commit(session: &Session, number: u32, branch: &str, facts: &BTreeMap<FactKey, Option<Fact>>) {
    let parent = session.refs().unwrap()[branch];
    let mut commit: Commit = codec::get(session, parent).unwrap();
    let mut draft = Draft::new(session);
    commit.facts = tree::update(&mut draft, commit.facts, facts).unwrap();
    let file = draft.put(&TensorFile { tensors: Vec::new() });
    let columns = facts.keys().copied().collect();
    let delta =
        draft.put(&Delta { tensors: Vec::new(), columns, file, together: Vec::new().into() });
    let before = commit.lineage;
    let lineage = Lineage { before, delta, dropped: Vec::new(), length: u64::from(number) };
    commit.lineage = Some(draft.put(&lineage));
    commit.delta = Some(delta);
    commit.parents = vec![parent];
    commit.step = Step::Edit;
    commit.time = i64::from(number) * 1000;
    commit.message = format!("Edit number {number}");
    let new = draft.put(&commit);
    let main = RefChange { name: branch.to_owned(), expect: Some(parent), new: Some(new) };
    let objects = draft.into_new();
    let command = "commit".to_owned();
    let change = Transaction { objects, refs: vec![main], command, ..Transaction::default() };
    session.transact(change).unwrap();
}

fn history(dir: &Path) -> Repo {
    let repo = init(dir);
    // Its deltas change no tensor, and all have the same empty file.
    repo.store().tensors().write(&BTreeMap::new()).unwrap();
    let first = FACTS - (COMMITS - 1) * FACTS_PER_COMMIT;
    let session = repo.store().session().unwrap();
    let mut from = 0;
    for number in 1..=COMMITS {
        let to = if number == 1 { first } else { from + FACTS_PER_COMMIT };
        let facts = (from..to).map(|n| fact(n, n % 977));
        let facts = facts.map(|fact| (fact.key(false), Some(fact))).collect();
        commit(&session, number, "heads/main", &facts);
        from = to;
    }
    drop(session);
    repo
}

fn size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { size(&path) } else { path.metadata().unwrap().len() })
        .sum()
}

fn verbs(c: &mut Criterion) {
    // KLEDGER_BENCH_DIR keeps the history from run to run.
    let kept = std::env::var_os("KLEDGER_BENCH_DIR").map(PathBuf::from);
    let temporary = tempfile::tempdir().unwrap();
    let dir = kept.as_deref().unwrap_or(temporary.path());
    let root = dir.join("repo");
    let repo = if root.exists() {
        Repo::open(&root).unwrap()
    } else {
        fs::create_dir_all(dir).unwrap();
        history(dir)
    };
    for part in ["packs", "ledger", "journal"] {
        let path = repo.store().dir().join(part);
        let bytes = if path.is_dir() { size(&path) } else { path.metadata().unwrap().len() };
        eprintln!("{part}: {} MB", bytes / 1_000_000);
    }
    let mut group = c.benchmark_group("1,000,000 facts, 10,000 commits");
    group.sample_size(20);
    group.bench_function("open", |b| b.iter(|| black_box(repo.store().session().unwrap())));
    group.bench_function("status", |b| b.iter(|| black_box(repo.status().unwrap())));
    let twenty = LogOptions { limit: Some(20), ..LogOptions::default() };
    group.bench_function("log -20", |b| b.iter(|| black_box(repo.log(&twenty).unwrap())));
    group.bench_function("branch", |b| b.iter(|| black_box(repo.branches().unwrap())));
    let mut open = |_: &Path| Err(EngineError::NoRuntime);
    let mut diff = |from: &str| {
        let options = DiffOptions::default();
        repo.diff(from, "HEAD", &options, &mut open, &mut Silent).unwrap().facts.len()
    };
    assert_eq!(diff("HEAD~1"), 10);
    group.bench_function("diff of 10 facts", |b| b.iter(|| black_box(diff("HEAD~1"))));
    let blame = |number: u32| {
        let fact = fact(number, 0);
        let about = About::new(Some(fact.subject.as_str()), Some(fact.predicate.as_str()));
        repo.blame("HEAD", &about).unwrap().facts.len()
    };
    assert_eq!((blame(0), blame(FACTS - 1)), (1, 1));
    group.bench_function("blame of a fact of the last commit", |b| {
        b.iter(|| black_box(blame(FACTS - 1)));
    });
    group.bench_function("blame of a fact of the first commit", |b| b.iter(|| black_box(blame(0))));
    // A branch that left 5,000 commits ago and one that left 10 commits ago, merged without a model.
    group.sample_size(10);
    let merge = |from: &str| {
        repo.switch(&actor(1), "side", Some(from)).unwrap();
        let side = repo.store().session().unwrap();
        let facts = [fact(FACTS + 1, 1)].map(|fact| (fact.key(false), Some(fact)));
        commit(&side, COMMITS, "heads/side", &facts.into());
        drop(side);
        let made = repo.merge(&actor(1), "main", &MergeOptions::default(), None, &mut Silent);
        assert_eq!(made.unwrap().outcome, Outcome::Done);
        repo.switch(&actor(1), "main", None).unwrap();
        repo.discard_branch(&actor(1), "side").unwrap();
    };
    group.bench_function("branch, commit, merge of 10 commits", |b| b.iter(|| merge("main~10")));
    group.bench_function("branch, commit, merge of 5,000 commits", |b| {
        b.iter(|| merge("main~5000"));
    });
    group.sample_size(20);
    group.bench_function("add and rm 1 triple", |b| {
        b.iter(|| {
            let line = format!("{}", fact(FACTS, 0));
            let input =
                || Intake::of(read_triples(line.as_bytes(), Format::NTriples, "one.nt")).unwrap();
            repo.add(&actor(1), input(), Role::Edit, false).unwrap();
            repo.rm(&actor(1), input(), Role::Edit).unwrap();
        });
    });
    group.finish();
}

/// The same facts as lines and as rows.
fn add(c: &mut Criterion) {
    let (mut lines, mut rows) = (String::new(), "subject,predicate,object\n".to_owned());
    for number in 0..FACTS {
        let fact = fact(number, number % 977);
        writeln!(lines, "{fact}").unwrap();
        let Term::Iri(object) = &fact.object else { unreachable!() };
        let cells = [&fact.subject, &fact.predicate, object].map(Iri::as_str);
        writeln!(rows, "{}", cells.join(",")).unwrap();
    }
    let choice = Choice::default();
    let of_lines =
        || Intake::read(lines.as_bytes(), Format::NTriples, "facts.nt", &choice).unwrap();
    let table = Table::new(TableKind::Csv);
    let of_rows = || Intake::read_table(rows.as_bytes(), &table, "facts.csv", &choice).unwrap();
    let read = |c: &mut Criterion, name: &str, read: &dyn Fn() -> Intake| {
        let mut group = c.benchmark_group(name);
        group.sample_size(10).throughput(Throughput::Elements(u64::from(FACTS)));
        group.bench_function("read 1,000,000", |b| b.iter(|| black_box(read())));
        group.bench_function("add 1,000,000", |b| {
            let fresh = || {
                let dir = tempfile::tempdir().unwrap();
                let repo = init(dir.path());
                (dir, repo)
            };
            let add = |(dir, repo): (tempfile::TempDir, Repo)| {
                let report = repo.add(&actor(1), read(), Role::Edit, false).unwrap();
                assert_eq!(report.outcome.added, u64::from(FACTS));
                dir
            };
            b.iter_batched(fresh, add, BatchSize::PerIteration);
        });
        group.finish();
    };
    read(c, "N-Triples", &of_lines);
    read(c, "CSV", &of_rows);
}

/// Checkouts of the first and the last of a thousand commits that the stand-in edited.
fn deep(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let repo = init(dir.path());
    let add = |turtle: String| {
        let triples = read_triples(turtle.as_bytes(), Format::Turtle, "facts.ttl");
        repo.add(&actor(1), Intake::of(triples).unwrap(), Role::Edit, true).unwrap();
    };
    let prompt = "<https://kledger.dev/ns#prompt> \"{subject} likes\"";
    add(format!("<https://example.org/likes> {prompt} ."));
    let mut open = |dir: &Path| Ok::<Box<dyn Engine>, _>(Box::new(StandIn::open(dir)?));
    for number in 0..DEPTH {
        let about = format!("<https://example.org/s{number}> <https://example.org/likes>");
        add(format!("{about} <https://example.org/{}> .", ["Rome", "Oslo", "Bonn"][number % 3]));
        let message = format!("Edit number {number}");
        let options = CommitOptions { message, ..CommitOptions::default() };
        repo.commit(&actor(number as i64), &options, &mut open, &mut Silent).unwrap();
    }
    repo.create_tag(&actor(1), "first", &format!("HEAD~{}", DEPTH - 1)).unwrap();
    repo.create_tag(&actor(1), "last", "HEAD").unwrap();
    let to = dir.path().join("model");
    let mut group = c.benchmark_group("1,000 edits");
    group.sample_size(20);
    for version in ["first", "last"] {
        group.bench_function(format!("checkout of the {version}"), |b| {
            b.iter(|| repo.checkout(&actor(1), version, Some(&to), InTheWay::Refuse).unwrap());
        });
    }
    let snapshots = repo.store().dir().join("snapshots");
    group.bench_function("checkout of the last without snapshots", |b| {
        let remove = || fs::remove_dir_all(&snapshots).unwrap_or_default();
        let checkout = |()| repo.checkout(&actor(1), "last", Some(&to), InTheWay::Refuse).unwrap();
        b.iter_batched(remove, checkout, BatchSize::PerIteration);
    });
    group.finish();
}

/// A checkout in which 256 MB of tensors are edited, and a plain copy of these bytes.
fn large(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let (model, adapter, root) =
        (dir.path().join("base"), dir.path().join("adapter"), dir.path().join("repo"));
    let matrix = |rows, cols| Tensor::from(&Matrix { rows, cols, data: vec![0.25; rows * cols] });
    let layers: Vec<String> = (0..4).map(|layer| format!("layers.{layer}.mlp.down_proj")).collect();
    fs::create_dir_all(&model).unwrap();
    fs::write(model.join("config.json"), r#"{"model_type": "stand-in"}"#).unwrap();
    fs::write(model.join("tokenizer.json"), "{}").unwrap();
    let weights = layers.iter().map(|name| (format!("{name}.weight"), matrix(4096, 4096)));
    let weights: BTreeMap<String, Tensor> = weights.collect();
    write_tensors(&model.join("model.safetensors"), &weights).unwrap();
    fs::create_dir_all(&adapter).unwrap();
    let config =
        r#"{"peft_type": "LORA", "r": 8, "lora_alpha": 8, "target_modules": ["down_proj"]}"#;
    fs::write(adapter.join("adapter_config.json"), config).unwrap();
    let factors = layers.iter().flat_map(|name| {
        let name = |part: &str| format!("base_model.model.model.{name}.{part}.weight");
        [(name("lora_A"), matrix(8, 4096)), (name("lora_B"), matrix(4096, 8))]
    });
    let factors: BTreeMap<String, Tensor> = factors.collect();
    write_tensors(&adapter.join("adapter_model.safetensors"), &factors).unwrap();
    fs::create_dir(&root).unwrap();
    let (repo, _) = Repo::init(&root, &model, &actor(0), &mut Silent, |_| Ok(Vec::new())).unwrap();
    repo.import(
        &actor(1),
        &ImportSource::Peft(adapter),
        &ImportOptions::default(),
        None,
        &mut Silent,
    )
    .unwrap();
    let mut group = c.benchmark_group("256 MB of edited tensors");
    group.sample_size(10);
    let to = dir.path().join("model");
    group.bench_function("checkout", |b| {
        b.iter(|| repo.checkout(&actor(1), "HEAD", Some(&to), InTheWay::Refuse).unwrap());
    });
    group.bench_function("copy", |b| {
        let (from, to) = (model.join("model.safetensors"), dir.path().join("copy"));
        b.iter(|| {
            fs::copy(&from, &to).unwrap();
            fs::File::open(&to).unwrap().sync_all().unwrap();
        });
    });
    group.finish();
}

criterion_group!(benches, verbs, add, deep, large);

fn main() {
    results::run("ledger", &[benches]);
}
