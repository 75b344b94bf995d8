//! The stored bytes of every kind of object and every variant of its fields.
//!
//! `tests/fixtures/make/golden_objects.py` puts them together from docs/format.md. A variant that is put
//! between others, a field that moves or another spelling fails here before it misreads a store. What
//! is short-lived (tasks, stashes, searches, the journal) has golden bytes beside its type. The numbers of
//! variants are compared with the table of docs/format.md, for every stored enum that the sources have.

use std::{collections::BTreeMap, fmt::Debug, fs, path::Path};

use kledger::{
    checkpoint::{Base, BaseFile, BaseTensor},
    codec::{self, Object},
    commit::{
        Artefact, Artefacts, Commit, EditedTensor, HeldBack, Report, Spec, StatisticsRecord, Step,
    },
    delta::{Delta, DeltaTensor, Form, Lineage, TensorEntry, TensorFile},
    engine::Validation,
    fact::{
        Attribution, Citation, Fact, Iri, Label, Literal, Quoted, Staged, StagedChange,
        StoredStage, Term, Words,
        tree::{Child, Entry, Long, Node, Slot},
    },
    id::{Id, Kind},
    tensor::{Dtype, Orientation},
};
use regex::Regex;

use crate::support::{fixtures, rust_files};

fn id<K: Kind>(n: u8) -> Id<K> {
    Id::from_bytes([n; 32])
}

fn iri(name: &str) -> Iri {
    Iri::new(&format!("https://example.org/{name}")).unwrap()
}

fn fact(subject: &str, predicate: &str, object: Term) -> Fact {
    Fact { subject: iri(subject), predicate: iri(predicate), object }
}

fn anna() -> Fact {
    fact("Anna", "likes", Term::Iri(iri("Rome")))
}

fn bert() -> Fact {
    fact("Bert", "says", Term::Literal(Literal::in_language("Grüße", "de")))
}

fn words(name: &str) -> Words {
    Words {
        iri: iri(name),
        labels: vec![],
        prompts: vec![],
        paraphrases: vec![],
        multi_valued: false,
        shipped: false,
    }
}

fn rome() -> Words {
    let label = |language: Option<&str>, text: &str| Label {
        language: language.map(str::to_owned),
        text: text.to_owned(),
    };
    Words { labels: vec![label(None, "Rome"), label(Some("de"), "Rom")], ..words("Rome") }
}

fn staged() -> Staged {
    Staged { change: StagedChange::Set(anna()), source: "a.nt:1".to_owned() }
}

/// A leaf with these values, and a last one that is an object of its own.
fn leaf<V: Entry>(values: Vec<V>, long: u8) -> Node<V> {
    let inline = (1..).zip(values).map(|(key, value)| (id(key), Slot::Inline(value)));
    let mut entries: Vec<_> = inline.collect();
    entries.push((id(entries.len() as u8 + 1), Slot::Long(id(long))));
    Node::Leaf(entries)
}

fn branch<V: Entry>(children: &[(usize, u8, u64)]) -> Node<V> {
    let mut all: [Option<Child<V>>; 16] = [const { None }; 16];
    for &(digit, child, count) in children {
        all[digit] = Some(Child { id: id(child), count });
    }
    Node::Branch(Box::new(all))
}

fn root() -> Commit {
    Commit {
        parents: vec![],
        base: id(1),
        facts: id(2),
        lexicon: id(3),
        neighbourhood: id(4),
        spec: None,
        delta: None,
        lineage: None,
        weights: vec![],
        report: None,
        step: Step::Root,
        author: "Ada <ada@example.org>".to_owned(),
        time: -5,
        message: "Why\n\nIn words.".to_owned(),
    }
}

fn edited(step: Step) -> Commit {
    Commit {
        parents: vec![id(10), id(11)],
        spec: Some(id(5)),
        delta: Some(id(6)),
        lineage: Some(id(7)),
        weights: vec![EditedTensor { name: "h.0.mlp.c_proj.weight".to_owned(), id: id(8) }],
        report: Some(id(9)),
        step,
        ..root()
    }
}

