//! `import`: a change that was made elsewhere as a commit.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    checkpoint::{self, Checkpoint},
    codec::{Draft, NewObjects},
    delta::{Change as WeightChange, ChangeForm, Orientation},
    fact::{Fact, FactKey, Role, Roots, Stage, read::Position, tree},
    id::Id,
    ledger::{
        Actor, Check, Commit, LedgerError, OpenEngine, Progress, Repo, Report, Step,
        bundle::{self, Bundle, Bundled},
        check::Examination,
        lineage::Line,
        sample::Sample,
        version,
        view::{CommitView, FactCounts, HeadView},
        write::Change,
    },
    store::Head,
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
    /// A checkpoint that was trained on from the base: its difference to the base.
    Checkpoint(PathBuf),
}

/// A change, read and fit for the base.
struct Incoming {
    /// What it is, in words.
    source: String,
    deltas: Vec<Bundled>,
    facts: Vec<Fact>,
    notes: Vec<String>,
}

/// What an import does, as read from the store.
struct Plan {
    head: Head,
    head_id: Id<Commit>,
    current: Commit,
    head_line: Line,
    line: Line,
    roots: Roots,
    objects: NewObjects,
    counts: FactCounts,
    examination: Examination,
}

impl Repo {
    /// Takes a change that was made elsewhere in as a commit on HEAD: it is added to what HEAD has.
    /// Facts come only from our own deltas; they hold then as if they had been edited here. With an
    /// engine they are asked, and so are the facts that were there before.
    ///
    /// # Errors
    /// When the source is damaged, for another base, of a kind that is no sum of weights, or changes
    /// nothing; when the model fails. Nothing is recorded then.
    pub fn import(
        &self,
        actor: &Actor,
        source: &ImportSource,
        message: Option<&str>,
        open: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<ImportReport, LedgerError> {
        let mut incoming = self.incoming(source, progress)?;
        if incoming.deltas.iter().all(|delta| delta.changes.is_empty()) {
            return Err(LedgerError::NothingToImport {
                dir: source.dir().to_owned(),
                why: "it has the base's weights",
            });
        }
        let files = self.store().tensors();
        let mut contents = Vec::new();
        let mut deltas = Vec::new();
        let mut report_tensors = Vec::new();
        for bundled in &incoming.deltas {
            let (delta, file) = version::write(&files, &bundled.changes, &bundled.columns)?;
            report_tensors.extend(bundled.changes.iter().map(|(name, change)| ImportedTensor {
                name: name.clone(),
                rank: change.rank().map(|rank| rank as u64),
            }));
            contents.push(file);
            deltas.push(delta);
        }
        let mut plan = self.plan_import(source.dir(), &incoming, &deltas)?;
        let after = self.build(&plan.line)?;
        let mut check = None;
        if let Some(open) = open {
            let before = self.weights(plan.head_id, &plan.current, &plan.head_line)?;
            let mut engine = open(&self.base_dir())?;
            let examination = std::mem::take(&mut plan.examination);
            check = Some(examination.run(engine.as_mut(), &before, &after, progress)?);
        } else {
            incoming.notes.push("not checked: no model was run".to_owned());
        }

        let ledger = self.read()?;
        let mut draft = Draft::new(&ledger);
        for file in &contents {
            draft.put(file);
        }
        let delta = deltas.iter().map(|delta| draft.put(delta)).last();
        let message = message.map_or_else(|| format!("Import {}", incoming.source), str::to_owned);
        let commit = Commit {
            parents: vec![plan.head_id],
            base: plan.current.base,
            facts: plan.roots.facts,
            lexicon: plan.roots.lexicon,
            neighbourhood: plan.roots.neighbourhood,
            spec: None,
            delta,
            lineage: plan.line.store(&mut draft)?,
            weights: version::hashes(&after),
            report: check.as_ref().map(|check| Report::put(check, &mut draft, self.object_limit())),
            step: Step::Import(incoming.source),
            author: actor.author.clone(),
            time: actor.time,
            message,
        };
        let id = draft.put(&commit);
        plan.objects.extend(draft.into_new());
        Change::new(plan.objects).moving_head(plan.head, plan.head_id, id).apply(&ledger, actor)?;
        let mut delta_bytes = 0;
        for delta in &deltas {
            delta_bytes += self.tensor_file_bytes(delta.file)?;
        }
        Ok(ImportReport {
            commit: ledger.commit_view(id, &commit)?,
            head: ledger.head_view()?,
            facts: plan.counts,
            tensors: report_tensors,
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
        let whole = |changes| vec![Bundled { columns: Vec::new(), changes }];
        let what = source.dir().file_name().map_or_else(
            || source.dir().display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        Ok(match source {
            ImportSource::Delta(dir) => {
                let bundle = Bundle::read(dir)?;
                if bundle.base != current.base {
                    let (dir, theirs, ours) = (dir.clone(), bundle.base, current.base);
                    return Err(LedgerError::OtherBase { dir, theirs, ours });
                }
                bundle.verify(dir, base)?;
                Incoming {
                    source: format!("delta {what}, {}", bundle.source),
                    deltas: bundle.deltas,
                    facts: bundle.facts,
                    notes: Vec::new(),
                }
            }
            ImportSource::Peft(dir) => {
                let adapted = checkpoint::read_adapter(dir, &base, &orientation)?;
                let changes = adapted.into_iter().map(|adapted| {
                    let form = ChangeForm::LowRank { left: adapted.left, right: adapted.right };
                    let orientation = adapted.orientation;
                    (adapted.tensor, WeightChange { orientation, form, keys: None })
                });
                Incoming {
                    source: format!("adapter {what}"),
                    deltas: whole(changes.collect()),
                    facts: Vec::new(),
                    notes: Vec::new(),
                }
            }
            ImportSource::Checkpoint(dir) => {
                let tuned = Checkpoint::open(dir)?;
                progress.start("tensors", Some(base.names().count() as u64));
                let mut stopped = Ok(());
                let found = checkpoint::compare(&base, &tuned, &orientation, &mut |done| {
                    if stopped.is_ok() {
                        stopped = progress.advance(done, "");
                    }
                })?;
                stopped?;
                progress.finish("");
                let mut notes = Vec::new();
                if let [first, ..] = found.absent.as_slice() {
                    notes.push(format!(
                        "{} tensors of the base are not in it and stay as they are: {first}, ...",
                        found.absent.len()
                    ));
                }
                Incoming {
                    source: format!("checkpoint {what}"),
                    deltas: whole(found.changes),
                    facts: Vec::new(),
                    notes,
                }
            }
        })
    }

    fn plan_import(
        &self,
        dir: &Path,
        incoming: &Incoming,
        deltas: &[crate::delta::Delta],
    ) -> Result<Plan, LedgerError> {
        let ledger = self.read()?;
        let head = ledger.session.head()?;
        let (head_id, current) = ledger.head_commit()?;
        let head_line = ledger.line(&current)?;
        let mut draft = Draft::new(&ledger);

        let position = |line| Position { source: bundle::FACTS.into(), line, column: None };
        let triples = (1..).zip(&incoming.facts).map(|(at, fact)| Ok((fact.clone(), position(at))));
        let (stage, _) =
            Stage::default().add(&ledger, current.roots(), triples, Role::Edit, false)?;
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
        if let Some(key) = stage.changes.keys().find(|key| !held.contains(key)) {
            let fact = stage.changes[key].change.fact();
            let why = format!("no column belongs to {fact}");
            return Err(LedgerError::Bundle { dir: dir.to_owned(), why });
        }

        let mut line = head_line.clone();
        line.let_go(&held);
        let wholes = line.wholes();
        for delta in deltas {
            if delta.columns.is_empty() && wholes.contains(&crate::codec::id_of(delta)) {
                let (dir, why) = (dir.to_owned(), "HEAD has it already");
                return Err(LedgerError::NothingToImport { dir, why });
            }
            line.push(delta.clone());
        }
        if line == head_line && roots == current.roots() {
            let (dir, why) = (dir.to_owned(), "HEAD has it already");
            return Err(LedgerError::NothingToImport { dir, why });
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
            roots,
            counts,
            examination,
        })
    }
}

impl ImportSource {
    fn dir(&self) -> &Path {
        match self {
            Self::Delta(dir) | Self::Peft(dir) | Self::Checkpoint(dir) => dir,
        }
    }
}
