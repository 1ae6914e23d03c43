//! Build steps of Waystation, in Rust so that they run wherever cargo does.
//!
//! `cargo xtask up` builds the plugins and the binary and runs it; `cargo xtask test`
//! builds what the tests need, starts a PostgreSQL of its own and runs every test;
//! `cargo xtask ci` is `test` and every check. What a step says goes to stderr, so
//! that stdout belongs to the program or report that was asked for.
#![forbid(unsafe_code)]

mod bench;
mod cargo;
mod ci;
mod docs;
mod fixtures;
mod fuzz;
mod interrupt;
mod layout;
mod plugins;
mod postgres;
mod proc;
mod readers;
mod say;
mod sdk;
mod supply;
mod test;
mod tools;
mod up;
mod vectors;
mod wasm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::layout::Layout;

/// Builds, runs, tests and measures Waystation.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    step: Step,
}

#[derive(Subcommand)]
enum Step {
    /// Build the plugins and the host, then run `waystation up`.
    #[command(disable_help_flag = true)]
    Up {
        /// Everything after `up` goes to `waystation up`, such as `--once --json`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Build everything the tests need, start a PostgreSQL of our own, run all tests.
    Test {
        /// Run only tests whose name contains one of these.
        filter: Vec<String>,
    },
    /// `test`, then formatting, clippy, docs, links, licences and sources.
    Ci,
    /// Build the plugins and put each, with its manifest inside, into one folder.
    Plugins {
        /// Where the standard library for wasm comes from.
        #[arg(long, value_enum, default_value_t)]
        toolchain: wasm::Choice,
    },
    /// Run the benchmarks and print medians and ratios.
    Bench {
        /// Run only this benchmark.
        name: Option<String>,
        /// Print one JSON document instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Try random input on the parsers that meet the outside.
    Fuzz {
        /// Only this one; all of `fuzz/fuzz_targets` when left out.
        target: Option<String>,
        /// How long each is tried.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// Run the target on the input in this file instead.
        #[arg(long, requires = "target")]
        input: Option<std::path::PathBuf>,
    },
    /// Verify every signature case of a folder and tell which were judged wrongly.
    Vectors {
        /// The folder that holds `cases/*.jsonl` and what they name.
        dir: std::path::PathBuf,
    },
    /// Build the fixture plugins of the tests.
    #[command(hide = true)]
    Fixtures,
    /// Check that every link in the documentation leads somewhere.
    #[command(hide = true)]
    Links,
    /// Build, test and pack the SDK of agents in TypeScript.
    Sdk,
    /// Start the PostgreSQL of the tests and keep it until Ctrl-C.
    #[command(hide = true)]
    Postgres,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<interrupt::Interrupted>() => {
            say::line("interrupted");
            ExitCode::from(130)
        }
        Err(error) => {
            say::error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let layout = Layout::find()?;
    if let Step::Up { args } = cli.step {
        return up::run(&layout, &args);
    }
    interrupt::install()?;
    match cli.step {
        Step::Up { .. } => Ok(()),
        Step::Test { filter } => test::run(&layout, &filter),
        Step::Ci => ci::run(&layout),
        Step::Plugins { toolchain } => {
            plugins::build(&layout, &wasm::ensure(&layout, toolchain)?).map(|_| ())
        }
        Step::Bench { name, json } => bench::run(&layout, name.as_deref(), json),
        Step::Fuzz { target, seconds, input } => {
            fuzz::run(&layout, target.as_deref(), seconds, input.as_deref())
        }
        Step::Vectors { dir } => vectors::run(&layout, &dir),
        Step::Fixtures => fixtures::build(&layout, &wasm::ensure(&layout, wasm::Choice::Auto)?),
        Step::Links => docs::check(&layout),
        Step::Sdk => proc::run(&mut sdk::tests(&sdk::build(&layout)?)),
        Step::Postgres => postgres::hold(),
    }
}
