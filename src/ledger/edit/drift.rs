//! How far a version has drifted from the base: how much its tensors grew, how it takes a text, and how often it goes on
//! with probes as the base does.

use std::{collections::BTreeMap, path::Path};

use crate::{
    commit::{Check, Growth, ProbesAsked, TextRead},
    engine::{Engine, EngineError, Progress, Sampling},
    input,
    ledger::{error::LedgerError, repo::Repo, requirements::Requirements},
    tensor::Tensor,
};

/// Tokens that the base writes where no text is named.
const WRITTEN: u64 = 2000;
/// Probes are asked with every commit: more take longer than many edits.
const MOST_PROBES: usize = 10_000;

/// The settings that name files.
const TEXT: &str = "perplexity-text";
const PROBES: &str = "probes";

/// Characters of a probe that say which it is.
const BEGINNING: usize = 40;

/// From here on a change of weights is worth a warning, over the norm of the base's tensor.
const FAR: f64 = 2.0;
/// As many times the perplexity of the version before are too.
const WORSE: f64 = 1.1;
/// So are fewer probes that go on as in the base, as a share.
const FEWER: f64 = 0.9;

/// What the repository is set to measure drift on, as it was read.
#[derive(Debug)]
pub(super) struct KeptFiles {
    /// A text, and what it is called.
    text: Option<(String, String)>,
    /// Probes, and what they are called.
    probes: Option<(String, Vec<String>)>,
    /// The setting that names them, if one does.
    probes_by: Option<&'static str>,
    /// Whether the base is to write a text.
    written: bool,
}

/// What drift is measured on, and what the version before makes of it.
#[derive(Debug, Default)]
pub(super) struct Yardstick {
    text: Option<KeptText>,
    probes: Option<KeptProbes>,
}

/// A text whose perplexity is measured.
#[derive(Debug)]
struct KeptText {
    /// What it is, in words.
    source: String,
    text: String,
    /// Perplexity in the version before.
    before: f64,
}

/// Beginnings of texts.
#[derive(Debug)]
struct KeptProbes {
    /// The file that they are in.
    source: String,
    prompts: Vec<String>,
    /// The likeliest next word of each in the base.
    words: Vec<String>,
    /// How many the version before goes on with so.
    before: u64,
}

impl KeptFiles {
    /// Reads what `require`, and what the repository is set to, measures drift on: what cannot be measured is refused before
    /// anything takes long.
    ///
    /// # Errors
    /// When a file cannot be read or has nothing in it, or probes are required and there are none.
    pub(super) fn read(repo: &Repo, require: Requirements) -> Result<Self, LedgerError> {
        let config = repo.config();
        let text =
            config.perplexity_text.as_deref().map(|path| kept_text(repo, path)).transpose()?;
        let asked = repo.asked_probes();
        let probes_by = asked.is_none().then_some(PROBES);
        let probes = asked.or(config.probes.as_deref());
        let probes = probes.map(|path| kept_probes(repo, path, probes_by)).transpose()?;
        if probes.is_none() && require.probes.is_some() {
            return Err(LedgerError::NoProbes);
        }
        let written = text.is_none() && require.perplexity.is_some();
        Ok(Self { text, probes, probes_by, written })
    }
}

