//! `commit`: the staged facts into a new version.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    codec::{self, Draft, NewObjects},
    commit::{Check, Commit, EditedTensor, Step},
    engine::Progress,
    fact::{CitationTree, Fact, FactKey, Roots, tree},
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        actor::Actor,
        edit::{
            attempt::{Edited, Job},
            earlier::Earlier,
            examine::{Examination, WordedFact},
            failure::Failure,
            kept_prompts::Others,
            options::EditOptions,
            record::{NewCommit, Recorded},
            rounds::{Round, Until},
            sample::Sample,
            setup::Setup,
            trial::{Checked, Trial},
            weigh::{EditTask, Weighed},
        },
        lineage::{line::Line, load},
        report::{
            counts::differing,
            stat::Stat,
            view::{CommitView, FactCounts, HeadView},
        },
        state::{citations, open::Ledger, roots::STAGE, update::Update},
    },
    store::Head,
};

/// What `commit` made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CommitReport {
    /// The new commit.
    pub commit: CommitView,
    /// Where HEAD is now.
    pub head: HeadView,
    /// How the facts changed.
    pub facts: FactCounts,
    /// IRIs whose words changed.
    pub words: u64,
    /// Neighbourhood facts that came or went.
    pub neighbourhood: u64,
    /// What was edited; `None` when no weights had to be found (only retractions or words).
    pub edit: Option<EditView>,
    /// What is worth saying about how it went: statistics computed now, facts not measured.
    pub notes: Vec<String>,
    /// The commit whose place it took.
    pub amended: Option<Id<Commit>>,
    /// Whether nothing was recorded.
    pub dry_run: bool,
}

/// The edit of a commit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EditView {
    /// Name of the editor.
    pub editor: String,
    /// Facts edited.
    pub facts: u64,
    /// Facts of earlier commits about the same subjects that were edited again with them.
    pub again: u64,
    /// Of all these, facts whose z was known from an earlier run.
    pub known: u64,
    /// Length of the delta's tensor file in bytes.
    pub delta_bytes: u64,
    /// Length of the base's tensors in bytes.
    pub base_bytes: u64,
    /// How often what did not hold was edited again, and what came of it.
    pub rounds: Vec<Round>,
    /// The weights that it was tried with, ascending, where one was to be measured.
    pub weighed: Vec<Weighed>,
    /// The edited tensors.
    pub tensors: Vec<String>,
    /// How it went.
    pub check: Check,
    /// Facts that do not hold, and why.
    pub failures: Vec<Failure>,
}

/// How a commit is made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CommitOptions {
    /// Why.
    pub message: String,
    /// How its facts are edited.
    pub edit: EditOptions,
    /// Share of its facts that are to hold, for which those that do not are edited again some times.
    pub until: Option<f64>,
    /// Whether nothing is recorded: only what would come of it is said.
    pub dry_run: bool,
}

/// What of a commit is said anew when it is amended; the rest stays as it was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AmendOptions {
    /// How it is made, where facts are staged. An empty message leaves the one it has; without an editor
    /// and settings it is made with what it was made with.
    pub commit: CommitOptions,
    /// Whether the author is to be who amends it.
    pub author: bool,
    /// Whether the time is to be now.
    pub time: bool,
}

/// Said once of a model that nobody has published settings for.
const UNCALIBRATED: &str = "nobody has published settings for this model, so general ones were taken; kledger calibrate \
                            looks for better ones on facts that the model knows";

/// What a commit is to do, as read from the store.
struct Plan {
    head: Head,
    /// Where HEAD is: at the parent, or at the commit that is amended.
    from: Id<Commit>,
    parent_id: Id<Commit>,
    parent: Commit,
    parent_line: Line,
    /// The stage's id, if anything is staged.
    stage: Option<[u8; 32]>,
    roots: Roots,
    /// New nodes of the trees.
    objects: NewObjects,
    /// Where its facts were read.
    citations: Option<Id<CitationTree>>,
    counts: FactCounts,
    words: u64,
    neighbourhood: u64,
    /// The lineage without the columns of facts that change.
    line: Line,
    /// The facts to edit, by key.
    edits: BTreeMap<FactKey, WordedFact>,
    /// Other facts about the subjects of what changes, to be edited again where one z is sought for all.
    companions: BTreeMap<FactKey, WordedFact>,
    sample: Sample,
    earlier: Earlier,
}