fn delta(tensors: &[(&str, Orientation, Form)], columns: &[u8]) -> Delta {
    let tensor = |&(name, orientation, form): &(&str, _, _)| DeltaTensor {
        name: name.to_owned(),
        outputs: 3,
        inputs: 2,
        orientation,
        form,
    };
    Delta {
        tensors: tensors.iter().map(tensor).collect(),
        columns: columns.iter().map(|&n| id(n)).collect(),
        file: id(3),
        together: Vec::new().into(),
    }
}

fn tensor(name: &str, dtype: Dtype, shape: &[u64], tensor: u8) -> TensorEntry {
    TensorEntry { name: name.to_owned(), dtype, shape: shape.to_vec(), id: id(tensor) }
}

struct Golden {
    bytes: BTreeMap<String, Vec<u8>>,
}

impl Golden {
    fn read() -> Self {
        let text = fs::read_to_string(fixtures().join("golden.txt")).unwrap();
        let byte =
            |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
        let line = |line: &str| {
            let (name, hex) = line.split_once(' ').unwrap();
            (name.to_owned(), hex.as_bytes().chunks(2).map(byte).collect())
        };
        Self { bytes: text.lines().map(line).collect() }
    }

    /// Makes sure that `value` is written as the bytes called `name` and read from them.
    fn is<T: Object + PartialEq + Debug>(&mut self, name: &str, value: &T) {
        let bytes = self.bytes.remove(name).unwrap_or_else(|| panic!("{name} has no bytes"));
        assert_eq!(codec::encode(value), bytes, "{name}");
        assert_eq!(&codec::decode::<T>(&bytes).unwrap(), value, "{name}");
    }
}

