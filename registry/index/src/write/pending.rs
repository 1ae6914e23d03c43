//! What somebody is about to sign: the difference between what waits and what readers see.

use serde::Serialize;
use serde_json::{Map, Value};

use super::work::Work;
use crate::error::IndexError;

/// The changes in one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// `root`, `targets`, or a namespace.
    pub role: String,
    /// Its version to be.
    pub version: u64,
    /// Plugins that are listed from then on, with their digests; for a root, roles; for `targets`, namespaces with keys
    /// of their own.
    pub added: Vec<String>,
    /// Those that are not any more.
    pub removed: Vec<String>,
    /// Those of which something else is said, such as that they are withdrawn; roles whose keys change.
    pub changed: Vec<String>,
}

impl Work {
    /// All that waits, compared with what is published. A file that only gets another end has no changes.
    pub(crate) fn pending(&self) -> Result<Vec<Pending>, IndexError> {
        let mut all = Vec::new();
        for (role, document) in &self.staged {
            let before = self.published(role)?.map(|document| document.signed).unwrap_or_default();
            let mut pending =
                Pending { role: role.clone(), version: document.version(), ..Pending::default() };
            for name in [plugins as fn(&Value) -> Map<String, Value>, roles, namespaces] {
                pending.compare(&name(&before), &name(&document.signed));
            }
            all.push(pending);
        }
        Ok(all)
    }
}

impl Pending {
    fn compare(&mut self, before: &Map<String, Value>, after: &Map<String, Value>) {
        for (name, value) in after {
            match before.get(name) {
                None => self.added.push(named(name, value)),
                Some(old) if old != value => self.changed.push(named(name, value)),
                Some(_) => {}
            }
        }
        let gone = before.iter().filter(|(name, _)| !after.contains_key(*name));
        self.removed.extend(gone.map(|(name, value)| named(name, value)));
    }
}

/// `acme/tool 1.2.0 sha256:… (withdrawn: …)`, or the role with its keys.
fn named(name: &str, value: &Value) -> String {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    if let Some(digest) = value.get("hashes").and_then(|hashes| text(hashes, "sha256")) {
        let plugin = name.strip_suffix(".json").unwrap_or(name);
        let plugin = plugin.rsplit_once('/').map_or_else(|| plugin.to_owned(), |(n, v)| format!("{n} {v}"));
        let why = value.get("custom").and_then(|custom| text(custom, "yanked"));
        let withdrawn = why.map(|why| format!(" (withdrawn: {why})")).unwrap_or_default();
        return format!("{plugin} sha256:{digest}{withdrawn}");
    }
    let ids = value.get("keyids").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let ids: Vec<_> = ids.iter().filter_map(Value::as_str).collect();
    let threshold = value.get("threshold").and_then(Value::as_u64).unwrap_or_default();
    format!("{name}: {threshold} of the keys {}", ids.join(", "))
}

fn plugins(signed: &Value) -> Map<String, Value> {
    signed.get("targets").and_then(Value::as_object).cloned().unwrap_or_default()
}

fn roles(signed: &Value) -> Map<String, Value> {
    signed.get("roles").and_then(Value::as_object).cloned().unwrap_or_default()
}

fn namespaces(signed: &Value) -> Map<String, Value> {
    let roles = signed.get("delegations").and_then(|delegations| delegations.get("roles")?.as_array());
    let named = |role: &Value| Some((role.get("name")?.as_str()?.to_owned(), role.clone()));
    roles.into_iter().flatten().filter_map(named).collect()
}
