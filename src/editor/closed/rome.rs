//! ROME: rank-one model editing (Meng et al., 2022), and r-ROME (Gupta et al., 2024, "Rebuilding ROME").
//!
//! One fact after the other is written into one MLP. With k̄ the mean key of the fact's contexts and u = C⁻¹k̄,
//!
//! Δ = (v* − v) uᵀ / (k · u)
//!
//! has the MLP say v* at the key k, where it says v so far. For ROME k is the key in the bare prompt; where that is far
//! from k̄, k · u is small and the change huge. For r-ROME k is k̄. The keys of earlier facts are not held.

use serde::{Deserialize, Serialize};
#[cfg(feature = "torch")]
use tch::{Kind, Tensor};

#[cfg(feature = "torch")]
use super::{
    layers::{ClosedForm, Layer, Sought, ask, groups, how_far, second_moment},
    solve::{Solver, System},
};
use super::{memit, method::Closed, settings::RIDGE};
use crate::editor::{
    locate::settings::{self as locate, Search},
    method::Recipe,
    presets::{ModelSize, Presets},
    settings::{
        Defaults, MethodSettings, Setting, SettingsError, listed, not_below_zero, parse, require,
    },
};
#[cfg(feature = "torch")]
use crate::{
    delta::{Change, ChangeForm},
    editor::{
        error::EditError,
        locate::{
            bucket::numbers,
            keys::{Mean, Streams},
            lookup::openings,
            place::Place,
            settings::ZOn,
        },
        matrix::{int, matrix, tensor},
        settings::canonical,
        workbench::Workbench,
    },
    engine::{Axis, EditJob, EditOutcome, Progress},
    model::Model,
};

const COMMON: &str = include_str!("../presets/rome/common.toml");

const PRESETS: Presets = Presets {
    families: &[],
    models: &[
        ("gpt2", 7, 192, 1536, include_str!("../presets/rome/base.toml")),
        ("gpt2", 24, 1024, 4096, include_str!("../presets/rome/gpt2-medium.toml")),
        ("gpt2", 36, 1280, 5120, include_str!("../presets/rome/gpt2-large.toml")),
        ("gpt2", 48, 1600, 6400, include_str!("../presets/rome/gpt2-xl.toml")),
        ("gptj", 28, 4096, 16384, include_str!("../presets/rome/gpt-j-6b.toml")),
        ("gpt_neox", 44, 6144, 24576, include_str!("../presets/rome/gpt-neox-20b.toml")),
    ],
};

const OWN: &[Setting] = &[
    Setting::new("mom2_adjustment", "true or false", "weigh keys by C; without it C is 1"),
    RIDGE,
];

/// Everything ROME can be told, under the names of its implementation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Whether u is C⁻¹k̄, or k̄ alone.
    pub mom2_adjustment: bool,
    /// Added to the diagonal of C, as a fraction of the diagonal's mean.
    pub ridge: f64,
    /// How v* is sought, which is the z of this method.
    #[serde(flatten)]
    pub search: Search,
}

/// The same for r-ROME.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rebuilt(pub Settings);

impl Recipe for Settings {
    type Kind = Closed;

    const NAME: &'static str = "rome";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "Rank-one model editing (Meng et al., 2022): one fact after the other, each exactly, in one block's MLP";
}

impl Recipe for Rebuilt {
    type Kind = Closed;

    const NAME: &'static str = "r-rome";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "r-ROME (Gupta et al., 2024): ROME that asks the same key wherever it asks one, and so never gives a huge change";
}

impl MethodSettings for Settings {
    fn known() -> Vec<&'static Setting> {
        listed(&[locate::SETTINGS, OWN])
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        let Defaults { mut preset, faithful } = memit::Settings::defaults(model)?;
        let last = memit::blocks_of(&preset).last().cloned();
        preset.insert("layers".to_owned(), last.into_iter().collect::<Vec<_>>().into());
        preset.extend(parse(COMMON)?);
        PRESETS.lay_over(&mut preset, model)?;
        Ok(Defaults { preset, faithful })
    }

    fn published(model: &ModelSize) -> bool {
        memit::Settings::published(model)
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.search.check(layers)?;
        let one = self.search.layers.len() == 1;
        require(one, "layers", "one block", || format!("{:?}", self.search.layers))?;
        not_below_zero(&[("ridge", self.ridge)])
    }
}

impl MethodSettings for Rebuilt {
    fn known() -> Vec<&'static Setting> {
        Settings::known()
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        Settings::defaults(model)
    }

    fn published(model: &ModelSize) -> bool {
        Settings::published(model)
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.0.check(layers)
    }
}

#[cfg(feature = "torch")]
impl ClosedForm for Settings {
    fn search(&self) -> &Search {
        &self.search
    }

    fn place(&self) -> Place {
        Place::Mlp
    }

    fn axes(&self, layers: usize) -> Vec<Axis> {
        self.search().axes(layers, false)
    }

    fn canonical(&self, _: &[f64]) -> String {
        canonical(self)
    }

    fn edit(
        &self,
        model: &mut Model,
        _: &mut Solver,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EditError> {
        edit(model, self, (self, Key::Bare), job, progress)
    }
}

#[cfg(feature = "torch")]
impl ClosedForm for Rebuilt {
    fn search(&self) -> &Search {
        &self.0.search
    }

    fn place(&self) -> Place {
        Place::Mlp
    }

    fn axes(&self, layers: usize) -> Vec<Axis> {
        self.search().axes(layers, false)
    }