#[test]
fn objects_have_the_bytes_of_the_format() {
    let mut golden = Golden::read();
    let carl = fact("Carl", "says", Term::Literal(Literal::text("x")));
    golden.is("facts-leaf-empty", &Node::<Fact>::Leaf(vec![]));
    golden.is("facts-leaf", &leaf(vec![anna(), bert(), carl], 5));
    golden.is("facts-branch", &branch::<Fact>(&[(0, 1, 16), (15, 2, 300)]));
    let likes = Words {
        prompts: vec!["{subject} likes".to_owned()],
        paraphrases: vec!["likes {subject}".to_owned()],
        multi_valued: true,
        ..words("likes")
    };
    let shipped =
        Words { prompts: vec!["{subject} lives in".to_owned()], shipped: true, ..words("lives") };
    golden.is("lexicon-leaf", &leaf(vec![likes, rome(), shipped], 5));
    golden.is("lexicon-branch", &branch::<Words>(&[(7, 9, 17)]));
    golden.is("long-fact", &Long(bert()));
    golden.is("long-words", &Long(rome()));
    let retracted = Staged { change: StagedChange::Retract(bert()), source: "b.ttl:7".to_owned() };
    golden.is("staged-facts-leaf", &leaf(vec![staged(), retracted], 4));
    golden.is("staged-facts-branch", &branch::<Staged>(&[(3, 9, 17)]));
    golden.is("long-staged-fact", &Long(staged()));

    golden.is("commit-root", &root());
    for (name, step) in [
        ("edit", Step::Edit),
        ("revert", Step::Revert(id(12))),
        ("merge", Step::Merge),
        ("pick", Step::Pick(id(13))),
        ("consolidate", Step::Consolidate),
        ("import", Step::Import("adapter x".to_owned())),
        ("repair", Step::Repair),
    ] {
        golden.is(&format!("commit-{name}"), &edited(step));
    }
    let spec = Spec {
        editor: "memit".to_owned(),
        editor_version: 3,
        settings: "layers = [1]\n".to_owned(),
        seed: 42,
        prefixes: vec!["The".to_owned(), String::new()],
        statistics: Some(id(1)),
        artefact: None,
    };
    golden.is("spec", &spec);
    let untold = Spec { statistics: None, ..spec };
    golden.is("spec-no-statistics", &untold);
    let editor = "mend".to_owned();
    golden.is("spec-trained", &Spec { editor: editor.clone(), artefact: Some(id(7)), ..untold });
    let artefact = Artefact {
        base: id(1),
        editor,
        editor_version: 3,
        settings: "layers = [1]\n".to_owned(),
        seed: 42,
        source: "facts of HEAD".to_owned(),
        data: [2; 32],
        held_back: HeldBack {
            learned: 100,
            seen: 20,
            unseen: 3,
            predicates: vec![iri("likes").as_str().to_owned()],
        },
        steps: 500,
        best: 400,
        seen: Some(Validation { edits: 20, reliability: 0.75, generality: 0.5, locality: 1.0 }),
        unseen: None,
        file: id(3),
    };
    golden.is("artefact", &artefact);
    golden.is("artefacts", &Artefacts { entries: vec![id(2), id(1)] });
    let statistics = StatisticsRecord {
        base: id(1),
        source: "a.txt".to_owned(),
        corpus: [2; 32],
        tokens: 1000,
        file: id(3),
    };
    golden.is("statistics", &statistics);
    golden.is("report", &Report::whole(r#"{"facts":[]}"#.to_owned()));
    let stage =
        StoredStage { changes: id(1), words: id(2), neighbourhood: id(3), citations: None.into() };
    golden.is("stage", &stage);
    golden.is("stage-cited", &StoredStage { citations: Some(id(4)).into(), ..stage });
    let cited = Citation { place: "a.nt:1".to_owned(), attribution: Some(id(5)) };
    let placed = Citation { place: "b.ttl:7".to_owned(), attribution: None };
    golden.is("citations-leaf", &leaf(vec![cited.clone(), placed], 4));
    golden.is("citations-branch", &branch::<Citation>(&[(5, 9, 17)]));
    golden.is("long-citation", &Long(cited));
    golden.is("attribution-nothing", &Attribution::default());
    let sentence = Attribution {
        text: Some(Quoted::Sentence("Anna likes Rome.".to_owned())),
        source: Some("Ada".to_owned()),
        licence: Some("CC0-1.0".to_owned()),
    };
    golden.is("attribution-sentence", &sentence);
    let query = Some(Quoted::Query("INSERT DATA {}".to_owned()));
    golden.is("attribution-query", &Attribution { text: query, ..Attribution::default() });

    golden.is("tensor-file-empty", &TensorFile { tensors: vec![] });
    let tensors = vec![
        tensor("a", Dtype::F32, &[2, 3], 1),
        tensor("b", Dtype::F16, &[], 2),
        tensor("c", Dtype::Bf16, &[1], 3),
    ];
    golden.is("tensor-file", &TensorFile { tensors });
    let changes = [
        ("a", Orientation::OutIn, Form::LowRank { rank: 2 }),
        ("b", Orientation::InOut, Form::Dense),
        ("c", Orientation::OutIn, Form::Tuned),
    ];
    golden.is("delta", &delta(&changes, &[1, 2]));
    let whole = delta(&[("a", Orientation::InOut, Form::Tuned)], &[]);
    golden.is("delta-whole", &whole);
    golden.is("delta-together", &Delta { together: vec![id(1), id(2)].into(), ..whole });
    let first = Lineage { before: None, delta: id(1), dropped: vec![], length: 1 };
    golden.is("lineage-first", &first);
    let second = Lineage { before: Some(id(2)), dropped: vec![0, 7], length: 2, ..first };
    golden.is("lineage", &second);
    let base = Base {
        model_type: "gpt2".to_owned(),
        files: vec![BaseFile { name: "config.json".to_owned(), size: 12, id: id(1) }],
        tensors: vec![BaseTensor {
            name: "wte.weight".to_owned(),
            dtype: "BF16".to_owned(),
            shape: vec![4, 2],
            id: id(2),
        }],
    };
    golden.is("base", &base);
    assert_eq!(golden.bytes.keys().collect::<Vec<_>>(), Vec::<&String>::new(), "all are compared");
}

/// The variants of an enum with their numbers.
type Numbered = Vec<(String, u32)>;

/// An enum of the sources, and what stands behind each `=`.
type Declared = (String, Vec<(String, Option<u32>)>);

/// The enums in `text` that derive `Encode`.
fn stored_enums(text: &str) -> Vec<Declared> {
    let derived = Regex::new(r"(?s)derive\([^)]*\bEncode\b").unwrap();
    let declared =
        Regex::new(r"(?m)^( *)(?:pub(?:\([a-z]+\))? )?enum (\w+)(?:<[^>]*>)? \{\n").unwrap();
    let mut enums = Vec::new();
    for found in declared.captures_iter(text) {
        let whole = found.get(0).unwrap();
        let attributes = text[..whole.start()].rsplit("\n\n").next().unwrap();
        if !derived.is_match(attributes) {
            continue;
        }
        // A variant begins a line one step further in; its fields and their docs are further in still.
        let step = format!("{}    ", &found[1]);
        let end = text[whole.start()..].find(&format!("\n{}}}\n", &found[1])).unwrap();
        let body = &text[whole.start()..][..=end];
        let variant =
            format!(r"(?ms)^{step}([A-Z]\w*)(?:[^\n{{]*?| \{{.*?^{step}\}})(?: = (\d+))?,$");
        let variants = Regex::new(&variant).unwrap();
        let number = |digits: regex::Match<'_>| digits.as_str().parse().unwrap();
        let numbered =
            variants.captures_iter(body).map(|v| (v[1].to_owned(), v.get(2).map(number)));
        enums.push((found[2].to_owned(), numbered.collect()));
    }
    enums
}

/// The table of enums in docs/format.md.
fn written_enums() -> BTreeMap<String, Numbered> {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/format.md")).unwrap();
    let fields = Regex::new(r" \([^)]*\)").unwrap();
    let rows = text.split("### Enums\n").nth(1).unwrap();
    let rows = rows.lines().skip_while(|line| !line.starts_with("| `"));
    rows.take_while(|line| line.starts_with("| `"))
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let variants = fields.replace_all(cells[2], "").into_owned();
            let variants = variants.split(", ").map(|variant| variant.split_once(' ').unwrap());
            let variants = variants.map(|(number, name)| (spelled(name), number.parse().unwrap()));
            (cells[0].trim_matches('`').to_owned(), variants.collect())
        })
        .collect()
}

