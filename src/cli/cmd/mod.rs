//! The verbs, one file each: arguments, the call, and how the report reads.

pub mod add;
pub mod artefacts;
pub mod ask;
pub mod backup;
pub mod bisect;
pub mod blame;
pub mod branch;
pub mod calibrate;
pub mod check;
pub mod checkout;
pub mod cherry_pick;
pub mod commit;
pub mod completions;
pub mod config;
pub mod consolidate;
pub mod diff;
pub mod editors;
pub mod eval;
pub mod export;
pub mod facts;
pub mod forget;
pub mod fsck;
pub mod gc;
pub mod help;
pub mod import;
pub mod init;
pub mod lens;
pub mod log;
pub mod man;
pub mod merge;
pub mod migrate;
pub mod neurons;
pub mod op;
mod proceed;
pub mod query;
pub mod rebase;
pub mod redo;
pub mod repair;
pub mod reset;
pub mod resolve;
pub mod revert;
pub mod rm;
pub mod show;
pub mod stage;
pub mod stash;
pub mod stats;
pub mod status;
pub mod switch;
pub mod tag;
pub mod trace;
pub mod train;
pub mod undo;

use clap::Subcommand;

use super::{context::Context, error::CliError, report::Report};

/// What kledger can be asked to do.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "a comment here would take the place of the verb's own help")]
pub enum Command {
    Init(init::Args),
    Add(Box<add::Args>),
    Rm(rm::Args),
    Status(status::Args),
    Stats(stats::Args),
    Calibrate(calibrate::Args),
    Train(train::Args),
    Artefacts(artefacts::Args),
    Commit(commit::Args),
    Log(log::Args),
    Show(show::Args),
    Facts(facts::Args),
    Query(query::Args),
    Blame(blame::Args),
    Bisect(bisect::Args),
    Diff(diff::Args),
    Checkout(checkout::Args),
    Switch(switch::Args),
    Branch(branch::Args),
    Tag(tag::Args),
    Merge(merge::Args),
    Resolve(resolve::Args),
    CherryPick(cherry_pick::Args),
    Rebase(rebase::Args),
    Consolidate(consolidate::Args),
    Check(check::Args),
    Repair(repair::Args),
    Stage(stage::Args),
    Stash(stash::Args),
    Revert(revert::Args),
    Reset(reset::Args),
    Undo(undo::Args),
    Redo(redo::Args),
    Op(op::Args),
    Ask(ask::Args),
    Eval(eval::Args),
    Lens(lens::Args),
    Trace(trace::Args),
    Neurons(neurons::Args),
    Export(export::Args),
    Import(import::Args),
    Config(config::Args),
    Editors(editors::Args),
    Forget(forget::Args),
    Fsck(fsck::Args),
    Gc(gc::Args),
    Backup(backup::Args),
    Migrate(migrate::Args),
    Help(help::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Command {
    /// Whether the verb may have to run the model.
    #[must_use]
    pub fn may_run_the_model(&self) -> bool {
        match self {
            Self::Init(_)
            | Self::Stats(_)
            | Self::Calibrate(_)
            | Self::Train(_)
            | Self::Commit(_)
            | Self::Consolidate(_)
            | Self::Check(_)
            | Self::Repair(_)
            | Self::Ask(_)
            | Self::Lens(_)
            | Self::Trace(_)
            | Self::Neurons(_)
            | Self::Eval(_) => true,
            Self::Add(args) => args.may_run_the_model(),
            Self::Config(args) => args.may_run_the_model(),
            Self::Editors(args) => args.may_run_the_model(),
            Self::Bisect(args) => args.may_run_the_model(),
            Self::Diff(args) => args.may_run_the_model(),
            Self::Facts(args) => args.may_run_the_model(),
            Self::Query(args) => args.may_run_the_model(),
            Self::Stage(args) => args.may_run_the_model(),
            Self::Merge(args) => args.may_run_the_model(),
            Self::CherryPick(args) => args.may_run_the_model(),
            Self::Rebase(args) => args.may_run_the_model(),
            Self::Revert(args) => args.may_run_the_model(),
            Self::Export(args) => args.may_run_the_model(),
            Self::Import(args) => args.may_run_the_model(),
            _ => false,
        }
    }
}

/// Runs a verb.
///
/// # Errors
/// When it cannot be done.
pub fn run(cx: &Context, command: &Command) -> Result<Report, CliError> {
    match command {
        Command::Init(args) => init::run(cx, args),
        Command::Add(args) => add::run(cx, args),
        Command::Rm(args) => rm::run(cx, args),
        Command::Status(args) => status::run(cx, args),
        Command::Stats(args) => stats::run(cx, args),
        Command::Calibrate(args) => calibrate::run(cx, args),
        Command::Train(args) => train::run(cx, args),
        Command::Artefacts(args) => artefacts::run(cx, args),
        Command::Commit(args) => commit::run(cx, args),
        Command::Log(args) => log::run(cx, args),
        Command::Show(args) => show::run(cx, args),
        Command::Facts(args) => facts::run(cx, args),
        Command::Query(args) => query::run(cx, args),
        Command::Blame(args) => blame::run(cx, args),
        Command::Bisect(args) => bisect::run(cx, args),
        Command::Diff(args) => diff::run(cx, args),
        Command::Checkout(args) => checkout::run(cx, args),
        Command::Switch(args) => switch::run(cx, args),
        Command::Branch(args) => branch::run(cx, args),
        Command::Tag(args) => tag::run(cx, args),
        Command::Merge(args) => merge::run(cx, args),
        Command::Resolve(args) => resolve::run(cx, args),
        Command::CherryPick(args) => cherry_pick::run(cx, args),
        Command::Rebase(args) => rebase::run(cx, args),
        Command::Consolidate(args) => consolidate::run(cx, args),
        Command::Check(args) => check::run(cx, args),
        Command::Repair(args) => repair::run(cx, args),
        Command::Stage(args) => stage::run(cx, args),
        Command::Stash(args) => stash::run(cx, args),
        Command::Revert(args) => revert::run(cx, args),
        Command::Reset(args) => reset::run(cx, args),
        Command::Undo(args) => undo::run(cx, args),
        Command::Redo(args) => redo::run(cx, args),
        Command::Op(args) => op::run(cx, args),
        Command::Ask(args) => ask::run(cx, args),
        Command::Eval(args) => eval::run(cx, args),
        Command::Lens(args) => lens::run(cx, args),
        Command::Trace(args) => trace::run(cx, args),
        Command::Neurons(args) => neurons::run(cx, args),
        Command::Export(args) => export::run(cx, args),
        Command::Import(args) => import::run(cx, args),
        Command::Config(args) => config::run(cx, args),
        Command::Editors(args) => editors::run(cx, args),
        Command::Forget(args) => forget::run(cx, args),
        Command::Fsck(args) => fsck::run(cx, args),
        Command::Gc(args) => gc::run(cx, args),
        Command::Backup(args) => backup::run(cx, args),
        Command::Migrate(args) => migrate::run(cx, args),
        Command::Help(args) => help::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(cx, args),
    }
}
