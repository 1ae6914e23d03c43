//! A folder that becomes a copy: what is there already, and what is put there.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use waystation_bundle::Package;

use crate::Catalog;
use crate::clock::Clock;
use crate::engine::{self, EVER};
use crate::entry::Entry;
use crate::error::IndexError;
use crate::files;
use crate::limits::Limits;
use crate::material::{self, Material};
use crate::names;
use crate::source::{Fetch as _, Files, Folder, read_file};
use crate::update::update;

/// A folder that nobody else writes to meanwhile.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) folder: Folder,
    limits: Limits,
    /// What it holds now.
    there: Option<Material>,
    _lock: File,
}

impl Copy {
    /// Opens the folder, or makes it. What it holds has to verify from the same root.
    pub(super) async fn open(folder: &Path, pinned: &[u8], limits: &Limits) -> Result<Self, IndexError> {
        std::fs::create_dir_all(folder).map_err(|e| IndexError::io(folder, &e))?;
        let lock = files::lock(&folder.join("lock"))?;
        let folder = Folder(folder.to_owned());
        let there = match folder.read(names::TIMESTAMP, limits.timestamp)? {
            Some(_) => Some(
                update(pinned, None, &folder, &Clock::at(EVER), limits)
                    .await
                    .map_err(|e| IndexError::State { path: folder.name(), why: e.to_string() })?,
            ),
            None => None,
        };
        Ok(Self { folder, limits: *limits, there, _lock: lock })
    }

    /// The newest of what is offered, which is nothing older than what is there.
    pub(super) async fn newer(
        &self,
        pinned: &[u8],
        offered: &dyn crate::Fetch,
        clock: &Clock,
    ) -> Result<(Material, Catalog), IndexError> {
        let new = update(pinned, self.there.as_ref(), offered, clock, &self.limits).await?;
        let catalog = engine::verify(pinned, &new, clock, &self.limits)?;
        Ok((new, catalog))
    }

    /// The same for metadata that was read already.
    pub(super) async fn still_newer(
        &self,
        pinned: &[u8],
        (material, catalog): &(Material, Catalog),
        clock: &Clock,
    ) -> Result<(), IndexError> {
        let files = material::files(material, catalog.signed());
        self.newer(pinned, &Files { files: &files, below: None }, clock).await.map(drop)
    }

    /// A plugin that is there, undamaged.
    pub(super) fn bundle(&self, entry: &Entry) -> Option<Package> {
        let path = names::bundle(entry.digest);
        let bytes = self.folder.read(&path, self.limits.bundle.archive).ok()??;
        let package = Package::parse(bytes, &self.limits.bundle).ok()?;
        (package.digest() == entry.digest).then_some(package)
    }

    /// Puts a plugin there.
    pub(super) fn put_bundle(&self, entry: &Entry, package: &Package) -> Result<u64, IndexError> {
        let bytes = package.to_tar(&self.limits.bundle)?;
        files::write(&self.folder.0.join(names::bundle(entry.digest)), &bytes)?;
        self.put_manifest(entry, package)?;
        Ok(bytes.len() as u64)
    }

    /// Puts there what TUF names of a plugin.
    pub(super) fn put_manifest(&self, entry: &Entry, package: &Package) -> Result<(), IndexError> {
        let path = self.folder.0.join(names::target_file(&entry.name, &entry.version, entry.digest));
        put(&path, package.manifest())
    }

    /// Puts metadata there: after what it names, and the timestamp last.
    pub(super) fn put_metadata(&self, material: &Material, catalog: &Catalog) -> Result<(), IndexError> {
        let all: BTreeMap<_, _> = material::files(material, catalog.signed());
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by_key(|(path, _)| (path == names::TIMESTAMP, path.ends_with(".root.json")));
        all.iter().try_for_each(|(path, text)| put(&self.folder.0.join(path), text.as_bytes()))
    }
}

/// Writes what is not there like this already.
pub(super) fn put(path: &Path, content: &[u8]) -> Result<(), IndexError> {
    match read_file(path, content.len() as u64) {
        Ok(Some(there)) if there == content => Ok(()),
        _ => files::write(path, content),
    }
}
