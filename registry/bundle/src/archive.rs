//! Archives of any files under the rules that a package's archive has: for what travels together with packages.
//!
//! The same reader takes both apart. This one holds one file at a time, so that an archive may be larger than memory.

use std::io::{Read, Write};

use bytes::Bytes;

use crate::error::BundleError;
use crate::tar;

/// Bounds on an archive, held before what they bound is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of all of it.
    pub archive: u64,
    /// Bytes of one file.
    pub file: u64,
    /// Files and folders.
    pub entries: usize,
}

/// Gives each file with its path, in the order in which they are there. A path is relative, of one spelling, and there
/// once; what is no plain file, is compressed or has anything behind its end is refused.
///
/// # Errors
/// As for a package; and whatever `each` says, after which nothing more is read.
pub fn read<E: From<BundleError>>(
    reader: impl Read,
    bounds: &Bounds,
    each: impl FnMut(&str, Bytes) -> Result<(), E>,
) -> Result<(), E> {
    tar::stream(reader, bounds, each)
}

/// Writes an archive: files in the order that the caller gives, of no time, nobody's. The same files are the same
/// bytes.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Begins one.
    pub const fn new(out: W) -> Self {
        Self { out }
    }

    /// Adds a file.
    ///
    /// # Errors
    /// When its path is none that is read, or has more than 100 bytes; or when it cannot be written.
    pub fn file(&mut self, path: &str, content: &[u8]) -> Result<(), BundleError> {
        tar::check_path(path)?;
        let put = tar::put(&mut self.out, path, content.len() as u64, content);
        put.map_err(|e| BundleError::Unreadable(e.to_string()))
    }

    /// Ends it, and gives back what it was written to.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<W, BundleError> {
        let ended = tar::end(&mut self.out).and_then(|()| self.out.flush());
        ended.map_err(|e| BundleError::Unreadable(e.to_string()))?;
        Ok(self.out)
    }
}
