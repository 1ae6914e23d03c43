//! An OCI image layout: an index, and blobs under their digests.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use bytes::Bytes;

use crate::archive::Bounds;
use crate::blob::{Blob, unreadable};
use crate::digest::ContentDigest;
use crate::error::BundleError;
use crate::json;
use crate::limits::Limits;
use crate::oci::{self, Descriptor, Index, Marker};
use crate::tar;

const INDEX_FILE: &str = "index.json";
const MARKER_FILE: &str = "oci-layout";
const BLOBS: &str = "blobs/sha256/";

/// A layout of which every blob has the digest that it is called.
#[derive(Debug, Clone)]
pub struct Layout {
    index: Index,
    blobs: BTreeMap<ContentDigest, Blob>,
}

/// Whether these bytes, the first 512 at least, are meant to be an archive, so that [`Layout::parse`] has something
/// to say about them.
pub fn is_archive(bytes: &[u8]) -> bool {
    tar::looks_like_one(bytes)
}

impl Layout {
    /// Reads an archive from a stream into memory, no further than the limit.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn read(reader: impl Read, limits: &Limits) -> Result<Self, BundleError> {
        Self::collect(limits, |each| {
            tar::stream(reader, &bounds(limits), |path, one| each(path, Blob::of(one)))
        })
    }

    /// Takes an archive apart that is in memory.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn parse(archive: impl Into<Bytes>, limits: &Limits) -> Result<Self, BundleError> {
        let archive = archive.into();
        if archive.len() as u64 > limits.archive {
            return Err(BundleError::TooLarge { what: "the archive".into(), limit: limits.archive });
        }
        Self::collect(limits, |each| {
            tar::entries(&archive, limits)?.into_iter().try_for_each(|e| each(&e.path, Blob::of(e.content)))
        })
    }

    /// Takes an archive apart that is in a file, and stays there: what is large is read when it is asked for.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn open(archive: File, limits: &Limits) -> Result<Self, BundleError> {
        Self::collect(limits, |each| tar::in_file(archive, &bounds(limits), each))
    }

    /// Reads a folder, which nobody else writes to. Links are not followed.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn read_folder(folder: &Path, limits: &Limits) -> Result<Self, BundleError> {
        let (mut entries, mut left) = (0, limits.archive);
        Self::collect(limits, |each| {
            walk(folder, "", &mut |path, file| {
                if entries == limits.entries {
                    return Err(BundleError::TooMany { what: "entries", limit: limits.entries });
                }
                entries += 1;
                let content = Blob::of_file(file, "the folder", left).map_err(|e| match e {
                    BundleError::TooLarge { what, .. } => {
                        BundleError::TooLarge { what, limit: limits.archive }
                    }
                    e => e,
                })?;
                left = left.saturating_sub(content.size());
                each(&path, content)
            })
        })
    }

    /// A layout of blobs that came one by one.
    ///
    /// # Errors
    /// When the index is out of bounds.
    pub fn of(
        index: Index,
        blobs: impl IntoIterator<Item = Blob>,
        limits: &Limits,
    ) -> Result<Self, BundleError> {
        index.check(limits)?;
        Ok(Self::trusted(index, blobs))
    }

    /// The same of an index that was just made.
    pub(crate) fn trusted(index: Index, blobs: impl IntoIterator<Item = Blob>) -> Self {
        Self { index, blobs: blobs.into_iter().map(|blob| (blob.digest(), blob)).collect() }
    }

    /// A layout of files that `all` gives one after another.
    fn collect(
        limits: &Limits,
        all: impl FnOnce(&mut dyn FnMut(&str, Blob) -> Result<(), BundleError>) -> Result<(), BundleError>,
    ) -> Result<Self, BundleError> {
        let (mut index, mut marker) = (None, None);
        let mut blobs = BTreeMap::new();
        all(&mut |path, content| {
            if path == INDEX_FILE {
                index = Some(content);
            } else if path == MARKER_FILE {
                marker = Some(content);
            } else if let Some(named) = path.strip_prefix(BLOBS).and_then(ContentDigest::from_hex) {
                let actual = content.digest();
                if actual != named {
                    return Err(BundleError::DigestMismatch { named, actual });
                }
                blobs.insert(named, content);
            } else {
                return Err(BundleError::StrayFile(path.to_owned()));
            }
            Ok(())
        })?;
        let marker = marker.ok_or(BundleError::NotALayout(MARKER_FILE))?;
        let marker = small(MARKER_FILE, &marker, limits)?;
        let Marker { image_layout_version: version } = json::parse(MARKER_FILE, &marker, limits)?;
        if version != oci::LAYOUT_VERSION {
            return Err(BundleError::LayoutVersion(version));
        }
        let index = index.ok_or(BundleError::NotALayout(INDEX_FILE))?;
        let index = Index::parse(&small(INDEX_FILE, &index, limits)?, limits)?;
        Ok(Self { index, blobs })
    }

    /// What it lists.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The blobs, in the order of their digests.
    pub const fn blobs(&self) -> &BTreeMap<ContentDigest, Blob> {
        &self.blobs
    }

    /// The content that is described: it has that digest and size.
    ///
    /// # Errors
    /// When it is not there, or described wrongly.
    pub fn blob(&self, descriptor: &Descriptor) -> Result<&Blob, BundleError> {
        let missing = BundleError::MissingBlob(descriptor.digest);
        let content = self.blobs.get(&descriptor.digest).ok_or(missing)?;
        descriptor.check(content)?;
        Ok(content)
    }

    /// The same, of a document that is small: in memory.
    pub(crate) fn document(
        &self,
        what: &str,
        descriptor: &Descriptor,
        limits: &Limits,
    ) -> Result<Bytes, BundleError> {
        small(what, self.blob(descriptor)?, limits)
    }

    /// The layout as one archive: files in the order of their names, of no time, nobody's. The same layout is the same
    /// bytes.
    ///
    /// # Errors
    /// When it would be larger than what is read, or content cannot be read any more.
    pub fn to_tar(&self, limits: &Limits) -> Result<Vec<u8>, BundleError> {
        let mut archive = Vec::new();
        self.write_tar(&mut archive, limits).map(|_| archive)
    }

    /// The same, written piece by piece. Gives how many bytes it has.
    ///
    /// # Errors
    /// As [`Layout::to_tar`], and when it cannot be written.
    pub fn write_tar(&self, out: &mut impl Write, limits: &Limits) -> Result<u64, BundleError> {
        let index = Blob::of(oci::bytes(INDEX_FILE, &self.index)?);
        let marker = Marker { image_layout_version: oci::LAYOUT_VERSION.to_owned() };
        let marker = Blob::of(oci::bytes(MARKER_FILE, &marker)?);
        let blobs = self.blobs.iter().map(|(digest, content)| (format!("{BLOBS}{}", digest.hex()), content));
        let files: Vec<_> =
            blobs.chain([(INDEX_FILE.to_owned(), &index), (MARKER_FILE.to_owned(), &marker)]).collect();
        let size = tar::size(files.iter().map(|(_, content)| content.size()));
        if size > limits.archive {
            return Err(BundleError::TooLarge { what: "the archive".into(), limit: limits.archive });
        }
        let put = |(path, content): &(String, &Blob)| {
            tar::put(&mut *out, path, content.size(), content.reader()).map_err(unreadable)
        };
        files.iter().try_for_each(put)?;
        tar::end(out).map_err(unreadable)?;
        Ok(size)
    }
}

/// What a layout's archive may be.
const fn bounds(limits: &Limits) -> Bounds {
    Bounds { archive: limits.archive, file: limits.archive, entries: limits.entries }
}

/// A document, which is looked at only if it is none that would be refused for its size.
fn small(what: &str, content: &Blob, limits: &Limits) -> Result<Bytes, BundleError> {
    match content.size() > limits.json {
        true => Err(BundleError::TooLarge { what: what.to_owned(), limit: limits.json }),
        false => content.bytes(),
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
