//! Private keys of this machine.

use std::fmt;

use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::KeypairBytes;
use p256::SecretKey;
use p256::ecdsa;
use pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::Signer;
use crate::error::SignError;
use crate::public::PublicKey;

/// What a key signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256, which every Sigstore client verifies.
    P256,
    /// Ed25519.
    Ed25519,
}

/// A private key in memory. It never prints.
pub struct Key {
    kind: Kind,
    public: PublicKey,
}

enum Kind {
    P256(Box<ecdsa::SigningKey>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("public", &self.public.fingerprint()).finish_non_exhaustive()
    }
}

impl Key {
    /// A new key.
    #[must_use]
    pub fn generate(algorithm: Algorithm) -> Self {
        loop {
            let bytes = Zeroizing::new(rand::random::<[u8; 32]>());
            let made = match algorithm {
                // All but a 2^-32 part of all numbers are keys.
                Algorithm::P256 => SecretKey::from_slice(bytes.as_slice()).ok().map(Self::p256),
                Algorithm::Ed25519 => Some(Self::ed25519(ed25519_dalek::SigningKey::from_bytes(&bytes))),
            };
            if let Some(Ok(key)) = made {
                return key;
            }
        }
    }

    fn p256(key: SecretKey) -> Result<Self, SignError> {
        let key = Box::new(ecdsa::SigningKey::from(key));
        Ok(Self { public: PublicKey::p256(&key)?, kind: Kind::P256(key) })
    }

    fn ed25519(key: ed25519_dalek::SigningKey) -> Result<Self, SignError> {
        Ok(Self { public: PublicKey::ed25519(&key)?, kind: Kind::Ed25519(Box::new(key)) })
    }

    /// What it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match &self.kind {
            Kind::P256(_) => Algorithm::P256,
            Kind::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// Reads a key in PEM: `PRIVATE KEY`, or `ENCRYPTED PRIVATE KEY` with its passphrase (both PKCS#8).
    ///
    /// # Errors
    /// `passphrase-needed`, `passphrase-wrong`, `key-malformed`.
    pub fn from_pem(text: &SecretString, passphrase: Option<&SecretString>) -> Result<Self, SignError> {
        let text = text.expose_secret().trim();
        let encrypted = text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----");
        let passphrase = match (encrypted, passphrase) {
            (true, None) => return Err(SignError::PassphraseNeeded),
            (true, Some(passphrase)) => Some(passphrase),
            (false, _) => None,
        };
        if let Ok(key) = read::<SecretKey>(text, passphrase) {
            return Self::p256(key);
        }
        match read::<ed25519_dalek::SigningKey>(text, passphrase) {
            Ok(key) => Self::ed25519(key),
            Err(pkcs8::Error::EncryptedPrivateKey(_)) => Err(SignError::PassphraseWrong),
            Err(e) => Err(SignError::KeyMalformed { why: e.to_string() }),
        }
    }

    /// The key in PEM, encrypted where there is a passphrase (scrypt and AES-256).
    ///
    /// # Errors
    /// `key-unwritable`.
    pub fn to_pem(&self, passphrase: Option<&SecretString>) -> Result<SecretString, SignError> {
        let pem = match &self.kind {
            Kind::P256(key) => write(&SecretKey::from(key.as_nonzero_scalar()), passphrase),
            // Version 1, without the public key: OpenSSL reads no other.
            Kind::Ed25519(key) => {
                let private = KeypairBytes { secret_key: key.to_bytes(), public_key: None };
                write(&private, passphrase)
            }
        };
        let pem = pem.map_err(|e| SignError::KeyUnwritable { why: e.to_string() })?;
        Ok(pem.as_str().into())
    }
}

impl Signer for Key {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let refused = |e: ed25519_dalek::SignatureError| SignError::Refused { why: e.to_string() };
        match &self.kind {
            Kind::P256(key) => {
                let signature: ecdsa::Signature = key.try_sign(message).map_err(refused)?;
                // Of the two signatures that verify, verifiers may refuse the one with the larger `s`.
                Ok(signature.normalize_s().to_der().as_bytes().to_vec())
            }
            Kind::Ed25519(key) => Ok(key.try_sign(message).map_err(refused)?.to_vec()),
        }
    }
}

fn read<K: DecodePrivateKey>(text: &str, passphrase: Option<&SecretString>) -> pkcs8::Result<K> {
    match passphrase {
        Some(passphrase) => K::from_pkcs8_encrypted_pem(text, passphrase.expose_secret()),
        None => K::from_pkcs8_pem(text),
    }
}

fn write(key: &impl EncodePrivateKey, passphrase: Option<&SecretString>) -> pkcs8::Result<Zeroizing<String>> {
    match passphrase {
        Some(passphrase) => key.to_pkcs8_encrypted_pem(passphrase.expose_secret(), LineEnding::LF),
        None => key.to_pkcs8_pem(LineEnding::LF),
    }
}
