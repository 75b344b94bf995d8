//! Tests of everything that needs no model.

mod fact;
mod fact_stage;
mod fact_tree;
