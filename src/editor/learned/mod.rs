//! Editors that learn to edit: a network is trained on a base, and turns the gradient of a fact into an edit of it.
//!
//! What is trained is an artefact: it belongs to one base, and a commit names the one that it was made with. `method` is what
//! these editors have in common; `mend`, `ke` and `enn` read like their papers' algorithms, each with its network beside it. `lessons`
//! says what is learned from, `outer` is the loop that trains, `rehearsal` what it computes, `maps` takes gradients and adds
//! changes without a gradient of any weight, `combine` makes one change of those of several facts.
//!
//! The factors of a fact's gradient are taken on the base, from a loss of its own. So what the network makes of a fact depends
//! on nothing else that is edited.

#[cfg(feature = "torch")]
mod combine;
mod enn;
#[cfg(feature = "torch")]
mod hypernetwork;
mod ke;
#[cfg(feature = "torch")]
mod lessons;
#[cfg(feature = "torch")]
mod maps;
mod mend;
mod method;
#[cfg(feature = "torch")]
mod outer;
#[cfg(feature = "torch")]
mod rehearsal;
mod settings;
#[cfg(all(test, feature = "torch"))]
mod tests;
#[cfg(feature = "torch")]
mod texts;

pub(super) use enn::ENN;
pub(super) use ke::KE;
pub(super) use mend::MEND;