    fn canonical(&self, _: &[f64]) -> String {
        canonical(self)
    }

    fn edit(
        &self,
        model: &mut Model,
        _: &mut Solver,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EditError> {
        edit(model, self, (&self.0, Key::Mean), job, progress)
    }
}

/// Which k is to have v*.
#[cfg(feature = "torch")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// That in the bare prompt.
    Bare,
    /// The mean over the contexts.
    Mean,
}

#[cfg(feature = "torch")]
fn edit(
    model: &mut Model,
    method: &impl ClosedForm,
    (settings, key): (&Settings, Key),
    job: &mut EditJob<'_>,
    progress: &mut dyn Progress,
) -> Result<EditOutcome, EditError> {
    let search = &settings.search;
    let asked = ask(model, search, job)?;
    let layer = search.z_layer();
    let site = model.edit_site(layer)?;
    let openings = openings(model.tokens(), job.prefixes)?;
    let groups = groups(&asked, search.join_subjects);
    let mut workbench = Workbench::new(model);
    let mut sought = Sought::new(&asked, workbench.model, job);
    if search.z_on == ZOn::Base {
        workbench.load(&job.version.ground(), &[])?;
        sought.seek(workbench.model, &openings, &groups, method, job, progress)?;
    }
    progress.part("weights");
    let mut weights = workbench.load(job.version, &[(layer, site.clone())])?;
    let sum = weights.get_mut(&site.tensor).expect("because that site was loaded");

    // Nothing below the MLP changes, so all keys are known at once; and so is what it says at each, once the columns
    // before are counted in.
    progress.part("keys");
    let decoder = workbench.model.decoder();
    let device = decoder.device();
    let streams = Streams::new(decoder, &openings, &asked, layer, Mean::OfContexts);
    let (bare, mean) = streams.look_ups(decoder);
    progress.part("solve");
    let u = match settings.mom2_adjustment {
        true => {
            let second_moment = second_moment(job, &site)?;
            let layer = Layer {
                number: 0,
                tensor: &site.tensor,
                second_moment,
                device,
                factors_in: Kind::Double,
            };
            let system = System::new(layer.prior(1.0, settings.ridge), device, Kind::Double);
            let mut solver = Solver::default();
            let u = solver.adjusted_keys(&site.tensor, &system, &mean.keys.tr());
            u.map_err(|source| layer.singular(source))?.tr()
        }
        false => mean.keys.to_kind(Kind::Double),
    }; // [n, in]
    let asked_at = match key {
        Key::Bare => bare,
        Key::Mean => mean,
    };
    let keys = asked_at.keys.to_kind(Kind::Double); // [n, in]
    let outputs = asked_at.outputs.to_kind(Kind::Double); // [n, d]

    progress.start("facts", Some(asked.len() as u64));
    let mut columns = Vec::new();
    let (left, right) = (outputs.zeros_like(), keys.zeros_like()); // [n, d], [n, in]
    for group in &groups {
        if search.z_on == ZOn::Current {
            let group = std::slice::from_ref(group);
            sought.seek(workbench.model, &openings, group, method, job, progress)?;
        }
        let wanted = tensor(&sought.z, device).to_kind(Kind::Double);
        let before = int(columns.len());
        for &(request, _) in group {
            let (row, column) = (int(request), int(columns.len()));
            let k = keys.get(row);
            // v: what the MLP says by now.
            let so_far = right.narrow(0, 0, column).mv(&k);
            let v = outputs.get(row) + left.narrow(0, 0, column).tr().mv(&so_far);
            left.get(column).copy_(&(wanted.get(row) - v));
            let u = u.get(row);
            right.get(column).copy_(&(&u / u.dot(&k)));
            columns.push(u32::try_from(request).expect("because requests are few"));
        }
        let new = |all: &Tensor| all.narrow(0, before, int(group.len()));
        sum.add_low_rank(&matrix(&new(&left).tr()), &matrix(&new(&right)), &[]);
        if search.z_on == ZOn::Current {
            workbench.set(&site.tensor, sum)?;
        }
        progress.advance(columns.len() as u64, "")?;
    }
    progress.finish("");
    workbench.set(&site.tensor, sum)?;
    let order: Vec<usize> = columns.iter().map(|&column| column as usize).collect();
    // By request, what the MLP says at its key in the end, and what that has of each column.
    let shares = keys.matmul(&right.tr()); // [requests, columns]
    let moved = shares.matmul(&left);
    let by_request = numbers(&inverse(&order)).to_device(device);
    let wanted = tensor(&sought.z, device).to_kind(Kind::Double);
    let reached = how_far(
        &(wanted - outputs),
        &moved,
        &left.index_select(0, &by_request),
        &shares.index_select(1, &by_request),
    );
    let keys = keys.index_select(0, &numbers(&order).to_device(device));
    let form = ChangeForm::LowRank { left: matrix(&left.tr()), right: matrix(&right) };
    let change = Change { orientation: site.orientation, form, keys: Some(matrix(&keys)) };
    let Sought { z, traces } = sought;
    Ok(EditOutcome {
        columns,
        changes: [(site.tensor, change)].into(),
        z,
        traces,
        reached,
        notes: Vec::new(),
        settings: method.canonical(&[]),
    })
}

/// Where each of the numbers below their count stands among them.
#[cfg(feature = "torch")]
fn inverse(order: &[usize]) -> Vec<usize> {
    let mut places = vec![0; order.len()];
    for (place, &number) in order.iter().enumerate() {
        places[number] = place;
    }
    places
}
