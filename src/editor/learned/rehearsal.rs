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
            maps::{Added, Applied, Both, Capture, LowRank, Map},
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
        let said = entering.hits(&log_p.detach());
        Gradients { factors: capture.factors(loss), conditions, said }
    }

    /// The same of the edits of drills.
    pub(super) fn gradients_of(&self, network: &impl Hypernetwork, drills: &[Drill]) -> Gradients {
        self.gradients(network, &drills.iter().map(|drill| &drill.edit).collect::<Vec<_>>())
    }

    /// The change of each map that edits with `texts` make in `steps` at most, a group for each, and the steps made; `first`
    /// is what is known of them before. They end once all is said.
    pub(super) fn edit(
        &self,
        network: &impl Hypernetwork,
        texts: &[&Text],
        first: &Gradients,
        steps: u32,
    ) -> (Vec<LowRank>, u32) {
        let whole = network.whole();
        let mut changes = network.changes(first);
        for step in 1..steps {
            let next = self.gradients_at(Added { whole: &whole, changes: &changes }, texts);
            if next.said.iter().all(|said| *said) {
                return (changes, step);
            }
            let further = network.changes(&next);
            changes = iter::zip(&changes, &further).map(|(sum, more)| sum.and(more)).collect();
        }
        (changes, steps)
    }

    /// The change of each map that drills make, a group for each; `first` is what is known of their edits.
    fn edit_of(
        &self,
        network: &impl Hypernetwork,
        drills: &[Drill],
        first: &Gradients,
    ) -> Vec<LowRank> {
        let texts: Vec<&Text> = drills.iter().map(|drill| &drill.edit).collect();
        self.edit(network, &texts, first, self.descent.n_edit_steps).0
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
        let changes = self.edit_of(network, drills, gradients);
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

    /// The losses of single edits, and how they went; `batch` are computed together.
    pub(super) fn examine(
        &self,
        network: &impl Hypernetwork,
        drills: &[Drill],
        batch: usize,
    ) -> ([f64; 3], Validation) {
        let whole = network.whole();
        let (mut losses, mut counts) = ([0.0; 3], [0usize; 3]);
        for part in drills.chunks(batch) {
            let gradients = self.gradients_of(network, part);
            let changes = self.edit_of(network, part, &gradients);
            for (sum, loss) in
                iter::zip(&mut losses, self.losses(network, part, &gradients, (1, 0.0)))
            {
                *sum += loss.double_value(&[]) * part.len() as f64;
            }
            no_grad(|| {
                let ask = |texts: Vec<&Text>| {
                    let entering = self.entering(&texts);
                    let log_p = self.log_p(&entering, Added { whole: &whole, changes: &changes });
                    (entering, log_p)
                };
                let hits = |texts: Vec<&Text>| {
                    let (entering, log_p) = ask(texts);
                    entering.hits(&log_p).into_iter().filter(|hit| *hit).count()
                };
                counts[0] += hits(part.iter().map(|drill| &drill.edit).collect());
                counts[1] += hits(part.iter().flat_map(|drill| &drill.worded).collect());
                let (entering, log_p) = ask(part.iter().flat_map(|drill| &drill.kept).collect());
                let before = entering.log_p(&self.decoder, &mut Unprobed);
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
        (losses.map(|loss| loss / drills.len() as f64), validation)
    }
}
