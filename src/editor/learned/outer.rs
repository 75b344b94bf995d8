//! The loop that trains an editor: drills are edited, asked and learned from.
//!
//! For each step: draw drills; take the gradients of their edits on the base; the network makes changes of them; pass what is
//! to be asked, with the changes, through the model;
//!
//!   L = cedit · mean −log p(object | other words) + α · (mean KL(before ‖ edited) of what is to stay − m)
//!       + cbase · mean KL(base ‖ before) of what is to stay;
//!
//! θ ← Adam(θ, ∇L). Edits of a step are made in groups, as large as is drawn, so that the editor learns to make one and many.

use std::{collections::BTreeMap, time::Instant};

use tch::{Kind, Tensor, no_grad};

use super::{
    hypernetwork::{Hypernetwork, loaded, stored},
    lessons::{Drill, Lessons, pieces},
    method::Learned as Trainable,
    rehearsal::Rehearsal,
    settings::Learning,
};
use crate::{
    editor::{error::EditError, locate::adam::Adam, pass::maps::Map},
    engine::{Learned, LessonPart, Progress, TrainJob, Trained},
    model::{Decoder, Model, SplitMix},
    tensor,
};

/// Drills that are seen before the first step.
const FIRST: usize = 64;

/// Trains a network on the base in `model`.
///
/// # Errors
/// When there is nothing to learn from, the loss is no number, the model fails or `progress` asks to stop.
pub(super) fn train<T: Trainable>(
    model: &mut Model,
    maps: &[Map],
    editor: &T,
    job: &mut TrainJob<'_>,
    progress: &mut dyn Progress,
) -> Result<Trained, EditError> {
    let learning = &editor.shared().learning;
    progress.part("texts");
    let pieces = pieces(model, job.seed, progress)?;
    let context = model.spec().context;
    let lessons = Lessons::new(model.tokens(), context, (job.lessons, job.objects), pieces);
    let training = lessons.of(LessonPart::Training);
    if training.is_empty() {
        return Err(lessons.none_fits());
    }
    let exams = Exams::draw(&lessons, learning.val_edits, job.seed);
    let rehearsal = Rehearsal::new(model, maps, editor.descent());

    let network = T::Network::new(&rehearsal.decoder, maps, editor.plan(), job.seed);
    let mut course = Course::new(network, editor);
    match job.begun.take() {
        Some(begun) if course.go_on(&begun, maps, &rehearsal.decoder) => {}
        _ => {
            let mut random = SplitMix::new(job.seed);
            let first = (0..FIRST).map(|_| lessons.drill(&training, &mut random));
            course.begin(&rehearsal, &first.collect::<Result<Vec<_>, _>>()?);
            course.validate(&rehearsal, &exams);
        }
    }
    progress.start("training", Some(job.steps));
    while course.steps < job.steps && course.steps < course.best.0 + learning.early_stop_patience {
        if job.until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
        let loss = course.step(&rehearsal, &lessons, &training, job.seed)?;
        let validated = course.steps.is_multiple_of(learning.val_interval);
        if validated || course.steps == job.steps {
            course.validate(&rehearsal, &exams);
            course.round(maps, &rehearsal.decoder);
            (job.keep)(&course.learned())?;
        }
        progress
            .advance(course.steps, &format!("loss {loss:.3}, validation {:.3}", course.best.1))?;
    }
    let (best, validation) = course.best;
    progress.finish(&format!("validation {validation:.3} at step {best}"));
    let network = course.best_network(maps, &rehearsal.decoder);
    let examined = |part: &[Drill]| {
        let most = editor.shared().making.max_steps;
        let examine = || rehearsal.examine(&network, part, most);
        (!part.is_empty()).then(examine)
    };
    Ok(Trained {
        seen: examined(&exams.seen),
        unseen: examined(&exams.unseen),
        tensors: network.tensors(),
        steps: course.steps,
        best,
        notes: exams.notes(),
    })
}

