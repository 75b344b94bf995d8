//! `stash`: what is staged put aside, and taken up again.

use serde::Serialize;

use crate::{
    codec::{self, Draft},
    commit::Commit,
    fact::{
        Staged, StoredStage, Words,
        tree::{self, Clash, Entry, Merge, Node},
    },
    id::Id,
    ledger::{
        LedgerError, Repo,
        actor::Actor,
        report::{listing::Listing, view::FactChange},
        state::{
            open::Ledger,
            roots::{STAGE, STASH},
            stash::{Stash, Stashed},
            update::Update,
        },
    },
};

/// What `stash` did and the stages put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StashReport {
    /// What was done.
    #[serde(flatten)]
    pub action: StashAction,
    /// All stages put aside, newest first.
    pub entries: Vec<StashView>,
    /// Facts on the stage now.
    pub staged: u64,
}

/// What was done to a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum StashAction {
    /// Nothing: they were listed.
    Listed,
    /// It was put aside, as number 0.
    Pushed,
    /// Nothing: one was looked at.
    Shown {
        /// What it is.
        entry: StashView,
        /// What it does to the facts of the commit that it was put aside at, sorted by what they say.
        changes: Vec<FactChange>,
        /// Changes that are not listed.
        more: u64,
    },
    /// It is staged again, and put aside still.
    Applied {
        /// What it is.
        entry: StashView,
    },
    /// It is staged again.
    Popped {
        /// What it was.
        entry: StashView,
    },
    /// It was thrown away.
    Dropped {
        /// What it was.
        entry: StashView,
    },
}

/// A stage put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StashView {
    /// Its number, the newest one's being 0.
    pub number: u64,
    /// The branch HEAD was on.
    pub branch: Option<String>,
    /// Where HEAD was.
    pub commit: Id<Commit>,
    /// Why, in words.
    pub message: String,
    /// Who.
    pub author: String,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// Facts it sets or retracts.
    pub facts: u64,
    /// IRIs it has words for.
    pub words: u64,
    /// Neighbourhood facts.
    pub neighbourhood: u64,
}

impl Repo {
    /// The stages put aside.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn stashes(&self) -> Result<StashReport, LedgerError> {
        report(&self.read()?, StashAction::Listed)
    }

    /// Puts what is staged aside, with `message` or the subject of HEAD as its message.
    ///
    /// # Errors
    /// When nothing is staged.
    pub fn stash_push(
        &self,
        actor: &Actor,
        message: Option<&str>,
    ) -> Result<StashReport, LedgerError> {
        let ledger = self.read()?;
        let stage = ledger.session.root(STAGE)?.ok_or(LedgerError::NothingStaged)?;
        let head = ledger.head_view()?;
        let was = ledger.stash()?;
        let mut now = was.clone();
        let entry = Stashed {
            stage: Id::from_bytes(stage),
            message: match message {
                Some(message) => message.to_owned(),
                None => ledger.commit(head.commit)?.summary().to_owned(),
            },
            branch: head.branch,
            commit: head.commit,
            author: actor.author.clone(),
            time: actor.time,
        };
        now.entries.insert(0, entry);
        stashing(Update::default(), &was, &now)
            .restaging(Some(stage), None)
            .apply(&ledger, actor)?;
        report(&ledger, StashAction::Pushed)
    }

    /// What was put aside as `number`, with at most `listed` of its changes.
    ///
    /// # Errors
    /// When there is none of that number.
    pub fn stash_show(&self, number: usize, listed: usize) -> Result<StashReport, LedgerError> {
        let ledger = self.read()?;
        let (_, _, entry) = taken(&ledger, number)?;
        let stage: StoredStage = codec::get(&ledger, entry.stage)?;
        let commit = ledger.commit(entry.commit)?;
        let lexicon = ledger.lexicon(&commit).with(stage.words);
        let Listing { changes, more, .. } =
            Listing::read(&ledger, &lexicon, commit.facts, stage.changes, listed)?;
        let entry = view(&ledger, number, &entry)?;
        report(&ledger, StashAction::Shown { entry, changes, more })
    }

    /// Stages again what was put aside as `number`, beside what is staged now. It stays put aside.
    ///
    /// # Errors
    /// When there is none of that number, or it says something else of a fact that is staged.
    pub fn stash_apply(&self, actor: &Actor, number: usize) -> Result<StashReport, LedgerError> {
        let ledger = self.read()?;
        let (_, _, entry) = taken(&ledger, number)?;
        let update = restaging(&ledger, &entry)?;
        let entry = view(&ledger, number, &entry)?;
        update.apply(&ledger, actor)?;
        report(&ledger, StashAction::Applied { entry })
    }

    /// As [`Repo::stash_apply`], and it is put aside no longer.
    ///
    /// # Errors
    /// When there is none of that number, or it says something else of a fact that is staged.
    pub fn stash_pop(&self, actor: &Actor, number: usize) -> Result<StashReport, LedgerError> {
        let ledger = self.read()?;
        let (was, now, entry) = taken(&ledger, number)?;
        let update = stashing(restaging(&ledger, &entry)?, &was, &now);
        let entry = view(&ledger, number, &entry)?;
        update.apply(&ledger, actor)?;
        report(&ledger, StashAction::Popped { entry })
    }

    /// Throws away what was put aside as `number`. `undo` brings it back.
    ///
    /// # Errors
    /// When there is none of that number.
    pub fn stash_drop(&self, actor: &Actor, number: usize) -> Result<StashReport, LedgerError> {
        let ledger = self.read()?;
        let (was, now, entry) = taken(&ledger, number)?;
        let entry = view(&ledger, number, &entry)?;
        stashing(Update::default(), &was, &now).apply(&ledger, actor)?;
        report(&ledger, StashAction::Dropped { entry })
    }
}

