#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails panics")]

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use tar::{Builder, EntryType, Header};

use super::*;
use crate::archive::{Bounds, Writer};
use crate::error::BundleError;
use crate::limits::Limits;

const LIMITS: Limits = Limits::DEFAULT;

/// All ways at once: what is there, what comes piece by piece, and what stays in its file.
fn read(archive: impl Into<Bytes>) -> Result<Vec<(String, Vec<u8>)>, &'static str> {
    let archive = archive.into();
    let there = entries(&archive, &LIMITS).map_err(|e| e.code());
    let there = there.map(|entries| {
        entries.into_iter().map(|entry| (entry.path, entry.content.to_vec())).collect::<Vec<_>>()
    });
    let bounds = Bounds { archive: LIMITS.archive, file: LIMITS.archive, entries: LIMITS.entries };
    let mut came = Vec::new();
    let read = stream(archive.as_ref(), &bounds, |path, content| {
        came.push((path.to_owned(), content.to_vec()));
        Ok::<(), BundleError>(())
    });
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&archive).unwrap();
    let mut stayed = Vec::new();
    let in_file = in_file(file, &bounds, |path, content| {
        stayed.push((path.to_owned(), content.bytes()?.to_vec()));
        Ok(())
    });
    assert_eq!(in_file, read);
    assert_eq!(stayed, came);
    match (&there, read.map_err(|e| e.code())) {
        // A file that is larger than all of it may be is not waited for.
        (Err("truncated"), Err("too-large")) => {}
        (there, read) => assert_eq!(there, &read.map(|()| came)),
    }
    there
}

/// An archive of one entry, as another program writes it.
fn one(change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..9].copy_from_slice(b"some/file");
    header.set_mode(0o600);
    header.set_mtime(1_700_000_000);
    header.set_size(3);
    change(&mut header);
    header.set_cksum();
    let mut builder = Builder::new(Vec::new());
    builder.append(&header, &b"abc"[..]).unwrap();
    builder.into_inner().unwrap()
}

fn named(name: &[u8]) -> Vec<u8> {
    one(|header| {
        header.as_mut_bytes()[..100].fill(0);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    })
}

#[test]
fn another_program_reads_what_is_written_and_the_other_way_round() {
    let written = archive([("a", &b"first"[..]), ("b/c", &[]), ("d", &[7; 1_024])]);
    let mut others = tar::Archive::new(written.as_slice());
    let files: Vec<_> = others
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let (header, mut content) = (entry.header().clone(), Vec::new());
            entry.read_to_end(&mut content).unwrap();
            assert_eq!(
                (header.mtime().unwrap(), header.uid().unwrap(), header.mode().unwrap()),
                (0, 0, 0o644)
            );
            (String::from_utf8(entry.path_bytes().into_owned()).unwrap(), content)
        })
        .collect();
    assert_eq!(read(written).unwrap(), files);
    assert_eq!(files.len(), 3);
    assert_eq!(read(one(|_| ())).unwrap(), [("some/file".to_owned(), b"abc".to_vec())]);
    let gnu = one(|header| header.as_mut_bytes()[field::MAGIC].copy_from_slice(GNU));
    assert_eq!(read(gnu).unwrap().len(), 1);
    let folder = one(|header| {
        header.set_entry_type(EntryType::Directory);
        header.set_size(0);
    });
    // The content that belongs to no entry is no header.
    assert_eq!(read(folder).unwrap_err(), "bad-header");
}

#[test]
fn what_is_no_plain_file_is_refused() {
    for kind in [
        EntryType::Link,
        EntryType::Symlink,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::Continuous,
    ] {
        assert_eq!(read(one(|header| header.set_entry_type(kind))).unwrap_err(), "not-a-file", "{kind:?}");
    }
    assert_eq!(read(one(|header| header.as_mut_bytes()[field::LINK][0] = b'x')).unwrap_err(), "not-a-file");
    for kind in [
        EntryType::XHeader,
        EntryType::XGlobalHeader,
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::GNUSparse,
        EntryType::new(b'Z'),
    ] {
        assert_eq!(read(one(|header| header.set_entry_type(kind))).unwrap_err(), "tar-extension", "{kind:?}");
    }
    let prefixed = one(|header| header.as_mut_bytes()[field::PREFIX][0] = b'x');
    assert_eq!(read(prefixed).unwrap_err(), "tar-extension");
}

