//! What a certificate says. Nothing of it is believed before somebody verified who signed it.

use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::SectionKind;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _, Tag, Tagged as _};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages, SubjectAltName, SubjectKeyIdentifier};
use x509_cert::name::Name;
use x509_cert::time::Time;

use crate::{Fingerprint, KeyHash, PkiError, Serial, pem};

/// The most bytes of a certificate.
pub const MAX_CERTIFICATE: usize = 16 << 10;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
pub(crate) const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// The version of X.509 that a certificate is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Without extensions: it does not say what it is for.
    V1,
    /// With unique identifiers, which nobody uses.
    V2,
    /// With extensions.
    V3,
}

/// A certificate, read.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) version: Version,
    pub(crate) serial: Serial,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// DER.
    pub(crate) issuer: Vec<u8>,
    /// DER.
    pub(crate) subject: Vec<u8>,
    pub(crate) name: Name,
    pub(crate) common_names: Vec<String>,
    pub(crate) uris: Vec<String>,
    /// SubjectPublicKeyInfo, DER.
    pub(crate) key: Vec<u8>,
    pub(crate) key_id: Option<Vec<u8>>,
    /// Critical or not, and what they say.
    pub(crate) constraints: Option<(bool, BasicConstraints)>,
    pub(crate) usages: Option<KeyUsage>,
}

fn wrong(why: &'static str) -> PkiError {
    PkiError::Malformed { why }
}

impl Certificate {
    /// Reads one certificate, in PEM or DER, of at most [`MAX_CERTIFICATE`] bytes of DER.
    ///
    /// # Errors
    /// `certificate-malformed`, `certificate-serial`.
    pub fn read(input: &[u8]) -> Result<Self, PkiError> {
        if input.len() > 4 * MAX_CERTIFICATE {
            return Err(wrong("it is too large"));
        }
        Self::from_der(&pem::one(input, SectionKind::Certificate).map_err(wrong)?)
    }

    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// `certificate-malformed`, `certificate-serial`.
    pub fn from_der(der: &[u8]) -> Result<Self, PkiError> {
        if der.len() > MAX_CERTIFICATE {
            return Err(wrong("it is too large"));
        }
        let certificate = x509_cert::Certificate::from_der(der).map_err(|_| wrong("it is no X.509"))?;
        let tbs = certificate.tbs_certificate;
        let version = match tbs.version {
            x509_cert::Version::V1 => Version::V1,
            x509_cert::Version::V2 => Version::V2,
            x509_cert::Version::V3 => Version::V3,
        };
        if version != Version::V3 && tbs.extensions.is_some() {
            return Err(wrong("it has extensions that its version does not have"));
        }
        if version == Version::V1 && (tbs.issuer_unique_id.is_some() || tbs.subject_unique_id.is_some()) {
            return Err(wrong("it has identifiers that its version does not have"));
        }
        let serial = tbs.serial_number.as_bytes();
        if serial.first().is_some_and(|first| first & 0x80 != 0) {
            return Err(PkiError::Serial { why: "that of this certificate is negative" });
        }
        let encoded = |encoded: x509_cert::der::Result<Vec<u8>>| encoded.map_err(|_| wrong("it is no DER"));
        let broken = |_| wrong("an extension is damaged, or there twice");
        let (common_names, uris) = (common_names(&tbs.subject)?, uris(tbs.get().map_err(broken)?));
        Ok(Self {
            version,
            serial: Serial::from_bytes(serial)?,
            not_before: time(&tbs.validity.not_before)?,
            not_after: time(&tbs.validity.not_after)?,
            issuer: encoded(tbs.issuer.to_der())?,
            subject: encoded(tbs.subject.to_der())?,
            key: encoded(tbs.subject_public_key_info.to_der())?,
            key_id: tbs
                .get::<SubjectKeyIdentifier>()
                .map_err(broken)?
                .map(|(_, id)| id.0.as_bytes().to_vec()),
            constraints: tbs.get().map_err(broken)?,
            usages: tbs.get().map_err(broken)?.map(|(_, usages)| usages),
            common_names,
            uris,
            name: tbs.subject,
            der: CertificateDer::from(der.to_vec()),
        })
    }

    /// As it was read.
    #[must_use]
    pub const fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// In PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::write("CERTIFICATE", &self.der)
    }

    /// Of which version of X.509 it is.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Its number.
    #[must_use]
    pub const fn serial(&self) -> &Serial {
        &self.serial
    }

    /// From when on it is valid.
    #[must_use]
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Until when it is valid.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// SHA-256 of it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.der)
    }

    /// SHA-256 of its key.
    #[must_use]
    pub fn key_hash(&self) -> KeyHash {
        KeyHash::of(&self.key)
    }

    /// Whether it may be used at that time.
    pub(crate) fn valid_at(&self, now: Timestamp) -> Result<(), PkiError> {
        if now < self.not_before {
            Err(PkiError::NotYetValid { from: self.not_before })
        } else if now > self.not_after {
            Err(PkiError::Expired { end: self.not_after })
        } else {
            Ok(())
        }
    }

    /// Whether it is one of an authority.
    pub(crate) fn is_authority(&self) -> bool {
        matches!(&self.constraints, Some((_, constraints)) if constraints.ca)
    }

    /// Whether its key may be used for this; one that does not say may be used for all.
    pub(crate) fn allows(&self, usage: KeyUsages) -> bool {
        self.usages.as_ref().is_none_or(|usages| usages.0.contains(usage))
    }
}

/// A time of a certificate, which is in whole seconds.
pub(crate) fn time(time: &Time) -> Result<Timestamp, PkiError> {
    let since: Duration = time.to_unix_duration();
    i64::try_from(since.as_secs())
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or_else(|| wrong("it has a time that cannot be"))
}

/// All of them, wherever they are in the subject.
fn common_names(subject: &Name) -> Result<Vec<String>, PkiError> {
    let attributes = subject.0.iter().flat_map(|rdn| rdn.0.iter());
    let names = attributes.filter(|attribute| attribute.oid == COMMON_NAME).map(|attribute| {
        let value = &attribute.value;
        let text = match value.tag() {
            Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().map(|text| text.as_str().to_owned()),
            Tag::PrintableString => {
                value.decode_as::<PrintableStringRef<'_>>().map(|text| text.as_str().to_owned())
            }
            Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().map(|text| text.as_str().to_owned()),
            Tag::TeletexString => {
                value.decode_as::<TeletexStringRef<'_>>().map(|text| text.as_str().to_owned())
            }
            tag => Err(tag.value_error()),
        };
        text.map_err(|_| wrong("its common name is in no encoding that is read"))
    });
    names.collect()
}

fn uris(names: Option<(bool, SubjectAltName)>) -> Vec<String> {
    let names = names.map(|(_, names)| names.0).unwrap_or_default();
    names
        .into_iter()
        .filter_map(|name| match name {
            GeneralName::UniformResourceIdentifier(uri) => Some(uri.to_string()),
            _ => None,
        })
        .collect()
}
