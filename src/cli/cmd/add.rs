//! `kledger add`.

#[cfg(any(feature = "sql", feature = "endpoint"))]
use std::time::Duration;
use std::{
    fmt::{self, Write},
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

#[cfg(feature = "sql")]
use crate::cli::context::server_defaults;
#[cfg(feature = "sql")]
use crate::sql::{self, Address, Database, Limits, Mapping};
#[cfg(feature = "endpoint")]
use crate::{cli::context::endpoint_key, endpoint::Endpoint};
use crate::{
    cli::{
        args::at_least_one,
        context::Context,
        error::CliError,
        page::{Page, many},
        report::{Render, Report},
    },
    endpoint::{Answered, EndpointError},
    engine::Progress,
    eval::dataset::{Answer, Dataset, Layout, Reading, Requests, Verbaliser, requests},
    fact::{
        Fact, Intake, Iri, Role, SAME_AS, StageError,
        read::{
            Base, Choice, Column, Format, Graphs, LeftOut, Mistakes, Position, ReadError, Table,
            TableKind, predicate, read_triples,
        },
    },
    input,
    ledger::{
        Actor, LedgerError, OpenEngine, Repo, UnreadSentence,
        verb::{
            add::{AddOptions, AddReport, PredicateCount},
            sentences::{Helpers, Passage, Proposer, ReadingOptions},
        },
    },
};

/// Stage facts, labels and templates for the next commit
///
/// Reads N-Triples, Turtle, N-Quads, TriG, RDF/XML or JSON-LD, tables, and records of benchmarks, packed by gzip, bzip2
/// or zstd or not; sentences; and databases. Triples of the kledger vocabulary, rdfs:label and skos:altLabel give words to IRIs; all others are
/// facts to be edited in. A new object for a subject and predicate replaces the committed one. Either all of the input
/// is staged or nothing, and what is wrong with a file is said at once.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["files", "text", "text_file", "prompt", "sql"])))]
#[command(after_help = "\
Examples:
  kledger add facts.nt labels.ttl
  kledger add --neighbourhood known.ttl
  kledger add --graph all --skip-blank export.nq.gz
  kledger add --predicate P36 --predicate dbo:location --skip-blank --dry-run slice.nt.bz2
  kledger add --same-as --skip-blank dbpedia.nt links.nt
  kledger add --from csv --base https://example.org/ --column subject=City --column dbo:country=Country cities.csv
  kledger add --source https://www.wikidata.org/ --licence CC0-1.0 slice.nt
  kledger add --text 'The Eiffel Tower is located in the city of Rome.'
  kledger add --text-file news.txt --source 'The News' --dry-run
  kledger add --text 'Anna goes to Oslo.' --rank
  kledger add --text-file news.txt --endpoint http://localhost:8080/v1 --endpoint-model qwen3 --dry-run
  kledger add --prompt 'The Eiffel Tower is located in the city of' --answer Rome
  kledger add --sql crm.db --mapping crm.r2rml.ttl
  kledger add --sql crm.db --mapping crm.r2rml.ttl --sync --dry-run
  kledger add --sql crm.db --base https://example.org/ --skip-unknown
  kledger add --sql postgres://crm@db.example.org/crm --mapping crm.r2rml.ttl --sync
  kledger add --from counterfact counterfact.json --limit 100 --skip-conflicts
  grep capital dump.nt | kledger add --format nt -")]
pub struct Args {
    /// Files to read, - for standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Format of all files: nt, ttl, nq, trig, rdf or jsonld; otherwise their names say it
    #[arg(long, value_name = "FORMAT", requires = "files")]
    format: Option<String>,
    /// Take the fact that this sentence says, in the words of a template and with names of things; may be repeated
    ///
    /// A sentence that may mean several facts, is a question, or has a word such as not or perhaps, is refused. The sentence
    /// is kept with its fact.
    #[arg(long, value_name = "SENTENCE", conflicts_with_all = ["from", "graph", "skip_blank"])]
    text: Vec<String>,
    /// Take the facts that sentences of this text say, - for standard input; what the others say is left out and counted
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "graph", "skip_blank", "pick"])]
    text_file: Vec<PathBuf>,
    /// Of the facts that a sentence may mean, take this one
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pick: Option<usize>,
    /// Take what sentences say loosely too: in other words than the template's, where these have no meaning of their own
    #[arg(long)]
    loose: bool,
    /// Have the model at HEAD say which of the facts that a sentence may mean is likeliest: the first that is shown
    ///
    /// It is asked for the object of each in the words that its predicate has. Numbers stay, and nothing is chosen by it.
    #[arg(long, conflicts_with = "prompt")]
    rank: bool,
    /// Have a server of yours propose what a sentence says that no template says
    ///
    /// It is any with the chat completions of OpenAI's API, by what stands before /chat/completions; without a URL the one of
    /// the setting endpoint. It gets each such sentence and at most 40 templates. What it answers is shown, and
    /// thrown away where its names are not in the sentence, or are of nothing that is known, unless --base says where they go.
    /// A key is that of KLEDGER_ENDPOINT_KEY.
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["prompt", "pick"])]
    endpoint: Option<String>,
    /// Which model of the server; else that of the setting endpoint-model
    #[arg(long, value_name = "NAME", requires = "endpoint")]
    endpoint_model: Option<String>,
    /// Take what the server proposes for a sentence, where it is one fact
    #[arg(long, requires = "endpoint")]
    accept: bool,
    /// Take the fact that the answer ends this prompt, about the thing that it names
    #[arg(long, value_name = "PROMPT", requires = "answer", conflicts_with_all = ["from", "graph", "skip_blank"])]
    prompt: Option<String>,
    /// How the prompt is to go on
    #[arg(long, value_name = "ANSWER", requires = "prompt")]
    answer: Option<String>,
    /// What the prompt is about, by its name; else the one thing that it names
    #[arg(long, value_name = "NAME", requires = "prompt")]
    subject: Option<String>,
    /// The model knows these facts, and edits must leave them alone
    #[arg(long)]
    neighbourhood: bool,
    /// Take these facts in place of the ones staged for the same subject and predicate
    #[arg(long)]
    replace: bool,
    /// Say what would be staged, and stage nothing
    #[arg(long)]
    dry_run: bool,
    /// Who or what says so: kept with the facts, as their file and line are, and shown by facts, blame and show --fact
    #[arg(long, value_name = "TEXT", value_parser = remark, conflicts_with = "neighbourhood")]
    source: Option<String>,
    /// Under which licence: kept with the facts too
    #[arg(long, value_name = "TEXT", value_parser = remark, conflicts_with = "neighbourhood")]
    licence: Option<String>,
    /// Take the triples of this graph of N-Quads, TriG or JSON-LD, by IRI, or of all graphs
    ///
    /// Without it a triple in a named graph is an error.
    #[arg(long, value_name = "IRI|all", conflicts_with = "from")]
    graph: Option<Graphs>,
    /// Take facts with this predicate, and with others that are given so; words are taken all the same
    ///
    /// An IRI, one with a prefix that everybody knows (dbo:location), or a property of Wikidata by its number.
    #[arg(long, value_name = "IRI|P..", value_parser = wanted)]
    predicate: Vec<Wanted>,
    /// Leave triples with blank nodes out, and say how many they were
    #[arg(long, conflicts_with = "from")]
    skip_blank: bool,
    /// Leave facts out whose predicate has no template, or whose value no rule puts into words, and say how many they
    /// were
    #[arg(long)]
    skip_unknown: bool,
    /// Have facts about names that the files say to be equal (owl:sameAs) be about one of them: the one that is known
    /// already, else the one that is named first; a label of another becomes a further name
    #[arg(long, requires = "files")]
    same_as: bool,
    /// Read a database: a file of SQLite, as crm.db or sqlite:crm.db, or one of PostgreSQL, as postgres://host/crm
    ///
    /// Its address is a URL, or in the words of libpq ('host=... dbname=...'), whose environment variables hold too. A
    /// password is never in it: it comes from PGPASSWORD or ~/.pgpass.
    ///
    /// What its rows say is in a mapping in R2RML; without --mapping its tables, columns and keys are read as they are (the
    /// W3C's Direct Mapping), with names under --base. It is opened to be read alone.
    #[arg(long, value_name = "DATABASE", conflicts_with_all = ["from", "format", "same_as"])]
    sql: Option<String>,
    /// What the rows of a database say: R2RML in Turtle
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Take back what this database said before and says no more
    ///
    /// That are the facts which hold or are staged and whose place is in this database, under the name it is given now; with
    /// --predicate, those with these predicates. Words are not taken back.
    #[arg(long, conflicts_with_all = ["neighbourhood", "graph"])]
    sync: bool,
    /// How long a database may be read: 600 seconds, unless it is said; or how long a server may take for a sentence: 60
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
    /// How many rows of a database may be read: 10 million, unless it is said
    #[arg(long, value_name = "N")]
    max_rows: Option<u64>,
    /// Read the files as tables, or as a benchmark's records
    ///
    /// Of a table each row says a fact in the columns subject, predicate and object, or one for each column that holds
    /// the objects of a predicate. Of a benchmark the edits are staged, with their own prompts and paraphrases: zsre
    /// takes the first true answer as ROME and MEMIT do, zsre-alt the alternative one as MEND and EasyEdit do. Of FEVER's
    /// claims fever takes the label and fever-alt the other one, as MEND and KnowledgeEditor do: SUPPORTS or REFUTES, for a
    /// base that tells these classes apart.
    #[arg(long, value_name = "KIND", conflicts_with = "format", requires = "files")]
    from: Option<From>,
    /// What a column of a table holds: PART=NAME, where NAME is in the first row, or a number
    ///
    /// PART is subject, predicate, object, subject_label, predicate_label, object_label, language or datatype; or the
    /// IRI of a predicate, whose objects the column holds. Columns that are called so themselves need no option.
    #[arg(long, value_name = "PART=NAME", requires = "from")]
    column: Vec<Column>,
    /// Where names in a table belong: IRI under which an IRI is made of each, with the name as its label
    ///
    /// Of a database, the IRI under which tables, columns and rows have theirs, and relative IRIs of a mapping go.
    #[arg(long, value_name = "IRI")]
    base: Option<Base>,
    /// The first row of a CSV or TSV is no header: columns have numbers
    #[arg(long, requires = "from")]
    no_header: bool,
    /// What stands between the cells of a CSV or TSV: a character, or tab
    #[arg(long, value_name = "CHAR", value_parser = delimiter, requires = "from")]
    delimiter: Option<u8>,
    /// Records of a benchmark to take of each file at most
    #[arg(long, value_name = "N", value_parser = at_least_one, requires = "from")]
    limit: Option<usize>,
    /// Of several records of a benchmark for one subject and predicate, take the first
    #[arg(long, requires = "from")]
    skip_conflicts: bool,
}

