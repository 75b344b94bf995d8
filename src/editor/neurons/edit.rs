//! From attributions to a change of weights.

use std::{collections::BTreeMap, iter};

use tch::{Kind, Tensor, no_grad};

use super::{NEEDS, Settings, attribution::Prompt};
use crate::{
    delta::{Change, ChangeForm},
    editor::{
        error::EditError,
        matrix::{int, matrix},
        method::{Bench, Editor},
        module::Module,
        pass::{
            maps::{Added, Applied, LowRank, Map, maps},
            texts::{Entering, Text},
            traces::traces,
        },
        settings::canonical,
        worded::Worded,
    },
    engine::{Axis, Description, EditJob, EditOutcome, Grain, Progress},
    model::{Decoder, Model, Part},
    tensor::Matrix,
};

/// A unit: its block, and its number there.
pub(super) type Unit = (usize, usize);

impl Editor for Settings {
    fn canonical(&self) -> String {
        canonical(self)
    }

    fn describe(&self, model: &Model) -> Result<Description, EditError> {
        let sites = all_maps(model).into_iter().map(|map| map.site);
        Ok(Description {
            axes: vec![
                Axis {
                    key: "adaptive_threshold",
                    values: vec![0.1.into(), 0.4.into(), 0.7.into()],
                },
                Axis { key: "p", values: vec![0.3.into(), 0.5.into()] },
            ],
            widest: None,
            uncalibrated: false,
            weight: None,
            grain: Grain::Fact,
            tensors: sites.map(|site| (site.tensor, site.orientation)).collect(),
            needs: NEEDS,
            artefact: None,
            search: None,
            joins_subjects: false,
            prefix_settings: String::new(),
        })
    }

    fn edit(
        &self,
        bench: Bench<'_>,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EditError> {
        bench.model.load()?;
        let model: &Model = bench.model;
        let maps = all_maps(model);
        let context = model.spec().context;
        let ask = |request| Worded::new(model, true, request, context);
        let asked = job.requests.iter().map(ask).collect::<Result<Vec<_>, _>>()?;

        progress.start("edits", Some(asked.len() as u64));
        let mut found: Vec<Vec<LowRank>> = Vec::new();
        for (done, asked) in (1..).zip(&asked) {
            found.push(self.change(model.decoder(), &maps, asked));
            progress.advance(done, "")?;
        }
        progress.finish("");

        let rank = |change: &[LowRank]| usize::try_from(change[0].left.size()[1]).unwrap_or(0);
        let of_fact =
            |(request, change): (u32, &Vec<LowRank>)| iter::repeat_n(request, rank(change));
        let columns = (0u32..).zip(&found).flat_map(of_fact).collect();
        let mut changes = BTreeMap::new();
        let mut changed = Vec::new();
        for (place, map) in maps.iter().enumerate() {
            let all = |part: fn(&LowRank) -> &Tensor| {
                let parts: Vec<_> =
                    found.iter().map(|change| part(&change[place]).get(0)).collect();
                Tensor::cat(&parts, 0)
            };
            let (left, right) = (all(|change| &change.left), all(|change| &change.right));
            if left.count_nonzero(None).int64_value(&[]) == 0 {
                continue;
            }
            let form = ChangeForm::LowRank { left: matrix(&left.tr()), right: matrix(&right) };
            let change = Change { orientation: map.site.orientation, form, keys: None };
            changes.insert(map.site.tensor.clone(), change);
            changed.push(map.clone());
        }
        let texts: Vec<Text> = asked.iter().map(|asked| asked.edited[0].clone()).collect();
        let once = vec![1; texts.len()];
        let traces = traces(bench.model, &changed, job, &changes, (&texts, &once))?;
        Ok(EditOutcome {
            columns,
            changes,
            z: Matrix::zeros(0, 0),
            traces,
            reached: Vec::new(),
            settings: canonical(self),
            notes: Vec::new(),
        })
    }
}

/// The down projections of all blocks.
fn all_maps(model: &Model) -> Vec<Map> {
    let all: Vec<usize> = (0..model.spec().layers).collect();
    maps(model, &all, &[Module::MlpDown])
}

