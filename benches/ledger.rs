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

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kledger::{
    codec::{self, Draft},
    delta::{Delta, Lineage, TensorFile},
    fact::{
        Fact, FactKey, Iri, Role, Term,
        read::{Format, read_triples},
        tree,
    },
    ledger::{
        Actor, Commit, EngineError, Repo, Silent, Step,
        verb::{diff::DiffOptions, log::LogOptions},
    },
    store::{RefChange, Session, Transaction},
};

#[path = "../tests/ledger/support/stand_in.rs"]
#[expect(
    dead_code,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "only its checkpoint is needed"
)]
mod stand_in;

const FACTS: u32 = 1_000_000;
const COMMITS: u32 = 10_000;
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
    stand_in::write_checkpoint(&model);
    fs::create_dir(&root).unwrap();
    Repo::init(&root, &model, &actor(0), &mut Silent, |_| Vec::new()).unwrap().0
}

/// Commits `facts` on `main`, with a delta that has a column for each.
fn commit(session: &Session, number: u32, facts: &BTreeMap<FactKey, Option<Fact>>) {
    let parent = session.refs().unwrap()["heads/main"];
    let mut commit: Commit = codec::get(session, parent).unwrap();
    let mut draft = Draft::new(session);
    commit.facts = tree::update(&mut draft, commit.facts, facts).unwrap();
    let file = draft.put(&TensorFile { tensors: Vec::new() });
    let columns = facts.keys().copied().collect();
    let delta = draft.put(&Delta { tensors: Vec::new(), columns, file });
    let before = commit.lineage;
    let lineage = Lineage { before, delta, dropped: Vec::new(), length: u64::from(number) };
    commit.lineage = Some(draft.put(&lineage));
    commit.delta = Some(delta);
    commit.parents = vec![parent];
    commit.step = Step::Edit;
    commit.time = i64::from(number) * 1000;
    commit.message = format!("Edit number {number}");
    let new = draft.put(&commit);
    let main = RefChange { name: "heads/main".to_owned(), expect: Some(parent), new: Some(new) };
    let objects = draft.into_new();
    let command = "commit".to_owned();
    let change = Transaction { objects, refs: vec![main], command, ..Transaction::default() };
    session.transact(change).unwrap();
}

fn history(dir: &Path) -> Repo {
    let repo = init(dir);
    let first = FACTS - (COMMITS - 1) * FACTS_PER_COMMIT;
    let session = repo.store().session().unwrap();
    let mut from = 0;
    for number in 1..=COMMITS {
        let to = if number == 1 { first } else { from + FACTS_PER_COMMIT };
        let facts = (from..to).map(|n| fact(n, n % 977));
        commit(&session, number, &facts.map(|fact| (fact.key(false), Some(fact))).collect());
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
    group.bench_function("add and rm 1 triple", |b| {
        b.iter(|| {
            let line = format!("{}", fact(FACTS, 0));
            let triples = || read_triples(line.as_bytes(), Format::NTriples, "one.nt");
            repo.add(&actor(1), triples(), Role::Edit, false).unwrap();
            repo.rm(&actor(1), triples(), Role::Edit).unwrap();
        });
    });
    group.finish();
}

fn add(c: &mut Criterion) {
    let mut text = String::new();
    for number in 0..FACTS {
        writeln!(text, "{}", fact(number, number % 977)).unwrap();
    }
    let mut group = c.benchmark_group("N-Triples");
    group.sample_size(10).throughput(Throughput::Elements(u64::from(FACTS)));
    let triples = || read_triples(text.as_bytes(), Format::NTriples, "facts.nt");
    group.bench_function("read 1,000,000", |b| b.iter(|| black_box(triples().count())));
    group.bench_function("add 1,000,000", |b| {
        let fresh = || {
            let dir = tempfile::tempdir().unwrap();
            let repo = init(dir.path());
            (dir, repo)
        };
        let add = |(dir, repo): (tempfile::TempDir, Repo)| {
            let report = repo.add(&actor(1), triples(), Role::Edit, false).unwrap();
            assert_eq!(report.outcome.added, u64::from(FACTS));
            dir
        };
        b.iter_batched(fresh, add, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, verbs, add);
criterion_main!(benches);
