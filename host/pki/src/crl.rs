//! Lists of revoked certificates (RFC 5280, section 5), for proxies and other tools. The host itself looks at its
//! [`crate::TrustStore`], which is never behind.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevocationReason, RevokedCertParams};
use rustls::pki_types::pem::SectionKind;
use x509_cert::crl::CertificateList;
use x509_cert::der::oid::{AssociatedOid as _, ObjectIdentifier};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::{CrlNumber as CrlNumberExtension, CrlReason};

use crate::authority::moment;
use crate::der::{PublicKey, Signed};
use crate::{Authority, AuthorityCertificate, PkiError, Serial, certificate, pem};

/// The most bytes of a list that is read: some 200,000 certificates.
const MAX_LIST: usize = 16 << 20;

const AUTHORITY_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");

/// The number of a list: each one of an authority has a higher one than those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CrlNumber(pub u64);

impl CrlNumber {
    /// The next number.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Why a certificate is revoked. None of them is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is not said.
    Unspecified,
    /// Somebody else has the key.
    KeyCompromise,
    /// The agent is somebody else's now.
    AffiliationChanged,
    /// There is a newer certificate.
    Superseded,
    /// The agent is gone.
    CessationOfOperation,
    /// It may not any more what it was for.
    PrivilegeWithdrawn,
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Of which certificate.
    pub serial: Serial,
    /// Since when, in whole seconds.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
}

/// A list that its authority signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    /// Its number.
    pub number: CrlNumber,
    /// When it was made.
    pub this_update: Timestamp,
    /// When the next one is there at the latest.
    pub next_update: Timestamp,
    /// Who is on it.
    pub revoked: Vec<Revoked>,
    der: Vec<u8>,
}

impl RevocationList {
    /// As it was signed.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// In PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::write("X509 CRL", &self.der)
    }

    /// Reads a list, in PEM or DER, that the authority signed, is not older than `seen` and not overdue.
    ///
    /// # Errors
    /// `crl-malformed`, `crl-untrusted`, `crl-rolled-back`, `crl-expired`.
    pub fn read(
        input: &[u8],
        authority: &AuthorityCertificate,
        seen: Option<CrlNumber>,
        now: Timestamp,
    ) -> Result<Self, PkiError> {
        let malformed = |why| PkiError::CrlMalformed { why };
        if input.len() > 2 * MAX_LIST {
            return Err(malformed("it is too large"));
        }
        let der = pem::one(input, SectionKind::Crl).map_err(malformed)?;
        let signed = Signed::parse(&der).map_err(|_| malformed("it is no revocation list"))?;
        let key = PublicKey::parse(&authority.certificate.key).map_err(|_| PkiError::CrlUntrusted)?;
        if !signed.is_signed_by(&key) {
            return Err(PkiError::CrlUntrusted);
        }
        let list = CertificateList::from_der(&der).map_err(|_| malformed("it is no revocation list"))?;
        let list = list.tbs_cert_list;
        if list.issuer.to_der().ok().as_ref() != Some(&authority.certificate.subject) {
            return Err(PkiError::CrlUntrusted);
        }
        let next_update =
            list.next_update.ok_or_else(|| malformed("it does not say when the next one is due"))?;
        let list = Self {
            number: number(&list.crl_extensions.unwrap_or_default())?,
            this_update: certificate::time(&list.this_update)?,
            next_update: certificate::time(&next_update)?,
            revoked: list
                .revoked_certificates
                .unwrap_or_default()
                .into_iter()
                .map(|entry| {
                    Ok(Revoked {
                        serial: Serial::from_bytes(entry.serial_number.as_bytes())?,
                        at: certificate::time(&entry.revocation_date)?,
                        reason: reason(entry.crl_entry_extensions.as_deref().unwrap_or_default())?,
                    })
                })
                .collect::<Result<_, PkiError>>()?,
            der,
        };
        match seen {
            Some(seen) if list.number < seen => {
                Err(PkiError::CrlRolledBack { found: list.number.0, seen: seen.0 })
            }
            _ if now > list.next_update => Err(PkiError::CrlExpired { due: list.next_update }),
            _ => Ok(list),
        }
    }
}

