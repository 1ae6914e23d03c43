//! The host's certificate authority.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::TrustAnchor;
use secrecy::SecretString;
use time::OffsetDateTime;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef};
use x509_cert::der::{Tag, Tagged as _};
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::name::Name;

use crate::key::Key;
use crate::{BACKDATE, Certificate, KeyHash, Organization, PkiError, Serial, Version};

/// How long an authority lasts: five years.
pub const AUTHORITY_LIFE: SignedDuration = SignedDuration::from_hours(5 * 365 * 24 + 24);

/// The certificate of an authority: what others trust. Version 3, for certificates and revocation lists, issued by
/// itself.
#[derive(Debug, Clone)]
pub struct AuthorityCertificate {
    pub(crate) certificate: Certificate,
    pub(crate) anchor: TrustAnchor<'static>,
    id: KeyHash,
}

/// An authority with its key.
pub struct Authority {
    certificate: AuthorityCertificate,
    key: Key,
    issuer: Issuer<'static, KeyPair>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("id", &self.certificate.id().to_string())
            .field("not_after", &self.certificate.not_after())
            .finish_non_exhaustive()
    }
}

impl AuthorityCertificate {
    /// Reads the certificate of an authority, in PEM or DER.
    ///
    /// # Errors
    /// `certificate-malformed`; `authority-not-ca` when it is for something else; `authority-unusable` when it is not
    /// signed by itself.
    pub fn read(input: &[u8]) -> Result<Self, PkiError> {
        Self::of(Certificate::read(input)?)
    }

    pub(crate) fn of(certificate: Certificate) -> Result<Self, PkiError> {
        let not = |why| Err(PkiError::NotAnAuthority { why });
        match &certificate.constraints {
            _ if certificate.version != Version::V3 => return not("it is not of X.509 version 3"),
            Some((_, constraints)) if !constraints.ca => return not("its basic constraints say so"),
            None => return not("it has no basic constraints"),
            Some((false, _)) => return not("its basic constraints are not critical"),
            Some(_) => {}
        }
        if certificate.usages.is_none() || !certificate.allows(KeyUsages::KeyCertSign) {
            return not("its key is not for signing certificates");
        }
        if !certificate.allows(KeyUsages::CRLSign) {
            return not("its key is not for signing revocation lists");
        }
        let signed = crate::der::Signed::parse(&certificate.der);
        let key = crate::der::PublicKey::parse(&certificate.key);
        let own = matches!((signed, key), (Ok(signed), Ok(key)) if signed.is_signed_by(&key));
        if certificate.subject != certificate.issuer || !own {
            return Err(PkiError::Authority { why: "its certificate is not signed by itself" });
        }
        let anchor = webpki::anchor_from_trusted_cert(&certificate.der)
            .map_err(|_| PkiError::Authority { why: "its certificate is no trust anchor" })?
            .to_owned();
        Ok(Self { id: certificate.key_hash(), certificate, anchor })
    }

    /// What it is known by: the hash of its key.
    #[must_use]
    pub const fn id(&self) -> KeyHash {
        self.id
    }

    /// As any certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Until when it, and all that it issued, is valid.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.certificate.not_after
    }

    /// In PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.certificate.to_pem()
    }

    /// Whether it is valid at that time.
    ///
    /// # Errors
    /// `authority-expired`, `authority-not-yet-valid`.
    pub fn valid_at(&self, now: Timestamp) -> Result<(), PkiError> {
        match self.certificate.valid_at(now) {
            Err(PkiError::Expired { end }) => Err(PkiError::AuthorityExpired { end }),
            Err(PkiError::NotYetValid { from }) => Err(PkiError::AuthorityNotYet { from }),
            valid => valid,
        }
    }
}

