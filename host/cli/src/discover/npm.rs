//! npm: its registry and the global packages.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Client, ask, config, registry};

pub(super) async fn find() -> Result<Option<Client>, String> {
    let Some(url) = ask("npm", &["config", "get", "registry"]).await? else { return Ok(None) };
    let registry = registry(&url)?;
    let list = ask("npm", &["ls", "--global", "--json", "--depth=0"]).await?.unwrap_or_default();
    Ok(Some(Client {
        manager: "npm",
        plugin: "npm",
        scheme: "semver",
        prereleases: false,
        config: config([("registry", registry.as_str().into())]),
        registries: vec![registry],
        installed: installed(&list)?,
        known: &["typescript", "vite", "react"],
        notes: Vec::new(),
    }))
}

#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    dependencies: BTreeMap<String, Package>,
}

#[derive(Deserialize)]
struct Package {
    version: Option<String>,
}

fn installed(list: &str) -> Result<Vec<(String, String)>, String> {
    let listing: Listing =
        serde_json::from_str(list).map_err(|e| format!("`npm ls` is not understood: {e}"))?;
    let versions =
        listing.dependencies.into_iter().filter_map(|(name, package)| Some((name, package.version?)));
    Ok(versions.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_packages() {
        let list =
            r#"{"name": "lib", "dependencies": {"npm": {"version": "11.0.0"}, "gone": {"missing": true}}}"#;
        assert_eq!(installed(list).unwrap(), [("npm".to_owned(), "11.0.0".to_owned())]);
        assert_eq!(installed("{}").unwrap(), []);
        assert!(installed("").is_err());
    }
}
