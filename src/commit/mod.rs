//! A commit: one version of the knowledge and of the weights that hold it.

mod artefact;
mod check;
mod report;

use bincode::{Decode, Encode, de::Decoder, enc::Encoder, error::EncodeError};

use crate::{
    checkpoint::Base,
    codec::{self, FieldsError, Object},
    delta::{Delta, Lineage},
    fact::{FactTree, LexiconTree, Roots},
    id::{Id, Kind},
    tensor::TensorId,
};
pub use artefact::{Artefact, Artefacts, HeldBack};
pub use check::{Check, FactRow, FactView, Growth, ProbesAsked, PromptRow, Rate, TextRead};
pub use report::Report;
pub(crate) use report::ReportRows;

/// One version: which facts hold, what was done to the weights, and from what.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Commit {
    /// Parents, the first being the one whose lineage this one continues. Empty for the root.
    pub parents: Vec<Id<Self>>,
    /// The unedited checkpoint.
    pub base: Id<Base>,
    /// The facts that hold.
    pub facts: Id<FactTree>,
    /// Words for them.
    pub lexicon: Id<LexiconTree>,
    /// Facts the base knows, which edits must leave alone; the neighbourhood of the checks.
    pub neighbourhood: Id<FactTree>,
    /// What the edit was made with; `None` when this commit edited nothing.
    pub spec: Option<Id<Spec>>,
    /// The delta this commit made; the last of them where it took in several.
    pub delta: Option<Id<Delta>>,
    /// All deltas from the base to here; `None` for the base's own weights.
    pub lineage: Option<Id<Lineage>>,
    /// Every tensor that differs from the base and the hash of its bytes here, sorted by name.
    pub weights: Vec<EditedTensor>,
    /// How well the edit went.
    pub report: Option<Id<Report>>,
    /// What kind of step this is.
    pub step: Step,
    /// Who, as `Name <address>` or a name alone.
    pub author: String,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// Why, in words.
    pub message: String,
}

/// What a commit did to its parent.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[repr(u32)]
pub enum Step {
    /// The unedited base, at the root of every history.
    Root = 0,
    /// Staged facts were edited in, replaced or taken back.
    Edit = 1,
    /// An earlier commit's changes were taken back.
    Revert(Id<Commit>) = 2,
    /// The second parent's history was joined to the first's.
    Merge = 3,
    /// A commit was cherry-picked or rebased. The original may be gone.
    Pick(Id<Commit>) = 4,
    /// The same facts, edited into the base at once.
    Consolidate = 5,
    /// A delta, adapter or checkpoint was imported; what it was, in words.
    Import(String) = 6,
    /// The same facts, and those edited again that did not hold.
    Repair = 7,
}

/// The state of one edited tensor.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct EditedTensor {
    /// Name in the checkpoint.
    pub name: String,
    /// Hash of dtype, shape and bytes.
    pub id: TensorId,
}

/// Everything an edit depended on besides the facts and the version it started from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Name of the editor.
    pub editor: String,
    /// Raised when the same input would give another output.
    pub editor_version: u32,
    /// Its settings, canonical TOML.
    pub settings: String,
    /// Seed of everything sampled.
    pub seed: u64,
    /// Context prefixes.
    pub prefixes: Vec<String>,
    /// Covariance statistics, where the editor needs some.
    pub statistics: Option<Id<StatisticsRecord>>,
    /// What the editor was trained to, where it needs to be.
    pub artefact: Option<Id<Artefact>>,
}

/// Where covariance statistics came from and where they are.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct StatisticsRecord {
    /// The base they were taken on.
    pub base: Id<Base>,
    /// What text: the corpus files' names, or how it was sampled.
    pub source: String,
    /// Hash of the corpus text; of nothing where it was sampled.
    pub corpus: [u8; 32],
    /// Tokens counted.
    pub tokens: u64,
    /// Tensor file holding `<tensor>.second_moment` for each edited tensor.
    pub file: Id<crate::delta::TensorFile>,
}

impl Commit {
    /// Its trees.
    #[must_use]
    pub const fn roots(&self) -> Roots {
        Roots { facts: self.facts, lexicon: self.lexicon, neighbourhood: self.neighbourhood }
    }

    /// First line of its message.
    #[must_use]
    pub fn summary(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

impl Kind for Commit {
    const NAME: &'static str = "commit";
}
impl Object for Commit {
    const TAG: u8 = 0x10;
    // Version 1 knows no repairs.
    const VERSION: u8 = 2;
    const OLDEST: u8 = 1;

    fn version(&self) -> u8 {
        if self.step == Step::Repair { 2 } else { 1 }
    }
}
impl Kind for Spec {
    const NAME: &'static str = "spec";
}
impl Object for Spec {
    const TAG: u8 = 0x11;
    // Version 1 has statistics, version 2 has none, version 3 has an artefact.
    const VERSION: u8 = 3;
    const OLDEST: u8 = 1;

    fn version(&self) -> u8 {
        match (self.artefact, self.statistics) {
            (Some(_), _) => 3,
            (None, Some(_)) => 1,
            (None, None) => 2,
        }
    }

    fn decode_fields(version: u8, bytes: &[u8]) -> Result<(Self, usize), FieldsError> {
        match version {
            1 => {
                let ((spec, statistics), read) = codec::fields::<(Self, _)>(bytes)?;
                Ok((Self { statistics: Some(statistics), ..spec }, read))
            }
            2 => codec::fields(bytes),
            _ => {
                let ((spec, statistics, artefact), read) = codec::fields::<(Self, _, _)>(bytes)?;
                Ok((Self { statistics, artefact: Some(artefact), ..spec }, read))
            }
        }
    }
}

/// Its fields in the oldest version that can say them.
impl Encode for Spec {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.editor.encode(encoder)?;
        self.editor_version.encode(encoder)?;
        self.settings.encode(encoder)?;
        self.seed.encode(encoder)?;
        self.prefixes.encode(encoder)?;
        match (self.artefact, self.statistics) {
            (Some(artefact), statistics) => (statistics, artefact).encode(encoder),
            (None, Some(statistics)) => statistics.encode(encoder),
            (None, None) => Ok(()),
        }
    }
}

/// The fields that all versions have.
impl Decode<()> for Spec {
    fn decode<D: Decoder<Context = ()>>(decoder: &mut D) -> Result<Self, FieldsError> {
        Ok(Self {
            editor: Decode::decode(decoder)?,
            editor_version: Decode::decode(decoder)?,
            settings: Decode::decode(decoder)?,
            seed: Decode::decode(decoder)?,
            prefixes: Decode::decode(decoder)?,
            statistics: None,
            artefact: None,
        })
    }
}
impl Kind for StatisticsRecord {
    const NAME: &'static str = "statistics";
}
impl Object for StatisticsRecord {
    const TAG: u8 = 0x12;
}
