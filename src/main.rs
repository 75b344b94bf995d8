//! The `kledger` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    kledger::cli::main()
}
