//! Editors that learn to edit: a network is trained on a base, and turns the gradient of a fact into an edit of it.
//!
//! What is trained is an artefact: it belongs to one base, and a commit names the one that it was made with. `lessons` says
//! what is learned from, `outer` is the loop that trains, `maps` takes gradients and adds changes without a gradient of any
//! weight; `mend` reads like its paper's algorithm.
//!
//! The factors of a fact's gradient are taken on the base, from a loss of its own. So what an edit adds for a fact depends on
//! nothing else that is edited, and can be taken out again.

#[cfg(feature = "torch")]
mod lessons;
#[cfg(feature = "torch")]
mod maps;
mod mend;
#[cfg(feature = "torch")]
mod network;
#[cfg(feature = "torch")]
mod outer;
mod settings;
#[cfg(all(test, feature = "torch"))]
mod tests;
#[cfg(feature = "torch")]
mod texts;

pub(super) use mend::MEND;
