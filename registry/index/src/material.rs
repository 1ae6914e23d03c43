//! The metadata of an index, as bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::catalog::Signed;
use crate::error::IndexError;
use crate::names;

/// Metadata that belongs together: every root from the pinned one on, and one state of the rest. It is trusted only as
/// far as it was just verified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Material {
    /// By version.
    pub(crate) roots: BTreeMap<u64, String>,
    pub(crate) timestamp: String,
    pub(crate) snapshot: String,
    /// `targets`, and the namespaces that are signed for by others.
    pub(crate) targets: BTreeMap<String, String>,
}

impl Material {
    /// The version of the newest root.
    pub(crate) fn newest_root(&self) -> u64 {
        self.roots.keys().next_back().copied().unwrap_or_default()
    }
}

/// The files that these are, by their paths; the versions are those of a catalogue of the same.
pub(crate) fn files(material: &Material, signed: &BTreeMap<String, Signed>) -> BTreeMap<String, String> {
    let roots =
        material.roots.iter().map(|(version, text)| (names::metadata(*version, "root"), text.clone()));
    let version = |role: &str| signed.get(role).map(|signed| signed.version);
    let snapshot =
        version("snapshot").map(|version| (names::metadata(version, "snapshot"), material.snapshot.clone()));
    let lists = material
        .targets
        .iter()
        .filter_map(|(role, text)| Some((names::metadata(version(role)?, role), text.clone())));
    let timestamp = (names::TIMESTAMP.to_owned(), material.timestamp.clone());
    roots.chain(snapshot).chain(lists).chain([timestamp]).collect()
}

/// Metadata is JSON, and JSON is UTF-8.
pub(crate) fn text(what: &str, bytes: &Bytes) -> Result<String, IndexError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| IndexError::malformed(what, "it is not UTF-8"))
}
