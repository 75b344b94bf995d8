//! What a shell is told when its user presses Tab: besides verbs and options, the names of versions and
//! of subjects.
//!
//! It must not keep anybody waiting: only what the store's summary says is looked at, of many facts only
//! some, and whatever goes wrong there is nothing to complete.

use std::{ffi::OsStr, path::Path};

use clap::{Arg, Command};
use clap_complete::{
    CompleteEnv,
    engine::{ArgValueCompleter, CompletionCandidate},
    env::Shells,
};

use super::verbs;
use crate::ledger::{Candidates, Repo};

/// The variable by which a completion script asks.
const VARIABLE: &str = "KLEDGER_COMPLETE";

/// Answers a completion script, if one asks. Says whether it did.
pub(super) fn answer() -> bool {
    let here = std::env::current_dir().ok();
    let env = CompleteEnv::with_factory(|| with_names(verbs::command())).var(VARIABLE);
    // An error would be printed between what the user types.
    env.try_complete(std::env::args_os(), here.as_deref()).unwrap_or(true)
}

/// The script that has `shell` ask; `None` for a shell that cannot.
pub(super) fn script(shell: &str) -> Option<String> {
    let shells = Shells::builtins();
    let mut script = Vec::new();
    let completer = shells.completer(shell)?;
    completer.write_registration(VARIABLE, "kledger", "kledger", "kledger", &mut script).ok()?;
    Some(String::from_utf8_lossy(&script).into_owned())
}

/// The command line whose arguments know what can stand there.
fn with_names(command: Command) -> Command {
    command.mut_args(with_name).mut_subcommands(with_names)
}

fn with_name(arg: Arg) -> Arg {
    let is_called = |names: &[&str]| {
        let called = arg.get_value_names().unwrap_or_default();
        called.iter().any(|name| names.contains(&name.as_str()))
    };
    if is_called(&["REV", "FROM", "TO", "GOOD", "BAD"]) {
        arg.add(ArgValueCompleter::new(revisions))
    } else if is_called(&["BRANCH", "OLD"]) || is_deletion(&arg) {
        arg.add(ArgValueCompleter::new(refs))
    } else if is_called(&["SUBJECT"]) {
        arg.add(ArgValueCompleter::new(subjects))
    } else {
        arg
    }
}

/// Whether an option takes a branch or tag that is to go.
fn is_deletion(arg: &Arg) -> bool {
    matches!(arg.get_id().as_str(), "delete" | "discard")
}

fn revisions(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    // Of a range its second end is completed.
    let start = current.rfind("..").map_or(0, |at| at + 2);
    let (before, current) = current.split_at(start);
    let found = named(|candidates| candidates.revisions(current));
    found.into_iter().map(|candidate| candidate.add_prefix(before)).collect()
}

fn refs(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_str();
    current.map(|current| named(|candidates| candidates.refs(current))).unwrap_or_default()
}

fn subjects(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_str();
    current.map(|current| named(|candidates| candidates.subjects(current))).unwrap_or_default()
}

/// What there is in the repository that the process is in.
fn named(
    find: impl FnOnce(Candidates) -> Option<Vec<(String, String)>>,
) -> Vec<CompletionCandidate> {
    let Ok(here) = Path::new(".").canonicalize() else { return Vec::new() };
    let found = Repo::candidates(&here).and_then(find);
    let found = found.unwrap_or_default().into_iter();
    let shown = |about: String| (!about.is_empty()).then(|| about.into());
    found.map(|(name, about)| CompletionCandidate::new(name).help(shown(about))).collect()
}
