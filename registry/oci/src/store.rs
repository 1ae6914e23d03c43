//! What was pulled, kept under the digests of its content.
//!
//! `blobs/sha256/<digest>` holds content, `packages/<digest>.json` the index of a plugin by its content digest, and
//! `partial/<digest>` what came of a blob before a download broke off. Content is there whole or not at all, and is held
//! against its digest whenever it is read: what was damaged on the disk is as if it were not there.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use waystation_bundle::oci::{self, Index};
use waystation_bundle::{Blob, ContentDigest, Layout, Limits, Package};
use waystation_files::Access;

use crate::error::OciError;

/// A folder of plugins. Several processes may use it at once, but for [`Store::collect`].
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    limits: Limits,
}

impl Store {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path, limits: &Limits) -> Result<Self, OciError> {
        for part in ["blobs/sha256", "packages", "partial"] {
            let part = folder.join(part);
            std::fs::create_dir_all(&part).map_err(|e| failed(&part, &e))?;
        }
        Ok(Self { folder: folder.to_owned(), limits: *limits })
    }

    /// Keeps a package.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&self, package: &Package) -> Result<(), OciError> {
        let layout = package.to_layout();
        for (digest, content) in layout.blobs() {
            if self.blob(*digest).is_none() {
                write(&self.blob_path(*digest), content.reader())?;
            }
        }
        // It names what is there by now.
        write(&self.index_path(package.digest()), &*oci::bytes("the index", layout.index())?)
    }

    /// A package, if it is kept and whole.
    ///
    /// # Errors
    /// When what is kept is no whole package any more.
    pub fn package(&self, digest: ContentDigest) -> Result<Option<Package>, OciError> {
        let Some(index) = self.index(digest)? else { return Ok(None) };
        let reached = self.reached(&index);
        let blobs: Vec<_> = reached.into_iter().filter_map(|digest| self.blob(digest)).collect();
        let package = Package::from_layout(&Layout::of(index, blobs, &self.limits)?, &self.limits)?;
        Ok(Some(package).filter(|package| package.digest() == digest))
    }

    /// The content digests of the packages that are kept, in their order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn packages(&self) -> Result<Vec<ContentDigest>, OciError> {
        let mut found: Vec<_> = names(&self.folder.join("packages"))?
            .iter()
            .filter_map(|name| ContentDigest::from_hex(name.strip_suffix(".json")?))
            .collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Forgets a package; its content goes with the next [`Store::collect`]. Whether there was one.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, digest: ContentDigest) -> Result<bool, OciError> {
        let path = self.index_path(digest);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(failed(&path, &e)),
        }
    }

    /// Removes content that no package has, and what is left of broken downloads. Gives the bytes that became free.
    ///
    /// # Errors
    /// When a package's index cannot be read: then nothing is removed, because nobody knows what it needs.
    pub fn collect(&self) -> Result<u64, OciError> {
        let mut keep = BTreeSet::new();
        for digest in self.packages()? {
            if let Some(index) = self.index(digest)? {
                keep.extend(self.reached(&index));
            }
        }
        let mut freed = 0;
        for (folder, keep) in [("blobs/sha256", keep), ("partial", BTreeSet::new())] {
            let folder = self.folder.join(folder);
            for name in names(&folder)? {
                if ContentDigest::from_hex(&name).is_some_and(|digest| keep.contains(&digest)) {
                    continue;
                }
                let path = folder.join(name);
                freed += std::fs::metadata(&path).map(|file| file.len()).unwrap_or_default();
                std::fs::remove_file(&path).map_err(|e| failed(&path, &e))?;
            }
        }
        Ok(freed)
    }

    /// Content, if it is kept and undamaged. What is large stays on the disk.
    pub(crate) fn blob(&self, digest: ContentDigest) -> Option<Blob> {
        let file = File::open(self.blob_path(digest)).ok()?;
        let blob = Blob::of_file(file, "a blob", self.limits.archive).ok()?;
        (blob.digest() == digest).then_some(blob)
    }

    fn index(&self, digest: ContentDigest) -> Result<Option<Index>, OciError> {
        let path = self.index_path(digest);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(Index::parse(&bytes, &self.limits)?)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed(&path, &e)),
        }
    }

    /// What an index needs, as far as it is there.
    fn reached(&self, index: &Index) -> BTreeSet<ContentDigest> {
        let mut found = BTreeSet::new();
        for listed in &index.manifests {
            found.insert(listed.digest);
            let manifest = self.blob(listed.digest).filter(|blob| blob.size() <= self.limits.json);
            let manifest = manifest.and_then(|blob| blob.bytes().ok());
            let manifest =
                manifest.and_then(|bytes| oci::Manifest::parse("a manifest", &bytes, &self.limits).ok());
            let named = manifest.iter().flat_map(|manifest| manifest.layers.iter().chain([&manifest.config]));
            found.extend(named.map(|descriptor| descriptor.digest));
        }
        found
    }

    pub(crate) fn blob_path(&self, digest: ContentDigest) -> PathBuf {
        self.folder.join("blobs/sha256").join(digest.hex())
    }

    pub(crate) fn partial_path(&self, digest: ContentDigest) -> PathBuf {
        self.folder.join("partial").join(digest.hex())
    }

    fn index_path(&self, digest: ContentDigest) -> PathBuf {
        self.folder.join("packages").join(format!("{}.json", digest.hex()))
    }
}

/// Writes a file that is under its name only when it is whole.
fn write(path: &Path, mut content: impl Read) -> Result<(), OciError> {
    let copy = |file: &mut File| std::io::copy(&mut content, file).map(drop);
    waystation_files::replace_with(path, Access::AsBefore, copy).map_err(|e| failed(path, &e))
}

fn names(folder: &Path) -> Result<Vec<String>, OciError> {
    let entries = std::fs::read_dir(folder).map_err(|e| failed(folder, &e))?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
}

pub(crate) fn failed(path: &Path, e: &std::io::Error) -> OciError {
    OciError::Store { path: path.display().to_string(), why: e.to_string() }
}
