//! `artefacts`: what editors were trained to.

use serde::Serialize;

use crate::{
    codec,
    commit::{Artefact, Artefacts, HeldBack},
    engine::Validation,
    id::Id,
    ledger::{
        LedgerError, Repo,
        actor::Actor,
        state::{open::Ledger, roots::ARTEFACTS, update::Update},
    },
};

/// What editors were trained to, and what was done to that.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArtefactsReport {
    /// What was done.
    #[serde(flatten)]
    pub action: ArtefactsAction,
    /// All that can be edited with, newest first.
    pub artefacts: Vec<ArtefactView>,
}

/// What was done to an artefact.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum ArtefactsAction {
    /// Nothing: they were listed.
    Listed,
    /// Nothing: one was looked at.
    Shown {
        /// What it is.
        artefact: Box<ArtefactView>,
        /// The editor's settings, those of the training too.
        settings: toml::Table,
    },
    /// New edits are not made with it any more. It is kept while a commit was made with it.
    Removed {
        /// What it was.
        artefact: Box<ArtefactView>,
    },
}

/// What an editor was trained to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArtefactView {
    /// Its id.
    pub artefact: Id<Artefact>,
    /// The editor.
    pub editor: String,
    /// Version of the editor.
    pub editor_version: u32,
    /// Whether it is of the base of this repository's HEAD.
    pub of_this_base: bool,
    /// What it learned from, in words.
    pub source: String,
    /// What of it was held back.
    pub held_back: HeldBack,
    /// Seed of everything drawn.
    pub seed: u64,
    /// Steps made.
    pub steps: u64,
    /// The step whose parameters these are.
    pub best: u64,
    /// How single edits of subjects go that it did not learn from.
    pub seen: Option<Validation>,
    /// The same of predicates that it did not learn from.
    pub unseen: Option<Validation>,
    /// Length of its tensor file, in bytes.
    pub bytes: u64,
}

impl Repo {
    /// What editors were trained to.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn artefacts(&self) -> Result<ArtefactsReport, LedgerError> {
        let ledger = self.read()?;
        let artefacts = self.artefact_views(&ledger, &ledger.artefacts()?.unwrap_or_default())?;
        Ok(ArtefactsReport { action: ArtefactsAction::Listed, artefacts })
    }

    /// One of them, by the beginning of its id.
    ///
    /// # Errors
    /// When there is none or more than one.
    pub fn show_artefact(&self, name: &str) -> Result<ArtefactsReport, LedgerError> {
        let ledger = self.read()?;
        let artefacts = ledger.artefacts()?.unwrap_or_default();
        let id = artefacts.named(name)?;
        let artefact = Box::new(self.artefact_view(&ledger, id)?);
        let settings = codec::get(&ledger, id)?.settings.parse().unwrap_or_default();
        let action = ArtefactsAction::Shown { artefact, settings };
        Ok(ArtefactsReport { action, artefacts: self.artefact_views(&ledger, &artefacts)? })
    }

    /// Has new edits not be made with it. It stays stored while a commit names it.
    ///
    /// # Errors
    /// When there is none or more than one.
    pub fn remove_artefact(
        &self,
        actor: &Actor,
        name: &str,
    ) -> Result<ArtefactsReport, LedgerError> {
        let ledger = self.read_to_change()?;
        let was = ledger.artefacts()?.unwrap_or_default();
        let id = was.named(name)?;
        let artefact = Box::new(self.artefact_view(&ledger, id)?);
        let mut now = was.clone();
        now.entries.retain(|entry| *entry != id);
        let to = (!now.entries.is_empty()).then_some(&now);
        Update::default().rooting(ARTEFACTS, Some(&was), to).apply(&ledger, actor)?;
        let action = ArtefactsAction::Removed { artefact };
        Ok(ArtefactsReport { action, artefacts: self.artefact_views(&ledger, &now)? })
    }

    /// The artefact that `name` begins the id of.
    ///
    /// # Errors
    /// When there is none or more than one.
    pub fn artefact_named(&self, name: &str) -> Result<Id<Artefact>, LedgerError> {
        self.read()?.artefacts()?.unwrap_or_default().named(name)
    }

    fn artefact_views(
        &self,
        ledger: &Ledger<'_>,
        artefacts: &Artefacts,
    ) -> Result<Vec<ArtefactView>, LedgerError> {
        artefacts.entries.iter().map(|id| self.artefact_view(ledger, *id)).collect()
    }

    fn artefact_view(
        &self,
        ledger: &Ledger<'_>,
        id: Id<Artefact>,
    ) -> Result<ArtefactView, LedgerError> {
        let artefact = codec::get(ledger, id)?;
        let (_, head) = ledger.head_commit()?;
        Ok(ArtefactView {
            artefact: id,
            editor: artefact.editor,
            editor_version: artefact.editor_version,
            of_this_base: artefact.base == head.base,
            source: artefact.source,
            held_back: artefact.held_back,
            seed: artefact.seed,
            steps: artefact.steps,
            best: artefact.best,
            seen: artefact.seen,
            unseen: artefact.unseen,
            bytes: self.tensor_file_bytes(artefact.file)?,
        })
    }
}

impl Artefacts {
    /// The one that `name` begins the id of.
    fn named(&self, name: &str) -> Result<Id<Artefact>, LedgerError> {
        let name = name.to_ascii_lowercase();
        let refuse = |why| LedgerError::ArtefactName { name: name.clone(), why };
        let mut begun = self.entries.iter().filter(|id| id.to_string().starts_with(&name));
        match (name.as_str(), begun.next(), begun.next()) {
            ("", ..) | (_, None, _) => Err(refuse("there is no artefact of that name")),
            (_, Some(id), None) => Ok(*id),
            (_, Some(_), Some(_)) => Err(refuse("several artefacts begin with that")),
        }
    }
}
