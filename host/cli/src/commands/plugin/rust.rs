//! Cargo, asked to build a plugin the same way wherever its folder is.
//!
//! What a component's bytes depend on is its source, its lock file, the compiler and the profile in its Cargo.toml.
//! What they do not: the folder (see [`super::rustc`]), the flags that a shell happens to have set, files of an
//! earlier build, the clock.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::rustc;
use crate::exit::{Exit, Failure};

/// What runs in the sandbox.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";
/// Flags for that target alone: somebody set them on purpose.
const FLAGS: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";
const LINKER: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER";
/// Variables that would make a plugin another one.
const IGNORED: [&str; 4] =
    ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"];

/// A plugin that can be built.
pub(super) struct Plan {
    dir: PathBuf,
    metadata: Metadata,
}

/// What cargo says about a package and all it stands on.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) packages: Vec<Package>,
    pub(super) resolve: Resolve,
    workspace_root: PathBuf,
    target_directory: PathBuf,
    /// The package to build.
    #[serde(skip)]
    pub(super) root: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) source: Option<String>,
    pub(super) license: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(super) struct Resolve {
    pub(super) nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dependency {
    pub(super) pkg: String,
    pub(super) dep_kinds: Vec<DependencyKind>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DependencyKind {
    /// None for what is linked; `build` and `dev` otherwise.
    pub(super) kind: Option<String>,
}

/// Checksums by name, version and source.
pub(super) type Lock = BTreeMap<(String, String, Option<String>), String>;

impl Plan {
    /// Looks at the plugin in `dir`, and whether this machine can build it.
    pub(super) fn new(dir: &Path) -> Result<Self, Failure> {
        let file = dir.join("Cargo.toml");
        if !file.is_file() {
            let message = format!("{} is missing: `plugin build` builds plugins in Rust", file.display());
            let hint = "for a component of another language use `waystation plugin pack`";
            return Err(Failure::new(Exit::Failed, message).code("not-a-rust-plugin").hint(hint));
        }
        has_std(dir)?;
        let mut command = cargo(dir);
        command.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", TARGET]);
        let mut metadata: Metadata = serde_json::from_str(&stdout(&mut command)?)?;
        let root = metadata.packages.iter().find(|package| package.manifest_path == file);
        let missing = || Failure::new(Exit::Failed, format!("{} holds no package", file.display()));
        metadata.root = root.ok_or_else(|| missing().code("not-a-rust-plugin"))?.id.clone();
        Ok(Self { dir: dir.to_owned(), metadata })
    }

    /// What it stands on.
    pub(super) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What the lock file says about it.
    pub(super) fn lock(&self) -> Result<Lock, Failure> {
        #[derive(Deserialize)]
        struct File {
            package: Vec<Locked>,
        }
        #[derive(Deserialize)]
        struct Locked {
            name: String,
            version: String,
            source: Option<String>,
            checksum: Option<String>,
        }
        let file = self.metadata.workspace_root.join("Cargo.lock");
        let text = std::fs::read_to_string(&file)?;
        let File { package } = toml::from_str(&text)
            .map_err(|e| Failure::new(Exit::Failed, format!("{}: {}", file.display(), e.message())))?;
        let sums = package.into_iter().filter_map(|p| Some(((p.name, p.version, p.source), p.checksum?)));
        Ok(sums.collect())
    }

    /// Builds it, and tells where the component is.
    pub(super) fn build(&self) -> Result<PathBuf, Failure> {
        let here = env::current_exe()?;
        let local = self.metadata.packages.iter().filter(|package| package.source.is_none());
        let local = local.filter_map(|package| package.manifest_path.parent()?.to_str());
        let mut command = cargo(&self.dir);
        command
            .args(["build", "--release", "--locked", "--target", TARGET, "--package", &self.metadata.root])
            .arg("--target-dir")
            .arg(self.metadata.target_directory.join("waystation"))
            .arg("--message-format=json-render-diagnostics")
            .env("CARGO_INCREMENTAL", "0")
            .env("RUSTC_WRAPPER", here)
            .env(rustc::LOCAL, local.collect::<Vec<_>>().join("\n"));
        if env::var_os(LINKER).is_none() {
            // It comes with the compiler and writes components.
            command.env(LINKER, "wasm-component-ld");
        }
        let file = self.dir.join("Cargo.toml");
        let messages = stdout(&mut command)?;
        let built = messages.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
        let ours = built.filter(|message| message.manifest_path.as_ref() == Some(&file));
        let mut files = ours.flat_map(|message| message.filenames);
        files.find(|file| file.extension().is_some_and(|extension| extension == "wasm")).ok_or_else(|| {
            let message = "cargo built no component";
            let hint = "Cargo.toml needs `[lib]` with `crate-type = [\"cdylib\"]`";
            Failure::new(Exit::Failed, message).code("no-component").hint(hint)
        })
    }
}

#[derive(Deserialize)]
struct Message {
    manifest_path: Option<PathBuf>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Whether the compiler has the standard library for the target.
fn has_std(dir: &Path) -> Result<(), Failure> {
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let flags = env::var(FLAGS).unwrap_or_default();
    command.current_dir(dir).args(flags.split_whitespace());
    let libraries = stdout(command.args(["--print", "target-libdir", "--target", TARGET]))?;
    let there = std::fs::read_dir(libraries.trim()).is_ok_and(|mut entries| {
        entries
            .any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libcore-")))
    });
    if there {
        return Ok(());
    }
    let message = format!("the Rust compiler has no standard library for {TARGET}");
    let hint = format!(
        "run `rustup target add {TARGET}`; without rustup, see \"The standard library for wasm\" in docs/src/develop/bundles.md"
    );
    Err(Failure::new(Exit::Failed, message).code("no-target").hint(hint))
}

fn cargo(dir: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(dir);
    for name in IGNORED {
        command.env_remove(name);
    }
    command
}

/// Runs a command whose messages the user sees, to its end.
fn stdout(command: &mut Command) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ran = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let ran = ran.map_err(|e| {
        let failure = Failure::new(Exit::Failed, format!("cannot run {program}: {e}")).code("no-rust");
        failure.hint("install Rust: https://rustup.rs")
    })?;
    match ran.status.success() {
        true => Ok(String::from_utf8_lossy(&ran.stdout).into_owned()),
        false => {
            let step = command.get_args().next().unwrap_or_default().to_string_lossy();
            let message = format!("`{program} {step}` failed ({}); what it said is above", ran.status);
            Err(Failure::new(Exit::Failed, message).code("cargo-failed"))
        }
    }
}
