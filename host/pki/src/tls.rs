//! TLS: the listener's own key, and agents' certificates at the handshake.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, ServerConfig, SignatureScheme,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{Identities, PkiError, ServerCertificate, pem};

/// Looks at the certificate of whoever connects: none is let through as nobody, one that is not good ends the
/// handshake.
///
/// The authorities that it names to clients are those of when it was made. After a rotation the old one still judges
/// rightly; a new one tells clients about the new authority.
#[derive(Debug)]
pub struct ClientVerifier {
    identities: Identities,
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientVerifier {
    /// Judges by `identities`, at the time of the TLS configuration's clock.
    #[must_use]
    pub fn new(identities: Identities, now: Timestamp) -> Self {
        let hint = |a: &crate::AuthorityCertificate| DistinguishedName::from(a.certificate.subject.clone());
        let hints = identities.trust().authorities(now).iter().map(hint).collect();
        let algorithms = ring::default_provider().signature_verification_algorithms;
        Self { identities, hints, algorithms }
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let now = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        match self.identities.of_certificate(end_entity, now) {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(error) => Err(told(error)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The same in words of TLS, of which the client sees the alert only. Where there is no word the error itself goes
/// along, as `certificate_unknown`.
fn told(error: PkiError) -> rustls::Error {
    let word = match &error {
        PkiError::Malformed { .. } | PkiError::Serial { .. } => CertificateError::BadEncoding,
        PkiError::NotYetValid { .. } => CertificateError::NotValidYet,
        PkiError::Expired { .. } => CertificateError::Expired,
        PkiError::Revoked => CertificateError::Revoked,
        PkiError::UnknownIssuer => CertificateError::UnknownIssuer,
        PkiError::Purpose { .. } => CertificateError::InvalidPurpose,
        _ => CertificateError::Other(OtherError(Arc::new(error))),
    };
    word.into()
}

/// Why a handshake was refused, where that is an error of this crate: a certificate of version 1, or one that names no
/// agent.
#[must_use]
pub fn refusal(error: &rustls::Error) -> Option<&PkiError> {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(error))) => error.downcast_ref(),
        _ => None,
    }
}

/// The certificate and key that a listener shows: exchanged while it runs, for the next connection.
pub struct ServerKey {
    current: ArcSwap<CertifiedKey>,
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerKey").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for ServerKey {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn unusable(why: impl fmt::Display) -> PkiError {
    PkiError::ServerKey { why: why.to_string() }
}

/// Reads a chain and a key, and holds them against each other.
fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, PkiError> {
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(unusable)
}

impl ServerKey {
    /// Of a certificate of the host's own authority.
    ///
    /// # Errors
    /// `server-certificate`.
    pub fn issued(certificate: &ServerCertificate) -> Result<Self, PkiError> {
        Ok(Self { current: ArcSwap::from_pointee(Self::of_issued(certificate)?) })
    }

    /// Of a chain, the server's own certificate first, and its key, both in PEM.
    ///
    /// # Errors
    /// `server-certificate` when one cannot be read or they do not belong together.
    pub fn of_files(chain: &[u8], key: &SecretString) -> Result<Self, PkiError> {
        Ok(Self { current: ArcSwap::from_pointee(Self::of_pem(chain, key)?) })
    }

    /// Shows another certificate from the next connection on. When it cannot be used the present one stays.
    ///
    /// # Errors
    /// `server-certificate`.
    pub fn replace_issued(&self, certificate: &ServerCertificate) -> Result<(), PkiError> {
        self.current.store(Arc::new(Self::of_issued(certificate)?));
        Ok(())
    }

    /// As [`Self::replace_issued`], of files.
    ///
    /// # Errors
    /// `server-certificate`.
    pub fn replace_files(&self, chain: &[u8], key: &SecretString) -> Result<(), PkiError> {
        self.current.store(Arc::new(Self::of_pem(chain, key)?));
        Ok(())
    }

    /// The hash of the key of the certificate that is shown now.
    #[must_use]
    pub fn key_hash(&self) -> Option<crate::KeyHash> {
        let current = self.current.load();
        let leaf = current.cert.first()?;
        crate::Certificate::from_der(leaf).ok().map(|certificate| certificate.key_hash())
    }

    fn of_issued(certificate: &ServerCertificate) -> Result<CertifiedKey, PkiError> {
        let key = certificate.key().pair.serialized_der().to_vec();
        certified(certificate.chain(), PrivateKeyDer::Pkcs8(key.into()))
    }

    fn of_pem(chain: &[u8], key: &SecretString) -> Result<CertifiedKey, PkiError> {
        let chain = pem::all(chain, SectionKind::Certificate).map_err(unusable)?;
        // What the parser says is not told: it saw the key.
        let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes())
            .map_err(|_| unusable("the key is no private key in PEM"))?;
        certified(chain.into_iter().map(CertificateDer::from).collect(), key)
    }
}

/// What a listener speaks: TLS 1.2 and 1.3, HTTP/1.1, with an optional certificate of the client.
///
/// Sessions are not resumed. A resumed one would bring back a certificate that was judged at another time, before it
/// was revoked for instance; so each connection is judged anew.
///
/// # Errors
/// `server-certificate`.
pub fn server_config(
    key: Arc<ServerKey>,
    verifier: Arc<ClientVerifier>,
    clock: Arc<dyn TimeProvider>,
) -> Result<ServerConfig, PkiError> {
    let mut config = ServerConfig::builder_with_details(Arc::new(ring::default_provider()), clock)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(key);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
