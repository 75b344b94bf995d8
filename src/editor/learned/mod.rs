//! Editors that learn to edit: a network is trained on a base, and turns the gradient of a fact into an edit of it.
//!
//! What is trained is an artefact: it belongs to one base, and a commit names the one that it was made with. `method` is what
//! these editors have in common; `mend`, `ke` and `enn` read like their papers' algorithms, each with its network beside it. `lessons`
//! says what is learned from, `outer` is the loop that trains, `rehearsal` what it computes, `combine` makes one change of
//! those of several facts.
//!
//! The factors of a fact's gradient are taken on the base, from a loss of its own. So what the network makes of a fact depends
//! on nothing else that is edited.

#[cfg(feature = "torch")]
mod combine;
pub(super) mod enn;
#[cfg(feature = "torch")]
mod hypernetwork;
pub(super) mod ke;
#[cfg(feature = "torch")]
mod lessons;
pub(super) mod mend;
mod method;
#[cfg(feature = "torch")]
mod outer;
#[cfg(feature = "torch")]
mod rehearsal;
mod settings;
#[cfg(all(test, feature = "torch"))]
mod tests;
