//! What an index offers, as it was verified at one time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use semver::{Version, VersionReq};
use serde::Serialize;
use waystation_bundle::ContentDigest;

use crate::entry::Entry;
use crate::error::IndexError;
use crate::search;

/// Plugins and their versions. Values only: asking costs no file and no network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    plugins: BTreeMap<String, BTreeMap<Version, Entry>>,
    signed: BTreeMap<String, Signed>,
    at: Timestamp,
}

/// One signed file of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// Its version.
    pub version: u64,
    /// Until when it counts.
    pub expires: Timestamp,
}

impl Catalog {
    pub(crate) fn new(
        plugins: BTreeMap<String, BTreeMap<Version, Entry>>,
        signed: BTreeMap<String, Signed>,
        at: Timestamp,
    ) -> Self {
        Self { plugins, signed, at }
    }

    /// Every version of every plugin, in the order of names and versions.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.plugins.values().flat_map(BTreeMap::values)
    }

    /// The names of the plugins, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.plugins.keys().map(String::as_str)
    }

    /// The files that this was read of, by role: `root`, `targets`, `snapshot`, `timestamp`, and namespaces that are
    /// signed for by others.
    #[must_use]
    pub fn signed(&self) -> &BTreeMap<String, Signed> {
        &self.signed
    }

    /// Namespaces whose keepers have to sign again; their plugins are not offered meanwhile.
    pub fn lapsed(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        let late = self.signed.iter().filter(|(role, signed)| {
            !crate::names::ROLES.contains(&role.as_str()) && signed.expires < self.at
        });
        late.map(|(role, signed)| (role.as_str(), signed.expires))
    }

    /// The versions of a plugin, newest first.
    ///
    /// # Errors
    /// `index-unknown-plugin`; `index-frozen` where its namespace has lapsed.
    pub fn versions(&self, name: &str) -> Result<Vec<&Entry>, IndexError> {
        match self.plugins.get(name) {
            Some(versions) => Ok(versions.values().rev().collect()),
            None => Err(self.unknown(name)),
        }
    }

    /// One version, withdrawn or not: for what was chosen before.
    #[must_use]
    pub fn entry(&self, name: &str, version: &Version) -> Option<&Entry> {
        self.plugins.get(name)?.get(version)
    }

    /// The version with this content.
    #[must_use]
    pub fn by_digest(&self, digest: ContentDigest) -> Option<&Entry> {
        self.entries().find(|entry| entry.digest == digest)
    }

    /// The newest version within a range that is not withdrawn and made for this host. Pre-releases only where the
    /// range names one, as semantic versioning has it.
    ///
    /// # Errors
    /// `index-unknown-plugin`, `index-no-version`, which tells what there is; `index-frozen`.
    pub fn resolve(&self, name: &str, wanted: &VersionReq, host: &Version) -> Result<&Entry, IndexError> {
        let versions = self.versions(name)?;
        let fits = |entry: &&&Entry| {
            wanted.matches(&entry.version) && entry.about.yanked.is_none() && runs_on(entry, host)
        };
        if let Some(entry) = versions.iter().find(fits) {
            return Ok(entry);
        }
        let there = versions.iter().take(20).map(|entry| match &entry.about.yanked {
            Some(why) => format!("{} (withdrawn: {why})", entry.version),
            None if !runs_on(entry, host) => format!("{} (for hosts {})", entry.version, entry.about.host),
            None => entry.version.to_string(),
        });
        let mut there = there.collect::<Vec<_>>().join(", ");
        if versions.len() > 20 {
            there.push_str(", …");
        }
        let (name, host) = (name.to_owned(), host.to_string());
        Err(IndexError::NoVersion { name, wanted: wanted.to_string(), host, there })
    }

    /// Plugins that fit what somebody is looking for, the best first; of each, the newest version that is not withdrawn.
    #[must_use]
    pub fn search(&self, query: &str) -> Vec<&Entry> {
        let newest = self.plugins.values().filter_map(|versions| {
            let offered = || versions.values().rev().filter(|entry| entry.about.yanked.is_none());
            offered().find(|entry| entry.version.pre.is_empty()).or_else(|| offered().next())
        });
        search::rank(query, newest)
    }

    fn unknown(&self, name: &str) -> IndexError {
        let namespace = name.split_once('/').map_or(name, |(namespace, _)| namespace);
        if let Some((role, expires)) = self.lapsed().find(|(role, _)| *role == namespace) {
            return IndexError::Frozen { what: format!("{role}.json"), expires };
        }
        let near = self.names().map(|other| (strsim::jaro_winkler(name, other), other));
        let near = near.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
        IndexError::UnknownPlugin { name: name.to_owned(), near: near.map(|(_, name)| name.to_owned()) }
    }
}

/// Whether a plugin says that it works with this host. A pre-release of a host is taken for what it will be.
fn runs_on(entry: &Entry, host: &Version) -> bool {
    let host = Version::new(host.major, host.minor, host.patch);
    entry.about.host.matches(&host)
}
