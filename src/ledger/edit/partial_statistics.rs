//! Statistics of a long corpus, taken a part at a time: what was counted is kept beside the store, so a
//! run that is stopped or killed goes on after its last whole part.
//!
//! What was kept proves that it is of this run: the numbers have a checksum, the matrices have that of their file, and the
//! next part has to be of the same tensors and shapes. Otherwise the run begins anew.
//!
//! The mean is rounded to f32 after each part, whether or not the run ends there, so one that went on
//! gives what one that was never stopped would have given, bit for bit.

use std::{collections::BTreeMap, fs, ops::Range, path::PathBuf};

use super::setup::Setup;
use crate::{
    checkpoint::Base,
    delta::TensorFile,
    durable,
    engine::{Engine, EngineError, Progress, Statistics, StatisticsText},
    id::{Id, Kind},
    ledger::{error::LedgerError, lineage::load, repo::Repo},
    store::{StoreError, TensorFiles},
    tensor::{Matrix, Tensor},
};

/// Bytes of text in a part, some hundred thousand tokens.
const PART: usize = 1 << 20;

/// The file that says how far a run came.
const REACHED: &str = "reached";

/// Marks the ids of runs.
struct Run;

impl Kind for Run {
    const NAME: &'static str = "statistics run";
}

/// Where a run keeps what it counted.
struct Kept {
    /// The directory of all runs.
    all: PathBuf,
    /// The run's own in it.
    dir: PathBuf,
    run: Id<Run>,
    files: TensorFiles,
}

/// What was counted.
struct Counted {
    parts: usize,
    found: Statistics,
}

impl Repo {
    /// Statistics of `documents`, whose hash is `corpus`. Goes on where an earlier run on the same base,
    /// corpus and layers ended.
    pub(crate) fn statistics_in_parts(
        &self,
        engine: &mut dyn Engine,
        setup: &Setup,
        base: Id<Base>,
        (documents, corpus): (&[String], [u8; 32]),
        progress: &mut dyn Progress,
    ) -> Result<Statistics, LedgerError> {
        let parts = parts(documents);
        let run: Id<Run> = Id::from_parts([
            base.as_bytes().as_slice(),
            setup.editor.name.as_bytes(),
            &setup.editor.version.to_le_bytes(),
            format!("{:?} {PART}", setup.description.tensors.keys()).as_bytes(),
            &corpus,
        ]);
        let kept = Kept::of(self.store().dir().join("partial"), run);
        // There is always a part left, which is compared with what was kept.
        let known = kept.load().filter(|known| known.parts < parts.len());
        let mut counted = known.unwrap_or_else(Counted::nothing);
        let bytes = |range: Range<usize>| documents[range].iter().map(String::len).sum::<usize>();
        let mut watched =
            InParts { progress, begun: false, before: counted.found.tokens, whole: 1.0 };
        while let Some(part) = parts.get(counted.parts) {
            let last = part.end == documents.len();
            watched.whole = bytes(part.start..documents.len()) as f64 / bytes(part.clone()) as f64;
            let text = StatisticsText::Corpus(documents[part.clone()].to_vec());
            let found = engine.statistics(&setup.editor, &text, &mut watched);
            let found = found.map_err(|error| {
                LedgerError::with_kept(error, || match (counted.parts, parts.len()) {
                    (0, _) => "nothing was kept: no whole part of the text was counted".to_owned(),
                    (kept, all) => format!(
                        "{kept} of {all} parts of the text are counted and kept: run the command \
                         again to go on"
                    ),
                })
            })?;
            if !counted.is_like(&found) {
                counted = Counted::nothing();
                watched.before = 0;
                continue;
            }
            counted.add(found);
            watched.before = counted.found.tokens;
            if !last {
                kept.store(&counted)?;
            }
        }
        watched.progress.finish("");
        kept.files.remove()?;
        Ok(counted.found)
    }
}

/// Documents that belong to each part; there is one at least.
fn parts(documents: &[String]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (i, document) in documents.iter().enumerate() {
        if bytes > 0 && bytes + document.len() > PART {
            parts.push(start..i);
            (start, bytes) = (i, 0);
        }
        bytes += document.len();
    }
    parts.push(start..documents.len());
    parts
}

impl Counted {
    const fn nothing() -> Self {
        Self { parts: 0, found: Statistics { tokens: 0, second_moments: BTreeMap::new() } }
    }

