//! Long random histories against a plain map.
//!
//! `KLEDGER_STEPS` makes them longer; with `TMPDIR` in memory, thousands of steps take seconds.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write as _,
    process::Command,
};

use kledger::{
    engine::{Prompt, Silent},
    fact::Role,
    ledger::{
        InTheWay, LedgerError,
        verb::{
            export::ExportFormat, fsck::FsckOptions, gc::GcOptions, reset::Reset,
            revert::RevertOptions,
        },
    },
};

use crate::support::{Place, WORDS, intake, open, stand_in::column};

const SUBJECTS: [&str; 6] = ["Anna", "Bert", "Carl", "Dora", "Emil", "Frida"];
const PREDICATES: [(&str, &str); 3] =
    [("likes", "likes"), ("lives", "lives in"), ("works", "works at")];
const OBJECTS: [&str; 4] = ["Rome", "Oslo", "Paris", "Bonn"];

type Key = (usize, usize);
type Facts = BTreeMap<Key, usize>;

/// A commit as the model knows it.
#[derive(Debug, Clone)]
struct Version {
    id: String,
    parent: Option<usize>,
    facts: Facts,
}

#[derive(Debug, Clone, PartialEq)]
enum Head {
    Branch(String),
    Detached(usize),
}

/// What `undo` brings back.
#[derive(Debug, Clone, PartialEq)]
struct State {
    branches: BTreeMap<String, usize>,
    head: Head,
    stage: BTreeMap<Key, Option<usize>>,
}

struct Model {
    versions: Vec<Version>,
    state: State,
    before: Vec<State>,
}

impl Model {
    fn at(&self) -> usize {
        match &self.state.head {
            Head::Branch(name) => self.state.branches[name],
            Head::Detached(version) => *version,
        }
    }

    fn facts(&self) -> &Facts {
        &self.versions[self.at()].facts
    }

    fn ancestors(&self) -> Vec<usize> {
        let parent = |at: &usize| self.versions[*at].parent;
        std::iter::successors(Some(self.at()), parent).collect()
    }

    fn advance(&mut self, id: String, facts: Facts) {
        self.versions.push(Version { id, parent: Some(self.at()), facts });
        self.go_to(self.versions.len() - 1);
    }

    fn go_to(&mut self, version: usize) {
        match &mut self.state.head {
            Head::Branch(name) => {
                self.state.branches.insert(name.clone(), version);
            }
            Head::Detached(at) => *at = version,
        }
    }

    /// Has `act` change the state, and remembers what it was if it did.
    fn act(&mut self, act: impl FnOnce(&mut Self)) {
        let before = self.state.clone();
        act(self);
        if self.state != before {
            self.before.push(before);
        }
    }
}

/// A random stream that is the same on every machine (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % n
    }
}

fn triple((subject, predicate): Key, object: usize) -> String {
    format!(":{} :{} :{} .", SUBJECTS[subject], PREDICATES[predicate].0, OBJECTS[object])
}

fn prompt((subject, predicate): Key) -> String {
    format!("{} {}", SUBJECTS[subject], PREDICATES[predicate].1)
}

fn keys() -> impl Iterator<Item = Key> {
    (0..SUBJECTS.len()).flat_map(|s| (0..PREDICATES.len()).map(move |p| (s, p)))
}

