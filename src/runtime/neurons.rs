//! What units promote and add, and what the columns of an edit read.

use std::{collections::BTreeMap, ops::ControlFlow};

use tch::{Device, Kind, Tensor as Torch, no_grad};

use super::{TorchEngine, lens::floats, likeliest};
use crate::{
    engine::{Acting, Acts, Columns, EngineError, Factors, Progress, Traceable, Unit, Word},
    model::{Batch, ModelError, Padding, Part, Site},
    tensor::Matrix,
};

/// Logits that are computed together at most.
const LOGITS: usize = 1 << 26;
/// Tokens that are computed together.
const TOKENS: usize = 8192;

/// A prompt as far as its subject's last token.
struct Beginning {
    number: i64,
    ids: Vec<u32>,
}

impl TorchEngine {
    pub(super) fn promoted_by(
        &self,
        units: &[Unit],
        top: usize,
    ) -> Result<Vec<Vec<Word>>, EngineError> {
        let spec = self.model.spec();
        for unit in units {
            if unit.layer as usize >= spec.layers || unit.unit as usize >= spec.inner {
                let (layers, units) = (spec.layers, spec.inner);
                return Err(ModelError::NoUnit { unit: unit.to_string(), layers, units }.into());
            }
        }
        no_grad(|| {
            let values: Vec<Torch> = units.iter().map(|&unit| self.value(unit)).collect();
            if values.is_empty() {
                return Ok(Vec::new());
            }
            self.words(&Torch::stack(&values, 0), top)
        })
    }

    /// What a unit adds to the stream, `[d]`.
    fn value(&self, unit: Unit) -> Torch {
        let down = self.model.decoder().weights().weight(Part::MlpDown, unit.layer as usize);
        down.select(1, i64::from(unit.unit))
    }

    /// The tokens that vectors `[n, d]` promote, as if each were the whole stream.
    fn words(&self, vectors: &Torch, top: usize) -> Result<Vec<Vec<Word>>, EngineError> {
        let decoder = self.model.decoder();
        let vectors = vectors.to_kind(decoder.kind());
        let mut all = Vec::new();
        for some in vectors.split(self.heads_together(), 0) {
            let likely = decoder.head(&some).softmax(-1, Kind::Float);
            for row in likely.unbind(0) {
                let words = likeliest(&row, top).into_iter().map(|(id, probability)| {
                    let text = self.model.tokens().decode(&[id])?;
                    Ok(Word { text, probability })
                });
                all.push(words.collect::<Result<_, ModelError>>()?);
            }
        }
        Ok(all)
    }

    /// Vectors that the head reads together.
    fn heads_together(&self) -> i64 {
        (LOGITS / self.model.spec().vocabulary.max(1)).max(1) as i64
    }

    /// The token that the value of each unit of a layer promotes most.
    pub(super) fn most_promoted(&self, layer: usize) -> Vec<u32> {
        let decoder = self.model.decoder();
        let values = decoder.weights().weight(Part::MlpDown, layer).tr();
        let mut all = Vec::new();
        for some in values.split(self.heads_together(), 0) {
            let most = decoder.head(&some).argmax(-1, false).to_device(Device::Cpu);
            let most = Vec::<i64>::try_from(most).expect("because it is a vector of i64");
            all.extend(most.into_iter().map(|id| u32::try_from(id).unwrap_or(u32::MAX)));
        }
        all
    }

