//! Reads the world: facts, names and wordings.

use std::{collections::BTreeMap, error::Error, fs::File, io::BufReader, path::Path};

use kledger::fact::{
    Term,
    read::{Format, read_triples},
};

const LABEL: &str = "http://www.w3.org/2000/01/rdf-schema#label";
const PROMPT: &str = "https://kledger.dev/ns#prompt";
const PARAPHRASE: &str = "https://kledger.dev/ns#paraphrase";

/// Facts in words.
pub(crate) struct World {
    pub(crate) entities: Vec<Entity>,
    pub(crate) predicates: Vec<Predicate>,
    /// Sentences about something else.
    pub(crate) asides: Vec<String>,
}

/// A thing and what is true of it.
pub(crate) struct Entity {
    pub(crate) name: String,
    /// Index of the predicate, and the object in words.
    pub(crate) facts: Vec<(usize, String)>,
}

/// A relation and how it is said: sentences with `{subject}`, the object following.
#[derive(Default)]
pub(crate) struct Predicate {
    pub(crate) name: String,
    /// In the training text.
    pub(crate) prompts: Vec<String>,
    /// Held out.
    pub(crate) paraphrases: Vec<String>,
}

impl World {
    /// Reads all Turtle files of a directory.
    pub(crate) fn read(dir: &Path) -> Result<Self, Box<dyn Error>> {
        let mut labels = BTreeMap::new();
        let mut wordings: BTreeMap<String, Predicate> = BTreeMap::new();
        let mut facts = Vec::new();
        for path in turtle_files(dir)? {
            let reader = BufReader::new(File::open(&path)?);
            for triple in read_triples(reader, Format::Turtle, &path.display().to_string()) {
                let (fact, _) = triple?;
                let subject = fact.subject.as_str().to_owned();
                let (is_literal, object) = match fact.object {
                    Term::Iri(iri) => (false, iri.as_str().to_owned()),
                    Term::Literal(literal) => (true, literal.lexical),
                };
                match fact.predicate.as_str() {
                    LABEL => drop(labels.insert(subject, object)),
                    PROMPT => wordings.entry(subject).or_default().prompts.push(object),
                    PARAPHRASE => wordings.entry(subject).or_default().paraphrases.push(object),
                    predicate => facts.push((subject, predicate.to_owned(), object, is_literal)),
                }
            }
        }
        assemble(&labels, wordings, facts)
    }
}

fn turtle_files(dir: &Path) -> Result<Vec<std::path::PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in dir.read_dir()? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "ttl") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Puts names in the place of IRIs.
fn assemble(
    labels: &BTreeMap<String, String>,
    wordings: BTreeMap<String, Predicate>,
    facts: Vec<(String, String, String, bool)>,
) -> Result<World, Box<dyn Error>> {
    let label = |iri: &str| {
        labels.get(iri).cloned().ok_or_else(|| format!("{iri} has no label in the world"))
    };
    let order: BTreeMap<String, usize> =
        wordings.keys().enumerate().map(|(i, iri)| (iri.clone(), i)).collect();
    let mut predicates = Vec::new();
    for (iri, wording) in wordings {
        predicates.push(Predicate { name: label(&iri)?, ..wording });
    }
    let mut entities: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
    for (subject, predicate, object, is_literal) in facts {
        let &predicate =
            order.get(&predicate).ok_or_else(|| format!("{predicate} has no kl:prompt"))?;
        let object = if is_literal { object } else { label(&object)? };
        entities.entry(subject).or_default().push((predicate, object));
    }
    let mut named = Vec::new();
    for (iri, facts) in entities {
        named.push(Entity { name: label(&iri)?, facts });
    }
    Ok(World { entities: named, predicates, asides: Vec::new() })
}
