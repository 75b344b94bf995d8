//! Makes the binary, the tests and the examples find libtorch without `LD_LIBRARY_PATH`.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Said by torch-sys, however it was told where libtorch is; unset without the feature `torch`.
    if let Some(directory) = env::var_os("DEP_TCH_LIBTORCH_LIB") {
        // DT_RUNPATH: `LD_LIBRARY_PATH` still wins, which is how a CUDA libtorch is slipped in.
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", directory.to_string_lossy());
    }
}
