//! `waystation.lock`: which version of each plugin somebody decided on, and what they decided.
//!
//! It is made for people who review it: every request and every signer is a line of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use waystation_runtime::manifest::{Capability, Manifest};
use waystation_runtime::{Bundle, ContentDigest};
use waystation_verify::Facts;

use crate::config;

/// The largest lock that is read, in bytes.
const MAX_LOCK: u64 = 4 << 20;

const HEAD: &str = "# Written by `waystation plugin sync`: which version of each plugin was decided on.\n\n";

/// The only version of the format that there is: 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
struct Version;

impl TryFrom<u32> for Version {
    type Error = String;

    fn try_from(version: u32) -> Result<Self, String> {
        match version {
            1 => Ok(Self),
            other => Err(format!("locks of version {other} are not known; this host reads version 1")),
        }
    }
}

impl From<Version> for u32 {
    fn from(_: Version) -> Self {
        1
    }
}

/// The decisions, by the names of plugins in waystation.toml.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: Version,
    /// One entry for each plugin.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plugins: BTreeMap<String, Locked>,
}

/// What was decided on for one plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// What it calls itself, `namespace/name`.
    pub name: String,
    /// Its version.
    pub version: semver::Version,
    /// Its world and generation.
    pub kind: String,
    /// The version of the WIT package that it was built against.
    pub abi: semver::Version,
    /// The content digest: nothing else is loaded.
    pub digest: ContentDigest,
    /// Where it came from.
    pub source: String,
    /// Who vouched for it: see [`signer_name`].
    pub signers: BTreeSet<String>,
    /// What it asks for, an item each.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub requests: BTreeSet<String>,
    /// SHA-256 of what waystation.toml gave it then: grants, and what its credentials are for.
    pub grants: ContentDigest,
}

/// Why a lock cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The file cannot be read or written.
    #[error("{}: {why}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// It does not parse, or holds something unknown.
    #[error("{} cannot be used: {why}; restore it, or have `waystation plugin sync` write it anew", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and what.
        why: String,
    },
}

impl LockError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "lock-unreadable",
            Self::Malformed { .. } => "lock-malformed",
        }
    }
}

impl Lock {
    /// Reads the file; a lock without entries where there is none.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let failed = |e: &std::io::Error| LockError::Io { path: path.to_owned(), why: e.to_string() };
        let malformed = |why: String| LockError::Malformed { path: path.to_owned(), why };
        match std::fs::metadata(path) {
            Ok(file) if file.len() > MAX_LOCK => {
                return Err(malformed(format!("it has more than {MAX_LOCK} bytes")));
            }
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(failed(&e)),
        }
        let bytes = std::fs::read(path).map_err(|e| failed(&e))?;
        let text = String::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8".to_owned()))?;
        Self::parse(&text).map_err(malformed)
    }

    /// Reads a lock's text.
    ///
    /// # Errors
    /// What is wrong with it, with the place.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())
    }

    /// As it is written: the same decisions give the same text.
    ///
    /// # Errors
    /// When it has no place in TOML, which no lock that was read has.
    pub fn to_toml(&self) -> Result<String, String> {
        Ok(format!("{HEAD}{}", toml::to_string(self).map_err(|e| e.to_string())?))
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn write(&self, path: &Path) -> Result<(), LockError> {
        let text = self.to_toml().map_err(|why| LockError::Malformed { path: path.to_owned(), why })?;
        // For a person and for the host, who may be two users.
        let written = waystation_files::replace(path, text.as_bytes(), waystation_files::Access::Public);
        written.map_err(|e| LockError::Io { path: path.to_owned(), why: e.to_string() })
    }
}

impl Locked {
    /// What there is to decide on about a plugin.
    #[must_use]
    pub fn of(bundle: &Bundle, source: String, signers: &[Facts], plugin: &config::Plugin) -> Self {
        let manifest = bundle.manifest();
        Self {
            name: manifest.name.to_string(),
            version: manifest.version.clone(),
            kind: manifest.kind.to_string(),
            abi: bundle.generation().clone(),
            digest: bundle.content_digest(),
            source,
            signers: signers.iter().map(signer_name).collect(),
            requests: requests(manifest),
            grants: grants(plugin),
        }
    }

