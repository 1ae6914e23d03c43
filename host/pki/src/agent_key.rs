//! The key of an agent, and the request for its certificate: what an agent makes on its own side.

use std::fmt;

use rcgen::{CertificateParams, DistinguishedName};
use secrecy::SecretString;

use crate::key::Key;
use crate::{KeyHash, PkiError};

/// A P-256 key of an agent. It never leaves the agent, and never prints.
pub struct AgentKeyPair {
    key: Key,
}

impl fmt::Debug for AgentKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

impl AgentKeyPair {
    /// A new one.
    ///
    /// # Errors
    /// `pki-crypto`.
    pub fn generate() -> Result<Self, PkiError> {
        Ok(Self { key: Key::generate()? })
    }

    /// Reads one in PEM (PKCS#8).
    ///
    /// # Errors
    /// `agent-key`.
    pub fn from_pem(pem: &SecretString) -> Result<Self, PkiError> {
        let key = Key::from_pem(pem).map_err(|_| PkiError::AgentKey)?;
        Ok(Self { key })
    }

    /// The key in PEM (PKCS#8), to be kept.
    #[must_use]
    pub fn to_pem(&self) -> SecretString {
        self.key.to_pem()
    }

    /// SHA-256 of the public part.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        self.key.hash()
    }

    /// A request for a certificate (PKCS#10, PEM). It says nothing but the key: the host knows the name.
    ///
    /// # Errors
    /// `pki-crypto`.
    pub fn request_pem(&self) -> Result<String, PkiError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        Ok(params.serialize_request(&self.key.pair)?.pem()?)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::CertificateRequest;

    #[test]
    fn a_request_is_of_its_key_which_is_read_back_and_does_not_print() {
        let key = AgentKeyPair::generate().unwrap();
        let request = CertificateRequest::read(key.request_pem().unwrap().as_bytes()).unwrap();
        assert_eq!(request.key_hash(), key.hash());
        let again = AgentKeyPair::from_pem(&key.to_pem()).unwrap();
        assert_eq!(again.hash(), key.hash());
        let secret = key.to_pem();
        let line = secret.expose_secret().lines().nth(1).unwrap();
        assert!(!format!("{key:?}").contains(line));
        let bad = AgentKeyPair::from_pem(&"-----BEGIN X-----".to_owned().into());
        assert_eq!(bad.map_err(|e| e.code()).err(), Some("agent-key"));
    }
}
