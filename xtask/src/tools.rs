//! Programs that the steps need and a bare machine lacks.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::layout::Layout;
use crate::{cargo, proc, say};

/// The cargo subcommand `cargo-NAME`: from `PATH`, from our tools folder, or installed there now.
pub(crate) fn cargo_tool(layout: &Layout, name: &str) -> Result<PathBuf> {
    let program = format!("cargo-{name}");
    installed(layout, &program, &[&program])
}

/// The program of the crate of that name: from `PATH`, from our tools folder, or installed there now, in this version.
/// Not optimised, since it is for tests.
pub(crate) fn crate_program(layout: &Layout, name: &str, version: &str) -> Result<PathBuf> {
    installed(layout, name, &["--debug", "--version", version, name])
}

fn installed(layout: &Layout, program: &str, how: &[&str]) -> Result<PathBuf> {
    if let Some(path) = proc::on_path(program) {
        return Ok(path);
    }
    let ours = layout.tools().join("bin").join(program);
    if proc::is_program(&ours) {
        return Ok(ours);
    }
    say::step("tools", &format!("cargo install {program}, once; this takes some minutes"));
    let scratch = layout.target().join("tools-build");
    let mut command = cargo::command(layout.root(), &scratch);
    command.args(["install", "--locked", "--root"]).arg(layout.tools()).args(how);
    proc::run(&mut command).with_context(|| {
        format!("{program} is needed; install it with `cargo install --locked {program}`")
    })?;
    let _ = std::fs::remove_dir_all(scratch);
    Ok(ours)
}

/// Installs Debian packages, where we are root and there is apt; never removes any.
pub(crate) fn apt_install(packages: &[&str]) -> Result<()> {
    let wanted = packages.join(" ");
    if !rustix::process::geteuid().is_root() {
        bail!("install them as root: apt-get install {wanted}");
    }
    let Some(apt) = proc::on_path("apt-get") else {
        bail!("there is no apt-get here; install what Debian calls: {wanted}");
    };
    say::step("tools", &format!("apt-get install {wanted}"));
    let install = || {
        let mut command = Command::new(&apt);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command.args(["install", "-y", "-qq", "--no-install-recommends", "--no-remove"]).args(packages);
        command.stdout(std::process::Stdio::null());
        proc::run(&mut command)
    };
    if install().is_ok() {
        return Ok(());
    }
    proc::run(Command::new(&apt).args(["update", "-qq"]))?;
    install()
}