/// One random step, in the repository and in the model.
fn step(place: &Place, model: &mut Model, random: &mut Random) -> &'static str {
    let actor = place.actor("step");
    let key = (random.below(SUBJECTS.len()), random.below(PREDICATES.len()));
    let object = random.below(OBJECTS.len());
    match random.below(24) {
        0..=6 => {
            let input = intake(&triple(key, object)).unwrap();
            place.repo.add(&actor, input, Role::Edit, true).unwrap();
            model.act(|model| {
                if model.facts().get(&key) == Some(&object) {
                    model.state.stage.remove(&key);
                } else {
                    model.state.stage.insert(key, Some(object));
                }
            });
            "add"
        }
        7 | 8 => {
            let staged = model.state.stage.get(&key).copied();
            let held = model.facts().get(&key).copied();
            let ((Some(Some(gone)), _) | (None, Some(gone))) = (staged, held) else {
                return "nothing";
            };
            place.rm(&triple(key, gone)).unwrap();
            model.act(|model| {
                if staged.is_some() {
                    model.state.stage.remove(&key);
                } else {
                    model.state.stage.insert(key, None);
                }
            });
            "rm"
        }
        9..=12 => {
            let mut facts = model.facts().clone();
            for (key, change) in &model.state.stage {
                match change {
                    Some(object) => facts.insert(*key, *object),
                    None => facts.remove(key),
                };
            }
            match place.commit("step") {
                Ok(report) => {
                    assert_ne!(&facts, model.facts(), "only a change is committed");
                    model.act(|model| {
                        model.advance(report.commit.id.to_string(), facts);
                        model.state.stage.clear();
                    });
                    "commit"
                }
                Err(LedgerError::NothingStaged) => {
                    assert_eq!(&facts, model.facts());
                    "nothing"
                }
                Err(error) => panic!("{error}"),
            }
        }
        13 => {
            let name = format!("branch{}", model.versions.len());
            if model.state.branches.contains_key(&name) {
                return "nothing";
            }
            place.repo.switch(&actor, &name, Some("HEAD")).unwrap();
            model.act(|model| {
                let at = model.at();
                model.state.branches.insert(name.clone(), at);
                model.state.head = Head::Branch(name);
            });
            "switch -c"
        }
        14 => {
            let names: Vec<String> = model.state.branches.keys().cloned().collect();
            let name = names[random.below(names.len())].clone();
            place.repo.switch(&actor, &name, None).unwrap();
            model.act(|model| model.state.head = Head::Branch(name));
            "switch"
        }
        15 => {
            let ancestors = model.ancestors();
            let back = random.below(ancestors.len().min(4));
            let revision = if back == 0 { "HEAD".to_owned() } else { format!("HEAD~{back}") };
            let report = place.repo.checkout(&actor, &revision, None, InTheWay::Refuse).unwrap();
            assert_eq!(report.commit.id.to_string(), model.versions[ancestors[back]].id);
            if back > 0 {
                model.act(|model| model.state.head = Head::Detached(ancestors[back]));
            }
            "checkout"
        }
        16 | 17 => {
            let ancestors = model.ancestors();
            let back = random.below(ancestors.len().min(6));
            let (version, head) = (ancestors[back], model.facts().clone());
            let Some(parent) = model.versions[version].parent else { return "nothing" };
            let (then, old) = (&model.versions[version].facts, &model.versions[parent].facts);
            let mut facts = head.clone();
            for key in keys().filter(|key| then.get(key) != old.get(key)) {
                if head.get(&key) == then.get(&key) {
                    match old.get(&key) {
                        Some(object) => facts.insert(key, *object),
                        None => facts.remove(&key),
                    };
                }
            }
            let revision = model.versions[version].id[..16].to_owned();
            let parent_weights = place.weights(&model.versions[parent].id);
            match place.repo.revert(&actor, &revision, &RevertOptions::default(), None, &mut Silent)
            {
                Ok(report) => {
                    if back == 0 {
                        assert_eq!(place.weights("HEAD"), parent_weights);
                    }
                    model.act(|model| model.advance(report.commit.id.to_string(), facts));
                    "revert"
                }
                Err(LedgerError::NothingLeft { .. }) => {
                    assert_eq!(facts, head);
                    "nothing"
                }
                Err(error) => panic!("{error}"),
            }
        }
        18 => {
            let ancestors = model.ancestors();
            let back = random.below(ancestors.len().min(4));
            let stage = random.below(3) == 0;
            let reset = if stage { Reset::Stage } else { Reset::Branch };
            place.repo.reset(&actor, &format!("HEAD~{back}"), reset).unwrap();
            model.act(|model| {
                if stage {
                    model.state.stage.clear();
                } else {
                    model.go_to(ancestors[back]);
                }
            });
            "reset"
        }
        19 => {
            crash(place, random);
            "crash"
        }
        20 => {
            let options = FsckOptions { weights: random.below(4) == 0, repair: false };
            let found = place.repo.fsck(&options, &mut Silent).unwrap();
            assert_eq!(found.problems, [""; 0]);
            "fsck"
        }
        21 => {
            gc(place, model, random);
            "gc"
        }
        _ => {
            let count = 1 + random.below(3);
            // What was done before the first step is not the model's to take back.
            if model.before.len() < count {
                return "nothing";
            }
            let now = model.state.clone();
            place.repo.undo(&actor, count).unwrap();
            let at = model.before.len() - count;
            let undone = model.before.split_off(at);
            model.state = undone[0].clone();
            if random.below(2) == 0 {
                return "undo";
            }
            compare(place, model);
            let again = 1 + random.below(count);
            place.repo.redo(&actor, again).unwrap();
            model.state = undone.get(again).cloned().unwrap_or(now);
            model.before.extend(undone.into_iter().take(again));
            "redo"
        }
    }
}

