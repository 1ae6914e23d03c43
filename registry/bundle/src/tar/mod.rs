//! Tar, as little of it as an OCI image layout needs: plain files with short names.
//!
//! There are two ways through an archive, of bytes that are there and of bytes that come, over one set of rules. What
//! comes from a file may stay there.

mod read;
mod write;

pub(crate) use read::{check_path, entries, in_file, looks_like_one, stream};
#[cfg(test)]
pub(crate) use write::archive;
pub(crate) use write::{end, put, size};

use bytes::Bytes;

/// Tar is made of blocks of this many bytes.
const BLOCK: usize = 512;

/// Where a header keeps what: first byte and length. Source: POSIX.1-2017, pax, "ustar Interchange Format".
mod field {
    use std::ops::Range;

    pub(super) const NAME: Range<usize> = 0..100;
    pub(super) const MODE: Range<usize> = 100..108;
    pub(super) const UID: Range<usize> = 108..116;
    pub(super) const GID: Range<usize> = 116..124;
    pub(super) const SIZE: Range<usize> = 124..136;
    pub(super) const MTIME: Range<usize> = 136..148;
    pub(super) const CHECKSUM: Range<usize> = 148..156;
    pub(super) const TYPE: usize = 156;
    pub(super) const LINK: Range<usize> = 157..257;
    pub(super) const MAGIC: Range<usize> = 257..265;
    /// The part of a long name before the name; times and maps of GNU.
    pub(super) const PREFIX: Range<usize> = 345..512;
}

/// What follows the name of the format is its version.
const USTAR: &[u8] = b"ustar\x0000";
/// The older spelling of GNU tar.
const GNU: &[u8] = b"ustar  \0";

/// One file of an archive.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) content: Bytes,
}

#[cfg(test)]
mod tests;
