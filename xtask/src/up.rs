//! `cargo xtask up`: plugins, host, signatures, run.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::layout::Layout;
use crate::{cargo, plugins, say, supply, wasm};

/// Builds, then becomes `waystation up`: signals, stdio and the exit status are its own.
pub(crate) fn run(layout: &Layout, args: &[String]) -> Result<()> {
    let plugins = plugins::build(layout, &wasm::ensure(layout, wasm::Choice::Auto)?)?;
    let program = host(layout)?;
    supply::build(layout, &program, &plugins)?;
    say::step("up", "waystation up");
    let error = Command::new(&program).arg("up").arg("--plugins").arg(layout.supply()).args(args).exec();
    Err(error).with_context(|| format!("could not start {}", program.display()))
}

/// Builds the `waystation` binary and says where it is.
pub(crate) fn host(layout: &Layout) -> Result<PathBuf> {
    say::step("host", "building waystation");
    let mut command = cargo::command(layout.root(), layout.target());
    let built = cargo::build(command.args(["build", "--package", "waystation", "--bin", "waystation"]))?;
    built
        .into_iter()
        .rev()
        .find_map(|artifact| artifact.executable)
        .context("cargo built no `waystation` binary; does host/cli still declare it?")
}
