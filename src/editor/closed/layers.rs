//! The edit that closed-form methods have in common: z for every fact, then one layer after the other.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use super::{
    settings::{SolveFactor, Solving},
    solve::{Prior, Singular, Solver, System},
};
use crate::{
    delta::{Change, ChangeForm, Version},
    editor::{
        error::EditError,
        locate::{
            keys::Streams,
            lookup::{Asked, Group, openings},
            settings::{Search, ZOn},
            z,
        },
        matrix::{floats, matrix, tensor},
        workbench::Workbench,
    },
    engine::{EditJob, EditOutcome, Progress, ZTrace},
    model::{EditSite, Model},
    tensor::Matrix,
};

/// Keys whose cosine is above this are the same look-up to the model.
const SAME_KEY: f32 = 0.99;

/// Keys that are compared with all earlier ones together.
const ROWS: i64 = 1024;

/// What tells closed-form methods apart.
pub(super) trait ClosedForm {
    /// How z is sought.
    fn search(&self) -> &Search;

    /// How the change is solved for.
    fn solving(&self) -> &Solving;

    /// What holds a layer where it is. `keys` gives the mean keys of the edit, `[n, in]`.
    ///
    /// # Errors
    /// When C is not positive definite.
    fn hold<'a>(
        &self,
        layer: &Layer<'a>,
        keys: &mut dyn FnMut() -> Tensor,
    ) -> Result<Hold<'a>, Singular>;

    /// What of what is missing the first of `left` layers takes.
    fn share(&self, left: usize) -> f64 {
        1.0 / left as f64
    }

    /// The right factor of a layer's change, `[in, n]`, for the mean keys of the edit `[in, n]`, which `system` holds
    /// already: A⁻¹K.
    ///
    /// # Errors
    /// When C is not positive definite.
    fn solve(
        &self,
        solver: &mut Solver,
        tensor: &str,
        system: &System<'_>,
        keys: &Tensor,
    ) -> Result<Tensor, Singular> {
        solver.adjusted_keys(tensor, system, keys)
    }

    /// The settings with the λ that were found for the layers, in canonical form.
    fn canonical(&self, weights: &[f64]) -> String;
}

/// A layer to be changed.
pub(super) struct Layer<'a> {
    /// Its number among those that are changed.
    pub(super) number: usize,
    /// C, `[in, in]`.
    pub(super) second_moment: &'a Matrix,
    pub(super) device: Device,
    /// What its matrices are factored in.
    pub(super) factors_in: Kind,
}

impl<'a> Layer<'a> {
    /// λ (C + ridge · mean(diag C) · 1).
    pub(super) const fn prior(&self, weight: f64, ridge: f64) -> Prior<'a> {
        Prior { second_moment: self.second_moment, weight, ridge }
    }

    /// A system that holds only this.
    pub(super) const fn system(&self, prior: Prior<'a>) -> System<'a> {
        System::new(prior, self.device, self.factors_in)
    }
}

/// What holds a layer where it is.
pub(super) struct Hold<'a> {
    pub(super) prior: Prior<'a>,
    /// λ.
    pub(super) weight: f64,
}

