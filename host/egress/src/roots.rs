//! `Roots`: the certificate authorities that servers are checked against.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::EgressError;

/// Trust roots, loaded once and shared by all clients.
///
/// Without any root nothing over TLS works (`no-trust-roots`); plain HTTP does. There is no way to switch
/// the check of certificates off.
#[derive(Debug, Clone)]
pub struct Roots {
    verifier: Option<Arc<WebPkiServerVerifier>>,
}

impl Roots {
    /// The roots of this system and those of an extra PEM file.
    ///
    /// Reads files. System roots that cannot be read are left out, with a warning.
    ///
    /// # Errors
    ///
    /// `bad-roots` when the extra file cannot be read, holds no certificate, or one that is no authority's.
    pub fn load(extra: Option<&Path>) -> Result<Self, EgressError> {
        let native = rustls_native_certs::load_native_certs();
        for error in &native.errors {
            tracing::warn!(%error, "some of this system's trust roots cannot be read");
        }
        let mut store = RootCertStore::empty();
        let (_, ignored) = store.add_parsable_certificates(native.certs);
        if ignored > 0 {
            tracing::warn!(ignored, "some of this system's trust roots cannot be used");
        }
        if let Some(path) = extra {
            add_file(&mut store, path)?;
        }
        Ok(Self::over(store))
    }

    /// The roots of one PEM file and no others.
    ///
    /// # Errors
    ///
    /// As [`Roots::load`].
    pub fn only(path: &Path) -> Result<Self, EgressError> {
        let mut store = RootCertStore::empty();
        add_file(&mut store, path)?;
        Ok(Self::over(store))
    }

    /// No roots: TLS always fails.
    #[must_use]
    pub const fn none() -> Self {
        Self { verifier: None }
    }

    fn over(store: RootCertStore) -> Self {
        // The builder refuses only an empty store.
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider()).build().ok();
        Self { verifier }
    }

    /// TLS over these roots, for what the host itself sends: nothing of a plugin's goes this way.
    ///
    /// # Errors
    ///
    /// `no-trust-roots` when there is none.
    pub fn client_config(&self) -> Result<rustls::ClientConfig, EgressError> {
        let versions =
            rustls::ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = versions.map_err(|_| EgressError::NoTrustRoots)?;
        Ok(builder.with_webpki_verifier(self.verifier()?).with_no_client_auth())
    }

    pub(crate) fn verifier(&self) -> Result<Arc<WebPkiServerVerifier>, EgressError> {
        self.verifier.clone().ok_or(EgressError::NoTrustRoots)
    }
}

/// The cryptography of every connection.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn add_file(store: &mut RootCertStore, path: &Path) -> Result<(), EgressError> {
    let bad = |why: String| EgressError::BadRoots { path: path.display().to_string(), why };
    let before = store.len();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))? {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        store.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if store.len() == before { Err(bad("it holds no certificate".to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(content: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        file
    }

    #[test]
    fn an_extra_file_that_cannot_be_used_is_an_error() {
        let missing = Roots::load(Some(Path::new("/nonexistent/ca.pem"))).unwrap_err();
        assert!(missing.to_string().contains("/nonexistent/ca.pem"));
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for content in ["", "no pem here", garbage] {
            let file = file(content);
            assert_eq!(Roots::only(file.path()).unwrap_err().code(), "bad-roots", "{content}");
        }
    }

    #[test]
    fn without_roots_there_is_no_verifier() {
        assert_eq!(Roots::none().verifier().unwrap_err(), EgressError::NoTrustRoots);
    }
}
