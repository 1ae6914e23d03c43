//! Certificates of agents, as the host issues them.

use jiff::Timestamp;
use waystation_core::agent::AgentName;
use waystation_core::name::TenantName;
use waystation_pki::{AgentSubject, CertificateRequest, KeyHash, PkiError};
use waystation_store::tickets::IssuedCertificate;

use super::Pki;

/// A certificate that was made. Nobody has it yet, and it counts for nothing before the database has it.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    pub(crate) certificate: String,
    /// All authorities that the host trusts, in PEM.
    pub(crate) authorities: String,
    pub(crate) serial: String,
    pub(crate) fingerprint: String,
    pub(crate) key: KeyHash,
    pub(crate) expires: Timestamp,
}

impl Issued {
    /// For the database.
    pub(crate) fn kept(&self) -> IssuedCertificate {
        let (serial, fingerprint) = (self.serial.clone(), self.fingerprint.clone());
        IssuedCertificate { serial, fingerprint, expires_at: self.expires }
    }
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotIssued {
    /// The host has nothing to sign with.
    #[error("this host has no authority; set `server.tls.enabled` or `server.proxy.certificate_header`")]
    NoAuthority,
    /// The request, or the name, cannot be used.
    #[error(transparent)]
    Pki(#[from] PkiError),
}

impl NotIssued {
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NoAuthority => "no-authority",
            Self::Pki(error) => error.code(),
        }
    }
}

impl Pki {
    /// Makes a certificate for the key of a request (PKCS#10, PEM).
    pub(crate) fn issue(
        &self,
        name: &AgentName,
        tenant: &TenantName,
        csr: &str,
        now: Timestamp,
    ) -> Result<Issued, NotIssued> {
        let authorities = self.authorities().ok_or(NotIssued::NoAuthority)?;
        let request = CertificateRequest::read(csr.as_bytes())?;
        let subject = AgentSubject { name: name.clone(), tenant: tenant.as_str().parse()? };
        let issued = authorities.issuing().issue_agent(&request, &subject, self.naming(), now)?;
        Ok(Issued {
            certificate: issued.pem,
            authorities: authorities.bundle(now),
            serial: issued.serial.to_string(),
            fingerprint: issued.fingerprint.to_string(),
            key: issued.key_hash,
            expires: issued.not_after,
        })
    }
}
