//! The SDK of agents in TypeScript: compiled, tested, packed, and unpacked as its users get it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::fixtures::cache;
use crate::layout::Layout;
use crate::{proc, readers, say};

/// What of the sources is needed to build it.
const PARTS: [&str; 7] =
    ["package.json", "tsconfig.json", "README.md", "LICENSE-APACHE", "LICENSE-MIT", "src", "test"];

/// Compiles and packs it, with the compiler that its `package.json` pins. The folder in which it was built.
pub(crate) fn build(layout: &Layout) -> Result<PathBuf> {
    let (source, out) = (layout.js_sdk(), layout.js_sdk_out());
    readers::node()?;
    let package = source.join("package.json");
    let home = cache::tools(layout, "sdk-js", std::slice::from_ref(&package))?;
    cache::install_once(&home, || {
        say::step("tools", "npm install typescript, once");
        fs::copy(&package, home.join("package.json"))?;
        let mut command = Command::new("npm");
        command.args(["install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]);
        proc::run(command.current_dir(&home).stdout(Stdio::null()))
    })?;
    say::step("sdk", "compiles the SDK in TypeScript");
    let _ = fs::remove_dir_all(&out);
    for part in PARTS {
        copy(&source.join(part), &out.join(part))?;
    }
    std::os::unix::fs::symlink(home.join("node_modules"), out.join("node_modules"))?;
    let mut compile = Command::new("node");
    proc::run(compile.args(["node_modules/typescript/bin/tsc", "-p", "."]).current_dir(&out))?;
    let mut pack = Command::new("npm");
    pack.args(["pack", "--silent", "--ignore-scripts"]).current_dir(&out).stdout(Stdio::null());
    proc::run(&mut pack)?;
    // What is in the file is what users have: nothing that was left out of it may be needed.
    let packed = fs::read_dir(&out)?.filter_map(|entry| Some(entry.ok()?.path()));
    let packed = packed.into_iter().find(|path| path.extension().is_some_and(|end| end == "tgz"));
    let mut unpack = Command::new("tar");
    proc::run(unpack.arg("-xzf").arg(packed.context("npm packed nothing")?).arg("-C").arg(&out))?;
    Ok(out)
}

/// Its own tests.
pub(crate) fn tests(out: &Path) -> Command {
    let mut command = Command::new("node");
    command.args(["--test", "test/"]).current_dir(out);
    command
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let failed = || format!("could not copy {}", from.display());
    if !from.is_dir() {
        fs::create_dir_all(to.parent().unwrap_or(to)).with_context(failed)?;
        return fs::copy(from, to).map(drop).with_context(failed);
    }
    for entry in fs::read_dir(from).with_context(failed)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
