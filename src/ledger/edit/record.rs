//! The one way to make a commit: what it is a step of, the weights it has, what they were found with and how well it went.

use crate::{
    checkpoint::Base,
    codec::{Draft, NewObjects},
    commit::{Check, Commit, EditedTensor, Report, Step},
    delta::Delta,
    fact::Roots,
    id::Id,
    ledger::{
        edit::attempt::Edited,
        error::LedgerError,
        lineage::line::Line,
        state::{open::Ledger, update::Update},
    },
};

/// A commit that is to be made.
pub(crate) struct NewCommit<'a> {
    /// Parents, the first being the one whose lineage it continues.
    pub(crate) parents: Vec<Id<Commit>>,
    pub(crate) base: Id<Base>,
    /// The facts that hold, their words, and the neighbourhood.
    pub(crate) roots: Roots,
    pub(crate) line: &'a Line,
    /// Hashes of the tensors that `line` makes.
    pub(crate) weights: Vec<EditedTensor>,
    /// The edit that put the last delta into `line`, if one did.
    pub(crate) edited: Option<&'a Edited>,
    /// The last delta of `line`, if it was imported; it is among the new objects.
    pub(crate) imported: Option<Id<Delta>>,
    pub(crate) check: Option<&'a Check>,
    pub(crate) step: Step,
    pub(crate) author: String,
    pub(crate) time: i64,
    pub(crate) message: String,
}

/// A commit that is among the objects of an update.
pub(crate) struct Recorded {
    pub(crate) id: Id<Commit>,
    pub(crate) commit: Commit,
    /// Adds the commit and all it names, and moves nothing yet.
    pub(crate) update: Update,
}

impl NewCommit<'_> {
    /// Records the commit with all it names: nodes of its trees among `objects`, its delta, spec, report and lineage. No object
    /// is longer than `limit`, in bytes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn record(
        self,
        ledger: &Ledger<'_>,
        objects: NewObjects,
        limit: usize,
    ) -> Result<Recorded, LedgerError> {
        let mut draft = Draft::new(ledger);
        if let Some(edited) = self.edited {
            draft.put(&edited.contents);
        }
        let commit = Commit {
            parents: self.parents,
            base: self.base,
            facts: self.roots.facts,
            lexicon: self.roots.lexicon,
            neighbourhood: self.roots.neighbourhood,
            spec: self.edited.map(|edited| draft.put(&edited.spec)),
            delta: self.edited.map(|edited| draft.put(&edited.delta)).or(self.imported),
            lineage: self.line.store(&mut draft)?,
            weights: self.weights,
            report: self.check.map(|check| Report::put(check, &mut draft, limit)),
            step: self.step,
            author: self.author,
            time: self.time,
            message: self.message,
        };
        let id = draft.put(&commit);
        let mut update = Update::new(objects).adding(draft.into_new());
        if let Some(edited) = self.edited {
            update = update.found_with(ledger, id, &edited.found_with)?;
        }
        Ok(Recorded { id, commit, update })
    }
}
