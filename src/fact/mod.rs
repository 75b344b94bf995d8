//! Facts, the words for them, and how both are kept.
//!
//! A fact is a ground RDF triple ([`Fact`]); the [`Lexicon`] knows what its parts are called and how a
//! question about it is put ([`Request`]); [`tree`] keeps a million of either under one id; [`read`]
//! takes them from files; a [`StoredStage`] collects what the next commit is to change. All text is brought
//! into Unicode normalisation form C when it is read.
//!
//! Nothing here knows of models, weights or the store.

mod citation;
mod lexicon;
mod phrases;
pub mod read;
pub mod sentence;
mod spoken;
mod stage;
mod stored;
mod term;
pub mod tree;
mod triple;
mod vocabulary;
pub mod write;

pub use citation::{Attribution, Citation, CitationTree, Quoted};
pub use lexicon::{Lexicon, LexiconError, Request, builtin};
pub(crate) use phrases::Phrases;
pub(crate) use spoken::spoken;
#[cfg(feature = "sql")]
pub(crate) use stage::Taking;
pub use stage::{
    AddOutcome, Conflict, Intake, RemoveOutcome, Role, Roots, SAME_AS, StageError, Staged,
    StagedChange, United,
};
pub use stored::{StagedTree, StoredStage};
pub(crate) use stored::{fact_key, staged_key};
pub use term::{Iri, IriError, Literal, Term};
pub use tree::{FactTree, LexiconTree};
pub use triple::{Fact, FactKey};
pub use vocabulary::{Addition, Label, Words, WordsError};
#[cfg(feature = "query")]
pub(crate) use vocabulary::{LABEL, NAMESPACE, is_term};
