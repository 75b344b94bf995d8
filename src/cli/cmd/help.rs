//! `kledger help`.

use std::fmt;

use serde::Serialize;

use crate::cli::{
    error::CliError,
    git,
    page::Page,
    report::{Render, Report},
    topics::TOPICS,
    verbs,
};

/// Explain a verb, or a topic such as revisions
///
/// Without a topic, all of them are listed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger help
  kledger help revisions
  kledger help commit
  kledger help bisect run")]
pub struct Args {
    /// A verb, with its step if it has any, or a topic
    #[arg(value_name = "TOPIC")]
    topic: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Help {
    topic: String,
    text: String,
}

pub(super) fn run(args: &Args) -> Result<Report, CliError> {
    let topic = args.topic.join(" ");
    let found = TOPICS.iter().find(|known| known.name == topic);
    let text = match found {
        Some(found) => found.text.to_owned(),
        None => of_verb(&args.topic).ok_or_else(|| unknown(&topic))?,
    };
    Ok(Report::done("help", Help { topic, text }))
}

/// What `--help` says; of no verb, with the topics.
fn of_verb(words: &[String]) -> Option<String> {
    let mut command = verbs::command();
    command.build();
    let mut verb = &mut command;
    for word in words {
        verb = verb.find_subcommand_mut(word)?;
    }
    let mut text = verb.render_long_help().to_string();
    if words.is_empty() {
        text.push_str("\nTopics:\n");
        for topic in TOPICS {
            text.push_str(&format!("  {:16}{}\n", topic.name, topic.title()));
        }
    }
    Some(text)
}

fn unknown(topic: &str) -> CliError {
    if let Some(tip) = git::instead_of_verb(topic) {
        return CliError::Verb { verb: topic.to_owned(), tip: tip.to_owned() };
    }
    let names = TOPICS.iter().map(|topic| topic.name.to_owned());
    let command = verbs::command();
    let verbs = command.get_subcommands().map(|verb| verb.get_name().to_owned());
    let known = names.chain(verbs).collect();
    CliError::Topic { topic: topic.to_owned(), known }
}

impl Render for Help {
    fn render(&self, page: &mut Page) -> fmt::Result {
        page.lines_of(self.text.trim_end());
        Ok(())
    }
}
