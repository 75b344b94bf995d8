//! `import`: a delta, adapter or checkpoint as a commit.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::Serialize;

pub use crate::ledger::exchange::incoming::ImportSource;
use crate::{
    codec::{self, Draft, NewObjects, Objects, id_of},
    commit::{Check, Commit, EditedTensor, Step},
    delta::{Delta, DeltaTensor, Form, TensorFile},
    engine::Progress,
    fact::{
        Fact, FactKey, FactTree, Intake, Role, Roots, StageError, StoredStage, fact_key,
        read::Position, tree,
    },
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        actor::Actor,
        edit::{
            examine::Examination,
            record::{NewCommit, Recorded},
            sample::Sample,
            trial::Trial,
        },
        exchange::{
            bundle,
            incoming::{Incoming, Said, peft},
        },
        lineage::{line::Line, load},
        report::view::{CommitView, FactCounts, HeadView},
        requirements::Requirements,
    },
    store::Head,
    tensor::Tensor,
};

/// What `import` made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImportReport {
    /// The new commit.
    pub commit: CommitView,
    /// Where HEAD is now.
    pub head: HeadView,
    /// How the facts changed.
    pub facts: FactCounts,
    /// What was taken in, one line for each tensor of each delta.
    pub tensors: Vec<ImportedTensor>,
    /// Length of the deltas' tensor files in bytes.
    pub delta_bytes: u64,
    /// Length of the base's tensors in bytes.
    pub base_bytes: u64,
    /// How it went: the facts that came with it, and those that were there before.
    pub check: Option<Check>,
    /// What is worth knowing of it.
    pub notes: Vec<String>,
}

/// A change of one tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportedTensor {
    /// Name in the checkpoint.
    pub name: String,
    /// Its rank; `None` for a whole tensor.
    pub rank: Option<u64>,
}

/// How to take a change in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportOptions {
    /// Why.
    pub message: Option<String>,
    /// Of a checkpoint: the version that it was trained on from. Else it is found.
    pub trained_from: Option<String>,
    /// Of an adapter: whether it may say that it is for another model.
    pub any_base: bool,
    /// What the version must reach, over what the repository requires.
    pub require: Requirements,
}

/// What an import does, as read from the store.
struct Plan {
    head: Head,
    head_id: Id<Commit>,
    current: Commit,
    head_line: Line,
    line: Line,
    /// Those that HEAD has not.
    deltas: Vec<(Delta, TensorFile)>,
    roots: Roots,
    objects: NewObjects,
    counts: FactCounts,
    examination: Examination,
}

