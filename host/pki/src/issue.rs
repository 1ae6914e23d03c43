//! Certificates of agents.

use jiff::{SignedDuration, Timestamp};
use rcgen::{CrlDistributionPoint, DnType, ExtendedKeyUsagePurpose, SanType};

use crate::naming::SpiffeId;
use crate::{
    AgentName, Authority, CertificateRequest, Fingerprint, KeyHash, Naming, PkiError, Serial, Tenant,
};

/// How long the certificate of an agent lasts.
pub const AGENT_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);

/// How much earlier certificates begin than they are made, for clocks that are late.
pub const BACKDATE: SignedDuration = SignedDuration::from_mins(5);

/// Whom a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSubject {
    /// Its name.
    pub name: AgentName,
    /// Whose agent it is.
    pub tenant: Tenant,
}

/// What is kept of a certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// Whom it is for.
    pub name: AgentName,
    /// Whose agent that is.
    pub tenant: Tenant,
    /// Its number, by which it is revoked.
    pub serial: Serial,
    /// SHA-256 of the certificate.
    pub fingerprint: Fingerprint,
    /// SHA-256 of the agent's key.
    pub key_hash: KeyHash,
    /// The authority that issued it.
    pub authority: KeyHash,
    /// From when on it is valid.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
    /// The certificate.
    pub pem: String,
}

impl Authority {
    /// Issues the certificate of an agent: valid for [`AGENT_LIFE`] but not longer than the authority, from
    /// [`BACKDATE`] ago on, for TLS clients only.
    ///
    /// # Errors
    /// `authority-expired`, `authority-not-yet-valid`, `authority-unusable`, `pki-crypto`.
    pub fn issue_agent(
        &self,
        request: &CertificateRequest,
        subject: &AgentSubject,
        naming: &Naming,
        now: Timestamp,
    ) -> Result<IssuedCertificate, PkiError> {
        let (mut params, serial) = self.within(now, AGENT_LIFE)?;
        let AgentSubject { name, tenant } = subject;
        params.distinguished_name.push(DnType::OrganizationName, naming.organization.as_str());
        params.distinguished_name.push(DnType::CommonName, name.to_string());
        let id = SpiffeId {
            trust_domain: naming.trust_domain.clone(),
            tenant: tenant.clone(),
            name: name.clone(),
        };
        params.subject_alt_names = vec![SanType::URI(id.to_string().try_into()?)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.crl_distribution_points =
            naming.crl_url.iter().map(|url| CrlDistributionPoint { uris: vec![url.clone()] }).collect();
        let issued = params.signed_by(request, self.issuer())?;
        let issued = self.checked(issued.der(), request.info())?;
        Ok(IssuedCertificate {
            name: name.clone(),
            tenant: tenant.clone(),
            serial,
            fingerprint: issued.fingerprint(),
            key_hash: issued.key_hash(),
            authority: self.certificate().id(),
            not_before: issued.not_before,
            not_after: issued.not_after,
            pem: issued.to_pem(),
        })
    }
}
