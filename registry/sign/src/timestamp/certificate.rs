//! The certificates of an authority of one's own.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::{
    Any, BitString, GeneralizedTime, ObjectIdentifier, OctetString, SetOfVec, UtcTime,
};
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{self, Decode as _, Encode, Tag};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate};

use super::{algorithm, unencodable};
use crate::error::SignError;
use crate::key::{Algorithm, Key};
use crate::{PublicKey, Signer as _};

pub(super) const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
pub(super) const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
pub(super) const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");

/// How long an authority's certificates last, in days: timestamps are to be verified for as long as plugins are kept.
const DAYS: i64 = 20 * 365;

/// The certificate of a key that signs timestamps, and of what issued it, whose key is forgotten here: there will
/// never be another certificate by it.
pub(super) fn chain(name: &str, key: &Key, now: Timestamp) -> Result<Vec<Certificate>, SignError> {
    let issuer_key = Key::generate(Algorithm::P256);
    let (leaf, root) = wanted(name, key.public(), issuer_key.public(), now).map_err(unencodable)?;
    Ok(vec![issued(leaf, &issuer_key)?, issued(root, &issuer_key)?])
}

/// Of the key, and of its issuer.
fn wanted(
    name: &str,
    key: &PublicKey,
    issuer_key: &PublicKey,
    now: Timestamp,
) -> der::Result<(TbsCertificate, TbsCertificate)> {
    let (issuer, subject) = (common_name(&format!("{name} root"))?, common_name(name)?);
    let ours = identifier(key)?;
    let issuers = identifier(issuer_key)?;
    let usage = |usage: KeyUsages| extension(true, &KeyUsage(FlagSet::from(usage)));
    let root = Wanted {
        issuer: &issuer,
        subject: &issuer,
        key: issuer_key,
        extensions: vec![
            extension(true, &BasicConstraints { ca: true, path_len_constraint: Some(0) })?,
            usage(KeyUsages::KeyCertSign)?,
            extension(false, &SubjectKeyIdentifier(issuers.clone()))?,
        ],
    };
    let names_issuer = AuthorityKeyIdentifier {
        key_identifier: Some(issuers),
        authority_cert_issuer: None,
        authority_cert_serial_number: None,
    };
    let leaf = Wanted {
        issuer: &issuer,
        subject: &subject,
        key,
        extensions: vec![
            usage(KeyUsages::DigitalSignature)?,
            // Critical, and nothing else (RFC 3161, 2.3).
            extension(true, &ExtendedKeyUsage(vec![TIME_STAMPING]))?,
            extension(false, &SubjectKeyIdentifier(ours))?,
            extension(false, &names_issuer)?,
        ],
    };
    Ok((leaf.unsigned(now)?, root.unsigned(now)?))
}

/// A certificate that is to be.
struct Wanted<'a> {
    issuer: &'a Name,
    subject: &'a Name,
    key: &'a PublicKey,
    extensions: Vec<Extension>,
}

impl Wanted<'_> {
    fn unsigned(self, now: Timestamp) -> der::Result<TbsCertificate> {
        let mut serial = rand::random::<[u8; 16]>();
        // Not zero, and positive without one more byte.
        serial[0] = serial[0] & 0x3f | 0x40;
        let until = now.checked_add(SignedDuration::from_hours(24 * DAYS));
        let until = until.map_err(|_| der::ErrorKind::DateTime)?;
        Ok(TbsCertificate {
            version: Version::V3,
            serial_number: SerialNumber::new(&serial)?,
            signature: algorithm(ECDSA_SHA256),
            issuer: self.issuer.clone(),
            validity: Validity { not_before: time(now)?, not_after: time(until)? },
            subject: self.subject.clone(),
            subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(self.key.spki())?,
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(self.extensions),
        })
    }
}

fn issued(tbs: TbsCertificate, by: &Key) -> Result<Certificate, SignError> {
    let signature = by.sign(&tbs.to_der().map_err(unencodable)?)?;
    let signature = BitString::from_bytes(&signature).map_err(unencodable)?;
    Ok(Certificate { tbs_certificate: tbs, signature_algorithm: algorithm(ECDSA_SHA256), signature })
}

/// Of 160 bits of SHA-256 of the key (RFC 7093, 2).
fn identifier(key: &PublicKey) -> der::Result<OctetString> {
    let spki = SubjectPublicKeyInfoOwned::from_der(key.spki())?;
    let digest = Sha256::digest(spki.subject_public_key.raw_bytes());
    OctetString::new(digest.get(..20).unwrap_or_default())
}

fn common_name(name: &str) -> der::Result<Name> {
    let value = Any::new(Tag::Utf8String, name.as_bytes())?;
    let one = SetOfVec::try_from(vec![AttributeTypeAndValue { oid: COMMON_NAME, value }])?;
    Ok(RdnSequence(vec![RelativeDistinguishedName(one)]))
}

/// UTCTime up to 2049, as RFC 5280 (4.1.2.5) has it.
fn time(at: Timestamp) -> der::Result<Time> {
    let seconds = u64::try_from(at.as_second()).map_err(|_| der::ErrorKind::DateTime)?;
    let since = std::time::Duration::from_secs(seconds);
    match UtcTime::from_unix_duration(since) {
        Ok(time) => Ok(Time::UtcTime(time)),
        Err(_) => Ok(Time::GeneralTime(GeneralizedTime::from_unix_duration(since)?)),
    }
}

fn extension<E: Encode + AssociatedOid>(critical: bool, value: &E) -> der::Result<Extension> {
    Ok(Extension { extn_id: E::OID, critical, extn_value: OctetString::new(value.to_der()?)? })
}
