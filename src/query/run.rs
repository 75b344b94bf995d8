//! Evaluating a query on a thread of its own, which its caller watches.
//!
//! Neither time nor memory of an evaluation can be bounded from within: it looks at its token only where it reads triples.
//! So the caller waits beside it. What goes beyond a limit has an error at once; the thread ends when it next reads a triple
//! or tells something, and with the process at the latest.

use std::{
    io::{self, Write},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    time::{Duration, Instant},
};

use oxrdf::{Literal, NamedNode, Term};
use spareval::{CancellationToken, QueryEvaluationError, QueryEvaluator, QueryResults};

use super::{
    AnswerFormat, Dataset, QueryError, Text, memory,
    results::{Answer, RowSink, TripleSink, Value, boolean},
    text::on_its_own,
};

/// How often time and memory are looked at.
const TICK: Duration = Duration::from_millis(20);
/// Bytes that are handed over together.
const PIECE: usize = 1 << 16;
/// Pieces that wait to be taken.
const WAITING: usize = 4;

/// What a query may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take, without what waits for its reader and the model.
    pub time: Duration,
    /// Rows or triples that it may give.
    pub rows: u64,
    /// Bytes of memory that it may add.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(60), rows: 1_000_000, memory: 4 << 30 }
    }
}

/// How a query is evaluated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct How {
    /// What it may use.
    pub limits: Limits,
    /// How the answer is written; `None` gives it as data.
    pub format: Option<AnswerFormat>,
    /// Whether the query is evaluated as it is written, without being rearranged.
    pub as_written: bool,
}

/// A function of kledger's that asks the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// `kl:answer(?s, ?p)` or `kl:answer(?s, ?p, ?o)`: what the model says.
    Answer,
    /// `kl:holds(?s, ?p, ?o)`: whether it says that.
    Holds,
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Answer, Self::Holds];

    /// Its IRI.
    #[must_use]
    pub const fn iri(self) -> &'static str {
        match self {
            Self::Answer => "https://kledger.dev/ns#answer",
            Self::Holds => "https://kledger.dev/ns#holds",
        }
    }
}

/// What the model is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCall {
    /// By which function.
    pub function: Function,
    /// Its arguments.
    pub arguments: Vec<Value>,
}

/// What came of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The answer.
    pub answer: Answer,
    /// How many rows or triples it has.
    pub rows: u64,
    /// Whether it says nothing: no row, no triple, or no.
    pub is_empty: bool,
}

enum Message {
    Bytes(Vec<u8>),
    Ask(ModelCall, SyncSender<Option<Term>>),
    End(Result<Summary, QueryError>),
}

/// Evaluates a query. Of an answer that is written `take` gets the bytes; what the query asks the model `ask` answers,
/// with a text, or with `true` and `false`.
///
/// # Errors
/// When the query fails or goes beyond a limit, and those of `take` and `ask`.
pub fn run<E: From<QueryError>>(
    text: Text,
    dataset: Dataset,
    how: How,
    take: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ask: &mut dyn FnMut(&ModelCall) -> Result<Option<String>, E>,
) -> Result<Summary, E> {
    if let Some(format) = how.format {
        format.fits(text.form)?;
    }
    let token = CancellationToken::new();
    let (sender, receiver) = sync_channel(WAITING);
    let cancelled = token.clone();
    on_its_own(move || {
        let summary = evaluate(text, &dataset, how, &cancelled, &sender);
        // Nobody is there any more who would hear it.
        let _unheard = sender.send(Message::End(summary));
    })?;
    let watched = watch(&receiver, how.limits, take, ask);
    token.cancel();
    watched
}

