//! Content, and the digest that it has.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use crate::digest::ContentDigest;
use crate::error::BundleError;

/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// Content under its digest, in memory or in a file.
///
/// What is in a file is read when it is asked for, and held against the digest each time: the bytes that are handed out
/// have that digest, whatever became of the file.
#[derive(Clone)]
pub struct Blob {
    digest: ContentDigest,
    size: u64,
    place: Place,
}

#[derive(Clone)]
enum Place {
    Memory(Bytes),
    /// From which byte on.
    File(Arc<Mutex<File>>, u64),
}

impl Blob {
    /// The most bytes that are held in memory: documents of OCI are not larger.
    pub const IN_MEMORY: u64 = 1 << 20;

    /// These bytes.
    pub fn of(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { digest: ContentDigest::of(&bytes), size: bytes.len() as u64, place: Place::Memory(bytes) }
    }

    /// All of a file, which is read once from its beginning. What is small is in memory from then on.
    ///
    /// # Errors
    /// When it cannot be read, or has more than `limit` bytes; `what` is for the message.
    pub fn of_file(file: File, what: &str, limit: u64) -> Result<Self, BundleError> {
        let file = Arc::new(Mutex::new(file));
        let rest = Part { file: Arc::clone(&file), at: 0 };
        match Self::taken(rest, limit.saturating_add(1), Some((&file, 0)))? {
            blob if blob.size > limit => Err(BundleError::TooLarge { what: what.to_owned(), limit }),
            blob => Ok(blob),
        }
    }

    /// As many bytes of a reader, or as many as there are. They stay where they are, if that is told: in which file and
    /// from where on.
    pub(crate) fn taken(
        reader: impl Read,
        most: u64,
        there: Option<(&Arc<Mutex<File>>, u64)>,
    ) -> Result<Self, BundleError> {
        let mut reader = reader.take(most);
        let mut first = Vec::new();
        let keep = if there.is_some() { Self::IN_MEMORY } else { u64::MAX };
        reader.by_ref().take(keep).read_to_end(&mut first).map_err(unreadable)?;
        let Some((file, offset)) = there.filter(|_| first.len() as u64 == keep) else {
            return Ok(Self::of(first));
        };
        let (mut hasher, mut size) = (Sha256::new_with_prefix(&first), first.len() as u64);
        drop(first);
        let mut piece = vec![0; PIECE];
        loop {
            let got = retrying(&mut reader, &mut piece).map_err(unreadable)?;
            if got == 0 {
                let digest = ContentDigest::from(hasher);
                return Ok(Self { digest, size, place: Place::File(Arc::clone(file), offset) });
            }
            hasher.update(piece.get(..got).unwrap_or_default());
            size += got as u64;
        }
    }

    /// What it is known by.
    pub const fn digest(&self) -> ContentDigest {
        self.digest
    }

    /// How many bytes it has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// All of it, in memory.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else by now.
    pub fn bytes(&self) -> Result<Bytes, BundleError> {
        match &self.place {
            Place::Memory(bytes) => Ok(bytes.clone()),
            Place::File(..) => {
                let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or_default());
                self.reader().read_to_end(&mut bytes).map_err(unreadable)?;
                Ok(bytes.into())
            }
        }
    }

    /// Gives it piece by piece. What is not what it was ends in an error, before the end.
    pub fn reader(&self) -> impl Read + use<> {
        match &self.place {
            Place::Memory(bytes) => Reader::Memory(bytes.clone()),
            Place::File(file, offset) => Reader::File {
                part: Part { file: Arc::clone(file), at: *offset },
                left: self.size,
                hasher: Some(Sha256::new()),
                wanted: self.digest,
            },
        }
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Blob {}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.digest, self.size)
    }
}

/// A file from some byte on. Several read the same file, each from where it is.
pub(crate) struct Part {
    pub(crate) file: Arc<Mutex<File>>,
    pub(crate) at: u64,
}

impl Read for Part {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.lock();
        file.seek(SeekFrom::Start(self.at))?;
        let got = file.read(into)?;
        self.at += got as u64;
        Ok(got)
    }
}

enum Reader {
    Memory(Bytes),
    File {
        part: Part,
        left: u64,
        /// None when all was read and is right.
        hasher: Option<Sha256>,
        wanted: ContentDigest,
    },
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => {
                let got = bytes.len().min(into.len());
                let piece = bytes.split_to(got);
                into.iter_mut().zip(piece).for_each(|(to, from)| *to = from);
                Ok(got)
            }
            Self::File { part, left, hasher, wanted } => {
                let most = into.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                let room = into.get_mut(..most).unwrap_or_default();
                if room.is_empty() && *left > 0 {
                    return Ok(0);
                }
                let got = if *left == 0 { 0 } else { part.read(room)? };
                if let Some(hasher) = hasher {
                    hasher.update(room.get(..got).unwrap_or_default());
                }
                *left -= got as u64;
                if got > 0 && *left > 0 {
                    return Ok(got);
                }
                match hasher.take().map(ContentDigest::from) {
                    Some(actual) if actual != *wanted => {
                        let changed = BundleError::DigestMismatch { named: *wanted, actual };
                        // And again for whoever asks again.
                        *hasher = Some(Sha256::new_with_prefix(b"changed"));
                        Err(io::Error::new(io::ErrorKind::InvalidData, changed))
                    }
                    _ => Ok(got),
                }
            }
        }
    }
}

fn retrying(reader: &mut impl Read, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(piece) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// What reading said, where that was one of ours.
pub(crate) fn unreadable(e: io::Error) -> BundleError {
    match e.downcast::<BundleError>() {
        Ok(ours) => ours,
        Err(e) => BundleError::Unreadable(e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn content_is_the_same_wherever_it_is() {
        for size in [0, 1, PIECE, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20] {
            let content: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let blob = Blob::of_file(file(&content), "it", size as u64).unwrap();
            assert_eq!((blob.size(), blob.digest()), (size as u64, ContentDigest::of(&content)));
            assert_eq!(matches!(blob.place, Place::File(..)), size as u64 >= Blob::IN_MEMORY);
            assert_eq!(blob, Blob::of(content.clone()));
            assert!(blob.bytes().unwrap() == content, "{size}");
            let mut read = Vec::new();
            blob.reader().read_to_end(&mut read).unwrap();
            assert!(read == content, "{size}");
        }
        let large = Blob::of_file(file(&[0; 100]), "it", 99).unwrap_err();
        assert_eq!(large, BundleError::TooLarge { what: "it".into(), limit: 99 });
    }

    #[test]
    fn a_file_that_changed_gives_nothing_to_the_end() {
        let content = vec![7; 2 << 20];
        for change in [
            |f: &File| f.set_len(100),
            |mut f: &File| {
                f.seek(SeekFrom::Start(1_500_000))?;
                f.write_all(b"changed")
            },
        ] {
            let file = file(&content);
            let blob = Blob::of_file(file.try_clone().unwrap(), "it", u64::MAX).unwrap();
            assert!(blob.bytes().is_ok());
            change(&file).unwrap();
            assert_eq!(blob.bytes().unwrap_err().code(), "digest-mismatch");
            let mut reader = blob.reader();
            let mut out = Vec::new();
            assert!(io::copy(&mut reader, &mut out).is_err());
            assert!(out.len() < content.len());
            assert!(io::copy(&mut reader, &mut out).is_err(), "nor when it is asked again");
        }
    }
}
