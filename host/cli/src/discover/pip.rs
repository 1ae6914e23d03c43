//! pip: its index URL and the packages of the default environment.

use serde::Deserialize;

use super::{Client, ask, config, registry};

pub(super) async fn find() -> Result<Option<Client>, String> {
    let Some(list) = pip(&["list", "--format=json"]).await? else { return Ok(None) };
    // Fails when the key is not set, which is the usual case.
    let configured = pip(&["config", "get", "global.index-url"]).await.ok().flatten();
    let index = std::env::var("PIP_INDEX_URL").ok().or(configured).filter(|url| !url.trim().is_empty());
    let index = match index {
        Some(index) => index,
        None => default_index(&pip(&["help", "install"]).await?.unwrap_or_default())?,
    };
    let registry = registry(&index)?;
    Ok(Some(Client {
        manager: "pip",
        plugin: "pypi",
        scheme: "pep440",
        prereleases: false,
        config: config([("index", registry.as_str().into())]),
        registries: vec![registry],
        installed: installed(&list)?,
        known: &["requests", "numpy", "django"],
        notes: Vec::new(),
    }))
}

async fn pip(args: &[&str]) -> Result<Option<String>, String> {
    let mut all = vec!["-m", "pip", "--disable-pip-version-check"];
    all.extend(args);
    ask("python3", &all).await
}

/// pip's help names the index that it asks where nothing is configured.
fn default_index(help: &str) -> Result<String, String> {
    let words = help.split_whitespace().collect::<Vec<_>>();
    words
        .windows(2)
        .find(|pair| pair.first() == Some(&"(default") && pair.get(1).is_some_and(|w| w.starts_with("http")))
        .and_then(|pair| pair.get(1))
        .map(|url| url.trim_end_matches([')', '.']).to_owned())
        .ok_or_else(|| "does not say which index it asks; set `global.index-url`".to_owned())
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

fn installed(list: &str) -> Result<Vec<(String, String)>, String> {
    let packages: Vec<Package> =
        serde_json::from_str(list.trim()).map_err(|e| format!("`pip list` is not understood: {e}"))?;
    Ok(packages.into_iter().map(|package| (package.name, package.version)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_in_the_help() {
        let help = "  -i, --index-url <url>  Base URL of the Package Index (default\n     https://packages.example.org/simple). This should";
        assert_eq!(default_index(help).unwrap(), "https://packages.example.org/simple");
        assert!(default_index("  --timeout <sec>  (default 15 seconds).").is_err());
    }

    #[test]
    fn installed_packages() {
        let list =
            r#"[{"name": "requests", "version": "2.31.0"}, {"name": "x", "version": "1", "editable": true}]"#;
        assert_eq!(installed(list).unwrap().len(), 2);
        assert!(installed("nothing").is_err());
    }
}
