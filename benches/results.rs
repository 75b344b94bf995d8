//! What criterion measured, as a file of `benches/results`.

use std::{env, fs::File, path::Path, process::Command, time::UNIX_EPOCH};

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
    let kept = env::var_os("CRITERION_HOME")
        .map_or_else(|| built.ancestors().nth(3).unwrap().join("criterion"), Into::into);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/editing/results.py");
    let mut python = Command::new("python3");
    python.arg(script).arg(bench).arg(kept).arg(start.to_string()).arg(file);
    assert!(python.status().unwrap().success(), "{python:?} failed");
}

/// Seconds since 1970, by the clock of the file system that criterion writes to.
fn now() -> u64 {
    let (_, path) = tempfile::NamedTempFile::new().unwrap().into_parts();
    let written = File::open(&path).unwrap().metadata().unwrap().modified().unwrap();
    written.duration_since(UNIX_EPOCH).unwrap().as_secs()
}
