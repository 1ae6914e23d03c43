//! Authorities of another system, whose certificates may be of X.509 version 1.
//!
//! Such a certificate does not say what it is for, so it is taken only where the operator names the authority, and only
//! behind a trusted proxy that spoke TLS with the agent.

use jiff::Timestamp;
use rustls::pki_types::{TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_cert::ext::pkix::KeyUsages;

use crate::der::{PublicKey, Signed};
use crate::identity::{refused_path, unix_time};
use crate::{Certificate, KeyHash, PkiError, Version};

/// The certificate of such an authority, of any version.
#[derive(Debug, Clone)]
pub struct LegacyAuthority {
    certificate: Certificate,
    anchor: TrustAnchor<'static>,
}

impl LegacyAuthority {
    /// Reads the certificate of an authority, in PEM or DER.
    ///
    /// # Errors
    /// `certificate-malformed`; `authority-not-ca` when it is of version 3 and says that it is none;
    /// `authority-unusable`.
    pub fn read(input: &[u8]) -> Result<Self, PkiError> {
        let certificate = Certificate::read(input)?;
        if certificate.version == Version::V3 && !certificate.is_authority() {
            return Err(PkiError::NotAnAuthority { why: "its basic constraints do not say that it is" });
        }
        if !certificate.allows(KeyUsages::KeyCertSign) {
            return Err(PkiError::NotAnAuthority { why: "its key is not for signing certificates" });
        }
        let anchor = webpki::anchor_from_trusted_cert(&certificate.der)
            .map_err(|_| PkiError::Authority { why: "its certificate is no trust anchor" })?
            .to_owned();
        Ok(Self { certificate, anchor })
    }

    /// What it is known by: the hash of its key.
    #[must_use]
    pub fn id(&self) -> KeyHash {
        self.certificate.key_hash()
    }

    pub(crate) fn valid_at(&self, now: Timestamp) -> bool {
        self.certificate.valid_at(now).is_ok()
    }

    /// Whether it says to have issued that certificate.
    pub(crate) fn is_named_by(&self, leaf: &Certificate) -> bool {
        leaf.issuer == self.certificate.subject
    }

    /// Whether it issued that certificate, which is valid and no authority's.
    pub(crate) fn check(&self, leaf: &Certificate, now: Timestamp) -> Result<(), PkiError> {
        if !self.valid_at(now) || !self.is_named_by(leaf) {
            return Err(PkiError::UnknownIssuer);
        }
        match leaf.version {
            Version::V1 => self.check_version1(leaf, now),
            Version::V2 => Err(PkiError::Malformed { why: "it is of X.509 version 2" }),
            Version::V3 => self.check_version3(leaf, unix_time(now)?),
        }
    }

    fn check_version1(&self, leaf: &Certificate, now: Timestamp) -> Result<(), PkiError> {
        let malformed = |_| PkiError::Malformed { why: "it is no X.509" };
        let signed = Signed::parse(&leaf.der).map_err(malformed)?;
        let key = PublicKey::parse(&self.certificate.key).map_err(malformed)?;
        if !signed.is_signed_by(&key) {
            return Err(PkiError::UnknownIssuer);
        }
        // Its own certificate carries its name too, and it is no agent.
        if leaf.key == self.certificate.key {
            return Err(PkiError::Purpose { why: "it is that of the authority" });
        }
        leaf.valid_at(now)
    }

    /// One that does not say what it is for is taken, since such an authority says so of none.
    fn check_version3(&self, leaf: &Certificate, now: UnixTime) -> Result<(), PkiError> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        let end = EndEntityCert::try_from(&leaf.der).map_err(|e| refused_path(&e))?;
        let anchors = std::slice::from_ref(&self.anchor);
        end.verify_for_usage(algorithms.all, anchors, &[], now, KeyUsage::client_auth(), None, None)
            .map(|_| ())
            .map_err(|e| refused_path(&e))
    }
}
