//! `import`: a delta, adapter or checkpoint as a commit.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    checkpoint::{self, Adapter, Base, Checkpoint},
    codec::{self, Draft, NewObjects, id_of},
    commit::{Check, Commit, Step},
    delta::{self, Change, ChangeForm, Delta, DeltaTensor, Form, Rounding, TensorFile},
    engine::Progress,
    fact::{
        Fact, FactKey, Intake, Role, Roots, StageError, StoredStage, fact_key, read::Position, tree,
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
            adapter,
            bundle::{self, Bundle, Bundled},
            trained::Nearest,
        },
        lineage::{line::Line, load},
        report::{
            counts::distance,
            view::{CommitView, FactCounts, HeadView},
        },
        requirements::Requirements,
        state::known_as::Alike,
    },
    store::Head,
    tensor::{Orientation, Tensor},
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

/// Where a change comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportSource {
    /// A directory that `export` wrote as [`Delta`](super::export::ExportFormat::Delta).
    Delta(PathBuf),
    /// A LoRA adapter as PEFT saves it.
    Peft(PathBuf),
    /// A checkpoint that was trained on from a version: its difference to that.
    Checkpoint(PathBuf),
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

/// A change, read and fit for the base.
struct Incoming {
    /// What it is, in words.
    source: String,
    deltas: Vec<Bundled>,
    facts: Vec<Fact>,
    /// What it means if it changes nothing.
    unchanged: &'static str,
    notes: Vec<String>,
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
        let mut incoming = self.incoming(source, options, progress)?;
        if incoming.deltas.iter().all(|delta| delta.changes.is_empty()) {
            let (dir, why) = (source.dir().to_owned(), incoming.unchanged);
            return Err(LedgerError::NothingToImport { dir, why });
        }
        let files = self.store().tensors();
        let mut deltas = Vec::new();
        for bundled in &incoming.deltas {
            deltas.push(load::write(&files, &bundled.changes, &bundled.columns)?);
        }
        let mut plan = self.plan_import(source.dir(), &incoming, deltas)?;
        let after = self.build(&plan.line)?;
        self.refuse_again(source, &incoming, &plan, &after)?;
        let mut check = None;
        if let Some(open) = open {
            let head = (plan.head_id, &plan.current, &plan.head_line);
            let mut trial = Trial::begin(self, head, open, progress)?;
            let examination = std::mem::take(&mut plan.examination);
            check = Some(trial.check(examination, &after, options.require, progress)?);
        } else {
            incoming.notes.push("not checked: no model was run".to_owned());
        }