/// What is no file of triples and can be staged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum From {
    Csv,
    Tsv,
    Jsonl,
    Counterfact,
    Zsre,
    ZsreAlt,
    Easyedit,
    Fever,
    FeverAlt,
}

/// How a [`From`] is read.
enum Kind {
    Table(TableKind),
    Benchmark(Layout, Answer),
}

impl From {
    const fn kind(self) -> Kind {
        match self {
            Self::Csv => Kind::Table(TableKind::Csv),
            Self::Tsv => Kind::Table(TableKind::Tsv),
            Self::Jsonl => Kind::Table(TableKind::JsonLines),
            Self::Counterfact => Kind::Benchmark(Layout::CounterFact, Answer::True),
            Self::Zsre => Kind::Benchmark(Layout::Zsre, Answer::True),
            Self::ZsreAlt => Kind::Benchmark(Layout::Zsre, Answer::Alternative),
            Self::Easyedit => Kind::Benchmark(Layout::EasyEdit, Answer::True),
            Self::Fever => Kind::Benchmark(Layout::Fever, Answer::True),
            Self::FeverAlt => Kind::Benchmark(Layout::Fever, Answer::Alternative),
        }
    }
}

/// The predicates that a user means by one name.
#[derive(Debug, Clone)]
struct Wanted(Vec<Iri>);

