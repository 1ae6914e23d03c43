//! A blob on its way: what came of it so far, in a file.

use std::fs::{File, TryLockError};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use waystation_bundle::{Blob, BundleError, Descriptor};

use crate::error::OciError;
use crate::store::{Store, failed};

/// From how many bytes on it is worth the while to go on where a download broke off.
const RESUMED: u64 = 64 << 10;

/// Where pieces of a blob go. What came is kept when the rest does not come, where there is a store.
#[derive(Debug)]
pub(crate) struct Arriving {
    file: File,
    size: u64,
    /// Where it is; nowhere that has a name, without a store.
    place: Option<Place>,
}

#[derive(Debug)]
struct Place {
    partial: PathBuf,
    /// Where it goes when all of it is there.
    blob: PathBuf,
    /// Nobody else writes to `partial` while it is held. Without, the place is of this download alone, and goes with
    /// it: for something small, or where somebody else just pulls the same.
    lock: Option<File>,
}

impl Arriving {
    /// Begins with what came before, if there is a store that has it.
    ///
    /// # Errors
    /// When there is no place to write to.
    pub(crate) fn new(store: Option<&Store>, wanted: &Descriptor) -> Result<Self, OciError> {
        let Some(store) = store else {
            let file = tempfile::tempfile().map_err(|e| failed(&std::env::temp_dir(), &e))?;
            return Ok(Self { file, size: 0, place: None });
        };
        let (mut partial, blob) = (store.partial_path(wanted.digest), store.blob_path(wanted.digest));
        let lock = if wanted.size < RESUMED { None } else { lock(&partial)? };
        if lock.is_none() {
            partial.set_extension(format!("{:016x}", rand::random::<u64>()));
        }
        let open = File::options().create(true).truncate(false).read(true).write(true).open(&partial);
        let mut file = open.map_err(|e| failed(&partial, &e))?;
        let size = file.seek(SeekFrom::End(0)).map_err(|e| failed(&partial, &e))?;
        let mut this = Self { file, size, place: Some(Place { partial, blob, lock }) };
        if size >= wanted.size {
            this.clear()?;
        }
        Ok(this)
    }

    /// Bytes so far.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Adds what came.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), OciError> {
        self.file.write_all(piece).map_err(|e| self.failed(&e))?;
        self.size += piece.len() as u64;
        Ok(())
    }

    /// Begins anew.
    pub(crate) fn clear(&mut self) -> Result<(), OciError> {
        let cleared = self.file.set_len(0).and_then(|()| self.file.rewind());
        cleared.map_err(|e| self.failed(&e))?;
        self.size = 0;
        Ok(())
    }

    /// Ends it: the blob, as it is on the disk by now; or what it should not have been, which is gone then.
    pub(crate) fn finish(&mut self, wanted: &Descriptor) -> Result<Blob, OciError> {
        let file = self.file.sync_all().and_then(|()| self.file.try_clone()).map_err(|e| self.failed(&e))?;
        let arrived = Blob::of_file(file, "a blob", wanted.size)?;
        if arrived.digest() != wanted.digest {
            self.clear()?;
            let (named, actual) = (wanted.digest, arrived.digest());
            return Err(BundleError::DigestMismatch { named, actual }.into());
        }
        if let Some(Place { partial, blob, .. }) = &self.place {
            std::fs::rename(partial, blob).map_err(|e| failed(blob, &e))?;
            // What is open now is the blob itself, which nobody may write to.
            self.place = None;
        }
        Ok(arrived)
    }

    fn failed(&self, e: &std::io::Error) -> OciError {
        let path = self.place.as_ref().map_or_else(std::env::temp_dir, |place| place.partial.clone());
        failed(&path, e)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if let Some(place) = self.place.as_ref().filter(|place| place.lock.is_none() || self.size == 0) {
            let _ = std::fs::remove_file(&place.partial);
        }
    }
}

/// The right to write there, unless somebody else has it.
fn lock(partial: &Path) -> Result<Option<File>, OciError> {
    let path = partial.with_extension("lock");
    let lock = File::options().create(true).append(true).open(&path).map_err(|e| failed(&path, &e))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(failed(&path, &e)),
    }
}