        let ledger = self.read_to_change()?;
        let mut draft = Draft::new(&ledger);
        let mut imported = None;
        for (delta, file) in &plan.deltas {
            draft.put(file);
            imported = Some(draft.put(delta));
        }
        let message =
            options.message.clone().unwrap_or_else(|| format!("Import {}", incoming.source));
        plan.objects.extend(draft.into_new());
        let new = NewCommit {
            parents: vec![plan.head_id],
            base: plan.current.base,
            roots: plan.roots,
            line: &plan.line,
            weights: load::hashes(&after),
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

    /// Reads `source` and makes sure that it fits the base.
    fn incoming(
        &self,
        source: &ImportSource,
        options: &ImportOptions,
        progress: &mut dyn Progress,
    ) -> Result<Incoming, LedgerError> {
        let ledger = self.read()?;
        ledger.require_finished()?;
        let (_, current) = ledger.head_commit()?;
        let line = ledger.line(&current)?;
        drop(ledger);
        let base = self.base()?;
        // A tensor is laid out as the deltas that are there say, or as its architecture does.
        let known: BTreeMap<&str, Orientation> = line
            .entries()
            .iter()
            .flat_map(|entry| &entry.delta.tensors)
            .map(|tensor| (tensor.name.as_str(), tensor.orientation))
            .collect();
        let names = checkpoint::Names::of(base.model_type()?);
        let orientation = |tensor: &str, shape: &[usize]| {
            known.get(tensor).copied().unwrap_or_else(|| names.orientation(tensor, shape))
        };
        let what = source.dir().file_name().map_or_else(
            || source.dir().display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        match source {
            ImportSource::Delta(dir) => {
                let bundle = Bundle::read(dir)?;
                if bundle.base != current.base {
                    let (dir, theirs, ours) = (dir.clone(), bundle.base, current.base);
                    return Err(LedgerError::OtherBase { dir, theirs, ours });
                }
                bundle.verify(dir, base)?;
                Ok(Incoming {
                    source: format!("delta {what}, {}", bundle.source),
                    deltas: bundle.deltas,
                    facts: bundle.facts,
                    unchanged: "it has the base's weights",
                    notes: Vec::new(),
                })
            }
            ImportSource::Peft(dir) => {
                let adapter = checkpoint::read_adapter(dir, &base, &orientation)?;
                let mut notes = Vec::new();
                notes.extend(self.other_model(dir, &adapter, &base, current.base, options)?);
                if adapter.rounded {
                    notes.push("its numbers are rounded from F64 to F32".to_owned());
                }
                let changes = adapter.changes.into_iter().map(|adapted| {
                    let form = ChangeForm::LowRank { left: adapted.left, right: adapted.right };
                    let orientation = adapted.orientation;
                    (adapted.tensor, Change { orientation, form, keys: None })
                });
                Ok(Incoming {
                    source: format!("adapter {what}"),
                    deltas: vec![Bundled { columns: Vec::new(), changes: changes.collect() }],
                    facts: Vec::new(),
                    unchanged: "all of its factors are zero",
                    notes,
                })
            }
            ImportSource::Checkpoint(dir) => {
                let tuned = Checkpoint::open_weights(dir)?;
                self.trained(&what, &base, &tuned, &orientation, options, progress)
            }
        }
    }

    /// What is worth saying of the model that an adapter says it is for.
    fn other_model(
        &self,
        dir: &Path,
        adapter: &Adapter,
        base: &Checkpoint,
        id: Id<Base>,
        options: &ImportOptions,
    ) -> Result<Option<String>, LedgerError> {
        let Some(theirs) = &adapter.base_model else {
            return Ok(Some("it does not say which model it is for".to_owned()));
        };
        Ok(match self.is_base(theirs, dir, base, id) {
            Alike::Same => None,
            Alike::Unknown => Some(format!(
                "it is for {theirs}; whether that is this base cannot be told from its name"
            )),
            Alike::Other(ours) if options.any_base => {
                Some(format!("it is for {theirs}; the base is {ours}"))
            }
            Alike::Other(ours) => {
                let (dir, theirs) = (dir.to_owned(), theirs.clone());
                return Err(LedgerError::OtherModel { dir, theirs, ours });
            }
        })
    }

    /// What training made of the version that `tuned` began as.
    fn trained(
        &self,
        what: &str,
        base: &Checkpoint,
        tuned: &Checkpoint,
        orientation: &dyn Fn(&str, &[usize]) -> Orientation,
        options: &ImportOptions,
        progress: &mut dyn Progress,
    ) -> Result<Incoming, LedgerError> {
        let mut notes = Vec::new();
        let (from, line) = match &options.trained_from {
            Some(revision) => {
                let ledger = self.read()?;
                let id = ledger.resolve(revision)?;
                let line = ledger.line(&ledger.commit(id)?)?;
                (id, line)
            }
            None => match self.nearest(tuned, progress)? {
                None => (self.read()?.head_commit()?.0, Line::default()),
                Some(Nearest { nearest, base, .. }) if !nearest.line.entries().is_empty() => {
                    return Err(LedgerError::TrainedFrom {
                        dir: tuned.dir().to_owned(),
                        nearest: nearest.commit,
                        distance: nearest.distance,
                        base: base.commit,
                        base_distance: base.distance,
                    });
                }
                Some(Nearest { nearest, head, .. }) => {
                    if head.commit != nearest.commit {
                        notes.push(format!(
                            "taken for trained from the base: it is {} from that and {} from HEAD",
                            distance(nearest.distance),
                            distance(head.distance)
                        ));
                    }
                    (nearest.commit, nearest.line)
                }
            },
        };
        let edited = !line.entries().is_empty();
        let version = self.sums(&line)?;
        let changed = version.changed();
        let sums = |name: &str| match changed.get(name) {
            Some(&orientation) => Ok(Some(version.accumulate(name, orientation)?)),
            None => Ok(None),
        };
        progress.start("tensors", Some(base.names().count() as u64));
        let mut stopped = Ok(());
        let found = delta::compare::<LedgerError>(base, tuned, &sums, orientation, &mut |done| {
            if stopped.is_ok() {
                stopped = progress.advance(done, "");
            }
        })?;
        stopped?;
        progress.finish("");
        if let [first, ..] = found.absent.as_slice() {
            notes.push(format!(
                "{} tensors of the base are not in it and stay as they are: {first}, ...",
                found.absent.len()
            ));
        }
        notes.extend(rounding(&found.rounding));
        let whole = |changes| Bundled { columns: Vec::new(), changes };
        Ok(Incoming {
            source: if edited {
                format!("checkpoint {what}, trained from {from:.12}")
            } else {
                format!("checkpoint {what}")
            },
            deltas: found.steps.into_iter().map(whole).collect(),
            facts: Vec::new(),
            unchanged: if edited {
                "it has the weights of the version it was trained from"
            } else {
                "it has the base's weights"
            },
            notes,
        })
    }

    fn plan_import(
        &self,
        dir: &Path,
        incoming: &Incoming,
        mut deltas: Vec<(Delta, TensorFile)>,
    ) -> Result<Plan, LedgerError> {
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
        let held: BTreeSet<FactKey> =
            incoming.deltas.iter().flat_map(|delta| &delta.columns).copied().collect();
        let mut facts = BTreeMap::new();
        for key in &held {
            let fact =
                tree::get(&draft, roots.facts, *key)?.ok_or_else(|| LedgerError::Bundle {
                    dir: dir.to_owned(),
                    why: format!(
                        "a column belongs to the fact {key:.12}, which is not in facts.nt"
                    ),
                })?;
            facts.insert(*key, fact);
        }
        for staged in tree::iter(&staging, stage.changes) {
            let (key, staged) = staged?;
            if !held.contains(&fact_key(key)) {
                let why = format!("no column belongs to {}", staged.change.fact());
                return Err(LedgerError::Bundle { dir: dir.to_owned(), why });
            }
        }

        let mut line = head_line.clone();
        line.let_go(&held);
        // What was not made fact by fact would count twice.
        let wholes = line.wholes();
        deltas.retain(|(delta, _)| !delta.columns.is_empty() || !wholes.contains(&id_of(delta)));
        for (delta, _) in &deltas {
            line.push(delta.clone());
        }
        if line == head_line && roots == current.roots() {
            return Err(LedgerError::NothingToImport { dir: dir.to_owned(), why: HEAD_HAS_IT });
        }
        let mut counts = FactCounts::default();
        for difference in tree::diff(&draft, current.facts, roots.facts) {
            if difference?.1.is_some() {
                counts.replaced += 1;
            } else {
                counts.added += 1;
            }
        }
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
    fn refuse_again(
        &self,
        source: &ImportSource,
        incoming: &Incoming,
        plan: &Plan,
        after: &BTreeMap<String, Tensor>,
    ) -> Result<(), LedgerError> {
        let dir = source.dir().to_owned();
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
                let [shared, ranks] = adapter::shared(changes, &files, &plan.head_line)?;
                if shared == 0 { Ok(()) } else { Err(LedgerError::Twice { dir, shared, ranks }) }
            }
            ImportSource::Delta(_) | ImportSource::Checkpoint(_) => Ok(()),
        }
    }
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

/// What is worth saying of element types that are not the base's.
fn rounding(found: &Rounding) -> Vec<String> {
    let saved = found.saved.iter().copied().collect::<Vec<_>>().join(" and ");
    let by = format!("by {:.1e} of a tensor's norm at most", found.greatest);
    let mut notes = Vec::new();
    if found.kept > 0 {
        let count = found.kept;
        notes.push(format!(
            "{count} tensors differ only because they are saved in {saved}, {by}, and stay as they are"
        ));
    }
    if found.rounded > 0 {
        let count = found.rounded;
        notes.push(format!("{count} tensors are rounded from {saved} to the base's type, {by}"));
    }
    notes
}

impl ImportSource {
    fn dir(&self) -> &Path {
        match self {
            Self::Delta(dir) | Self::Peft(dir) | Self::Checkpoint(dir) => dir,
        }
    }
}
