//! What drills come to when a network edits them: gradients, edits, losses, and how single edits went.
//!
//! Weights stay as they are: a change is added to what leaves a map.

use std::iter;

use tch::{Kind, Tensor, no_grad};

use super::{
    hypernetwork::{Gradients, Hypernetwork},
    lessons::{Drill, KEPT, WORDINGS},
    settings::Descent,
};
use crate::{
    editor::{
        matrix::int,
        pass::{
            maps::{Added, Applied, Both, Capture, Factors, LowRank, Map},
            texts::{Entering, Text},
        },
    },
    engine::Validation,
    model::{Decoder, Direction, Model, Tokens, Unprobed},
};

/// What stands between the parts of an edit as a text: what the base says, what it is to say, and the prompt.
const BETWEEN: [&str; 2] = [" >> ", " || "];

/// What edits are rehearsed on.
pub(super) struct Rehearsal<'a> {
    pub(super) decoder: Decoder,
    tokens: &'a Tokens,
    maps: &'a [Map],
    descent: Descent,
    /// The lowest block that is edited.
    lowest: usize,
    /// [`BETWEEN`] in tokens; none where the tokenizer has none for it.
    between: [Vec<u32>; 2],
}

impl<'a> Rehearsal<'a> {
    pub(super) fn new(model: &'a Model, maps: &'a [Map], descent: Descent) -> Self {
        let tokens = model.tokens();
        let between = BETWEEN.map(|text| {
            let encoded = match model.spec().direction {
                Direction::Forward => tokens.encode(text).map(|encoded| encoded.ids),
                Direction::Both => tokens.encode_bare(text),
            };
            encoded.unwrap_or_default()
        });
        let decoder = model.decoder();
        let decoder = match descent.first_order {
            true => decoder.share(),
            false => decoder.twice_differentiable(),
        };
        Self { decoder, tokens, maps, descent, lowest: maps[0].layer, between }
    }

    fn entering(&self, texts: &[&Text]) -> Entering {
        Entering::new(&self.decoder, texts, self.lowest)
    }

    /// log p where `entering` is read, with what is `added`.
    fn log_p(&self, entering: &Entering, added: Added<'_>) -> Tensor {
        entering.log_p(&self.decoder, &mut Applied::new(self.maps, added))
    }

    /// What is known of edits with `texts`: the factors of the gradient of each one's own loss, the mean over what is
    /// wanted of it, and each edit as a text.
    pub(super) fn gradients(&self, network: &impl Hypernetwork, texts: &[&Text]) -> Gradients {
        self.gradients_at(Added { whole: &network.whole(), changes: &[] }, texts)
    }

    /// The same with what is `added`.
    fn gradients_at(&self, added: Added<'_>, texts: &[&Text]) -> Gradients {
        let entering = self.entering(texts);
        let mut capture = Capture::at(self.maps, !self.descent.first_order);
        let mut applied = Applied::new(self.maps, added);
        let log_p = entering.log_p(&self.decoder, &mut Both(&mut applied, &mut capture));
        let likeliest = entering.likeliest(&log_p.detach());
        let loss = (entering.nll(&log_p) * entering.shares()).sum(Kind::Float);
        let condition = |(text, said): (&&Text, Vec<i64>)| {
            let said: Vec<u32> = said.iter().filter_map(|&id| u32::try_from(id).ok()).collect();
            let spelt = |ids: &[u32]| self.tokens.spelt(ids).unwrap_or_default();
            let [first, second] = &self.between;
            [&spelt(&said), first, &spelt(&text.wanted), second, text.prompt()].concat()
        };
        let conditions = texts.iter().zip(likeliest).map(condition).collect();
        Gradients { factors: capture.factors(loss), conditions }
    }

    /// The same of the edits of drills.
    pub(super) fn gradients_of(&self, network: &impl Hypernetwork, drills: &[Drill]) -> Gradients {
        self.gradients(network, &drills.iter().map(|drill| &drill.edit).collect::<Vec<_>>())
    }

    /// The change of each map that edits with `texts` make in so many steps as training has, a group for each; `first` is what
    /// is known of them before.
    pub(super) fn edit(
        &self,
        network: &impl Hypernetwork,
        texts: &[&Text],
        first: &Gradients,
    ) -> Vec<LowRank> {
        let whole = network.whole();
        let mut changes = network.changes(first);
        for _ in 1..self.descent.n_edit_steps {
            let next = self.gradients_at(Added { whole: &whole, changes: &changes }, texts);
            changes = sum(&changes, &network.changes(&next));
        }
        changes
    }

    /// The change of one fact, in one group. The first step is from the first of its `wordings`; as long as one does not
    /// give the object, another is from the one that gives it least, up to `most`.
    pub(super) fn until_said(
        &self,
        network: &impl Hypernetwork,
        wordings: &[&Text],
        most: u32,
    ) -> Single {
        let whole = network.whole();
        let asked = self.entering(wordings);
        let first = self.gradients(network, &wordings[..1]);
        let mut changes = network.changes(&first);
        let mut steps = vec![(0, first.factors)];
        while steps.len() < most as usize {
            let added = Added { whole: &whole, changes: &changes };
            let log_p = no_grad(|| self.log_p(&asked, added));
            let Some(worst) = asked.furthest(&log_p) else { break };
            let next = self.gradients_at(added, &wordings[worst..=worst]);
            changes = sum(&changes, &network.changes(&next));
            steps.push((worst, next.factors));
        }
        Single { changes, steps }
    }