impl Settings {
    /// The change of each of `maps` that makes the model say one fact, in one group.
    fn change(&self, decoder: &Decoder, maps: &[Map], asked: &Worded) -> Vec<LowRank> {
        let mut values: Vec<Vec<(usize, Tensor)>> = maps.iter().map(|_| Vec::new()).collect();
        for (place, &token) in asked.edited[0].wanted.iter().enumerate() {
            let begun = |text: &Text| Prompt::new(decoder, &text.ids, text.reads[place]);
            let prompts: Vec<Prompt<'_>> = asked.edited.iter().map(begun).collect();
            let (old, new) = (prompts[0].answer(), i64::from(token));
            let says = prompts[0].towards(new) * self.lambda_new;
            let says = match old == new {
                true => says,
                false => says - prompts[0].towards(old) * self.lambda_old,
            };
            for (layer, unit) in self.units(&prompts, old) {
                let at = int(unit);
                let acts = prompts[0].activations[layer].double_value(&[at]).signum();
                let own = decoder.weights().weight(Part::MlpDown, layer).select(1, at);
                values[layer].push((unit, &says * own.norm().double_value(&[]) * acts));
            }
        }
        let rank = values.iter().map(Vec::len).max().unwrap_or(0);
        let change = |(map, values): (&Map, &Vec<(usize, Tensor)>)| {
            let (outputs, inputs) = map.shape();
            let options = (Kind::Float, decoder.device());
            let left = Tensor::zeros([1, int(rank), int(outputs)], options);
            let right = Tensor::zeros([1, int(rank), int(inputs)], options);
            for (column, (unit, value)) in (0..).zip(values) {
                left.get(0).get(column).copy_(value);
                let _one = right.get(0).get(column).narrow(0, int(*unit), 1).fill_(1.0);
            }
            LowRank { left, right }
        };
        let change: Vec<LowRank> = maps.iter().zip(&values).map(change).collect();
        self.weakened(decoder, maps, &change, &asked.edited[0])
    }

    /// The units that say `answer`, in most of `prompts`; those that say most of it where there are many.
    pub(super) fn units(&self, prompts: &[Prompt<'_>], answer: i64) -> Vec<Unit> {
        // In how many prompts a unit counts, and how much of them it says.
        let mut shared: BTreeMap<Unit, (usize, f64)> = BTreeMap::new();
        for prompt in prompts {
            let attributions = prompt.attributions(answer, self.steps);
            for unit in above(&attributions, self.adaptive_threshold) {
                let (count, sum) = shared.entry(unit).or_default();
                *count += 1;
                *sum += attributions.double_value(&[int(unit.0), int(unit.1)]);
            }
        }
        // Where no unit is shared so far, those count that most prompts share.
        let most = shared.values().map(|(count, _)| *count).max().unwrap_or(0);
        let enough = |count: usize| count as f64 > self.p * prompts.len() as f64 || count == most;
        let enough = shared.into_iter().filter(|(_, (count, _))| enough(*count));
        let mut units: Vec<(Unit, f64)> = enough.map(|(unit, (_, sum))| (unit, sum)).collect();
        units.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        units.truncate(self.most_units);
        let mut units: Vec<Unit> = units.into_iter().map(|(unit, _)| unit).collect();
        units.sort_unstable();
        units
    }

    /// The least of the change, of its halves, quarters and so on, by which `text` is said; where none says it, the one by
    /// which it is likeliest.
    fn weakened(
        &self,
        decoder: &Decoder,
        maps: &[Map],
        change: &[LowRank],
        text: &Text,
    ) -> Vec<LowRank> {
        no_grad(|| {
            let entering = Entering::new(decoder, &[text], 0);
            let weaker = |halvings: u32| -> Vec<LowRank> {
                let part = 0.5f64.powi(halvings.cast_signed());
                let change = change.iter();
                change
                    .map(|LowRank { left, right }| LowRank {
                        left: left * part,
                        right: right.shallow_clone(),
                    })
                    .collect()
            };
            let mut likeliest = (f64::INFINITY, Vec::new());
            for change in (0..=self.halvings).rev().map(weaker) {
                let mut applied = Applied::new(maps, Added { whole: &[], changes: &change });
                let log_p = entering.log_p(decoder, &mut applied);
                if entering.hits(&log_p) == [true] {
                    return change;
                }
                let loss = entering.nll(&log_p).sum(Kind::Double).double_value(&[]);
                if loss < likeliest.0 || likeliest.1.is_empty() {
                    likeliest = (loss, change);
                }
            }
            likeliest.1
        })
    }
}

/// The units with more than a `part` of the highest of `attributions` `[blocks, inner]`; where all units speak against the
/// answer, the one that does so least.
pub(super) fn above(attributions: &Tensor, part: f64) -> Vec<Unit> {
    let highest = attributions.max().double_value(&[]);
    let chosen = match highest > 0.0 {
        true => attributions.gt(highest * part),
        false => attributions.eq(highest),
    };
    let places = Vec::<Vec<i64>>::try_from(chosen.nonzero()).expect("because places are i64");
    let number = |n: i64| usize::try_from(n).unwrap_or(0);
    places.into_iter().map(|place| (number(place[0]), number(place[1]))).collect()
}
