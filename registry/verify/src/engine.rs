//! The verification engine, `sigstore-verify`, behind functions of ours. Nothing of its types goes further.
//!
//! It does the mathematics: timestamps, certificate paths, SCTs, inclusion proofs, checkpoints, signatures, and
//! what entries say about them. It is asked for any identity; whose signature it is, is decided here alone. What
//! it leaves open is closed by [`check`](crate::check).

use std::sync::OnceLock;

use jiff::Timestamp;
use sigstore_verify::crypto::{KeyAlgorithm, SigningScheme, VerificationKey, install_default_provider};
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::{Artifact, ArtifactDigest, Bundle, DerPublicKey, HashAlgorithm, SignatureBytes};
use sigstore_verify::{
    CertificateError, Error, PublicKeyVerificationPolicy, TimestampError, TransparencyLogError,
    VerificationPolicy, VerificationResult, Verifier,
};

use crate::error::{Code, Refusal};
use crate::json::Value;
use crate::provider::RustCrypto;
use crate::subject::Subject;

static PROVIDER: OnceLock<()> = OnceLock::new();

/// Gives the engine the cryptography it needs, once for the process: without, it panics, so every way in comes by
/// here. Others that build on the same engine call it before they do.
pub fn ready() {
    PROVIDER.get_or_init(|| {
        // Another one that the process installed does as well.
        let _ = install_default_provider(&RustCrypto);
    });
}

/// A bundle in the engine's own form.
#[derive(Debug)]
pub(crate) struct Parsed(Bundle);

impl Parsed {
    /// Of the document as we read it, not as it was written: there is one reading.
    pub(crate) fn of_bundle(document: &Value) -> Result<Self, Refusal> {
        ready();
        let malformed = |e: String| Code::BundleMalformed.because(format!("the bundle does not parse: {e}"));
        let text = serde_json::to_string(document).map_err(|e| malformed(e.to_string()))?;
        Bundle::from_json(&text).map(Self).map_err(|e| malformed(e.to_string()))
    }
}

/// Trusted roots in the engine's own form, prepared once.
pub(crate) struct Engine(Verifier);

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

/// What it is to require.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Required {
    pub(crate) sct: bool,
    pub(crate) inclusion: bool,
}

impl Engine {
    pub(crate) fn of_root(document: &Value) -> Result<Self, Refusal> {
        ready();
        let malformed =
            |e: String| Code::RootMalformed.because(format!("the trusted root cannot be used: {e}"));
        let text = serde_json::to_string(document).map_err(|e| malformed(e.to_string()))?;
        let root = TrustedRoot::from_json(&text).map_err(|e| malformed(e.to_string()))?;
        Verifier::new(&root).map(Self).map_err(|e| malformed(e.to_string()))
    }

    /// Verifies a bundle that has a certificate. The times: those of timestamps, in their order, then those of
    /// logs.
    pub(crate) fn by_certificate(
        &self,
        bundle: &Parsed,
        subject: &Subject,
        required: Required,
    ) -> Result<Vec<Timestamp>, Refusal> {
        let mut policy = VerificationPolicy::any_identity();
        if !required.sct {
            policy = policy.skip_sct();
        }
        if !required.inclusion {
            policy = policy.skip_tlog_unsafe();
        }
        let result = verify(subject, &bundle.0, |artifact| self.0.verify(artifact, &bundle.0, &policy))?;
        // What was asked for was done, or this is not the engine that was pinned.
        let done = result.certificate_verified()
            && (!required.sct || result.sct_verified())
            && (!required.inclusion || result.tlog_verified());
        match done {
            true => Ok(result.verified_timestamps().to_vec()),
            false => Err(Code::CertificateUntrusted.because("the engine left out a step")),
        }
    }

    /// Verifies a bundle that was signed with this key (DER, SubjectPublicKeyInfo). The times: those of logs,
    /// then those of timestamps.
    pub(crate) fn by_key(
        &self,
        bundle: &Parsed,
        subject: &Subject,
        key: &[u8],
        inclusion: bool,
    ) -> Result<Vec<Timestamp>, Refusal> {
        let mut policy = PublicKeyVerificationPolicy::new(DerPublicKey::new(key.to_vec()));
        if !inclusion {
            policy = policy.skip_tlog_unsafe();
        }
        let result = verify(subject, &bundle.0, |artifact| self.0.verify(artifact, &bundle.0, &policy))?;
        Ok(result.verified_timestamps().to_vec())
    }
}

