//! Reading.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::write::padding;
use super::{BLOCK, Entry, GNU, USTAR, field};
use crate::archive::Bounds;
use crate::blob::{Blob, Part, unreadable};
use crate::error::BundleError;
use crate::limits::Limits;

/// The files of an archive, in their order. Folders are checked and left out.
///
/// Every byte of the archive is accounted for: a header that does not hold together, padding that is not zero and
/// anything after the end are refused. Owners, modes and times mean nothing here and may be any.
pub(crate) fn entries(archive: &Bytes, limits: &Limits) -> Result<Vec<Entry>, BundleError> {
    known_format(archive)?;
    let mut files = Vec::new();
    let mut names = HashSet::new();
    let mut offset = 0;
    loop {
        let header = block(archive, offset)?;
        if header.iter().all(|byte| *byte == 0) {
            end(archive, offset)?;
            return Ok(files);
        }
        if names.len() == limits.entries {
            return Err(BundleError::TooMany { what: "entries", limit: limits.entries });
        }
        let header = Header::parse(header, offset)?;
        let start = offset + BLOCK;
        let after = start.checked_add(header.size).ok_or(BundleError::Truncated)?;
        let next = after.checked_next_multiple_of(BLOCK).ok_or(BundleError::Truncated)?;
        let padding = archive.get(after..next).ok_or(BundleError::Truncated)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(BundleError::BadHeader {
                offset: after,
                why: "what fills up the last block is not zero",
            });
        }
        if !names.insert(header.path.clone()) {
            return Err(BundleError::DuplicateEntry(header.path));
        }
        if !header.folder {
            files.push(Entry { path: header.path, content: archive.slice(start..after) });
        }
        offset = next;
    }
}

/// The same of an archive that comes piece by piece: each file is given as soon as it is there, and not kept.
pub(crate) fn stream<E: From<BundleError>>(
    reader: impl Read,
    bounds: &Bounds,
    mut each: impl FnMut(&str, Bytes) -> Result<(), E>,
) -> Result<(), E> {
    walk(
        reader,
        bounds,
        |pieces, header| {
            let content = pieces.take(header.size as u64)?;
            Ok((content.len(), content))
        },
        |path, content| each(path, content),
    )
}

/// The same of an archive that is in a file: what is large stays there.
pub(crate) fn in_file(
    archive: File,
    bounds: &Bounds,
    mut each: impl FnMut(&str, Blob) -> Result<(), BundleError>,
) -> Result<(), BundleError> {
    let file = Arc::new(Mutex::new(archive));
    let reader = Part { file: Arc::clone(&file), at: 0 };
    walk(
        reader,
        bounds,
        |pieces, header| {
            let there = (&file, pieces.offset);
            let size = header.size as u64;
            let content = Blob::taken(&mut pieces.reader, size.min(pieces.left), Some(there))?;
            pieces.left -= content.size();
            pieces.offset += content.size();
            Ok((usize::try_from(content.size()).unwrap_or(usize::MAX), content))
        },
        |path, content| each(path, content),
    )
}

