//! A copy on a disk, which any web server can serve.

use std::path::Path;

use serde::Serialize;

use super::Which;
use super::place::Copy;
use crate::clock::Clock;
use crate::error::IndexError;
use crate::index::Index;
use crate::names;
use crate::source::Folder;

/// What a mirror has after a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Mirrored {
    /// Versions of plugins that were wanted, and are there.
    pub plugins: usize,
    /// Those that were fetched for it.
    pub fetched: usize,
    /// Bytes of these.
    pub bytes: u64,
}

impl Index {
    /// Makes a folder a copy of the index, or brings it up to date. What is there and undamaged is not fetched again;
    /// nothing older takes the place of what is there; nothing is removed.
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
            done.plugins += 1;
            match copy.bundle(entry) {
                Some(package) => copy.put_manifest(entry, &package)?,
                None => {
                    let package = self.fetch(entry, None).await?;
                    done.bytes += copy.put_bundle(entry, &package)?;
                    done.fetched += 1;
                }
            }
        }
        copy.put_metadata(material, catalog)?;
        Ok(done)
    }
}

/// Whether a folder has this plugin at all.
pub(super) fn has(folder: &Folder, digest: waystation_bundle::ContentDigest) -> bool {
    folder.0.join(names::bundle(digest)).is_file()
}
