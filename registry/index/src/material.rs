//! The metadata of an index, as bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::IndexError;

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

/// Metadata is JSON, and JSON is UTF-8.
pub(crate) fn text(what: &str, bytes: &Bytes) -> Result<String, IndexError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| IndexError::malformed(what, "it is not UTF-8"))
}
