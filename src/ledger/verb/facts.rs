//! `facts`: what a version holds, row by row or as RDF.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    commit::{Commit, FactView},
    durable,
    engine::{Answer, Progress, Prompt},
    fact::{
        Fact, FactKey, Iri, Lexicon, LexiconError, Term, Words, tree,
        write::{RdfFormat, RdfWriter},
    },
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        history::select::About,
        report::{citing::CitationView, view::CommitView, wording::fact_view},
        state::open::Ledger,
    },
};

/// More facts than these are written as they are stored, and not sorted.
const SORTED: u64 = 1 << 17;
/// So many questions are asked at a time.
const ASKED_TOGETHER: usize = 64;

/// Facts of a version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FactsReport {
    /// The version.
    pub version: Id<Commit>,
    /// Each fact, sorted.
    pub facts: Vec<ListedFact>,
}

/// A fact, what its parts are called, where it comes from and whether the model holds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedFact {
    /// The fact in words.
    pub fact: FactView,
    /// Its subject.
    pub subject: Iri,
    /// Its predicate.
    pub predicate: Iri,
    /// Its object.
    pub object: Term,
    /// The commit since which it holds as it does.
    pub commit: CommitView,
    /// Where it was read, where that is known.
    pub citation: Option<CitationView>,
    /// What the model says; `None` where it was not to be asked.
    pub check: Option<FactCheck>,
}

/// What the model makes of a fact.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum FactCheck {
    /// It was asked.
    Asked {
        /// With these words.
        prompt: String,
        /// The object in words.
        target: String,
        /// What it says, and how likely it finds the object.
        #[serde(flatten)]
        answer: Answer,
    },
    /// There are no words to ask it with.
    Wordless {
        /// Why not.
        why: String,
    },
}

/// What was written as RDF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WrittenFacts {
    /// The version.
    pub commit: Id<Commit>,
    /// Facts written.
    pub facts: u64,
    /// Things and predicates whose words were written too.
    pub words: u64,
}

/// What `export` wrote of the facts of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FactsExportReport {
    /// What is in it.
    #[serde(flatten)]
    pub written: WrittenFacts,
    /// The file written.
    pub file: PathBuf,
    /// How.
    pub format: RdfFormat,
    /// Its length.
    pub bytes: u64,
}

/// A fact as it is to be asked: prompt and target, or why it cannot be.
type Question = Result<Prompt, String>;

