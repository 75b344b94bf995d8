//! Tests of everything that needs no model.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the functions that tests share are tests too"
)]

mod amend;
mod bisect;
mod blame_and_log;
mod blame_of_long_histories;
mod citations;
#[cfg(feature = "cli")]
mod cli;
mod config;
mod editors;
mod evaluation;
mod exchange;
mod fact;
mod fact_stage;
mod fact_tree;
mod facts_edited_together;
mod facts_of_a_subject;
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
mod large_stages;
mod ledger;
mod merge;
#[cfg(feature = "query")]
mod queries;
#[cfg(feature = "sql")]
mod rdb2rdf;
mod rendered;
mod revert;
mod rounds;
mod sentences;
mod snapshots;
#[cfg(feature = "sql")]
mod sql_round_trip;
mod statistics;
mod support;
mod tidy;
