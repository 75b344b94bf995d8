//! `undo`: the last operation taken back.
/// What `undo` took back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UndoReport {
    /// The operations, newest first.
    pub undone: Vec<OperationView>,
    /// Where HEAD is now.
    pub head: HeadView,
    /// Facts on the stage now.
    pub staged: u64,
}

/// An operation of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperationView {
    /// Its number.
    pub number: u64,
    /// The command that made it.
    pub command: String,
    /// Who ran it.
    pub author: String,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// Branches and tags that moved.
    pub refs: Vec<RefMove>,
    /// Whether the stage changed.
    pub stage: bool,
}

/// How a ref moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefMove {
    /// Its name.
    pub name: String,
    /// Where it pointed; `None` when it was made.
    pub from: Option<Id<Commit>>,
    /// Where it points; `None` when it was deleted.
    pub to: Option<Id<Commit>>,
}
