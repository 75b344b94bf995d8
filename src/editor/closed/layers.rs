//! The edit that closed-form methods have in common: z for every fact, then one layer after the other.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use super::{
    settings::{SolveFactor, Solving},
    solve::{Prior, Singular, Solver, System},
    stand_ins::StandIns,
    weight::Weight,
};
use crate::{
    delta::{Change, ChangeForm, Version},
    editor::{
        error::EditError,
        locate::{
            keys::{Mean, Streams},
            lookup::{Asked, Group, openings},
            place::Place,
            settings::{Search, ZOn},
            z,
        },
        matrix::{floats, matrix, tensor},
        workbench::Workbench,
    },
    engine::{Axis, EditJob, EditOutcome, Progress, Reached, ZTrace},
    model::{EditSite, Model},
    tensor::Matrix,
};

/// Keys whose cosine is above this are the same look-up to the model.
const SAME_KEY: f32 = 0.99;

/// Keys that are compared with all earlier ones together.
const ROWS: i64 = 1024;

/// A closed-form method and what it is set to.
pub trait ClosedForm {
    /// How z is sought.
    fn search(&self) -> &Search;

    /// Where z lives.
    fn place(&self) -> Place {
        Place::Block
    }

    /// How much what the model knows besides outweighs an edit, and the setting that says so, if there is one.
    fn weight(&self) -> Option<(&'static str, &Weight)> {
        None
    }

    /// What a calibration tries, for a model of so many `layers`.
    fn axes(&self, layers: usize) -> Vec<Axis> {
        self.search().axes(layers, true)
    }

    /// The settings with the weights that were found for the layers, in canonical form.
    fn canonical(&self, weights: &[f64]) -> String;

    /// Finds the change of weights that makes `job.requests` true in `job.version`, with the base's
    /// weights in `model` before and after.
    ///
    /// # Errors
    /// When a request has no tokens, statistics are missing or degenerate, the model fails, or
    /// `progress` asks to stop.
    fn edit(
        &self,
        model: &mut Model,
        solver: &mut Solver,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EditError>;
}

/// What tells methods apart that solve a least-squares problem in one layer after the other.
pub(super) trait LeastSquares: ClosedForm {
    /// How the change is solved for.
    fn solving(&self) -> &Solving;

    /// Whether the keys of all contexts are held, and not their mean alone.
    fn every_context(&self) -> bool {
        false
    }

    /// What holds a layer where it is. `keys` gives the mean keys of the edit, `[n, in]`.
    ///
    /// # Errors
    /// When C is not positive definite.
    fn hold<'a>(
        &self,
        layer: &Layer<'a>,
        solver: &mut Solver,
        keys: &mut dyn FnMut() -> Tensor,
    ) -> Result<Hold<'a>, EditError>;

    /// Whether the keys of the edit are held with the others, as what is wanted is weighed against what is held.
    fn holds_keys(&self) -> bool {
        true
    }

    /// What of what is missing the first of `left` layers takes.
    fn share(&self, left: usize) -> f64 {
        1.0 / left as f64
    }

    /// The right factor of a layer's change, `[in, n]`, for the mean keys of the edit `[in, n]`, which `system` holds
    /// already if it is to: A⁻¹K.
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
}

/// A layer to be changed.
pub(super) struct Layer<'a> {
    /// Its number among those that are changed.
    pub(super) number: usize,
    pub(super) tensor: &'a str,
    /// C, `[in, in]`.
    pub(super) second_moment: &'a Matrix,
    pub(super) device: Device,
    /// What its matrices are factored in.
    pub(super) factors_in: Kind,
}

impl<'a> Layer<'a> {
    /// λ (C + ridge · mean(diag C) · 1).
    pub(super) const fn prior(&self, weight: f64, ridge: f64) -> Prior<'a> {
        Prior::Moment { second_moment: self.second_moment, weight, ridge }
    }

    pub(super) fn singular(&self, source: Singular) -> EditError {
        EditError::Singular { tensor: self.tensor.to_owned(), source }
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
    /// Where the change stays, `[in, r]` with orthonormal columns, f64; everywhere if that is not said. The prior is
    /// that of this space.
    pub(super) space: Option<Tensor>,
}

/// What an edit outweighs the model's other knowledge by where λ is "auto". Between 20 and 200 edits of two bases,
/// of a hundred and of sixty facts, were about equally good.
pub(super) const SHARE: f64 = 50.0;

