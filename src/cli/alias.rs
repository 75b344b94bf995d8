//! Words of a user that stand for a verb and its arguments, and verbs of git's.
//!
//! An alias is looked for only where there is no such verb, so it can never take a verb's place.

use std::{ffi::OsString, path::Path};

use clap::{
    Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{Cli, args::Global, error::CliError, git, ui::Ui, verbs};
use crate::ledger::Repo;

/// Why a command line says nothing that can be done.
pub(super) enum Unread {
    /// As clap has it; it is also how help is printed.
    Usage(Box<clap::Error>, Vec<OsString>),
    /// As kledger has it.
    Refused(Box<CliError>, Ui),
}

/// A command line of which only the global options before the verb are looked at.
#[derive(Debug, Parser)]
#[command(disable_help_flag = true, disable_version_flag = true, disable_help_subcommand = true)]
struct Front {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    rest: Rest,
}

#[derive(Debug, Subcommand)]
enum Rest {
    #[command(external_subcommand)]
    Words(Vec<OsString>),
}

/// Reads a command line; gives its words too, with what an alias stands for in its place.
pub(super) fn read(mut words: Vec<OsString>) -> Result<(Cli, Vec<OsString>), Unread> {
    let mut seen = Vec::new();
    loop {
        let error = match verbs::parse(&words) {
            Ok(cli) => return Ok((cli, words)),
            Err(error) => error,
        };
        let known = [ErrorKind::InvalidSubcommand, ErrorKind::UnknownArgument];
        let front = Front::try_parse_from(&words);
        let Ok(Front { global, rest: Rest::Words(rest) }) = front
            .map_err(|_| ())
            .and_then(|front| known.contains(&error.kind()).then_some(front).ok_or(()))
        else {
            return Err(Unread::Usage(Box::new(error), words));
        };
        let refused = |error| {
            let json = global.json || words.iter().any(|word| word == "--json");
            Err(Unread::Refused(Box::new(error), Ui::new(&Global { json, ..global.clone() })))
        };
        let verb = rest.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
        if verbs::is_verb(&verb) {
            return match option(&error)
                .and_then(|name| Some((git::instead_of_option(&verb, &name)?, name)))
            {
                Some((tip, option)) => {
                    let (verb, tip) = (format!("{verb} {option}"), tip.to_owned());
                    refused(CliError::Verb { verb, tip })
                }
                None => Err(Unread::Usage(Box::new(error), words)),
            };
        }
        match expansion(&global, &verb, &mut seen) {
            Err(error) => return refused(error),
            Ok(Some(expansion)) => {
                let before = words.len() - rest.len();
                words.splice(before..=before, expansion);
            }
            Ok(None) => {
                return match git::instead_of_verb(&verb) {
                    Some(tip) => refused(CliError::Verb { verb, tip: tip.to_owned() }),
                    None => Err(Unread::Usage(Box::new(error), words)),
                };
            }
        }
    }
}

/// The option that an error is about.
fn option(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(name)) => Some(name.clone()),
        _ => None,
    }
}

/// The words that `name` stands for, if it is an alias of the repository.
fn expansion(
    global: &Global,
    name: &str,
    seen: &mut Vec<String>,
) -> Result<Option<Vec<OsString>>, CliError> {
    let dir = global.dir.as_deref().unwrap_or(Path::new("."));
    let Ok(dir) = dir.canonicalize() else { return Ok(None) };
    let Some(config) = Repo::settings_above(&dir)? else { return Ok(None) };
    let Some(text) = config.alias.get(name) else { return Ok(None) };
    seen.push(name.to_owned());
    if seen[..seen.len() - 1].iter().any(|before| before == name) {
        return Err(CliError::AliasLoop { name: name.to_owned(), chain: std::mem::take(seen) });
    }
    let unreadable = |why| CliError::Alias { name: name.to_owned(), text: text.clone(), why };
    if text.trim_start().starts_with('!') {
        return Err(unreadable("is for a shell, and none is run"));
    }
    let words = shlex::split(text).ok_or_else(|| unreadable("has a quote that is not closed"))?;
    if words.is_empty() {
        return Err(unreadable("has no words"));
    }
    Ok(Some(words.into_iter().map(OsString::from).collect()))
}
