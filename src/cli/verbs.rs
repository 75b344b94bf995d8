//! The verbs by what they are for, as `--help` lists them.

use std::{ffi::OsString, fmt::Write as _};

use clap::{Command, CommandFactory, FromArgMatches, builder::Styles};

use super::Cli;

/// Headings, and the verbs below each.
const GROUPS: [(&str, &[&str]); 9] = [
    ("Start", &["init", "config", "editors", "help"]),
    ("Facts", &["add", "rm", "stage", "status", "stash", "facts", "query", "blame"]),
    ("Edit and look", &["commit", "check", "repair", "ask", "eval", "show", "diff"]),
    ("Prepare editors", &["stats", "calibrate", "train", "artefacts"]),
    ("Look inside", &["lens", "trace", "neurons"]),
    ("History", &["log", "revert", "reset", "undo", "redo", "op", "bisect", "forget"]),
    (
        "Branches",
        &["branch", "switch", "checkout", "tag", "merge", "resolve", "rebase", "cherry-pick"],
    ),
    ("Exchange", &["export", "import"]),
    ("Upkeep", &["consolidate", "gc", "fsck", "backup", "migrate", "completions", "man"]),
];

/// What verbs are listed below that no group names.
const OTHERS: &str = "Others";

/// The command line, with its verbs in groups.
#[must_use]
pub fn command() -> Command {
    let command = Cli::command();
    let verbs = groups(&command);
    let mut template = "{before-help}{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    let header = *Styles::styled().get_header();
    for (heading, verbs) in verbs {
        let _ = writeln!(template, "\n{header}{heading}:{header:#}");
        for (name, about) in verbs {
            let literal = *Styles::styled().get_literal();
            let _ = writeln!(template, "  {literal}{name:11}{literal:#}  {about}");
        }
    }
    let _ = write!(template, "\n{header}Options:{header:#}\n{{options}}{{after-help}}");
    command.help_template(template)
}

/// Each heading with the names of its verbs and what they do.
fn groups(command: &Command) -> Vec<(&'static str, Vec<(String, String)>)> {
    let line = |verb: &Command| {
        let about = verb.get_about().map(ToString::to_string);
        (verb.get_name().to_owned(), about.unwrap_or_default())
    };
    let named = |name: &&str| command.find_subcommand(name).map(line);
    let mut groups: Vec<_> = GROUPS
        .iter()
        .map(|(heading, names)| (*heading, names.iter().filter_map(&named).collect()))
        .collect();
    let has_place = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let others: Vec<_> =
        command.get_subcommands().filter(|verb| !has_place(verb.get_name())).map(line).collect();
    if !others.is_empty() {
        groups.push((OTHERS, others));
    }
    groups
}

/// Parses what the process was started with.
pub(super) fn parse(words: &[OsString]) -> Result<Cli, clap::Error> {
    let matches = command().try_get_matches_from(words)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command()))
}

/// Whether there is a verb of that name.
#[must_use]
pub fn is_verb(name: &str) -> bool {
    Cli::command().find_subcommand(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_in_one_group() {
        let command = Cli::command();
        let groups = groups(&command);
        assert!(groups.iter().all(|(heading, verbs)| *heading != OTHERS && !verbs.is_empty()));
        let listed: usize = groups.iter().map(|(_, verbs)| verbs.len()).sum();
        assert_eq!(listed, command.get_subcommands().count());
    }
}
