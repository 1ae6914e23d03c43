//! A site that signs its own plugins: a folder with keys and a trust policy, made by the real commands.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde_json::Value;
use waystation_bundle::{Limits, Package, PackageWriter};

use crate::{Folder, Ran, built, wasm};

const LIMITS: Limits = Limits::DEFAULT;

/// A plugin of this repository with other requests in its manifest: `change` gets its `plugin.toml`.
///
/// # Errors
/// When it was not built.
pub fn package(name: &str, change: impl FnOnce(&str) -> String) -> Result<Package> {
    let plugin = std::fs::read(built::plugin(name)?)?;
    let component = wasm::with_manifest(&plugin, &change(&wasm::manifest(&plugin)?))?;
    Ok(PackageWriter::new(component, &LIMITS)?.finish()?)
}

/// Runs a command with `--json` that has to work.
///
/// # Errors
/// When it does not.
pub async fn done(folder: &Folder, args: &[&str]) -> Result<Value> {
    let ran = folder.run(&[&["--json"], args].concat()).await?;
    ensure!(ran.code == 0, "{args:?}: {ran:?}");
    ran.json()
}

/// Runs a command with `--json` that has to fail, and gives the code with which it does.
///
/// # Errors
/// When it works, or gives no code.
pub async fn code(folder: &Folder, args: &[&str]) -> Result<String> {
    let ran: Ran = folder.run(&[&["--json"], args].concat()).await?;
    ensure!(ran.code != 0, "{args:?}: {ran:?}");
    let last = ran.stderr.lines().last().unwrap_or_default();
    Ok(crate::api::text(&serde_json::from_str::<Value>(last)?, "code").to_owned())
}

/// Makes keys, a timestamp authority and a policy that trusts them for the namespace `waystation`.
///
/// # Errors
/// When that does not work.
pub async fn init(folder: &Folder) -> Result<()> {
    done(folder, &["trust", "init", "--namespace", "waystation", "--no-passphrase"]).await.map(drop)
}

/// Writes a plugin, signed by the site.
///
/// # Errors
/// When that does not work.
pub async fn signed(folder: &Folder, file: &str, package: &Package) -> Result<PathBuf> {
    let path = unsigned(folder.path(), file, package)?;
    sign(folder, file, "signing.key").await?;
    Ok(path)
}

/// Signs a plugin with a key of the folder.
///
/// # Errors
/// When that does not work.
pub async fn sign(folder: &Folder, file: &str, key: &str) -> Result<()> {
    let args = ["plugin", "sign", file, "--timestamp-authority", "timestamps.key", "--key", key];
    done(folder, &args).await.map(drop)
}

/// Writes a plugin that nobody signed.
///
/// # Errors
/// When that does not work.
pub fn unsigned(folder: &Path, file: &str, package: &Package) -> Result<PathBuf> {
    let path = folder.join(file);
    std::fs::write(&path, package.to_tar(&LIMITS)?)?;
    Ok(path)
}
