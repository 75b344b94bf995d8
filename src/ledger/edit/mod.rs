//! Facts edited into a version: from requests to a delta, and the check of what came of it.

pub(super) mod artefact;
pub(super) mod attempt;
pub(super) mod calibration;
mod drift;
pub(super) mod earlier;
pub(super) mod examine;
pub(super) mod failure;
pub(super) mod found;
pub(super) mod kept_prompts;
pub(super) mod lessons;
pub(super) mod measured;
pub(super) mod options;
pub(super) mod partial;
pub(super) mod partial_statistics;
pub(super) mod record;
pub(super) mod rehearsal;
pub(super) mod rounds;
pub(super) mod sample;
pub(super) mod setup;
pub(super) mod statistics;
pub(super) mod trial;
pub(super) mod weigh;
