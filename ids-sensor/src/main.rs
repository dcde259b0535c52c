//! `ids-sensor`: detection and prevention on the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    ids_sensor::cli::main(std::env::args_os().collect())
}