impl Yardstick {
    /// Measures on the version before, whose weights are given, what will be measured on the one that comes of it.
    ///
    /// # Errors
    /// When the model cannot read the text or a probe, it fails or `progress` asks to stop.
    pub(super) fn take(
        KeptFiles { text, probes, probes_by, written }: KeptFiles,
        engine: &mut dyn Engine,
        (before, seed): (&BTreeMap<String, Tensor>, u64),
        progress: &mut dyn Progress,
    ) -> Result<Self, LedgerError> {
        let mut taken = Self::default();
        if text.is_none() && probes.is_none() && !written {
            return Ok(taken);
        }
        progress.part("drift");
        engine.set_weights(&BTreeMap::new())?;
        let mut words = Vec::new();
        if let Some((source, prompts)) = &probes {
            next_words(engine, prompts, &mut words, progress).map_err(|error| {
                let begins: String = prompts[words.len()].chars().take(BEGINNING).collect();
                unmeasurable(probes_by, Path::new(source), &format!("{begins:?}: "), error)
            })?;
        }
        let text = if written {
            let text = engine.sample_text(WRITTEN, seed, progress)?;
            Some((format!("{WRITTEN} tokens sampled from the base, seed {seed}"), text))
        } else {
            text
        };
        engine.set_weights(before)?;
        if let Some((source, text)) = text {
            let read = engine.read_text(&text, progress);
            let read =
                read.map_err(|error| unmeasurable(Some(TEXT), Path::new(&source), "", error))?;
            let before = read.perplexity();
            taken.text = Some(KeptText { source, text, before });
        }
        if let Some((source, prompts)) = probes {
            let mut probes = KeptProbes { source, prompts, words, before: 0 };
            probes.before = probes.kept(engine, progress)?;
            taken.probes = Some(probes);
        }
        Ok(taken)
    }

    /// Adds to `check` what is measured on the weights `after`.
    ///
    /// # Errors
    /// When the model fails or `progress` asks to stop.
    pub(super) fn measure(
        &self,
        check: &mut Check,
        engine: &mut dyn Engine,
        after: &BTreeMap<String, Tensor>,
        progress: &mut dyn Progress,
    ) -> Result<(), EngineError> {
        let Self { text, probes } = self;
        if text.is_some() || probes.is_some() {
            progress.part("drift");
            engine.set_weights(after)?;
        }
        if let Some(KeptText { source, text, before }) = text {
            let now = engine.read_text(text, progress)?;
            let (source, before) = (source.clone(), *before);
            let (tokens, after) = (now.tokens, now.perplexity());
            check.text = Some(TextRead { source, tokens, before, after });
        }
        if let Some(probes) = probes {
            check.probes = Some(ProbesAsked {
                source: probes.source.clone(),
                of: probes.prompts.len() as u64,
                before: probes.before,
                after: probes.kept(engine, progress)?,
            });
        }
        Ok(())
    }

    /// Whether growth is recorded with the version: where it is bounded, and where the rest of drift is.
    pub(super) const fn records_growth(&self, require: Requirements) -> bool {
        require.drift.is_some() || self.text.is_some() || self.probes.is_some()
    }
}

impl Grown {
    /// How far each of the tensors is from the base's.
    pub(super) fn of(repo: &Repo, after: &BTreeMap<String, Tensor>) -> Result<Self, LedgerError> {
        let base = repo.base()?;
        let mut grown = Self::default();
        for (name, tensor) in after {
            let (was, is) = (base.tensor(name)?.to_f32(), tensor.to_f32());
            let (mut moved, mut norm) = (0.0, 0.0);
            for (was, is) in was.iter().zip(&is) {
                moved += (f64::from(*is) - f64::from(*was)).powi(2);
                norm += f64::from(*was).powi(2);
            }
            let relative = if norm == 0.0 { f64::sqrt(moved) } else { (moved / norm).sqrt() };
            let growth = Growth { tensor: name.clone(), relative };
            if norm > 0.0 && relative > grown.farthest.as_ref().map_or(0.0, |most| most.relative) {
                grown.farthest = Some(growth.clone());
            }
            grown.tensors.push(growth);
        }
        Ok(grown)
    }
}

/// How far tensors are from the base's.
#[derive(Debug, Default)]
pub(super) struct Grown {
    pub(super) tensors: Vec<Growth>,
    /// The one that is farthest, of those that were not zero.
    farthest: Option<Growth>,
}

