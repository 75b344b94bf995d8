//! `kledger query`.

#[cfg(feature = "query")]
mod answer;

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use clap::ValueEnum;

use crate::{
    cli::{context::Context, error::CliError, report::Report},
    input,
};

/// Ask a version in SPARQL: its facts, other versions, the log, and what the model says
///
/// The default graph holds the facts of a version and what things are called (rdfs:label). GRAPH <kledger:REV> asks
/// another version, with %5E for ^; kl:words has templates, kl:citations where facts were read, and kl:log the commits
/// as PROV activities, each named as its graph is. With --from, kl:added and kl:removed hold the facts that differ. kl:answer(?s, ?p) is what the model
/// says, kl:holds(?s, ?p, ?o) whether it says that. Common prefixes need not be declared: dbo, dbr, dcterms, foaf, kl,
/// owl, prov, rdf, rdfs, schema, skos, wd, wdt, xsd, yago.
///
/// Nothing is fetched: SERVICE and FROM other addresses are refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger query 'SELECT ?city (COUNT(*) AS ?n) { ?s dbo:location ?city } GROUP BY ?city' --at v2
  kledger query --from v1 --to v2 'SELECT * { GRAPH kl:added { ?s ?p ?o } }' --format csv
  kledger query report.rq
  kledger query 'ASK { GRAPH <kledger:HEAD~1> { dbr:Eiffel_Tower dbo:location dbr:Rome } }' --exit-code
  kledger query 'SELECT ?s ?place { GRAPH kl:citations { ?f rdf:subject ?s ; kl:place ?place } }'
  kledger query 'SELECT ?c ?who { GRAPH kl:log { ?c prov:wasAssociatedWith ?a . ?a rdfs:label ?who } }'
  kledger query 'SELECT ?s ?o (kl:answer(?s, ?p) AS ?model) { ?s ?p ?o FILTER(!kl:holds(?s, ?p, ?o)) }'")]
pub struct Args {
    /// The query, a file that has it, or - for standard input
    #[arg(value_name = "QUERY")]
    query: String,
    /// The version that is the default graph
    #[arg(long, value_name = "REV", default_value = "HEAD", conflicts_with_all = ["from", "to"])]
    at: String,
    /// Compare with this version: kl:added and kl:removed hold what differs
    #[arg(long, value_name = "FROM")]
    from: Option<String>,
    /// The version that is compared, which is the default graph then [default: HEAD]
    #[arg(long, value_name = "TO", requires = "from")]
    to: Option<String>,
    /// Leave names out of versions
    #[arg(long)]
    facts_only: bool,
    /// How to write the answer down [default: table, of CONSTRUCT and DESCRIBE ttl]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Exit with 1 where the answer is no, or there is none
    #[arg(long)]
    exit_code: bool,
    /// How long it may take, without what the model takes
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// How many rows or triples it may give
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    max_rows: u64,
    /// How much memory it may take, where the system says what a process has
    #[arg(long, value_name = "MIB", default_value_t = 4096)]
    max_memory: u64,
}

/// How an answer is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns, with prefixes for IRIs
    Table,
    /// SPARQL's JSON
    Json,
    /// SPARQL's XML
    Xml,
    /// CSV, which does not tell IRIs from texts
    Csv,
    /// TSV, which does
    Tsv,
    /// Turtle, for CONSTRUCT and DESCRIBE
    Ttl,
    /// N-Triples, for CONSTRUCT and DESCRIBE
    Nt,
    /// JSON-LD, for CONSTRUCT and DESCRIBE
    Jsonld,
}

impl Args {
    /// Whether the query could call one of kledger's functions.
    pub(super) fn may_run_the_model(&self) -> bool {
        may_call(&self.query)
    }
}

/// Whether a query could call one of kledger's functions.
pub(super) fn may_call(query: &str) -> bool {
    let calls = |text: &str| ["answer", "holds"].iter().any(|name| text.contains(name));
    match place(query) {
        Place::Text => calls(query),
        // It can be read only once.
        Place::Standard => true,
        Place::File => fs::read_to_string(query).map_or(true, |text| calls(&text)),
    }
}

fn place(query: &str) -> Place {
    match query {
        "-" => Place::Standard,
        text if text.contains(['{', '\n', ' ']) && !Path::new(text).is_file() => Place::Text,
        _ => Place::File,
    }
}

/// The text of a query, and what it is called.
pub(super) fn text_of(cx: &Context, query: &str) -> Result<(String, String), CliError> {
    let read = match place(query) {
        Place::Text => return Ok((query.to_owned(), "update".to_owned())),
        Place::Standard => standard_input(),
        Place::File => input::text(&cx.path(Path::new(query))),
    };
    let text = read.map_err(|source| CliError::Read { path: query.into(), source })?;
    Ok((text, query.to_owned()))
}

/// Where the query is.
enum Place {
    Text,
    Standard,
    File,
}

/// More than this is no query.
const MOST: u64 = 1 << 20;

fn standard_input() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().lock().take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    if cx.prints_json() && args.format.is_some() {
        let what = "text: --json has a form of its own";
        return Err(CliError::NotFor { option: "--format", what });
    }
    let (text, _) = text_of(cx, &args.query)?;
    #[cfg(feature = "query")]
    return answer::run(cx, args, &text);
    #[cfg(not(feature = "query"))]
    {
        let _unasked = (text, args.exit_code, args.timeout, args.max_rows, args.max_memory);
        let _of = (&args.at, &args.from, &args.to, args.facts_only);
        Err(CliError::NoQueries)
    }
}
