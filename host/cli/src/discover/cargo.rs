//! Cargo: its registry from its configuration files or from what it fetched before, and `cargo install`.

use std::path::PathBuf;

use super::{Client, ask, config, registry};

pub(super) async fn find() -> Result<Option<Client>, String> {
    let Some(list) = ask("cargo", &["install", "--list"]).await? else { return Ok(None) };
    let texts: Vec<String> = files().iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect();
    let Some(index) = replacement(&texts).or_else(fetched) else {
        return Err("it has not used a registry yet; run `cargo search serde` once".into());
    };
    let Some(index) = index.strip_prefix("sparse+") else {
        return Err("its index is a Git repository; set a sparse one (`sparse+https://…`)".into());
    };
    let registry = registry(index)?;
    Ok(Some(Client {
        manager: "cargo",
        plugin: "crates-index",
        scheme: "semver",
        prereleases: false,
        config: config([("index", registry.as_str().into())]),
        registries: vec![registry],
        installed: installed(&list),
        known: &["serde", "tokio", "ripgrep"],
        notes: Vec::new(),
    }))
}

/// The configuration files of Cargo, the nearest first.
fn files() -> Vec<PathBuf> {
    let here = std::env::current_dir().unwrap_or_default();
    let mut files: Vec<PathBuf> = here.ancestors().map(|folder| folder.join(".cargo/config.toml")).collect();
    files.extend(home().map(|home| home.join("config.toml")));
    files
}

/// Follows `[source.crates-io] replace-with` through the files.
fn replacement(texts: &[String]) -> Option<String> {
    let tables: Vec<toml::Table> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    let source = |name: &str, key: &str| {
        tables.iter().find_map(|table| Some(table.get("source")?.get(name)?.get(key)?.as_str()?.to_owned()))
    };
    let mut name = source("crates-io", "replace-with")?;
    // A chain that is longer is a circle.
    for _ in 0..8 {
        match source(&name, "replace-with") {
            Some(next) => name = next,
            None => {
                return source(&name, "registry").or_else(|| {
                    tables.iter().find_map(|t| {
                        Some(t.get("registries")?.get(&name)?.get("index")?.as_str()?.to_owned())
                    })
                });
            }
        }
    }
    None
}

fn home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))
}

/// The registry that Cargo uses where nothing is configured: it keeps what it
/// fetched from a sparse index in a folder named after its host.
fn fetched() -> Option<String> {
    let folders = std::fs::read_dir(home()?.join("registry/index")).ok()?;
    let mut hosts: Vec<String> = folders
        .filter_map(Result::ok)
        .filter(|folder| folder.path().join("config.json").is_file())
        .filter_map(|folder| host_of(folder.file_name().to_str()?))
        .collect();
    hosts.sort();
    hosts.into_iter().next().map(|host| format!("sparse+https://{host}/"))
}

/// `host-0123456789abcdef`
fn host_of(folder: &str) -> Option<String> {
    let (host, hash) = folder.rsplit_once('-')?;
    let hex = hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    (hex && host.contains('.')).then(|| host.to_owned())
}

/// `ripgrep v14.1.0:` and, indented, its programs. Crates from a folder or a Git
/// repository have their origin in brackets and are left out.
fn installed(list: &str) -> Vec<(String, String)> {
    list.lines()
        .filter(|line| !line.starts_with(char::is_whitespace))
        .filter_map(|line| line.strip_suffix(':')?.split_once(" v"))
        .filter(|(_, version)| !version.contains(' '))
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_crates() {
        let list = "cargo-nextest v0.9.143:\n    cargo-nextest\nmine v0.1.0 (/home/me/mine):\n    mine\n";
        assert_eq!(installed(list), [("cargo-nextest".to_owned(), "0.9.143".to_owned())]);
    }

    #[test]
    fn fetched_indexes() {
        assert_eq!(host_of("index.example.org-1949cf8c6b5b557f").as_deref(), Some("index.example.org"));
        assert_eq!(host_of("index.example.org"), None);
        assert_eq!(host_of("nohost-1949cf8c6b5b557f"), None);
    }

    #[test]
    fn replaced_sources() {
        let near = "[source.crates-io]\nreplace-with = \"a\"\n[source.a]\nreplace-with = \"b\"".to_owned();
        let far = "[source.b]\nregistry = \"sparse+https://mirror.example.org/index/\"".to_owned();
        assert_eq!(replacement(&[near, far]).unwrap(), "sparse+https://mirror.example.org/index/");
        assert_eq!(replacement(&[String::new()]), None);
        let circle = "[source.crates-io]\nreplace-with = \"a\"\n[source.a]\nreplace-with = \"a\"".to_owned();
        assert_eq!(replacement(&[circle]), None);
    }
}
