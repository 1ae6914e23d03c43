//! What is too much, cut short, or changed in any place.

use bytes::Bytes;
use proptest::prelude::*;

use super::{LIMITS, MANIFEST, package};
use crate::limits::Limits;
use crate::package::Package;

#[test]
fn limits_hold_at_their_edge() {
    let tar = package().to_tar(&LIMITS).unwrap();
    let size = tar.len() as u64;
    let entries = crate::tar::entries(&Bytes::from(tar.clone()), &LIMITS).unwrap().len();
    let code = |limits: &Limits| {
        let read = Package::read(tar.as_slice(), limits).err().map_or("accepted", |e| e.code());
        assert_eq!(Package::parse(tar.clone(), limits).err().map_or("accepted", |e| e.code()), read);
        read
    };
    assert_eq!(code(&Limits { archive: size, entries, signatures: 2, ..LIMITS }), "accepted");
    assert_eq!(code(&Limits { archive: size - 1, ..LIMITS }), "too-large");
    assert_eq!(code(&Limits { entries: entries - 1, ..LIMITS }), "too-many");
    assert_eq!(code(&Limits { signatures: 1, ..LIMITS }), "too-many");
    assert_eq!(code(&Limits { layers: 0, ..LIMITS }), "too-many");
    assert_eq!(code(&Limits { json: 100, ..LIMITS }), "too-large");
    assert_eq!(code(&Limits { depth: 2, ..LIMITS }), "too-deep");
    assert_eq!(code(&Limits { manifest: MANIFEST.len() - 1, ..LIMITS }), "too-large");
    let whole = Package::parse(tar.clone(), &LIMITS).unwrap();
    assert_eq!(whole.to_tar(&Limits { archive: size - 1, ..LIMITS }).unwrap_err().code(), "too-large");
    // A stream without an end is read up to the limit.
    let endless = std::io::Read::chain(tar.as_slice(), std::io::repeat(0));
    let endless = Package::read(endless, &Limits { archive: 1 << 16, ..LIMITS });
    assert_eq!(endless.unwrap_err().code(), "too-large");
    assert_eq!(Package::read(std::io::repeat(0), &LIMITS).unwrap_err().code(), "not-tar", "at once");
}

#[test]
fn a_truncated_archive_is_refused_wherever_it_ends() {
    let tar = package().to_tar(&LIMITS).unwrap();
    for end in 0..tar.len() {
        let error = Package::parse(tar[..end].to_vec(), &LIMITS).unwrap_err();
        assert!(["truncated", "not-tar"].contains(&error.code()), "{end}: {error}");
    }
    let mut longer = tar.clone();
    longer.resize(tar.len() + 512, 0);
    assert!(Package::parse(longer.clone(), &LIMITS).is_ok(), "programs fill up with zeros");
    longer.push(0);
    assert_eq!(Package::parse(longer.clone(), &LIMITS).unwrap_err().code(), "truncated");
    *longer.last_mut().unwrap() = 1;
    assert_eq!(Package::parse(longer, &LIMITS).unwrap_err().code(), "trailing-data");
}

#[test]
fn no_changed_byte_changes_what_is_read() {
    let package = package();
    let tar = package.to_tar(&LIMITS).unwrap();
    let mut unchanged = 0;
    for at in 0..tar.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut changed = tar.clone();
            changed[at] ^= flip;
            if let Ok(read) = Package::parse(changed, &LIMITS) {
                assert_eq!(read, package, "byte {at} ^ {flip:#x}");
                unchanged += 1;
            }
        }
    }
    assert!(unchanged < tar.len() / 50, "only what means nothing may change, not {unchanged}");
}

proptest! {
    #[test]
    fn any_change_is_refused_or_reads_the_same(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in 0usize..3, insert in 0usize..3,
    ) {
        let package = package();
        let mut tar = package.to_tar(&LIMITS).unwrap();
        let at = at.index(tar.len() - 3);
        tar.splice(at..at + cut, std::iter::repeat_n(byte, insert));
        if let Ok(read) = Package::parse(tar, &LIMITS) {
            prop_assert_eq!(read, package);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        crate::fuzz::package(&bytes);
        crate::fuzz::artifact(&bytes);
    }
}
