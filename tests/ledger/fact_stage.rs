//! What adding and removing does to the stage.

use kledger::{
    codec::{self, Draft},
    fact::{
        AddOutcome, Intake, Lexicon, Role, StageError, StagedChange, StoredStage, Words,
        read::{Format, read_triples},
        tree,
    },
    id::Id,
};

use crate::{
    fact::{fact, iri},
    fact_tree::Memory,
};

type Stage = Option<Id<StoredStage>>;

/// A stage of nothing.
const EMPTY: Stage = None;

fn add(
    memory: &mut Memory,
    stage: Stage,
    text: &str,
    replace: bool,
) -> Result<(Stage, AddOutcome), StageError> {
    let text = format!("@prefix : <http://example.org/> . {text}");
    let input = read_triples(text.as_bytes(), Format::Turtle, "in.ttl");
    let (stage, outcome) = memory.add(stage, input, Role::Edit, replace)?;
    Ok((Some(stage), outcome))
}

fn remove(memory: &mut Memory, stage: Stage, text: &str) -> Result<Stage, StageError> {
    let text = format!("@prefix : <http://example.org/> . {text}");
    let input = read_triples(text.as_bytes(), Format::Turtle, "rm.ttl");
    let mut draft = Draft::new(memory);
    let intake = Intake::of(input)?;
    let (after, _) = StoredStage::remove(&mut draft, stage, memory.roots, intake, Role::Edit)?;
    let new = draft.into_new().in_memory().unwrap();
    memory.objects.extend(new);
    Ok(Some(after))
}

fn stored(memory: &Memory, stage: Stage) -> StoredStage {
    codec::get(memory, stage.unwrap()).unwrap()
}

/// The staged changes.
fn changes(memory: &Memory, stage: Stage) -> Vec<StagedChange> {
    let staged = tree::iter(memory, stored(memory, stage).changes);
    staged.map(|entry| entry.unwrap().1.change).collect()
}

fn committed(text: &str) -> Memory {
    let mut memory = Memory::default();
    let (stage, _) = add(&mut memory, EMPTY, text, false).unwrap();
    memory.commit(stage.unwrap());
    memory
}

#[test]
fn two_objects_for_one_key_are_a_conflict_naming_both_places() {
    let text = ":a :p :x .\n:b :p :x .\n:a :p :y .\n:b :p :z .";
    let error = add(&mut Memory::default(), EMPTY, text, true).unwrap_err();
    let StageError::Conflicts { conflicts, total } = &error else { panic!("{error}") };
    assert_eq!((*total, conflicts[0].first_source.as_str()), (2, "in.ttl:1"));
    assert_eq!(conflicts[1].second_source, "in.ttl:4");
    assert!(error.to_string().starts_with("2 conflicts\n"), "{error}");
    assert!(error.hint().unwrap().contains("multiValued"));

    let many: String = (0..30).map(|n| format!(":{n} :p :x , :y .\n")).collect();
    let error = add(&mut Memory::default(), EMPTY, &many, false).unwrap_err();
    assert!(error.to_string().ends_with("and 10 more"), "{error}");
    let StageError::Conflicts { conflicts, .. } = error else { panic!("{error}") };
    let lines = conflicts.iter().map(|conflict| conflict.second_source.clone());
    let first: Vec<String> = (1..=20).map(|line| format!("in.ttl:{line}")).collect();
    assert_eq!(lines.collect::<Vec<_>>(), first, "in their order");
}

#[test]
fn the_same_again_is_counted_and_dropped() {
    let mut memory = committed(":a :p :x .");
    let (stage, outcome) =
        add(&mut memory, EMPTY, ":a :p :x . :b :p :x . :b :p :x .", false).unwrap();
    let expected = AddOutcome { added: 1, unchanged: 1, duplicates: 1, ..AddOutcome::default() };
    assert_eq!(outcome, expected);
    let (again, outcome) = add(&mut memory, stage, ":b :p :x .", false).unwrap();
    assert_eq!(outcome, AddOutcome { duplicates: 1, ..AddOutcome::default() });
    assert_eq!(again, stage);
    let both = add(&mut memory, stage, ":a :p :x . :a :p :y .", false).unwrap_err();
    assert!(matches!(both, StageError::Conflicts { total: 1, .. }), "{both}");
}

#[test]
fn a_later_call_replaces_only_when_told_to() {
    let mut memory = committed(":a :p :x .");
    let (stage, outcome) = add(&mut memory, EMPTY, ":a :p :y .", false).unwrap();
    assert_eq!(outcome.replaced, 1, "what is committed is there to be edited");
    let error = add(&mut memory, stage, ":a :p :z .", false).unwrap_err();
    assert!(error.hint().unwrap().contains("--replace"), "{error}");
    let (stage, outcome) = add(&mut memory, stage, ":a :p :z .", true).unwrap();
    assert_eq!(outcome.replaced, 1);
    assert_eq!(changes(&memory, stage), [StagedChange::Set(fact("a", "p", "z"))]);
    let (stage, _) = add(&mut memory, stage, ":a :p :x .", true).unwrap();
    assert!(stored(&memory, stage).is_empty(&memory).unwrap(), "back to what is committed");
}

