//! The configuration for this machine's package clients.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use serde_json::{Map, Value, json};
use url::Url;
use waystation_egress::addresses::screen;

use crate::args::Up;
use crate::discover::Client;
use crate::exit::{Exit, Failure};

/// The text of `waystation.toml`.
pub(super) async fn write(up: &Up, clients: &[Client], notes: &mut Vec<String>) -> Result<String, Failure> {
    let mut plugins = Map::new();
    let mut opened = false;
    for client in clients {
        let file = up.plugins.join(format!("{}.wasm", client.plugin));
        let file = std::fs::canonicalize(&file).map_err(|e| {
            Failure::new(Exit::Failed, format!("{}: {e}", file.display()))
                .code("io")
                .hint("build the plugins with `cargo xtask plugins`")
        })?;
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
        let plugin = json!({ "file": file, "config": client.config, "grants": { "http": grants } });
        plugins.insert(client.plugin.to_owned(), plugin);
    }
    let data = std::path::absolute(&up.data).map_err(|e| Failure::new(Exit::Failed, e.to_string()))?;
    let settings = json!({
        "server": { "listen": up.listen.to_string(), "data_dir": data },
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
