//! The configuration for this machine's package clients.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use url::Url;
use waystation_bundle::ContentDigest;
use waystation_egress::addresses::screen;

use crate::args::Up;
use crate::discover::Client;
use crate::exit::{Exit, Failure};

/// The text of `waystation.toml`.
pub(super) async fn write(up: &Up, clients: &[Client], notes: &mut Vec<String>) -> Result<String, Failure> {
    let supply = Supply::open(&up.plugins)?;
    let mut plugins = Map::new();
    let mut opened = false;
    for client in clients {
        let mut grants = Map::new();
        for registry in &client.registries {
            let origin = registry.origin().ascii_serialization();
            if grants.contains_key(&origin) {
                continue;
            }
            let mut grant = json!({ "origin": origin });
            let special = special_addresses(registry).await;
            if !special.is_empty() {
                opened = true;
                let shown: Vec<String> = special.iter().map(ToString::to_string).collect();
                notes.push(format!(
                    "{} resolves to {}, which is not public; {} trusts it, so `{}` may reach it, too",
                    registry.host_str().unwrap_or_default(),
                    shown.join(", "),
                    client.manager,
                    client.plugin
                ));
                grant["addresses"] = json!(shown);
            }
            grants.insert(origin, grant);
        }
        let grants: Vec<Value> = grants.into_iter().map(|(_, grant)| grant).collect();
        let id = format!("waystation/{}", client.plugin);
        let plugin = json!({ "name": id, "config": client.config, "grants": { "http": grants } });
        plugins.insert(client.plugin.to_owned(), plugin);
    }
    let data = std::path::absolute(&up.data).map_err(|e| Failure::new(Exit::Failed, e.to_string()))?;
    let settings = json!({
        "server": { "listen": up.listen.to_string(), "data_dir": data },
        "trust": { "policy": supply.policy, "lock": data.join(format!("{}.lock", supply.known_by)) },
        "indexes": { supply.known_by: { "path": supply.index, "root": supply.root } },
        "egress": { "allow_private_addresses": opened },
        "plugins": plugins,
    });
    let table: toml::Table = serde_json::from_value(without_null(settings))?;
    let mut text = String::from(
        "# Written by `waystation up` at each start from the settings of this machine's\n\
         # package clients. To keep changes, copy it to waystation.toml and use `waystation serve`.\n\n",
    );
    let _ = write!(
        text,
        "{}",
        toml::to_string_pretty(&table).map_err(|e| Failure::new(Exit::Failed, e.to_string()))?
    );
    Ok(text)
}

/// A folder of plugins: an index, its root, and the policy that trusts them.
struct Supply {
    index: PathBuf,
    root: PathBuf,
    policy: PathBuf,
    /// Changes with the root and the policy: who names other ones decides anew.
    known_by: String,
}

impl Supply {
    fn open(folder: &Path) -> Result<Self, Failure> {
        let failed = |file: &Path, e: &std::io::Error| {
            Failure::new(Exit::Failed, format!("{}: {e}", file.display())).code("io").hint(
                "--plugins names a folder with index/, root.json and trust.toml; `cargo xtask up` makes one",
            )
        };
        let folder = std::path::absolute(folder).map_err(|e| failed(folder, &e))?;
        let [index, root, policy] = ["index", "root.json", "trust.toml"].map(|name| folder.join(name));
        let mut trusted = Vec::new();
        for file in [&root, &policy] {
            trusted.extend(std::fs::read(file).map_err(|e| failed(file, &e))?);
        }
        let digest = ContentDigest::of(&trusted).hex();
        Ok(Self { index, root, policy, known_by: format!("plugins-{}", digest.get(..8).unwrap_or_default()) })
    }
}

/// TOML has no null.
fn without_null(mut value: Value) -> Value {
    if let Value::Object(object) = &mut value {
        object.retain(|_, value| !value.is_null());
    }
    value
}

/// The addresses of a registry that the gate opens to nobody by itself: those of a
/// mirror in a private network. A package client already trusts it, so the plugin
/// that reads the same registry may reach exactly these.
async fn special_addresses(registry: &Url) -> BTreeSet<IpAddr> {
    let (Some(host), Some(port)) = (registry.host_str(), registry.port_or_known_default()) else {
        return BTreeSet::new();
    };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    match tokio::net::lookup_host((host, port)).await {
        Ok(addresses) => addresses.map(|address| address.ip()).filter(|ip| screen(*ip).is_err()).collect(),
        // The check will say that the name does not resolve.
        Err(_) => BTreeSet::new(),
    }
}
