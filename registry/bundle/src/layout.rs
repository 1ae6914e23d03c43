//! An OCI image layout: an index, and blobs under their digests.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;

use crate::digest::ContentDigest;
use crate::error::BundleError;
use crate::json;
use crate::limits::Limits;
use crate::oci::{self, Descriptor, Index, Marker};
use crate::tar::{self, Entry};

const INDEX_FILE: &str = "index.json";
const MARKER_FILE: &str = "oci-layout";
const BLOBS: &str = "blobs/sha256/";

/// A layout of which every blob has the digest that it is called.
#[derive(Debug, Clone)]
pub struct Layout {
    index: Index,
    blobs: BTreeMap<ContentDigest, Bytes>,
}

/// Whether these bytes, the first 512 at least, are meant to be an archive, so that [`Layout::parse`] has something
/// to say about them.
pub fn is_archive(bytes: &[u8]) -> bool {
    tar::looks_like_one(bytes)
}

impl Layout {
    /// Reads an archive from a stream, no further than the limit.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn read(reader: impl Read, limits: &Limits) -> Result<Self, BundleError> {
        Self::parse(read_bounded(reader, "the archive", limits.archive)?, limits)
    }

    /// Takes an archive apart.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn parse(archive: impl Into<Bytes>, limits: &Limits) -> Result<Self, BundleError> {
        let archive = archive.into();
        if archive.len() as u64 > limits.archive {
            return Err(BundleError::TooLarge { what: "the archive".into(), limit: limits.archive });
        }
        Self::from_entries(tar::entries(&archive, limits)?, limits)
    }

    /// Reads a folder, which nobody else writes to. Links are not followed.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn read_folder(folder: &Path, limits: &Limits) -> Result<Self, BundleError> {
        let mut entries = Vec::new();
        let mut left = limits.archive;
        walk(folder, "", &mut |path, content| {
            if entries.len() == limits.entries {
                return Err(BundleError::TooMany { what: "entries", limit: limits.entries });
            }
            let too_large = |_| BundleError::TooLarge { what: "the folder".into(), limit: limits.archive };
            let content = read_bounded(content, "the folder", left).map_err(too_large)?;
            left = left.saturating_sub(content.len() as u64);
            entries.push(Entry { path, content });
            Ok(())
        })?;
        Self::from_entries(entries, limits)
    }

    /// A layout of blobs that came one by one.
    ///
    /// # Errors
    /// When a blob is not what it is called, or the index is out of bounds.
    pub fn of(
        index: Index,
        blobs: BTreeMap<ContentDigest, Bytes>,
        limits: &Limits,
    ) -> Result<Self, BundleError> {
        index.check(limits)?;
        blobs.iter().try_for_each(|(named, content)| verify(*named, content))?;
        Ok(Self { index, blobs })
    }

    /// The same of blobs that were just named.
    pub(crate) fn trusted(index: Index, blobs: BTreeMap<ContentDigest, Bytes>) -> Self {
        Self { index, blobs }
    }

    fn from_entries(entries: Vec<Entry>, limits: &Limits) -> Result<Self, BundleError> {
        let (mut index, mut marker) = (None, None);
        let mut blobs = BTreeMap::new();
        for Entry { path, content } in entries {
            if path == INDEX_FILE {
                index = Some(content);
            } else if path == MARKER_FILE {
                marker = Some(content);
            } else if let Some(named) = path.strip_prefix(BLOBS).and_then(ContentDigest::from_hex) {
                verify(named, &content)?;
                blobs.insert(named, content);
            } else {
                return Err(BundleError::StrayFile(path));
            }
        }
        let marker = marker.ok_or(BundleError::NotALayout(MARKER_FILE))?;
        let Marker { image_layout_version: version } = json::parse(MARKER_FILE, &marker, limits)?;
        if version != oci::LAYOUT_VERSION {
            return Err(BundleError::LayoutVersion(version));
        }
        let index = Index::parse(&index.ok_or(BundleError::NotALayout(INDEX_FILE))?, limits)?;
        Ok(Self { index, blobs })
    }

    /// What it lists.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The blobs, in the order of their digests.
    pub fn blobs(&self) -> &BTreeMap<ContentDigest, Bytes> {
        &self.blobs
    }

    /// The content that is described: these very bytes have that digest and size.
    ///
    /// # Errors
    /// When it is not there, or described wrongly.
    pub fn blob(&self, descriptor: &Descriptor) -> Result<&Bytes, BundleError> {
        let missing = BundleError::MissingBlob(descriptor.digest);
        let content = self.blobs.get(&descriptor.digest).ok_or(missing)?;
        descriptor.check(content)?;
        Ok(content)
    }

    /// The layout as one archive: files in the order of their names, of no time, nobody's. The same layout is the same
    /// bytes.
    ///
    /// # Errors
    /// When it would be larger than what is read.
    pub fn to_tar(&self, limits: &Limits) -> Result<Vec<u8>, BundleError> {
        let index = oci::bytes(INDEX_FILE, &self.index)?;
        let marker = Marker { image_layout_version: oci::LAYOUT_VERSION.to_owned() };
        let marker = oci::bytes(MARKER_FILE, &marker)?;
        let paths: Vec<_> =
            self.blobs.iter().map(|(d, content)| (format!("{BLOBS}{}", d.hex()), content)).collect();
        let blobs = paths.iter().map(|(path, content)| (path.as_str(), content.as_ref()));
        let archive =
            tar::archive(blobs.chain([(INDEX_FILE, index.as_ref()), (MARKER_FILE, marker.as_ref())]));
        match archive.len() as u64 > limits.archive {
            true => Err(BundleError::TooLarge { what: "the archive".into(), limit: limits.archive }),
            false => Ok(archive),
        }
    }
}

fn verify(named: ContentDigest, content: &[u8]) -> Result<(), BundleError> {
    let actual = ContentDigest::of(content);
    if actual == named { Ok(()) } else { Err(BundleError::DigestMismatch { named, actual }) }
}

fn read_bounded(reader: impl Read, what: &str, limit: u64) -> Result<Bytes, BundleError> {
    let mut bytes = Vec::new();
    let read = reader.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|e| BundleError::Unreadable(e.to_string()))?;
    match bytes.len() as u64 > limit {
        true => Err(BundleError::TooLarge { what: what.to_owned(), limit }),
        false => Ok(bytes.into()),
    }
}

/// Gives every file below `folder`, with its path from where the walk began. A layout is two folders deep.
fn walk(
    folder: &Path,
    path: &str,
    each: &mut impl FnMut(String, File) -> Result<(), BundleError>,
) -> Result<(), BundleError> {
    let unreadable = |e: std::io::Error| BundleError::Unreadable(format!("{}: {e}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = format!("{path}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() && ["blobs", "blobs/sha256"].contains(&path.as_str()) {
            walk(&entry.path(), &format!("{path}/"), each)?;
        } else if kind.is_file() {
            each(path, File::open(entry.path()).map_err(unreadable)?)?;
        } else if kind.is_dir() {
            return Err(BundleError::StrayFile(path));
        } else {
            return Err(BundleError::NotAFile(path));
        }
    }
    Ok(())
}