/// With the bytes where they are at hand; otherwise with the digest that this bundle needs.
fn verify(
    subject: &Subject,
    bundle: &Bundle,
    run: impl Fn(Artifact<'_>) -> Result<VerificationResult, Error>,
) -> Result<VerificationResult, Refusal> {
    use sigstore_verify::types::SignatureContent;

    let of = |algorithm, digest: &[u8]| {
        ArtifactDigest::new(algorithm, digest.to_vec())
            .map(Artifact::from_digest)
            .map_err(|e| Code::SubjectUnsupported.because(e.to_string()))
    };
    let result = match (subject.bytes(), subject.sha256(), subject.sha512()) {
        // A statement names digests: the bytes need not be hashed anew.
        (Some(bytes), ..) if matches!(bundle.content, SignatureContent::MessageSignature(_)) => {
            run(Artifact::from_blob(bytes))
        }
        (_, Some(sha256), sha512) => match (run(of(HashAlgorithm::Sha2256, sha256)?), sha512) {
            (Err(Error::ArtifactMismatch(_)), Some(sha512)) => run(of(HashAlgorithm::Sha2512, sha512)?),
            (result, _) => result,
        },
        (_, None, Some(sha512)) => run(of(HashAlgorithm::Sha2512, sha512)?),
        (_, None, None) => return Err(Code::SubjectUnsupported.because("there is nothing to verify")),
    };
    result.map_err(|e| refusal(&e))
}

fn refusal(e: &Error) -> Refusal {
    let code = match e {
        Error::IdentityMismatch { .. } => Code::IdentityMismatch,
        Error::IssuerMismatch { .. } => Code::IssuerMismatch,
        Error::SignatureInvalid(_) => Code::SignatureInvalid,
        Error::ArtifactMismatch(_) => Code::DigestMismatch,
        Error::UnsupportedArtifact(_) | Error::ArtifactRead(_) => Code::SubjectUnsupported,
        Error::Certificate(e) => match e {
            CertificateError::Malformed(_) => Code::CertificateMalformed,
            CertificateError::NoValidAuthority { .. } => Code::CertificateAuthorityWindow,
            CertificateError::NotYetValid { .. } | CertificateError::Expired { .. } => {
                Code::CertificateExpired
            }
            CertificateError::Sct(_) => Code::SctInvalid,
            // The path is validated at each time, and says no more than this where it fails for the time.
            CertificateError::ChainInvalid(text)
                if text.contains("Expired") || text.contains("NotValidYet") =>
            {
                Code::CertificateExpired
            }
            _ => Code::CertificateUntrusted,
        },
        Error::TransparencyLog(e) => match e {
            TransparencyLogError::UnknownLog { .. } => Code::LogUnknown,
            TransparencyLogError::InclusionProof(_) => Code::ProofInvalid,
            TransparencyLogError::Checkpoint(_) => Code::CheckpointInvalid,
            TransparencyLogError::InclusionPromise(_) => Code::PromiseInvalid,
            TransparencyLogError::EntryMismatch(_) => Code::EntryMismatch,
            TransparencyLogError::IntegratedTime(text) if text.contains("future") => Code::TimeInFuture,
            TransparencyLogError::IntegratedTime(_) => Code::CertificateExpired,
            _ => Code::EntryMalformed,
        },
        Error::Timestamp(e) => match e {
            TimestampError::OutsideAuthorityValidity { .. } => Code::TimestampWindow,
            TimestampError::NoVerifiedTimestamp(_) => Code::NoVerifiedTime,
            _ => Code::TimestampInvalid,
        },
        Error::InvalidTrustRoot(_) | Error::TrustRoot(_) | Error::TrustedCertificate(_) => Code::RootLacks,
        Error::Bundle(sigstore_verify::bundle::Error::MissingSigningTimeEvidence) => Code::NoVerifiedTime,
        Error::Bundle(sigstore_verify::bundle::Error::MissingInclusionProof(_)) => Code::ProofMissing,
        Error::Bundle(sigstore_verify::bundle::Error::MissingCheckpoint) => Code::CheckpointInvalid,
        Error::Bundle(sigstore_verify::bundle::Error::MissingInclusionPromise(_)) => Code::BundleVersion,
        Error::Bundle(_) => Code::ProofInvalid,
        Error::UnsupportedBundle(text) if text.contains("payload type") => Code::PayloadType,
        Error::InvalidBundle(text) if text.contains("statement") => Code::StatementMalformed,
        Error::UnsupportedBundle(_) | Error::InvalidBundle(_) | Error::Types(_) => Code::EntryMalformed,
        Error::Crypto(_) => Code::KeyUnusable,
        _ => Code::SignatureInvalid,
    };
    code.because(e.to_string())
}

/// The kinds of keys that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    P256,
    P384,
    Ed25519,
    Rsa,
}