    /// What another version would change.
    #[must_use]
    pub fn change(&self, to: &Self) -> Change {
        let without = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect();
        Change {
            version: (self.version != to.version).then(|| (self.version.clone(), to.version.clone())),
            digest: self.digest != to.digest,
            other_plugin: (self.name != to.name || self.kind != to.kind)
                .then(|| (format!("{} ({})", self.name, self.kind), format!("{} ({})", to.name, to.kind))),
            signers_gone: without(&self.signers, &to.signers),
            signers_new: without(&to.signers, &self.signers),
            requests_new: without(&to.requests, &self.requests),
            requests_gone: without(&self.requests, &to.requests),
            older: to.version < self.version,
            grants: self.grants != to.grants,
        }
    }
}

/// What one version of a plugin changes over another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// From and to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<(semver::Version, semver::Version)>,
    /// Whether it is another content.
    pub digest: bool,
    /// Names and kinds, where it is another plugin altogether.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_plugin: Option<(String, String)>,
    /// Who vouched before and does not now.
    pub signers_gone: Vec<String>,
    /// Who vouches now and did not before.
    pub signers_new: Vec<String>,
    /// What it asks for and did not before.
    pub requests_new: Vec<String>,
    /// What it asked for before.
    pub requests_gone: Vec<String>,
    /// Whether it is a step back.
    pub older: bool,
    /// Whether waystation.toml gives it something else than before.
    pub grants: bool,
}

impl Change {
    /// Whether nothing is different.
    #[must_use]
    pub fn is_none(&self) -> bool {
        !self.digest && !self.grants && self.other_plugin.is_none() && self.version.is_none()
    }

    /// Why a person has to agree first; none where it is a plain update: the same signers, no further requests, no
    /// step back.
    #[must_use]
    pub fn needs_approval(&self) -> Option<&'static str> {
        match self {
            Self { digest: false, .. } => None,
            Self { other_plugin: Some(_), .. } => Some("other-plugin"),
            Self { signers_gone, .. } if !signers_gone.is_empty() => Some("signer-changed"),
            Self { requests_new, .. } if !requests_new.is_empty() => Some("requests-more"),
            Self { older: true, .. } => Some("older-version"),
            _ => None,
        }
    }
}

/// What a signer is called in a lock: a key by its fingerprint; an identity with its issuer, and without the branch or
/// tag of one build, so that it stays the same from release to release.
#[must_use]
pub fn signer_name(facts: &Facts) -> String {
    match &facts.identity {
        None => format!("key {}", facts.key),
        Some(identity) => {
            let who = identity.value.split_once("@refs/").map_or(identity.value.as_str(), |(who, _)| who);
            format!("{who} by {}", facts.issuer.as_deref().unwrap_or("an unknown issuer"))
        }
    }
}

/// What a plugin asks for, an item each, in words that do not depend on how its author put it.
fn requests(manifest: &Manifest) -> BTreeSet<String> {
    let mut asked = BTreeSet::new();
    for request in &manifest.requests {
        match &request.capability {
            Capability::Http { origins, methods, headers } => {
                asked.insert("http".to_owned());
                asked.extend(origins.iter().map(|origin| format!("http origin {origin}")));
                asked.extend(methods.iter().map(|method| format!("http method {method}")));
                asked.extend(headers.iter().map(|header| format!("http header {header}")));
            }
            Capability::Kv | Capability::Tickets | Capability::Scopes => {
                asked.insert(request.capability.word().to_owned());
            }
            Capability::Credentials { names } => {
                asked.extend(names.iter().map(|name| format!("credential {name}")));
            }
        }
    }
    asked
}

/// The fingerprint of what an operator gives a plugin, without the places of secrets.
fn grants(plugin: &config::Plugin) -> ContentDigest {
    let uses: BTreeMap<_, _> = plugin
        .credentials
        .iter()
        .map(|(name, credential)| {
            let to = (credential.usage, &credential.origin, &credential.header, &credential.prefix);
            (name.as_str(), to)
        })
        .collect();
    let given = serde_json::to_value((&plugin.grants, uses)).unwrap_or_default();
    // RFC 8785. What is written as JSON here always has that form.
    ContentDigest::of(&serde_json_canonicalizer::to_vec(&given).unwrap_or_default())
}
