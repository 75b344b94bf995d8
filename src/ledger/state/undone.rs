//! Which operations are undone, and so can be redone.
//!
//! An undo is an operation too: it makes the moves of an earlier one the other way round. What it
//! leaves to be undone and redone is an object, current under the name [`UNDONE`] as long as the newest
//! operation that moved anything is an undo or a redo. Any other one begins anew behind it.

use bincode::{Decode, Encode};

use super::{open::Ledger, update::undoable};
use crate::{
    codec::{self, Object},
    id::{Id, Kind},
    ledger::error::LedgerError,
    store::Operation,
};

/// Root of the store: what is undone.
pub(crate) const UNDONE: &str = "undone";

/// What can be undone and redone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Undone {
    /// The operation that the next undo takes back.
    pub(crate) next: u64,
    /// The operations that are undone, the latest to be undone last.
    pub(crate) operations: Vec<u64>,
}

impl Kind for Undone {
    const NAME: &'static str = "undone";
}
impl Object for Undone {
    const TAG: u8 = 0x1b;
}

impl Ledger<'_> {
    /// What can be undone and redone now.
    pub(crate) fn undone(&self) -> Result<Undone, LedgerError> {
        self.undone_after(self.last_move(u64::MAX)?.as_ref())
    }

    /// The newest operation before `sequence` that moved anything. Others, such as taking statistics,
    /// need not be undone.
    fn last_move(&self, sequence: u64) -> Result<Option<Operation>, LedgerError> {
        for operation in self.session.operations_before(sequence) {
            let operation = operation?;
            if operation.head.is_some()
                || !operation.refs.is_empty()
                || undoable(&operation).next().is_some()
            {
                return Ok(Some(operation));
            }
        }
        Ok(None)
    }

    fn undone_after(&self, operation: Option<&Operation>) -> Result<Undone, LedgerError> {
        let Some(operation) = operation else { return Ok(Undone::default()) };
        match operation.roots.iter().find(|root| root.name == UNDONE).and_then(|root| root.new) {
            Some(hash) if self.session.contains(&hash)? => {
                Ok(codec::get(self, Id::<Undone>::from_bytes(hash))?)
            }
            // Not there: what `gc` has removed cannot be undone, and undo says so.
            _ => Ok(Undone { next: operation.sequence, operations: Vec::new() }),
        }
    }

    /// Takes the next operation to undo out of `undone`. `None` where only the one that made the
    /// repository is left.
    pub(crate) fn undo_next(&self, undone: &mut Undone) -> Result<Option<Operation>, LedgerError> {
        let Some(before) = self.last_move(undone.next)? else { return Ok(None) };
        let operation = self.kept_operation(undone.next)?;
        undone.operations.push(undone.next);
        undone.next = self.undone_after(Some(&before))?.next;
        Ok(operation)
    }

    /// Takes the next operation to redo out of `undone`.
    pub(crate) fn redo_next(&self, undone: &mut Undone) -> Result<Option<Operation>, LedgerError> {
        let Some(sequence) = undone.operations.pop() else { return Ok(None) };
        undone.next = sequence;
        self.kept_operation(sequence)
    }

    /// The operation with this number.
    ///
    /// # Errors
    /// [`LedgerError::Collected`] when gc has removed what it led from or to.
    fn kept_operation(&self, sequence: u64) -> Result<Option<Operation>, LedgerError> {
        let found = self.session.operations_before(sequence + 1).next().transpose()?;
        let Some(operation) = found else { return Ok(None) };
        for hash in operation.names() {
            if !self.session.contains(&hash)? {
                let (number, command) = (operation.sequence, operation.command.clone());
                return Err(LedgerError::Collected { number, command });
            }
        }
        Ok(Some(operation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        let undone = Undone { next: 2, operations: vec![4, 3] };
        let number = |n: u64| n.to_le_bytes();
        let fields = [2, 2, 4, 3].map(number).concat();
        let expected = [[0x1b, 1].as_slice(), &fields].concat();
        assert_eq!(codec::encode(&undone), expected);
        assert_eq!(codec::decode::<Undone>(&expected).unwrap(), undone);
    }
}
