//! Building for `wasm32-unknown-unknown` with `wasm-component-ld`: cargo then writes components.
//!
//! The standard library for that target comes from rustup, or, where rustup cannot
//! download, from Debian's packages of the same compiler.

mod debian;
mod embed;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, bail};

pub(crate) use embed::with_manifest;

use crate::layout::Layout;
use crate::{cargo, proc, say};

/// The target of everything that runs in the sandbox.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Where the standard library for wasm may come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Choice {
    /// The installed one, else rustup's, else Debian's.
    #[default]
    Auto,
    /// `rustup target add` only.
    Rustup,
    /// Debian's `rustc-web` only.
    Debian,
}

/// A compiler that has the standard library for wasm.
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// The compiler that cargo takes anyway.
    Default,
    /// Another compiler, with the standard library in a folder of ours.
    Debian(debian::Debian),
}

/// Finds or makes a toolchain, and says which it took.
pub(crate) fn ensure(layout: &Layout, choice: Choice) -> Result<Toolchain> {
    let rustup = if choice == Choice::Debian { bail_text("not asked for") } else { from_rustup(layout) };
    let not_rustup = match rustup {
        Ok(how) => {
            say::step("wasm", how);
            return Ok(Toolchain::Default);
        }
        Err(error) => error,
    };
    if choice == Choice::Rustup {
        return Err(not_rustup);
    }
    match debian::ensure(layout) {
        Ok(debian) => {
            say::step("wasm", &format!("{} with {}", TARGET, debian.describe()));
            Ok(Toolchain::Debian(debian))
        }
        Err(not_debian) => bail!(
            "there is no standard library for {TARGET}: rustup: {not_rustup:#}; Debian: {not_debian:#}. \
             Install it with `rustup target add {TARGET}`, or on Debian with `apt-get install {}`",
            debian::PACKAGES.join(" ")
        ),
    }
}

/// Builds every `cdylib` of the workspace in `dir`.
pub(crate) fn build(layout: &Layout, toolchain: &Toolchain, dir: &Path) -> Result<Vec<Built>> {
    let mut command = guest_command(layout, toolchain, dir);
    let artifacts = cargo::build(command.args(["build", "--release", "--workspace", "--target", TARGET]))?;
    let wasm = |artifact: cargo::Artifact| {
        let is_wasm = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "wasm");
        let file = artifact.files.into_iter().find(is_wasm)?;
        Some(Built { package: artifact.package, package_dir: artifact.package_dir, file })
    };
    Ok(artifacts.into_iter().filter_map(wasm).collect())
}

/// A cargo command for the guests' target, with the linker that writes components.
pub(crate) fn guest_command(layout: &Layout, toolchain: &Toolchain, dir: &Path) -> Command {
    let mut command = cargo::command(dir, &layout.guests_target());
    command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-component-ld");
    let mut flags = remapped_paths();
    if let Toolchain::Debian(debian) = toolchain {
        debian.apply(&mut command);
        flags.push(debian.sysroot_flag());
    }
    command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags.join(" "));
    command
}

/// What a program that builds plugins itself needs in its environment, a `NAME=value` a line: nothing, unless the
/// compiler is another one than cargo takes anyway.
pub(crate) fn environment(layout: &Layout, toolchain: &Toolchain) -> String {
    let Toolchain::Debian(_) = toolchain else { return String::new() };
    let command = guest_command(layout, toolchain, layout.root());
    let needed = ["PATH", "RUSTC", "CARGO", "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS"];
    let lines = command.get_envs().filter_map(|(name, value)| {
        let (name, value) = (name.to_str()?, value?.to_str()?);
        needed.contains(&name).then(|| format!("{name}={value}"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Flags that keep the folders of this machine out of what panics say: a plugin is the same wherever it is
/// built, and tells nobody where that was.
fn remapped_paths() -> Vec<String> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let Some(sources) = home.map(|home| home.join("registry/src")) else { return Vec::new() };
    let Ok(folders) = fs::read_dir(sources) else { return Vec::new() };
    let mut flags: Vec<String> = folders
        .filter_map(|folder| Some(folder.ok()?.path()))
        .map(|folder| format!("--remap-path-prefix={}=crates", folder.display()))
        .collect();
    flags.sort();
    flags
}

/// One module or component that cargo wrote.
#[derive(Debug)]
pub(crate) struct Built {
    /// Name of its package.
    pub(crate) package: String,
    /// Where its Cargo.toml is.
    pub(crate) package_dir: PathBuf,
    /// The file.
    pub(crate) file: PathBuf,
}

fn from_rustup(layout: &Layout) -> Result<&'static str> {
    if has_std(layout) {
        return Ok("the installed toolchain has wasm32-unknown-unknown");
    }
    let rustup = proc::on_path("rustup").context("it is not installed")?;
    say::step("wasm", "rustup target add wasm32-unknown-unknown");
    proc::run(Command::new(rustup).args(["target", "add", TARGET]).current_dir(layout.root()))?;
    if !has_std(layout) {
        bail!("it added {TARGET}, yet the compiler in use does not have it");
    }
    Ok("rustup added wasm32-unknown-unknown")
}

/// Whether the compiler in use has `core` for the target.
fn has_std(layout: &Layout) -> bool {
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.current_dir(layout.root()).args(["--print", "target-libdir", "--target", TARGET]);
    let Ok(dir) = proc::stdout(&mut command) else { return false };
    let Ok(entries) = fs::read_dir(dir.trim()) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

fn bail_text<T>(text: &'static str) -> Result<T> {
    Err(anyhow::Error::msg(text))
}
