//! Who comes with a certificate.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_cert::ext::pkix::KeyUsages;

use crate::certificate::CLIENT_AUTH;
use crate::naming::SpiffeId;
use crate::{
    AgentName, Certificate, DistinguishedName, Fingerprint, KeyHash, PkiError, Serial, Tenant, TrustDomain,
    TrustStore, Version,
};

/// Who is on the other side of a connection or a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Somebody without a certificate: nobody yet.
    Anonymous,
    /// An agent.
    Agent(Arc<ClientIdentity>),
}

/// An agent that was recognised by its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// Its name.
    pub name: AgentName,
    /// Whose agent it is. Certificates of other systems do not say.
    pub tenant: Option<Tenant>,
    /// The number of its certificate.
    pub serial: Serial,
    /// What else its certificate says; nothing, where a proxy sent a name and a number only.
    pub presented: Option<Presented>,
}

/// What is known from the whole of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// SHA-256 of the certificate.
    pub fingerprint: Fingerprint,
    /// SHA-256 of its key.
    pub key_hash: KeyHash,
    /// Until when it is valid.
    pub expires: Timestamp,
    /// Who issued it.
    pub authority: KeyHash,
}

/// Recognises agents by their certificates, at a time that the caller gives.
#[derive(Debug, Clone)]
pub struct Identities {
    trust: Arc<TrustStore>,
    trust_domain: TrustDomain,
}

impl Identities {
    /// By these authorities and revocations, with ids of this trust domain.
    #[must_use]
    pub const fn new(trust: Arc<TrustStore>, trust_domain: TrustDomain) -> Self {
        Self { trust, trust_domain }
    }

    /// What is trusted and revoked.
    #[must_use]
    pub const fn trust(&self) -> &Arc<TrustStore> {
        &self.trust
    }

