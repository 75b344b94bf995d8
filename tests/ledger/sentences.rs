//! How well sentences are read: the world's facts said by its templates, and by templates that are not known.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use kledger::fact::{
    Fact, Iri, Term,
    read::{Format, read_triples},
    sentence::{Interpreter, Meaning, Proposal, Unread},
};

/// The world that the example's base was trained on.
struct World {
    facts: BTreeSet<Fact>,
    names: BTreeMap<Iri, String>,
    prompts: Vec<(Iri, String)>,
    paraphrases: Vec<(Iri, String)>,
}

fn dir() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/world"))
}

impl World {
    fn read() -> Self {
        let mut world = Self {
            facts: BTreeSet::new(),
            names: BTreeMap::new(),
            prompts: Vec::new(),
            paraphrases: Vec::new(),
        };
        for entry in fs::read_dir(dir()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "ttl") {
                let text = fs::read(&path).unwrap();
                for triple in read_triples(text.as_slice(), Format::Turtle, "world") {
                    world.take(triple.unwrap().0);
                }
            }
        }
        world
    }

    fn take(&mut self, triple: Fact) {
        let Fact { subject, predicate, object } = &triple;
        let text = match object {
            Term::Literal(literal) => literal.lexical.clone(),
            Term::Iri(_) => String::new(),
        };
        match predicate.as_str() {
            "http://www.w3.org/2000/01/rdf-schema#label" => {
                self.names.insert(subject.clone(), text);
            }
            "https://kledger.dev/ns#prompt" => self.prompts.push((subject.clone(), text)),
            "https://kledger.dev/ns#paraphrase" => self.paraphrases.push((subject.clone(), text)),
            _ => drop(self.facts.insert(triple)),
        }
    }

    /// What knows all names and these templates.
    fn interpreter<'t>(
        &self,
        templates: impl IntoIterator<Item = &'t (Iri, String)>,
    ) -> Interpreter {
        let templates = templates.into_iter().map(|(iri, text)| (iri.clone(), text.clone(), false));
        let is_predicate = |iri: &Iri| self.prompts.iter().any(|(predicate, _)| predicate == iri);
        let names = self.names.iter().filter(|(iri, _)| !is_predicate(iri));
        let names = names.map(|(iri, name)| (name.clone(), Meaning::Thing(iri.clone())));
        let values = self.facts.iter().filter_map(|fact| match &fact.object {
            Term::Literal(value) => {
                let meaning = Meaning::Value(fact.predicate.clone(), value.clone());
                Some((value.lexical.clone(), meaning))
            }
            Term::Iri(_) => None,
        });
        Interpreter::new(names.chain(values), templates, |_| true)
    }

    /// Each fact as each of these templates says it.
    fn said<'a>(
        &'a self,
        templates: &'a [(Iri, String)],
    ) -> impl Iterator<Item = (&'a Fact, String)> {
        self.facts.iter().flat_map(move |fact| {
            let of_it = templates.iter().filter(|(predicate, _)| *predicate == fact.predicate);
            of_it.map(move |(_, template)| {
                let object = match &fact.object {
                    Term::Iri(object) => &self.names[object],
                    Term::Literal(value) => &value.lexical,
                };
                let start = template.replace("{subject}", &self.names[&fact.subject]);
                (fact, format!("{start} {object}."))
            })
        })
    }
}

/// Sentences by what was made of them.
#[derive(Debug, Default)]
struct Figures {
    said: u32,
    right: u32,
    wrong: u32,
    ambiguous: u32,
    loosely: u32,
}

impl Figures {
    /// Takes in what was read where `fact` was said; nothing that is only loosely said unless `loosely`.
    fn take(&mut self, read: Result<Vec<Proposal>, Unread>, fact: &Fact, loosely: bool) {
        self.said += 1;
        let Ok(proposals) = read else { return };
        match proposals.as_slice() {
            [one] if one.is_exact || loosely => {
                self.loosely += u32::from(!one.is_exact);
                if one.fact == *fact { self.right += 1 } else { self.wrong += 1 }
            }
            [_] => {}
            _ => self.ambiguous += 1,
        }
    }

    fn recall(&self) -> f64 {
        f64::from(self.right) / f64::from(self.said.max(1))
    }

    #[expect(clippy::print_stderr, reason = "the figures are what the test is run for")]
    fn print(&self, what: &str) {
        let recall = self.recall();
        match self.right + self.wrong {
            0 => eprintln!("{what}: nothing is read, {self:?}"),
            read => {
                let precision = f64::from(self.right) / f64::from(read);
                eprintln!("{what}: precision {precision:.4}, recall {recall:.4}, {self:?}");
            }
        }
    }
}

/// Every fact that is read is the one that was said.
#[test]
fn the_world_is_read_as_it_is_said() {
    let world = World::read();
    let all: Vec<_> = world.prompts.iter().chain(&world.paraphrases).cloned().collect();
    let interpreter = world.interpreter(&all);
    let mut figures = Figures::default();
    for (fact, sentence) in world.said(&all) {
        figures.take(interpreter.interpret(&sentence), fact, false);
    }
    figures.print("all templates");
    assert!(figures.said > 19_000, "{figures:?}");
    assert_eq!(figures.wrong, 0);
    assert!(figures.recall() > 0.99, "{figures:?}");
}

/// The sentences of the training text, which are as the corpus has them: all that is read of them is true there.
#[test]
fn the_training_text_is_read_as_facts_of_the_world() {
    let world = World::read();
    let interpreter = world.interpreter(&world.prompts);
    let text = fs::read_to_string(dir().join("text.txt")).unwrap();
    let text: String = text.lines().take(400).flat_map(|line| [line, "\n"]).collect();
    let (mut read, mut wrong) = (0, Vec::new());
    let sentences = interpreter.sentences(&text);
    for sentence in &sentences {
        if let Ok([proposal]) = interpreter.interpret(&sentence.text).as_deref()
            && proposal.is_exact
        {
            read += 1;
            if !world.facts.contains(&proposal.fact) {
                wrong.push((&sentence.text, proposal.fact.to_string()));
            }
        }
    }
    let recall = f64::from(read) / sentences.len() as f64;
    let figures = Figures { said: sentences.len() as u32, right: read, ..Figures::default() };
    figures.print("training text");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(recall > 0.99, "{read} of {}", sentences.len());
}

/// What nobody has written a template for is mostly not understood, and never as another fact.
#[test]
fn paraphrases_that_are_not_known_are_refused_rather_than_guessed() {
    let world = World::read();
    let interpreter = world.interpreter(&world.prompts);
    let (mut exact, mut loose) = (Figures::default(), Figures::default());
    for (fact, sentence) in world.said(&world.paraphrases) {
        let read = interpreter.interpret(&sentence);
        exact.take(read.clone(), fact, false);
        loose.take(read, fact, true);
    }
    exact.print("held-out templates");
    loose.print("held-out templates, loosely");
    assert!(exact.said > 4_500, "{exact:?}");
    assert_eq!((exact.wrong, loose.wrong), (0, 0));
    assert!(loose.right >= 25, "{loose:?}");
}