/// λ for the keys `[n, in]` of a layer with this `prior`, whose λ is 1: a fact with the median
/// of kᵀ C⁻¹ k would by itself be given [`SHARE`] / (1 + [`SHARE`]) of what it misses.
///
/// For one key the change at it is R kᵀC⁻¹k / (λ + kᵀC⁻¹k), so what suits a model depends on how long its keys
/// are and what C is, and not on its size.
pub(super) fn balanced(
    layer: &Layer<'_>,
    prior: Prior<'_>,
    keys: &Tensor,
) -> Result<f64, EditError> {
    let system = System::new(prior, layer.device, layer.factors_in);
    let by_fact = Solver::energies(&system, &keys.tr());
    let by_fact = by_fact.map_err(|source| layer.singular(source))?;
    Ok(by_fact.median().double_value(&[]) / SHARE)
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
    method: &dyn LeastSquares,
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
    let groups = groups(&asked, search.join_subjects);
    let mut sought = Sought::new(&asked, workbench.model, job);
    if search.z_on == ZOn::Base {
        workbench.load(&job.version.ground(), &[])?;
        sought.seek(workbench.model, &openings, &groups, method, job, progress)?;
    }
    progress.part("weights");
    let mut weights = workbench.load(job.version, &sites)?;
    if search.z_on == ZOn::Current {
        sought.seek(workbench.model, &openings, &groups, method, job, progress)?;
    }
    let Sought { z, traces } = sought;

    // 2. Each layer in turn takes its share of what is missing.
    progress.start("layers", Some(sites.len() as u64));
    let device = workbench.model.decoder().device();
    let wanted = tensor(&z, device); // [n, d]
    let mut streams =
        Streams::new(workbench.model.decoder(), &openings, &asked, search.layers[0], Mean::OfKinds);
    let mut changes = BTreeMap::new();
    let mut notes = Vec::new();
    let mut weights_of_prior = Vec::new(); // λ
    let mut start = None; // What was there, [n, d].
    let mut reached = Vec::new();
    for (i, (layer, site)) in sites.iter().enumerate() {
        progress.part("keys");
        let decoder = workbench.model.decoder();
        streams.advance(decoder, *layer);
        let problem = Layer {
            number: i,
            tensor: &site.tensor,
            second_moment: second_moment(job, site)?,
            device,
            factors_in: match solving.solve_factor {
                SolveFactor::F64 => Kind::Double,
                SolveFactor::F32 => Kind::Float,
            },
        };
        let mut mean = || streams.keys(decoder, &mut |_, _| {});
        let Hold { prior, weight, space } = method.hold(&problem, solver, &mut mean)?;
        weights_of_prior.push(weight);
        let mut system = problem.system(prior);
        // Columns of keys, in the space of the change.
        let within = |keys: &Tensor| match &space {
            Some(space) => space.tr().matmul(&keys.to_kind(Kind::Double).tr()),
            None => keys.tr(),
        };
        if let Some(past) = past_keys(solving, job.version, site) {
            system.hold(&within(&past.to_device(device)));
        }
        let every_context = method.every_context() && method.holds_keys();
        let mut stand_ins = (method.every_context() && solving.carry_keys > 1)
            .then(|| StandIns::new(asked.len(), solving.carry_keys));
        let keys = streams.keys(decoder, &mut |requests, every| {
            if every_context {
                system.hold(&within(every));
            }
            if let Some(stand_ins) = &mut stand_ins {
                stand_ins.hear(requests, every);
            }
        }); // K, [n, in]
        if method.holds_keys() && !every_context {
            system.hold(&within(&keys));
        }
        if i == 0 {
            notes.extend(crowded(&keys, search, job));
        }
        let there = streams.values(decoder, search.z_layer(), method.place());
        let missing = &wanted - &there; // [n, d]
        let start = start.get_or_insert(there);
        let share = missing * method.share(sites.len() - i); // R
        progress.part("solve");
        let solved = method.solve(solver, &site.tensor, &system, &within(&keys));
        let solved = solved.map_err(|source| problem.singular(source))?;
        let adjusted =
            space.as_ref().map_or_else(|| solved.shallow_clone(), |space| space.matmul(&solved));
        let (left, right) = (matrix(&share.tr()), matrix(&adjusted.tr()));

        progress.part("weights");
        // 3. The next layer sees exactly the weights that a checkout of this edit would have.
        let sum = weights.get_mut(&site.tensor).expect("because every site was loaded");
        sum.add_low_rank(&left, &right, &[]);
        workbench.set(&site.tensor, sum)?;
        if i + 1 == sites.len() {
            let moved = streams.values(workbench.model.decoder(), search.z_layer(), method.place())
                - &*start;
            let shares = within(&keys).to_kind(Kind::Double).tr().matmul(&solved);
            reached = how_far(&(&wanted - &*start), &moved, &share, &shares);
        }
        let form = ChangeForm::LowRank { left, right };
        let left_behind = stand_ins.map_or(keys, StandIns::found);
        let (orientation, keys) = (site.orientation, Some(matrix(&left_behind)));
        changes.insert(site.tensor.clone(), Change { orientation, form, keys });
        progress.advance(i as u64 + 1, &layer.to_string())?;
    }
    progress.finish("");
    // A column for each request, in their order.
    let columns = (0u32..).take(asked.len()).collect();
    let settings = method.canonical(&weights_of_prior);
    Ok(EditOutcome { columns, changes, z, traces, reached, notes, settings })
}

