//! `init`: a repository around a checkpoint.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{
    checkpoint::{self, Base, Checkpoint},
    codec::{self, Draft, OBJECT_LIMIT},
    commit::{Commit, Step},
    durable,
    engine::{EngineError, Progress},
    fact::{self, Roots, tree},
    id::Id,
    ledger::{
        Config, LedgerError, Repo, actor::Actor, edit::record::NewCommit, lineage::line::Line,
        state::open::Ledger,
    },
    store::Store,
};

/// What `init` made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitReport {
    /// The repository's root, which holds `.kledger`.
    pub root: PathBuf,
    /// The base's fingerprint.
    pub base: Id<Base>,
    /// `model_type` of the base.
    pub model_type: String,
    /// Number of tensors of the base.
    pub tensors: u64,
    /// Number of parameters of the base.
    pub parameters: u64,
    /// The root commit.
    pub commit: Id<Commit>,
    /// The branch it is on.
    pub branch: String,
    /// Predicates that the built-in lexicon has templates for.
    pub predicates: u64,
    /// What the user should know before the base is edited.
    pub notes: Vec<String>,
}

/// The branch of a new repository: where the store's HEAD is from the start.
const BRANCH: &str = "main";

impl Repo {
    /// Makes a repository in `root` around a copy of the checkpoint in `model`. `examine` looks at it before
    /// for what the user should know.
    ///
    /// # Errors
    /// When there is a repository already, the checkpoint is incomplete or damaged, `examine` refuses it, or
    /// the copy cannot be written. What was made until then is removed.
    pub fn init(
        root: &Path,
        model: &Path,
        actor: &Actor,
        progress: &mut dyn Progress,
        examine: impl FnOnce(&Path) -> Result<Vec<String>, EngineError>,
    ) -> Result<(Self, InitReport), LedgerError> {
        let dir = root.join(Self::DIR);
        if dir.exists() {
            return Err(LedgerError::Exists { root: root.to_owned() });
        }
        // What is wrong with its files is told before what is wrong with what they say.
        Checkpoint::open(model)?.companions()?;
        let notes = examine(model)?;
        // It gets its name only when it is whole, so that a killed `init` can be run again.
        let mut made = None;
        let filled = durable::fill_dir(&dir, |dir| {
            made = Some(fill(dir, model, actor, progress)?);
            Ok::<_, LedgerError>(())
        })?;
        filled.place_new().map_err(|error| {
            // Another `init` was faster.
            if dir.exists() { LedgerError::Exists { root: root.to_owned() } } else { error.into() }
        })?;
        let (base, commit, predicates) = made.expect("because the directory was filled");
        let report = InitReport {
            root: root.to_owned(),
            base: codec::id_of(&base),
            model_type: base.model_type.clone(),
            tensors: base.tensors.len() as u64,
            parameters: base.tensors.iter().map(|t| t.shape.iter().product::<u64>()).sum(),
            commit,
            branch: BRANCH.to_owned(),
            predicates,
            notes,
        };
        Ok((Self::open(root)?, report))
    }
}

/// Fills a repository's directory: settings, the base's copy, the store, the root commit.
fn fill(
    dir: &Path,
    model: &Path,
    actor: &Actor,
    progress: &mut dyn Progress,
) -> Result<(Base, Id<Commit>, u64), LedgerError> {
    let store = Store::create(dir)?;
    durable::write(&dir.join(Config::FILE), Config::TEMPLATE.as_bytes())?;
    let base_dir = dir.join("base");
    durable::create_dir(&base_dir)?;
    let mut started = false;
    let base = checkpoint::import(model, &base_dir, &mut |done, total| {
        if !started {
            progress.start("base", Some(total));
            started = true;
        }
        // Copying is not worth stopping between two files: what is asked to stop is the edit.
        let _continue = progress.advance(done, "");
    })?;
    progress.finish("");

    let config = Config::default();
    let ledger = Ledger { session: store.session()?, config: &config };
    let mut draft = Draft::new(&ledger);
    let words = fact::builtin();
    let predicates = words.len() as u64;
    let empty = tree::empty(&mut draft);
    let lexicon = tree::empty(&mut draft);
    let words = words.into_iter().map(|(key, words)| (key, Some(words))).collect();
    let roots = Roots {
        facts: empty,
        lexicon: tree::update(&mut draft, lexicon, &words)?,
        neighbourhood: empty,
    };
    let new = NewCommit {
        parents: Vec::new(),
        base: draft.put(&base),
        roots,
        line: &Line::default(),
        weights: Vec::new(),
        edited: None,
        imported: None,
        check: None,
        step: Step::Root,
        author: actor.author.clone(),
        time: actor.time,
        message: format!("base {}", base.model_type),
    };
    let recorded = new.record(&ledger, draft.into_new(), OBJECT_LIMIT)?;
    // HEAD is on this branch from the start.
    recorded.update.moving_branch(BRANCH, None, Some(recorded.id)).apply(&ledger, actor)?;
    Ok((base, recorded.id, predicates))
}
