//! Where facts were read.
//!
//! A [`Citation`] says it of one fact. What it shares with the facts that came with it is an [`Attribution`], which is
//! stored once.

use bincode::{Decode, Encode};

use super::{
    FactKey,
    tree::{Entry, Node},
};
use crate::{
    codec::Object,
    id::{Id, Kind},
};

/// Citations, by the key of their fact.
pub type CitationTree = Node<Citation>;

/// Where a fact was read.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Citation {
    /// The file as the user named it and the line in it, or what else it was read from.
    pub place: String,
    /// What else is known of it.
    pub attribution: Option<Id<Attribution>>,
}

/// What is known of where facts come from that were staged together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Attribution {
    /// The text that said them.
    pub text: Option<Quoted>,
    /// Who or what says so, in the user's words.
    pub source: Option<String>,
    /// Under which licence, in the user's words.
    pub licence: Option<String>,
}

/// A text that said facts.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[repr(u32)]
pub enum Quoted {
    /// A sentence that was read.
    Sentence(String) = 0,
    /// A query that put them together.
    Query(String) = 1,
}

impl Attribution {
    /// Whether nothing is known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text.is_none() && self.source.is_none() && self.licence.is_none()
    }
}

impl Citation {
    /// Where the citation of a fact is kept.
    #[must_use]
    pub const fn key(fact: FactKey) -> Id<Self> {
        Id::from_bytes(*fact.as_bytes())
    }
}

impl Kind for Citation {
    const NAME: &'static str = "citation";
}

impl Entry for Citation {
    const NODE_NAME: &'static str = "citations";
    const NODE_TAG: u8 = 0x09;
    const LONG_NAME: &'static str = "long citation";
    const LONG_TAG: u8 = 0x0a;

    /// It does not say whose it is.
    fn belongs(&self, _: Id<Self>) -> bool {
        true
    }

    fn names(&self) -> Vec<[u8; 32]> {
        self.attribution.iter().map(|id| *id.as_bytes()).collect()
    }
}

impl Kind for Attribution {
    const NAME: &'static str = "attribution";
}

impl Object for Attribution {
    const TAG: u8 = 0x25;
}
