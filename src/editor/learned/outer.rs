//! The loop that trains an editor: drills are edited, asked and learned from.
//!
//! For each step: draw drills; take the factors of their edits on the base; g makes changes of them; pass what is to be asked,
//! with the changes, through the model;
//!
//!   L = cedit · mean −log p(object | other words) + cloc · mean KL(base ‖ edited) of what is to stay;
//!
//! θ ← Adam(θ, ∇L). Edits of a step are made in groups, as large as is drawn, so that the editor learns to make one and many.
//! Weights stay as they are: a change is added to what leaves a map.

use std::{collections::BTreeMap, time::Instant};

use tch::{Kind, Tensor, no_grad};

use super::{
    lessons::{Drill, KEPT, Lessons, WORDINGS, pieces},
    maps::{Applied, Capture, Factors, Map},
    network::{Network, Plan, STEP_SIZES, stored},
    settings::Learning,
    texts::{Entering, Text, int},
};
use crate::{
    editor::{error::EditError, locate::adam::Adam},
    engine::{Learned, LessonPart, Progress, TrainJob, Trained, Validation},
    model::{Decoder, Model, SplitMix, Unprobed},
    tensor,
};

/// Drills that norms are taken on before the first step.
const FIRST: usize = 64;

/// Trains a network on the base in `model`.
///
/// # Errors
/// When there is nothing to learn from, the loss is no number, the model fails or `progress` asks to stop.
pub(super) fn train(
    model: &mut Model,
    maps: &[Map],
    (learning, plan): (&Learning, Plan),
    job: &mut TrainJob<'_>,
    progress: &mut dyn Progress,
) -> Result<Trained, EditError> {
    progress.part("texts");
    let pieces = pieces(model, job.seed, progress)?;
    let context = model.spec().context;
    let lessons = Lessons::new(model.tokens(), context, (job.lessons, job.objects), pieces);
    let training = lessons.of(LessonPart::Training);
    if training.is_empty() {
        return Err(lessons.none_fits());
    }
    let exams = Exams::draw(&lessons, learning.val_edits, job.seed);
    let bench = Bench { decoder: model.decoder(), maps, lowest: maps[0].layer };

    let device = bench.decoder.device();
    let network = Network::new(maps, plan, job.seed, device);
    let mut course = Course::new(network, learning);
    match job.begun.take() {
        Some(begun) if course.go_on(&begun, maps, learning, device) => {}
        _ => {
            let mut random = SplitMix::new(job.seed);
            let first = (0..FIRST).map(|_| lessons.drill(&training, &mut random));
            let first = first.collect::<Result<Vec<_>, _>>()?;
            for part in first.chunks(learning.batch_size) {
                course.network.observe(&bench.factors(part));
            }
            course.validate(&bench, &exams, learning);
        }
    }
    progress.start("training", Some(job.steps));
    while course.steps < job.steps && course.steps < course.best.0 + learning.early_stop_patience {
        if job.until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
        let loss = course.step(&bench, &lessons, &training, learning, job.seed)?;
        let validated = course.steps.is_multiple_of(learning.val_interval);
        if validated || course.steps == job.steps {
            course.validate(&bench, &exams, learning);
            course.round(maps, device);
            (job.keep)(&course.learned())?;
        }
        progress
            .advance(course.steps, &format!("loss {loss:.3}, validation {:.3}", course.best.1))?;
    }
    let (best, validation) = course.best;
    progress.finish(&format!("validation {validation:.3} at step {best}"));
    let steps = course.steps;
    let best_network = course.best_network(maps, device);
    let examined =
        |part: &[Drill]| (!part.is_empty()).then(|| bench.examine(&best_network, part, learning).1);
    Ok(Trained {
        seen: examined(&exams.seen),
        unseen: examined(&exams.unseen),
        tensors: best_network.tensors(),
        steps,
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

/// What edits are rehearsed on.
pub(super) struct Bench<'a> {
    pub(super) decoder: &'a Decoder,
    pub(super) maps: &'a [Map],
    /// The lowest block that is edited.
    pub(super) lowest: usize,
}

impl Bench<'_> {
    fn entering(&self, texts: &[&Text]) -> Entering {
        Entering::new(self.decoder, texts, self.lowest)
    }

    /// The factors of each edit's gradient on the base, a row for each.
    pub(super) fn factors(&self, drills: &[Drill]) -> Vec<Factors> {
        let texts: Vec<&Text> = drills.iter().map(|drill| &drill.edit).collect();
        factors(self.decoder, self.maps, &self.entering(&texts))
    }

    /// The loss of drills that are edited in groups of `together`.
    pub(super) fn loss(
        &self,
        network: &Network,
        drills: &[Drill],
        factors: &[Factors],
        together: usize,
        (cedit, cloc): (f64, f64),
    ) -> Tensor {
        let changes = network.changes(factors, int(drills.len() / together));
        let ask = |texts: Vec<&Text>| {
            let entering = self.entering(&texts);
            let log_p = entering.log_p(self.decoder, &mut Applied::new(self.maps, &changes));
            (entering, log_p)
        };
        let (entering, log_p) = ask(drills.iter().flat_map(|drill| &drill.worded).collect());
        let edits = (entering.nll(&log_p) * entering.shares()).sum(Kind::Float);
        let rows = drills.iter().map(|drill| drill.worded.len()).sum::<usize>();
        let edits = edits / int(rows);

        let (entering, log_p) = ask(drills.iter().flat_map(|drill| &drill.kept).collect());
        let before = no_grad(|| entering.log_p(self.decoder, &mut Unprobed));
        let kl = (before.exp() * (&before - log_p)).sum_dim_intlist(
            [-1i64].as_slice(),
            false,
            Kind::Float,
        );
        let kept = (kl * entering.shares()).sum(Kind::Float) / int(drills.len() * KEPT);
        edits * cedit + kept * cloc
    }

    /// The loss of single edits, and how they went.
    fn examine(
        &self,
        network: &Network,
        drills: &[Drill],
        learning: &Learning,
    ) -> (f64, Validation) {
        let (mut loss, mut counts) = (0.0, [0usize; 3]);
        for part in drills.chunks(learning.batch_size) {
            let factors = self.factors(part);
            no_grad(|| {
                let alone = self.loss(network, part, &factors, 1, learning.weights());
                loss += alone.double_value(&[]) * part.len() as f64;
                let changes = network.changes(&factors, int(part.len()));
                let ask = |texts: Vec<&Text>| {
                    let entering = self.entering(&texts);
                    let log_p =
                        entering.log_p(self.decoder, &mut Applied::new(self.maps, &changes));
                    (entering, log_p)
                };
                let hits = |texts: Vec<&Text>| {
                    let (entering, log_p) = ask(texts);
                    entering.hits(&log_p).into_iter().filter(|hit| *hit).count()
                };
                counts[0] += hits(part.iter().map(|drill| &drill.edit).collect());
                counts[1] += hits(part.iter().flat_map(|drill| &drill.worded).collect());
                let (entering, log_p) = ask(part.iter().flat_map(|drill| &drill.kept).collect());
                let before = entering.log_p(self.decoder, &mut Unprobed);
                let same = entering.likeliest(&log_p).into_iter().zip(entering.likeliest(&before));
                counts[2] += same.filter(|(now, before)| now == before).count();
            });
        }
        let of = |count: usize, each: usize| count as f64 / (each * drills.len()) as f64;
        let validation = Validation {
            edits: drills.len() as u64,
            reliability: of(counts[0], 1),
            generality: of(counts[1], WORDINGS),
            locality: of(counts[2], KEPT),
        };
        (loss / drills.len() as f64, validation)
    }
}

/// The factors of the gradient of each text's own loss, the mean over what is wanted of it, a row for each.
pub(super) fn factors(decoder: &Decoder, maps: &[Map], entering: &Entering) -> Vec<Factors> {
    let mut capture = Capture::at(maps);
    let log_p = entering.log_p(decoder, &mut capture);
    let loss = (entering.nll(&log_p) * entering.shares()).sum(Kind::Float);
    capture.factors(loss)
}

/// A training on its way.
struct Course {
    network: Network,
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
/// Step and loss of the best validation.
const RECORD: &str = "record";

impl Course {
    fn new(network: Network, learning: &Learning) -> Self {
        let adam = |(name, value): (&String, &Tensor)| {
            (name.clone(), Adam::new(value, rate(name, learning), None))
        };
        let optimisers = network.values().iter().map(adam).collect();
        let best_tensors = network.tensors();
        Self { network, optimisers, steps: 0, best: (0, f64::INFINITY), best_tensors }
    }

    fn step(
        &mut self,
        bench: &Bench<'_>,
        lessons: &Lessons<'_>,
        training: &[usize],
        learning: &Learning,
        seed: u64,
    ) -> Result<f64, EditError> {
        self.steps += 1;
        let mut random =
            SplitMix::new(seed.wrapping_add(self.steps.wrapping_mul(0x2545_f491_4f6c_dd1d)));
        // One, two, four ... edits at once.
        let most = learning.n_edits.min(learning.batch_size).ilog2() as usize;
        let together = 1 << random.below(most + 1);
        let count = (learning.batch_size / together).max(1) * together;
        let drills = (0..count).map(|_| lessons.drill(training, &mut random));
        let drills = drills.collect::<Result<Vec<_>, _>>()?;

        let factors = bench.factors(&drills);
        self.network.observe(&factors);
        let leaves: Vec<Tensor> = self.network.values().values().map(leaf).collect();
        for (value, leaf) in self.network.values_mut().values_mut().zip(&leaves) {
            *value = leaf.shallow_clone();
        }
        let loss = bench.loss(&self.network, &drills, &factors, together, learning.weights());
        let value = loss.double_value(&[]);
        if !value.is_finite() {
            return Err(EditError::TrainingDiverged { step: self.steps });
        }
        let slopes = Tensor::run_backward(&[loss], &leaves, false, false);
        no_grad(|| {
            let square = |slope: &Tensor| slope.square().sum(Kind::Double).double_value(&[]);
            let length = slopes.iter().map(square).sum::<f64>().sqrt();
            let cut = if length > learning.grad_clip { learning.grad_clip / length } else { 1.0 };
            for ((name, value), slope) in self.network.values_mut().iter_mut().zip(&slopes) {
                let adam = self.optimisers.get_mut(name).expect("because each value has one");
                *value = adam.step(&value.detach(), &(slope * cut));
            }
        });
        Ok(value)
    }

    /// Keeps the parameters if they are the best so far.
    fn validate(&mut self, bench: &Bench<'_>, exams: &Exams, learning: &Learning) {
        let drills = if exams.seen.is_empty() { &exams.unseen } else { &exams.seen };
        let loss = match drills.as_slice() {
            // The newest are taken where there is nothing to compare them by.
            [] => -(self.steps as f64),
            drills => bench.examine(&self.network, drills, learning).0,
        };
        // As it is kept, so that a training that goes on compares the same.
        #[expect(clippy::cast_possible_truncation, reason = "rounding is the point")]
        let loss = f64::from(loss as f32);
        if loss < self.best.1 {
            self.best = (self.steps, loss);
            self.best_tensors = self.network.tensors();
        }
    }

    /// Goes on with what is kept, so that a run that was stopped gives the same as one that was not.
    fn round(&mut self, maps: &[Map], device: tch::Device) {
        self.network = Network::read(maps, &self.network.tensors(), device)
            .expect("because it was of these maps");
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
        #[expect(clippy::cast_possible_truncation, reason = "it was rounded to f32")]
        let record = Tensor::from_slice(&[self.best.0 as f32, self.best.1 as f32]);
        tensors.insert(RECORD.to_owned(), stored(&record));
        Learned { steps: self.steps, tensors }
    }

    /// Takes up what [`Self::learned`] gave. Whether that was of such a training.
    fn go_on(
        &mut self,
        begun: &Learned,
        maps: &[Map],
        learning: &Learning,
        device: tch::Device,
    ) -> bool {
        let under = |prefix: &str| -> BTreeMap<String, tensor::Tensor> {
            let of = begun.tensors.iter();
            of.filter_map(|(name, value)| {
                Some((name.strip_prefix(prefix)?.to_owned(), value.clone()))
            })
            .collect()
        };
        let Some(network) = Network::read(maps, &under(NOW), device) else { return false };
        let (means, squares) = (under(MEAN), under(SQUARE));
        let mut optimisers = BTreeMap::new();
        for (name, value) in network.values() {
            let moment = |of: &BTreeMap<String, tensor::Tensor>| {
                let stored = of.get(name)?;
                (stored.to_f32().len() == value.numel())
                    .then(|| Tensor::from_slice(&stored.to_f32()).view_as(value).to_device(device))
            };
            let (Some(mean), Some(square)) = (moment(&means), moment(&squares)) else {
                return false;
            };
            let Ok(steps) = i32::try_from(begun.steps) else { return false };
            optimisers.insert(name.clone(), Adam::at(rate(name, learning), steps, mean, square));
        }
        let record = begun.tensors.get(RECORD).map(tensor::Tensor::to_f32).unwrap_or_default();
        let &[step, loss] = record.as_slice() else { return false };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of steps"
        )]
        let best = (step as u64, f64::from(loss));
        *self = Self { network, optimisers, steps: begun.steps, best, best_tensors: under(BEST) };
        true
    }

    fn best_network(&self, maps: &[Map], device: tch::Device) -> Network {
        Network::read(maps, &self.best_tensors, device).expect("because it was of these maps")
    }
}

fn rate(name: &str, learning: &Learning) -> f64 {
    if name == STEP_SIZES { learning.lr_lr } else { learning.lr }
}

fn leaf(value: &Tensor) -> Tensor {
    value.detach().set_requires_grad(true)
}
