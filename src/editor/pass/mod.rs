//! Passes of texts with something added to the linear maps: `maps` adds it, and takes gradients, without a gradient of any
//! weight; `texts` keeps what does not change; `traces` says how facts stand once it is added to the weights.

pub(super) mod maps;
pub(super) mod texts;
pub(super) mod traces;
