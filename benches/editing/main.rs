//! The parts of an edit on the shipped base: z, keys, solve, statistics, and the questions asked after.
//!
//! What a whole commit takes, and the same edit by the reference implementation, is measured by the
//! scripts beside this file.

#![expect(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

#[path = "../results.rs"]
mod results;

use std::{
    collections::BTreeMap,
    hint::black_box,
    path::{Path, PathBuf},
    sync::Arc,
};

use criterion::{BatchSize, Criterion, Throughput, criterion_group};
use kledger::{
    checkpoint::Checkpoint,
    delta::Version,
    editor::{
        self, ClosedForm as _, Matmul, MethodSettings as _, ModelSize, Prior, Solver, System,
        memit::Settings,
    },
    engine::{EditJob, Engine, Prompt, Silent},
    fact::Request,
    model::{DeviceChoice, Model},
    runtime::TorchEngine,
    tensor::{Dtype, Matrix},
};
use tch::{Device, Kind, Tensor};

const SUBJECTS: [&str; 16] = [
    "France", "Germany", "Spain", "Portugal", "Norway", "Sweden", "Poland", "Greece", "Japan",
    "China", "India", "Brazil", "Mexico", "Canada", "Egypt", "Kenya",
];
const PROMPTS: [&str; 4] = [
    "The capital of {subject} is",
    "{subject} lies on the continent of",
    "The money of {subject} is called the",
    "The language of {subject} is",
];
const STEPS: u32 = 10;

fn base() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/base")
}

fn requests() -> Vec<Request> {
    let ask = |prompt: &str, subject: &str| Request {
        prompt: prompt.to_owned(),
        subject: subject.to_owned(),
        target: "Rome".to_owned(),
        rephrasings: Vec::new(),
        kept: Vec::new(),
        paraphrases: Vec::new(),
    };
    SUBJECTS.iter().flat_map(|subject| PROMPTS.map(|prompt| ask(prompt, subject))).collect()
}

/// The base, and all that an edit of it needs.
struct Bench {
    model: Model,
    settings: Settings,
    second_moments: BTreeMap<String, Matrix>,
    version: Version,
    requests: Vec<Request>,
    solver: Solver,
}

impl Bench {
    fn open() -> Self {
        let model = Model::open(&base(), Device::Cpu, Dtype::F32).unwrap();
        let spec = model.spec();
        let size = ModelSize {
            family: spec.model_type.to_owned(),
            layers: spec.layers,
            width: spec.width,
            inner: spec.inner,
        };
        let mut settings = Settings::read("", &size).unwrap();
        settings.search.early_stop_loss = 0.0;
        settings.search.v_num_grad_steps = STEPS;
        let site = |&layer: &usize| model.edit_site(layer).unwrap();
        let second_moments = settings.search.layers.iter().map(|layer| {
            let site = site(layer);
            (site.tensor, Matrix::identity(site.inputs))
        });
        Self {
            second_moments: second_moments.collect(),
            version: Version::new(Arc::new(Checkpoint::open(&base()).unwrap()), Vec::new()),
            requests: requests(),
            solver: Solver::default(),
            settings,
            model,
        }
    }

    /// Returns the z found, in rows.
    fn edit(&mut self, known_z: &[Option<Vec<f32>>]) -> Matrix {
        let mut job = EditJob {
            artefact: None,
            prefixes: &["The", "Because of", "In fact", "You know", "It is"].map(str::to_owned),
            second_moments: &self.second_moments,
            seed: 42,
            version: &self.version,
            requests: &self.requests,
            known_z,
            found: &mut |_| {},
        };
        let (model, solver) = (&mut self.model, &mut self.solver);
        self.settings.edit(model, solver, &mut job, &mut Silent).unwrap().z
    }
}

