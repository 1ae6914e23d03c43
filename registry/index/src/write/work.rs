//! What is published, what is to be, and what is missing for it: values only.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use semver::Version;
use serde::Serialize;
use serde_json::{Map, Value, json};
use waystation_sign::Signer;

use super::document::Document;
use super::roles::{Authority, Holders};
use crate::entry::Entry;
use crate::error::IndexError;
use crate::material::Material;
use crate::names::{self, ROLES};
use crate::strict;

/// How long signatures count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The root.
    pub root: SignedDuration,
    /// The lists of plugins.
    pub targets: SignedDuration,
    /// Snapshot and timestamp, which say that these are the newest: for as long they can be held back.
    pub online: SignedDuration,
}

impl Validity {
    /// A year for what is signed by hand, a week for what is not.
    pub const DEFAULT: Self = Self {
        root: SignedDuration::from_hours(365 * 24),
        targets: SignedDuration::from_hours(365 * 24),
        online: SignedDuration::from_hours(7 * 24),
    };

    fn of(&self, role: &str, now: Timestamp) -> Timestamp {
        let long = match role {
            "root" => self.root,
            "snapshot" | "timestamp" => self.online,
            _ => self.targets,
        };
        now.checked_add(long).unwrap_or(Timestamp::MAX)
    }
}

/// A file that waits for signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// `root`, `targets`, a namespace, `snapshot` or `timestamp`.
    pub role: String,
    /// Its version to be.
    pub version: u64,
    /// How many have signed.
    pub have: usize,
    /// How many it takes.
    pub need: usize,
    /// The fingerprints of keys that can still sign.
    pub keys: Vec<String>,
}

/// An index that is worked on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Work {
    /// What readers see; none before the first time.
    pub(crate) published: Option<Material>,
    /// The next versions, by role.
    pub(crate) staged: BTreeMap<String, Document>,
}

impl Work {
    /// The newest version of a role's file, published or not.
    pub(crate) fn current(&self, role: &str) -> Result<Option<Document>, IndexError> {
        match self.staged.get(role) {
            Some(document) => Ok(Some(document.clone())),
            None => self.published(role),
        }
    }

    pub(super) fn published(&self, role: &str) -> Result<Option<Document>, IndexError> {
        let Some(material) = &self.published else { return Ok(None) };
        let text = match role {
            "root" => material.roots.values().next_back(),
            "snapshot" => Some(&material.snapshot),
            "timestamp" => Some(&material.timestamp),
            role => material.targets.get(role),
        };
        text.map(|text| Document::parse(role, text)).transpose()
    }

    /// The last version of a role that readers may have seen.
    fn seen(&self, role: &str) -> Result<u64, IndexError> {
        if ROLES.contains(&role) {
            return Ok(self.published(role)?.map_or(0, |document| document.version()));
        }
        // A namespace that was given away before is still in the snapshot.
        let snapshot = self.published("snapshot")?;
        let version = snapshot.as_ref().and_then(|snapshot| {
            snapshot.signed.get("meta")?.get(format!("{role}.json"))?.get("version")?.as_u64()
        });
        Ok(version.unwrap_or_default())
    }

    /// Begins, or goes on with, the next version of a file. Whoever signed it before has to do it again.
    pub(crate) fn edit(
        &mut self,
        role: &str,
        now: Timestamp,
        validity: &Validity,
        change: impl FnOnce(&mut Document) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        let mut document = match self.current(role)? {
            Some(document) => document,
            None => Document::new(if role == "root" { "root" } else { "targets" }, json!({ "targets": {} })),
        };
        change(&mut document)?;
        document.begin(self.seen(role)?.saturating_add(1), validity.of(role, now));
        self.staged.insert(role.to_owned(), document);
        Ok(())
    }

    /// Who signs for a role's next version. For a root that is two: those of the last one as well.
    pub(crate) fn authorities(&self, role: &str) -> Result<Vec<Authority>, IndexError> {
        let none = || IndexError::Role { role: role.to_owned(), why: "nobody signs for it".into() };
        let root = self.current("root")?.ok_or_else(none)?;
        if ROLES.contains(&role) {
            let mut all = vec![Authority::of_root(&root.signed, role).ok_or_else(none)?];
            if role == "root"
                && let Some(last) = self.published("root")?
            {
                let last = Authority::of_root(&last.signed, role).ok_or_else(none)?;
                if !all.contains(&last) {
                    all.push(last);
                }
            }
            return Ok(all);
        }
        let targets = self.current("targets")?.ok_or_else(none)?;
        Ok(vec![Authority::of_namespace(&targets.signed, role).ok_or_else(none)?])
    }

    /// Signs all that waits, with all keys that have a say in it. Gives the identifiers of keys that had.
    pub(crate) fn sign(&mut self, signers: &[&dyn Signer]) -> Result<Vec<String>, IndexError> {
        let mut used = Vec::new();
        for role in self.staged.keys().cloned().collect::<Vec<_>>() {
            let authorities = self.authorities(&role)?;
            if let Some(document) = self.staged.get_mut(&role) {
                used.extend(document.sign(&authorities, signers)?);
            }
        }
        Ok(used)
    }

