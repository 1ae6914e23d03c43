//! Which package clients this machine has, where each is set up to look, and what
//! it installed. Everything is asked from the clients themselves, so that a mirror
//! or a private registry is used as it is used by hand.

mod apt;
mod cargo;
mod npm;
mod pip;

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::process::Command;
use url::Url;

/// A package client of this machine and the source that goes with it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Client {
    /// `cargo`, `pip`, `npm`, `apt`: also the manager of what it installed.
    pub(crate) manager: &'static str,
    /// The plugin that reads its registry, and that plugin's file without `.wasm`.
    pub(crate) plugin: &'static str,
    /// The scheme of its versions.
    pub(crate) scheme: &'static str,
    /// Whether the client takes versions that look like pre-releases.
    pub(crate) prereleases: bool,
    /// The registries that the plugin reads.
    pub(crate) registries: Vec<Url>,
    /// The plugin's configuration.
    pub(crate) config: Map<String, Value>,
    /// What it installed: name and version.
    pub(crate) installed: Vec<(String, String)>,
    /// Well-known packages, watched besides.
    pub(crate) known: &'static [&'static str],
    /// A sentence for each part of its settings that is not followed.
    pub(crate) notes: Vec<String>,
}

/// What was found, and a sentence for each client that is there but cannot be used.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) clients: Vec<Client>,
    pub(crate) notes: Vec<String>,
}

/// Asks all clients, side by side.
pub(crate) async fn clients() -> Found {
    let (cargo, pip, npm, apt) = tokio::join!(cargo::find(), pip::find(), npm::find(), apt::find());
    let mut found = Found::default();
    for (name, result) in [("cargo", cargo), ("pip", pip), ("npm", npm), ("apt", apt)] {
        match result {
            Ok(Some(mut client)) => {
                found.notes.append(&mut client.notes);
                found.clients.push(client);
            }
            Ok(None) => {}
            Err(e) => found.notes.push(format!("{name} is installed, but {e}")),
        }
    }
    found
}

/// How long a client may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a client prints. None when it is not installed; an error when it fails.
async fn ask(program: &str, args: &[&str]) -> Result<Option<String>, String> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(PATIENCE, command.output()).await {
        Err(_) => return Err(format!("`{program} {}` did not answer", args.join(" "))),
        Ok(Err(e)) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Ok(Err(e)) => return Err(format!("`{program}` does not start: {e}")),
        Ok(Ok(output)) => output,
    };
    // `npm ls` fails over unmet peers and still prints what there is.
    if !output.status.success() && output.stdout.is_empty() {
        return Err(format!("`{program} {}` failed", args.join(" ")));
    }
    String::from_utf8(output.stdout).map(Some).map_err(|_| format!("`{program}` answered in no text"))
}

/// A registry's address without user and password: those never go into a file.
fn registry(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text.trim()).map_err(|e| format!("its registry is no URL: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("its registry is reached over {}, which no source speaks", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    Ok(url)
}

fn config<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
