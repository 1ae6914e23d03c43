//! Programs of others, in languages of others: clients that read what we write, Sigstore's and ORAS's, and a provider that
//! users log in at. Their versions are pinned in `tests/readers` and `tests/oidc`.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::fixtures::cache;
use crate::layout::Layout;
use crate::{proc, say, tools};

/// The JavaScript client of Sigstore: the folder with its `node_modules`.
pub(crate) fn javascript(layout: &Layout) -> Result<PathBuf> {
    let package = layout.root().join("tests/readers/package.json");
    node()?;
    let home = cache::tools(layout, "readers-js", std::slice::from_ref(&package))?;
    cache::install_once(&home, || {
        say::step("tools", "npm install @sigstore/verify, once");
        fs::copy(&package, home.join("package.json"))?;
        let mut command = Command::new("npm");
        command.args(["install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]);
        proc::run(command.current_dir(&home).stdout(Stdio::null()))
    })?;
    Ok(home)
}

/// A provider of logins (OpenID Connect): the folder with its `node_modules`. Every part of it is pinned.
pub(crate) fn oidc(layout: &Layout) -> Result<PathBuf> {
    let folder = layout.root().join("tests/oidc");
    let files = ["package.json", "package-lock.json"];
    let pins = files.map(|file| folder.join(file));
    node()?;
    let home = cache::tools(layout, "oidc-js", &pins)?;
    cache::install_once(&home, || {
        say::step("tools", "npm ci oidc-provider, once");
        for (file, pin) in files.iter().zip(&pins) {
            fs::copy(pin, home.join(file))?;
        }
        let mut command = Command::new("npm");
        command.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
        proc::run(command.current_dir(&home).stdout(Stdio::null()))
    })?;
    Ok(home)
}

/// Sees to it that there are node and npm.
pub(crate) fn node() -> Result<()> {
    if proc::on_path("node").is_none() || proc::on_path("npm").is_none() {
        tools::apt_install(&["nodejs", "npm"]).context("what is in JavaScript needs node and npm")?;
    }
    Ok(())
}

/// The Python clients of Sigstore and of ORAS: the interpreter that has them.
pub(crate) fn python(layout: &Layout) -> Result<PathBuf> {
    let requirements = layout.root().join("tests/readers/requirements.txt");
    if !proc::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        tools::apt_install(&["python3-venv"]).context("the Python clients need python3 with venv")?;
    }
    let home = cache::tools(layout, "readers-py", std::slice::from_ref(&requirements))?;
    let venv = home.join("venv");
    cache::install_once(&home, || {
        say::step("tools", "pip install sigstore and oras, once");
        proc::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let mut command = Command::new(venv.join("bin/pip"));
        command.args(["install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&requirements);
        proc::run(command.stdout(Stdio::null()))
    })?;
    Ok(venv.join("bin/python"))
}