/// C of a layer.
pub(super) fn second_moment<'a>(
    job: &EditJob<'a>,
    site: &EditSite,
) -> Result<&'a Matrix, EditError> {
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

pub(super) fn ask(
    model: &Model,
    settings: &Search,
    job: &EditJob<'_>,
) -> Result<Vec<Asked>, EditError> {
    let context = model.spec().context;
    let ask =
        |request| Asked::new(model.tokens(), job.prefixes, settings.rephrase, request, context);
    job.requests.iter().map(ask).collect()
}

/// What is sought for each request.
pub(super) struct Sought {
    /// Z, `[n, d]`.
    pub(super) z: Matrix,
    /// How each search ended, where there was one.
    pub(super) traces: Vec<Option<ZTrace>>,
}

impl Sought {
    /// What is known already.
    pub(super) fn new(asked: &[Asked], model: &Model, job: &EditJob<'_>) -> Self {
        let mut z = Matrix::zeros(asked.len(), model.spec().width);
        for (row, known) in z.data.chunks_exact_mut(z.cols).zip(job.known_z) {
            if let Some(known) = known {
                row.copy_from_slice(known);
            }
        }
        Self { z, traces: vec![None; asked.len()] }
    }

    /// Finds the rest for `groups`, on the model as it is.
    pub(super) fn seek(
        &mut self,
        model: &Model,
        openings: &[Vec<u32>],
        groups: &[Group<'_>],
        method: &(impl ClosedForm + ?Sized),
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<(), EditError> {
        let is_known = |i: usize| job.known_z.get(i).is_some_and(Option::is_some);
        let unknown = |group: &&Group<'_>| group.iter().any(|(i, _)| !is_known(*i));
        let groups: Vec<Group<'_>> = groups.iter().filter(unknown).cloned().collect();
        let (search, place) = (method.search(), method.place());
        let decoder = model.decoder();
        let found =
            z::find(decoder, openings, &groups, (search, place), &mut *job.found, progress)?;
        let width = self.z.cols;
        for (group, found) in groups.iter().zip(found) {
            for ((i, _), new) in group.iter().zip(found.z.data.chunks_exact(width)) {
                self.z.data[i * width..][..width].copy_from_slice(new);
                self.traces[*i] = Some(found.trace.clone());
            }
        }
        Ok(())
    }
}

/// The requests of each subject, or if they are not to `join`, each alone.
pub(super) fn groups(asked: &[Asked], join: bool) -> Vec<Group<'_>> {
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

/// How far each request came that was `missing` `[n, d]`, where the change moved it by `moved` `[n, d]`: of `columns`
/// `[n, d]` its key takes `shares`, `[keys, columns]`.
pub(super) fn how_far(
    missing: &Tensor,
    moved: &Tensor,
    columns: &Tensor,
    shares: &Tensor,
) -> Vec<Reached> {
    let sums = |of: Tensor| of.sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
    let lengths = sums(missing.square()).clamp_min(f64::from(f32::MIN_POSITIVE));
    let part = sums(missing * moved) / &lengths;
    let columns = columns.to_kind(Kind::Float).tr();
    let count = missing.size()[0];
    let (mut pulls, mut rivals) = (Vec::new(), Vec::new());
    let mut start = 0;
    while start < count {
        let rows = ROWS.min(count - start);
        let some = |of: &Tensor| of.narrow(0, start, rows).to_kind(Kind::Float);
        // What a key takes of another's column is lost to its own, but for what goes its way.
        let along = some(missing).matmul(&columns) / some(&lengths).unsqueeze(1);
        let pulls_of = some(shares) * (along.ones_like() - along);
        let itself = Tensor::zeros([rows], (Kind::Float, pulls_of.device()));
        let (pull, rival) = pulls_of.diagonal_scatter(&itself, start, 0, 1).max_dim(1, false);
        pulls.extend(floats(&pull));
        rivals.extend(Vec::<i64>::try_from(rival).expect("because it is a vector of i64"));
        start += rows;
    }
    let each = floats(&part).into_iter().zip(pulls.into_iter().zip(rivals));
    let reached = each.map(|(part, (pull, rival))| {
        let rival = usize::try_from(rival).ok().filter(|_| pull > 0.0);
        Reached { part, rival: rival.map(|rival| (rival, pull)) }
    });
    reached.collect()
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
