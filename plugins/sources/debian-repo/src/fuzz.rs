//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is
//! part of tests and of `fuzz/` only.

use std::cmp::Ordering;
use std::io::Read;

use crate::cleartext::Cleartext;
use crate::control;
use crate::index::Wanted;
use crate::keyring::Keyring;
use crate::release_file::{Packing, ReleaseFile};
use crate::seen;
use crate::settings::Trust;
use crate::{signature, unpack, verify, version};

/// 2026-01-02.
const NOW: u64 = 1_767_312_000;

/// A Release document, signed or not.
pub fn release(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    assert!(control::fields(&text).all(|field| !field.name.is_empty()));
    if let Ok(signed) = Cleartext::parse(&text) {
        assert!(signed.signature.ends_with("-----END PGP SIGNATURE-----\n"));
    }
    if let Ok(release) = ReleaseFile::parse(&text)
        && let Ok(indexes) = release.indexes("main", "amd64")
    {
        assert!(indexes.iter().all(|index| index.listed.path.starts_with("main/binary-")));
    }
    let _ = seen::read(&text, "print");
}

/// Signatures: nothing that comes in counts as one of a key that nobody has.
pub fn signature(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(packets) = signature::packets(data) {
        let _ = signature::read(&packets);
    }
    let _ = Keyring::parse(&[text.clone().into_owned()]);
    let Ok(nobody) = Keyring::parse(&[include_str!("../tests/data/plain.key.asc").to_owned()]) else {
        return;
    };
    let nobody = Trust::Keys(nobody);
    // The seeds that this key signed are whole; changed, they are refused.
    if verify::inline(&nobody, &text, NOW).is_ok() {
        assert!(text.contains("Origin: Example"), "{text}");
    }
    assert!(verify::detached(&nobody, b"a document that nobody signed", data, NOW).is_err());
}

/// A package index, packed as the first byte says: no more comes out than is allowed.
pub fn index(data: &[u8]) {
    const ALLOWANCE: u64 = 1 << 20;
    let Some((first, packed)) = data.split_first() else { return };
    let packing = match first % 3 {
        0 => Packing::Plain,
        1 => Packing::Gzip,
        _ => Packing::Xz,
    };
    let mut unpacked = Vec::new();
    let whole = unpack::open(packing, packed, ALLOWANCE).read_to_end(&mut unpacked);
    assert!(unpacked.len() as u64 <= ALLOWANCE);
    let mut wanted = Wanted::new(["a", "station"]);
    let count = wanted.scan(unpack::open(packing, packed, ALLOWANCE), "main");
    assert!(whole.is_ok() || count.is_err(), "an index that does not unpack was read");
    let found: Vec<&str> = wanted
        .found("station")
        .iter()
        .filter_map(|paragraph| control::fields(&paragraph.text).find(|field| field.name == "Version"))
        .map(|field| field.value)
        .take(6)
        .collect();
    for a in &found {
        assert_eq!(version::compare(a, a), Ordering::Equal);
        for b in &found {
            assert_eq!(version::compare(a, b), version::compare(b, a).reverse(), "{a} {b}");
            for c in &found {
                let below = |x, y| version::compare(x, y).is_le();
                assert!(!(below(a, b) && below(b, c)) || below(a, c), "{a} {b} {c}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        for (target, check) in [
            ("release", super::release as fn(&[u8])),
            ("signature", super::signature),
            ("index", super::index),
        ] {
            let folder =
                std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/seeds").join(target);
            let seeds: Vec<_> =
                std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert!(!seeds.is_empty(), "{target}");
            for seed in seeds {
                check(&std::fs::read(seed).unwrap());
            }
        }
    }
}