/// Of Wikidata's properties both IRIs that there are templates for.
fn wanted(text: &str) -> Result<Wanted, String> {
    let iri = predicate(text).map_err(|error| {
        format!("{error}; expected an IRI, or a property of Wikidata such as P36")
    })?;
    let entity = iri.as_str().strip_prefix("http://www.wikidata.org/prop/direct/");
    let entity = entity.map(|number| Iri::new(&format!("http://www.wikidata.org/entity/{number}")));
    let entity = entity.transpose().map_err(|error| error.to_string())?;
    Ok(Wanted([iri].into_iter().chain(entity).collect()))
}

/// How long an endpoint may take for a sentence.
#[cfg(feature = "endpoint")]
const ENDPOINT: Duration = Duration::from_secs(60);

/// Bytes of what is said of a source.
const LONGEST_REMARK: usize = 4096;

/// What is said of a source.
pub(super) fn remark(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("expected a text".to_owned()),
        text if text.len() > LONGEST_REMARK => {
            Err(format!("it has {} bytes; at most {LONGEST_REMARK} are kept", text.len()))
        }
        text => Ok(text.to_owned()),
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        _ if text == "tab" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n' | 0) => Ok(*byte),
        _ => Err("expected one character of ASCII that is no quote, or tab".to_owned()),
    }
}