/// The way through an archive that comes piece by piece. `take` takes the content of a file, or as much as there is.
fn walk<R: Read, C, E: From<BundleError>>(
    reader: R,
    bounds: &Bounds,
    mut take: impl FnMut(&mut Pieces<R>, &Header) -> Result<(usize, C), BundleError>,
    mut each: impl FnMut(&str, C) -> Result<(), E>,
) -> Result<(), E> {
    let too_large = |what: &str, limit| BundleError::TooLarge { what: what.to_owned(), limit };
    let whole = || too_large("the archive", bounds.archive);
    let mut pieces = Pieces { reader, left: bounds.archive, offset: 0 };
    let mut names = HashSet::new();
    loop {
        let offset = usize::try_from(pieces.offset).unwrap_or(usize::MAX);
        if pieces.left < BLOCK as u64 {
            return Err(whole().into());
        }
        let block = pieces.take(BLOCK as u64)?;
        if offset == 0 {
            known_format(&block)?;
        }
        if block.len() < BLOCK {
            return Err(BundleError::Truncated.into());
        }
        if block.iter().all(|byte| *byte == 0) {
            return pieces.end().map_err(E::from)?.ok_or_else(|| whole().into());
        }
        if names.len() == bounds.entries {
            return Err(BundleError::TooMany { what: "entries", limit: bounds.entries }.into());
        }
        let header = Header::parse(&block, offset)?;
        let size = header.size as u64;
        if size > bounds.file {
            return Err(too_large(&header.path, bounds.file).into());
        }
        let filled = padding(size);
        if size.saturating_add(filled) > pieces.left {
            return Err(whole().into());
        }
        let (got, content) = take(&mut pieces, &header)?;
        let padding = pieces.take(filled)?;
        if (got, padding.len() as u64) != (header.size, filled) {
            return Err(BundleError::Truncated.into());
        }
        if padding.iter().any(|byte| *byte != 0) {
            let why = "what fills up the last block is not zero";
            let offset = offset.saturating_add(BLOCK).saturating_add(header.size);
            return Err(BundleError::BadHeader { offset, why }.into());
        }
        if !names.insert(header.path.clone()) {
            return Err(BundleError::DuplicateEntry(header.path).into());
        }
        if !header.folder {
            each(&header.path, content)?;
        }
    }
}

/// What is left of a stream.
struct Pieces<R> {
    reader: R,
    left: u64,
    offset: u64,
}

impl<R: Read> Pieces<R> {
    /// As many bytes, or as many as there are and may be.
    fn take(&mut self, bytes: u64) -> Result<Bytes, BundleError> {
        let mut content = Vec::new();
        let read = self.reader.by_ref().take(bytes.min(self.left)).read_to_end(&mut content);
        read.map_err(unreadable)?;
        self.left -= content.len() as u64;
        self.offset += content.len() as u64;
        Ok(content.into())
    }

    /// What is after the first block of zeros: as many more, but at least one. None where that is more than may be.
    fn end(&mut self) -> Result<Option<()>, BundleError> {
        let mut blocks = 1;
        loop {
            let most = self.left.min(BLOCK as u64);
            let block = self.take(most)?;
            if block.iter().any(|byte| *byte != 0) {
                return Err(BundleError::TrailingData);
            }
            match block.len() {
                0 if most == 0 => {
                    let mut one = [0];
                    return match self.reader.read(&mut one).map_err(unreadable)? {
                        0 if blocks >= 2 => Ok(Some(())),
                        0 => Err(BundleError::Truncated),
                        _ => Ok(None),
                    };
                }
                0 if blocks >= 2 => return Ok(Some(())),
                BLOCK => blocks += 1,
                got if got as u64 == most => return Ok(None),
                _ => return Err(BundleError::Truncated),
            }
        }
    }
}

/// Whether a path is one that is read, and fits.
pub(crate) fn check_path(text: &str) -> Result<(), BundleError> {
    let bad = |why| BundleError::BadPath { path: text.to_owned(), why };
    if text.is_empty() || text.len() > field::NAME.len() {
        return Err(bad("it is empty, or has more than 100 bytes"));
    }
    path(text.as_bytes(), false).map(drop)
}

/// How compressed content starts.
const COMPRESSED: [(&[u8], &str); 4] =
    [(b"\x1f\x8b", "gzip"), (b"\xfd7zXZ\0", "xz"), (b"BZh", "bzip2"), (b"\x28\xb5\x2f\xfd", "zstd")];

/// Whether this is an archive, or was one before it was compressed.
pub(crate) fn looks_like_one(bytes: &[u8]) -> bool {
    !matches!(known_format(bytes), Err(BundleError::NotTar))
}

/// Tells what is no archive from one that is damaged.
fn known_format(archive: &[u8]) -> Result<(), BundleError> {
    if let Some((_, name)) = COMPRESSED.iter().find(|(magic, _)| archive.starts_with(magic)) {
        return Err(BundleError::Compressed(name));
    }
    match archive.get(field::MAGIC) {
        Some(magic) if magic == USTAR || magic == GNU => Ok(()),
        _ => Err(BundleError::NotTar),
    }
}

