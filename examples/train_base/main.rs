//! Trains the small base model that comes with kledger on the world in `examples/world`.
//!
//! ```text
//! cargo run --release --example train_base -- --out start --dropout 0 --names 0
//! cargo run --release --example train_base -- --out names --from start --epochs 12 --rate 1e-3
//! cargo run --release --example train_base -- --out base --from names --epochs 12 --rate 1e-3
//! ```
//!
//! The first command learns the facts, the others to read names by themselves (see `train`). They make
//! `examples/base`: 5.6 million tokens, about an hour on one core without AVX-512. When the second was run
//! for it, the names' loss did not know yet that a name may stand anywhere.
//!
//! A fact is looked up at the last token of its subject, which is what locating editors assume, only
//! if each entity has several facts and the training text mixes them: a document is some of one
//! entity's facts, each in a random wording, in random order, each naming the entity.
//!
//! Any directory of facts, labels and templates in Turtle is a world. Where most things have one fact, the
//! text alone does not do it: `--swap` then teaches it, and `--rest` and `--every` hasten
//! a slow beginning. `docs/counterfact.md` has such a world and the commands.
//!
//! With `--text examples/world/text.txt` it writes a pass of its training text, which is the corpus that
//! editing the base takes its statistics on.
//!
//! On a busy machine set `OMP_WAIT_POLICY=PASSIVE`, or libtorch's threads spin on each other.
//!
//! What is trained by default is a GPT-2 with wide, sparse (ReLU) MLPs, whose keys meet each other less than
//! narrow dense ones. `--family gpt_neox` and `--family llama` train those architectures, with heads that are not
//! tied, as most of their models have. Everything else works for them too. Where attention and MLP are side by
//! side (GPT-NeoX), the first block's MLP sees one token only, so names are read together from the second on.
//!
//! `--family bert` and `--family distilbert` learn FEVER's task instead: whether a claim holds, which MEND and
//! KnowledgeEditor edit. An eighth of the claims is held back. Without texts to learn words from first, three thousand
//! claims are learned by heart and little else is:
//!
//! ```text
//! cargo run --release --example train_base -- --family bert --claims fever_dev.jsonl --layers 3 --width 96 --inner 384 \
//!     --heads 4 --rate 5e-4 --epochs 10 --out fever
//! ```
//!
//! The result is a Hugging Face directory; then the model is opened as kledger
//! opens any other, and asked for every fact in every wording, known and held out.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it reports to a terminal")]

mod adam;
mod architecture;
mod claims;
mod corpus;
mod output;
mod recall;
mod sentences;
mod swap;
mod train;
mod world;

use std::{
    error::Error,
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
};

use architecture::{Activation, Kind};
use claims::{Claims, Judging};
use clap::Parser;
use kledger::model::{DeviceChoice, Family, Spec, open_device};
use sentences::Sentences;
use serde_json::Value;
use tch::Device;
use tokenizers::Tokenizer;
use train::Lessons;

/// Train a small base model on a world of facts
#[derive(Debug, Parser)]
struct Args {
    /// Directory with the world's Turtle files
    #[arg(long, default_value = "examples/world")]
    world: PathBuf,
    /// FEVER's claims, which bert and distilbert learn instead of a world
    #[arg(long, value_name = "FILE", conflicts_with_all = ["world", "names", "swap", "rest", "every", "asides", "text"])]
    claims: Option<PathBuf>,
    /// Directory to write the model to
    #[arg(long, default_value = "base")]
    out: PathBuf,
    /// Passes over the world; each says every fact four times
    #[arg(long, default_value_t = 30)]
    epochs: usize,
    /// Seed of weights and text
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// auto, cpu, cuda or cuda:NUMBER
    #[arg(long, default_value_t = DeviceChoice::Cpu)]
    device: DeviceChoice,
    /// Threads on the CPU; all by default
    #[arg(long)]
    threads: Option<i32>,
    /// Architecture
    #[arg(long, value_enum, default_value_t = Kind::Gpt2)]
    family: Kind,
    /// Non-linearity of GPT-2's MLPs [default: relu]
    #[arg(long, value_enum)]
    activation: Option<Activation>,
    /// Blocks
    #[arg(long, default_value_t = 7)]
    layers: usize,
    /// Width of the residual stream
    #[arg(long, default_value_t = 192)]
    width: usize,
    /// Width inside the MLPs
    #[arg(long, default_value_t = 1536)]
    inner: usize,
    /// Attention heads
    #[arg(long, default_value_t = 6)]
    heads: usize,
    /// Tokens in the vocabulary
    #[arg(long, default_value_t = 3500)]
    vocab: usize,
    /// Sequences in a step
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Highest learning rate
    #[arg(long, default_value_t = 1.5e-3)]
    rate: f64,
    /// Part of what each block adds that is left out at random, so that other parts know it too
    #[arg(long, default_value_t = 0.1)]
    dropout: f64,
    /// Weight of how far names, in the first block, are from the same names elsewhere
    #[arg(long, default_value_t = 1.0)]
    names: f64,
    /// Part of the names that, after the first block, get another's last token and are taught its object, so
    /// that facts are looked up there; needed where most things have one fact
    #[arg(long, default_value_t = 0.0)]
    swap: f64,
    /// Weight of tokens that are not part of an object; with less, facts are learnt sooner and texts worse
    #[arg(long, default_value_t = 1.0)]
    rest: f64,
    /// Only the facts of every Nth thing, which are learnt sooner; the vocabulary is that of all
    #[arg(long, value_name = "N", default_value = "1")]
    every: NonZeroUsize,
    /// Sentences about something else, one a line, that some documents begin with
    #[arg(long, value_name = "FILE")]
    asides: Option<PathBuf>,
    /// Start from the weights of this model, of the same shape and vocabulary, instead of random ones
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Go on from the state that an interrupted run left in the output directory
    #[arg(long)]
    resume: bool,
    /// Only write a pass of the training text to a file, a document on each line
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Only measure the recall of the model in the output directory
    #[arg(long)]
    measure: bool,
}

