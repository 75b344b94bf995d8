//! Reads the world: facts, names and wordings.

use std::{collections::BTreeMap, error::Error, fs::File, io::BufReader, path::Path};

use oxrdfio::{RdfFormat, RdfParser};

const LABEL: &str = "http://www.w3.org/2000/01/rdf-schema#label";
const PROMPT: &str = "https://kledger.dev/ns#prompt";
const PARAPHRASE: &str = "https://kledger.dev/ns#paraphrase";

/// Facts in words.
pub(crate) struct World {
    pub(crate) entities: Vec<Entity>,
    pub(crate) predicates: Vec<Predicate>,
}

/// A thing and what is true of it.
pub(crate) struct Entity {
    pub(crate) name: String,
    /// Index of the predicate, and the object in words.
    pub(crate) facts: Vec<(usize, String)>,
}

/// A relation and how it is said: sentences with `{subject}`, the object following.
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
            for quad in RdfParser::from_format(RdfFormat::Turtle).for_reader(reader) {
                let quad = quad.map_err(|error| format!("{}: {error}", path.display()))?;
                let subject = match &quad.subject {
                    oxrdf::NamedOrBlankNode::NamedNode(node) => node.as_str().to_owned(),
                    other => return Err(format!("{}: {other} has no name", path.display()).into()),
                };
                let (is_literal, object) = match &quad.object {
                    oxrdf::Term::NamedNode(node) => (false, node.as_str().to_owned()),
                    oxrdf::Term::Literal(literal) => (true, literal.value().to_owned()),
                    other => return Err(format!("{}: {other} has no name", path.display()).into()),
                };
                let wording = |wordings: &mut BTreeMap<String, Predicate>, held_out: bool| {
                    let entry = wordings.entry(subject.clone()).or_insert_with(|| Predicate {
                        name: String::new(),
                        prompts: Vec::new(),
                        paraphrases: Vec::new(),
                    });
                    let list = if held_out { &mut entry.paraphrases } else { &mut entry.prompts };
                    list.push(object.clone());
                };
                match quad.predicate.as_str() {
                    LABEL => drop(labels.insert(subject, object)),
                    PROMPT => wording(&mut wordings, false),
                    PARAPHRASE => wording(&mut wordings, true),
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
    Ok(World { entities: named, predicates })
}
