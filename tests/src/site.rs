//! A site that signs its own plugins: a folder with keys and a trust policy, made by the real commands.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde_json::Value;
use wasm_encoder::{CustomSection, Section as _};
use waystation_bundle::{Limits, MANIFEST_SECTION, Package, PackageWriter};

use crate::{Folder, Ran, built};

const LIMITS: Limits = Limits::DEFAULT;

/// A plugin of this repository with other requests in its manifest: `change` gets its `plugin.toml`.
///
/// # Errors
/// When it was not built.
pub fn package(name: &str, change: impl FnOnce(&str) -> String) -> Result<Package> {
    let component = std::fs::read(built::plugin(name)?)?;
    let (bare, manifest) = without_manifest(&component)?;
    let manifest = change(&manifest);
    let mut component = bare;
    let section = CustomSection { name: MANIFEST_SECTION.into(), data: manifest.as_bytes().into() };
    section.append_to(&mut component);
    Ok(PackageWriter::new(component, &LIMITS)?.finish()?)
}

/// The component without its manifest, and the manifest. Both are sections at the top level.
fn without_manifest(component: &[u8]) -> Result<(Vec<u8>, String)> {
    let (head, mut rest) = component.split_at(8);
    let mut bare = head.to_vec();
    let mut manifest = None;
    while !rest.is_empty() {
        let (id, after) = (rest[0], &rest[1..]);
        let (size, taken) = leb(after);
        let (content, next) = after[taken..].split_at(size);
        let (length, before) = leb(content);
        if id == 0 && content.get(before..before + length) == Some(MANIFEST_SECTION.as_bytes()) {
            manifest = Some(String::from_utf8(content[before + length..].to_vec())?);
        } else {
            bare.extend_from_slice(&rest[..1 + taken + size]);
        }
        rest = next;
    }
    Ok((bare, manifest.unwrap_or_default()))
}

/// An unsigned number, and in how many bytes it is.
fn leb(bytes: &[u8]) -> (usize, usize) {
    let taken = bytes.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let value =
        bytes.iter().take(taken).enumerate().map(|(n, byte)| usize::from(byte & 0x7f) << (7 * n)).sum();
    (value, taken)
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
