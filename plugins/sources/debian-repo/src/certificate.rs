//! Which keys of a certificate may sign documents at a given time (RFC 9580, sections 5.2.3 and 10.1).
//!
//! The rules are those that apt's verifiers follow: what is expired or revoked *now* vouches for nothing,
//! however old the document is, and every link from the primary key to the signing key must itself rest on
//! a sound, current signature.

use crate::day::day;
use crate::signature::{self, SKEW};
use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{KeyFlags, PublicKey, Signature, SignatureType, SubpacketData};
use pgp::types::{EcdsaPublicParams, Fingerprint, KeyDetails, PublicParams, Tag};
use rsa::traits::PublicKeyParts;

/// RSA keys shorter than this are refused.
const MIN_RSA_BITS: usize = 2048;

/// One key of a certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signer<'k> {
    /// The primary key itself.
    Primary(&'k PublicKey),
    /// A subkey, with the signatures that bind it.
    Subkey(&'k SignedPublicSubKey),
}

impl Signer<'_> {
    /// The key's fingerprint.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Primary(key) => key.fingerprint(),
            Self::Subkey(subkey) => subkey.fingerprint(),
        }
    }

    fn names(&self, signature: &Signature) -> bool {
        let id = match self {
            Self::Primary(key) => key.legacy_key_id(),
            Self::Subkey(subkey) => subkey.legacy_key_id(),
        };
        let (fingerprints, ids) = (signature.issuer_fingerprint(), signature.issuer_key_id());
        fingerprints.contains(&&self.fingerprint()) || (fingerprints.is_empty() && ids.contains(&&id))
    }
}

/// From when until when a key may sign, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    /// When the key was made.
    pub from: u64,
    /// When it expires, if it does.
    pub until: Option<u64>,
}

/// The keys of `certificate` that `signature` names as its maker; a signature that names nobody has none.
pub(crate) fn named_by<'k>(certificate: &'k SignedPublicKey, signature: &Signature) -> Vec<Signer<'k>> {
    std::iter::once(Signer::Primary(&certificate.primary_key))
        .chain(certificate.public_subkeys.iter().map(Signer::Subkey))
        .filter(|signer| signer.names(signature))
        .collect()
}

/// The time in which the key may sign documents, or why it may not at `now`; the reason continues a sentence
/// that starts with the key.
pub(crate) fn validity(
    certificate: &SignedPublicKey,
    signer: Signer<'_>,
    now: u64,
) -> Result<Validity, String> {
    let primary = &certificate.primary_key;
    strong(primary.public_params())?;
    if certificate
        .details
        .revocation_signatures
        .iter()
        .any(|revocation| revocation.verify_key(primary).is_ok())
    {
        return Err("was revoked".to_owned());
    }
    let binding = primary_binding(certificate, now)?;
    let whole = lifetime(u64::from(primary.created_at().as_secs()), binding, now)?;
    match signer {
        // Keys from before there were flags say nothing; then their kind decides, as in every implementation.
        Signer::Primary(_) if flags(binding).is_none_or(KeyFlags::sign) => Ok(whole),
        Signer::Primary(_) => Err("is not meant to sign documents".to_owned()),
        Signer::Subkey(subkey) => {
            let own = subkey_validity(primary, subkey, now)?;
            Ok(Validity {
                from: whole.from.max(own.from),
                until: [whole.until, own.until].into_iter().flatten().min(),
            })
        }
    }
}

fn subkey_validity(primary: &PublicKey, subkey: &SignedPublicSubKey, now: u64) -> Result<Validity, String> {
    strong(subkey.key.public_params())?;
    let revoked = subkey.signatures.iter().any(|signature| {
        signature.typ() == Some(SignatureType::SubkeyRevocation)
            && signature.verify_subkey_binding(primary, &subkey.key).is_ok()
    });
    if revoked {
        return Err("was revoked".to_owned());
    }
    let bindings =
        subkey.signatures.iter().filter(|signature| signature.typ() == Some(SignatureType::SubkeyBinding));
    let binding =
        newest(bindings, now, |signature| signature.verify_subkey_binding(primary, &subkey.key).is_ok())?;
    if !flags(binding).is_some_and(KeyFlags::sign) {
        return Err("is not meant to sign documents".to_owned());
    }
    // Without its own consent, anybody's signing key could be claimed as a subkey (RFC 9580, 5.2.1.8).
    let consents = binding.embedded_signature().is_some_and(|back| {
        signature::sound(back).is_ok() && back.verify_primary_key_binding(&subkey.key, primary).is_ok()
    });
    if !consents {
        return Err("is a subkey that does not confirm its primary key".to_owned());
    }
    lifetime(u64::from(subkey.key.created_at().as_secs()), binding, now)
}

