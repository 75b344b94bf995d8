//! `resolve`: what is to hold where two sides are in conflict.

use serde::Serialize;

use crate::{
    codec::Draft,
    fact::{
        Fact, FactKey, Lexicon, StageError,
        read::{Position, ReadError},
        tree::Clash,
    },
    ledger::{
        LedgerError, Repo,
        actor::Actor,
        history::select::About,
        merge::{
            how::{Favour, Task},
            task::ConflictView,
        },
        state::{roots::TASK, update::Update},
    },
};

/// What `resolve` settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResolveReport {
    /// What waits for it.
    pub task: Task,
    /// Conflicts settled by this command.
    pub settled: u64,
    /// Conflicts that are still open.
    pub open: u64,
    /// All conflicts.
    pub conflicts: Vec<ConflictView>,
}

impl Repo {
    /// Settles conflicts of the task in progress: what `side` says is to hold, of those `about` something
    /// or, where that is everything, of those that are open.
    ///
    /// # Errors
    /// When no task is in progress, or nothing of it is in conflict.
    pub fn resolve(
        &self,
        actor: &Actor,
        side: Favour,
        about: &About,
    ) -> Result<ResolveReport, LedgerError> {
        self.settle(actor, |task, lexicon, clashes| {
            let mut said = Vec::new();
            for (clash, open) in clashes {
                let fact = clash.ours.as_ref().or(clash.theirs.as_ref());
                let meant = match fact {
                    Some(fact) if !about.is_everything() => about.matches(lexicon, fact)?,
                    _ => *open,
                };
                let holds = match side {
                    Favour::Nobody => continue,
                    Favour::Ours => &clash.ours,
                    Favour::Theirs => &clash.theirs,
                    Favour::Base => &clash.base,
                };
                if meant {
                    said.push((clash.key, holds.clone()));
                }
            }
            if said.is_empty() && about.is_everything() {
                return Err(LedgerError::NothingOpen { task, settled: clashes.len() });
            }
            if said.is_empty() {
                return Err(LedgerError::NoConflict { what: about.to_string() });
            }
            Ok(said)
        })
    }

    /// Settles conflicts of the task in progress by saying which facts are to hold.
    ///
    /// # Errors
    /// When no task is in progress, the input cannot be read, or one of the facts is not in conflict;
    /// nothing is settled then.
    pub fn resolve_with(
        &self,
        actor: &Actor,
        input: impl IntoIterator<Item = Result<(Fact, Position), ReadError>>,
    ) -> Result<ResolveReport, LedgerError> {
        let input: Vec<_> = input.into_iter().collect();
        self.settle(actor, |_, _, clashes| {
            let mut said = Vec::new();
            for triple in input {
                let (fact, _) = triple.map_err(StageError::from)?;
                let keys = [fact.key(false), fact.key(true)];
                match clashes.iter().find(|(clash, _)| keys.contains(&clash.key)) {
                    Some((clash, _)) => said.push((clash.key, Some(fact))),
                    None => return Err(LedgerError::NoConflict { what: fact.to_string() }),
                }
            }
            Ok(said)
        })
    }

    /// Has `choose` say what is to hold, of the conflicts and whether each is open.
    fn settle(
        &self,
        actor: &Actor,
        choose: impl FnOnce(
            Task,
            &Lexicon<'_>,
            &[(Clash<Fact>, bool)],
        ) -> Result<Vec<Settled>, LedgerError>,
    ) -> Result<ResolveReport, LedgerError> {
        let ledger = self.read()?;
        let was = ledger.task_in_progress()?.ok_or(LedgerError::NoTask { task: None })?;
        let mut draft = Draft::new(&ledger);
        let mut clashes = Vec::new();
        let mut words = ledger.commit(was.at)?.lexicon;
        if let Some(next) = ledger.next(&mut draft, &was)? {
            words = next.combined.side.roots.lexicon;
            let settled = next.combined.settled.into_iter().map(|(clash, _)| (clash, false));
            clashes.extend(settled);
            clashes.extend(next.combined.open.into_iter().map(|clash| (clash, true)));
        }
        let said = choose(was.task, &ledger.lexicon_at(&draft, words), &clashes)?;
        let settled = said.len() as u64;
        let mut now = was.clone();
        now.settled.extend(said);
        Update::default().rooting(TASK, Some(&was), Some(&now)).apply(&ledger, actor)?;
        let conflicts = ledger.task_view()?.map(|view| view.conflicts).unwrap_or_default();
        let open = conflicts.iter().filter(|conflict| !conflict.settled).count() as u64;
        Ok(ResolveReport { task: was.task, settled, open, conflicts })
    }
}

/// The key of a conflict and what is to hold.
type Settled = (FactKey, Option<Fact>);
