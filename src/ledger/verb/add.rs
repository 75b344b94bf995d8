//! `add`: triples to the stage.
/// What `add` staged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AddReport {
    /// Facts staged that the version at HEAD does not have under their key.
    pub added: u64,
    /// Facts staged that take another's place.
    pub replaced: u64,
    /// Facts that hold already and were left out.
    pub unchanged: u64,
    /// Triples that gave labels or templates.
    pub words: u64,
    /// Facts staged as neighbourhood.
    pub neighbourhood: u64,
    /// Facts on the stage now, retractions among them.
    pub staged: u64,
}