impl Repo {
    /// The facts that hold at `revision` and are meant by `about`. With `check` an engine is opened, and each is
    /// asked.
    ///
    /// # Errors
    /// As [`Repo::each_fact`].
    pub fn facts(
        &self,
        revision: &str,
        about: &About,
        check: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<FactsReport, LedgerError> {
        let mut facts = Vec::new();
        let version = self.each_fact(revision, about, check, progress, &mut |fact| {
            facts.push(fact);
            Ok(())
        })?;
        Ok(FactsReport { version, facts })
    }

    /// Hands each of the facts that hold at `revision` and are meant by `about` to `take`, sorted. With `check` an
    /// engine is opened, and each is asked; they are handed over as they are answered.
    ///
    /// # Errors
    /// When there is no such revision or fact, the store cannot be read, the model fails, or `take` cannot write.
    pub fn each_fact(
        &self,
        revision: &str,
        about: &About,
        check: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
        take: &mut dyn FnMut(ListedFact) -> io::Result<()>,
    ) -> Result<Id<Commit>, LedgerError> {
        let ledger = self.view()?;
        let version = ledger.resolve(revision)?;
        let commit = ledger.commit(version)?;
        let lexicon = ledger.lexicon(&commit);
        let facts = meant(&ledger, &lexicon, (revision, &commit), about)?;
        let keys = facts.iter().map(|(key, _)| *key).collect();
        let origins = ledger.origins(version, keys)?;
        let citations = ledger.citation_views(&origins)?;
        let mut rows = Rows { ledger: &ledger, lexicon, commits: BTreeMap::new(), citations };
        let Some(open) = check else {
            for (key, fact) in facts {
                take(rows.row((key, fact), origins[&key])?).map_err(LedgerError::Output)?;
            }
            return Ok(version);
        };
        let mut asked = Vec::with_capacity(facts.len());
        for (key, fact) in facts {
            let question = question(&rows.lexicon, &fact)?;
            asked.push((rows.row((key, fact), origins[&key])?, question));
        }
        drop(rows);
        drop(ledger);
        self.ask_each(version, asked, open, progress, take)?;
        Ok(version)
    }

    /// Asks the version each of the questions, and hands its fact on with the answer.
    fn ask_each(
        &self,
        version: Id<Commit>,
        mut asked: Vec<(ListedFact, Question)>,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
        take: &mut dyn FnMut(ListedFact) -> io::Result<()>,
    ) -> Result<(), LedgerError> {
        let mut engine = self.engine(open)?;
        engine.set_weights(&self.weights_at(version)?.1)?;
        progress.start("facts", Some(asked.len() as u64));
        let mut done = 0;
        for part in asked.chunks_mut(ASKED_TOGETHER) {
            let prompts = part.iter().filter_map(|(_, question)| question.clone().ok());
            let prompts: Vec<Prompt> = prompts.collect();
            let mut answers = engine.answer(&prompts, &mut crate::engine::Silent)?.into_iter();
            for (row, question) in part {
                let check = match question {
                    Err(why) => Some(FactCheck::Wordless { why: why.clone() }),
                    Ok(Prompt { prompt, expected }) => answers.next().map(|answer| {
                        let (prompt, target) = (prompt.clone(), expected.clone());
                        FactCheck::Asked { prompt, target, answer }
                    }),
                };
                take(ListedFact { check, ..row.clone() }).map_err(LedgerError::Output)?;
                done += 1;
            }
            progress.advance(done, "")?;
        }
        progress.finish("");
        Ok(())
    }

    /// Writes the facts that hold at `revision` and are meant by `about` to `out` as RDF, with `words` also what is
    /// said of how the things in them are called and asked. Many are not held in memory, and not sorted.
    ///
    /// # Errors
    /// When there is no such revision or fact, the store cannot be read, or `out` cannot be written.
    pub fn write_facts(
        &self,
        revision: &str,
        about: &About,
        (format, words): (RdfFormat, bool),
        out: &mut dyn Write,
    ) -> Result<WrittenFacts, LedgerError> {
        let ledger = self.view()?;
        let version = ledger.resolve(revision)?;
        let commit = ledger.commit(version)?;
        let lexicon = ledger.lexicon(&commit);
        let mut writing = Writing {
            writer: RdfWriter::new(format, out),
            lexicon: words.then_some(&lexicon),
            worded: BTreeSet::new(),
            written: WrittenFacts { commit: version, facts: 0, words: 0 },
        };
        if about.is_everything() && tree::len(&ledger, commit.facts)? > SORTED {
            for entry in tree::iter(&ledger, commit.facts) {
                writing.fact(&entry?.1)?;
            }
        } else {
            for (_, fact) in meant(&ledger, &lexicon, (revision, &commit), about)? {
                writing.fact(&fact)?;
            }
        }
        let out = writing.writer.finish().map_err(LedgerError::Output)?;
        out.flush().map_err(LedgerError::Output)?;
        Ok(writing.written)
    }

    /// Writes the facts that hold at `revision`, with their words, to the new file `file`: all that `kledger add` needs
    /// to stage them in another repository. The file is whole or absent.
    ///
    /// # Errors
    /// When there is no such revision, the store cannot be read, or something is at `file` already.
    pub fn export_facts(
        &self,
        revision: &str,
        file: &Path,
        format: RdfFormat,
    ) -> Result<FactsExportReport, LedgerError> {
        if file.symlink_metadata().is_ok() {
            return Err(LedgerError::Taken { path: file.to_owned() });
        }
        let (mut report, mut refused) = (None, None);
        let filled = durable::write_with(file, |temporary| {
            let mut out = BufWriter::new(File::create(temporary)?);
            match self.write_facts(revision, &About::default(), (format, true), &mut out) {
                Ok(written) => {
                    let bytes = out.get_ref().metadata()?.len();
                    let file = file.to_owned();
                    report = Some(FactsExportReport { written, file, format, bytes });
                    Ok(())
                }
                Err(LedgerError::Output(error)) => Err(error),
                Err(error) => {
                    let why = io::Error::other(error.to_string());
                    refused = Some(error);
                    Err(why)
                }
            }
        });
        filled.map_err(|error| refused.unwrap_or_else(|| error.into()))?;
        Ok(report.expect("because it is there when the file is"))
    }
}

/// The facts of a commit that are meant, sorted.
fn meant(
    ledger: &Ledger<'_>,
    lexicon: &Lexicon<'_>,
    (revision, commit): (&str, &Commit),
    about: &About,
) -> Result<Vec<(FactKey, Fact)>, LedgerError> {
    let facts = about.facts(ledger, lexicon, commit.facts)?;
    if facts.is_empty() && !about.is_everything() {
        let (what, revision) = (about.to_string(), revision.to_owned());
        return Err(LedgerError::NoFactAt { what, revision });
    }
    let mut facts: Vec<_> = facts.into_iter().collect();
    facts.sort_unstable_by(|(_, a), (_, b)| a.cmp(b));
    Ok(facts)
}

/// How a fact is asked.
fn question(lexicon: &Lexicon<'_>, fact: &Fact) -> Result<Question, LedgerError> {
    match lexicon.request(fact) {
        Ok(request) => Ok(Ok(Prompt { prompt: request.text(), expected: request.target })),
        Err(LexiconError::Object(error)) => Err(error.into()),
        Err(why) => Ok(Err(why.to_string())),
    }
}

/// Makes rows of facts.
struct Rows<'a> {
    ledger: &'a Ledger<'a>,
    lexicon: Lexicon<'a>,
    commits: BTreeMap<Id<Commit>, CommitView>,
    citations: BTreeMap<FactKey, CitationView>,
}

