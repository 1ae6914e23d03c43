//! Cargo, called for one of our workspaces.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use serde::Deserialize;

use crate::proc;

/// A cargo command that runs in `dir` and builds into `target`.
///
/// What `cargo run` put into our own environment stays out: it would look like a
/// change to build scripts that watch it.
pub(crate) fn command(dir: &Path, target: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command.current_dir(dir).env("CARGO_TARGET_DIR", target);
    command
}

/// One thing that cargo built.
#[derive(Debug)]
pub(crate) struct Artifact {
    /// Folder of the package's Cargo.toml.
    pub(crate) package_dir: PathBuf,
    /// Name of the package.
    pub(crate) package: String,
    /// The program, for a binary.
    pub(crate) executable: Option<PathBuf>,
    /// Files written.
    pub(crate) files: Vec<PathBuf>,
}

/// Runs a build (`command` holds everything but the message format) and tells what it made.
pub(crate) fn build(command: &mut Command) -> Result<Vec<Artifact>> {
    let (status, text) = proc::output(command.arg("--message-format=json-render-diagnostics"))?;
    if !status.success() {
        bail!("`{}` failed with {status}; the compiler's messages are above", proc::shown(command));
    }
    Ok(text.lines().filter_map(parse).collect())
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    executable: Option<PathBuf>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    package_id: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

fn parse(line: &str) -> Option<Artifact> {
    let message: Message = serde_json::from_str(line).ok()?;
    if message.reason != "compiler-artifact" {
        return None;
    }
    let package_dir = message.manifest_path?.parent()?.to_path_buf();
    let package = message
        .package_id
        .as_deref()
        .and_then(package_name)
        .map_or_else(|| message.target.map(|target| target.name).unwrap_or_default(), str::to_owned);
    Some(Artifact { package_dir, package, executable: message.executable, files: message.filenames })
}

/// The name inside a package id: `path+file:///x/probe#0.1.0` or `…#name@0.1.0`.
fn package_name(id: &str) -> Option<&str> {
    let (location, fragment) = id.split_once('#')?;
    match fragment.split_once('@') {
        Some((name, _)) => Some(name),
        None => location.rsplit('/').next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_ids_give_names() {
        assert_eq!(package_name("path+file:///src/probe#0.1.0"), Some("probe"));
        assert_eq!(
            package_name("path+file:///src/github#waystation-source-github@0.1.0"),
            Some("waystation-source-github")
        );
        assert_eq!(package_name("nothing"), None);
    }

    #[test]
    fn only_artifacts_count() {
        assert!(parse(r#"{"reason":"build-finished","success":true}"#).is_none());
        assert!(parse("   Compiling").is_none());
        let line = r#"{"reason":"compiler-artifact","package_id":"path+file:///s/a#0.1.0","manifest_path":"/s/a/Cargo.toml",
            "target":{"name":"a"},"filenames":["/t/a.wasm"],"executable":null}"#;
        let artifact = parse(&line.replace('\n', "")).unwrap();
        assert_eq!(artifact.package_dir, Path::new("/s/a"));
        assert_eq!(artifact.files, [PathBuf::from("/t/a.wasm")]);
    }
}