/// The number of a list, whose other extensions may not change what it means.
fn number(extensions: &[Extension]) -> Result<CrlNumber, PkiError> {
    let mut found = None;
    for extension in extensions {
        if extension.extn_id == CrlNumberExtension::OID {
            let number = CrlNumberExtension::from_der(extension.extn_value.as_bytes()).ok();
            let bytes = number.map(|number| number.0.as_bytes().to_vec()).unwrap_or_default();
            let value = bytes
                .iter()
                .try_fold(0u64, |sum, byte| sum.checked_mul(256).map(|sum| sum | u64::from(*byte)));
            if bytes.is_empty() || found.is_some() {
                return Err(PkiError::CrlMalformed { why: "its number is damaged, or there twice" });
            }
            found = Some(CrlNumber(value.ok_or(PkiError::CrlMalformed { why: "its number is too large" })?));
        } else if extension.critical && extension.extn_id != AUTHORITY_KEY_ID {
            return Err(PkiError::CrlMalformed {
                why: "it is of a kind that is not known: a delta, or a part",
            });
        }
    }
    found.ok_or(PkiError::CrlMalformed { why: "it has no number" })
}

/// Why an entry is there. What is not known is on the list all the same.
fn reason(extensions: &[Extension]) -> Result<Reason, PkiError> {
    let mut found = Reason::Unspecified;
    for extension in extensions {
        if extension.extn_id == CrlReason::OID {
            found = match CrlReason::from_der(extension.extn_value.as_bytes()) {
                Ok(CrlReason::KeyCompromise) => Reason::KeyCompromise,
                Ok(CrlReason::AffiliationChanged) => Reason::AffiliationChanged,
                Ok(CrlReason::Superseded) => Reason::Superseded,
                Ok(CrlReason::CessationOfOperation) => Reason::CessationOfOperation,
                Ok(CrlReason::PrivilegeWithdrawn) => Reason::PrivilegeWithdrawn,
                Ok(CrlReason::RemoveFromCRL) => {
                    return Err(PkiError::CrlMalformed {
                        why: "it takes a revocation back, as only a delta may",
                    });
                }
                Ok(_) => Reason::Unspecified,
                Err(_) => return Err(PkiError::CrlMalformed { why: "a reason is damaged" }),
            };
        } else if extension.critical {
            return Err(PkiError::CrlMalformed { why: "an entry says something that is not known" });
        }
    }
    Ok(found)
}

impl Authority {
    /// Signs the list of what is revoked, each serial once.
    ///
    /// # Errors
    /// `authority-expired`, `authority-not-yet-valid`; `crl-malformed` when the next update is not after now;
    /// `pki-crypto`.
    pub fn revocation_list(
        &self,
        revoked: &[Revoked],
        number: CrlNumber,
        now: Timestamp,
        next_update: Timestamp,
    ) -> Result<RevocationList, PkiError> {
        self.certificate().valid_at(now)?;
        if next_update.as_second() <= now.as_second() {
            return Err(PkiError::CrlMalformed { why: "its next update is not after it" });
        }
        let mut seen = BTreeSet::new();
        let once = revoked.iter().filter(|entry| seen.insert(&entry.serial));
        let params = CertificateRevocationListParams {
            this_update: moment(now)?,
            next_update: moment(next_update)?,
            crl_number: number.0.into(),
            issuing_distribution_point: None,
            revoked_certs: once
                .map(|entry| {
                    Ok(RevokedCertParams {
                        serial_number: entry.serial.as_bytes().to_vec().into(),
                        revocation_time: moment(entry.at)?,
                        reason_code: Some(entry.reason.into()),
                        invalidity_date: None,
                    })
                })
                .collect::<Result<_, PkiError>>()?,
            key_identifier_method: match &self.certificate().certificate.key_id {
                Some(id) => KeyIdMethod::PreSpecified(id.clone()),
                None => KeyIdMethod::Sha256,
            },
        };
        let signed = params.signed_by(self.issuer())?;
        RevocationList::read(signed.der(), self.certificate(), Some(number), now)
    }
}

impl From<Reason> for RevocationReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Unspecified => Self::Unspecified,
            Reason::KeyCompromise => Self::KeyCompromise,
            Reason::AffiliationChanged => Self::AffiliationChanged,
            Reason::Superseded => Self::Superseded,
            Reason::CessationOfOperation => Self::CessationOfOperation,
            Reason::PrivilegeWithdrawn => Self::PrivilegeWithdrawn,
        }
    }
}
