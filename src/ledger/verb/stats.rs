//! `stats`: covariance statistics of the base.
/// The statistics that commits will use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatsReport {
    /// The stored record.
    pub record: Id<StatisticsRecord>,
    /// What text they were taken on.
    pub source: String,
    /// Tokens counted.
    pub tokens: u64,
    /// The tensors they are for.
    pub tensors: Vec<String>,
    /// Length of the tensor file, in bytes.
    pub bytes: u64,
}
