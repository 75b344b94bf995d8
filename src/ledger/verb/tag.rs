//! `tag`: list, make and delete tags.
/// What `tag` did and the tags there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagReport {
    /// What was done.
    #[serde(flatten)]
    pub action: RefAction,
    /// All tags, sorted by name.
    pub tags: Vec<RefView>,
}
