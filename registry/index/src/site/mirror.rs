//! A copy on a disk, which any web server can serve.

use std::path::Path;

use serde::Serialize;
use waystation_bundle::ContentDigest;

use super::Which;
use super::place::Copy;
use crate::clock::Clock;
use crate::error::IndexError;
use crate::index::Index;
use crate::names;
use crate::source::Folder;

/// What a mirror has after a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Mirrored {
    /// Versions of plugins that were wanted, and are there.
    pub plugins: usize,
    /// Those that were fetched for it.
    pub fetched: usize,
    /// Bytes of these.
    pub bytes: u64,
    /// Those that were wanted and are nowhere to be had. The copy lists them as the index does, and lacks them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Absent>,
}

/// A version of a plugin that an index lists and nobody has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Absent {
    /// The plugin.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its digest.
    pub digest: ContentDigest,
    /// What each place said that was asked.
    pub why: String,
}

impl Index {
    /// Makes a folder a copy of the index, or brings it up to date. What is there and undamaged is not fetched again;
    /// nothing older takes the place of what is there; nothing is removed. A plugin that no place has holds up no other: it
    /// is told in what comes back.
    ///
    /// # Errors
    /// As for reading and fetching. Readers of the copy see its old state until all of the new is there.
    pub async fn mirror(&self, to: &Path, which: &Which, clock: &Clock) -> Result<Mirrored, IndexError> {
        let copy = Copy::open(to, self.pinned(), self.limits()).await?;
        let newest = self.newest(clock).await?;
        copy.still_newer(self.pinned(), &newest, clock).await?;
        let (material, catalog) = &newest;
        let mut done = Mirrored::default();
        for entry in which.pick(catalog)? {
            if let Some(package) = copy.bundle(entry) {
                copy.put_manifest(entry, &package)?;
                done.plugins += 1;
                continue;
            }
            match self.fetch(entry, None).await {
                Ok(package) => {
                    done.bytes += copy.put_bundle(entry, &package)?;
                    done.plugins += 1;
                    done.fetched += 1;
                }
                Err(IndexError::NoBundle { name, version, digest, why }) => {
                    done.missing.push(Absent { name, version, digest, why });
                }
                Err(e) => return Err(e),
            }
        }
        copy.put_metadata(material, catalog)?;
        Ok(done)
    }
}

/// Whether a folder has this plugin at all.
pub(super) fn has(folder: &Folder, digest: ContentDigest) -> bool {
    folder.0.join(names::bundle(digest)).is_file()
}
