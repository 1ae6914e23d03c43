//! A registry of OCI artifacts: `docker-registry`, which `cargo xtask test` installs.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result};

use crate::patience::until;

/// The program on a free port; `more` is added to its configuration, `http` to its part on HTTP. Gives where it is.
///
/// # Errors
/// When there is no such program, or it does not listen.
pub async fn start(folder: &Path, more: &str, http: &str) -> Result<(tokio::process::Child, String)> {
    // It tells nobody which port it took, so it gets one that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let config = folder.join("registry.yml");
    let storage = folder.join("registry");
    let text = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {storage:?}}}}}\nhttp: {{addr: \"{address}\"{http}}}\n{more}"
    );
    std::fs::write(&config, text)?;
    let mut command = tokio::process::Command::new("docker-registry");
    command.arg("serve").arg(config).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let child = command
        .spawn()
        .context("there is no `docker-registry`; run `cargo xtask test`, which installs it")?;
    until("the registry listens", async || Ok(tokio::net::TcpStream::connect(&address).await.ok())).await?;
    Ok((child, address))
}
