//! The project's own commands, for what plain cargo cannot do. `cargo xtask help` lists them.

mod bench;
mod docs;
mod ebpf;
mod fuzz;
mod map;
mod process;
mod root;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the XDP program into `ids-ebpf/object/`, with the linker it needs.
    BuildEbpf(ebpf::Options),
    /// Run all tests: the workspace's, then those that need root and network namespaces.
    Test(test::Options),
    /// Measure the stages of the engine, the whole sensor, and the kernel stage.
    Bench(bench::Options),
    /// Run the fuzz targets for a while each.
    Fuzz(fuzz::Options),
    /// Build the documentation; a warning is an error.
    Docs,
    /// Check that each part of the engine knows only the parts that ARCHITECTURE.md lets it know.
    CheckMap,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::BuildEbpf(options) => ebpf::build_ebpf(&options),
        Command::Test(options) => test::test(&options),
        Command::Bench(options) => bench::bench(&options),
        Command::Fuzz(options) => fuzz::fuzz(&options),
        Command::Docs => docs::docs(),
        Command::CheckMap => map::check_map(),
    }
}
