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
    built(layout, &[])
}

/// The same with the feature `data-reset`, for the tests of that alone. The other is to be built after it: both have one
/// place in cargo's folder.
pub(crate) fn resetting_host(layout: &Layout) -> Result<PathBuf> {
    say::step("host", "building waystation with data-reset");
    let binary = built(layout, &["--features", "data-reset"])?;
    let place = layout.target().join("waystation-data-reset");
    // One that still runs somewhere is not written to.
    let _ = std::fs::remove_file(&place);
    std::fs::copy(&binary, &place).with_context(|| format!("cannot write {}", place.display()))?;
    Ok(place)
}

fn built(layout: &Layout, more: &[&str]) -> Result<PathBuf> {
    let mut command = cargo::command(layout.root(), layout.target());
    command.args(["build", "--package", "waystation", "--bin", "waystation"]).args(more);
    let built = cargo::build(&mut command)?;
    built
        .into_iter()
        .rev()
        .find_map(|artifact| artifact.executable)
        .context("cargo built no `waystation` binary; does host/cli still declare it?")
}