impl Repo {
    /// Makes a version of what is staged: edits the new facts into the weights, lets go of those that
    /// are replaced or retracted, checks the result, and moves the branch.
    ///
    /// # Errors
    /// When nothing is staged, a fact has no words, the edit fails or does not reach what is
    /// required, or the branch or the stage changed meanwhile. The stage stays as it is, and what was
    /// found is kept for the next try.
    pub fn commit(
        &self,
        actor: &Actor,
        options: &CommitOptions,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<CommitReport, LedgerError> {
        if options.message.trim().is_empty() && !options.dry_run {
            return Err(LedgerError::NoMessage);
        }
        let plan = self.plan(options, None)?;
        self.carry_out(plan, (actor, actor), options, open, progress)
    }

    /// Makes the commit at HEAD again, with what is staged taken in and with another message, and moves
    /// the branch from it to the new one. Its facts and those of the stage are edited as one on its
    /// parent, with the z vectors that are known. Where nothing is staged the weights stay as they are.
    ///
    /// # Errors
    /// When it is the base or a merge, or facts are staged and it was not made of facts, nothing would
    /// be changed or nothing would be left, and as [`Repo::commit`].
    pub fn amend(
        &self,
        actor: &Actor,
        options: &AmendOptions,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<CommitReport, LedgerError> {
        let ledger = self.read()?;
        let (id, tip) = ledger.head_commit()?;
        if tip.parents.len() != 1 {
            return Err(LedgerError::NotAmendable { commit: id, merge: !tip.parents.is_empty() });
        }
        // The operation belongs to the user who amends, now; that is what gc goes by.
        let signed = Actor {
            author: if options.author { actor.author.clone() } else { tip.author.clone() },
            time: if options.time { actor.time } else { tip.time },
            ..actor.clone()
        };
        let mut how = options.commit.clone();
        if how.message.trim().is_empty() {
            how.message.clone_from(&tip.message);
        }
        if ledger.stored_stage()?.is_none() {
            return self.reword(&ledger, (actor, &signed), (id, tip), &how);
        }
        if tip.step != Step::Edit {
            return Err(LedgerError::AmendStep { commit: id });
        }
        if let Some(spec) = tip.spec.filter(|_| how.edit.settings.is_empty()) {
            how.edit = how.edit.as_made_with(Some(&codec::get(&ledger, spec)?))?;
        }
        drop(ledger);
        let plan = self.plan(&how, Some(id))?;
        self.carry_out(plan, (actor, &signed), &how, open, progress)
    }

    /// Makes the commit `tip` again with another message: as an operation of the first, in a commit of the
    /// second.
    fn reword(
        &self,
        ledger: &Ledger<'_>,
        (actor, signed): (&Actor, &Actor),
        (was, tip): (Id<Commit>, Commit),
        options: &CommitOptions,
    ) -> Result<CommitReport, LedgerError> {
        ledger.require_no_task()?;
        let mut draft = Draft::new(ledger);
        let message = options.message.trim().to_owned();
        let (author, time) = (signed.author.clone(), signed.time);
        let commit = Commit { message, author, time, ..tip };
        let id = draft.put(&commit);
        if id == was {
            return Err(LedgerError::NothingToAmend { commit: id });
        }
        if !options.dry_run {
            Update::new(draft.into_new())
                .citing(ledger, id, ledger.cited(was)?)?
                .moving_head(ledger.session.head()?, was, id)
                .apply(ledger, actor)?;
        }
        let parent = ledger.commit(commit.parents[0])?;
        let stat = Stat::between(ledger, &parent, &commit)?;
        Ok(CommitReport {
            commit: ledger.commit_view(id, &commit)?,
            head: ledger.head_view()?,
            facts: stat.facts,
            words: stat.words,
            neighbourhood: stat.neighbourhood,
            edit: None,
            notes: vec!["the weights are as they were: nothing was staged".to_owned()],
            amended: Some(was),
            dry_run: options.dry_run,
        })
    }

    /// Finds the weights of a plan and records it: as an operation of the first, in a commit of the second.
    fn carry_out(
        &self,
        plan: Plan,
        (actor, signed): (&Actor, &Actor),
        options: &CommitOptions,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<CommitReport, LedgerError> {
        let edited = if plan.edits.is_empty() && plan.companions.is_empty() {
            None
        } else {
            self.edit_staged(&plan, actor, options, open, progress)?
        };
        let weights = match &edited {
            Some((made, _)) => load::hashes(&made.edited.weights),
            None if plan.line == plan.parent_line => plan.parent.weights.clone(),
            None => load::hashes(&self.build(&plan.line)?),
        };
        progress.part("record");
        self.record(plan, edited, weights, (actor, signed), options)
    }

    /// Reads all that the commit needs, so that the store can be closed while the engine runs. With
    /// `amended`, the commit at HEAD, which is replaced by one with the staged changes.
    fn plan(
        &self,
        options: &CommitOptions,
        amended: Option<Id<Commit>>,
    ) -> Result<Plan, LedgerError> {
        let ledger = self.read_to_change()?;
        ledger.require_no_task()?;
        let head = ledger.session.head()?;
        let (from, tip) = ledger.head_commit()?;
        let (parent_id, parent) = match amended {
            Some(id) if id != from => return Err(LedgerError::Moved { what: "HEAD".to_owned() }),
            Some(_) => (tip.parents[0], ledger.commit(tip.parents[0])?),
            None => (from, tip.clone()),
        };
        let stage = ledger.session.root(STAGE)?;
        let staged = ledger.stored_stage()?.ok_or(LedgerError::NothingStaged)?;
        let mut draft = Draft::new(&ledger);
        let roots = staged.apply(&mut draft, tip.roots())?;
        if roots == tip.roots() {
            return Err(LedgerError::NothingStaged);
        }
        if roots == parent.roots() {
            return Err(LedgerError::NothingToKeep { commit: from });
        }
        let lexicon = ledger.lexicon_at(&draft, roots.lexicon);
        let mut counts = FactCounts::default();
        let (mut changed, mut subjects) = (BTreeSet::new(), BTreeSet::new());
        let mut facts: BTreeMap<FactKey, Fact> = BTreeMap::new();
        for difference in tree::diff(&draft, parent.facts, roots.facts) {
            let (key, before, after) = difference?;
            changed.insert(key);
            subjects.extend(before.iter().chain(&after).map(|fact| fact.subject.clone()));
            match (before, after) {
                (_, None) => counts.removed += 1,
                (before, Some(after)) => {
                    if before.is_some() {
                        counts.replaced += 1;
                    } else {
                        counts.added += 1;
                    }
                    facts.insert(key, after);
                }
            }
        }
        let parent_line = ledger.line(&parent)?;
        let mut line = parent_line.clone();
        // What held together with something that goes is edited again.
        for key in line.let_go(&changed) {
            facts.extend(tree::get(&draft, roots.facts, key)?.map(|fact| (key, fact)));
        }
        let mut companions = ledger.facts_about_all(parent.facts, &subjects)?;
        companions.retain(|key, _| !changed.contains(key) && !facts.contains_key(key));
        let together: BTreeMap<FactKey, Fact> =
            facts.iter().chain(&companions).map(|(key, fact)| (*key, fact.clone())).collect();
        let others = Others::read(&draft, &lexicon, roots, together.values())?;
        let edits = others.questions(&lexicon, &facts)?;
        let companions = others.questions_with_words(&lexicon, &companions)?;
        let sample = if together.is_empty() {
            Sample::default()
        } else {
            let seed = options.edit.seed.unwrap_or(self.config().seed);
            Sample::draw(&draft, &lexicon, roots, &together, self.config(), seed)?
        };
        let cited = amended.map(|id| ledger.cited(id)).transpose()?.flatten();
        let citations = citations::with_stage(&mut draft, cited, &staged)?;
        Ok(Plan {
            citations,
            earlier: ledger.made_with([from], parent.base)?,
            words: differing(tree::diff(&draft, parent.lexicon, roots.lexicon))?,
            neighbourhood: differing(tree::diff(
                &draft,
                parent.neighbourhood,
                roots.neighbourhood,
            ))?,
            objects: draft.into_new(),
            head,
            from,
            parent_id,
            parent,
            parent_line,
            stage,
            roots,
            counts,
            line,
            edits,
            companions,
            sample,
        })
    }

    /// Runs the editor and checks what it made; nothing where there is nothing to edit.
    fn edit_staged(
        &self,
        plan: &Plan,
        actor: &Actor,
        options: &CommitOptions,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Option<(Checked, Vec<Weighed>)>, LedgerError> {
        let parent = (plan.parent_id, &plan.parent, &plan.parent_line);
        let require = options.edit.require;
        let mut trial = Trial::begin_to_record(self, parent, require, open, progress)?;
        let setup = Setup::settle(self, trial.engine.as_ref(), &options.edit)?;
        if options.until.is_some() {
            setup.require_columns()?;
        }
        let uncalibrated = self.lacks_settings(&setup, plan, &options.edit);
        let mut edits = plan.edits.clone();
        if setup.description.joins_subjects {
            edits.extend(plan.companions.clone());
        }
        if edits.is_empty() {
            return Ok(None);
        }
        let requests: BTreeMap<_, _> =
            edits.iter().map(|(key, question)| (*key, question.request.clone())).collect();
        let job = |requests| Job {
            base: plan.parent.base,
            line: &plan.line,
            requests,
            earlier: &plan.earlier,
        };
        let examination = |edited: &Edited| {
            let findings: BTreeMap<&FactKey, _> = edits.keys().zip(&edited.findings).collect();
            let finding = |key| findings.get(key).copied().cloned().unwrap_or_default();
            let companions = plan.companions.values();
            Examination {
                edited: plan.edits.iter().map(|(key, q)| (q.clone(), finding(key))).collect(),
                neighbours: plan.sample.neighbours.clone(),
                earlier: companions.chain(&plan.sample.earlier).cloned().collect(),
                known: plan.sample.known,
            }
        };
        let whole = || job(requests.clone());
        let task = EditTask { actor, job: &whole, examination: &examination };
        let (mut checked, weighed) = trial.edit_and_check(setup, &task, progress)?;
        if let Some(share) = options.until {
            let until = Until { share, facts: &plan.edits, companions: &plan.companions };
            let job = job(BTreeMap::new());
            let edited = trial.edit_until(actor, &until, &job, checked.edited, progress)?;
            checked = trial.checked(examination(&edited), edited, progress)?;
        }
        if uncalibrated {
            checked.edited.notes.push(UNCALIBRATED.to_owned());
        }
        trial.require(&mut checked, require, progress)?;
        Ok(Some((checked, weighed)))
    }

    /// Whether this is a first edit, and nobody has said what suits the model.
    fn lacks_settings(&self, setup: &Setup, plan: &Plan, options: &EditOptions) -> bool {
        let own = self.config().settings.get(&setup.editor.name);
        setup.description.uncalibrated
            && plan.earlier.specs.is_empty()
            && own.is_none_or(toml::Table::is_empty)
            && options.settings.is_empty()
    }

    /// Writes the commit and moves the branch.
    fn record(
        &self,
        plan: Plan,
        made: Option<(Checked, Vec<Weighed>)>,
        weights: Vec<EditedTensor>,
        (actor, signed): (&Actor, &Actor),
        options: &CommitOptions,
    ) -> Result<CommitReport, LedgerError> {
        let ledger = self.read()?;
        let edit = made.as_ref().map(|(made, _)| made);
        let new = NewCommit {
            parents: vec![plan.parent_id],
            base: plan.parent.base,
            roots: plan.roots,
            line: edit.map_or(&plan.line, |made| &made.edited.line),
            weights,
            edited: edit.map(|made| &made.edited),
            imported: None,
            check: edit.map(|made| &made.check),
            step: Step::Edit,
            author: signed.author.clone(),
            time: signed.time,
            message: options.message.trim().to_owned(),
        };
        let Recorded { id, commit, update } =
            new.record(&ledger, plan.objects, self.object_limit())?;
        if !options.dry_run {
            update
                .citing(&ledger, id, plan.citations)?
                .moving_head(plan.head, plan.from, id)
                .restaging(plan.stage, None)
                .apply(&ledger, actor)?;
        }

        let notes = edit.map(|made| made.edited.notes.clone()).unwrap_or_default();
        let edit = made.map(|(made, weighed)| self.edit_view(made, weighed)).transpose()?;
        Ok(CommitReport {
            commit: ledger.commit_view(id, &commit)?,
            head: ledger.head_view()?,
            facts: plan.counts,
            words: plan.words,
            neighbourhood: plan.neighbourhood,
            edit,
            notes,
            amended: (plan.from != plan.parent_id).then_some(plan.from),
            dry_run: options.dry_run,
        })
    }

    /// What a report says of an edit.
    pub(super) fn edit_view(
        &self,
        made: Checked,
        weighed: Vec<Weighed>,
    ) -> Result<EditView, LedgerError> {
        let Checked { edited, check, failures } = made;
        Ok(EditView {
            facts: check.facts.len() as u64,
            again: edited.delta.facts().len().saturating_sub(check.facts.len()) as u64,
            known: edited.known,
            rounds: edited.rounds,
            weighed,
            delta_bytes: self.tensor_file_bytes(edited.delta.file)?,
            base_bytes: self.base_bytes()?,
            tensors: edited.delta.tensors.into_iter().map(|tensor| tensor.name).collect(),
            editor: edited.spec.editor,
            check,
            failures,
        })
    }
}
