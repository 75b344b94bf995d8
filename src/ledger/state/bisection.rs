//! A search for the first bad commit that is going on.

use std::collections::BTreeSet;

use bincode::{Decode, Encode};

use super::open::Ledger;
use crate::{
    codec::Object,
    commit::Commit,
    id::{Id, Kind},
    ledger::error::LedgerError,
    store::Head,
};

/// What is known so far.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Bisection {
    /// Where HEAD was.
    pub(crate) start: Head,
    /// Whether the commits to test are checked out.
    pub(crate) checkout: bool,
    /// The earliest commit known to be bad.
    pub(crate) bad: Option<Id<Commit>>,
    /// Commits known to be good, sorted.
    pub(crate) good: Vec<Id<Commit>>,
    /// Commits that cannot be tested, sorted.
    pub(crate) skipped: Vec<Id<Commit>>,
}

impl Kind for Bisection {
    const NAME: &'static str = "bisection";
}
impl Object for Bisection {
    const TAG: u8 = 0x1a;
}

/// Adds to a sorted list.
pub(crate) fn insert(list: &mut Vec<Id<Commit>>, id: Id<Commit>) {
    if let Err(at) = list.binary_search(&id) {
        list.insert(at, id);
    }
}

impl Bisection {
    /// Takes in that a commit is good.
    pub(crate) fn is_good(
        &mut self,
        ledger: &Ledger<'_>,
        id: Id<Commit>,
    ) -> Result<(), LedgerError> {
        if let Some(bad) = self.bad {
            ledger.require_before(id, bad)?;
        }
        insert(&mut self.good, id);
        Ok(())
    }

    /// Takes in that a commit is bad.
    pub(crate) fn is_bad(
        &mut self,
        ledger: &Ledger<'_>,
        id: Id<Commit>,
    ) -> Result<(), LedgerError> {
        if self.bad.is_none() {
            for good in &self.good {
                ledger.require_before(*good, id)?;
            }
        }
        self.bad = Some(id);
        Ok(())
    }

    pub(crate) fn good(&self) -> BTreeSet<Id<Commit>> {
        self.good.iter().copied().collect()
    }

    pub(crate) fn skipped(&self) -> BTreeSet<Id<Commit>> {
        self.skipped.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    #[test]
    fn golden_bytes() {
        let id = |n| Id::from_bytes([n; 32]);
        let bisection = Bisection {
            start: Head::Branch("m".to_owned()),
            checkout: true,
            bad: Some(id(3)),
            good: vec![id(1)],
            skipped: Vec::new(),
        };
        let expected = [
            [0x1a, 1].as_slice(),
            &[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, b'm'],
            &[1],
            &[1],
            &[3; 32],
            &[1, 0, 0, 0, 0, 0, 0, 0],
            &[1; 32],
            &[0; 8],
        ];
        assert_eq!(codec::encode(&bisection), expected.concat());
        assert_eq!(codec::decode::<Bisection>(&expected.concat()).unwrap(), bisection);
    }
}
