//! Documents and keys made with GnuPG; `tests/data/make.sh` tells how.

use crate::keyring::Keyring;

/// 2026-01-02, when all of the documents are fresh.
pub(crate) const NOW: u64 = 1_767_312_000;
/// A day, in seconds.
pub(crate) const DAY: u64 = 86_400;

/// Ed25519 key that signs itself.
pub(crate) const PLAIN: &str = include_str!("../tests/data/plain.key.asc");
/// RSA key with an Ed25519 subkey that signs.
pub(crate) const SPLIT: &str = include_str!("../tests/data/split.key.asc");
/// Expired on 2026-01-01.
pub(crate) const EXPIRED: &str = include_str!("../tests/data/expired.key.asc");
/// Revoked.
pub(crate) const REVOKED: &str = include_str!("../tests/data/revoked.key.asc");
/// RSA with 1024 bits.
pub(crate) const SHORT: &str = include_str!("../tests/data/short.key.asc");

/// The document, by whom it is signed.
pub(crate) const DOCUMENT: &str = include_str!("../tests/data/Release");
pub(crate) const BY_PLAIN: &str = include_str!("../tests/data/plain.InRelease");
pub(crate) const BY_SPLIT: &str = include_str!("../tests/data/split.InRelease");
pub(crate) const BY_EXPIRED: &str = include_str!("../tests/data/expired.InRelease");
pub(crate) const BY_REVOKED: &str = include_str!("../tests/data/revoked.InRelease");
pub(crate) const BY_SHORT: &str = include_str!("../tests/data/short.InRelease");
pub(crate) const BY_STRANGER: &str = include_str!("../tests/data/stranger.InRelease");
pub(crate) const BY_BOTH: &str = include_str!("../tests/data/both.InRelease");
/// By the plain key, with SHA-1.
pub(crate) const WITH_SHA1: &str = include_str!("../tests/data/sha1.InRelease");
/// By the plain key, for one day.
pub(crate) const BRIEF: &str = include_str!("../tests/data/brief.InRelease");
/// By the plain key, beside the document.
pub(crate) const ARMORED: &[u8] = include_bytes!("../tests/data/Release.gpg");
pub(crate) const BINARY: &[u8] = include_bytes!("../tests/data/Release.sig");

/// A keyring of these keys.
pub(crate) fn keyring(keys: &[&str]) -> Keyring {
    Keyring::parse(&keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>()).unwrap()
}
