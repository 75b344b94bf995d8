//! Stages put aside.

use bincode::{Decode, Encode};

use super::open::Ledger;
use crate::{
    codec::{self, Object},
    commit::Commit,
    fact::StoredStage,
    id::{Id, Kind},
    ledger::{error::LedgerError, state::roots::STASH},
};

/// Stages put aside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Stash {
    /// Newest first.
    pub entries: Vec<Stashed>,
}

/// A stage put aside.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Stashed {
    /// The stage.
    pub stage: Id<StoredStage>,
    /// The branch HEAD was on.
    pub branch: Option<String>,
    /// Where HEAD was.
    pub commit: Id<Commit>,
    /// Why, in words.
    pub message: String,
    /// Who.
    pub author: String,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
}

impl Kind for Stash {
    const NAME: &'static str = "stash";
}
impl Object for Stash {
    const TAG: u8 = 0x19;
}

impl Ledger<'_> {
    /// The stages put aside.
    pub(crate) fn stash(&self) -> Result<Stash, LedgerError> {
        match self.session.root(STASH)? {
            Some(hash) => Ok(codec::get(self, Id::<Stash>::from_bytes(hash))?),
            None => Ok(Stash::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        let entry = Stashed {
            stage: Id::from_bytes([7; 32]),
            branch: Some("m".to_owned()),
            commit: Id::from_bytes([9; 32]),
            message: "why".to_owned(),
            author: "Ada".to_owned(),
            time: 5,
        };
        let stash = Stash { entries: vec![entry] };
        let number = |n: u8| [n, 0, 0, 0, 0, 0, 0, 0];
        let expected = [
            [0x19, 1].as_slice(),
            &number(1),
            &[7; 32],
            &[1],
            &number(1),
            b"m",
            &[9; 32],
            &number(3),
            b"why",
            &number(3),
            b"Ada",
            &number(5),
        ];
        assert_eq!(codec::encode(&stash), expected.concat());
        assert_eq!(codec::decode::<Stash>(&expected.concat()).unwrap(), stash);
    }
}