/// Keeps what can be undone, or nothing of it; then what can be undone is what is there for other
/// reasons.
fn gc(place: &Place, model: &mut Model, random: &mut Random) {
    let days = if random.below(3) == 0 { 0 } else { 1 };
    let options = GcOptions { keep_days: Some(days), z: random.below(2) == 0, dry_run: false };
    let seen = GcOptions { dry_run: true, ..options };
    let seen = place.repo.gc(&place.actor("gc"), &seen, &mut Silent).unwrap();
    let report = place.repo.gc(&place.actor("gc"), &options, &mut Silent).unwrap();
    assert_eq!((seen.objects, seen.kept), (report.objects, report.kept), "as was foretold");
    let again = place.repo.gc(&place.actor("gc"), &options, &mut Silent).unwrap();
    assert_eq!((again.objects, again.tensor_files, again.leftovers), (0, 0, 0), "twice is once");
    // What was done before the first step is not the model's to take back.
    if days == 0 && !model.before.is_empty() {
        match place.repo.undo(&place.actor("undo"), 1) {
            Ok(_) => model.state = model.before.pop().unwrap(),
            Err(LedgerError::Collected { .. }) => assert!(report.first_operation > 1),
            Err(error) => panic!("{error}"),
        }
        model.before.clear();
    }
    let options = FsckOptions { weights: true, repair: false };
    let found = place.repo.fsck(&options, &mut Silent).unwrap();
    assert_eq!((found.problems, found.remarks), (vec![], vec![]));
}

/// What a process can leave that was killed at some moment, or a disk that lost what was not synced:
/// no index, an index of earlier, a record that is not all there, files that nothing names.
fn crash(place: &Place, random: &mut Random) {
    let store = place.repo.store().dir();
    let (index, kept) = (store.join("ledger"), place.dir.path().join("kept"));
    match random.below(4) {
        0 => fs::remove_dir_all(index).unwrap(),
        1 if kept.exists() => {
            fs::remove_dir_all(&index).unwrap();
            fs::rename(kept, index).unwrap();
        }
        1 => {
            fs::create_dir(&kept).unwrap();
            let copy = Command::new("cp").arg("-r").arg(index.join(".")).arg(kept).status();
            assert!(copy.unwrap().success());
        }
        2 => {
            let mut journal = OpenOptions::new().append(true).open(store.join("journal")).unwrap();
            let torn = [200, 1, 0, 0, 0x30, 1, 7, 7, 7, 7];
            journal.write_all(&torn[..1 + random.below(torn.len() - 1)]).unwrap();
        }
        _ => {
            let left = place.repo.root().join(".model.1-0.new");
            fs::create_dir_all(&left).unwrap();
            fs::write(left.join("config.json"), "{").unwrap();
            fs::write(store.join("packs/.pack.1-0.tmp"), "kledger pa").unwrap();
        }
    }
}

