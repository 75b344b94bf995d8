//! `rm`: retractions to the stage.
/// What `rm` staged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RmReport {
    /// Facts that the next commit takes back.
    pub retracted: Vec<FactView>,
    /// Facts that were staged and are not any more.
    pub unstaged: Vec<FactView>,
    /// Facts on the stage now, retractions among them.
    pub staged: u64,
}
