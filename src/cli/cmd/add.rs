//! `kledger add`.

mod database;
mod rendered;
mod sentences;

use std::path::PathBuf;

use crate::{
    cli::{args::at_least_one, context::Context, error::CliError, report::Report, triples::Input},
    eval::dataset::{Answer, Dataset, Layout, Reading, Requests, Verbaliser, requests},
    fact::{
        Intake, Iri, Role, SAME_AS,
        read::{Base, Choice, Column, Graphs, Table, TableKind, predicate},
    },
    ledger::verb::add::AddOptions,
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
