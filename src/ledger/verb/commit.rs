//! `commit`: the staged facts into a new version.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    codec::Draft,
    delta::{Delta, TensorFile},
    fact::{Fact, FactKey, Request, Roots, Stage, tree},
    id::Id,
    ledger::{
        Actor, Check, Commit, EditJob, EditedTensor, LedgerError, OpenEngine, Progress, Repo,
        Report, Requirements, Spec, StatisticsRecord, Step, ZTrace,
        check::{Examination, Question},
        edit::{Listening, Setup, ZKey},
        lineage::Line,
        read::Stored,
        sample::{Sample, question},
        version,
        view::{CommitView, FactCounts, HeadView},
        write::Change,
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
}

/// The edit of a commit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EditView {
    /// Name of the editor.
    pub editor: String,
    /// Facts edited.
    pub facts: u64,
    /// Of them, facts whose z was known from an earlier run.
    pub known: u64,
    /// Length of the delta's tensor file in bytes.
    pub delta_bytes: u64,
    /// Length of the base's tensors in bytes.
    pub base_bytes: u64,
    /// The edited tensors.
    pub tensors: Vec<String>,
    /// How it went.
    pub check: Check,
}

/// How a commit is made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CommitOptions {
    /// Why.
    pub message: String,
    /// Name of the editor, in place of the repository's.
    pub editor: Option<String>,
    /// Settings of the editor, over the repository's and the preset's.
    pub settings: toml::Table,
    /// Seed, in place of the repository's.
    pub seed: Option<u64>,
    /// What the edit must reach, over what the repository requires.
    pub require: Requirements,
}

/// What a commit is to do, as read from the store.
struct Plan {
    head: Head,
    parent_id: Id<Commit>,
    parent: Commit,
    parent_line: Line,
    stage: Stage,
    roots: Roots,
    /// New nodes of the trees.
    objects: BTreeMap<[u8; 32], Vec<u8>>,
    counts: FactCounts,
    words: u64,
    neighbourhood: u64,
    /// The lineage without the columns of facts that change.
    line: Line,
    /// The facts to edit, by key.
    edits: BTreeMap<FactKey, Question>,
    sample: Sample,
    /// Specs and statistics of this history, newest first.
    specs: Vec<Spec>,
    statistics: Vec<Stored<StatisticsRecord>>,
}

