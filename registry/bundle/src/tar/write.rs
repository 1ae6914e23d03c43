//! Writing.

use std::io::{Read, Write};

use super::{BLOCK, USTAR, field};

/// One file: nobody's, readable by all, of no time. A name has at most 100 bytes, which every name of a layout has.
pub(crate) fn put(out: &mut impl Write, path: &str, size: u64, content: impl Read) -> std::io::Result<()> {
    out.write_all(&header(path, size))?;
    if std::io::copy(&mut content.take(size), out)? != size {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let filled = usize::try_from(padding(size)).unwrap_or_default();
    out.write_all([0; BLOCK].get(..filled).unwrap_or_default())
}

/// How large an archive of files of these sizes is.
pub(crate) fn size(files: impl IntoIterator<Item = u64>) -> u64 {
    let block = BLOCK as u64;
    let files = files.into_iter().map(|size| size.saturating_add(padding(size)).saturating_add(block));
    files.fold(2 * block, u64::saturating_add)
}

/// What fills up the last block.
pub(super) const fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64) - size
}

/// An archive of these files.
#[cfg(test)]
pub(crate) fn archive<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut out = Vec::new();
    let put = |(path, content): (&str, &[u8])| put(&mut out, path, content.len() as u64, content);
    files.into_iter().try_for_each(put).unwrap();
    end(&mut out).unwrap();
    out
}

/// The end of an archive.
pub(crate) fn end(out: &mut impl Write) -> std::io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

fn header(path: &str, size: u64) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |range: std::ops::Range<usize>, text: &[u8]| {
        header.iter_mut().skip(range.start).take(range.len()).zip(text).for_each(|(byte, new)| *byte = *new);
    };
    put(field::NAME, path.as_bytes());
    put(field::MODE, b"0000644\0");
    put(field::UID, b"0000000\0");
    put(field::GID, b"0000000\0");
    put(field::SIZE, format!("{size:011o}\0").as_bytes());
    put(field::MTIME, b"00000000000\0");
    put(field::TYPE..field::TYPE + 1, b"0");
    put(field::MAGIC, USTAR);
    let sum = format!("{:06o}\0 ", checksum(&header));
    header.iter_mut().skip(field::CHECKSUM.start).zip(sum.as_bytes()).for_each(|(byte, new)| *byte = *new);
    header
}

/// The sum of a header's bytes, with spaces for the checksum itself.
pub(super) fn checksum(header: &[u8]) -> u64 {
    let spaced =
        header.iter().enumerate().map(|(i, byte)| if field::CHECKSUM.contains(&i) { b' ' } else { *byte });
    spaced.map(u64::from).sum()
}
