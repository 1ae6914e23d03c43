//! apt: the first repository of its sources, with the keys that sign it, and what
//! dpkg installed.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Client, ask, config, registry};

pub(super) async fn find() -> Result<Option<Client>, String> {
    let Some(list) =
        ask("dpkg-query", &["-W", "-f=${Package}\\t${Version}\\t${db:Status-Status}\\n"]).await?
    else {
        return Ok(None);
    };
    let architecture = ask("dpkg", &["--print-architecture"]).await?.unwrap_or_default().trim().to_owned();
    let repositories: Vec<Repository> = files().iter().filter_map(|file| read(file)).flatten().collect();
    let Some(repository) = choose(repositories) else {
        return Err("none of its sources is an HTTP repository".into());
    };
    let registry = registry(&repository.uri)?;
    let keys = keys(repository.signed_by.as_deref())?;
    Ok(Some(Client {
        manager: "apt",
        plugin: "debian-repo",
        scheme: "debian",
        config: config([
            ("base_url", registry.as_str().into()),
            ("suite", repository.suite.into()),
            ("components", repository.components.into()),
            ("architecture", architecture.into()),
            ("signed_by", Value::from(keys)),
        ]),
        registry,
        installed: installed(&list),
        known: &["bash", "openssl", "nginx"],
    }))
}

/// One `deb` source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Repository {
    uri: String,
    suite: String,
    components: Vec<String>,
    /// A file, or the armored keys themselves.
    signed_by: Option<String>,
}

fn files() -> Vec<PathBuf> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    let mut more: Vec<PathBuf> = std::fs::read_dir("/etc/apt/sources.list.d")
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    more.sort();
    files.extend(more);
    files
}

fn read(file: &Path) -> Option<Vec<Repository>> {
    let text = std::fs::read_to_string(file).ok()?;
    match file.extension()?.to_str()? {
        "list" => Some(text.lines().filter_map(one_line).collect()),
        "sources" => Some(deb822(&text)),
        _ => None,
    }
}

/// `deb [signed-by=… arch=…] URI suite component…`
fn one_line(line: &str) -> Option<Repository> {
    let rest = line.split('#').next()?.trim().strip_prefix("deb ")?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => ("", rest),
    };
    let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Repository {
        uri: words.next()?,
        suite: words.next()?,
        components: words.collect(),
        signed_by: signed_by.map(str::to_owned),
    })
}

/// Paragraphs of `Types`, `URIs`, `Suites`, `Components`, `Signed-By`.
fn deb822(text: &str) -> Vec<Repository> {
    text.split("\n\n").filter_map(paragraph).collect()
}

fn paragraph(text: &str) -> Option<Repository> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix([' ', '\t']) {
            Some(more) => {
                let (_, value) = fields.last_mut()?;
                value.push('\n');
                value.push_str(if more.trim() == "." { "" } else { more });
            }
            None => {
                if let Some((name, value)) = line.split_once(':') {
                    fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                }
            }
        }
    }
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let on = field("enabled").is_none_or(|value| value != "no");
    let binary = field("types")?.split_whitespace().any(|kind| kind == "deb");
    if !on || !binary {
        return None;
    }
    Some(Repository {
        uri: field("uris")?.split_whitespace().next()?.to_owned(),
        suite: field("suites")?.split_whitespace().next()?.to_owned(),
        components: field("components").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        signed_by: field("signed-by").map(|value| value.trim().to_owned()),
    })
}

/// The distribution's own archive rather than an addition to it: the first source
/// that has a component called `main` and is no security or backports suite.
fn choose(repositories: Vec<Repository>) -> Option<Repository> {
    let usable: Vec<Repository> = repositories.into_iter().filter(|r| r.uri.starts_with("http")).collect();
    let plain = |r: &&Repository| r.components.iter().any(|c| c == "main") && !r.suite.contains(['-', '/']);
    // An archive of its own name beats a vendor's that calls its component main, too.
    usable
        .iter()
        .filter(plain)
        .max_by_key(|r| {
            let path = r.uri.trim_end_matches('/');
            path.ends_with("/debian") || path.ends_with("/ubuntu")
        })
        .or_else(|| usable.first())
        .cloned()
}

/// Keys for the plugin: armored text as it is, a binary keyring in base64.
fn keys(signed_by: Option<&str>) -> Result<Vec<String>, String> {
    let read = |path: &Path| -> Result<String, String> {
        let bytes =
            std::fs::read(path).map_err(|e| format!("its key {} cannot be read: {e}", path.display()))?;
        Ok(String::from_utf8(bytes).unwrap_or_else(|e| STANDARD.encode(e.into_bytes())))
    };
    match signed_by {
        Some(armored) if armored.contains("BEGIN PGP") => Ok(vec![armored.trim().to_owned()]),
        Some(files) => {
            files.split([',', ' ']).filter(|f| !f.is_empty()).map(|f| read(Path::new(f))).collect()
        }
        None => {
            let folder = Path::new("/etc/apt/trusted.gpg.d");
            let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
                .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
                .unwrap_or_default();
            files.sort();
            files.iter().map(|file| read(file)).collect()
        }
    }
}

fn installed(list: &str) -> Vec<(String, String)> {
    list.lines()
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let (name, version, status) = (fields.next()?, fields.next()?, fields.next()?);
            (status == "installed").then(|| (name.to_owned(), version.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_sources() {
        let line = "deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] https://example.org/debian stable main contrib # x";
        let repository = one_line(line).unwrap();
        assert_eq!(
            (repository.uri.as_str(), repository.suite.as_str()),
            ("https://example.org/debian", "stable")
        );
        assert_eq!(repository.components, ["main", "contrib"]);
        assert_eq!(repository.signed_by.as_deref(), Some("/usr/share/keyrings/a.gpg"));
        assert_eq!(one_line("# deb https://example.org stable main"), None);
        assert_eq!(one_line("deb-src https://example.org stable main"), None);
        assert_eq!(one_line("deb [broken https://example.org"), None);
    }

    #[test]
    fn paragraphs() {
        let text = "Types: deb deb-src\n# a comment\nURIs: http://example.org/debian\nSuites: bookworm bookworm-updates\n\
            Components: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n\n\
            Types: deb\nEnabled: no\nURIs: http://example.org/off\nSuites: x\n\nTypes: deb-src\nURIs: http://e/\nSuites: y\n";
        let repositories = deb822(text);
        assert_eq!(repositories.len(), 1);
        assert_eq!(repositories[0].suite, "bookworm");
        let signed_by = repositories[0].signed_by.as_deref().unwrap();
        assert!(signed_by.starts_with("-----BEGIN PGP") && signed_by.contains("\n\nabc"), "{signed_by}");
        assert_eq!(keys(Some(signed_by)).unwrap().len(), 1);
    }

    #[test]
    fn the_distribution_comes_first() {
        let repository = |uri: &str, suite: &str| Repository {
            uri: uri.into(),
            suite: suite.into(),
            components: vec!["main".into()],
            signed_by: None,
        };
        let chosen = choose(vec![
            repository("cdrom://x", "bookworm"),
            repository("https://example.org/apt", "stable"),
            repository("http://example.org/debian", "bookworm-updates"),
            repository("http://example.org/debian/", "bookworm"),
        ]);
        assert_eq!(chosen.unwrap().suite, "bookworm");
        assert_eq!(choose(vec![repository("cdrom://x", "y")]), None);
    }

    #[test]
    fn installed_packages() {
        let list = "bash\t5.2-1\tinstalled\ngone\t1.0\tconfig-files\n";
        assert_eq!(installed(list), [("bash".to_owned(), "5.2-1".to_owned())]);
    }
}