/// Finds the change of weights that makes `job.requests` true in `job.version`, with the base's
/// weights in `model` before and after.
///
/// # Errors
/// When a request has no tokens, statistics are missing or degenerate, the model fails, or
/// `progress` asks to stop.
pub(super) fn edit(
    model: &mut Model,
    solver: &mut Solver,
    method: &dyn ClosedForm,
    job: &mut EditJob<'_>,
    progress: &mut dyn Progress,
) -> Result<EditOutcome, EditError> {
    let (search, solving) = (method.search(), method.solving());
    let asked = ask(model, search, job)?;
    let sites: Vec<(usize, EditSite)> = search
        .layers
        .iter()
        .map(|&layer| Ok((layer, model.edit_site(layer)?)))
        .collect::<Result<_, EditError>>()?;
    let openings = openings(model.tokens(), job.prefixes)?;
    let mut workbench = Workbench::new(model);

    // 1. What each fact should look like at the z layer.
    let base_z = match search.z_on {
        ZOn::Base => {
            workbench.load(&job.version.ground(), &[])?;
            Some(wanted(workbench.model, &openings, &asked, search, job, progress)?)
        }
        ZOn::Current => None,
    };
    progress.part("weights");
    let mut weights = workbench.load(job.version, &sites)?;
    let (z, traces) = match base_z {
        Some(found) => found,
        None => wanted(workbench.model, &openings, &asked, search, job, progress)?,
    };

    // 2. Each layer in turn takes its share of what is missing.
    progress.start("layers", Some(sites.len() as u64));
    let device = workbench.model.decoder().device();
    let wanted = tensor(&z, device); // [n, d]
    let mut streams = Streams::new(workbench.model.decoder(), &openings, &asked, search.layers[0]);
    let mut changes = BTreeMap::new();
    let mut notes = Vec::new();
    let mut weights_of_prior = Vec::new(); // λ
    for (i, (layer, site)) in sites.iter().enumerate() {
        progress.part("keys");
        let decoder = workbench.model.decoder();
        streams.advance(decoder, *layer);
        let singular = |source| EditError::Singular { tensor: site.tensor.clone(), source };
        let problem = Layer {
            number: i,
            second_moment: second_moment(job, site)?,
            device,
            factors_in: match solving.solve_factor {
                SolveFactor::F64 => Kind::Double,
                SolveFactor::F32 => Kind::Float,
            },
        };
        let mut mean = || streams.keys(decoder, &mut |_| {});
        let Hold { prior, weight } = method.hold(&problem, &mut mean).map_err(singular)?;
        weights_of_prior.push(weight);
        let mut system = problem.system(prior);
        if let Some(past) = past_keys(solving, job.version, site) {
            system.hold(&past.tr());
        }
        let keys = streams.keys(decoder, &mut |every| {
            if solving.every_context {
                system.hold(&every.tr());
            }
        }); // K, [n, in]
        if !solving.every_context {
            system.hold(&keys.tr());
        }
        if i == 0 {
            notes.extend(crowded(&keys, search, job));
        }
        let missing = &wanted - streams.values(decoder, search.z_layer()); // [n, d]
        let share = missing * method.share(sites.len() - i); // R
        progress.part("solve");
        let adjusted = method.solve(solver, &site.tensor, &system, &keys.tr()).map_err(singular)?;
        let (left, right) = (matrix(&share.tr()), matrix(&adjusted.tr()));

        progress.part("weights");
        // 3. The next layer sees exactly the weights that a checkout of this edit would have.
        let sum = weights.get_mut(&site.tensor).expect("because every site was loaded");
        sum.add_low_rank(&left, &right, &[]);
        workbench.set(&site.tensor, sum)?;
        let form = ChangeForm::LowRank { left, right };
        let (orientation, keys) = (site.orientation, Some(matrix(&keys)));
        changes.insert(site.tensor.clone(), Change { orientation, form, keys });
        progress.advance(i as u64 + 1, &layer.to_string())?;
    }
    progress.finish("");
    // A column for each request, in their order.
    let columns = (0u32..).take(asked.len()).collect();
    let settings = method.canonical(&weights_of_prior);
    Ok(EditOutcome { columns, changes, z, traces, notes, settings })
}

/// C of a layer.
fn second_moment<'a>(job: &EditJob<'a>, site: &EditSite) -> Result<&'a Matrix, EditError> {
    let tensor = || site.tensor.clone();
    let second_moment = job
        .second_moments
        .get(&site.tensor)
        .ok_or_else(|| EditError::NoStatistics { tensor: tensor() })?;
    let (rows, cols, inputs) = (second_moment.rows, second_moment.cols, site.inputs);
    if (rows, cols) != (inputs, inputs) {
        return Err(EditError::StatisticsShape { tensor: tensor(), rows, cols, inputs });
    }
    Ok(second_moment)
}

