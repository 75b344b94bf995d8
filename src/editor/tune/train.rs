//! The loop that fine-tuning methods share.

use std::collections::BTreeMap;

use super::{
    parameters::{Parameters, sites},
    plan::{Misfit, Plan},
    settings::{Order, Training},
    texts::Texts,
};
use crate::{
    delta::{Accumulator, Change, ChangeForm, VersionError},
    editor::{error::EditError, worded::Worded, workbench::Workbench},
    engine::{EditJob, EditOutcome, Progress, ZTrace},
    model::{Model, SplitMix},
    tensor::Matrix,
};

/// What came of it.
pub(super) struct Tuned {
    pub(super) outcome: EditOutcome,
    /// Adam's step.
    pub(super) lr: f64,
    /// How far weights could move; nothing where that was free.
    pub(super) eps: f64,
}

/// Tunes the weights of `job.version` until they say what the requests ask for, with the base's weights in `model`
/// before and after. `seen` is shown the parameters after each step, and the loss before it.
///
/// # Errors
/// When a request has no tokens, the loss is no number, the model fails, or `progress` asks to stop.
pub(super) fn edit(
    model: &mut Model,
    training: &Training,
    plan: Plan,
    job: &EditJob<'_>,
    seen: &mut dyn FnMut(&Parameters, f64),
    progress: &mut dyn Progress,
) -> Result<Tuned, EditError> {
    let asked = ask(model, training, job)?;
    let sites = sites(model, training, plan.moves)?;
    let mut workbench = Workbench::new(model);
    progress.part("weights");
    let mut sums = workbench.load(job.version, &sites)?;

    progress.part("texts");
    let lowest = training.layers[0];
    let texts = |workbench: &Workbench<'_>, misfit, locality| {
        let model = &workbench.model;
        let with = (model.decoder(), model.tokens().end_of_text());
        Texts::new(&asked, misfit, locality, with, lowest)
    };
    let trained_on = texts(&workbench, plan.misfit, training.locality_factor);
    let mut parameters =
        Parameters::new((&sites, &sums), training, plan, workbench.model, job.seed);

    let steps = train(&mut workbench, &mut parameters, &trained_on, training, job, seen, progress)?;

    progress.part("weights");
    let (lr, eps) = (parameters.lr, parameters.eps);
    let changes = parameters.changes(job.version, &sums)?;
    // What is said of the facts is said of exactly the weights that a checkout of this edit would have.
    for (name, change) in &changes {
        let sum = sums.get_mut(name).expect("because every site was loaded");
        add(sum, change, job, name)?;
    }
    for (name, sum) in &sums {
        workbench.set(name, sum)?;
    }
    let forced = texts(&workbench, Misfit::Forced { end: false }, 0.0);
    let decoder = workbench.model.decoder();
    let trace = |fact| ZTrace {
        steps: steps[fact],
        loss: single(trained_on.misfit(decoder, fact)),
        probability: single((-forced.misfit(decoder, fact)).exp()),
    };
    let traces: Vec<_> = (0..asked.len()).map(|fact| Some(trace(fact))).collect();
    progress.finish(&format!("change of {}", stored(&changes)));
    let outcome = EditOutcome {
        reached: Vec::new(),
        columns: Vec::new(),
        changes,
        z: Matrix::zeros(0, 0),
        traces,
        settings: String::new(),
        notes: notes(training, &asked),
    };
    Ok(Tuned { outcome, lr, eps })
}

/// Makes the steps. Returns how many of them each fact was in.
fn train(
    workbench: &mut Workbench<'_>,
    parameters: &mut Parameters,
    texts: &Texts,
    training: &Training,
    job: &EditJob<'_>,
    seen: &mut dyn FnMut(&Parameters, f64),
    progress: &mut dyn Progress,
) -> Result<Vec<u32>, EditError> {
    let all: Vec<usize> = (0..job.requests.len()).collect();
    let turns: Vec<&[usize]> = match training.order {
        Order::BreadthFirst => vec![&all],
        Order::DepthFirst => all.chunks(1).collect(),
    };
    let batches = |turn: &[usize]| turn.len().div_ceil(training.batch_size) as u64;
    let epochs = u64::from(training.num_steps);
    let total = turns.iter().map(|turn| batches(turn) * epochs).sum();
    progress.start("tuning", Some(total));
    let mut random = SplitMix::new(job.seed);
    let mut steps = vec![0; all.len()];
    let mut leaves = parameters.put(workbench)?;
    let (mut done, mut end) = (0, 0);
    for turn in turns {
        end += batches(turn) * epochs;
        let mut turn = turn.to_vec();
        parameters.restart();
        for _ in 0..training.num_steps {
            if training.shuffle {
                random.shuffle(&mut turn);
            }
            let mut mean = 0.0;
            for batch in turn.chunks(training.batch_size) {
                let decoder = workbench.model.decoder();
                let (loss, slopes) = texts.slopes(decoder, batch, &leaves);
                if !loss.is_finite() {
                    let subject = job.requests[batch[0]].subject.clone();
                    return Err(EditError::Diverged { subject, step: done + 1 });
                }
                mean += loss * batch.len() as f64 / turn.len() as f64;
                if loss >= training.stop_loss {
                    tch::no_grad(|| parameters.step(&slopes));
                    leaves = parameters.put(workbench)?;
                    batch.iter().for_each(|&fact| steps[fact] += 1);
                }
                seen(parameters, loss);
                done += 1;
                progress.advance(done, &format!("loss {loss:.3}"))?;
            }
            if mean < training.stop_loss {
                break;
            }
        }
        done = end;
    }
    Ok(steps)
}

fn ask(model: &Model, training: &Training, job: &EditJob<'_>) -> Result<Vec<Worded>, EditError> {
    // Room for the end of the text.
    let context = model.spec().context - 1;
    let ask = |request| Worded::new(model, training.rephrase, request, context);
    job.requests.iter().map(ask).collect()
}

/// What the user should know.
fn notes(training: &Training, asked: &[Worded]) -> Vec<String> {
    let none = training.locality_factor > 0.0 && asked.iter().all(|asked| asked.kept.is_empty());
    let note = "no other fact of the subjects is known, so there was nothing to keep: kledger add \
                --neighbourhood FILE names some";
    none.then(|| note.to_owned()).into_iter().collect()
}

/// Adds a change to a sum.
fn add(
    sum: &mut Accumulator,
    change: &Change,
    job: &EditJob<'_>,
    name: &str,
) -> Result<(), EditError> {
    match &change.form {
        ChangeForm::LowRank { left, right } => sum.add_low_rank(left, right, &[]),
        ChangeForm::Dense(dense) => sum.add_dense(dense),
        ChangeForm::Tuned(tuned) => {
            let base = job.version.base.tensor(name).map_err(VersionError::from)?;
            sum.add_difference(tuned, &base);
        }
    }
    Ok(())
}

/// How much is stored, `1.2 MB`.
fn stored(changes: &BTreeMap<String, Change>) -> String {
    let bytes = changes.values().map(|change| match &change.form {
        ChangeForm::LowRank { left, right } => 4 * (left.data.len() + right.data.len()),
        ChangeForm::Dense(dense) => 4 * dense.data.len(),
        ChangeForm::Tuned(tuned) => tuned.bytes.len(),
    });
    match bytes.sum::<usize>() as f64 {
        bytes if bytes < 1e6 => format!("{:.1} kB", bytes / 1e3),
        bytes => format!("{:.1} MB", bytes / 1e6),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a figure for people")]
const fn single(value: f64) -> f32 {
    value as f32
}
