//! Writing.

use std::io::Write;

use super::{BLOCK, USTAR, field};

/// An archive of these files, which the caller gives in order: USTAR, nobody's, readable by all, of no time. A name
/// has at most 100 bytes, which every name of a layout has.
pub(crate) fn archive<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut out = Vec::new();
    for (path, content) in files {
        // Memory takes everything.
        let _ = put(&mut out, path, content);
    }
    let _ = end(&mut out);
    out
}

/// One file.
pub(crate) fn put(out: &mut impl Write, path: &str, content: &[u8]) -> std::io::Result<()> {
    out.write_all(&header(path, content.len()))?;
    out.write_all(content)?;
    let filled = content.len().next_multiple_of(BLOCK) - content.len();
    out.write_all([0; BLOCK].get(..filled).unwrap_or_default())
}

/// The end of an archive.
pub(crate) fn end(out: &mut impl Write) -> std::io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

fn header(path: &str, size: usize) -> [u8; BLOCK] {
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
