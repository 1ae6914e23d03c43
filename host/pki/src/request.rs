//! Certificate requests of agents: PKCS#10 (RFC 2986).

use rcgen::{
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData,
    SignatureAlgorithm,
};
use rustls::pki_types::alg_id;
use rustls::pki_types::pem::SectionKind;

use crate::der::{PublicKey, Signed, request_key};
use crate::{KeyHash, PkiError, pem};

/// The most bytes of a request.
pub const MAX_REQUEST: usize = 8 << 10;

/// RSA keys that are accepted, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// The keys that agents may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA.
    Rsa {
        /// Of its modulus.
        bits: usize,
    },
}

/// A request whose sender has the private key: it is signed by the key that is in it.
///
/// The key is all that is taken from it. What it asks for besides, a subject or extensions, is ignored.
#[derive(Debug, Clone)]
pub struct CertificateRequest {
    kind: KeyKind,
    /// SubjectPublicKeyInfo, DER.
    info: Vec<u8>,
    /// The key itself.
    key: Vec<u8>,
}

impl CertificateRequest {
    /// Reads a request, in PEM or DER, of at most [`MAX_REQUEST`] bytes.
    ///
    /// # Errors
    /// `csr-too-large`, `csr-malformed`, `csr-key`, `csr-signature`.
    pub fn read(input: &[u8]) -> Result<Self, PkiError> {
        if input.len() > MAX_REQUEST {
            return Err(PkiError::RequestTooLarge { size: input.len(), limit: MAX_REQUEST });
        }
        let malformed = |why| PkiError::RequestMalformed { why };
        let der = pem::one(input, SectionKind::Csr).map_err(malformed)?;
        let signed = Signed::parse(&der).map_err(|_| malformed("it is no PKCS#10"))?;
        let info = request_key(signed.content).map_err(|_| malformed("it is no PKCS#10"))?;
        let key = PublicKey::parse(info).map_err(|_| malformed("its key is damaged"))?;
        let kind = kind(&key)?;
        if !signed.is_signed_by(&key) {
            return Err(PkiError::RequestSignature);
        }
        Ok(Self { kind, info: info.to_vec(), key: key.key.to_vec() })
    }

    /// What kind of key it has.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// SHA-256 of the key.
    #[must_use]
    pub fn key_hash(&self) -> KeyHash {
        KeyHash::of(&self.info)
    }

    /// SubjectPublicKeyInfo, DER.
    pub(crate) fn info(&self) -> &[u8] {
        &self.info
    }
}

/// As the issuing side needs it.
impl PublicKeyData for CertificateRequest {
    fn der_bytes(&self) -> &[u8] {
        &self.key
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.kind {
            KeyKind::P256 => &PKCS_ECDSA_P256_SHA256,
            KeyKind::P384 => &PKCS_ECDSA_P384_SHA384,
            KeyKind::Ed25519 => &PKCS_ED25519,
            KeyKind::Rsa { .. } => &PKCS_RSA_SHA256,
        }
    }
}

fn kind(key: &PublicKey<'_>) -> Result<KeyKind, PkiError> {
    let refused = |why| Err(PkiError::RequestKey { why });
    let is = |id: rustls::pki_types::AlgorithmIdentifier| key.algorithm == id.as_ref();
    if is(alg_id::ECDSA_P256) {
        Ok(KeyKind::P256)
    } else if is(alg_id::ECDSA_P384) {
        Ok(KeyKind::P384)
    } else if is(alg_id::ED25519) {
        Ok(KeyKind::Ed25519)
    } else if is(alg_id::RSA_ENCRYPTION) {
        match key.rsa_bits() {
            Ok(bits) if RSA_BITS.contains(&bits) => Ok(KeyKind::Rsa { bits }),
            Ok(_) => refused("its RSA key is too short or too long"),
            Err(_) => refused("its RSA key is damaged"),
        }
    } else {
        refused("it is of another kind")
    }
}