    /// Whether `part` has the same tensors, of the same shapes; nothing is like everything.
    fn is_like(&self, part: &Statistics) -> bool {
        let shapes = |found: &Statistics| -> Vec<(String, usize, usize)> {
            let all = found.second_moments.iter();
            all.map(|(name, matrix)| (name.clone(), matrix.rows, matrix.cols)).collect()
        };
        self.parts == 0 || shapes(&self.found) == shapes(part)
    }

    /// Joins the means of one more part, each by its number of tokens.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "tokens are fewer than 2^53; a mean is rounded to what it is stored in"
    )]
    fn add(&mut self, part: Statistics) {
        let tokens = self.found.tokens + part.tokens;
        let share = part.tokens as f64 / tokens.max(1) as f64;
        for (name, new) in part.second_moments {
            let Some(old) = self.found.second_moments.get_mut(&name) else {
                self.found.second_moments.insert(name, new);
                continue;
            };
            for (old, new) in old.data.iter_mut().zip(new.data) {
                *old = (f64::from(*old) * (1.0 - share) + f64::from(new) * share) as f32;
            }
        }
        self.found.tokens = tokens;
        self.parts += 1;
    }
}

impl Kept {
    fn of(all: PathBuf, run: Id<Run>) -> Self {
        let dir = all.join(run.to_string());
        Self { files: TensorFiles::new(&dir), all, dir, run }
    }

    /// What an earlier run counted. Whatever is wrong with it, it can be counted again.
    fn load(&self) -> Option<Counted> {
        let (parts, tokens, file) = self.reached()?;
        let file = self.files.open(file).ok()?;
        let mut second_moments = BTreeMap::new();
        for entry in &file.contents().tensors {
            let tensor = file.tensor(&entry.name).ok()?;
            let width = *tensor.shape.first()?;
            let matrix = load::matrix(&tensor, &entry.name, width, width).ok()?;
            second_moments.insert(entry.name.clone(), matrix);
        }
        Some(Counted { parts, found: Statistics { tokens, second_moments } })
    }

    /// Keeps what was counted in place of what was kept before.
    fn store(&self, counted: &Counted) -> Result<(), LedgerError> {
        let tensor = |(name, matrix): (&String, &Matrix)| (name.clone(), Tensor::from(matrix));
        let tensors = counted.found.second_moments.iter().map(tensor).collect();
        durable::create_dir(&self.dir).map_err(StoreError::from)?;
        let before = self.file();
        let (file, _) = self.files.write(&tensors)?;
        let reached = format!("{} {} {file}", counted.parts, counted.found.tokens);
        let reached = format!("{reached} {}\n", self.checksum(&reached));
        durable::write(&self.dir.join(REACHED), reached.as_bytes()).map_err(StoreError::from)?;
        if let Some(before) = before.filter(|before| *before != self.files.path(file)) {
            // What stays behind takes room until the run ends, and no more.
            let _left_behind = fs::remove_file(before);
        }
        Ok(())
    }

    /// The tensor file that is in use.
    fn file(&self) -> Option<PathBuf> {
        self.reached().map(|(_, _, file)| self.files.path(file))
    }

    /// How many parts and tokens were counted, and the file that has what was found in them.
    fn reached(&self) -> Option<(usize, u64, Id<TensorFile>)> {
        let bytes = durable::read_below(&self.all, &self.dir.join(REACHED)).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (reached, checksum) = text.trim_end().rsplit_once(' ')?;
        if checksum != self.checksum(reached).to_string() {
            return None;
        }
        let mut words = reached.split(' ');
        let (parts, tokens) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some((parts, tokens, words.next()?.parse().ok()?))
    }

    /// Of what the file says, in this run.
    fn checksum(&self, reached: &str) -> Id<Run> {
        Id::from_parts([self.run.as_bytes().as_slice(), reached.as_bytes()])
    }
}

/// Shows the work on all parts as one.
struct InParts<'a> {
    progress: &'a mut dyn Progress,
    begun: bool,
    /// Tokens of the parts before.
    before: u64,
    /// What is left, over the part that is next.
    whole: f64,
}

impl Progress for InParts<'_> {
    fn part(&mut self, what: &str) {
        if !self.begun {
            self.progress.part(what);
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate of how many tokens there are"
    )]
    fn start(&mut self, what: &str, total: Option<u64>) {
        if !self.begun {
            let left = total.map(|total| (total as f64 * self.whole) as u64);
            self.progress.start(what, left.map(|left| self.before + left));
            self.begun = true;
        }
    }

    fn advance(&mut self, done: u64, note: &str) -> Result<(), EngineError> {
        self.progress.advance(self.before + done, note)
    }

    fn finish(&mut self, _note: &str) {}
}
