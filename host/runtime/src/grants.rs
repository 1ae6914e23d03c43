//! What an operator gave a plugin, set against what its manifest requests.

use std::fmt::Write as _;

use waystation_egress::{Credentials, HttpGrant, Mode};

use crate::error::LoadError;
use crate::manifest::{Capability, Manifest};

/// Everything granted to one plugin. Empty is nothing.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// Origins it may call.
    pub http: Vec<HttpGrant>,
    /// Whether it has a store.
    pub kv: bool,
    /// Credentials bound to it.
    pub credentials: Credentials,
    /// Whether it may read what tickets and sessions there are.
    pub tickets: bool,
    /// Whether it may read what scopes and instances there are.
    pub scopes: bool,
}

/// One capability in three columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// `http`, `kv`, `credentials`, `tickets`, `scopes`.
    pub capability: &'static str,
    /// What the manifest asks for: origins, names.
    pub requested: Option<Vec<String>>,
    /// Why.
    pub why: Option<String>,
    /// Whether it works without.
    pub optional: bool,
    /// What the operator gave.
    pub granted: Vec<String>,
}

impl Grants {
    fn granted(&self, capability: &str) -> Vec<String> {
        match capability {
            "http" => self.http.iter().map(shown).collect(),
            "kv" if self.kv => vec!["yes".into()],
            "tickets" if self.tickets => vec!["yes".into()],
            "scopes" if self.scopes => vec!["yes".into()],
            "credentials" => self.credentials.iter().map(|c| c.name().as_str().to_owned()).collect(),
            _ => Vec::new(),
        }
    }

    /// Requested against granted, one row per capability of either side.
    pub fn table(&self, manifest: &Manifest) -> Vec<GrantRow> {
        Capability::WORDS
            .iter()
            .filter_map(|&capability| {
                let request = manifest.request(capability);
                let granted = self.granted(capability);
                (request.is_some() || !granted.is_empty()).then(|| GrantRow {
                    capability,
                    requested: request.map(|r| r.capability.wanted()),
                    why: request.map(|r| r.why.clone()),
                    optional: request.is_some_and(|r| r.optional),
                    granted,
                })
            })
            .collect()
    }

    /// Whether the plugin called `name` may run with these grants.
    ///
    /// # Errors
    /// [`LoadError::NotRequested`] for a grant that the manifest does not request,
    /// [`LoadError::NeedsGrants`] with the lines to add for a request that is not
    /// optional and not granted.
    pub fn check(&self, name: &str, manifest: &Manifest) -> Result<(), LoadError> {
        for row in self.table(manifest) {
            if row.requested.is_none() {
                return Err(LoadError::NotRequested { capability: row.capability.into() });
            }
        }
        let missing = self.missing(name, manifest);
        if missing.is_empty() { Ok(()) } else { Err(LoadError::NeedsGrants(missing)) }
    }

    /// The lines that waystation.toml lacks; empty when nothing is missing.
    pub fn missing(&self, name: &str, manifest: &Manifest) -> String {
        let mut lines = String::new();
        for request in manifest.requests.iter().filter(|r| !r.optional) {
            match &request.capability {
                Capability::Http { origins, methods, headers } if self.http.is_empty() => {
                    for origin in origins {
                        let _ = write!(lines, "\n[[plugins.{name}.grants.http]]  # {}\n", request.why);
                        let _ = writeln!(lines, "origin = {origin:?}");
                        if methods.iter().any(|m| m != "GET" && m != "HEAD") {
                            let _ = writeln!(lines, "methods = {methods:?}");
                        }
                        if !headers.is_empty() {
                            let _ = writeln!(lines, "headers = {headers:?}");
                        }
                    }
                    if origins.is_empty() {
                        let _ = write!(lines, "\n[[plugins.{name}.grants.http]]  # {}\n", request.why);
                        let _ = writeln!(lines, "origin = \"https://…\"  # the origin of its configured URL");
                    }
                }
                Capability::Kv if !self.kv => switch(&mut lines, name, "kv", &request.why),
                Capability::Tickets if !self.tickets => switch(&mut lines, name, "tickets", &request.why),
                Capability::Scopes if !self.scopes => switch(&mut lines, name, "scopes", &request.why),
                Capability::Credentials { names } => {
                    for credential in names.iter().filter(|n| !self.credentials.bound(n)) {
                        let _ = write!(
                            lines,
                            "\n[plugins.{name}.credentials.{credential}]  # {}\nfrom = {{ env = \"…\" }}\n",
                            request.why
                        );
                    }
                }
                _ => {}
            }
        }
        lines
    }
}

fn switch(lines: &mut String, name: &str, word: &str, why: &str) {
    let head = format!("\n[plugins.{name}.grants]");
    // One table has all of them.
    let end = lines.find(&head).and_then(|at| Some(at + 1 + lines.get(at + 1..)?.find('\n')? + 1));
    match end {
        Some(end) => lines.insert_str(end, &format!("{word} = true  # {why}\n")),
        None => {
            let _ = write!(lines, "{head}  # {why}\n{word} = true\n");
        }
    }
}

fn shown(grant: &HttpGrant) -> String {
    let list = |items: Vec<String>| items.join(" ");
    let methods = list(grant.methods.iter().map(ToString::to_string).collect());
    let origins = list(grant.origins.iter().map(ToString::to_string).collect());
    let mut text = format!("{methods} {origins}");
    let headers: Vec<String> = grant.headers.iter().map(ToString::to_string).collect();
    if !headers.is_empty() {
        let _ = write!(text, " with {}", list(headers));
    }
    if !grant.addresses.is_empty() {
        let _ = write!(text, " at {}", list(grant.addresses.iter().map(ToString::to_string).collect()));
    }
    if grant.mode == Mode::Audit {
        text.push_str(" (audit)");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_can_be_added_as_it_is() {
        let mut text =
            String::from("name = \"a/b\"\nversion = \"1.0.0\"\nkind = \"hook@0.1\"\nsummary = \"s\"\n");
        for word in ["kv", "http", "tickets", "scopes"] {
            text += &format!("[[request]]\ncapability = \"{word}\"\nwhy = \"for {word}\"\n");
        }
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        let lines = Grants::default().missing("x", &manifest);
        let table: toml::Table = toml::from_str(&lines).unwrap();
        let grants = table["plugins"]["x"]["grants"].as_table().unwrap();
        let keys: Vec<_> = grants.keys().map(String::as_str).collect();
        assert_eq!(keys.len(), 4, "{lines}");
        for word in ["kv", "tickets", "scopes"] {
            assert_eq!(grants[word].as_bool(), Some(true), "{lines}");
            assert!(lines.contains(&format!("# for {word}")), "{lines}");
        }
        let some = Grants { kv: true, tickets: true, ..Grants::default() };
        let lines = some.missing("x", &manifest);
        assert!(!lines.contains("tickets") && lines.contains("scopes = true"), "{lines}");
    }
}