fn main() -> ExitCode {
    let Err(error) = run(&Args::parse()) else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let device = open_device(args.device)?;
    if let Some(threads) = args.threads {
        tch::set_num_threads(threads);
    }
    match (&args.claims, args.family.judges()) {
        (Some(claims), true) => on_claims(args, claims, device),
        (None, false) => on_a_world(args, device),
        (Some(_), false) => Err("--claims is for --family bert and distilbert".into()),
        (None, true) => Err("bert and distilbert learn from --claims".into()),
    }
}

fn on_a_world(args: &Args, device: Device) -> Result<(), Box<dyn Error>> {
    let mut world = world::World::read(&args.world)?;
    if let Some(path) = &args.asides {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        world.asides = text.lines().map(str::to_owned).collect();
    }
    let facts: usize = world.entities.iter().map(|entity| entity.facts.len()).sum();
    let (entities, predicates) = (world.entities.len(), world.predicates.len());
    println!("{facts} facts about {entities} things over {predicates} predicates");
    if let Some(path) = &args.text {
        let documents = corpus::documents(&world, args.seed, 0);
        let lines: Vec<String> = documents.iter().map(|said| format!("{}\n", said.text)).collect();
        return Ok(fs::write(path, lines.concat())?);
    }
    if !args.measure {
        let tokenizer = corpus::train_tokenizer(&world, args.vocab)?;
        world.entities = world.entities.into_iter().step_by(args.every.get()).collect();
        let end = tokenizer.token_to_id(corpus::END).ok_or("the tokenizer has no end of text")?;
        let mut config = architecture::config(args, tokenizer.get_vocab_size(true))?;
        config["bos_token_id"] = end.into();
        config["eos_token_id"] = end.into();
        let mut lessons = Sentences::new(args, &world, &tokenizer, device)?;
        let (family, spec) = architecture::spec(&config)?;
        let how = corpus::tokenizer_config(spec.context);
        make(args, device, (&config, &tokenizer, &how), (family, spec), &mut lessons)?;
    }
    recall::report(&args.out, &world, device)
}

fn on_claims(args: &Args, file: &Path, device: Device) -> Result<(), Box<dyn Error>> {
    let claims = Claims::read(file, args.seed)?;
    if !args.measure {
        let tokenizer = claims.train_tokenizer(args.vocab)?;
        let config = architecture::config(args, tokenizer.get_vocab_size(true))?;
        let (family, spec) = architecture::spec(&config)?;
        let how = claims::tokenizer_config(spec.model_type, spec.context);
        let mut lessons = Judging::new(args, &claims, &tokenizer, spec.context)?;
        make(args, device, (&config, &tokenizer, &how), (family, spec), &mut lessons)?;
    }
    claims.report(&args.out, device)
}

/// Trains a model and writes its directory.
fn make(
    args: &Args,
    device: Device,
    (config, tokenizer, how): (&Value, &Tokenizer, &Value),
    architecture: (&'static dyn Family, Spec),
    lessons: &mut dyn Lessons,
) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(&args.out)?;
    output::write_companions(&args.out, config, tokenizer, how)?;
    let decoder = train::train(args, architecture, device, lessons)?;
    output::write_weights(&args.out, decoder.weights())?;
    Ok(train::forget_state(&args.out)?)
}
