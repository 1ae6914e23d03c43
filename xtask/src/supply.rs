//! The plugins as operators get them: packed, signed and listed in an index, with the policy that trusts them. The keys
//! are made here, once for each target folder, and trusted by nobody else.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::layout::Layout;
use crate::plugins::Plugin;
use crate::{interrupt, proc, say};

/// The namespace of the plugins of this repository.
const NAMESPACE: &str = "waystation";

/// What `plugin pack --json` tells.
#[derive(Deserialize)]
struct Packed {
    name: String,
    version: String,
    digest: String,
}

/// What `plugin versions --json` tells of one.
#[derive(Deserialize)]
struct Version {
    version: String,
    digest: String,
}

/// Brings `Layout::supply` up to what was built. What did not change keeps its signature.
pub(crate) fn build(layout: &Layout, program: &Path, plugins: &[Plugin]) -> Result<()> {
    let folder = layout.supply();
    let host = || {
        let mut command = Command::new(program);
        // Nothing of the configuration of whoever builds.
        command.current_dir(&folder).arg("--json").env_remove("WAYSTATION_CONFIG");
        command
    };
    let run = |command: &mut Command| proc::stdout(command).map(drop);
    if !folder.join("trust.toml").is_file() {
        say::step("supply", "making keys for plugins that are built here");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        run(host().args(["trust", "init", "--namespace", NAMESPACE, "--no-passphrase"]))?;
    }
    if !folder.join("root.json").is_file() {
        let _ = fs::remove_dir_all(folder.join("index"));
        run(host().args(["registry", "index", "init", "index", "--key", "signing.key"]))?;
        fs::copy(folder.join("index/metadata/1.root.json"), folder.join("root.json"))?;
    }
    let mut changed = 0;
    for plugin in plugins {
        interrupt::check()?;
        let file = folder.join("new.plugin.tar");
        let mut pack = host();
        pack.args(["plugin", "pack"]).arg(&plugin.file).arg("--manifest").arg(&plugin.manifest);
        let packed: Packed = serde_json::from_str(&proc::stdout(pack.arg("--output").arg(&file))?)
            .context("`plugin pack` told something else than before")?;
        let listed = listed(&mut host(), &packed.name)?;
        let same = listed.iter().find(|listed| listed.version == packed.version);
        if same.is_some_and(|listed| listed.digest == packed.digest) {
            continue;
        }
        let index = |verb, what: &str| {
            let mut command = host();
            command.args(["registry", "index", verb, "index", what, "--key", "signing.key"]);
            command
        };
        if same.is_some() {
            run(&mut index("remove", &format!("{}@{}", packed.name, packed.version)))?;
        }
        let sign = [
            "plugin",
            "sign",
            "new.plugin.tar",
            "--key",
            "signing.key",
            "--timestamp-authority",
            "timestamps.key",
        ];
        run(host().args(sign))?;
        run(&mut index("add", "new.plugin.tar"))?;
        changed += 1;
    }
    let _ = fs::remove_file(folder.join("new.plugin.tar"));
    run(host().args(["registry", "index", "refresh", "index", "--key", "signing.key"]))?;
    say::step(
        "supply",
        &format!("{changed} of {} plugins signed and listed in {}", plugins.len(), folder.display()),
    );
    Ok(())
}

/// The versions of a plugin that the index has; none where it does not know it.
fn listed(host: &mut Command, name: &str) -> Result<Vec<Version>> {
    let access = ["--index", "index", "--root", "root.json", "--state", "seen"];
    let (status, text) = proc::output(
        host.args(["plugin", "versions", name]).args(access).stderr(std::process::Stdio::null()),
    )?;
    match status.success() {
        true => serde_json::from_str(&text).context("`plugin versions` told something else than before"),
        false => Ok(Vec::new()),
    }
}
