//! A certificate authority of a test.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// Signs certificates that only those believe who trust it.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::default())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    /// Writes its certificate, as an operator would have it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        Ok(std::fs::write(file, &self.pem)?)
    }

    /// Writes a certificate for `name` and its key, as a server of another program wants them.
    ///
    /// # Errors
    /// When they cannot be made or written.
    pub fn issue(&self, name: &str, certificate: &Path, key: &Path) -> Result<()> {
        let pair = KeyPair::generate()?;
        let signed = CertificateParams::new(vec![name.to_owned()])?.signed_by(&pair, &self.issuer)?;
        std::fs::write(certificate, signed.pem())?;
        Ok(std::fs::write(key, pair.serialize_pem())?)
    }

    /// Accepts connections for `name`, with a certificate that ended in that year, or that holds.
    ///
    /// # Errors
    /// When the certificate cannot be made.
    pub fn acceptor(&self, name: &str, ended: Option<i32>) -> Result<TlsAcceptor> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        if let Some(year) = ended {
            params.not_before = rcgen::date_time_ymd(year - 1, 1, 1);
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