/// What the engine made of a plan.
struct Edited {
    spec: Spec,
    delta: Delta,
    /// Table of contents of its tensor file.
    contents: TensorFile,
    known: u64,
    line: Line,
    weights: Vec<EditedTensor>,
    check: Check,
    notes: Vec<String>,
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
        if options.message.trim().is_empty() {
            return Err(LedgerError::NoMessage);
        }
        let plan = self.plan(options)?;
        let edited = if plan.edits.is_empty() {
            None
        } else {
            Some(self.edit(&plan, actor, options, open, progress)?)
        };
        let weights = match &edited {
            Some(edited) => edited.weights.clone(),
            None if plan.line == plan.parent_line => plan.parent.weights.clone(),
            None => {
                let files = self.store().tensors();
                version::hashes(&version::load(&files, self.base()?, &plan.line)?.materialise()?)
            }
        };
        self.record(plan, edited, weights, actor, &options.message)
    }

    /// Reads all that the commit needs, so that the store can be closed while the engine runs.
    fn plan(&self, options: &CommitOptions) -> Result<Plan, LedgerError> {
        let ledger = self.read()?;
        let head = ledger.session.head()?;
        let (parent_id, parent) = ledger.head_commit()?;
        let stage = ledger.stage()?;
        let mut draft = Draft::new(&ledger);
        let roots = stage.apply(&mut draft, parent.roots())?;
        if roots == parent.roots() {
            return Err(LedgerError::NothingStaged);
        }
        let lexicon = ledger.lexicon_at(&draft, roots.lexicon);
        let mut counts = FactCounts::default();
        let mut changed = BTreeSet::new();
        let mut facts: BTreeMap<FactKey, Fact> = BTreeMap::new();
        for difference in tree::diff(&draft, parent.facts, roots.facts) {
            let (key, before, after) = difference?;
            changed.insert(key);
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
        let mut edits = BTreeMap::new();
        for (key, fact) in &facts {
            edits.insert(*key, question(&lexicon, fact)?);
        }
        let sample = if edits.is_empty() {
            Sample::default()
        } else {
            let seed = options.seed.unwrap_or(self.config().seed);
            Sample::draw(&draft, &lexicon, roots, &facts, self.config(), seed)?
        };
        let parent_line = ledger.line(&parent)?;
        let mut line = parent_line.clone();
        line.let_go(&changed);
        let (specs, statistics) = ledger.made_with(parent_id, parent.base)?;
        Ok(Plan {
            words: differing(tree::diff(&draft, parent.lexicon, roots.lexicon))?,
            neighbourhood: differing(tree::diff(
                &draft,
                parent.neighbourhood,
                roots.neighbourhood,
            ))?,
            objects: draft.into_new(),
            head,
            parent_id,
            parent,
            parent_line,
            stage,
            roots,
            counts,
            line,
            edits,
            sample,
            specs,
            statistics,
        })
    }

    /// Runs the editor and checks what it made.
    fn edit(
        &self,
        plan: &Plan,
        actor: &Actor,
        options: &CommitOptions,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Edited, LedgerError> {
        let base_id = plan.parent.base;
        let files = self.store().tensors();
        // Damage in the parent is found here, before anything is computed.
        let parent_weights = self.weights(plan.parent_id, &plan.parent, &plan.parent_line)?;
        let mut engine = self.engine(open)?;
        let setup = Setup::settle(
            self,
            engine.as_ref(),
            options.editor.as_deref(),
            &options.settings,
            options.seed,
        )?;
        let mut notes = Vec::new();
        let prefixes = match plan.specs.iter().find(|spec| setup.matches(spec)) {
            Some(spec) => spec.prefixes.clone(),
            None => engine.prefixes(&setup.settings, setup.seed)?,
        };
        let moments = match self.stored_statistics(&setup, plan.statistics.clone())? {
            Some(moments) => moments,
            None => {
                let tokens = self.config().statistics_tokens;
                notes.push(format!(
                    "statistics taken on {tokens} tokens sampled from the base; kledger stats \
                     --corpus FILE takes them on text of yours"
                ));
                self.sampled_statistics(actor, engine.as_mut(), &setup, base_id, progress)?
            }
        };

        let requests: Vec<Request> =
            plan.edits.values().map(|question| question.request.clone()).collect();
        let keys = setup.z_keys(base_id, &prefixes, plan.line.id(), &requests);
        let known = self.known_z(&keys)?;
        let version = version::load(&files, self.base()?, &plan.line)?;
        let job = EditJob {
            editor: &setup.editor,
            settings: &setup.settings,
            prefixes: &prefixes,
            second_moments: &moments.matrices,
            version: &version,
            requests: &requests,
            known_z: &known,
        };
        let mut listening = Listening { progress: &mut *progress, found: BTreeMap::new() };
        let outcome = engine.edit(&job, &mut listening);
        let mut new_z: BTreeMap<usize, Vec<f32>> = listening.found;
        if let Ok(outcome) = &outcome {
            new_z.extend((0..outcome.z.rows).map(|row| (row, outcome.z.row(row).to_vec())));
        }
        // Kept at once: whatever happens now, z need not be found again.
        let new_z: Vec<(ZKey, Vec<f32>)> = new_z
            .into_iter()
            .filter(|(request, _)| known.get(*request).is_some_and(Option::is_none))
            .map(|(request, z)| (keys[request], z))
            .collect();
        self.keep_z(actor, &new_z)?;
        let outcome = outcome?;
        notes.extend(outcome.notes);

        let columns: Vec<FactKey> = plan.edits.keys().copied().collect();
        let orientations = &setup.description.tensors;
        let (delta, contents) =
            version::write_delta(&files, outcome.layers, orientations, &columns)?;
        let mut line = plan.line.clone();
        line.push(delta.clone());
        let weights = version::load(&files, self.base()?, &line)?.materialise()?;
        let check = examine(plan, outcome.traces).run(
            engine.as_mut(),
            &parent_weights,
            &weights,
            progress,
        )?;
        let unmet = options.require.or(self.config().require).unmet(&check);
        if !unmet.is_empty() {
            return Err(LedgerError::Unmet { unmet, check: Box::new(check) });
        }
        Ok(Edited {
            spec: Spec {
                editor: setup.editor,
                editor_version: setup.description.version,
                settings: setup.settings,
                seed: setup.seed,
                prefixes,
                statistics: moments.id,
            },
            delta,
            contents,
            known: known.iter().flatten().count() as u64,
            line,
            weights: version::hashes(&weights),
            check,
            notes,
        })
    }

    /// Writes the commit and moves the branch.
    fn record(
        &self,
        plan: Plan,
        edited: Option<Edited>,
        weights: Vec<EditedTensor>,
        actor: &Actor,
        message: &str,
    ) -> Result<CommitReport, LedgerError> {
        let ledger = self.read()?;
        let mut draft = Draft::new(&ledger);
        let line = edited.as_ref().map_or(&plan.line, |edited| &edited.line);
        let mut commit = Commit {
            parents: vec![plan.parent_id],
            base: plan.parent.base,
            facts: plan.roots.facts,
            lexicon: plan.roots.lexicon,
            neighbourhood: plan.roots.neighbourhood,
            spec: None,
            delta: None,
            lineage: None,
            weights,
            report: None,
            step: Step::Edit,
            author: actor.author.clone(),
            time: actor.time,
            message: message.trim().to_owned(),
        };
        let mut notes = Vec::new();
        if let Some(edited) = &edited {
            draft.put(&edited.contents);
            commit.spec = Some(draft.put(&edited.spec));
            commit.delta = Some(draft.put(&edited.delta));
            commit.report = Some(draft.put(&Report::of(&edited.check)));
            notes.clone_from(&edited.notes);
        }
        commit.lineage = line.store(&mut draft)?;
        let id = draft.put(&commit);
        let mut objects = plan.objects;
        objects.extend(draft.into_new());
        Change::new(objects)
            .moving_head(plan.head, plan.parent_id, id)
            .staging(&plan.stage, &Stage::default())
            .apply(&ledger, actor)?;

        let edit = match edited {
            None => None,
            Some(edited) => Some(EditView {
                facts: edited.delta.columns.len() as u64,
                known: edited.known,
                delta_bytes: self.tensor_file_bytes(edited.delta.file)?,
                base_bytes: self.base_bytes()?,
                tensors: edited.delta.tensors.into_iter().map(|tensor| tensor.name).collect(),
                editor: edited.spec.editor,
                check: edited.check,
            }),
        };
        Ok(CommitReport {
            commit: ledger.commit_view(id, &commit)?,
            head: ledger.head_view()?,
            facts: plan.counts,
            words: plan.words,
            neighbourhood: plan.neighbourhood,
            edit,
            notes,
        })
    }
}

fn examine(plan: &Plan, traces: Vec<Option<ZTrace>>) -> Examination {
    Examination {
        edited: plan.edits.values().cloned().zip(traces).collect(),
        neighbours: plan.sample.neighbours.clone(),
        earlier: plan.sample.earlier.clone(),
    }
}

fn differing<T, E>(differences: impl Iterator<Item = Result<T, E>>) -> Result<u64, E> {
    differences.map(|difference| difference.map(drop)).try_fold(0, |count, item| {
        item?;
        Ok(count + 1)
    })
}