fn edit(c: &mut Criterion) {
    let mut bench = Bench::open();
    let facts = bench.requests.len() as u64;
    let mut group = c.benchmark_group("64 facts, 6 contexts");
    group.sample_size(10).throughput(Throughput::Elements(facts * u64::from(STEPS)));
    for (name, matmul) in [("z step, f32", Matmul::F32), ("z step, bf16", Matmul::Bf16)] {
        bench.settings.search.z_matmul = matmul;
        group.bench_function(name, |b| b.iter(|| black_box(bench.edit(&[]))));
    }
    let z = bench.edit(&[]);
    let known: Vec<_> = (0..z.rows).map(|row| Some(z.row(row).to_vec())).collect();
    group.throughput(Throughput::Elements(facts));
    group.bench_function("keys, solve, weights", |b| b.iter(|| black_box(bench.edit(&known))));
    group.finish();
}

fn solve(c: &mut Criterion) {
    const WIDTH: i64 = 1536;
    tch::manual_seed(1);
    let of = |rows: i64, cols| Tensor::randn([rows, cols], (Kind::Float, Device::Cpu));
    let samples = of(4 * WIDTH, WIDTH);
    let moment = samples.tr().matmul(&samples) / (4 * WIDTH) as f64;
    let width = usize::try_from(WIDTH).unwrap();
    let mut second_moment = Matrix::zeros(width, width);
    moment.copy_data(&mut second_moment.data, width * width);
    let prior = Prior::Moment { second_moment: &second_moment, weight: 100.0, ridge: 1e-3 };
    let mut group = c.benchmark_group("solve for 1536 inputs");
    group.sample_size(10);
    for count in [64, 128, 192, 256, 384, 768, 1536] {
        let keys = of(WIDTH, count);
        let mut solver = Solver::default();
        // With so many empty columns before them, keys are added up.
        let system = |empty: i64| {
            let mut system = System::new(prior, Device::Cpu, Kind::Double);
            system.hold(&Tensor::zeros([WIDTH, empty], (Kind::Float, Device::Cpu)));
            system
        };
        let mut solve = |mut system: System<'_>| {
            system.hold(&keys);
            solver.adjusted_keys("layer", &system, &keys).unwrap()
        };
        if 8 * count <= WIDTH {
            group.bench_function(format!("{count} facts, push-through"), |b| {
                b.iter_batched(|| system(0), &mut solve, BatchSize::PerIteration);
            });
        }
        group.bench_function(format!("{count} facts, direct"), |b| {
            b.iter_batched(|| system(WIDTH), &mut solve, BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn statistics(c: &mut Criterion) {
    const TOKENS: usize = 16_384;
    let model = Model::open(&base(), Device::Cpu, Dtype::F32).unwrap();
    let ids: Vec<u32> = (0u32..).map(|i| 10 + i * 7919 % 2000).take(TOKENS).collect();
    let documents: Vec<Vec<u32>> = ids.chunks(64).map(<[u32]>::to_vec).collect();
    let mut group = c.benchmark_group("statistics of one layer");
    group.sample_size(10).throughput(Throughput::Elements(TOKENS as u64));
    group.bench_function("tokens", |b| {
        b.iter(|| {
            black_box(editor::second_moments(&model, &[0], &documents, &mut Silent).unwrap())
        });
    });
    group.finish();
}

fn answers(c: &mut Criterion) {
    let mut engine = TorchEngine::open(&base(), DeviceChoice::Cpu, Dtype::F32).unwrap();
    let probes: Vec<Prompt> = requests()
        .into_iter()
        .map(|request| Prompt { prompt: request.text(), expected: request.target })
        .collect();
    let mut group = c.benchmark_group("evaluation");
    group.sample_size(10);
    for (name, batch) in [("one by one", 1), ("together", probes.len())] {
        group.throughput(Throughput::Elements(probes.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                for some in probes.chunks(batch) {
                    black_box(engine.answer(some, &mut Silent).unwrap());
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, edit, solve, statistics, answers);

fn main() {
    results::run("editing", &[benches]);
}