    /// What is missing for a file.
    pub(crate) fn missing(&self, role: &str, document: &Document) -> Result<Option<Waiting>, IndexError> {
        for authority in self.authorities(role)? {
            let signed = document.signed_by(&authority)?;
            if signed.len() < authority.threshold {
                let others = authority.keys.iter().filter(|(id, _)| !signed.contains(&id.as_str()));
                return Ok(Some(Waiting {
                    role: role.to_owned(),
                    version: document.version(),
                    have: signed.len(),
                    need: authority.threshold,
                    keys: others.map(|(_, key)| key.fingerprint()).collect(),
                }));
            }
        }
        Ok(None)
    }

    /// All that waits.
    pub(crate) fn waiting(&self) -> Result<Vec<Waiting>, IndexError> {
        self.staged.iter().filter_map(|(role, document)| self.missing(role, document).transpose()).collect()
    }

    /// Snapshot and timestamp over what is to be, unless keys for them are missing.
    pub(crate) fn online(
        &self,
        now: Timestamp,
        validity: &Validity,
        signers: &[&dyn Signer],
    ) -> Result<Result<BTreeMap<String, String>, Waiting>, IndexError> {
        let mut files = BTreeMap::new();
        let mut meta = self
            .published("snapshot")?
            .and_then(|old| old.signed.get("meta")?.as_object().cloned())
            .unwrap_or_default();
        for (role, document) in &self.staged {
            let text = document.to_text()?;
            if role != "root" {
                meta.insert(format!("{role}.json"), pin(document.version(), &text));
            }
            files.insert(names::metadata(document.version(), role), text);
        }
        let mut snapshot = Document::new("snapshot", json!({ "meta": meta }));
        snapshot.begin(self.seen("snapshot")?.saturating_add(1), validity.of("snapshot", now));
        snapshot.sign(&self.authorities("snapshot")?, signers)?;
        if let Some(waiting) = self.missing("snapshot", &snapshot)? {
            return Ok(Err(waiting));
        }
        let text = snapshot.to_text()?;
        let meta = json!({ "snapshot.json": pin(snapshot.version(), &text) });
        files.insert(names::metadata(snapshot.version(), "snapshot"), text);
        let mut timestamp = Document::new("timestamp", json!({ "meta": meta }));
        timestamp.begin(self.seen("timestamp")?.saturating_add(1), validity.of("timestamp", now));
        timestamp.sign(&self.authorities("timestamp")?, signers)?;
        if let Some(waiting) = self.missing("timestamp", &timestamp)? {
            return Ok(Err(waiting));
        }
        files.insert(names::TIMESTAMP.to_owned(), timestamp.to_text()?);
        Ok(Ok(files))
    }

    /// The role that lists plugins of a namespace.
    pub(crate) fn lists(&self, namespace: &str) -> Result<String, IndexError> {
        let targets = self.current("targets")?;
        let given =
            targets.is_some_and(|targets| Authority::of_namespace(&targets.signed, namespace).is_some());
        Ok(if given { namespace } else { "targets" }.to_owned())
    }

    /// A plugin as it is listed in what is to be.
    pub(crate) fn listed(&self, name: &str, version: &Version) -> Result<Option<Value>, IndexError> {
        let namespace = name.split_once('/').map_or(name, |(namespace, _)| namespace);
        let path = names::target(name, version);
        let document = self.current(&self.lists(namespace)?)?;
        Ok(document.and_then(|document| document.signed.get("targets")?.get(&path).cloned()))
    }

    /// Lists a plugin, or takes it off the list.
    pub(crate) fn list(
        &mut self,
        (name, version): (&str, &Version),
        entry: Option<&Entry>,
        now: Timestamp,
        validity: &Validity,
    ) -> Result<(), IndexError> {
        let namespace = name.split_once('/').map_or(name, |(namespace, _)| namespace);
        let target = entry.map(Entry::target).transpose()?;
        self.edit(&self.lists(namespace)?, now, validity, |document| {
            let targets = object(&mut document.signed, "targets")?;
            match target {
                Some((path, target)) => targets.insert(path, target),
                None => targets.remove(&names::target(name, version)),
            };
            Ok(())
        })
    }