/// The newest of the primary key's signatures over itself and its user names.
fn primary_binding(certificate: &SignedPublicKey, now: u64) -> Result<&Signature, String> {
    let primary = &certificate.primary_key;
    let direct = certificate.details.direct_signatures.iter().map(|signature| (signature, None));
    let users = certificate
        .details
        .users
        .iter()
        .flat_map(|user| user.signatures.iter().map(move |s| (s, Some(user))));
    let pairs: Vec<_> = direct.chain(users).collect();
    let candidates = pairs.iter().map(|(signature, _)| *signature).filter(|signature| {
        signature.typ() == Some(SignatureType::Key)
            || (signature.is_certification() && signature.typ() != Some(SignatureType::CertRevocation))
    });
    newest(candidates, now, |signature| {
        pairs.iter().filter(|(one, _)| std::ptr::eq(*one, signature)).any(|(_, user)| match user {
            None => signature.verify_key(primary).is_ok(),
            Some(user) => signature.verify_certification(primary, Tag::UserId, &user.id).is_ok(),
        })
    })
}

/// The newest signature that is genuine, sound and in force. Only as many are verified as it takes.
fn newest<'s>(
    candidates: impl Iterator<Item = &'s Signature>,
    now: u64,
    genuine: impl Fn(&Signature) -> bool,
) -> Result<&'s Signature, String> {
    let mut ordered: Vec<_> = candidates.filter_map(|one| Some((signature::created(one)?, one))).collect();
    ordered.sort_by_key(|(created, _)| std::cmp::Reverse(*created));
    let mut reason = "is not confirmed by its owner's signature".to_owned();
    for (created, candidate) in ordered {
        if !genuine(candidate) {
            continue;
        }
        let in_force =
            created <= now.saturating_add(SKEW) && signature::expires(candidate).is_none_or(|at| at > now);
        match signature::sound(candidate) {
            Ok(()) if in_force => return Ok(candidate),
            Ok(()) => {}
            Err(why) => reason = format!("is not confirmed by its owner ({why})"),
        }
    }
    Err(reason)
}

/// When the key lives, as `binding` says; refused when it is over.
fn lifetime(created: u64, binding: &Signature, now: u64) -> Result<Validity, String> {
    let span = binding.key_expiration_time().map(|span| u64::from(span.as_secs())).filter(|span| *span != 0);
    let until = span.map(|span| created.saturating_add(span));
    match until {
        Some(until) if until <= now => Err(format!("expired on {}", day(until))),
        _ => Ok(Validity { from: created, until }),
    }
}

fn flags(binding: &Signature) -> Option<&KeyFlags> {
    signature::hashed(binding).find_map(|subpacket| match &subpacket.data {
        SubpacketData::KeyFlags(flags) => Some(flags),
        _ => None,
    })
}

/// A closed list of what is strong enough; all else is refused, unknown kinds too.
fn strong(params: &PublicParams) -> Result<(), String> {
    match params {
        PublicParams::RSA(rsa) if rsa.key.n().bits() >= MIN_RSA_BITS => Ok(()),
        PublicParams::RSA(rsa) => {
            Err(format!("has {} bits of RSA, fewer than {MIN_RSA_BITS}", rsa.key.n().bits()))
        }
        PublicParams::EdDSALegacy(_) | PublicParams::Ed25519(_) | PublicParams::Ed448(_) => Ok(()),
        PublicParams::ECDSA(
            EcdsaPublicParams::P256 { .. } | EcdsaPublicParams::P384 { .. } | EcdsaPublicParams::P521 { .. },
        ) => Ok(()),
        _ => {
            Err("is of a kind that is weak or not known here (RSA, ECDSA, Ed25519 and Ed448 are)".to_owned())
        }
    }
}