    /// What drills come to that are edited in groups of `together`: mean −log p of the edited facts in other words, where
    /// other tokens have a part `smoothing` of it; of what is to stay, mean KL(before ‖ edited), and mean KL(base ‖ before),
    /// which is zero where edits are of the base itself.
    pub(super) fn losses(
        &self,
        network: &impl Hypernetwork,
        drills: &[Drill],
        gradients: &Gradients,
        (together, smoothing): (usize, f64),
    ) -> [Tensor; 3] {
        let whole = network.whole();
        let groups = int(drills.len() / together);
        let texts: Vec<&Text> = drills.iter().map(|drill| &drill.edit).collect();
        let changes = self.edit(network, &texts, gradients);
        let changes: Vec<_> = changes.iter().map(|change| change.in_groups(groups)).collect();
        let ask = |texts: Vec<&Text>| {
            let entering = self.entering(&texts);
            let log_p = self.log_p(&entering, Added { whole: &whole, changes: &changes });
            (entering, log_p)
        };
        let (entering, log_p) = ask(drills.iter().flat_map(|drill| &drill.worded).collect());
        let mut nll = entering.nll(&log_p);
        if smoothing > 0.0 {
            let each = smoothing / (log_p.size()[1] - 1) as f64;
            let all = -log_p.sum_dim_intlist([-1i64].as_slice(), false, Kind::Float);
            nll = nll * (1.0 - smoothing - each) + all * each;
        }
        let rows = drills.iter().map(|drill| drill.worded.len()).sum::<usize>();
        let edits = (nll * entering.shares()).sum(Kind::Float) / int(rows);

        let (entering, log_p) = ask(drills.iter().flat_map(|drill| &drill.kept).collect());
        let kl = |before: &Tensor, after: &Tensor| {
            let kl = (before.exp() * (before - after)).sum_dim_intlist(
                [-1i64].as_slice(),
                false,
                Kind::Float,
            );
            (kl * entering.shares()).sum(Kind::Float) / int(drills.len() * KEPT)
        };
        let base = no_grad(|| entering.log_p(&self.decoder, &mut Unprobed));
        if whole.is_empty() {
            return [edits, kl(&base, &log_p), Tensor::from(0f32).to_device(base.device())];
        }
        let before = self.log_p(&entering, Added { whole: &whole, changes: &[] });
        [edits, kl(&before.detach(), &log_p), kl(&base, &before)]
    }

    /// The losses of single edits of as many steps as in training, and the part of them that hold; `batch` are computed
    /// together.
    pub(super) fn validate(
        &self,
        network: &impl Hypernetwork,
        drills: &[Drill],
        batch: usize,
    ) -> ([f64; 3], f64) {
        let whole = network.whole();
        let (mut losses, mut held) = ([0.0; 3], 0);
        for part in drills.chunks(batch) {
            let gradients = self.gradients_of(network, part);
            for (sum, loss) in
                iter::zip(&mut losses, self.losses(network, part, &gradients, (1, 0.0)))
            {
                *sum += loss.double_value(&[]) * part.len() as f64;
            }
            let texts: Vec<&Text> = part.iter().map(|drill| &drill.edit).collect();
            let changes = self.edit(network, &texts, &gradients);
            let entering = self.entering(&texts);
            let added = Added { whole: &whole, changes: &changes };
            let log_p = no_grad(|| self.log_p(&entering, added));
            held += entering.hits(&log_p).into_iter().filter(|hit| *hit).count();
        }
        (losses.map(|loss| loss / drills.len() as f64), held as f64 / drills.len() as f64)
    }

    /// How single edits go, as a commit makes them.
    pub(super) fn examine(
        &self,
        network: &impl Hypernetwork,
        drills: &[Drill],
        most: u32,
    ) -> Validation {
        let whole = network.whole();
        let mut counts = [0usize; 3];
        for drill in drills {
            let wordings: Vec<&Text> = iter::once(&drill.edit).chain(&drill.others).collect();
            let Single { changes, .. } = self.until_said(network, &wordings, most);
            let asked = iter::once(&drill.edit).chain(&drill.worded).chain(&drill.kept);
            let entering = self.entering(&asked.collect::<Vec<_>>());
            let added = Added { whole: &whole, changes: &changes };
            let (now, base) = no_grad(|| {
                (self.log_p(&entering, added), entering.log_p(&self.decoder, &mut Unprobed))
            });
            let wanted = 1 + drill.worded.len();
            let hits = entering.hits(&now);
            counts[0] += usize::from(hits[0]);
            counts[1] += hits[1..wanted].iter().filter(|hit| **hit).count();
            let same = entering.likeliest(&now).into_iter().zip(entering.likeliest(&base));
            counts[2] += same.skip(wanted).filter(|(now, before)| now == before).count();
        }
        let of = |count: usize, each: usize| count as f64 / (each * drills.len()) as f64;
        Validation {
            edits: drills.len() as u64,
            reliability: of(counts[0], 1),
            generality: of(counts[1], WORDINGS),
            locality: of(counts[2], KEPT),
        }
    }
}

/// The change of one fact.
pub(super) struct Single {
    /// Of each map, in one group.
    pub(super) changes: Vec<LowRank>,
    /// For each step which wording it was from, and by map the factors of its gradient.
    pub(super) steps: Vec<(usize, Vec<Factors>)>,
}

fn sum(changes: &[LowRank], further: &[LowRank]) -> Vec<LowRank> {
    iter::zip(changes, further).map(|(one, more)| one.and(more)).collect()
}