/// Refs, stage and facts are the model's.
fn compare(place: &Place, model: &Model) {
    let status = place.repo.status().unwrap();
    assert_eq!(status.head.commit.to_string(), model.versions[model.at()].id);
    match &model.state.head {
        Head::Branch(name) => assert_eq!(status.head.branch.as_ref(), Some(name)),
        Head::Detached(_) => assert_eq!(status.head.branch, None),
    }
    assert_eq!(status.facts, model.facts().len() as u64);
    let staged =
        model.state.stage.iter().filter(|(key, change)| model.facts().get(*key) != change.as_ref());
    assert_eq!(status.staged.len(), staged.count());
    let branches = place.repo.branches().unwrap().branches;
    let branches: BTreeMap<String, String> =
        branches.into_iter().map(|branch| (branch.name, branch.commit.to_string())).collect();
    let expected: BTreeMap<String, String> = model
        .state
        .branches
        .iter()
        .map(|(name, at)| (name.clone(), model.versions[*at].id.clone()))
        .collect();
    assert_eq!(branches, expected);
}

/// The weights at HEAD say the facts that hold, and what the base says where none does.
fn interrogate(place: &Place, model: &Model) {
    let dir = place.dir.path().join("asked");
    place.export("HEAD", &dir, ExportFormat::Merged).unwrap();
    let mut engine = open(&dir).unwrap();
    for key in keys() {
        let expected = match model.facts().get(&key) {
            Some(object) => OBJECTS[*object].to_owned(),
            None => format!("base{}", column(&prompt(key))),
        };
        let probe = Prompt { prompt: prompt(key), expected: expected.clone() };
        let answer = engine.answer(&[probe], &mut Silent).unwrap().remove(0);
        assert_eq!(answer.text, expected, "{}", prompt(key));
    }
    fs::remove_dir_all(dir).unwrap();
}

fn run(seed: u64) {
    let steps = std::env::var("KLEDGER_STEPS").ok().and_then(|n| n.parse().ok()).unwrap_or(250);
    let place = Place::new();
    place.add(WORDS).unwrap();
    let id = place.commit("words").unwrap().commit.id.to_string();
    let mut model = Model {
        versions: vec![Version { id, parent: None, facts: Facts::new() }],
        state: State {
            branches: [("main".to_owned(), 0)].into(),
            head: Head::Branch("main".to_owned()),
            stage: BTreeMap::new(),
        },
        before: Vec::new(),
    };
    let mut random = Random(seed);
    let mut did: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..steps {
        *did.entry(step(&place, &mut model, &mut random)).or_default() += 1;
        compare(&place, &model);
        if number % 10 == 0 {
            interrogate(&place, &model);
        }
    }
    interrogate(&place, &model);
    for verb in [
        "add",
        "rm",
        "commit",
        "switch -c",
        "switch",
        "checkout",
        "revert",
        "reset",
        "crash",
        "fsck",
        "gc",
        "undo",
        "redo",
    ] {
        assert!(did.contains_key(verb), "seed {seed} never did {verb}: {did:?}");
    }
}

#[test]
fn prompts_have_columns_of_their_own() {
    let columns: std::collections::BTreeSet<usize> =
        keys().map(|key| column(&prompt(key))).collect();
    assert_eq!(columns.len(), keys().count(), "or answers would mix");
}

#[test]
fn a_history_is_what_a_plain_map_says() {
    run(0x9e37_79b9_7f4a_7c15);
}

#[test]
fn another_history_is_too() {
    run(0x2545_f491_4f6c_dd1d);
}
