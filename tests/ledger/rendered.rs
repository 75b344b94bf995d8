//! Tables, CSV files and plots of the docs are those that the figures in `benches/results` make.

use std::{
    io::{self, Write},
    path::Path,
    process::Command,
};

#[test]
fn the_docs_show_the_figures_that_were_measured() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checked =
        Command::new("python3").arg("benches/render.py").arg("--check").current_dir(root).output();
    let Ok(output) = checked else {
        // Not by `eprintln`, which nobody sees of a test that passes.
        writeln!(io::stderr(), "SKIPPED: tables of the docs are not checked without python3")
            .unwrap();
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
