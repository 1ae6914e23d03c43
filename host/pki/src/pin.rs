//! Pins: how somebody who knows nothing of a host yet knows that it is the right one.
//!
//! A pin is the hash of a key: of an authority, or of the server itself. It comes with the token that a machine enrols
//! with, on the same way. A server that shows a chain with that key is the right one if the key is its own, or if the
//! certificate with it vouches for the server under the name that was asked for.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

use crate::{Certificate, KeyHash, PkiError};

/// The hash of a key, written `sha256:` and 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin(pub KeyHash);

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

impl FromStr for Pin {
    type Err = PkiError;

    fn from_str(text: &str) -> Result<Self, PkiError> {
        let hash = text.strip_prefix("sha256:").and_then(|hex| hex.parse().ok());
        hash.map(Self).ok_or(PkiError::PinForm)
    }
}

/// Lets a client speak with the server of a pin, and with no other.
#[derive(Debug)]
pub struct PinnedServer {
    pin: Pin,
    provider: Arc<CryptoProvider>,
}

impl PinnedServer {
    /// Of this pin.
    #[must_use]
    pub fn new(pin: Pin) -> Self {
        Self { pin, provider: Arc::new(ring::default_provider()) }
    }

    fn is_pinned(&self, der: &CertificateDer<'_>) -> bool {
        Certificate::from_der(der).is_ok_and(|certificate| certificate.key_hash() == self.pin.0)
    }
}

fn refused() -> rustls::Error {
    CertificateError::Other(OtherError(Arc::new(PkiError::Pin))).into()
}

impl ServerCertVerifier for PinnedServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // That the server has the key of its certificate, the handshake shows.
        if self.is_pinned(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let pinned = intermediates.iter().find(|der| self.is_pinned(der)).ok_or_else(refused)?;
        let mut roots = RootCertStore::empty();
        roots.add(pinned.clone().into_owned())?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider));
        let verifier = verifier.build().map_err(|_| refused())?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::{Authority, Organization, ServerNames};

    fn judge(pin: KeyHash, chain: &[CertificateDer<'static>], name: &str) -> Result<(), rustls::Error> {
        let seconds = u64::try_from(Timestamp::now().as_second()).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let (leaf, rest) = chain.split_first().unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        PinnedServer::new(Pin(pin)).verify_server_cert(leaf, rest, &name, &[], now).map(drop)
    }

    #[test]
    fn a_server_is_known_by_its_key_or_by_an_authority_that_vouches_for_it() {
        let now = Timestamp::now();
        let ours = Authority::create(&Organization::default(), now).unwrap();
        let theirs = Authority::create(&Organization::default(), now).unwrap();
        let names = ServerNames::new(["host.example"]).unwrap();
        let server = ours.issue_server(&names, now).unwrap();
        let stranger = theirs.issue_server(&names, now).unwrap();
        let (pin, own) = (ours.certificate().id(), server.certificate().key_hash());
        judge(pin, &server.chain(), "host.example").unwrap();
        judge(own, &server.chain(), "host.example").unwrap();
        // It does not vouch for another name, nor for whoever only shows its certificate.
        assert!(judge(pin, &server.chain(), "other.example").is_err());
        let stolen = vec![stranger.chain()[0].clone(), server.chain()[1].clone()];
        assert!(judge(pin, &stolen, "host.example").is_err());
        for chain in [stranger.chain(), vec![server.chain()[0].clone()]] {
            let refused = judge(pin, &chain, "host.example").unwrap_err();
            assert_eq!(crate::refusal(&refused).map(PkiError::code), Some("pin-mismatch"));
        }
    }

    #[test]
    fn a_pin_is_read_as_it_is_written() {
        let pin: Pin = format!("sha256:{}", "0f".repeat(32)).parse().unwrap();
        assert_eq!(pin.to_string().parse(), Ok(pin));
        for bad in ["", "sha256:", &"0f".repeat(32), &format!("sha1:{}", "0f".repeat(32)), "sha256:zz"] {
            assert_eq!(bad.parse::<Pin>().map_err(|e| e.code()), Err("pin-form"), "{bad:?}");
        }
    }
}
