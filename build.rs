//! Tells the linker where libtorch is, so that `cargo run` and the built binary find it without
//! `LD_LIBRARY_PATH`.

use std::env;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if env::var_os("CARGO_FEATURE_TORCH").is_none() {
        return;
    }
    if let Some(libtorch) = env::var_os("LIBTORCH") {
        // DT_RUNPATH: `LD_LIBRARY_PATH` still wins, which is how a CUDA libtorch is slipped in.
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}/lib", libtorch.to_string_lossy());
    }
}
