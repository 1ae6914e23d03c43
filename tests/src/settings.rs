//! Pieces of `waystation.toml`.

use std::path::Path;

use anyhow::Result;

use crate::built;

/// A host of a test: a free port, its data beside the file, loopback reachable for
/// whoever is granted it.
pub const HOST: &str = r#"
[server]
listen = "127.0.0.1:0"
data_dir = "data"
shutdown_grace = "20s"

[egress]
allow_private_addresses = true

[checks]
jitter = "0s"
"#;

/// `[trust]` that lets run, without signatures, what was built for the tests and what lies beside the configuration.
///
/// # Errors
/// When it is not known where things were built.
pub fn dev_folders() -> Result<String> {
    let folders = [built::plugins()?, built::fixtures()?, ".".into()];
    Ok(format!("\n[trust]\ndev = {folders:?}\n"))
}

/// `[plugins.documents]`: the plugin `http-json`, granted these origins on loopback.
///
/// # Errors
/// When the plugin was not built.
pub fn documents(origins: &[&str]) -> Result<String> {
    Ok(source("documents", &built::plugin("http-json")?, origins))
}

/// `[plugins.NAME]`: the update source in `file`, granted these origins on loopback.
pub fn source(name: &str, file: &Path, origins: &[&str]) -> String {
    format!(
        "\n[plugins.{name}]\nfile = {file:?}\n\
         [[plugins.{name}.grants.http]]\norigins = {origins:?}\naddresses = [\"127.0.0.0/8\"]\n"
    )
}

/// `[items.NAME]` of [`documents`]: versions in a list at `url`.
pub fn item(name: &str, url: &str) -> String {
    format!(
        "\n[items.{name}]\nsource = \"documents\"\nlocator = \"{url}\"\nscheme = \"semver\"\n\
         options = {{ versions = \"$[*]\" }}\n"
    )
}

/// The secret that signs the messages of [`webhook`].
pub const WEBHOOK_KEY: &str = "a-key-for-tests-of-40-characters-1234567";

/// The variable that holds [`WEBHOOK_KEY`] for the host.
pub const WEBHOOK_KEY_VARIABLE: &str = "TEST_WEBHOOK_KEY";

/// `[plugins.webhook]` and the channel `hook`, which sends these events to `url` on
/// the granted `origin`, signed.
///
/// # Errors
/// When the plugin was not built.
pub fn webhook(origin: &str, url: &str, events: &[&str]) -> Result<String> {
    let file = built::plugin("webhook")?;
    Ok(format!(
        "\n[plugins.webhook]\nfile = {file:?}\n\
         [[plugins.webhook.grants.http]]\norigin = \"{origin}\"\nmethods = [\"POST\"]\naddresses = [\"127.0.0.0/8\"]\n\
         [plugins.webhook.credentials.webhook-key]\nfrom = {{ env = \"{WEBHOOK_KEY_VARIABLE}\" }}\nuse = \"hmac\"\n\
         [channels.hook]\nplugin = \"webhook\"\nevents = {events:?}\nconfig = {{ url = \"{url}\" }}\n"
    ))
}
