//! Names of the store's roots: objects that are current.

/// Root of the store: the stage; absent while it is empty.
pub(crate) const STAGE: &str = "stage";

/// Root of the store: the statistics taken last.
pub(crate) const STATISTICS: &str = "statistics";

/// Root of the store: what editors were trained to; absent while nothing is.
pub(crate) const ARTEFACTS: &str = "artefacts";

/// Root of the store: the search that is going on, if there is one.
pub(crate) const BISECTION: &str = "bisection";

/// Root of the store: the stages put aside; absent when there are none.
pub(crate) const STASH: &str = "stash";

/// Root of the store: the task in progress; absent when there is none.
pub(crate) const TASK: &str = "unfinished";