    pub(super) fn acting_after(
        &self,
        prompt: &str,
        expected: Option<&str>,
        top: usize,
    ) -> Result<Acting, EngineError> {
        let ids = self.readable(prompt)?;
        let wanted = expected.map(|text| self.first_of(prompt, &ids, text)).transpose()?;
        no_grad(|| {
            let decoder = self.model.decoder();
            let layers = decoder.spec().layers;
            let batch = Batch::new(&[ids], Padding::Right, decoder.device());
            let (mut keys, mut end) = (Vec::new(), None);
            let mut keep = |site: Site, value: &mut Torch| {
                match site {
                    Site::Into(Part::MlpDown, _) => keys.push(value.get(0).get(-1)),
                    Site::BlockOut(block) if block + 1 == layers => {
                        end = Some(value.get(0).get(-1));
                    }
                    _ => {}
                }
                ControlFlow::Continue(())
            };
            let logits = decoder.forward(&batch, &mut keep);
            let logits = logits.continue_value().expect("because nobody ends the pass");
            let logits = logits.get(0).get(-1).to_kind(Kind::Double);
            let end = end.expect("because a pass leaves the last block");
            let answer = wanted.map_or_else(|| logits.argmax(0, false).int64_value(&[]), i64::from);
            let direction = decoder.reading(&end, answer); // [d]
            let mut adds = Vec::with_capacity(layers);
            for (layer, key) in keys.iter().enumerate() {
                let down = decoder.weights().weight(Part::MlpDown, layer).to_kind(Kind::Double);
                adds.push(direction.matmul(&down) * key.to_kind(Kind::Double)); // [units]
            }
            let totals = adds.iter().map(|adds| narrow(&adds.sum(Kind::Double))).collect();
            let units = self.strongest(&keys, &adds, top)?;
            Ok(Acting {
                answer: self.model.tokens().decode(&[u32::try_from(answer).unwrap_or(u32::MAX)])?,
                probability: narrow(&logits.softmax(-1, Kind::Double).get(answer)),
                logit: narrow(&(logits.get(answer) - logits.mean(Kind::Double))),
                layers: totals,
                units,
            })
        })
    }

    /// The units that add or take most.
    fn strongest(
        &self,
        keys: &[Torch],
        adds: &[Torch],
        top: usize,
    ) -> Result<Vec<Acts>, EngineError> {
        let width = self.model.spec().inner as i64;
        let (all, coefficients) = (Torch::cat(adds, 0), Torch::cat(keys, 0));
        let top = i64::try_from(top).unwrap_or(i64::MAX).min(all.size()[0]);
        let places = all.abs().topk(top, 0, true, true).1;
        let of = |values: &Torch| floats(&values.index_select(0, &places));
        let (adds, coefficients) = (of(&all), of(&coefficients));
        let places = Vec::<i64>::try_from(places.to_device(Device::Cpu));
        let places = places.expect("because it is a vector of i64");
        let number = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        let units: Vec<Unit> = places
            .iter()
            .map(|at| Unit { layer: number(at / width), unit: number(at % width) })
            .collect();
        let promotes = self.promoted_by(&units, super::WORDS)?;
        let found = units.into_iter().zip(coefficients).zip(adds).zip(promotes);
        let acts = found.map(|(((unit, coefficient), adds), promotes)| Acts {
            unit,
            coefficient,
            adds,
            promotes,
        });
        Ok(acts.collect())
    }

    pub(super) fn columns_of(
        &self,
        changes: &BTreeMap<String, Factors<'_>>,
        prompts: &[Traceable],
        top: usize,
        progress: &mut dyn Progress,
    ) -> Result<BTreeMap<String, Columns>, EngineError> {
        let mut places = BTreeMap::new();
        for (name, change) in changes {
            let slot = self.model.decoder().weights().slot(name)?;
            let found = vec![change.left.rows, change.right.cols];
            if !slot.part.in_block() || slot.part.is_norm() || slot.shape != found {
                let (name, wanted) = (name.clone(), slot.shape.clone());
                return Err(ModelError::Shape { name, wanted, found }.into());
            }
            places.insert((slot.part, slot.layer), name);
        }
        let at: Vec<(Part, usize)> = places.keys().copied().collect();
        let keys = self.keys_at(&at, prompts, progress)?;
        let mut columns = BTreeMap::new();
        for (place @ (part, _), name) in places {
            let change = &changes[name];
            let promotes = matches!(part, Part::MlpDown | Part::AttentionOut);
            let promotes =
                promotes.then(|| no_grad(|| self.words(&self.given(change.left).tr(), top)));
            let responses = no_grad(|| match keys.get(&place) {
                Some(keys) => self.given(change.right).matmul(&keys.tr()), // [rank, prompts]
                None => Torch::zeros([change.right.rows as i64, 0], (Kind::Float, Device::Cpu)),
            });
            let responses = Matrix {
                rows: change.right.rows,
                cols: prompts.len(),
                data: floats(&responses.flatten(0, -1)),
            };
            let columns_of_it = Columns { responses, promotes: promotes.transpose()? };
            columns.insert(name.clone(), columns_of_it);
        }
        Ok(columns)
    }