#[test]
fn a_path_leads_nowhere_else_and_has_one_spelling() {
    for path in [
        "/etc/passwd",
        "../x",
        "a/../../x",
        "./a",
        "a/./b",
        "a//b",
        "a/",
        "",
        "a\\b",
        "a b",
        "\u{e4}",
        "a\nb",
    ] {
        assert_eq!(read(named(path.as_bytes())).unwrap_err(), "bad-path", "{path:?}");
    }
    assert_eq!(read(named(b"a\0b")).unwrap_err(), "bad-header", "something after the name");
    assert_eq!(read(named(&[b'a'; 100])).unwrap()[0].0.len(), 100);
    let twice = archive([("a", &b"1"[..]), ("a", b"2")]);
    assert_eq!(read(twice).unwrap_err(), "duplicate-entry");
}

#[test]
fn a_size_is_what_follows() {
    let sized =
        |size: &[u8; 12]| read(one(|header| header.as_mut_bytes()[field::SIZE].copy_from_slice(size)));
    assert_eq!(sized(b"00000000003\0").unwrap().len(), 1);
    assert_eq!(sized(b"00000000003 ").unwrap().len(), 1);
    // Less than there is: what is left over is no padding.
    assert_eq!(sized(b"00000000002\0").unwrap_err(), "bad-header");
    // More than there is.
    assert_eq!(sized(b"00000077777\0").unwrap_err(), "truncated");
    assert_eq!(sized(b"777777777777").unwrap_err(), "truncated");
    for wrong in
        [b"-0000000003\0", b"\x80\0\0\0\0\0\0\0\0\0\0\x03", b"\0\0\0\0\0\0\0\0\0\0\0\0", b"0000000 003\0"]
    {
        assert_eq!(sized(wrong).unwrap_err(), "bad-header", "{wrong:?}");
    }
    let mut damaged = one(|_| ());
    damaged[field::CHECKSUM.start] = b'7';
    assert_eq!(read(damaged).unwrap_err(), "bad-header");
}

#[test]
fn what_is_compressed_is_not_unpacked() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&vec![0; 1 << 20]).unwrap();
    assert_eq!(read(gzip.finish().unwrap()).unwrap_err(), "compressed");
    assert_eq!(read(&b"\xfd7zXZ\0..."[..]).unwrap_err(), "compressed");
    assert_eq!(read(&b"\x28\xb5\x2f\xfd..."[..]).unwrap_err(), "compressed");
    for none in [&b""[..], b"\0asm", &[0; 10_240]] {
        assert_eq!(read(none).unwrap_err(), "not-tar");
    }
}

#[test]
fn an_archive_that_comes_piece_by_piece_is_bounded() {
    let mut writer = Writer::new(Vec::new());
    writer.file("a", &[1; 600]).unwrap();
    writer.file("b/c", b"x").unwrap();
    for path in ["", "/a", "../a", "a//b", "a/", &"x".repeat(101)] {
        assert_eq!(writer.file(path, b"").unwrap_err().code(), "bad-path", "{path}");
    }
    let written = writer.finish().unwrap();
    assert_eq!(written, archive([("a", &[1; 600][..]), ("b/c", b"x")]));
    let good = Bounds { archive: written.len() as u64, file: 600, entries: 2 };
    let code = |bounds: Bounds, archive: &[u8]| {
        stream(archive, &bounds, |_, _| Ok::<(), BundleError>(())).map_or_else(|e| e.code(), |()| "read")
    };
    assert_eq!(code(good, &written), "read");
    assert_eq!(code(Bounds { archive: good.archive - 1, ..good }, &written), "too-large");
    assert_eq!(code(Bounds { file: 599, ..good }, &written), "too-large");
    assert_eq!(code(Bounds { entries: 1, ..good }, &written), "too-many");
    for end in 0..written.len() {
        let ended = code(good, &written[..end]);
        assert!(["truncated", "not-tar"].contains(&ended), "{end}: {ended}");
    }
    let more = [written.as_slice(), &[0]].concat();
    assert_eq!(code(Bounds { archive: good.archive + 512, ..good }, &more), "truncated");
    let more = [written.as_slice(), &[1]].concat();
    assert_eq!(code(Bounds { archive: good.archive + 512, ..good }, &more), "trailing-data");
    let stopped = stream(written.as_slice(), &good, |path, _| Err(BundleError::StrayFile(path.into())));
    assert_eq!(stopped.unwrap_err(), BundleError::StrayFile("a".into()));
}
