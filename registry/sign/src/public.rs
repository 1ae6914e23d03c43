//! Public keys.

use ed25519_dalek::Verifier as _;
use p256::ecdsa;
use pkcs8::{DecodePublicKey as _, EncodePublicKey as _, LineEnding};
use sha2::{Digest as _, Sha256};

use crate::Algorithm;
use crate::error::SignError;

/// A public key that signatures are made for: ECDSA on P-256, or Ed25519.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    spki: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    P256(ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----`.
    ///
    /// # Errors
    /// `public-key-malformed`, also for a key of another kind.
    pub fn from_pem(text: &str) -> Result<Self, SignError> {
        let p256 = ecdsa::VerifyingKey::from_public_key_pem(text).ok().map(Kind::P256);
        let ed25519 = || ed25519_dalek::VerifyingKey::from_public_key_pem(text).ok().map(Kind::Ed25519);
        Self::of(p256.or_else(ed25519).ok_or(SignError::PublicKeyMalformed)?)
    }

    pub(crate) fn p256(key: &ecdsa::SigningKey) -> Result<Self, SignError> {
        Self::of(Kind::P256(*key.verifying_key()))
    }

    pub(crate) fn ed25519(key: &ed25519_dalek::SigningKey) -> Result<Self, SignError> {
        Self::of(Kind::Ed25519(key.verifying_key()))
    }

    fn of(kind: Kind) -> Result<Self, SignError> {
        let spki = match &kind {
            Kind::P256(key) => key.to_public_key_der(),
            Kind::Ed25519(key) => key.to_public_key_der(),
        };
        let spki = spki.map_err(|_| SignError::PublicKeyMalformed)?.into_vec();
        Ok(Self { kind, spki })
    }

    /// What it verifies with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match &self.kind {
            Kind::P256(_) => Algorithm::P256,
            Kind::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// In PEM, for a policy and for other tools.
    ///
    /// # Errors
    /// `public-key-malformed`, for a key that cannot be written.
    pub fn to_pem(&self) -> Result<String, SignError> {
        let pem = match &self.kind {
            Kind::P256(key) => key.to_public_key_pem(LineEnding::LF),
            Kind::Ed25519(key) => key.to_public_key_pem(LineEnding::LF),
        };
        pem.map_err(|_| SignError::PublicKeyMalformed)
    }

    /// DER, SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// `sha256:` and the digest of the SubjectPublicKeyInfo, in hex: how people name a key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("sha256:{}", hex::encode(self.digest()))
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.spki).into()
    }

    /// Whether a signature is one by this key.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.kind {
            Kind::P256(key) => ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| ecdsa::signature::Verifier::verify(key, message, &signature).is_ok()),
            Kind::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        }
    }
}