/// The stash with and without what has this number.
fn taken(ledger: &Ledger<'_>, number: usize) -> Result<(Stash, Stash, Stashed), LedgerError> {
    let was = ledger.stash()?;
    let count = was.entries.len();
    if number >= count {
        return Err(LedgerError::NoStash { number, count });
    }
    let mut now = was.clone();
    let entry = now.entries.remove(number);
    Ok((was, now, entry))
}

/// Stages what was put aside beside what is staged.
fn restaging(ledger: &Ledger<'_>, entry: &Stashed) -> Result<Update, LedgerError> {
    let staged = ledger.session.root(STAGE)?;
    let mut draft = Draft::new(ledger);
    let both = match ledger.stored_stage()? {
        None => entry.stage,
        Some(staged) => {
            let kept = codec::get(ledger, entry.stage)?;
            let both = together(&mut draft, staged, kept)?;
            draft.put(&both)
        }
    };
    Ok(Update::new(draft.into_new()).restaging(staged, Some(*both.as_bytes())))
}

/// Replaces the stash; an empty one is not written.
pub(super) fn stashing(update: Update, was: &Stash, to: &Stash) -> Update {
    let [was, to] = [was, to].map(|stash| (!stash.entries.is_empty()).then_some(stash));
    update.rooting(STASH, was, to)
}

/// Both stages in one.
fn together(
    draft: &mut Draft<'_>,
    now: StoredStage,
    kept: StoredStage,
) -> Result<StoredStage, LedgerError> {
    let facts = |draft: &mut Draft<'_>, now, kept| {
        both(draft, now, kept, |now: Staged, kept| {
            if now.change == kept.change {
                return Ok(now);
            }
            Err(LedgerError::StashClash { what: now.change.fact().to_string() })
        })
    };
    Ok(StoredStage {
        changes: facts(draft, now.changes, kept.changes)?,
        neighbourhood: facts(draft, now.neighbourhood, kept.neighbourhood)?,
        words: both(draft, now.words, kept.words, |now: Words, kept| Ok(now.beside(&kept)))?,
        citations: match (*now.citations, *kept.citations) {
            (Some(now), Some(kept)) => Some(both(draft, now, kept, |now, _| Ok(now))?),
            (now, kept) => now.or(kept),
        }
        .into(),
    })
}

/// Two trees in one. What both have under a key goes through `join`, unless it is the same.
fn both<V: Entry>(
    draft: &mut Draft<'_>,
    now: Id<Node<V>>,
    kept: Id<Node<V>>,
    join: impl Fn(V, V) -> Result<V, LedgerError>,
) -> Result<Id<Node<V>>, LedgerError> {
    let nothing = tree::empty(draft);
    let Merge { mut changes, clashes } = tree::merge3(draft, nothing, now, kept)?;
    for Clash { key, ours, theirs, .. } in clashes {
        let (Some(ours), Some(theirs)) = (ours, theirs) else { continue };
        changes.insert(key, Some(join(ours, theirs)?));
    }
    Ok(tree::update(draft, now, &changes)?)
}

fn view(ledger: &Ledger<'_>, number: usize, entry: &Stashed) -> Result<StashView, LedgerError> {
    let stage = codec::get(ledger, entry.stage)?;
    Ok(StashView {
        number: number as u64,
        branch: entry.branch.clone(),
        commit: entry.commit,
        message: entry.message.clone(),
        author: entry.author.clone(),
        time: entry.time,
        facts: stage.changes(ledger)?,
        words: tree::len(ledger, stage.words)?,
        neighbourhood: tree::len(ledger, stage.neighbourhood)?,
    })
}

fn report(ledger: &Ledger<'_>, action: StashAction) -> Result<StashReport, LedgerError> {
    let stash = ledger.stash()?;
    let entries = stash.entries.iter().enumerate();
    Ok(StashReport {
        action,
        entries: entries
            .map(|(number, entry)| view(ledger, number, entry))
            .collect::<Result<_, _>>()?,
        staged: ledger.staged()?,
    })
}
