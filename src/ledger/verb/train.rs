//! `train`: an editor that learns, trained on a base.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{
    checkpoint::Base,
    codec::Draft,
    commit::{Artefact, Artefacts, Commit, HeldBack},
    engine::{EngineError, Learned, Progress, TrainJob, Validation},
    eval::Case,
    fact::{Iri, tree},
    id::{Id, Kind},
    ledger::{
        EditOptions, LedgerError, OpenEngine, Repo,
        actor::Actor,
        edit::{
            artefact::stands_on, lessons::Lessons, partial::Partial, sample::if_worded,
            setup::Setup,
        },
        state::{open::Ledger, roots::ARTEFACTS, update::Update},
    },
};

/// How an editor is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// Name of the editor.
    pub editor: String,
    /// Settings of the editor, over the repository's.
    pub settings: toml::Table,
    /// Seed, in place of the repository's.
    pub seed: Option<u64>,
    /// What is learned from.
    pub on: TrainOn,
    /// Steps at most.
    pub steps: u64,
    /// How long it takes at most.
    pub time: Option<Duration>,
}

/// What an editor learns from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrainOn {
    /// The facts and the neighbourhood of a revision.
    Revision(String),
    /// The cases of a benchmark.
    Cases {
        /// What they are, for people: the files' names.
        source: String,
        /// The cases.
        cases: Vec<Case>,
    },
}

/// What an editor was trained to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainReport {
    /// What edits are made with.
    pub artefact: Id<Artefact>,
    /// The editor.
    pub editor: String,
    /// What it learned from, in words.
    pub source: String,
    /// What of it was held back.
    pub held_back: HeldBack,
    /// Steps made.
    pub steps: u64,
    /// The step whose parameters were the best.
    pub best: u64,
    /// How single edits of subjects go that it did not learn from.
    pub seen: Option<Validation>,
    /// The same of predicates that it did not learn from.
    pub unseen: Option<Validation>,
    /// Length of its tensor file, in bytes.
    pub bytes: u64,
    /// What the user should know, in words.
    pub notes: Vec<String>,
}

/// Marks the ids of trainings.
struct Training;

impl Kind for Training {
    const NAME: &'static str = "training";
}