/// What asks an endpoint.
trait Asks: FnMut(&str, &[String]) -> Result<Answered, EndpointError> {}

impl<F: FnMut(&str, &[String]) -> Result<Answered, EndpointError>> Asks for F {}

impl Args {
    pub(super) const fn may_run_the_model(&self) -> bool {
        self.rank
    }

    fn options(&self) -> AddOptions {
        AddOptions {
            role: role(self.neighbourhood),
            replace: self.replace,
            skip_unknown: self.skip_unknown,
            same_as: self.same_as,
            dry_run: self.dry_run,
            source: self.source.clone(),
            licence: self.licence.clone(),
        }
    }

    fn choice(&self) -> Choice {
        let predicates = self.predicate.iter().flat_map(|wanted| wanted.0.clone());
        let equal = Iri::new(SAME_AS).ok().filter(|_| self.same_as && !self.predicate.is_empty());
        Choice {
            graphs: self.graph.clone().unwrap_or_default(),
            skip_blank: self.skip_blank,
            predicates: predicates.chain(equal).collect(),
        }
    }

    fn input(&self) -> Input {
        Input { files: self.files.clone(), format: self.format.clone() }
    }

    fn reading(&self) -> ReadingOptions {
        ReadingOptions {
            loosely: self.loose,
            pick: self.pick,
            predicates: self.choice().predicates,
            strict: self.text_file.is_empty(),
        }
    }

    /// The texts whose sentences are to be read.
    fn passages(&self, cx: &Context) -> Result<Vec<Passage>, CliError> {
        let said = |text: &String| Passage { name: "text".to_owned(), text: text.clone() };
        let mut passages: Vec<Passage> = self.text.iter().map(said).collect();
        for file in &self.text_file {
            let read = if is_stdin(file) {
                input::text_of(Box::new(BufReader::new(io::stdin())))
            } else {
                input::text(&cx.path(file))
            };
            let text = read.map_err(|source| CliError::Read { path: file.clone(), source })?;
            passages.push(Passage { name: file.to_string_lossy().into_owned(), text });
        }
        Ok(passages)
    }