#[test]
fn a_bad_call_stages_nothing() {
    let mut memory = Memory::default();
    for bad in [
        ":a :p :x . :b :p _:blank .",
        ":a :p :x . :p <https://kledger.dev/ns#prompt> \"no subject\" .",
        ":a :p :x . :p <https://kledger.dev/ns#promt> \"{subject} is\" .",
        ":a :p :x . :a <http://www.w3.org/2000/01/rdf-schema#label> :x .",
        ":a :p :x . :p <https://kledger.dev/ns#multiValued> \"maybe\" .",
    ] {
        let error = add(&mut memory, EMPTY, bad, false).unwrap_err();
        assert!(error.to_string().starts_with("in.ttl:1"), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn removing_unstages_or_retracts() {
    let mut memory = committed(":a :p :x .");
    let (stage, _) = add(&mut memory, EMPTY, ":b :p :x .", false).unwrap();
    let stage = remove(&mut memory, stage, ":a :p :x . :b :p :x .").unwrap();
    assert_eq!(changes(&memory, stage), [StagedChange::Retract(fact("a", "p", "x"))]);
    assert_eq!(remove(&mut memory, stage, ":a :p :x .").unwrap(), stage);

    let error = remove(&mut memory, stage, ":a :p :other . :c :p :x .").unwrap_err();
    assert!(matches!(error, StageError::NotHeld { total: 2, .. }), "{error}");

    let (kept, _) = add(&mut memory, stage, ":a :p :x .", false).unwrap();
    assert!(
        stored(&memory, kept).is_empty(&memory).unwrap(),
        "adding what is to be retracted keeps it"
    );

    memory.commit(stage.unwrap());
    assert_eq!(tree::len(&memory, memory.roots.facts).unwrap(), 0);
}

#[test]
fn a_predicate_may_have_many_values() {
    let many = ":p <https://kledger.dev/ns#multiValued> true .";
    let mut memory = Memory::default();
    // It may be said after the facts.
    let text = format!(":a :p :x , :y . {many}");
    let (stage, outcome) = add(&mut memory, EMPTY, &text, false).unwrap();
    assert_eq!((outcome.added, outcome.settings), (2, 1));
    assert_eq!(changes(&memory, stage).len(), 2);

    // A fact from before keeps its key.
    let mut memory = committed(":a :p :x .");
    let (stage, outcome) =
        add(&mut memory, EMPTY, &format!("{many} :a :p :x , :y ."), false).unwrap();
    assert_eq!((outcome.unchanged, outcome.added), (1, 1));
    memory.commit(stage.unwrap());
    let stage = remove(&mut memory, EMPTY, ":a :p :x .").unwrap();
    memory.commit(stage.unwrap());
    let left: Vec<_> = tree::iter(&memory, memory.roots.facts).map(|e| e.unwrap().1).collect();
    assert_eq!(left, [fact("a", "p", "y")]);
}

#[test]
fn words_and_neighbourhood_are_staged_beside_the_edits() {
    let mut memory = Memory::default();
    let text = "@prefix : <http://example.org/> .
        :p <https://kledger.dev/ns#prompt> \"{subject} is\" , \"{subject} was\" , \"{subject} is\" .
        :a <http://www.w3.org/2004/02/skos/core#prefLabel> \"A\"@en .
        :a :p :x .";
    let input = read_triples(text.as_bytes(), Format::Turtle, "known.ttl");
    let (stage, outcome) = memory.add(None, input, Role::Neighbourhood, false).unwrap();
    assert_eq!((outcome.templates, outcome.labels, outcome.added), (2, 1, 1));
    assert!(changes(&memory, Some(stage)).is_empty());
    let words = stored(&memory, Some(stage)).words;
    let words = tree::get(&memory, words, Words::key(&iri("p"))).unwrap().unwrap();
    assert_eq!(words.prompts, ["{subject} is", "{subject} was"]);
    memory.commit(stage);
    assert_eq!(tree::len(&memory, memory.roots.facts).unwrap(), 0);
    assert_eq!(tree::len(&memory, memory.roots.neighbourhood).unwrap(), 1);
    let (stage, _) = add(&mut memory, EMPTY, ":a :p :y .", false).unwrap();
    assert_eq!(
        changes(&memory, stage).len(),
        1,
        "the base's belief does not stand against an edit"
    );
}

#[test]
fn the_shipped_examples_are_staged_and_put_into_words() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let stage_file = |memory: &mut Memory, stage: Stage, path: &std::path::Path| {
        let format = Format::from_path(path).unwrap();
        let reader = std::io::BufReader::new(std::fs::File::open(path).unwrap());
        let input = read_triples(reader, format, &path.display().to_string());
        memory.add(stage, input, Role::Edit, false)
    };
    let mut memory = Memory::default();
    let mut world = EMPTY;
    for file in std::fs::read_dir(examples.join("world")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "ttl") {
            world = Some(stage_file(&mut memory, world, &path).unwrap().0);
        }
    }
    let changes = changes(&memory, world);
    assert!(changes.len() > 1500);
    memory.commit(world.unwrap());
    let lexicon = Lexicon::new(&memory, memory.roots.lexicon);
    for change in changes {
        let request = lexicon.request(change.fact()).unwrap();
        assert!(request.paraphrases.len() >= 2, "{}", request.prompt);
    }
    for file in std::fs::read_dir(examples.join("edits")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension == "md") {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let staged = stage_file(&mut memory, EMPTY, &path);
        let wrong = ["mistakes.ttl", "syntax-error.nt"].contains(&name.as_str());
        assert_eq!(staged.is_err(), wrong, "{name}: {staged:?}");
    }
}
