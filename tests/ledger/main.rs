//! Tests of everything that needs no model.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the functions that tests share are tests too"
)]

mod amend;
mod asking;
mod bisect;
mod changes;
#[cfg(feature = "cli")]
mod cli;
mod config;
mod editors;
mod evaluation;
mod exchange;
mod fact;
mod fact_stage;
mod fact_tree;
mod flips;
mod floors;
mod forget;
mod format;
mod format_full;
mod golden;
mod history;
#[cfg(debug_assertions)]
mod killed;
mod large;
mod ledger;
mod listing;
mod merge;
mod rendered;
mod snapshots;
mod statistics;
mod subjects;
mod support;
mod tidy;
mod together;