impl KeptProbes {
    /// How many the weights now set go on with as the base does.
    fn kept(
        &self,
        engine: &mut dyn Engine,
        progress: &mut dyn Progress,
    ) -> Result<u64, EngineError> {
        let mut said = Vec::with_capacity(self.prompts.len());
        next_words(engine, &self.prompts, &mut said, progress)?;
        Ok(said.iter().zip(&self.words).filter(|(said, word)| said == word).count() as u64)
    }
}

/// What the model refuses to read is the file's fault; `place` says where in it.
fn unmeasurable(
    setting: Option<&'static str>,
    path: &Path,
    place: &str,
    error: EngineError,
) -> LedgerError {
    match error {
        EngineError::Refused { source, .. } => {
            let why = format!("{place}{source}");
            LedgerError::KeptFile { setting, path: path.to_owned(), why }
        }
        error => error.into(),
    }
}

/// Adds the likeliest next word of each prompt, on the weights now set, to `words`.
fn next_words(
    engine: &mut dyn Engine,
    prompts: &[String],
    words: &mut Vec<String>,
    progress: &mut dyn Progress,
) -> Result<(), EngineError> {
    let how = Sampling { top: 1, tokens: 1, sample: None };
    progress.start("probes", Some(prompts.len() as u64));
    for (done, prompt) in (1..).zip(prompts) {
        let said = engine.continuations(prompt, &how)?;
        progress.advance(done, "asked")?;
        words.push(said.next.into_iter().next().map_or(said.text, |(word, _)| word));
    }
    progress.finish("");
    Ok(())
}

/// A text, and what it is called.
fn kept_text(repo: &Repo, path: &Path) -> Result<(String, String), LedgerError> {
    let refused =
        |why: String| LedgerError::KeptFile { setting: Some(TEXT), path: path.to_owned(), why };
    let text = input::text(&repo.root().join(path)).map_err(|error| refused(error.to_string()))?;
    if text.trim().is_empty() {
        return Err(refused("there is no text in it".to_owned()));
    }
    Ok((path.display().to_string(), text))
}

/// The lines of a file that are not empty, and what it is called.
fn kept_probes(
    repo: &Repo,
    path: &Path,
    setting: Option<&'static str>,
) -> Result<(String, Vec<String>), LedgerError> {
    let refused = |why: String| LedgerError::KeptFile { setting, path: path.to_owned(), why };
    let text = input::text(&repo.root().join(path)).map_err(|error| refused(error.to_string()))?;
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let prompts: Vec<String> = lines.take(MOST_PROBES + 1).map(str::to_owned).collect();
    if prompts.is_empty() {
        return Err(refused("there is no line in it".to_owned()));
    }
    if prompts.len() > MOST_PROBES {
        return Err(refused(format!(
            "it has more than {MOST_PROBES} lines, all of which are asked"
        )));
    }
    Ok((path.display().to_string(), prompts))
}

/// What is worth a warning: early, while the version is still good for something.
pub(super) fn warnings(grown: &Grown, check: &Check) -> Vec<String> {
    let far = grown.farthest.as_ref().filter(|growth| growth.relative > FAR);
    let far = far.map(|Growth { tensor, relative }| {
        format!("drift {relative:.2} of {tensor}: above {FAR} what was not edited tends to move")
    });
    let worse = check.text.as_ref().filter(|text| text.after > WORSE * text.before);
    let worse = worse.map(|text| {
        format!(
            "perplexity rose by {:.0} % with this commit: {}",
            100.0 * (text.after / text.before - 1.0),
            text.source
        )
    });
    let fewer = check.probes.as_ref().filter(|probes| probes.share() < FEWER);
    let fewer = fewer.map(|probes| {
        let lost = probes.of - probes.after;
        let ProbesAsked { of, source, .. } = probes;
        format!("{lost} of {of} probes go on otherwise: kledger diff HEAD~1 --probe {source} shows which")
    });
    let all = [far, worse, fewer].into_iter().flatten();
    all.map(|warning| format!("warning: {warning}")).collect()
}
