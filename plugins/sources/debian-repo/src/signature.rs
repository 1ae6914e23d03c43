//! Signature packets: which of them can count at all, whoever made them.

use crate::day::day;
use crate::problem::Problem;
use pgp::armor::{BlockType, Dearmor, DearmorOptions};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    Packet, PacketParser, Signature, SignatureConfig, SignatureType, SignatureVersion, Subpacket,
    SubpacketData,
};
use pgp::types::Duration;
use std::io::Read;

/// The most bytes of signatures that are read, armored or not. Debian's three take 2.5 KiB.
pub(crate) const MAX_BYTES: usize = 64 * 1024;
/// The most signatures of one document that are looked at.
const MAX_SIGNATURES: usize = 16;
/// How far another clock may be ahead of ours, in seconds.
pub(crate) const SKEW: u64 = 600;

/// The packets of a signature file that is armored (`-----BEGIN PGP SIGNATURE-----`) or binary.
pub(crate) fn packets(file: &[u8]) -> Result<Vec<u8>, Problem> {
    if file.len() > MAX_BYTES {
        return Err(refused("its signature is longer than 64 KiB"));
    }
    if !file.trim_ascii_start().starts_with(b"-----") {
        return Ok(file.to_vec());
    }
    let mut armor = Dearmor::with_options(file, DearmorOptions::default().set_limit(MAX_BYTES));
    let mut packets = Vec::new();
    let read = armor.read_to_end(&mut packets);
    if read.is_err() || armor.typ != Some(BlockType::Signature) {
        return Err(refused("its signature is not well-formed ASCII armor"));
    }
    Ok(packets)
}

/// The signatures among `packets`. Packets that are no signature make the document suspect.
pub(crate) fn read(packets: &[u8]) -> Result<Vec<Signature>, Problem> {
    if packets.len() > MAX_BYTES {
        return Err(refused("its signature is longer than 64 KiB"));
    }
    PacketParser::new(packets)
        .take(MAX_SIGNATURES)
        .map(|packet| match packet {
            Ok(Packet::Signature(signature)) => Ok(signature),
            Ok(_) => Err(refused("its signature block holds something else than signatures")),
            Err(_) => Err(refused("its signature cannot be read")),
        })
        .collect()
}

/// Checks all that can be said of a document's signature without a key; gives the time of its expiry.
pub(crate) fn check(signature: &Signature, now: u64) -> Result<Option<u64>, String> {
    if !matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text)) {
        return Err("its signature is not one over a document".to_owned());
    }
    sound(signature)?;
    let created = created(signature).ok_or("its signature does not say when it was made")?;
    if created > now + SKEW {
        return Err(format!("its signature was made in the future, on {}", day(created)));
    }
    match expires(signature) {
        Some(expires) if expires <= now => Err(format!("its signature expired on {}", day(expires))),
        expires => Ok(expires),
    }
}

/// Refuses weak hashes, outdated versions and critical demands that this program does not know
/// (RFC 9580, 5.2.3.7: such a signature is an error).
pub(crate) fn sound(signature: &Signature) -> Result<(), String> {
    if !matches!(signature.version(), SignatureVersion::V4 | SignatureVersion::V6) {
        return Err("a signature has an outdated format".to_owned());
    }
    match signature.hash_alg() {
        Some(
            HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512,
        ) => {}
        Some(weak) => return Err(format!("a signature rests on the hash {weak}, which is too weak")),
        None => return Err("a signature has an unknown format".to_owned()),
    }
    match hashed(signature).find(|subpacket| subpacket.is_critical && is_unknown(&subpacket.data)) {
        Some(_) => Err("a signature makes a critical demand that is not known here".to_owned()),
        None => Ok(()),
    }
}

/// When the signature was made, in seconds since 1970, as its signed part says.
pub(crate) fn created(signature: &Signature) -> Option<u64> {
    signature.created().map(|at| u64::from(at.as_secs()))
}

/// When the signature expires, if it does.
pub(crate) fn expires(signature: &Signature) -> Option<u64> {
    let after = signature.signature_expiration_time().map(Duration::as_secs).filter(|after| *after != 0)?;
    Some(created(signature)?.saturating_add(u64::from(after)))
}

/// The subpackets that the signature covers.
pub(crate) fn hashed(signature: &Signature) -> impl Iterator<Item = &Subpacket> {
    signature.config().into_iter().flat_map(SignatureConfig::hashed_subpackets)
}

/// Who the signature says made it, for messages.
pub(crate) fn issuer(signature: &Signature) -> String {
    let fingerprint =
        signature.issuer_fingerprint().first().map(|fingerprint| format!("the key {fingerprint:x}"));
    let id = || signature.issuer_key_id().first().map(|id| format!("the key {id}"));
    fingerprint.or_else(id).unwrap_or_else(|| "an unnamed key".to_owned())
}

fn is_unknown(data: &SubpacketData) -> bool {
    matches!(data, SubpacketData::Experimental(..) | SubpacketData::Other(..) | SubpacketData::Notation(_))
}

fn refused(why: &str) -> Problem {
    Problem::BadSignature(why.to_owned())
}