fn ask(model: &Model, settings: &Search, job: &EditJob<'_>) -> Result<Vec<Asked>, EditError> {
    let context = model.spec().context;
    let ask =
        |request| Asked::new(model.tokens(), job.prefixes, settings.rephrase, request, context);
    job.requests.iter().map(ask).collect()
}

/// Z, `[n, d]`: what is known already, and the rest by optimisation on the model as it is.
fn wanted(
    model: &Model,
    openings: &[Vec<u32>],
    asked: &[Asked],
    settings: &Search,
    job: &mut EditJob<'_>,
    progress: &mut dyn Progress,
) -> Result<(Matrix, Vec<Option<ZTrace>>), EditError> {
    let known_z = job.known_z;
    let known = |i: usize| known_z.get(i).and_then(Option::as_ref);
    let mut z = Matrix::zeros(asked.len(), model.spec().width);
    for (i, row) in z.data.chunks_exact_mut(z.cols).enumerate() {
        if let Some(known) = known(i) {
            row.copy_from_slice(known);
        }
    }
    let mut groups = groups(asked, settings.join_subjects);
    groups.retain(|group| group.iter().any(|(i, _)| known(*i).is_none()));
    let found = z::find(model.decoder(), openings, &groups, settings, &mut *job.found, progress)?;
    let mut traces = vec![None; asked.len()];
    for (group, found) in groups.iter().zip(found) {
        for ((i, _), new) in group.iter().zip(found.z.data.chunks_exact(z.cols)) {
            z.data[i * z.cols..][..z.cols].copy_from_slice(new);
            traces[*i] = Some(found.trace.clone());
        }
    }
    Ok((z, traces))
}

/// The requests of each subject, or if they are not to `join`, each alone.
fn groups(asked: &[Asked], join: bool) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut of_subject = BTreeMap::new();
    for (i, asked) in asked.iter().enumerate() {
        let next = groups.len();
        let group = if join { *of_subject.entry(&asked.subject).or_insert(next) } else { next };
        match groups.get_mut(group) {
            Some(group) => group.push((i, asked)),
            None => groups.push(vec![(i, asked)]),
        }
    }
    groups
}

/// P, `[m, in]`, if there are any.
fn past_keys(solving: &Solving, version: &Version, site: &EditSite) -> Option<Tensor> {
    let past = solving.carry.then(|| version.past_keys(&site.tensor, site.inputs))?;
    (past.rows > 0).then(|| tensor(&past, Device::Cpu))
}

/// Requests that are looked up at almost the same key and do not share a δ pull it two ways, as names do
/// whose last words are the same: says which.
fn crowded(keys: &Tensor, settings: &Search, job: &EditJob<'_>) -> Option<String> {
    let unit = keys / keys.norm_scalaropt_dim(2, [1i64].as_slice(), true);
    let count = unit.size()[0];
    let mut pairs = Vec::new();
    let mut start = 0;
    while start < count {
        let rows = ROWS.min(count - start);
        let cosines = unit.narrow(0, start, rows).matmul(&unit.narrow(0, 0, start + rows).tr());
        let (cosines, nearest) = cosines.tril(start - 1).max_dim(1, false);
        let nearest = Vec::<i64>::try_from(nearest).expect("because it is a vector of i64");
        let request = |row: i64| &job.requests[usize::try_from(row).unwrap_or_default()];
        let found = (start..).zip(floats(&cosines).into_iter().zip(nearest));
        let same = found.filter(|(_, (cosine, _))| *cosine > SAME_KEY);
        let pulled = same
            .map(|(row, (_, nearest))| (request(nearest), request(row)))
            .filter(|(a, b)| !settings.join_subjects || a.subject != b.subject);
        pairs.extend(pulled);
        start += rows;
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
