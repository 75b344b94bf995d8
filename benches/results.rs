//! What criterion measured, as a file of `benches/results`.

use std::{
    env,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    time::UNIX_EPOCH,
};

use criterion::Criterion;

const FILE: &str = "KLEDGER_BENCH_RESULTS";

/// Runs the groups of `bench`. What they measured goes to the file that `KLEDGER_BENCH_RESULTS` names.
pub(crate) fn run(bench: &str, groups: &[fn()]) {
    let start = now();
    for group in groups {
        group();
    }
    Criterion::default().configure_from_args().final_summary();
    let Some(file) = env::var_os(FILE) else { return };
    let built = env::current_exe().unwrap();
    // This program is target/release/deps/NAME.
    let kept: PathBuf = env::var_os("CRITERION_HOME")
        .map_or_else(|| built.ancestors().nth(3).unwrap().join("criterion"), Into::into);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/editing/results.py");
    let mut python = Command::new("python3");
    python.args([script.as_os_str(), bench.as_ref(), command(bench).as_ref(), kept.as_os_str()]);
    python.arg(start.to_string()).arg(file);
    assert!(python.status().unwrap().success(), "{python:?} failed");
}

/// What makes these figures again.
fn command(bench: &str) -> String {
    let features =
        if cfg!(feature = "torch") { "" } else { "--no-default-features --features cli " };
    // Cargo adds `--bench` by itself.
    let words =
        env::args().skip(1).filter(|word| word != "--bench").map(|word| format!(" '{word}'"));
    let words: String = words.collect();
    let between = if words.is_empty() { "" } else { " --" };
    format!("cargo bench {features}--bench {bench}{between}{words}")
}

/// Seconds since 1970, by the clock of the file system that criterion writes to.
fn now() -> u64 {
    let (_, path) = tempfile::NamedTempFile::new().unwrap().into_parts();
    let written = File::open(&path).unwrap().metadata().unwrap().modified().unwrap();
    written.duration_since(UNIX_EPOCH).unwrap().as_secs()
}
