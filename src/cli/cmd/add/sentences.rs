//! `add --text`, `--text-file` and `--prompt`: what sentences say.

#[cfg(feature = "endpoint")]
use std::time::Duration;
use std::{
    io::{self, BufReader},
    path::Path,
};

use super::{Args, not_for};
#[cfg(feature = "endpoint")]
use crate::{cli::context::endpoint_key, endpoint::Endpoint, ledger::LedgerError};
use crate::{
    cli::{context::Context, error::CliError, triples::is_stdin},
    endpoint::{Answered, EndpointError},
    engine::Progress,
    input,
    ledger::{
        Actor, OpenEngine, Repo,
        verb::{
            add::AddReport,
            sentences::{Helpers, Passage, Proposer, ReadingOptions},
        },
    },
};

/// How long an endpoint may take for a sentence.
#[cfg(feature = "endpoint")]
const ENDPOINT: Duration = Duration::from_secs(60);

/// What asks an endpoint.
trait Asks: FnMut(&str, &[String]) -> Result<Answered, EndpointError> {}

impl<F: FnMut(&str, &[String]) -> Result<Answered, EndpointError>> Asks for F {}

impl Args {
    fn reading(&self) -> ReadingOptions {
        ReadingOptions {
            loosely: self.loose,
            pick: self.pick,
            predicates: self.choice().predicates,
            strict: self.text_file.is_empty(),
        }
    }

    /// The texts whose sentences are to be read.
    fn passages(&self, cx: &Context) -> Result<Vec<Passage>, CliError> {
        let said = |text: &String| Passage { name: "text".to_owned(), text: text.clone() };
        let mut passages: Vec<Passage> = self.text.iter().map(said).collect();
        for file in &self.text_file {
            let read = if is_stdin(file) {
                input::text_of(Box::new(BufReader::new(io::stdin())))
            } else {
                input::text(&cx.path(file))
            };
            let text = read.map_err(|source| CliError::Read { path: file.clone(), source })?;
            passages.push(Passage { name: file.to_string_lossy().into_owned(), text });
        }
        Ok(passages)
    }

    /// Stages what sentences or a prompt say.
    pub(super) fn say(
        &self,
        cx: &Context,
        repo: &Repo,
        actor: &Actor,
    ) -> Result<AddReport, CliError> {
        let others = [
            ("--neighbourhood", self.neighbourhood, "triples and tables"),
            ("--skip-unknown", self.skip_unknown, "triples and tables"),
            ("--loose", self.loose && self.prompt.is_some(), "sentences"),
        ];
        not_for(&others)?;
        let (reading, options) = (self.reading(), self.options());
        match (&self.prompt, &self.answer) {
            (Some(prompt), Some(answer)) => {
                let (asked, subject) =
                    ((prompt.as_str(), answer.as_str()), self.subject.as_deref());
                Ok(repo.add_answer(actor, asked, subject, &reading, options)?)
            }
            _ => {
                let mut open = |base: &Path| cx.runtime().open(base);
                let mut progress = cx.stoppable();
                let shown: &mut dyn Progress = progress.as_mut();
                let rank = (&mut open as OpenEngine<'_>, shown);
                let passages = self.passages(cx)?;
                let mut endpoint = self.asked(repo)?;
                let helpers = Helpers {
                    rank: self.rank.then_some(rank),
                    endpoint: endpoint.as_mut().map(|(ask, name)| Proposer {
                        ask,
                        name: name.clone(),
                        base: self.base.clone(),
                        accept: self.accept,
                    }),
                };
                Ok(repo.add_sentences(actor, &passages, &reading, helpers, options)?)
            }
        }
    }

    /// The server that proposes facts, and its name.
    #[cfg(feature = "endpoint")]
    fn asked(&self, repo: &Repo) -> Result<Option<(impl Asks + use<>, String)>, CliError> {
        let Some(named) = &self.endpoint else { return Ok(None) };
        let config = repo.config();
        let url = Some(named.clone()).filter(|url| !url.is_empty()).or(config.endpoint.clone());
        let model = self.endpoint_model.clone().or(config.endpoint_model.clone());
        let (Some(url), Some(model)) = (url, model) else { return Err(CliError::NoEndpoint) };
        let timeout = self.timeout.map_or(ENDPOINT, Duration::from_secs);
        let endpoint = Endpoint::new(&url, &model, endpoint_key(), timeout);
        let endpoint = endpoint.map_err(LedgerError::from)?;
        let name = endpoint.name();
        let ask = move |sentence: &str, relations: &[String]| endpoint.read(sentence, relations);
        Ok(Some((ask, name)))
    }

    #[cfg(not(feature = "endpoint"))]
    fn asked(&self, _: &Repo) -> Result<Option<(impl Asks + use<>, String)>, CliError> {
        let _unused = &self.endpoint_model;
        let none = |_: &str, _: &[String]| Ok(Answered::default());
        match &self.endpoint {
            Some(_) => Err(CliError::NoEndpoints),
            None => Ok(Some((none, String::new())).filter(|_| false)),
        }
    }
}