/// Drills to validate with.
struct Exams {
    seen: Vec<Drill>,
    unseen: Vec<Drill>,
}

impl Exams {
    fn draw(lessons: &Lessons<'_>, count: usize, seed: u64) -> Self {
        let part = |part, random: &mut SplitMix| {
            let mut held = lessons.of(part);
            random.shuffle(&mut held);
            held.into_iter().filter_map(|lesson| lessons.exam(lesson, random)).take(count).collect()
        };
        let mut random = SplitMix::new(seed ^ u64::MAX);
        Self {
            seen: part(LessonPart::Seen, &mut random),
            unseen: part(LessonPart::Unseen, &mut random),
        }
    }

    fn notes(&self) -> Vec<String> {
        let none = self.seen.is_empty() && self.unseen.is_empty();
        let note = "there were too few facts to hold some back, so nothing was validated";
        none.then(|| note.to_owned()).into_iter().collect()
    }
}

/// How much what is to stay may change: L = c E + α (KL − m), where α grows while KL is above the margin m and shrinks
/// below it (De Cao et al., 2021, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::editor) struct Constraint {
    /// α at first.
    pub(super) weight: f64,
    /// Step size of α; 0 where it stays.
    pub(super) rate: f64,
    /// m at first and at last. It shrinks by a fifth at each validation where nine edits of ten are made.
    pub(super) margin: (f64, f64),
}

impl Constraint {
    /// α = `weight`, whatever changes.
    pub(super) const fn weight(weight: f64) -> Self {
        Self { weight, rate: 0.0, margin: (0.0, 0.0) }
    }
}

/// Of the edits, where the margin shrinks; and by what.
const MADE: f64 = 0.9;
const SHRINK: f64 = 0.8;

/// A training on its way.
struct Course<'a, N> {
    learning: &'a Learning,
    /// Step size of the network's step sizes.
    step_rate: f64,
    constraint: Constraint,
    cbase: f64,
    network: N,
    /// α, `[1]`, f32.
    weight: Tensor,
    /// m; of the precision of f32.
    margin: f64,
    /// Of each value of the network, and of α.
    optimisers: BTreeMap<String, Adam>,
    steps: u64,
    /// The best validation: its step and loss.
    best: (u64, f64),
    /// The parameters of then.
    best_tensors: BTreeMap<String, tensor::Tensor>,
}

/// What a kept tensor is.
const NOW: &str = "now/";
const BEST: &str = "best/";
const MEAN: &str = "mean/";
const SQUARE: &str = "square/";
/// Step and loss of the best validation, α and m.
const RECORD: &str = "record";
/// α among the optimisers.
const WEIGHT: &str = "alpha";

impl<'a, N: Hypernetwork> Course<'a, N> {
    fn new(network: N, editor: &'a impl Trainable<Network = N>) -> Self {
        let constraint = editor.constraint();
        let best_tensors = network.tensors();
        let mut course = Self {
            learning: &editor.shared().learning,
            step_rate: editor.step_rate(),
            constraint,
            cbase: editor.cbase(),
            network,
            weight: Tensor::from(constraint.weight).to_kind(Kind::Float).view(1),
            margin: constraint.margin.0,
            optimisers: BTreeMap::new(),
            steps: 0,
            best: (0, f64::INFINITY),
            best_tensors,
        };
        let adam = |(name, value): (String, &Tensor)| {
            let rate = course.rate(&name);
            (name, Adam::new(value, rate, None))
        };
        course.optimisers = course.learned_values().map(adam).collect();
        course
    }

    /// All that steps change, by name.
    fn learned_values(&self) -> impl Iterator<Item = (String, &Tensor)> {
        let network = self.network.values().iter().map(|(name, value)| (name.clone(), value));
        network.chain([(WEIGHT.to_owned(), &self.weight)])
    }

