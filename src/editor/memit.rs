//! MEMIT: mass-editing memory in a transformer (Meng et al., 2023, algorithm 1).

use std::collections::BTreeMap;

use tch::Tensor;

use super::{
    error::EditError,
    keys::Streams,
    lookup::Asked,
    matrix::{matrix, tensor},
    settings::{Settings, ZOn},
    solve::{Prior, Solver},
    z,
};
use crate::{
    delta::{Accumulator, Matrix, Orientation, Version},
    ledger::{EditJob, EditOutcome, LayerEdit, Progress, ZTrace},
    model::{EditSite, Model},
};

/// What commits call this editor.
pub const NAME: &str = "memit";

/// Raised when the same input would give another output.
pub const VERSION: u32 = 1;

/// Keys whose cosine is above this are the same look-up to the model.
const SAME_KEY: f64 = 0.99;

/// Finds the change of weights that makes `job.requests` true in `job.version`, with the base's
/// weights in `model` before and after. `job.settings` is read by the caller, into `settings`.
///
/// # Errors
/// When a request has no tokens, statistics are missing or degenerate, the model fails, or
/// `progress` asks to stop.
pub fn edit(
    model: &mut Model,
    solver: &mut Solver,
    settings: &Settings,
    job: &EditJob<'_>,
    progress: &mut dyn Progress,
) -> Result<EditOutcome, EditError> {
    let asked = ask(model, settings, job)?;
    let sites: Vec<(usize, EditSite)> = settings
        .layers
        .iter()
        .map(|&layer| Ok((layer, model.edit_site(layer)?)))
        .collect::<Result<_, EditError>>()?;
    let mut workbench = Workbench::new(model);

    // 1. What each fact should look like at the z layer.
    let base_z = match settings.z_on {
        ZOn::Base => Some(wanted(workbench.model, &asked, settings, job, progress)?),
        ZOn::Current => None,
    };
    let mut weights = workbench.load(job.version, &sites)?;
    let (z, traces) = match base_z {
        Some(found) => found,
        None => wanted(workbench.model, &asked, settings, job, progress)?,
    };

    // 2. Each layer in turn takes its share of what is missing.
    let device = workbench.model.decoder().device();
    let wanted = tensor(&z, device); // [n, d]
    let mut streams = Streams::new(workbench.model.decoder(), &asked, settings.layers[0]);
    let mut layers = BTreeMap::new();
    let mut notes = Vec::new();
    progress.start("layers", Some(sites.len() as u64));
    for (i, (layer, site)) in sites.iter().enumerate() {
        let decoder = workbench.model.decoder();
        streams.advance(decoder, *layer);
        let keys = streams.keys(decoder); // K, [n, in]
        if i == 0 {
            notes.extend(crowded(&keys.mean, job));
        }
        let missing = &wanted - streams.values(decoder, settings.z_layer()); // [n, d]
        let share = missing / (sites.len() - i) as f64; // R
        let past = past_keys(settings, job.version, site); // P, [m, in]
        let held = if settings.every_context { &keys.every } else { &keys.mean };
        let prior = prior(settings, job, site)?;
        let adjusted = solver
            .adjusted_keys(&site.tensor, &prior, &past.tr(), &held.tr(), &keys.mean.tr())
            .map_err(|source| EditError::Singular { tensor: site.tensor.clone(), source })?;
        let change = LayerEdit {
            left: matrix(&share.tr()),
            right: matrix(&adjusted.tr()),
            keys: matrix(&keys.mean),
        };

        // 3. The next layer sees exactly the weights that a checkout of this edit would have.
        let sum = weights.get_mut(&site.tensor).expect("because every site was loaded");
        sum.add_low_rank(&change.left, &change.right, &[]);
        workbench.set(&site.tensor, sum)?;
        layers.insert(site.tensor.clone(), change);
        progress.advance(i as u64 + 1, &layer.to_string())?;
    }
    progress.finish("");
    Ok(EditOutcome { layers, z, traces, notes })
}

fn ask(model: &Model, settings: &Settings, job: &EditJob<'_>) -> Result<Vec<Asked>, EditError> {
    let context = model.spec().context;
    let ask =
        |request| Asked::new(model.tokens(), job.prefixes, settings.rephrase, request, context);
    job.requests.iter().map(ask).collect()
}

