//! The ledger: versions of facts and of the weights that hold them.
//!
//! [`Repo`] is a repository on disk; the [verbs](verb) are its methods. A verb reads what it needs,
//! closes the store, lets the [`Engine`] work, and writes all it changes in one transaction that
//! fails if somebody else was faster.
//!
//! **Invariant:** the weights of a commit are those that [`delta`](crate::delta) builds from its
//! lineage, and each fact that holds is held by columns of that lineage.
//!
//! This module knows nothing of tensor operations, and takes clock, author and engine from its
//! caller.

mod about;
mod adapter;
mod bisection;
mod bundle;
mod candidates;
mod card;
mod cases;
mod changes;
mod check;
mod checkout;
mod combine;
mod commit;
mod config;
mod edit;
mod engine;
mod error;
mod evaluations;
mod forget;
mod found_with;
mod hint;
mod history;
mod join;
mod kinds;
mod known_as;
mod landing;
pub mod lineage;
mod listing;
mod manifest;
mod measuring;
mod memo;
mod origin;
mod others;
mod partial;
mod proceed;
mod read;
mod refs;
mod remembered;
mod repo;
mod report;
pub mod revision;
mod run;
mod sample;
mod snapshots;
mod stash;
mod stat;
mod subjects;
mod suspects;
mod trained;
mod undone;
mod unfinished;
pub mod verb;
mod version;
mod view;
mod words;
mod write;

pub use about::About;
pub use adapter::Fidelity;
pub use candidates::Candidates;
pub use check::{Check, FactRow, PromptRow, Rate};
pub use checkout::{InTheWay, SetAside};
pub use combine::Favour;
pub use commit::{Commit, EditedTensor, Spec, StatisticsRecord, Step};
pub use config::{Config, MOST_SAMPLED_TOKENS, RequirementError, Requirements};
pub use engine::{
    Answer, Approximation, Continuations, Drawing, EditJob, EditOutcome, EditorDescription, Engine,
    EngineError, LayerEdit, Probe, Progress, Sampling, Silent, Statistics, StatisticsText, ZTrace,
};
pub use error::LedgerError;
pub use evaluations::{Evaluation, Evaluations};
pub use found_with::FoundWith;
pub use hint::Class;
pub use join::Strategy;
#[doc(hidden)]
pub use kinds::KINDS;
pub use manifest::{Manifest, WrittenFile};
pub use measuring::{EvalAnswer, EvalRecord, Texts};
pub use proceed::{Anew, How, Made, MadeDelta, Outcome, ProceedReport};
pub use repo::{Actor, OpenEngine, Repo};
pub use report::Report;
pub use stash::Stash;
pub use stat::{PredicateStat, Stat};
pub use unfinished::{ConflictView, Task, Unfinished, UnfinishedView};
pub use view::{CommitView, FactChange, FactCounts, FactView, HeadView, StepView};