/// The kind of a key: DER, SubjectPublicKeyInfo, of which every byte counts.
pub(crate) fn key_kind(spki: &[u8]) -> Option<KeyKind> {
    ready();
    let key = DerPublicKey::new(spki.to_vec());
    let kind = match KeyAlgorithm::from_spki(&key).ok()? {
        KeyAlgorithm::EcdsaP256 => KeyKind::P256,
        KeyAlgorithm::EcdsaP384 => KeyKind::P384,
        KeyAlgorithm::Ed25519 => KeyKind::Ed25519,
        KeyAlgorithm::Rsa => KeyKind::Rsa,
        _ => return None,
    };
    let raw = VerificationKey::from_spki(&key).ok()?;
    let raw = raw.as_bytes();
    let usable = match kind {
        KeyKind::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(raw).is_ok(),
        KeyKind::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(raw).is_ok(),
        KeyKind::Ed25519 => raw
            .try_into()
            .is_ok_and(|raw| ed25519_dalek::VerifyingKey::from_bytes(raw).is_ok_and(|key| !key.is_weak())),
        KeyKind::Rsa => {
            sigstore_verify::crypto::validate_raw_public_key(SigningScheme::RsaPkcs1Sha256, raw).is_ok()
        }
    };
    usable.then_some(kind)
}

/// The key of a SubjectPublicKeyInfo as it is without its algorithm.
pub(crate) fn raw_key(spki: &[u8]) -> Option<Vec<u8>> {
    ready();
    Some(VerificationKey::from_spki(&DerPublicKey::new(spki.to_vec())).ok()?.as_bytes().to_vec())
}

/// Whether this key, with its usual algorithm, made this signature.
pub(crate) fn signed(spki: &[u8], data: &[u8], signature: &[u8]) -> bool {
    ready();
    VerificationKey::from_spki(&DerPublicKey::new(spki.to_vec()))
        .and_then(|key| key.verify(data, &SignatureBytes::new(signature.to_vec())))
        .is_ok()
}

/// The authority of a trusted root: certificates in DER, the leaf first.
pub(crate) struct Authority<'a> {
    pub(crate) chain: &'a [Vec<u8>],
}

/// Which of these authorities made each timestamp, by its place in the list. Costs a verification each, so it is
/// asked where authorities are counted.
pub(crate) fn timestamp_authorities(bundle: &Parsed, authorities: &[Authority<'_>]) -> Vec<Option<usize>> {
    use sigstore_verify::types::{DerCertificate, SignatureContent, TsaAuthority};

    let signature = match &bundle.0.content {
        SignatureContent::MessageSignature(message) => message.signature.clone(),
        SignatureContent::DsseEnvelope(envelope) => envelope.signature.sig.clone(),
        _ => return Vec::new(),
    };
    let of = |der: &Vec<u8>| DerCertificate::new(der.clone());
    let authorities: Vec<Option<TsaAuthority>> = authorities
        .iter()
        .map(|authority| {
            let (leaf, rest) = authority.chain.split_first()?;
            let (root, between) = rest.split_last().unwrap_or((leaf, &[]));
            Some(TsaAuthority::new(of(leaf), between.iter().map(of).collect(), of(root), None))
        })
        .collect();
    let made = |authority: &Option<TsaAuthority>, token| {
        authority.as_ref().is_some_and(|a| {
            sigstore_verify::tsa::verify_timestamp_for_authority(token, &signature, a).is_ok()
        })
    };
    let data = &bundle.0.verification_material.timestamp_verification_data;
    data.rfc3161_timestamps
        .iter()
        .map(|token| authorities.iter().position(|authority| made(authority, &token.signed_timestamp)))
        .collect()
}

/// Whether this key, with the algorithm that a certificate names by its object identifier, made this signature.
pub(crate) fn issued(spki: &[u8], algorithm: &str, data: &[u8], signature: &[u8]) -> bool {
    let scheme = match (key_kind(spki), algorithm) {
        (Some(KeyKind::P256), "1.2.840.10045.4.3.2") => SigningScheme::EcdsaP256Sha256,
        (Some(KeyKind::P256), "1.2.840.10045.4.3.3") => SigningScheme::EcdsaP256Sha384,
        (Some(KeyKind::P384), "1.2.840.10045.4.3.2") => SigningScheme::EcdsaP384Sha256,
        (Some(KeyKind::P384), "1.2.840.10045.4.3.3") => SigningScheme::EcdsaP384Sha384,
        (Some(KeyKind::Ed25519), "1.3.101.112") => SigningScheme::Ed25519,
        (Some(KeyKind::Rsa), "1.2.840.113549.1.1.11") => SigningScheme::RsaPkcs1Sha256,
        (Some(KeyKind::Rsa), "1.2.840.113549.1.1.12") => SigningScheme::RsaPkcs1Sha384,
        (Some(KeyKind::Rsa), "1.2.840.113549.1.1.13") => SigningScheme::RsaPkcs1Sha512,
        _ => return false,
    };
    sigstore_verify::crypto::verify_signature(
        &DerPublicKey::new(spki.to_vec()),
        data,
        &SignatureBytes::new(signature.to_vec()),
        scheme,
    )
    .is_ok()
}