/// Z, `[n, d]`: what is known already, and the rest by optimisation on the model as it is.
fn wanted(
    model: &Model,
    asked: &[Asked],
    settings: &Settings,
    job: &EditJob<'_>,
    progress: &mut dyn Progress,
) -> Result<(Matrix, Vec<Option<ZTrace>>), EditError> {
    let known = |i: usize| job.known_z.get(i).and_then(Option::as_ref);
    let unknown: Vec<(usize, &Asked)> =
        asked.iter().enumerate().filter(|(i, _)| known(*i).is_none()).collect();
    let mut found = z::find(model.decoder(), &unknown, settings, progress)?.into_iter();
    let mut z = Matrix::zeros(asked.len(), model.spec().width);
    let mut traces = Vec::new();
    for (i, row) in z.data.chunks_exact_mut(z.cols).enumerate() {
        if let Some(known) = known(i) {
            row.copy_from_slice(known);
            traces.push(None);
        } else {
            let found = found.next().expect("because every unknown z was sought");
            row.copy_from_slice(&found.z);
            traces.push(Some(found.trace));
        }
    }
    Ok((z, traces))
}

fn past_keys(settings: &Settings, version: &Version, site: &EditSite) -> Tensor {
    let past = if settings.carry {
        version.past_keys(&site.tensor, site.inputs)
    } else {
        Matrix::zeros(0, site.inputs)
    };
    tensor(&past, tch::Device::Cpu)
}

fn prior<'a>(
    settings: &Settings,
    job: &EditJob<'a>,
    site: &EditSite,
) -> Result<Prior<'a>, EditError> {
    let tensor = || site.tensor.clone();
    let second_moment = job
        .second_moments
        .get(&site.tensor)
        .ok_or_else(|| EditError::NoStatistics { tensor: tensor() })?;
    let (rows, cols, inputs) = (second_moment.rows, second_moment.cols, site.inputs);
    if (rows, cols) != (inputs, inputs) {
        return Err(EditError::StatisticsShape { tensor: tensor(), rows, cols, inputs });
    }
    Ok(Prior { second_moment, weight: settings.mom2_update_weight, ridge: settings.ridge })
}

/// Requests that are looked up at almost the same key pull it two ways, as two relations of one
/// subject do when the prompt begins with it: says which.
fn crowded(keys: &Tensor, job: &EditJob<'_>) -> Option<String> {
    let unit = keys / keys.norm_scalaropt_dim(2, [1i64].as_slice(), true);
    let mut pairs = Vec::new();
    for i in 1..job.requests.len() {
        let row = i64::try_from(i).unwrap_or(i64::MAX);
        let (cosine, nearest) = unit.narrow(0, 0, row).mv(&unit.get(row)).max_dim(0, false);
        if cosine.double_value(&[]) > SAME_KEY {
            let nearest = usize::try_from(nearest.int64_value(&[])).unwrap_or(0);
            pairs.push((&job.requests[nearest], &job.requests[i]));
        }
    }
    let (a, b) = pairs.first()?;
    Some(format!(
        "{} of the facts are looked up at the key of another and compete with it, such as {:?} with \
         {:?}",
        pairs.len(),
        b.text(),
        a.text(),
    ))
}

/// A model that gets its weights back when the work ends, however it ends.
struct Workbench<'a> {
    model: &'a mut Model,
    before: BTreeMap<String, Matrix>,
}

impl<'a> Workbench<'a> {
    const fn new(model: &'a mut Model) -> Self {
        Self { model, before: BTreeMap::new() }
    }

    /// Puts a version's weights into the model. Returns those of `sites`, ready to be added to.
    fn load(
        &mut self,
        version: &Version,
        sites: &[(usize, EditSite)],
    ) -> Result<BTreeMap<String, Accumulator>, EditError> {
        let mut tensors: BTreeMap<&str, Orientation> =
            sites.iter().map(|(_, site)| (site.tensor.as_str(), site.orientation)).collect();
        for (name, change) in version.deltas.iter().flat_map(|delta| &delta.changes) {
            tensors.insert(name, change.orientation);
        }
        let mut weights = BTreeMap::new();
        for (name, orientation) in tensors {
            let sum = version.accumulate(name, orientation)?;
            self.set(name, &sum)?;
            if sites.iter().any(|(_, site)| site.tensor == name) {
                weights.insert(name.to_owned(), sum);
            }
        }
        Ok(weights)
    }

    fn set(&mut self, name: &str, sum: &Accumulator) -> Result<(), EditError> {
        let rounded = sum.rounded();
        if !rounded.data.iter().all(|value| value.is_finite()) {
            return Err(EditError::NotFinite { tensor: name.to_owned() });
        }
        if !self.before.contains_key(name) {
            self.before.insert(name.to_owned(), self.model.weight(name)?);
        }
        Ok(self.model.set_weight(name, &rounded)?)
    }
}

impl Drop for Workbench<'_> {
    fn drop(&mut self) {
        for (name, weight) in &self.before {
            // It went in and came out under this name and shape; only a lost device can refuse it,
            // and then there is no model left to protect.
            let _lost = self.model.set_weight(name, weight);
        }
    }
}