fn block(archive: &[u8], offset: usize) -> Result<&[u8], BundleError> {
    archive.get(offset..).and_then(|rest| rest.get(..BLOCK)).ok_or(BundleError::Truncated)
}

/// Two blocks of zeros, and as many more as some programs add.
fn end(archive: &[u8], offset: usize) -> Result<(), BundleError> {
    let rest = archive.get(offset..).unwrap_or_default();
    if rest.iter().any(|byte| *byte != 0) {
        return Err(BundleError::TrailingData);
    }
    match rest.len() >= 2 * BLOCK && rest.len().is_multiple_of(BLOCK) {
        true => Ok(()),
        false => Err(BundleError::Truncated),
    }
}

struct Header {
    /// Without the slash of a folder.
    path: String,
    size: usize,
    folder: bool,
}

impl Header {
    fn parse(header: &[u8], offset: usize) -> Result<Self, BundleError> {
        let bad = |why| BundleError::BadHeader { offset, why };
        let at = |range| header.get(range).unwrap_or_default();
        if octal(at(field::CHECKSUM)) != Some(super::write::checksum(header)) {
            return Err(bad("the checksum of a header is wrong"));
        }
        let magic = at(field::MAGIC);
        if magic != USTAR && magic != GNU {
            return Err(bad("a header is of an unknown format"));
        }
        let name = text(at(field::NAME)).ok_or_else(|| bad("a name is followed by something"))?;
        let shown = || String::from_utf8_lossy(name).into_owned();
        let folder = match header.get(field::TYPE) {
            Some(b'0' | 0) => false,
            Some(b'5') => true,
            Some(b'1' | b'2' | b'3' | b'4' | b'6' | b'7') => return Err(BundleError::NotAFile(shown())),
            _ => return Err(BundleError::TarExtension(shown())),
        };
        if at(field::LINK).iter().any(|byte| *byte != 0) {
            return Err(BundleError::NotAFile(shown()));
        }
        if at(field::PREFIX).iter().any(|byte| *byte != 0) {
            return Err(BundleError::TarExtension(shown()));
        }
        let size = octal(at(field::SIZE)).ok_or_else(|| bad("a size is not an octal number"))?;
        let size = usize::try_from(size).map_err(|_| BundleError::Truncated)?;
        if folder && size != 0 {
            return Err(bad("a folder has content"));
        }
        Ok(Self { path: path(name, folder)?, size, folder })
    }
}

/// What is before the zeros that fill a field up; after the first there is nothing else.
fn text(field: &[u8]) -> Option<&[u8]> {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let (text, rest) = field.split_at_checked(end)?;
    rest.iter().all(|byte| *byte == 0).then_some(text)
}

/// A number as POSIX writes it: octal digits, then spaces and zeros. The base-256 of GNU is for sizes that no package
/// has.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = field.iter().take_while(|byte| (b'0'..=b'7').contains(*byte)).count();
    let (digits, rest) = field.split_at_checked(digits)?;
    if digits.is_empty() || rest.iter().any(|byte| !matches!(byte, b' ' | 0)) {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, digit| sum.checked_mul(8)?.checked_add(u64::from(digit - b'0')))
}

/// A path has one spelling: relative, no `.` or `..`, no empty part, no backslash, printable ASCII.
fn path(name: &[u8], folder: bool) -> Result<String, BundleError> {
    let shown = String::from_utf8_lossy(name);
    let bad = |why| BundleError::BadPath { path: shown.clone().into_owned(), why };
    if name.iter().any(|byte| !byte.is_ascii_graphic() || *byte == b'\\') {
        return Err(bad("it has a character that no path of a package has"));
    }
    let path = if folder { shown.strip_suffix('/').unwrap_or(&shown) } else { &shown };
    if path.starts_with('/') {
        return Err(bad("it is absolute"));
    }
    match path.split('/').find(|part| matches!(*part, "" | "." | "..")) {
        Some("..") => Err(bad("it leads out of the archive")),
        Some(_) => Err(bad("it has an empty part or a dot; a path has one spelling")),
        None => Ok(path.to_owned()),
    }
}
