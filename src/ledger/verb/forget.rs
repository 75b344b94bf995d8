//! `forget`: what is said of a subject taken out of all history.

use serde::Serialize;

use super::{op::RefMove, stash::stashing};
use crate::{
    codec::{self, Draft},
    commit::{Commit, FactView},
    engine::Progress,
    fact::StoredStage,
    id::Id,
    ledger::{
        LedgerError, Repo,
        actor::Actor,
        forget::{Forgetting, Rewriting, Scope},
        history::select::About,
        report::{view::HeadView, wording::fact_view},
        state::{
            bisection::Bisection,
            evaluations::{EVALUATIONS, Entry, Evaluations},
            manifest::Manifest,
            open::Ledger,
            roots::{BISECTION, STAGE},
            stash::{Stash, Stashed},
            update::Update,
        },
    },
    store::Head,
};

/// What `forget` took out, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ForgetReport {
    /// Whether nothing was done because that was only to be seen.
    pub dry_run: bool,
    /// The subjects, as IRIs.
    pub subjects: Vec<String>,
    /// What was said of them anywhere, sorted.
    pub facts: Vec<FactView>,
    /// Commits that were rewritten without it.
    pub rewritten: u64,
    /// Commits that said it and that only operations reached: they are gone.
    pub dropped: u64,
    /// Branches and tags that moved.
    pub refs: Vec<RefMove>,
    /// Staged changes that were dropped, stashes included.
    pub staged: u64,
    /// Evaluations of versions whose weights are others now: they are gone.
    pub evaluations: u64,
    /// Deltas that were cut or dropped because columns of theirs held it.
    pub deltas: u64,
    /// Deltas that could not be taken apart and stay as they are.
    pub whole: u64,
    /// Of these, deltas that facts hold together, forgotten ones and others: the numbers stay. Told before anything is done.
    pub shared: u64,
    /// Objects removed.
    pub objects: u64,
    /// Tensor files removed.
    pub tensor_files: u64,
    /// Bytes freed.
    pub freed: u64,
    /// Where HEAD is.
    pub head: HeadView,
    /// What is still there and where, and what cannot be taken back.
    pub remains: Vec<String>,
}

impl Repo {
    /// Rewrites every commit that says something of the subject that `about` names, and its descendants,
    /// without it; moves branches, tags and HEAD there; and removes what said it, so
    /// that nothing can bring it back.
    ///
    /// # Errors
    /// When nothing is said of it, something is in progress, another process uses the repository, or
    /// something is damaged. Before branches move nothing has changed; run again, it goes on from there.
    pub fn forget(
        &self,
        actor: &Actor,
        about: &About,
        dry_run: bool,
        progress: &mut dyn Progress,
    ) -> Result<ForgetReport, LedgerError> {
        let mut act = || self.forget_alone(actor, about, dry_run, progress);
        let report = if dry_run { act() } else { self.store().alone(act) }?;
        progress.finish("");
        Ok(report)
    }

    fn forget_alone(
        &self,
        actor: &Actor,
        about: &About,
        dry_run: bool,
        progress: &mut dyn Progress,
    ) -> Result<ForgetReport, LedgerError> {
        progress.start("looking for it", None);
        let ledger = self.read_to_change()?;
        ledger.require_no_task()?;
        if ledger.root::<Bisection>(BISECTION)?.is_some() {
            return Err(LedgerError::Bisecting);
        }
        let scope = Scope::find(&ledger, about)?;
        if scope.is_empty() {
            return Err(LedgerError::NoFactAnywhere { what: about.to_string() });
        }
        let mut report = self.seen(&ledger, &scope, dry_run)?;
        if dry_run {
            return Ok(report);
        }
        let mut draft = Draft::new(&ledger);
        let mut rewriting = Rewriting::new(self, &scope, &mut draft);
        progress.start("commits", Some(report.rewritten));
        let again = scope
            .history
            .iter()
            .filter(|(id, _)| scope.tainted.contains(id) && scope.reachable.contains(id));
        for (done, (id, commit)) in (1..).zip(again) {
            rewriting.commit(*id, commit)?;
            progress.advance(done, "")?;
        }
        (report.deltas, report.whole) = (rewriting.cut, rewriting.whole.len() as u64);
        let (update, refs) = moving_to(&ledger, &scope, &|id| rewriting.now(id))?;
        report.refs = refs;
        let now = |id| rewriting.now(id);
        let (update, gone) = evaluations(&ledger, &scope, rewriting.draft(), update, &now)?;
        report.evaluations = gone;
        let update = update.moving_found_with(&ledger, scope.tainted.iter().copied(), &now)?;
        let (commits, gone) = (scope.tainted.iter().copied(), (&scope.keys, &scope.quoted));
        let update = update.moving_citations(&ledger, commits, gone, &now)?;
        let note = Forgetting::begin(&ledger, actor, scope.forgotten_objects(&ledger)?)?;
        update.adding(draft.into_new()).apply(&ledger, actor)?;
        report.head = ledger.head_view()?;

        // What refers to it is removed now, and z vectors, which do not say whose they are.
        let collected = note.finish(self, ledger, &mut |what| progress.start(what, None))?;
        report.objects = collected.objects;
        report.tensor_files = collected.tensor_files;
        report.freed = collected.freed;
        Ok(report)
    }

