//! `kledger add`.

use std::{
    fmt::{self, Write},
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use crate::{
    cli::{
        args::at_least_one,
        context::Context,
        error::CliError,
        page::{Page, many},
        report::{Render, Report},
    },
    eval::dataset::{Answer, Dataset, Layout, Reading, Requests, requests},
    fact::{
        Fact, Intake, Role, StageError,
        read::{Choice, Format, Graphs, LeftOut, Position, ReadError, read_triples},
    },
    input,
    ledger::{LedgerError, verb::add::AddReport},
};

/// Stage facts, labels and templates for the next commit
///
/// Reads N-Triples, Turtle, N-Quads, TriG, RDF/XML or JSON-LD. Triples of the kledger vocabulary and
/// rdfs:label give words to IRIs; all others are facts to be edited in. A new object for a subject and
/// predicate replaces the committed one. Either all of the input is staged or nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger add facts.nt labels.ttl
  kledger add --neighbourhood known.ttl
  kledger add --graph all --skip-blank export.nq
  kledger add --from counterfact counterfact.json --limit 100 --skip-conflicts
  grep capital dump.nt | kledger add --format nt -")]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// The model knows these facts, and edits must leave them alone
    #[arg(long)]
    neighbourhood: bool,
    /// Take these facts in place of the ones staged for the same subject and predicate
    #[arg(long)]
    replace: bool,
    /// Take the triples of this graph of N-Quads, TriG or JSON-LD, by IRI, or of all graphs
    ///
    /// Without it a triple in a named graph is an error.
    #[arg(long, value_name = "IRI|all", conflicts_with = "from")]
    graph: Option<Graphs>,
    /// Leave triples with blank nodes out, and say how many they were
    #[arg(long, conflicts_with = "from")]
    skip_blank: bool,
    /// Read the files as a benchmark's records: stage their edits, with their own prompts and paraphrases
    ///
    /// zsre takes the first true answer as ROME and MEMIT do, zsre-alt the alternative one as MEND and
    /// EasyEdit do.
    #[arg(long, value_name = "DATASET", conflicts_with_all = ["format", "neighbourhood"])]
    from: Option<From>,
    /// Records to take of each file at most
    #[arg(long, value_name = "N", value_parser = at_least_one, requires = "from")]
    limit: Option<usize>,
    /// Of several records for one subject and predicate, take the first
    #[arg(long, requires = "from")]
    skip_conflicts: bool,
}

/// A benchmark whose edits can be staged.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum From {
    Counterfact,
    Zsre,
    ZsreAlt,
}

impl Args {
    /// What the datasets ask to be edited in.
    fn requests(&self, cx: &Context, from: From) -> Result<Requests, CliError> {
        let (layout, answer) = match from {
            From::Counterfact => (Layout::CounterFact, Answer::True),
            From::Zsre => (Layout::Zsre, Answer::True),
            From::ZsreAlt => (Layout::Zsre, Answer::Alternative),
        };
        let reading = Reading { limit: self.limit, answer, ..Reading::default() };
        let mut all = Requests::default();
        for file in &self.input.files {
            let read = Dataset::read(&cx.path(file), &file.to_string_lossy(), &reading);
            let mut dataset = read?.laid_out(layout)?;
            if self.skip_conflicts {
                dataset.skip_conflicts();
            }
            all.extend(requests(&dataset)?);
        }
        Ok(all)
    }
}

/// Files of triples.
#[derive(Debug, clap::Args)]
pub(super) struct Input {
    /// Files to read, - for standard input
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Format of all files: nt, ttl, nq, trig, rdf or jsonld; otherwise their names say it
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<String>,
}

type Triple = Result<(Fact, Position), ReadError>;

impl Input {
    /// Reads all files, up to the first error.
    pub(super) fn read(&self, cx: &Context) -> Result<Vec<Triple>, CliError> {
        let mut triples = Vec::new();
        self.each(cx, |reader, format, name| {
            let before = triples.len();
            triples.extend(read_triples(reader, format, name));
            if triples.len() == before {
                triples.push(Err(ReadError::no_triples(name, LeftOut::default())));
            }
            Ok(())
        })?;
        Ok(triples)
    }

    /// Reads of all files what is in `choice`, for the stage.
    pub(super) fn intake(&self, cx: &Context, choice: &Choice) -> Result<Intake, CliError> {
        let mut all = Intake::default();
        self.each(cx, |reader, format, name| {
            let read = Intake::read(reader, format, name, choice);
            all.append(read.map_err(|error| LedgerError::from(StageError::Read(error)))?);
            Ok(())
        })?;
        Ok(all)
    }

    /// Opens file after file, with its format and its name.
    fn each(
        &self,
        cx: &Context,
        mut act: impl FnMut(Box<dyn BufRead + Send>, Format, &str) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let format = self.format.as_deref().map(str::parse::<Format>).transpose()?;
        for file in &self.files {
            let from_stdin = file == Path::new("-");
            let by_name = || Format::from_path(file).filter(|_| !from_stdin);
            let format =
                format.or_else(by_name).ok_or_else(|| CliError::NoFormat { path: file.clone() })?;
            let reader: Box<dyn BufRead + Send> = if from_stdin {
                Box::new(BufReader::new(io::stdin()))
            } else {
                let opened = input::open(&cx.path(file));
                opened.map_err(|source| CliError::Read { path: file.clone(), source })?
            };
            act(reader, format, &file.to_string_lossy())?;
        }
        Ok(())
    }
}

/// What facts are, by the flag.
pub(super) const fn role(neighbourhood: bool) -> Role {
    if neighbourhood { Role::Neighbourhood } else { Role::Edit }
}

/// What a fact of this role is called.
pub(super) const fn noun(role: Role) -> &'static str {
    match role {
        Role::Edit => "fact",
        Role::Neighbourhood => "neighbourhood fact",
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = cx.actor(Some(&repo))?;
    if let Some(from) = args.from {
        let requests = args.requests(cx, from)?;
        return Ok(Report::done("add", repo.add_requests(&actor, requests, args.replace)?));
    }
    let choice =
        Choice { graphs: args.graph.clone().unwrap_or_default(), skip_blank: args.skip_blank };
    let input = args.input.intake(cx, &choice)?;
    let report = repo.add(&actor, input, role(args.neighbourhood), args.replace)?;
    Ok(Report::done("add", report))
}

impl Render for AddReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let (noun, outcome) = (noun(self.role), &self.outcome);
        let mut parts = Vec::new();
        if outcome.added + outcome.replaced > 0 {
            let replaced = match outcome.replaced {
                0 => String::new(),
                replaced => format!(" ({replaced} in place of another)"),
            };
            parts.push(format!("{}{replaced}", many(outcome.added + outcome.replaced, noun)));
        }
        for (count, noun) in [
            (outcome.labels, "label"),
            (outcome.templates, "template"),
            (outcome.settings, "predicate setting"),
        ] {
            if count > 0 {
                parts.push(many(count, noun));
            }
        }
        match parts.as_slice() {
            [] => writeln!(page, "Nothing new")?,
            parts => writeln!(page, "Staged {}", parts.join(", "))?,
        }
        if outcome.unchanged > 0 {
            page.note(format_args!("{} committed already", outcome.unchanged))?;
        }
        if outcome.duplicates > 0 {
            page.note(format_args!("{} staged already", outcome.duplicates))?;
        }
        for note in &self.notes {
            page.note(note)?;
        }
        match self.staged {
            0 => Ok(()),
            staged => page.note(format_args!("{} staged in all", many(staged, "fact"))),
        }
    }
}