fn watch<E: From<QueryError>>(
    receiver: &Receiver<Message>,
    limits: Limits,
    take: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ask: &mut dyn FnMut(&ModelCall) -> Result<Option<String>, E>,
) -> Result<Summary, E> {
    let mut deadline = Instant::now().checked_add(limits.time);
    let mut before = memory::used();
    loop {
        let message = match receiver.recv_timeout(TICK) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                let why = "it ended without an answer".to_owned();
                return Err(QueryError::Evaluation { why }.into());
            }
        };
        let waited = Instant::now();
        match message {
            Some(Message::End(summary)) => return Ok(summary?),
            Some(Message::Bytes(bytes)) => take(&bytes)?,
            Some(Message::Ask(asked, reply)) => {
                let told = ask(&asked)?.map(|told| match asked.function {
                    Function::Holds => Literal::from(told == "true").into(),
                    Function::Answer => Term::from(Literal::new_simple_literal(told)),
                });
                // The evaluation may be over.
                let _unheard = reply.send(told);
                // What the model takes is no part of it.
                before = memory::used();
            }
            None => {}
        }
        deadline = deadline.and_then(|deadline| deadline.checked_add(waited.elapsed()));
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Err(QueryError::TooSlow { after: limits.time }.into());
        }
        if let (Some(before), Some(now)) = (before, memory::used())
            && now.saturating_sub(before) > limits.memory
        {
            return Err(QueryError::TooMuchMemory { most: limits.memory }.into());
        }
    }
}

fn evaluate(
    mut text: Text,
    dataset: &Dataset,
    how: How,
    token: &CancellationToken,
    sender: &SyncSender<Message>,
) -> Result<Summary, QueryError> {
    let mut evaluator = QueryEvaluator::new().with_cancellation_token(token.clone());
    if how.as_written {
        evaluator = evaluator.without_optimizations();
    }
    for function in Function::ALL {
        let name = NamedNode::new_unchecked(function.iri());
        let sender = sender.clone();
        evaluator = evaluator.with_custom_function(name, move |arguments| {
            let arguments = arguments.iter().map(|term| term.as_ref().into()).collect();
            let (reply, answer) = sync_channel(1);
            sender.send(Message::Ask(ModelCall { function, arguments }, reply)).ok()?;
            answer.recv().ok().flatten()
        });
    }
    let mut rows = Counted { count: 0, most: how.limits.rows };
    let out = Pieces { sender, piece: Vec::new() };
    let query =
        text.take().ok_or(QueryError::Syntax { why: "it is evaluated already".to_owned() })?;
    let answer = match evaluator.prepare(&query).execute(dataset).map_err(failed)? {
        QueryResults::Solutions(solutions) => {
            let mut sink = RowSink::begin(how.format, out, solutions.variables())
                .map_err(|error| gone(&error))?;
            for solution in solutions {
                rows.count()?;
                sink.row(&solution.map_err(failed)?).map_err(|error| gone(&error))?;
            }
            sink.finish()
        }
        QueryResults::Boolean(value) => {
            rows.count = u64::from(value);
            boolean(how.format, out, value)
        }
        QueryResults::Graph(triples) => {
            let mut sink = TripleSink::begin(how.format, out);
            for triple in triples {
                rows.count()?;
                sink.triple(&triple.map_err(failed)?).map_err(|error| gone(&error))?;
            }
            sink.finish()
        }
    };
    let answer = answer.map_err(|error| gone(&error))?;
    Ok(Summary { answer, rows: rows.count, is_empty: rows.count == 0 })
}

/// Counts rows up to a limit.
struct Counted {
    count: u64,
    most: u64,
}

impl Counted {
    const fn count(&mut self) -> Result<(), QueryError> {
        if self.count == self.most {
            return Err(QueryError::TooManyRows { most: self.most });
        }
        self.count += 1;
        Ok(())
    }
}

fn failed(error: QueryEvaluationError) -> QueryError {
    match error {
        QueryEvaluationError::Dataset(error) => match error.downcast::<QueryError>() {
            Ok(error) => *error,
            Err(error) => QueryError::Evaluation { why: error.to_string() },
        },
        error => QueryError::Evaluation { why: error.to_string() },
    }
}

/// Nobody takes the answer any more.
fn gone(error: &io::Error) -> QueryError {
    QueryError::Evaluation { why: error.to_string() }
}

/// Hands bytes over piece by piece.
struct Pieces<'a> {
    sender: &'a SyncSender<Message>,
    piece: Vec<u8>,
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.piece);
        let sent = self.sender.send(Message::Bytes(piece));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}