impl Repo {
    /// Trains an editor on the base, with the facts of a version. Commits by that editor are made with it from now on. A
    /// training that was stopped goes on where it was.
    ///
    /// # Errors
    /// When the editor is not trained, there is too little to learn from, the training runs away, the model fails, or
    /// `progress` asks to stop.
    pub fn train(
        &self,
        actor: &Actor,
        options: &TrainOptions,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<TrainReport, LedgerError> {
        let until = options.time.map(|time| Instant::now() + time);
        let seed = options.seed.unwrap_or(self.config().seed);
        let ledger = self.read_to_change()?;
        let staged = ledger.staged_subjects()?;
        let (base, source, lessons) = match &options.on {
            TrainOn::Revision(revision) => {
                let commit = ledger.commit(ledger.resolve(revision)?)?;
                let (lexicon, roots) = (ledger.lexicon(&commit), commit.roots());
                let lessons = Lessons::read(&ledger, &lexicon, roots, &staged, seed)?;
                (commit.base, format!("facts of {revision}"), lessons)
            }
            TrainOn::Cases { source, cases } => {
                let (_, head) = ledger.head_commit()?;
                let names = ledger.called(&head, &staged)?;
                (head.base, source.clone(), Lessons::of_cases(cases, &names)?)
            }
        };
        drop(ledger);

        self.verify_base()?;
        let mut engine = self.engine(open)?;
        let edit = EditOptions {
            editor: Some(options.editor.clone()),
            settings: options.settings.clone(),
            seed: options.seed,
            ..EditOptions::default()
        };
        let setup = Setup::settle(self, engine.as_ref(), &edit)?;
        if !setup.description.needs.artefact {
            return Err(LedgerError::NothingToTrain { editor: setup.editor.name });
        }
        let data = lessons.hash();
        let kept = Partial::of(self.store(), run(base, &setup, data));
        let mut unkept = None;
        let mut reached = 0;
        let mut keep = |learned: &Learned| {
            reached = learned.steps;
            kept.store(&[learned.steps], &learned.tensors).map_err(|error| {
                unkept = Some(error);
                EngineError::Interrupted
            })
        };
        let begun = kept.load().and_then(|(numbers, tensors)| {
            numbers.first().map(|&steps| Learned { steps, tensors })
        });
        let mut job = TrainJob {
            lessons: &lessons.lessons,
            objects: &lessons.objects,
            seed,
            steps: options.steps,
            until,
            begun,
            keep: &mut keep,
        };
        let trained = engine.train(&setup.editor, &mut job, progress);
        if let Some(error) = unkept {
            return Err(error);
        }
        let trained = trained.map_err(|error| {
            LedgerError::with_kept(error, || match reached {
                0 => "nothing was kept: there was no validation yet".to_owned(),
                steps => format!("{steps} steps are kept: run the command again to go on"),
            })
        })?;
        let (file, contents) = self.store().tensors().write(&trained.tensors)?;
        let artefact = Artefact {
            base,
            editor: setup.editor.name,
            editor_version: setup.editor.version,
            settings: setup.editor.settings,
            seed,
            source,
            data,
            held_back: lessons.held_back,
            steps: trained.steps,
            best: trained.best,
            seen: trained.seen,
            unseen: trained.unseen,
            file,
        };
        let ledger = self.read()?;
        let mut draft = Draft::new(&ledger);
        draft.put(&contents);
        let id = draft.put(&artefact);
        let was = ledger.artefacts()?;
        let mut entries = was.clone().unwrap_or_default().entries;
        entries.retain(|entry| *entry != id);
        entries.insert(0, id);
        Update::new(draft.into_new())
            .rooting(ARTEFACTS, was.as_ref(), Some(&Artefacts { entries }))
            .apply(&ledger, actor)?;
        drop(ledger);
        kept.remove()?;
        let mut notes = trained.notes;
        if stands_on(&contents).is_some() {
            notes.push(format!(
                "its edits stand on a change of the base: kledger import --from-artefact {id:.12} makes a version of it"
            ));
        }
        Ok(TrainReport {
            artefact: id,
            editor: artefact.editor,
            source: artefact.source,
            held_back: artefact.held_back,
            steps: artefact.steps,
            best: artefact.best,
            seen: artefact.seen,
            unseen: artefact.unseen,
            bytes: self.tensor_file_bytes(file)?,
            notes,
        })
    }
}

impl Ledger<'_> {
    /// The subjects of what is staged.
    fn staged_subjects(&self) -> Result<BTreeSet<Iri>, LedgerError> {
        let mut subjects = BTreeSet::new();
        let Some(stage) = self.stored_stage()? else { return Ok(subjects) };
        for entry in tree::iter(self, stage.changes) {
            subjects.insert(entry?.1.change.fact().subject.clone());
        }
        Ok(subjects)
    }

    /// What `things` are called with the words that are staged.
    fn called(
        &self,
        head: &Commit,
        things: &BTreeSet<Iri>,
    ) -> Result<BTreeSet<String>, LedgerError> {
        let lexicon = self.lexicon(head);
        let lexicon = match self.stored_stage()? {
            Some(stage) => lexicon.with(stage.words),
            None => lexicon,
        };
        let mut names = BTreeSet::new();
        for thing in things {
            names.extend(if_worded(lexicon.name(thing))?);
        }
        Ok(names)
    }
}

/// What makes a training the same as another, but for how long it goes on.
fn run(base: Id<Base>, setup: &Setup, data: [u8; 32]) -> Id<Training> {
    Id::from_parts([
        base.as_bytes().as_slice(),
        setup.editor.name.as_bytes(),
        &setup.editor.version.to_le_bytes(),
        setup.editor.settings.as_bytes(),
        &setup.seed.to_le_bytes(),
        &data,
    ])
}