    /// Who a TLS connection is with, by the certificates that its peer sent. All is checked again, so that the answer is
    /// right whatever the handshake did.
    ///
    /// # Errors
    /// What [`Self::of_certificate`] refuses.
    pub fn of_connection(
        &self,
        certificates: Option<&[CertificateDer<'_>]>,
        now: Timestamp,
    ) -> Result<Peer, PkiError> {
        match certificates {
            None | Some([]) => Ok(Peer::Anonymous),
            Some([leaf, ..]) => Ok(Peer::Agent(Arc::new(self.of_certificate(leaf, now)?))),
        }
    }

    /// Who a certificate speaks for: one that an authority of this host issued for an agent, valid now, not revoked.
    ///
    /// # Errors
    /// `certificate-malformed`, `certificate-version-1`, `certificate-unknown-issuer`, `certificate-expired`,
    /// `certificate-not-yet-valid`, `certificate-revoked`, `certificate-purpose`, `certificate-identity`.
    pub fn of_certificate(&self, der: &[u8], now: Timestamp) -> Result<ClientIdentity, PkiError> {
        let leaf = Certificate::from_der(der)?;
        let authority = self.issued_by_ours(&leaf, now)?;
        self.of_checked(&leaf, authority)
    }

    /// As [`Self::of_certificate`], or issued by an authority of another system that the operator named. Only for what a
    /// trusted proxy sends.
    pub(crate) fn of_proxied(&self, der: &[u8], now: Timestamp) -> Result<ClientIdentity, PkiError> {
        let leaf = Certificate::from_der(der)?;
        let authority = match self.issued_by_ours(&leaf, now) {
            Ok(authority) => authority,
            Err(error) => {
                let legacy = self.trust.legacy();
                let named = legacy.iter().filter(|authority| authority.is_named_by(&leaf));
                let mut error = error;
                let found = named.into_iter().find(|authority| match authority.check(&leaf, now) {
                    Ok(()) => true,
                    Err(why) => {
                        error = why;
                        false
                    }
                });
                found.map(crate::LegacyAuthority::id).ok_or(error)?
            }
        };
        self.of_checked(&leaf, authority)
    }

    /// Who a subject and a serial speak for that a trusted proxy took from a certificate which it verified.
    pub(crate) fn of_subject(
        &self,
        subject: &DistinguishedName,
        serial: Serial,
    ) -> Result<ClientIdentity, PkiError> {
        let name = subject.common_name()?.parse()?;
        if self.trust.is_revoked(&serial) {
            return Err(PkiError::Revoked);
        }
        Ok(ClientIdentity { name, tenant: None, serial, presented: None })
    }

    /// Whether an agent that was recognised earlier would be again: its certificate has not ended, is not revoked, and
    /// its authority is still trusted. Cheap: no signature is checked.
    ///
    /// # Errors
    /// `certificate-revoked`, `certificate-expired`, `certificate-unknown-issuer`.
    pub fn still_good(&self, identity: &ClientIdentity, now: Timestamp) -> Result<(), PkiError> {
        if self.trust.is_revoked(&identity.serial) {
            return Err(PkiError::Revoked);
        }
        let Some(Presented { expires, authority, .. }) = &identity.presented else { return Ok(()) };
        if now > *expires {
            return Err(PkiError::Expired { end: *expires });
        }
        let ours = self.trust.all().iter().any(|a| a.id() == *authority && a.valid_at(now).is_ok());
        let legacy = || self.trust.legacy().iter().any(|a| a.id() == *authority && a.valid_at(now));
        if ours || legacy() { Ok(()) } else { Err(PkiError::UnknownIssuer) }
    }

    /// Which authority of this host issued it, for an agent; all but whether it is revoked and whom it names.
    fn issued_by_ours(&self, leaf: &Certificate, now: Timestamp) -> Result<KeyHash, PkiError> {
        match leaf.version {
            Version::V1 => return Err(PkiError::Version1),
            Version::V2 => return Err(PkiError::Malformed { why: "it is of X.509 version 2" }),
            Version::V3 => {}
        }
        // Path building does not look at the time of authorities.
        let all = self.trust.all();
        let valid: Vec<_> = all.iter().filter(|authority| authority.valid_at(now).is_ok()).collect();
        let anchors: Vec<_> = valid.iter().map(|authority| authority.anchor.clone()).collect();
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        let end = EndEntityCert::try_from(&leaf.der).map_err(|e| refused_path(&e))?;
        // Every authority issues to agents directly, so whatever else the peer sent is of no use.
        let path = end
            .verify_for_usage(
                algorithms.all,
                &anchors,
                &[],
                unix_time(now)?,
                KeyUsage::required(CLIENT_AUTH.as_bytes()),
                None,
                None,
            )
            .map_err(|e| refused_path(&e))?;
        if !leaf.allows(KeyUsages::DigitalSignature) {
            return Err(PkiError::Purpose { why: "its key is not for signatures" });
        }
        let anchor = path.anchor();
        let issuer = valid.iter().find(|authority| authority.anchor == *anchor);
        issuer.map(|authority| authority.id()).ok_or(PkiError::UnknownIssuer)
    }

    fn of_checked(&self, leaf: &Certificate, authority: KeyHash) -> Result<ClientIdentity, PkiError> {
        if self.trust.is_revoked(&leaf.serial) {
            return Err(PkiError::Revoked);
        }
        if leaf.is_authority() {
            return Err(PkiError::Purpose { why: "it is that of an authority" });
        }
        let (name, tenant) = named(leaf, &self.trust_domain)?;
        let presented = Presented {
            fingerprint: leaf.fingerprint(),
            key_hash: leaf.key_hash(),
            expires: leaf.not_after,
            authority,
        };
        Ok(ClientIdentity { name, tenant, serial: leaf.serial.clone(), presented: Some(presented) })
    }
}

/// The one agent that a certificate names: by its one common name, and by its id where it has one, which has to name the
/// same.
pub(crate) fn named(
    leaf: &Certificate,
    trust_domain: &TrustDomain,
) -> Result<(AgentName, Option<Tenant>), PkiError> {
    let name: AgentName = match leaf.common_names.as_slice() {
        [name] => name.parse()?,
        [] => return Err(PkiError::Identity { why: "it has no common name" }),
        _ => return Err(PkiError::Identity { why: "it has several common names" }),
    };
    match leaf.uris.as_slice() {
        [] => Ok((name, None)),
        [uri] => {
            let id: SpiffeId = uri.parse()?;
            if id.trust_domain != *trust_domain {
                return Err(PkiError::Identity { why: "its SPIFFE id is of another trust domain" });
            }
            if id.name != name {
                return Err(PkiError::Identity { why: "its SPIFFE id and its common name differ" });
            }
            Ok((name, Some(id.tenant)))
        }
        _ => Err(PkiError::Identity { why: "it has several ids" }),
    }
}

pub(crate) fn unix_time(now: Timestamp) -> Result<UnixTime, PkiError> {
    let since = std::time::Duration::try_from(now.duration_since(Timestamp::UNIX_EPOCH));
    since.map(UnixTime::since_unix_epoch).map_err(|_| PkiError::Malformed { why: "the clock is before 1970" })
}

/// What path building refused, in words of ours.
pub(crate) fn refused_path(error: &webpki::Error) -> PkiError {
    use webpki::Error as Path;
    let at = |time: UnixTime| {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    };
    match error {
        Path::CertExpired { not_after, .. } => PkiError::Expired { end: at(*not_after) },
        Path::CertNotValidYet { not_before, .. } => PkiError::NotYetValid { from: at(*not_before) },
        Path::InvalidCertValidity => PkiError::Malformed { why: "it ends before it begins" },
        Path::CaUsedAsEndEntity => PkiError::Purpose { why: "it is that of an authority" },
        Path::RequiredEkuNotFoundContext(_) => PkiError::Purpose { why: "it is not for TLS clients" },
        Path::UnsupportedCriticalExtension => {
            PkiError::Malformed { why: "it has a critical extension that is not known" }
        }
        Path::UnsupportedCertVersion => PkiError::Version1,
        Path::BadDer
        | Path::BadDerTime
        | Path::TrailingData(_)
        | Path::ExtensionValueInvalid
        | Path::MalformedExtensions
        | Path::SignatureAlgorithmMismatch => PkiError::Malformed { why: "it is no X.509 that is accepted" },
        // Another key, another name, an algorithm that ours do not use: ours did not issue it.
        _ => PkiError::UnknownIssuer,
    }
}
