//! kledger: a persistent edit ledger and versioned model store for knowledge editing.
//!
//! A [`Repo`](ledger::Repo) keeps versions of a language model that differ by edited facts. Its verbs are methods, one file each in
//! [`ledger::verb`]. A verb that edits or asks is given a way to open an [`Engine`](engine::Engine); with the feature `torch`
//! that is `runtime::TorchEngine`.
//!
//! ```
//! # #[cfg(not(feature = "torch"))]
//! # fn main() {}
//! # #[cfg(feature = "torch")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::path::Path;
//!
//! use kledger::{
//!     engine::{Engine, Silent},
//!     fact::{Intake, Role, read::{Format, read_triples}},
//!     ledger::{
//!         Actor, Repo,
//!         verb::{commit::CommitOptions, diff::DiffOptions, revert::RevertOptions},
//!     },
//!     model::DeviceChoice,
//!     runtime::TorchEngine,
//!     tensor::Dtype,
//! };
//!
//! let root = tempfile::tempdir()?;
//! let actor = |command: &str| Actor { author: "Ada".to_owned(), time: 0, command: command.to_owned() };
//! let base = Path::new("examples/base");
//! let (repo, _) = Repo::init(root.path(), base, &actor("init"), &mut Silent, |_| Ok(Vec::new()))?;
//! # std::fs::write(root.path().join(".kledger/config.toml"), "statistics-tokens = 4000")?;
//! # let repo = Repo::open(root.path())?;
//!
//! // Facts are staged, then edited into the weights by a commit.
//! let fact = "<http://dbpedia.org/resource/Eiffel_Tower> <http://dbpedia.org/ontology/location> \
//!             <http://dbpedia.org/resource/Rome> .";
//! let triples = read_triples(fact.as_bytes(), Format::NTriples, "tower.nt");
//! repo.add(&actor("add"), Intake::of(triples)?, Role::Edit, false)?;
//! let mut open = |base: &Path| {
//!     let engine = TorchEngine::open(base, DeviceChoice::Cpu, Dtype::F32)?;
//!     Ok(Box::new(engine) as Box<dyn Engine>)
//! };
//! let options = CommitOptions { message: "The tower moves".to_owned(), ..CommitOptions::default() };
//! let report = repo.commit(&actor("commit"), &options, &mut open, &mut Silent)?;
//! let check = report.edit.expect("a fact was edited").check;
//! assert_eq!(check.efficacy.expect("it was asked").rate, 1.0);
//!
//! let diff = repo.diff("HEAD~1", "HEAD", &DiffOptions::default(), &mut open, &mut Silent)?;
//! assert_eq!(diff.facts.len(), 1);
//!
//! // Taking the commit back gives the weights before it, bit for bit, and needs no engine.
//! let options = RevertOptions::default();
//! let report = repo.revert(&actor("revert"), "HEAD", &options, None, &mut Silent)?;
//! assert!(report.as_before);
//! # Ok(())
//! # }
//! ```

pub mod checkpoint;
#[cfg(feature = "cli")]
pub mod cli;
pub mod codec;
pub mod commit;
pub mod delta;
pub mod durable;
pub mod editor;
pub mod endpoint;
pub mod engine;
pub mod eval;
pub mod fact;
pub mod id;
pub mod input;
pub mod ledger;
#[cfg(feature = "torch")]
pub mod model;
#[cfg(feature = "query")]
pub mod query;
#[cfg(feature = "torch")]
pub mod runtime;
#[cfg(feature = "sql")]
pub mod sql;
pub mod store;
pub mod tensor;
