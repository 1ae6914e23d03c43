//! The OpenPGP keys that an operator trusts for an archive, and what they vouch for.

use crate::certificate::{self, Signer};
use crate::day::day;
use crate::problem::Problem;
use crate::signature;
use base64::Engine;
use pgp::composed::{Deserializable, SignedPublicKey};
use pgp::packet::Signature;

/// The most bytes of keys that are read.
const MAX_BYTES: usize = 1024 * 1024;
const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// At least one OpenPGP certificate.
#[derive(Debug)]
pub(crate) struct Keyring(Vec<SignedPublicKey>);

/// What a signature was found to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    /// Fingerprint of the key that signed, lower-case hex.
    pub fingerprint: String,
    /// When signature or key expire, whichever comes first, in seconds since 1970.
    pub good_until: Option<u64>,
}

impl Keyring {
    /// Reads keys: each entry is ASCII-armored text (one block or several) or base64 of a binary keyring.
    pub(crate) fn parse(entries: &[String]) -> Result<Self, Problem> {
        if entries.iter().map(String::len).sum::<usize>() > MAX_BYTES {
            return Err(bad(
                "`signed_by` is longer than 1 MiB; give the keys of this archive alone".to_owned()
            ));
        }
        let mut certificates = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            let before = certificates.len();
            certificates.extend(read_entry(entry).map_err(|why| {
                bad(format!(
                    "entry {} of `signed_by` is not an OpenPGP public key: {why}; give the ASCII-armored text, or base64 of the keyring file",
                    number + 1
                ))
            })?);
            if certificates.len() == before {
                return Err(bad(format!("entry {} of `signed_by` holds no key", number + 1)));
            }
        }
        if certificates.is_empty() {
            return Err(bad("`signed_by` holds no key".to_owned()));
        }
        Ok(Self(certificates))
    }

    /// Checks that one of `signatures` (OpenPGP packets) was made over `message` by one of these keys, is in
    /// force at `now`, and rests on nothing weak. All other signatures are of no interest.
    pub(crate) fn verify(&self, message: &[u8], signatures: &[u8], now: u64) -> Result<Verified, Problem> {
        let signatures = signature::read(signatures)?;
        let mut reasons = Vec::new();
        for signature in &signatures {
            match self.verify_one(message, signature, now) {
                Ok(verified) => return Ok(verified),
                Err(why) => reasons.push(why),
            }
        }
        reasons.dedup();
        Err(Problem::BadSignature(match reasons.as_slice() {
            [] => "it has no signature".to_owned(),
            reasons => reasons.join("; "),
        }))
    }

    fn verify_one(&self, message: &[u8], signature: &Signature, now: u64) -> Result<Verified, String> {
        let in_force = signature::check(signature, now)?;
        let mut reason =
            format!("it is signed by {}, which is not in `signed_by`", signature::issuer(signature));
        for certificate in &self.0 {
            for signer in certificate::named_by(certificate, signature) {
                match verify_with(certificate, signer, message, signature, now) {
                    Ok(key_until) => {
                        return Ok(Verified {
                            fingerprint: format!("{:x}", signer.fingerprint()),
                            good_until: [in_force, key_until].into_iter().flatten().min(),
                        });
                    }
                    Err(why) => reason = why,
                }
            }
        }
        Err(reason)
    }
}

/// The time until which the key may sign, if the signature is its own and it may sign now.
fn verify_with(
    certificate: &SignedPublicKey,
    signer: Signer<'_>,
    message: &[u8],
    signature: &Signature,
    now: u64,
) -> Result<Option<u64>, String> {
    let name = format!("the key {:x}", signer.fingerprint());
    let validity = certificate::validity(certificate, signer, now).map_err(|why| format!("{name} {why}"))?;
    let made = signature::created(signature);
    if made.is_none_or(|made| made < validity.from) {
        return Err(format!("the signature is older than {name}, made on {}", day(validity.from)));
    }
    match signer {
        Signer::Primary(key) => signature.verify(key, message),
        Signer::Subkey(subkey) => signature.verify(&subkey.key, message),
    }
    .map_err(|_| format!("the signature by {name} does not fit the document: one of them was changed"))?;
    Ok(validity.until)
}

fn read_entry(entry: &str) -> Result<Vec<SignedPublicKey>, String> {
    if entry.contains("-----BEGIN PGP PRIVATE KEY BLOCK-----") {
        return Err("it is a private key, which belongs nowhere but with its owner".to_owned());
    }
    let mut certificates = Vec::new();
    if entry.contains(BEGIN) {
        for block in entry.split(BEGIN).skip(1) {
            let block = format!("{BEGIN}{block}");
            let (keys, _) =
                SignedPublicKey::from_armor_many(block.as_bytes()).map_err(|error| error.to_string())?;
            collect(keys, &mut certificates)?;
        }
    } else {
        let compact: String = entry.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(compact)
            .map_err(|_| "it is neither armored nor base64".to_owned())?;
        let keys = SignedPublicKey::from_bytes_many(bytes.as_slice()).map_err(|error| error.to_string())?;
        collect(keys, &mut certificates)?;
    }
    Ok(certificates)
}

fn collect(
    keys: impl Iterator<Item = pgp::errors::Result<SignedPublicKey>>,
    into: &mut Vec<SignedPublicKey>,
) -> Result<(), String> {
    for key in keys {
        into.push(key.map_err(|error| error.to_string())?);
    }
    Ok(())
}

fn bad(message: String) -> Problem {
    Problem::BadConfig(message)
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