impl Rows<'_> {
    fn row(
        &mut self,
        (key, fact): (FactKey, Fact),
        origin: Id<Commit>,
    ) -> Result<ListedFact, LedgerError> {
        let commit = match self.commits.entry(origin) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => {
                let view = self.ledger.commit_view(origin, &self.ledger.commit(origin)?)?;
                new.insert(view).clone()
            }
        };
        let view = fact_view(&self.lexicon, &fact)?;
        let citation = self.citations.remove(&key);
        let Fact { subject, predicate, object } = fact;
        Ok(ListedFact { fact: view, subject, predicate, object, commit, citation, check: None })
    }
}

/// Facts on their way to a file.
struct Writing<'a, W: Write> {
    writer: RdfWriter<W>,
    /// Where words are, if they are to be written.
    lexicon: Option<&'a Lexicon<'a>>,
    /// Whose words are written already.
    worded: BTreeSet<Id<Words>>,
    written: WrittenFacts,
}

impl<W: Write> Writing<'_, W> {
    fn fact(&mut self, fact: &Fact) -> Result<(), LedgerError> {
        self.written.facts += 1;
        self.writer.fact(fact).map_err(LedgerError::Output)?;
        let Some(lexicon) = self.lexicon else { return Ok(()) };
        let question = fact.question();
        for iri in fact.iris().chain([&question]) {
            if !self.worded.insert(Words::key(iri)) {
                continue;
            }
            let triples = lexicon.words(iri)?.triples();
            self.written.words += u64::from(!triples.is_empty());
            for triple in &triples {
                self.writer.fact(triple).map_err(LedgerError::Output)?;
            }
        }
        Ok(())
    }
}