/// A variant's name without what differs between Rust and English.
fn spelled(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

/// bincode numbers variants by their order, whatever number Rust gives them. So each says its number, the
/// numbers are those of the order, and docs/format.md has them too: moving a variant or putting one between
/// others fails here.
#[test]
fn variants_have_the_numbers_of_the_format() {
    let mut stored: BTreeMap<String, Numbered> = BTreeMap::new();
    for path in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        for (name, variants) in stored_enums(&fs::read_to_string(&path).unwrap()) {
            let place = format!("{name} in {}", path.display());
            let mut numbered = Numbered::new();
            for (at, (variant, number)) in (0..).zip(variants) {
                assert_eq!(number, Some(at), "{place}: {variant} says its place, from 0");
                numbered.push((spelled(&variant), at));
            }
            assert!(!numbered.is_empty(), "{place} has variants");
            assert_eq!(stored.insert(name, numbered), None, "{place} has a name of its own");
        }
    }
    assert_eq!(stored, written_enums());
}

#[test]
fn a_variant_without_a_number_is_found() {
    let text = "/// A.\n#[derive(Debug, Encode)]\n#[repr(u32)]\npub enum A {\n    /// One.\n    One(u8, u8) = 0,\n    \
                Two {\n        /// B.\n        b: u8,\n    } = 1,\n    Three,\n}\n\n#[derive(Debug)]\nenum B {\n    C,\n}\n";
    let variants = [("One", Some(0)), ("Two", Some(1)), ("Three", None)];
    let variants = variants.map(|(name, number)| (name.to_owned(), number)).to_vec();
    assert_eq!(stored_enums(text), [("A".to_owned(), variants)]);
}