    fn rate(&self, name: &str) -> f64 {
        match name {
            WEIGHT => self.constraint.rate,
            name if N::is_step_size(name) => self.step_rate,
            _ => self.learning.lr,
        }
    }

    /// Sees the first drills before any step.
    fn begin(&mut self, rehearsal: &Rehearsal<'_>, drills: &[Drill]) {
        let parts = drills.chunks(self.learning.batch_size);
        let gradients: Vec<_> =
            parts.clone().map(|part| rehearsal.gradients_of(&self.network, part)).collect();
        gradients.iter().for_each(|gradients| self.network.observe(gradients));
        let (cedit, cloc) = (self.learning.cedit, self.learning.cloc);
        let mut loss = |network: &N| {
            let of = |(part, gradients)| {
                let [edits, kept, _] = rehearsal.losses(network, part, gradients, (1, 0.0));
                (edits * cedit + kept * cloc).double_value(&[])
            };
            parts.clone().zip(&gradients).map(of).sum()
        };
        self.network.begin(&mut loss);
    }

    fn step(
        &mut self,
        rehearsal: &Rehearsal<'_>,
        lessons: &Lessons<'_>,
        training: &[usize],
        seed: u64,
    ) -> Result<f64, EditError> {
        let learning = self.learning;
        self.steps += 1;
        let mut random =
            SplitMix::new(seed.wrapping_add(self.steps.wrapping_mul(0x2545_f491_4f6c_dd1d)));
        // One, two, four ... edits at once.
        let most = learning.n_edits.min(learning.batch_size).ilog2() as usize;
        let together = 1 << random.below(most + 1);
        let count = (learning.batch_size / together).max(1) * together;
        let drills = (0..count).map(|_| lessons.drill(training, &mut random));
        let drills = drills.collect::<Result<Vec<_>, _>>()?;

        let leaves: Vec<Tensor> = self.network.values().values().map(leaf).collect();
        for (value, leaf) in self.network.values_mut().values_mut().zip(&leaves) {
            *value = leaf.shallow_clone();
        }
        let gradients = rehearsal.gradients_of(&self.network, &drills);
        no_grad(|| self.network.observe(&gradients));
        let how = (together, learning.eps);
        let [edits, kept, base] = rehearsal.losses(&self.network, &drills, &gradients, how);
        let excess = kept - self.margin;
        let loss = edits * learning.cedit + &excess * &self.weight + base * self.cbase;
        let loss = loss.sum(Kind::Float);
        let value = loss.double_value(&[]);
        if !value.is_finite() {
            return Err(EditError::TrainingDiverged { step: self.steps });
        }
        let slopes = Tensor::run_backward(&[loss], &leaves, false, false);
        no_grad(|| {
            let square = |slope: &Tensor| slope.square().sum(Kind::Double).double_value(&[]);
            let length = slopes.iter().map(square).sum::<f64>().sqrt();
            let cut = if length > learning.grad_clip { learning.grad_clip / length } else { 1.0 };
            let mut stepped = |name: &str, value: &Tensor, slope: &Tensor| {
                let adam = self.optimisers.get_mut(name).expect("because each value has one");
                adam.step(&value.detach(), slope)
            };
            for ((name, value), slope) in self.network.values_mut().iter_mut().zip(&slopes) {
                *value = stepped(name, value, &(slope * cut));
            }
            if self.constraint.rate > 0.0 {
                // Up the slope, for it is a multiplier.
                let slope = -excess.detach().view(1);
                self.weight = stepped(WEIGHT, &self.weight, &slope).clamp_min(0.0);
            }
        });
        Ok(value)
    }