impl Authority {
    /// A new authority with a new key (P-256), valid for [`AUTHORITY_LIFE`]. Its name holds when it was made and a part
    /// of its number, so that several of one host are told apart.
    ///
    /// # Errors
    /// `pki-crypto`.
    pub fn create(organization: &Organization, now: Timestamp) -> Result<Self, PkiError> {
        let (key, serial) = (Key::generate()?, Serial::random());
        let day = now.strftime("%Y-%m-%d");
        let mut number = serial.to_string();
        number.truncate(6);
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, organization.as_str());
        params.distinguished_name.push(DnType::CommonName, format!("Waystation CA {day} {number}"));
        params.serial_number = Some(serial.as_bytes().to_vec().into());
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let from = now.checked_sub(BACKDATE).unwrap_or(now);
        params.not_before = moment(from)?;
        params.not_after = moment(now.checked_add(AUTHORITY_LIFE).unwrap_or(Timestamp::MAX))?;
        let certificate = params.self_signed(&key.pair)?;
        Self::new(&Certificate::from_der(certificate.der())?, key, now)
    }

    /// An authority of its certificate and its key, both in PEM.
    ///
    /// # Errors
    /// What [`AuthorityCertificate::read`] and [`AuthorityCertificate::valid_at`] refuse, `authority-unusable`, and
    /// `authority-key-mismatch` when the two do not belong together.
    pub fn load(certificate: &[u8], key: &SecretString, now: Timestamp) -> Result<Self, PkiError> {
        Self::new(&Certificate::read(certificate)?, Key::from_pem(key)?, now)
    }

    fn new(certificate: &Certificate, key: Key, now: Timestamp) -> Result<Self, PkiError> {
        let certificate = AuthorityCertificate::of(certificate.clone())?;
        if key.public() != certificate.certificate.key {
            return Err(PkiError::AuthorityKey);
        }
        certificate.valid_at(now)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = copied(&certificate.certificate.name)?;
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        if let Some(id) = &certificate.certificate.key_id {
            params.key_identifier_method = KeyIdMethod::PreSpecified(id.clone());
        }
        let pair = Key::from_pem(&key.to_pem())?.pair;
        Ok(Self { issuer: Issuer::new(params, pair), certificate, key })
    }

    /// What others trust.
    #[must_use]
    pub const fn certificate(&self) -> &AuthorityCertificate {
        &self.certificate
    }

    /// The key in PEM (PKCS#8), to be kept.
    #[must_use]
    pub fn key_pem(&self) -> SecretString {
        self.key.to_pem()
    }

    pub(crate) const fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    /// The serial, the end and the beginning of a certificate that is issued now: within the authority's own life.
    pub(crate) fn within(
        &self,
        now: Timestamp,
        life: SignedDuration,
    ) -> Result<(CertificateParams, Serial), PkiError> {
        self.certificate.valid_at(now)?;
        let serial = Serial::random();
        let own = &self.certificate.certificate;
        let from = now.checked_sub(BACKDATE).unwrap_or(now).max(own.not_before);
        let until = now.checked_add(life).unwrap_or(Timestamp::MAX).min(own.not_after);
        let mut params = CertificateParams::default();
        params.serial_number = Some(serial.as_bytes().to_vec().into());
        params.not_before = moment(from)?;
        params.not_after = moment(until)?;
        params.use_authority_key_identifier_extension = true;
        // Says that it is no authority, and gives the identifier of its key.
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.distinguished_name = DistinguishedName::new();
        Ok((params, serial))
    }

    /// Reads back what was issued: it names this authority byte for byte and holds that key.
    pub(crate) fn checked(&self, der: &[u8], key: &[u8]) -> Result<Certificate, PkiError> {
        let issued = Certificate::from_der(der)?;
        if issued.issuer != self.certificate.certificate.subject {
            return Err(PkiError::Authority { why: "its name is of a form that cannot be issued under" });
        }
        if issued.key != key {
            return Err(PkiError::Crypto { why: "the key changed its form".to_owned() });
        }
        Ok(issued)
    }
}

/// A time in whole seconds, as certificates have them.
pub(crate) fn moment(time: Timestamp) -> Result<OffsetDateTime, PkiError> {
    OffsetDateTime::from_unix_timestamp(time.as_second())
        .map_err(|_| PkiError::Crypto { why: "the time is none that a certificate can hold".to_owned() })
}

/// A name in the same encoding, so that what is issued under it is found by it.
fn copied(name: &Name) -> Result<DistinguishedName, PkiError> {
    let strange = PkiError::Authority { why: "its name is of a form that cannot be issued under" };
    let mut copy = DistinguishedName::new();
    for rdn in &name.0 {
        let mut attributes = rdn.0.iter();
        let (Some(attribute), None) = (attributes.next(), attributes.next()) else { return Err(strange) };
        let oid: Vec<u64> = attribute.oid.arcs().map(u64::from).collect();
        let value = &attribute.value;
        let value = match value.tag() {
            Tag::Utf8String => value
                .decode_as::<Utf8StringRef<'_>>()
                .ok()
                .map(|text| DnValue::Utf8String(text.as_str().to_owned())),
            Tag::PrintableString => value
                .decode_as::<PrintableStringRef<'_>>()
                .ok()
                .and_then(|text| text.as_str().try_into().ok().map(DnValue::PrintableString)),
            Tag::Ia5String => value
                .decode_as::<Ia5StringRef<'_>>()
                .ok()
                .and_then(|text| text.as_str().try_into().ok().map(DnValue::Ia5String)),
            _ => None,
        };
        copy.push(DnType::from_oid(&oid), value.ok_or_else(|| strange.clone())?);
    }
    if copy.iter().next().is_none() { Err(strange) } else { Ok(copy) }
}
