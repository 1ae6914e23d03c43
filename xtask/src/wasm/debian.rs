//! Debian's compiler for the web, whose standard library for wasm we build from its own source.
//!
//! It is built once with `-Zbuild-std` into a sysroot of ours; from then on only stable
//! flags are used. The linker is the same `wasm-component-ld`, so the artifact is too.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::TARGET;
use crate::layout::Layout;
use crate::{proc, say};

/// What has to be installed.
pub(crate) const PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-22"];

/// The compiler and the sysroot that holds its wasm standard library.
#[derive(Debug)]
pub(crate) struct Debian {
    compiler: Compiler,
    sysroot: PathBuf,
}

#[derive(Debug)]
struct Compiler {
    rustc: PathBuf,
    cargo: PathBuf,
    /// Its own sysroot, `/usr`.
    sysroot: PathBuf,
    /// `rustc 1.96.0 (ac68faa20 2026-05-25) …`
    version: String,
}

/// Finds the packages, or installs them as root, and builds the standard library if
/// this compiler's is not there yet.
pub(crate) fn ensure(layout: &Layout) -> Result<Debian> {
    let prefix = env::var_os("WAYSTATION_DEBIAN_PREFIX").map_or_else(|| PathBuf::from("/usr"), PathBuf::from);
    let compiler = match Compiler::find(&prefix) {
        Ok(compiler) => compiler,
        Err(missing) => {
            crate::tools::apt_install(&PACKAGES).with_context(|| format!("{missing:#}"))?;
            Compiler::find(&prefix)?
        }
    };
    let sysroot = layout.target().join("wasm-sysroot").join(compiler.key());
    if !sysroot.join("complete").exists() {
        say::step(
            "wasm",
            &format!("building the standard library for {TARGET} once, with {}", compiler.version),
        );
        build_std(layout, &compiler, &sysroot)?;
    }
    Ok(Debian { compiler, sysroot })
}

impl Debian {
    /// The compiler, for a progress line.
    pub(crate) fn describe(&self) -> String {
        format!("Debian's {}", self.compiler.version)
    }

    /// Makes cargo take this compiler, for the guest and for what runs while building.
    pub(crate) fn apply(&self, command: &mut Command) {
        self.compiler.apply(command);
    }

    /// Where the compiler finds the guests' standard library.
    pub(crate) fn sysroot_flag(&self) -> String {
        format!("--sysroot={}", self.sysroot.display())
    }
}

impl Compiler {
    fn find(prefix: &Path) -> Result<Self> {
        let (rustc, cargo) = (prefix.join("bin/rustc"), prefix.join("bin/cargo"));
        for path in [&rustc, &cargo] {
            if !proc::is_program(path) {
                bail!("{} is missing", path.display());
            }
        }
        let version = proc::stdout(Command::new(&rustc).arg("--version"))?.trim().to_owned();
        let sysroot = PathBuf::from(proc::stdout(Command::new(&rustc).args(["--print", "sysroot"]))?.trim());
        let source = sysroot.join("lib/rustlib/src/rust/library/std");
        if !source.is_dir() {
            bail!("{} is missing (package rust-web-src)", source.display());
        }
        Ok(Self { rustc, cargo, sysroot, version })
    }

    /// A folder name that is this compiler's alone.
    fn key(&self) -> String {
        self.version.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
    }

    /// rustup's shims must not step in, and the linker finds `wasm-ld` beside the compiler.
    fn apply(&self, command: &mut Command) {
        let bin = self.rustc.parent().unwrap_or_else(|| Path::new("/usr/bin"));
        let mut path = vec![bin.to_path_buf()];
        path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        if let Ok(path) = env::join_paths(path) {
            command.env("PATH", path);
        }
        command.env("RUSTC", &self.rustc).env("CARGO", &self.cargo).env_remove("RUSTUP_TOOLCHAIN");
    }
}

/// Builds std through an empty crate and copies what came out beside the host's own.
fn build_std(layout: &Layout, compiler: &Compiler, sysroot: &Path) -> Result<()> {
    fs::create_dir_all(layout.target())?;
    let scratch = tempfile::Builder::new().prefix("wasm-std-").tempdir_in(layout.target())?;
    let (source, target) = (scratch.path().join("empty"), scratch.path().join("target"));
    fs::create_dir_all(source.join("src"))?;
    fs::write(source.join("Cargo.toml"), "[package]\nname = \"empty\"\nedition = \"2024\"\n[workspace]\n")?;
    fs::write(source.join("src/lib.rs"), "")?;

    let mut command = Command::new(&compiler.cargo);
    compiler.apply(&mut command);
    command
        .current_dir(&source)
        .args(["build", "--release", "--target", TARGET, "-Zbuild-std=std,panic_abort"])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "-Cembed-bitcode=yes");
    proc::run(&mut command)?;

    let _ = fs::remove_dir_all(sysroot);
    let rustlib = sysroot.join("lib/rustlib");
    let libraries = rustlib.join(TARGET).join("lib");
    fs::create_dir_all(&libraries)?;
    for entry in fs::read_dir(target.join(TARGET).join("release/deps"))? {
        let path = entry?.path();
        let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            fs::copy(&path, libraries.join(name))?;
        }
    }
    for entry in fs::read_dir(compiler.sysroot.join("lib/rustlib"))? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if name != TARGET {
            symlink(&path, rustlib.join(name))
                .with_context(|| format!("could not link {}", path.display()))?;
        }
    }
    fs::write(sysroot.join("complete"), &compiler.version)?;
    Ok(())
}