    /// The first root, or one with other keys. Lists that their new keepers have not signed are made anew.
    pub(crate) fn roles(
        &mut self,
        roles: &[(&str, &Holders)],
        now: Timestamp,
        validity: &Validity,
    ) -> Result<(), IndexError> {
        for (role, holders) in roles {
            holders.check(role)?;
        }
        self.edit("root", now, validity, |root| {
            if let Some(signed) = root.signed.as_object_mut() {
                signed.remove("targets");
            }
            root.set("consistent_snapshot", true.into());
            let mut all = Map::new();
            for (role, holders) in roles {
                object(&mut root.signed, "roles")?.insert((*role).to_owned(), holders.role()?);
                holders.put(&mut all)?;
            }
            // Keys that no role has any more are left out.
            let keys = object(&mut root.signed, "keys")?.clone();
            all.extend(keys.into_iter().filter(|(id, _)| !all.contains_key(id)).collect::<Vec<_>>());
            let named: Vec<Value> = object(&mut root.signed, "roles")?
                .values()
                .flat_map(|role| role.get("keyids").and_then(Value::as_array).cloned().unwrap_or_default())
                .collect();
            all.retain(|id, _| named.iter().any(|other| other == id));
            root.set("keys", Value::Object(all));
            Ok(())
        })?;
        match self.current("targets")? {
            Some(targets)
                if self.staged.contains_key("targets") || self.missing("targets", &targets)?.is_none() =>
            {
                Ok(())
            }
            _ => self.edit("targets", now, validity, |_| Ok(())),
        }
    }

    /// Gives a namespace to others, with the plugins it has, or takes it back.
    pub(crate) fn delegate(
        &mut self,
        namespace: &str,
        holders: Option<&Holders>,
        now: Timestamp,
        validity: &Validity,
    ) -> Result<(), IndexError> {
        let bad = |why: &str| IndexError::Role { role: namespace.to_owned(), why: why.to_owned() };
        if !strict::can_be_delegated(namespace) {
            return Err(bad("it is no namespace that can have keys of its own"));
        }
        holders.map_or(Ok(()), |holders| holders.check(namespace))?;
        let before = self.lists(namespace)?;
        if holders.is_none() && before == "targets" {
            return Err(bad("it has no keys of its own"));
        }
        let moved = self.plugins_of(namespace, &before)?;
        self.edit("targets", now, validity, |targets| {
            let mut delegations = match targets.signed.get("delegations") {
                Some(delegations) => delegations.clone(),
                None => json!({ "keys": {}, "roles": [] }),
            };
            let mut roles = delegations.get("roles").and_then(Value::as_array).cloned().unwrap_or_default();
            roles.retain(|role| role.get("name").and_then(Value::as_str) != Some(namespace));
            let keys = object(&mut delegations, "keys")?;
            if let Some(holders) = holders {
                holders.put(keys)?;
                let mut role = holders.role()?;
                if let Some(role) = role.as_object_mut() {
                    role.insert("name".into(), namespace.into());
                    role.insert("terminating".into(), true.into());
                    role.insert("paths".into(), json!([strict::paths_of(namespace)]));
                }
                roles.push(role);
                roles.sort_by_key(|role| role.get("name").and_then(Value::as_str).map(str::to_owned));
            }
            let named: Vec<Value> = roles
                .iter()
                .flat_map(|role| role.get("keyids").and_then(Value::as_array).cloned().unwrap_or_default())
                .collect();
            keys.retain(|id, _| named.iter().any(|other| other == id));
            if let Some(delegations) = delegations.as_object_mut() {
                delegations.insert("roles".into(), Value::Array(roles));
            }
            let list = object(&mut targets.signed, "targets")?;
            list.retain(|path, _| !path.starts_with(&format!("{namespace}/")));
            if holders.is_none() {
                list.extend(moved.clone());
            }
            targets.set("delegations", delegations);
            Ok(())
        })?;
        match holders {
            // Keys alone can change: what is there has to be signed again only if the new ones have not.
            Some(_) if before == namespace => match self.current(namespace)? {
                Some(list) if self.missing(namespace, &list)?.is_none() => Ok(()),
                Some(_) => self.edit(namespace, now, validity, |_| Ok(())),
                None => Ok(()),
            },
            Some(_) if moved.is_empty() && self.seen(namespace)? == 0 => Ok(()),
            Some(_) => self.edit(namespace, now, validity, |list| {
                list.set("targets", Value::Object(moved));
                Ok(())
            }),
            None => {
                self.staged.remove(namespace);
                Ok(())
            }
        }
    }

    fn plugins_of(&self, namespace: &str, role: &str) -> Result<Map<String, Value>, IndexError> {
        let document = self.current(role)?;
        let all = document.and_then(|document| document.signed.get("targets")?.as_object().cloned());
        let own = all.unwrap_or_default().into_iter();
        Ok(own.filter(|(path, _)| path.starts_with(&format!("{namespace}/"))).collect())
    }
}

/// How a snapshot or a timestamp names a file.
fn pin(version: u64, text: &str) -> Value {
    use sha2::{Digest as _, Sha256};
    json!({
        "version": version, "length": text.len(),
        "hashes": { "sha256": hex::encode(Sha256::digest(text.as_bytes())) },
    })
}

/// The object under a key, which is made where there is none.
fn object<'v>(value: &'v mut Value, key: &str) -> Result<&'v mut Map<String, Value>, IndexError> {
    let parent = value.as_object_mut().ok_or_else(|| IndexError::malformed(key, "it is in no object"))?;
    let child = parent.entry(key).or_insert_with(|| json!({}));
    child.as_object_mut().ok_or_else(|| IndexError::malformed(key, "it is no object"))
}
