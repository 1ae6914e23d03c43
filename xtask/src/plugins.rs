//! `cargo xtask plugins`: every plugin as one file, manifest inside.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use comfy_table::{Table, presets};
use serde::Deserialize;

use crate::layout::Layout;
use crate::wasm::{self, Built, Toolchain};
use crate::{interrupt, say};

/// A finished plugin.
#[derive(Debug)]
pub(crate) struct Plugin {
    /// `namespace/name`, from its manifest.
    pub(crate) name: String,
    /// `update-source@0.1`, from its manifest.
    pub(crate) kind: String,
    /// Of the file, in bytes.
    pub(crate) size: u64,
    /// The component, manifest inside.
    pub(crate) file: PathBuf,
    /// Its `plugin.toml`.
    pub(crate) manifest: PathBuf,
}

/// What this step reads of `plugin.toml`; the host checks all of it.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    name: String,
    kind: String,
}

/// Builds all plugins into `Layout::plugins_out` and removes what is no plugin any more.
pub(crate) fn build(layout: &Layout, toolchain: &Toolchain) -> Result<Vec<Plugin>> {
    let out = layout.plugins_out();
    say::step("plugins", "building for wasm32-unknown-unknown");
    let mut plugins = Vec::new();
    let mut names = BTreeSet::new();
    for built in wasm::build(layout, toolchain, &layout.plugins())? {
        interrupt::check()?;
        if !built.package_dir.join("plugin.toml").is_file() {
            say::step("plugins", &format!("{} has no plugin.toml and is left out", built.package));
            continue;
        }
        let (file, plugin) = finish(&built, &out)?;
        if !names.insert(file.clone()) {
            bail!("two plugins are called {file}; the last part of a manifest's name must be unique here");
        }
        plugins.push(plugin);
    }
    if plugins.is_empty() {
        bail!("no plugin was built; {} holds no package with a plugin.toml", layout.plugins().display());
    }
    prune(&out, &names)?;
    plugins.sort_by(|a, b| a.name.cmp(&b.name));
    say::line(&table(&plugins));
    say::step("plugins", &format!("{} in {}", plugins.len(), out.display()));
    Ok(plugins)
}

/// Embeds the manifest that lies beside the package, and writes `<last part of its name>.wasm`.
fn finish(built: &Built, out: &Path) -> Result<(String, Plugin)> {
    let component =
        fs::read(&built.file).with_context(|| format!("could not read {}", built.file.display()))?;
    embed(&component, &built.package_dir.join("plugin.toml"), out)
}

/// Writes the component with its manifest; the file name comes from the manifest.
pub(crate) fn embed(component: &[u8], manifest: &Path, out: &Path) -> Result<(String, Plugin)> {
    let text =
        fs::read_to_string(manifest).with_context(|| format!("could not read {}", manifest.display()))?;
    let Manifest { name, kind } =
        toml::from_str(&text).with_context(|| format!("{} is not a plugin manifest", manifest.display()))?;
    let file = file_name(&name)?;
    let binary = wasm::with_manifest(component, &text)
        .with_context(|| format!("could not put {} into its component", manifest.display()))?;
    let written = out.join(&file);
    write_changed(&written, &binary)?;
    let size = u64::try_from(binary.len()).unwrap_or(u64::MAX);
    Ok((file, Plugin { name, kind, size, file: written, manifest: manifest.to_owned() }))
}

/// Copies a component or module that has no manifest, as `<package>.wasm`.
pub(crate) fn plain(built: &Built, out: &Path) -> Result<String> {
    let binary = fs::read(&built.file).with_context(|| format!("could not read {}", built.file.display()))?;
    let file = format!("{}.wasm", built.package);
    write_changed(&out.join(&file), &binary)?;
    Ok(file)
}

/// Writes only what differs, so that a host watching the folder sees only changes; the
/// new file appears whole.
fn write_changed(path: &Path, binary: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == binary) {
        return Ok(());
    }
    let dir = path.parent().context("a file without a folder")?;
    fs::create_dir_all(dir)?;
    waystation_files::replace(path, binary, waystation_files::Access::Public)
        .with_context(|| format!("could not write {}", path.display()))
}

/// Removes components that no source made this time.
pub(crate) fn prune(out: &Path, keep: &BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(out)? {
        let path: PathBuf = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.ends_with(".wasm") && !keep.contains(&name) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// `waystation/github-releases` is `github-releases.wasm`.
fn file_name(name: &str) -> Result<String> {
    let last = name.rsplit('/').next().unwrap_or_default();
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if last.is_empty() || last == name || !last.chars().all(word) {
        bail!("the plugin name `{name}` is not `namespace/name` in lower case, digits and hyphens");
    }
    Ok(format!("{last}.wasm"))
}

fn table(plugins: &[Plugin]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["plugin", "kind", "size"]);
    for plugin in plugins {
        table.add_row([plugin.name.clone(), plugin.kind.clone(), say::bytes(plugin.size)]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_called_like_the_last_part_of_the_name() {
        assert_eq!(file_name("waystation/github-releases").unwrap(), "github-releases.wasm");
        for bad in ["github", "a/", "a/B", "a/..", "a/b c"] {
            assert!(file_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unchanged_file_is_left_alone_and_a_stale_one_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wasm");
        write_changed(&path, b"one").unwrap();
        let first = path.metadata().unwrap().modified().unwrap();
        write_changed(&path, b"one").unwrap();
        assert_eq!(path.metadata().unwrap().modified().unwrap(), first);
        write_changed(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        fs::write(dir.path().join("notes.txt"), "kept").unwrap();
        prune(dir.path(), &BTreeSet::new()).unwrap();
        assert!(!path.exists());
        assert!(dir.path().join("notes.txt").exists());
    }
}
