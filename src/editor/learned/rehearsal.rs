//! What drills come to when a network edits them: gradients, losses, and how single edits went.
//!
//! Weights stay as they are: a change is added to what leaves a map.

use std::iter;

use tch::{Kind, Tensor, no_grad};

use super::{
    hypernetwork::{Gradients, Hypernetwork},
    lessons::{Drill, KEPT, WORDINGS},
    maps::{Applied, Capture, Map},
    texts::{Entering, Text, int},
};
use crate::{
    engine::Validation,
    model::{Decoder, Direction, Model, Tokens, Unprobed},
};

/// What stands between the parts of an edit as a text: what the base says, what it is to say, and the prompt.
const BETWEEN: [&str; 2] = [" >> ", " || "];

/// What edits are rehearsed on.
pub(super) struct Rehearsal<'a> {
    pub(super) decoder: &'a Decoder,
    tokens: &'a Tokens,
    maps: &'a [Map],
    /// The lowest block that is edited.
    lowest: usize,
    /// [`BETWEEN`] in tokens; none where the tokenizer has none for it.
    between: [Vec<u32>; 2],
}

impl<'a> Rehearsal<'a> {
    pub(super) fn new(model: &'a Model, maps: &'a [Map]) -> Self {
        let tokens = model.tokens();
        let between = BETWEEN.map(|text| {
            let encoded = match model.spec().direction {
                Direction::Forward => tokens.encode(text).map(|encoded| encoded.ids),
                Direction::Both => tokens.encode_bare(text),
            };
            encoded.unwrap_or_default()
        });
        Self { decoder: model.decoder(), tokens, maps, lowest: maps[0].layer, between }
    }

    fn entering(&self, texts: &[&Text]) -> Entering {
        Entering::new(self.decoder, texts, self.lowest)
    }

    /// What is known of edits with `texts`: the factors of the gradient of each one's own loss, the mean over what is
    /// wanted of it, and each edit as a text.
    pub(super) fn gradients(&self, texts: &[&Text]) -> Gradients {
        let entering = self.entering(texts);
        let mut capture = Capture::at(self.maps);
        let log_p = entering.log_p(self.decoder, &mut capture);
        let said = entering.likeliest(&log_p.detach());
        let loss = (entering.nll(&log_p) * entering.shares()).sum(Kind::Float);
        let condition = |(text, said): (&&Text, Vec<i64>)| {
            let said: Vec<u32> = said.iter().filter_map(|&id| u32::try_from(id).ok()).collect();
            let spelt = |ids: &[u32]| self.tokens.spelt(ids).unwrap_or_default();
            let [first, second] = &self.between;
            [&spelt(&said), first, &spelt(&text.wanted), second, text.prompt()].concat()
        };
        let conditions = texts.iter().zip(said).map(condition).collect();
        Gradients { factors: capture.factors(loss), conditions }
    }

    /// The same of the edits of drills.
    pub(super) fn gradients_of(&self, drills: &[Drill]) -> Gradients {
        self.gradients(&drills.iter().map(|drill| &drill.edit).collect::<Vec<_>>())
    }

    /// What drills come to that are edited in groups of `together`: mean −log p of the edited facts in other words, where
    /// other tokens have a part `smoothing` of it, and mean KL(base ‖ edited) of what is to stay.
    pub(super) fn losses(
        &self,
        network: &impl Hypernetwork,
        drills: &[Drill],
        gradients: &Gradients,
        (together, smoothing): (usize, f64),
    ) -> (Tensor, Tensor) {
        let changes = network.changes(gradients, int(drills.len() / together));
        let ask = |texts: Vec<&Text>| {
            let entering = self.entering(&texts);
            let log_p = entering.log_p(self.decoder, &mut Applied::new(self.maps, &changes));
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
        let before = no_grad(|| entering.log_p(self.decoder, &mut Unprobed));
        let kl = (before.exp() * (&before - log_p)).sum_dim_intlist(
            [-1i64].as_slice(),
            false,
            Kind::Float,
        );
        let kept = (kl * entering.shares()).sum(Kind::Float) / int(drills.len() * KEPT);
        (edits, kept)
    }

    /// The losses of single edits, and how they went; `batch` are computed together.
    pub(super) fn examine(
        &self,
        network: &impl Hypernetwork,
        drills: &[Drill],
        batch: usize,
    ) -> ([f64; 2], Validation) {
        let (mut losses, mut counts) = ([0.0; 2], [0usize; 3]);
        for part in drills.chunks(batch) {
            let gradients = self.gradients_of(part);
            no_grad(|| {
                let (edits, kept) = self.losses(network, part, &gradients, (1, 0.0));
                for (sum, loss) in iter::zip(&mut losses, [edits, kept]) {
                    *sum += loss.double_value(&[]) * part.len() as f64;
                }
                let changes = network.changes(&gradients, int(part.len()));
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
        (losses.map(|loss| loss / drills.len() as f64), validation)
    }
}
