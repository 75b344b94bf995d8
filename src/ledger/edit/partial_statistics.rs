//! Statistics of a long corpus, taken a part at a time: what was counted is kept beside the store, so a
//! run that is stopped or killed goes on after its last whole part.
//!
//! What was kept is of this run, and the next part has to be of the same tensors and shapes. Otherwise the run begins
//! anew.
//!
//! The mean is rounded to f32 after each part, whether or not the run ends there, so one that went on
//! gives what one that was never stopped would have given, bit for bit.

use std::{collections::BTreeMap, ops::Range};

use super::{partial::Partial, setup::Setup};
use crate::{
    checkpoint::Base,
    engine::{Engine, EngineError, Progress, Statistics, StatisticsText},
    id::{Id, Kind},
    ledger::{error::LedgerError, lineage::load, repo::Repo},
    tensor::{Matrix, Tensor},
};

/// Bytes of text in a part, some hundred thousand tokens.
const PART: usize = 1 << 20;

/// Marks the ids of runs.
struct Run;

impl Kind for Run {
    const NAME: &'static str = "statistics run";
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
        let kept = Partial::of(self.store(), run);
        // There is always a part left, which is compared with what was kept.
        let known = Counted::load(&kept).filter(|known| known.parts < parts.len());
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
                counted.store(&kept)?;
            }
        }
        watched.progress.finish("");
        kept.remove()?;
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

    /// What an earlier run counted. Whatever is wrong with it, it can be counted again.
    fn load(kept: &Partial<Run>) -> Option<Self> {
        let (numbers, tensors) = kept.load()?;
        let &[parts, tokens] = numbers.as_slice() else { return None };
        let mut second_moments = BTreeMap::new();
        for (name, tensor) in tensors {
            let width = *tensor.shape.first()?;
            let matrix = load::matrix(&tensor, &name, width, width).ok()?;
            second_moments.insert(name, matrix);
        }
        let parts = usize::try_from(parts).ok()?;
        Some(Self { parts, found: Statistics { tokens, second_moments } })
    }

    fn store(&self, kept: &Partial<Run>) -> Result<(), LedgerError> {
        let tensor = |(name, matrix): (&String, &Matrix)| (name.clone(), Tensor::from(matrix));
        let tensors = self.found.second_moments.iter().map(tensor).collect();
        kept.store(&[self.parts as u64, self.found.tokens], &tensors)
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