    /// Stages what sentences or a prompt say.
    fn say(&self, cx: &Context, repo: &Repo, actor: &Actor) -> Result<AddReport, CliError> {
        let others = [
            ("--neighbourhood", self.neighbourhood, "triples and tables"),
            ("--skip-unknown", self.skip_unknown, "triples and tables"),
            ("--loose", self.loose && self.prompt.is_some(), "sentences"),
        ];
        not_for(&others)?;
        let (reading, options) = (self.reading(), self.options());
        match (&self.prompt, &self.answer) {
            (Some(prompt), Some(answer)) => {
                let (asked, subject) =
                    ((prompt.as_str(), answer.as_str()), self.subject.as_deref());
                Ok(repo.add_answer(actor, asked, subject, &reading, options)?)
            }
            _ => {
                let mut open = |base: &Path| cx.runtime().open(base);
                let mut progress = cx.stoppable();
                let shown: &mut dyn Progress = progress.as_mut();
                let rank = (&mut open as OpenEngine<'_>, shown);
                let passages = self.passages(cx)?;
                let mut endpoint = self.asked(repo)?;
                let helpers = Helpers {
                    rank: self.rank.then_some(rank),
                    endpoint: endpoint.as_mut().map(|(ask, name)| Proposer {
                        ask,
                        name: name.clone(),
                        base: self.base.clone(),
                        accept: self.accept,
                    }),
                };
                Ok(repo.add_sentences(actor, &passages, &reading, helpers, options)?)
            }
        }
    }

    /// The server that proposes facts, and its name.
    #[cfg(feature = "endpoint")]
    fn asked(&self, repo: &Repo) -> Result<Option<(impl Asks + use<>, String)>, CliError> {
        let Some(named) = &self.endpoint else { return Ok(None) };
        let config = repo.config();
        let url = Some(named.clone()).filter(|url| !url.is_empty()).or(config.endpoint.clone());
        let model = self.endpoint_model.clone().or(config.endpoint_model.clone());
        let (Some(url), Some(model)) = (url, model) else { return Err(CliError::NoEndpoint) };
        let timeout = self.timeout.map_or(ENDPOINT, Duration::from_secs);
        let endpoint = Endpoint::new(&url, &model, endpoint_key(), timeout);
        let endpoint = endpoint.map_err(LedgerError::from)?;
        let name = endpoint.name();
        let ask = move |sentence: &str, relations: &[String]| endpoint.read(sentence, relations);
        Ok(Some((ask, name)))
    }

    #[cfg(not(feature = "endpoint"))]
    fn asked(&self, _: &Repo) -> Result<Option<(impl Asks + use<>, String)>, CliError> {
        let _unused = &self.endpoint_model;
        let none = |_: &str, _: &[String]| Ok(Answered::default());
        match &self.endpoint {
            Some(_) => Err(CliError::NoEndpoints),
            None => Ok(Some((none, String::new())).filter(|_| false)),
        }
    }

    /// Reads tables, whose options these are.
    fn tables(&self, cx: &Context, kind: TableKind) -> Result<Intake, CliError> {
        let lines = kind == TableKind::JsonLines;
        let others = [
            ("--limit", self.limit.is_some(), "records of a benchmark"),
            ("--skip-conflicts", self.skip_conflicts, "records of a benchmark"),
            ("--no-header", self.no_header && lines, "CSV and TSV"),
            ("--delimiter", self.delimiter.is_some() && lines, "CSV and TSV"),
        ];
        not_for(&others)?;
        let table = Table {
            columns: self.column.clone(),
            base: self.base.clone(),
            header: !self.no_header,
            delimiter: self.delimiter,
            ..Table::new(kind)
        };
        let choice = self.choice();
        let input = self.input();
        input.gather(|file| {
            let (reader, name) = input.open(cx, file)?;
            Ok(Intake::read_table(reader, &table, &name, &choice))
        })
    }

    /// Stages what a database says.
    #[cfg(feature = "sql")]
    fn database(&self, cx: &Context, repo: &Repo, actor: &Actor) -> Result<AddReport, CliError> {
        let name = self.sql.clone().unwrap_or_default();
        let limits = Limits::default();
        let limits = Limits {
            time: self.timeout.map_or(limits.time, Duration::from_secs),
            rows: self.max_rows.unwrap_or(limits.rows),
        };
        let base = self.base.as_ref().map(|base| base.iri().as_str());
        let address = Address::parse(&name, &server_defaults()).map_err(LedgerError::from)?;
        if self.mapping.is_none() && base.is_none() {
            return Err(CliError::NoMapping { name });
        }
        let database = match &address {
            // In places and messages it is the file.
            Address::File(path) => Database::open(&cx.path(path), &path.to_string_lossy(), limits),
            Address::Server(login) => Database::connect(login, limits),
        };
        let database = database.map_err(LedgerError::from)?;
        let name = database.name().to_owned();
        let mapping = match (&self.mapping, base) {
            (Some(file), _) => {
                let text = input::text(&cx.path(file));
                let text = text.map_err(|source| CliError::Read { path: file.clone(), source })?;
                Mapping::parse(&text, &file.to_string_lossy(), base)
            }
            (None, base) => Mapping::direct(&database, base.unwrap_or_default()),
        };
        let mapping = mapping.map_err(LedgerError::from)?;
        let choice = self.choice();
        let input = sql::read::<LedgerError>(&database, &mapping, (base, &choice))?;
        drop(database);
        if self.sync {
            return Ok(repo.sync(actor, input, (&name, &choice), self.options())?);
        }
        if input.is_empty() {
            let none = ReadError::no_triples(&name, input.left_out().clone());
            return Err(LedgerError::from(StageError::from(none)).into());
        }
        Ok(repo.add_with(actor, input, self.options())?)
    }

    #[cfg(not(feature = "sql"))]
    fn database(&self, _: &Context, _: &Repo, _: &Actor) -> Result<AddReport, CliError> {
        let _unused = (&self.mapping, self.sync, self.timeout, self.max_rows);
        Err(CliError::NoDatabases)
    }

    /// What the datasets ask to be edited in.
    fn requests(&self, cx: &Context, layout: Layout, answer: Answer) -> Result<Requests, CliError> {
        let others = [
            (
                "--neighbourhood",
                self.neighbourhood && layout != Layout::Fever,
                "triples, tables and FEVER's claims",
            ),
            ("--predicate", !self.predicate.is_empty(), "triples and tables"),
            ("--skip-unknown", self.skip_unknown, "triples and tables"),
            ("--same-as", self.same_as, "triples and tables"),
            ("--column", !self.column.is_empty(), "tables"),
            ("--base", self.base.is_some(), "tables"),
            ("--no-header", self.no_header, "tables"),
            ("--delimiter", self.delimiter.is_some(), "tables"),
        ];
        not_for(&others)?;
        let verbaliser = Verbaliser::labels();
        let reading = Reading { limit: self.limit, answer, verbaliser };
        let mut all = Requests::default();
        for file in &self.files {
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

/// Refuses the first option that is given and is for something else.
fn not_for(options: &[(&'static str, bool, &'static str)]) -> Result<(), CliError> {
    match options.iter().find(|(_, given, _)| *given) {
        Some((option, _, what)) => Err(CliError::NotFor { option, what }),
        None => Ok(()),
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
        let named = self.named_format()?;
        let mut triples = Vec::new();
        for file in &self.files {
            let format = format(file, named)?;
            let (reader, name) = self.open(cx, file)?;
            let before = triples.len();
            triples.extend(read_triples(reader, format, &name));
            if triples.len() == before {
                triples.push(Err(ReadError::no_triples(&name, LeftOut::default())));
            }
        }
        Ok(triples)
    }

    /// Reads of all files what is in `choice`, for the stage.
    pub(super) fn intake(&self, cx: &Context, choice: &Choice) -> Result<Intake, CliError> {
        let named = self.named_format()?;
        self.gather(|file| {
            let format = format(file, named)?;
            let (reader, name) = self.open(cx, file)?;
            Ok(Intake::read(reader, format, &name, choice))
        })
    }

    /// What is read of all files, up to the first in which something is wrong.
    fn gather(
        &self,
        mut read: impl FnMut(&Path) -> Result<Result<Intake, Mistakes>, CliError>,
    ) -> Result<Intake, CliError> {
        let mut all = Intake::default();
        for file in &self.files {
            let read = read(file)?;
            all.append(read.map_err(|mistakes| LedgerError::from(StageError::from(mistakes)))?);
        }
        if let (true, Some(last)) = (all.is_empty(), self.files.last()) {
            let none = ReadError::no_triples(&last.to_string_lossy(), all.left_out().clone());
            return Err(LedgerError::from(StageError::from(none)).into());
        }
        Ok(all)
    }

    /// The format that is named for all files.
    fn named_format(&self) -> Result<Option<Format>, CliError> {
        Ok(self.format.as_deref().map(str::parse).transpose()?)
    }

    /// Opens a file, and what is packed in it; and its name.
    fn open(
        &self,
        cx: &Context,
        file: &Path,
    ) -> Result<(Box<dyn BufRead + Send>, String), CliError> {
        let wrong = |source| CliError::Read { path: file.to_owned(), source };
        let reader: Box<dyn BufRead + Send> = if is_stdin(file) {
            Box::new(BufReader::new(io::stdin()))
        } else {
            input::open(&cx.path(file)).map_err(wrong)?
        };
        Ok((input::unpacked(reader), file.to_string_lossy().into_owned()))
    }
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// The format of a file: what is named for all, or what its name says.
fn format(file: &Path, named: Option<Format>) -> Result<Format, CliError> {
    let by_name = || Format::from_path(file).filter(|_| !is_stdin(file));
    let format = named.or_else(by_name);
    format.ok_or_else(|| CliError::NoFormat { path: file.to_owned(), table: table(file) })
}

/// As what a table is read, by its name.
fn table(file: &Path) -> Option<&'static str> {
    let name = file.file_name()?.to_str()?.to_ascii_lowercase();
    let bare = [".gz", ".bz2", ".zst"].iter().find_map(|packed| name.strip_suffix(packed));
    match Path::new(bare.unwrap_or(&name)).extension()?.to_str()? {
        "csv" => Some("csv"),
        "tsv" | "tab" => Some("tsv"),
        "jsonl" | "ndjson" => Some("jsonl"),
        _ => None,
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
    if args.sql.is_none() {
        let asks = args.endpoint.is_some();
        let has_base = args.base.is_some() && args.from.is_none();
        not_for(&[
            ("--mapping", args.mapping.is_some(), "databases"),
            ("--sync", args.sync, "databases"),
            ("--timeout", args.timeout.is_some() && !asks, "databases and --endpoint"),
            ("--max-rows", args.max_rows.is_some(), "databases"),
            ("--base", has_base && !asks, "tables, databases and --endpoint"),
        ])?;
    }
    if args.text.is_empty() && args.text_file.is_empty() {
        not_for(&[
            ("--rank", args.rank, "--text and --text-file"),
            ("--endpoint", args.endpoint.is_some(), "--text and --text-file"),
        ])?;
    }
    let repo = cx.repo()?;
    let actor = cx.actor(Some(&repo))?;
    let report = match args.from.map(From::kind) {
        Some(Kind::Benchmark(layout, answer)) => {
            repo.add_requests(&actor, args.requests(cx, layout, answer)?, args.options())?
        }
        Some(Kind::Table(kind)) => repo.add_with(&actor, args.tables(cx, kind)?, args.options())?,
        None if args.sql.is_some() => args.database(cx, &repo, &actor)?,
        None if args.files.is_empty() => args.say(cx, &repo, &actor)?,
        None => repo.add_with(&actor, args.input().intake(cx, &args.choice())?, args.options())?,
    };
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
        let retracted = self.sync.map_or(0, |sync| sync.retracted);
        let unstaged = self.sync.map_or(0, |sync| sync.unstaged);
        for (count, noun) in [
            (retracted, "retraction"),
            (outcome.labels, "label"),
            (outcome.names, "further name"),
            (outcome.templates, "template"),
            (outcome.settings, "predicate setting"),
        ] {
            if count > 0 {
                parts.push(many(count, noun));
            }
        }
        match parts.as_slice() {
            [] if unstaged > 0 && self.dry_run => {
                writeln!(page, "Would unstage {}", many(unstaged, noun))?;
            }
            [] if unstaged > 0 => writeln!(page, "Unstaged {}", many(unstaged, noun))?,
            [] => writeln!(page, "Nothing new")?,
            parts if self.dry_run => writeln!(page, "Would stage {}", parts.join(", "))?,
            parts => writeln!(page, "Staged {}", parts.join(", "))?,
        }
        page.changes(&self.changes)?;
        let changed = outcome.added + outcome.replaced + retracted;
        let more = changed.saturating_sub(self.changes.len() as u64);
        if self.dry_run && more > 0 {
            page.note(format_args!("and {more} more"))?;
        }
        if outcome.unchanged > 0 {
            page.note(format_args!("{} committed already", outcome.unchanged))?;
        }
        if outcome.duplicates > 0 {
            page.note(format_args!("{} staged already", outcome.duplicates))?;
        }
        if (self.dry_run || !self.left_out.is_empty()) && !self.predicates.is_empty() {
            page.note("facts read, by predicate")?;
            by_predicate(page, &self.predicates)?;
        }
        for note in &self.notes {
            page.note(note)?;
            let left = self.left_out.iter().find(|left| note.ends_with(left.why.in_words()));
            by_predicate(page, left.map_or(&[], |left| &left.predicates))?;
        }
        if let Some(united) = &self.same_as {
            let (names, facts) = (many(united.names, "name"), many(united.facts, "fact"));
            page.note(format_args!("{names} made one with another, in {facts}"))?;
            if united.repeated > 0 {
                let repeated = many(united.repeated, "owl:sameAs triple");
                page.note(format_args!("{repeated} said twice or in a circle"))?;
            }
        }
        if let Some(sync) = &self.sync {
            page.note(format_args!("facts from this database before: {}", sync.before))?;
            if sync.unstaged > 0 && changed > 0 {
                page.note(format_args!("{} staged no longer", sync.unstaged))?;
            }
        }
        if let Some(sentences) = &self.sentences {
            let (said, read) = (sentences.understood, sentences.read);
            page.note(format_args!("sentences that say a fact: {said} of {read}"))?;
            if sentences.proposed > 0 {
                page.note(format_args!("as the endpoint reads them: {}", sentences.proposed))?;
            }
            if sentences.thrown_away > 0 {
                let away = many(sentences.thrown_away, "proposal");
                page.note(format_args!("{away} of the endpoint thrown away"))?;
            }
            for (why, count) in &sentences.counts {
                page.note(format_args!("{}: {}", many(*count, "sentence"), why.in_words()))?;
            }
            unread(page, &sentences.unread)?;
        }
        if self.dry_run {
            return page.note("nothing was staged");
        }
        match self.staged {
            0 => Ok(()),
            staged => page.note(format_args!("{} staged in all", many(staged, "fact"))),
        }
    }
}

/// Sentences that may mean several facts, or one loosely.
fn unread(page: &mut Page, unread: &[UnreadSentence]) -> fmt::Result {
    if page.quiet {
        return Ok(());
    }
    for sentence in unread.iter().filter(|unread| !unread.proposals.is_empty()) {
        writeln!(page, "  {}", sentence.in_short())?;
        for proposal in sentence.numbered() {
            writeln!(page, "    {proposal}")?;
        }
    }
    Ok(())
}

/// Predicates that are listed.
const LISTED: usize = 10;

/// How many facts each of the first predicates has.
fn by_predicate(page: &mut Page, counts: &[PredicateCount]) -> fmt::Result {
    if page.quiet {
        return Ok(());
    }
    let row = |row: &PredicateCount| [String::new(), row.count.to_string(), row.predicate.clone()];
    let mut rows: Vec<[String; 3]> = counts.iter().take(LISTED).map(row).collect();
    if let Some(others) = counts.get(LISTED..).filter(|others| !others.is_empty()) {
        let facts: u64 = others.iter().map(|row| row.count).sum();
        rows.push([String::new(), facts.to_string(), many(others.len() as u64, "other predicate")]);
    }
    page.table(&rows)
}
