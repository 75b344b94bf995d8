//! `log`: the commits that led here.
/// The commits, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogReport {
    /// One for each commit.
    pub entries: Vec<LogEntry>,
    /// Whether older commits were left out.
    pub more: bool,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogEntry {
    /// The commit.
    #[serde(flatten)]
    pub commit: CommitView,
    /// How its facts differ from its parent's.
    pub facts: FactCounts,
    /// Share of its edited facts that hold, where it was checked.
    pub efficacy: Option<Rate>,
    /// Share of their paraphrases that do.
    pub paraphrase: Option<Rate>,
    /// Share of the neighbours that did not move.
    pub neighbourhood: Option<Rate>,
}
