//! What editors were trained to.

use bincode::{Decode, Encode};

use crate::{
    checkpoint::Base,
    codec::Object,
    delta::TensorFile,
    engine::Validation,
    id::{Id, Kind},
};

/// What an editor was trained to. It is named by everything that it depends on, and by what came of it.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct Artefact {
    /// The base it was trained on, which alone it can edit.
    pub base: Id<Base>,
    /// Name of the editor.
    pub editor: String,
    /// Raised when the same input would give another output.
    pub editor_version: u32,
    /// The editor's settings, those of the training too, canonical TOML.
    pub settings: String,
    /// Seed of everything drawn.
    pub seed: u64,
    /// What it learned from, in words.
    pub source: String,
    /// Hash of what it learned from and of what was held back.
    pub data: [u8; 32],
    /// What it did not learn from.
    pub held_back: HeldBack,
    /// Steps made.
    pub steps: u64,
    /// The step whose parameters these are: the validation's best.
    pub best: u64,
    /// How single edits of subjects went that it did not learn from.
    pub seen: Option<Validation>,
    /// The same of predicates that it did not learn from.
    pub unseen: Option<Validation>,
    /// Tensor file that holds the parameters.
    pub file: Id<TensorFile>,
}

/// Facts, and which of them an editor did not learn from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, serde::Serialize)]
pub struct HeldBack {
    /// Facts that were learned from.
    pub learned: u64,
    /// Facts that were not, as their subjects are held back.
    pub seen: u64,
    /// Facts that were not, as their predicates are held back.
    pub unseen: u64,
    /// These predicates, ascending.
    pub predicates: Vec<String>,
}

/// What editors were trained to, of all that a store has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Artefacts {
    /// Newest first.
    pub entries: Vec<Id<Artefact>>,
}

impl Kind for Artefact {
    const NAME: &'static str = "artefact";
}
impl Object for Artefact {
    const TAG: u8 = 0x26;
}
impl Kind for Artefacts {
    const NAME: &'static str = "artefacts";
}
impl Object for Artefacts {
    const TAG: u8 = 0x27;
}