    /// A matrix on the device.
    fn given(&self, matrix: &Matrix) -> Torch {
        let shape = [matrix.rows as i64, matrix.cols as i64];
        Torch::from_slice(&matrix.data).view(shape).to_device(self.model.decoder().device())
    }

    /// What enters these maps at the last token of each prompt's subject, `[prompts, in]`, f32.
    fn keys_at(
        &self,
        places: &[(Part, usize)],
        prompts: &[Traceable],
        progress: &mut dyn Progress,
    ) -> Result<BTreeMap<(Part, usize), Torch>, EngineError> {
        let mut asked = Vec::with_capacity(prompts.len());
        for (number, prompt) in (0..).zip(prompts) {
            self.readable(&prompt.prompt)?;
            let tokens = self.model.tokens();
            let (encoded, last) = tokens.last_token_of(&prompt.prompt, prompt.subject.clone())?;
            // What comes after it changes nothing before.
            asked.push(Beginning { number, ids: encoded.ids[..=last].to_vec() });
        }
        asked.sort_by_key(|asked| asked.ids.len());
        progress.start("prompts", Some(asked.len() as u64));
        let mut found: BTreeMap<(Part, usize), Vec<Torch>> = BTreeMap::new();
        let (mut rest, mut done) = (asked.as_slice(), 0);
        while !rest.is_empty() {
            let fits = |n: &usize| n * rest[n - 1].ids.len() <= TOKENS;
            let count = (1..=rest.len()).take_while(fits).last().unwrap_or(1);
            let (now, later) = rest.split_at(count);
            no_grad(|| self.add_keys(now, places, &mut found));
            done += count as u64;
            progress.advance(done, "")?;
            rest = later;
        }
        progress.finish("");
        let order: Vec<i64> = asked.iter().map(|asked| asked.number).collect();
        let back = Torch::from_slice(&order).argsort(0, false);
        let in_order = |keys: Vec<Torch>| {
            let all = Torch::cat(&keys, 0);
            all.index_select(0, &back.to_device(all.device()))
        };
        Ok(no_grad(|| found.into_iter().map(|(place, keys)| (place, in_order(keys))).collect()))
    }

    /// Adds what enters the maps at the last token of each row.
    fn add_keys(
        &self,
        asked: &[Beginning],
        places: &[(Part, usize)],
        found: &mut BTreeMap<(Part, usize), Vec<Torch>>,
    ) {
        let decoder = self.model.decoder();
        let rows: Vec<Vec<u32>> = asked.iter().map(|asked| asked.ids.clone()).collect();
        let batch = Batch::new(&rows, Padding::Right, decoder.device());
        let last: Vec<i64> = batch.last().into_iter().map(|at| at as i64).collect();
        let last = Torch::from_slice(&last).to_device(decoder.device()).view([-1, 1, 1]);
        let mut keep = |site: Site, value: &mut Torch| {
            if let Site::Into(part, layer) = site
                && places.contains(&(part, layer))
            {
                let at = last.expand([-1, 1, value.size()[2]], false);
                let keys = value.gather(1, &at, false).squeeze_dim(1);
                found.entry((part, layer)).or_default().push(keys.to_kind(Kind::Float));
            }
            ControlFlow::Continue(())
        };
        let hidden = decoder.embed(&batch.ids, &batch.positions);
        let blocks = 0..decoder.spec().layers;
        let passed = decoder.blocks(blocks, hidden, &[], batch.mask.as_ref(), &mut keep);
        let _kept = passed.continue_value().expect("because nobody ends the pass");
    }
}

#[expect(clippy::cast_possible_truncation, reason = "figures are shown with few digits")]
fn narrow(value: &Torch) -> f32 {
    value.double_value(&[]) as f32
}
