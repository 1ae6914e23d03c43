//! Private keys in memory. They never print.

use std::fmt;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{KeyHash, PkiError};

/// A P-256 key that this host signs with.
pub(crate) struct Key {
    pub(crate) pair: KeyPair,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("public", &self.hash().to_string()).finish_non_exhaustive()
    }
}

impl Key {
    /// A new one, of the system's randomness.
    pub(crate) fn generate() -> Result<Self, PkiError> {
        Ok(Self { pair: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)? })
    }

    /// Reads one in PEM (PKCS#8).
    pub(crate) fn from_pem(pem: &SecretString) -> Result<Self, PkiError> {
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(pem.expose_secret(), &PKCS_ECDSA_P256_SHA256);
        // What the parser says is not told: it saw the key.
        let pair =
            pair.map_err(|_| PkiError::Authority { why: "its key is no P-256 key in PEM (PKCS#8)" })?;
        Ok(Self { pair })
    }

    /// The key in PEM (PKCS#8).
    pub(crate) fn to_pem(&self) -> SecretString {
        self.pair.serialize_pem().into()
    }

    /// The public part, DER.
    pub(crate) fn public(&self) -> Vec<u8> {
        self.pair.subject_public_key_info()
    }

    pub(crate) fn hash(&self) -> KeyHash {
        KeyHash::of(&self.public())
    }
}