impl Repo {
    /// Imports a delta, adapter or checkpoint as a commit on HEAD: it is added to what HEAD has.
    /// Facts come only from our own deltas; they hold then as if they had been edited here. With an
    /// engine they are asked, and so are the facts that were there before.
    ///
    /// What is taken of a checkpoint is what makes the version it was trained on from into it, bit for bit. So
    /// on top of that version the new one has the checkpoint's weights.
    ///
    /// # Errors
    /// When the source is damaged, for another base, of a kind that is no sum of weights, or changes
    /// nothing; when a checkpoint was trained on from an edited version and nobody says so; when HEAD has some of an
    /// adapter already; when the model fails. Nothing is recorded then.
    pub fn import(
        &self,
        actor: &Actor,
        source: &ImportSource,
        options: &ImportOptions,
        open: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<ImportReport, LedgerError> {
        let said =
            Said { trained_from: options.trained_from.as_deref(), any_base: options.any_base };
        let mut incoming = Incoming::read(self, source, said, progress)?;
        let mut plan = self.plan_import(&source.dir(), &incoming)?;
        let after = self.build(&plan.line)?;
        self.refuse_duplicate(source, &incoming, &plan, &after)?;
        let mut check = None;
        if let Some(open) = open {
            let head = (plan.head_id, &plan.current, &plan.head_line);
            let require = options.require;
            let mut trial = Trial::begin_to_record(self, head, require, open, progress)?;
            let examination = std::mem::take(&mut plan.examination);
            check = Some(trial.check(examination, &after, require, progress)?);
        } else {
            incoming.notes.push("not checked: no model was run".to_owned());
        }
        let message =
            options.message.clone().unwrap_or_else(|| format!("Import {}", incoming.source));
        self.record_import(actor, plan, incoming, load::hashes(&after), check, message)
    }

    /// Reads what taking `incoming` in means for HEAD. Its tensors are written first, without the store: nothing names
    /// them until the commit is recorded.
    fn plan_import(&self, dir: &Path, incoming: &Incoming) -> Result<Plan, LedgerError> {
        let files = self.store().tensors();
        let mut deltas = Vec::new();
        for bundled in &incoming.deltas {
            let (columns, together) = (&bundled.columns, &bundled.together);
            deltas.push(load::write(&files, &bundled.changes, columns, together)?);
        }

        let ledger = self.read()?;
        let head = ledger.session.head()?;
        let (head_id, current) = ledger.head_commit()?;
        let head_line = ledger.line(&current)?;

        let position = |line| Position { source: bundle::FACTS.into(), line, column: None };
        let triples = (1..).zip(&incoming.facts).map(|(at, fact)| Ok((fact.clone(), position(at))));
        let input = Intake::of(triples).map_err(StageError::Read)?;
        // A draft of its own: the commit needs what the stage makes, not the stage.
        let mut staging = Draft::new(&ledger);
        let (stage, _) =
            StoredStage::add(&mut staging, None, current.roots(), input, Role::Edit, false)?;
        let stage = codec::get(&staging, stage)?;
        let mut draft = Draft::new(&staging);
        let roots = stage.apply(&mut draft, current.roots())?;
        let held: BTreeSet<FactKey> = deltas.iter().flat_map(|(delta, _)| delta.facts()).collect();
        let facts = held_facts(dir, &draft, (roots, &stage), &held)?;

        // A fact that comes with a column is held by that one, whatever held it before.
        let mut line = head_line.clone();
        let fallen = line.let_go(&held);
        if !fallen.is_empty() {
            let why = format!(
                "{} of HEAD's facts hold together with facts of it, and would have to be edited again: retract or \
                 consolidate them first",
                fallen.len()
            );
            return Err(LedgerError::Bundle { dir: dir.to_owned(), why });
        }
        // What was not made fact by fact is there or not: once more it would count twice.
        let wholes = line.wholes();
        deltas.retain(|(delta, _)| !delta.is_whole() || !wholes.contains(&id_of(delta)));
        for (delta, _) in &deltas {
            line.push(delta.clone());
        }
        if line == head_line && roots == current.roots() {
            return Err(LedgerError::NothingToImport { dir: dir.to_owned(), why: HEAD_HAS_IT });
        }
        let counts = counts(&draft, current.facts, roots.facts)?;
        let lexicon = ledger.lexicon_at(&draft, roots.lexicon);
        let config = self.config();
        let sample = Sample::draw(&draft, &lexicon, roots, &facts, config, config.seed)?;
        let examination = sample.examining(&lexicon, facts.values())?;
        Ok(Plan {
            objects: draft.into_new(),
            head,
            head_id,
            current,
            head_line,
            line,
            deltas,
            roots,
            counts,
            examination,
        })
    }

    /// Refuses what HEAD has already, as it was exported from it: a delta that leaves the weights and the facts as
    /// they are, and an adapter of which HEAD has a rank in all its bits.
    fn refuse_duplicate(
        &self,
        source: &ImportSource,
        incoming: &Incoming,
        plan: &Plan,
        after: &BTreeMap<String, Tensor>,
    ) -> Result<(), LedgerError> {
        let dir = source.dir();
        match source {
            ImportSource::Delta(_)
                if plan.roots == plan.current.roots()
                    && load::hashes(after) == plan.current.weights =>
            {
                Err(LedgerError::NothingToImport { dir, why: HEAD_HAS_IT })
            }
            ImportSource::Peft(_) => {
                let changes = incoming.deltas.iter().flat_map(|delta| &delta.changes);
                let files = self.store().tensors();
                let [shared, ranks] = peft::shared(changes, &files, &plan.head_line)?;
                if shared == 0 { Ok(()) } else { Err(LedgerError::Twice { dir, shared, ranks }) }
            }
            ImportSource::Delta(_) | ImportSource::Checkpoint(_) | ImportSource::Artefact(_) => {
                Ok(())
            }
        }
    }

    /// Makes the commit and moves HEAD to it.
    fn record_import(
        &self,
        actor: &Actor,
        mut plan: Plan,
        incoming: Incoming,
        weights: Vec<EditedTensor>,
        check: Option<Check>,
        message: String,
    ) -> Result<ImportReport, LedgerError> {
        let ledger = self.read_to_change()?;
        let mut draft = Draft::new(&ledger);
        let mut imported = None;
        for (delta, file) in &plan.deltas {
            draft.put(file);
            imported = Some(draft.put(delta));
        }
        plan.objects.extend(draft.into_new());
        let new = NewCommit {
            parents: vec![plan.head_id],
            base: plan.current.base,
            roots: plan.roots,
            line: &plan.line,
            weights,
            edited: None,
            imported,
            check: check.as_ref(),
            step: Step::Import(incoming.source),
            author: actor.author.clone(),
            time: actor.time,
            message,
        };
        let Recorded { id, commit, update } =
            new.record(&ledger, plan.objects, self.object_limit())?;
        update.moving_head(plan.head, plan.head_id, id).apply(&ledger, actor)?;
        let (mut delta_bytes, mut tensors) = (0, Vec::new());
        for (delta, _) in &plan.deltas {
            delta_bytes += self.tensor_file_bytes(delta.file)?;
            tensors.extend(delta.tensors.iter().map(ImportedTensor::of));
        }
        Ok(ImportReport {
            commit: ledger.commit_view(id, &commit)?,
            head: ledger.head_view()?,
            facts: plan.counts,
            tensors,
            delta_bytes,
            base_bytes: self.base_bytes()?,
            check,
            notes: incoming.notes,
        })
    }
}

/// The facts that the columns of `held` belong to. There is a column for each fact that `stage` changes, and a fact for
/// each column; else something is missing from the bundle in `dir`.
fn held_facts(
    dir: &Path,
    objects: &dyn Objects,
    (roots, stage): (Roots, &StoredStage),
    held: &BTreeSet<FactKey>,
) -> Result<BTreeMap<FactKey, Fact>, LedgerError> {
    let wrong = |why: String| LedgerError::Bundle { dir: dir.to_owned(), why };
    let mut facts = BTreeMap::new();
    for key in held {
        let fact = tree::get(objects, roots.facts, *key)?.ok_or_else(|| {
            wrong(format!("a column belongs to the fact {key:.12}, which is not in facts.nt"))
        })?;
        facts.insert(*key, fact);
    }
    for staged in tree::iter(objects, stage.changes) {
        let (key, staged) = staged?;
        if !held.contains(&fact_key(key)) {
            return Err(wrong(format!("no column belongs to {}", staged.change.fact())));
        }
    }
    Ok(facts)
}

/// How the facts change. None goes: a bundle says what holds, and nothing of what does not.
fn counts(
    objects: &dyn Objects,
    before: Id<FactTree>,
    after: Id<FactTree>,
) -> Result<FactCounts, LedgerError> {
    let mut counts = FactCounts::default();
    for difference in tree::diff(objects, before, after) {
        if difference?.1.is_some() {
            counts.replaced += 1;
        } else {
            counts.added += 1;
        }
    }
    Ok(counts)
}

/// Why an import changes nothing.
const HEAD_HAS_IT: &str = "HEAD has it already";

impl ImportedTensor {
    fn of(tensor: &DeltaTensor) -> Self {
        let rank = match tensor.form {
            Form::LowRank { rank } => Some(rank),
            Form::Dense | Form::Tuned => None,
        };
        Self { name: tensor.name.clone(), rank }
    }
}
