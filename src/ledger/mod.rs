//! The ledger: versions of facts and of the weights that hold them.
//!
//! [`Repo`] is a repository on disk; the [verbs](verb) are its methods. A verb reads what it needs,
//! closes the store, lets the [`Engine`](crate::engine::Engine) work, and writes all it changes in one transaction that
//! fails if somebody else was faster.
//!
//! **Invariant:** the weights of a commit are those that [`delta`](crate::delta) builds from its
//! lineage, and each fact that holds is held by columns of that lineage.
//!
//! This module knows nothing of tensor operations, and takes clock, author and engine from its
//! caller.

mod actor;
mod class;
mod config;
mod edit;
mod error;
mod evaluate;
mod exchange;
mod forget;
pub mod history;
mod kinds;
pub mod lineage;
mod merge;
mod near;
mod repo;
mod report;
mod requirements;
mod state;
pub mod verb;

pub use actor::Actor;
pub use class::Class;
pub use config::{Config, MEANINGS, MOST_SAMPLED_TOKENS, Meaning};
pub use edit::{
    calibration::Tried,
    failure::{Cause, Failure},
    measured::Measured,
    options::EditOptions,
    rounds::Round,
    weigh::Weighed,
};
pub use error::LedgerError;
pub use evaluate::{
    average::{Average, AverageGrid, ChosenLayers, Mean, Place, PlaceEffects},
    depth::{BlockDepth, BlockSaid, Depth},
    measuring::{EvalAnswer, EvalRecord, Texts},
    scanning::{LayerSummary, PredicateUnits, ScanSummary},
};
pub use exchange::outgoing::factors::Fidelity;
pub use history::{candidates::Candidates, revision, select::About};
pub use merge::{
    how::{Favour, How, ResumeOptions, Strategy, Task},
    outcome::{MadeDelta, Outcome, ProceedReport, TaskCommit},
    task::{ConflictView, TaskInProgress, TaskView},
};
pub use repo::{OpenEngine, Repo};
pub use report::{
    citing::CitationView,
    stat::{PredicateStat, Stat},
    unread::{ProposalView, SentencesView, UnreadSentence, WhyUnread},
    view::{CommitView, FactChange, FactCounts, HeadView, StepView},
};
pub use requirements::{RequirementError, Requirements};

#[doc(hidden)]
pub use kinds::KINDS;
pub use state::{
    checkout::{InTheWay, SetAside},
    evaluations::{Evaluation, Evaluations},
    manifest::{Manifest, WrittenFile},
    refs::RefView,
    stash::Stash,
};