    /// Keeps the parameters if they are the best so far.
    fn validate(&mut self, rehearsal: &Rehearsal<'_>, exams: &Exams) {
        let drills = if exams.seen.is_empty() { &exams.unseen } else { &exams.seen };
        let loss = match drills.as_slice() {
            // The newest are taken where there is nothing to compare them by.
            [] => -(self.steps as f64),
            drills => {
                let batch = self.learning.batch_size;
                let ([edits, kept, base], held) = rehearsal.validate(&self.network, drills, batch);
                if held > MADE {
                    self.margin = single(self.margin * SHRINK).max(self.constraint.margin.1);
                }
                self.learning.cedit * edits + self.learning.cloc * kept + self.cbase * base
            }
        };
        // As it is kept, so that a training that goes on compares the same.
        let loss = single(loss);
        if loss < self.best.1 {
            self.best = (self.steps, loss);
            self.best_tensors = self.network.tensors();
        }
    }

    /// Goes on with what is kept, so that a run that was stopped gives the same as one that was not.
    fn round(&mut self, maps: &[Map], decoder: &Decoder) {
        self.network =
            N::read(decoder, maps, &self.network.tensors()).expect("because it was of these maps");
    }

    fn learned(&self) -> Learned {
        let mut tensors = BTreeMap::new();
        let mut put = |prefix: &str, of: BTreeMap<String, tensor::Tensor>| {
            tensors.extend(of.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)));
        };
        put(NOW, self.network.tensors());
        put(BEST, self.best_tensors.clone());
        let moments = |of: fn(&Adam) -> &Tensor| {
            self.optimisers.iter().map(|(name, adam)| (name.clone(), stored(of(adam)))).collect()
        };
        put(MEAN, moments(Adam::mean));
        put(SQUARE, moments(Adam::square));
        let weight = self.weight.double_value(&[0]);
        let record = [self.best.0 as f64, self.best.1, weight, self.margin];
        tensors.insert(RECORD.to_owned(), stored(&Tensor::from_slice(&record)));
        Learned { steps: self.steps, tensors }
    }

    /// Takes up what [`Self::learned`] gave. Whether that was of such a training.
    fn go_on(&mut self, begun: &Learned, maps: &[Map], decoder: &Decoder) -> bool {
        let under = |prefix: &str| -> BTreeMap<String, tensor::Tensor> {
            let of = begun.tensors.iter();
            of.filter_map(|(name, value)| {
                Some((name.strip_prefix(prefix)?.to_owned(), value.clone()))
            })
            .collect()
        };
        let Some(network) = N::read(decoder, maps, &under(NOW)) else { return false };
        let (means, squares) = (under(MEAN), under(SQUARE));
        let mut optimisers = BTreeMap::new();
        for (name, value) in self.learned_values() {
            let moment = |of: &BTreeMap<String, tensor::Tensor>| {
                let stored = of.get(&name)?;
                (stored.to_f32().len() == value.numel())
                    .then(|| loaded(stored, decoder.device()).view_as(value))
            };
            let (Some(mean), Some(square)) = (moment(&means), moment(&squares)) else {
                return false;
            };
            let Ok(steps) = i32::try_from(begun.steps) else { return false };
            let adam = Adam::at(self.rate(&name), steps, mean, square);
            optimisers.insert(name, adam);
        }
        let record = begun.tensors.get(RECORD).map(tensor::Tensor::to_f32).unwrap_or_default();
        let &[step, loss, weight, margin] = record.as_slice() else { return false };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of steps"
        )]
        let best = (step as u64, f64::from(loss));
        self.weight = Tensor::from_slice(&[weight]);
        (self.network, self.optimisers, self.steps) = (network, optimisers, begun.steps);
        (self.margin, self.best, self.best_tensors) = (f64::from(margin), best, under(BEST));
        true
    }

    fn best_network(&self, maps: &[Map], decoder: &Decoder) -> N {
        N::read(decoder, maps, &self.best_tensors).expect("because it was of these maps")
    }
}

fn leaf(value: &Tensor) -> Tensor {
    value.detach().set_requires_grad(true)
}

/// In the precision of f32.
#[expect(clippy::cast_possible_truncation, reason = "rounding is the point")]
fn single(value: f64) -> f64 {
    f64::from(value as f32)
}