    /// What is to be forgotten.
    fn seen(
        &self,
        ledger: &Ledger<'_>,
        scope: &Scope,
        dry_run: bool,
    ) -> Result<ForgetReport, LedgerError> {
        let (_, head) = ledger.head_commit()?;
        let lexicon = ledger.lexicon(&head);
        let mut facts = Vec::new();
        for fact in scope.facts.values() {
            facts.push(fact_view(&lexicon, fact)?);
        }
        let moved = ledger.session.refs()?.into_iter().filter(|(_, at)| scope.tainted.contains(at));
        Ok(ForgetReport {
            dry_run,
            subjects: scope.subjects.iter().map(|subject| subject.as_str().to_owned()).collect(),
            facts,
            rewritten: scope.tainted.intersection(&scope.reachable).count() as u64,
            dropped: scope.tainted.difference(&scope.reachable).count() as u64,
            refs: moved.map(|(name, at)| RefMove { name, from: Some(at), to: None }).collect(),
            staged: scope.staged(ledger)?,
            evaluations: 0,
            deltas: 0,
            whole: 0,
            shared: scope.shared.len() as u64,
            objects: 0,
            tensor_files: 0,
            freed: 0,
            head: ledger.head_view()?,
            remains: self.remains(scope),
        })
    }

    /// What `forget` cannot reach, in words.
    fn remains(&self, scope: &Scope) -> Vec<String> {
        let mut remains = vec![
            "what other facts' columns learned beside it, and what the base itself says".to_owned(),
            "messages of commits, and command lines in the operation log".to_owned(),
            "clones, exports, checkouts and backups made before".to_owned(),
        ];
        let dir = self.checkout_dir();
        let manifest = Manifest::read(&dir);
        if manifest.is_some_and(|manifest| scope.tainted.contains(&manifest.commit)) {
            let dir = dir.display();
            remains
                .push(format!("the model in {dir}, until kledger checkout HEAD writes it again"));
        }
        if !scope.shared.is_empty() {
            remains.push(
                "the numbers in deltas that it holds together with other facts; they go when none of these is left"
                    .to_owned(),
            );
        }
        if !scope.objects.is_empty() {
            remains.push("its name, which facts about others need".to_owned());
        }
        remains
    }
}

/// The moves of refs, HEAD, stage and stash to what is `now` in place of commits that are gone.
fn moving_to(
    ledger: &Ledger<'_>,
    scope: &Scope,
    now: &dyn Fn(Id<Commit>) -> Id<Commit>,
) -> Result<(Update, Vec<RefMove>), LedgerError> {
    let (mut update, mut moves) = (Update::default(), Vec::new());
    for (name, at) in ledger.session.refs()? {
        if now(at) != at {
            moves.push(RefMove { name: name.clone(), from: Some(at), to: Some(now(at)) });
            update = update.moving(name, Some(at), Some(now(at)));
        }
    }
    if let Head::Detached(at) = ledger.session.head()? {
        update = update.heading(Head::Detached(at), Head::Detached(now(at)));
    }
    let mut stages = Draft::new(ledger);
    let was = ledger.session.root(STAGE)?;
    let left =
        was.map(|was| left_of(ledger, scope, &mut stages, Id::from_bytes(was))).transpose()?;
    let left = left.flatten().map(|left| *left.as_bytes());
    if left != was {
        update = update.restaging(was, left);
    }
    let stash = ledger.stash()?;
    let mut kept = Stash::default();
    for entry in &stash.entries {
        if let Some(stage) = left_of(ledger, scope, &mut stages, entry.stage)? {
            kept.entries.push(Stashed { stage, commit: now(entry.commit), ..entry.clone() });
        }
    }
    if kept != stash {
        update = stashing(update, &stash, &kept);
    }
    Ok((update.adding(stages.into_new()), moves))
}

/// What a stage is without what is forgotten; `None` where nothing else was on it.
fn left_of(
    ledger: &Ledger<'_>,
    scope: &Scope,
    draft: &mut Draft<'_>,
    id: Id<StoredStage>,
) -> Result<Option<Id<StoredStage>>, LedgerError> {
    let stage = codec::get(ledger, id)?;
    let left = scope.strip(draft, stage)?;
    if left == stage {
        return Ok(Some(id));
    }
    Ok(if left.is_empty(draft)? { None } else { Some(draft.put(&left)) })
}

/// Has what was measured of commits go along with them. Figures of weights that are no more go: nobody
/// measured those of now. Returns how many do.
fn evaluations(
    ledger: &Ledger<'_>,
    scope: &Scope,
    draft: &Draft<'_>,
    update: Update,
    now: &dyn Fn(Id<Commit>) -> Id<Commit>,
) -> Result<(Update, u64), LedgerError> {
    let Some(was) = ledger.root::<Evaluations>(EVALUATIONS)? else { return Ok((update, 0)) };
    let mut kept = Evaluations::default();
    for entry in &was.entries {
        let to = now(entry.commit);
        let stays = if to == entry.commit {
            !scope.tainted.contains(&to)
        } else {
            codec::get(draft, to)?.weights == ledger.commit(entry.commit)?.weights
        };
        if stays {
            kept.entries.push(Entry { commit: to, report: entry.report });
        }
    }
    kept.entries.sort_by_key(|entry| entry.commit);
    if kept == was {
        return Ok((update, 0));
    }
    let gone = was.entries.len() - kept.entries.len();
    let to = (!kept.entries.is_empty()).then_some(&kept);
    Ok((update.rooting(EVALUATIONS, Some(&was), to), gone as u64))
}
