//! What a signing certificate says: identity, issuer, and the claims of the build that it was issued to
//! (sigstore/fulcio, `docs/oid-info.md`).
//!
//! Nothing here is believed before the certificate's path is verified.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use x509_cert::Certificate;
use x509_cert::der::asn1::Utf8StringRef;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages, SubjectAltName};

use crate::error::{Code, Refusal};

/// The arc of the extensions.
const ARC: &str = "1.3.6.1.4.1.57264.1.";

/// The claims, by the last number of their extension.
pub(crate) const CLAIMS: [(u8, &str); 16] = [
    (9, "build_signer_uri"),
    (10, "build_signer_digest"),
    (11, "runner_environment"),
    (12, "source_repository_uri"),
    (13, "source_repository_digest"),
    (14, "source_repository_ref"),
    (15, "source_repository_id"),
    (16, "source_repository_owner_uri"),
    (17, "source_repository_owner_id"),
    (18, "build_config_uri"),
    (19, "build_config_digest"),
    (20, "build_trigger"),
    (21, "run_invocation_uri"),
    (22, "source_repository_visibility"),
    (23, "deployment_environment"),
    (24, "token_subject"),
];

/// Whom a certificate was issued to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Identity {
    /// `email`, `uri` or `username`.
    pub kind: &'static str,
    /// The one subject alternative name.
    pub value: String,
}

/// What a certificate says.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) identity: Identity,
    pub(crate) issuer: Option<String>,
    pub(crate) claims: BTreeMap<&'static str, String>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// DER, SubjectPublicKeyInfo.
    pub(crate) key: Vec<u8>,
}

impl Leaf {
    pub(crate) fn parse(der: &[u8]) -> Result<Self, Refusal> {
        let wrong = |why: &str| Code::CertificateMalformed.because(format!("the certificate {why}"));
        let certificate = Certificate::from_der(der).map_err(|_| wrong("does not parse"))?;
        let tbs = &certificate.tbs_certificate;
        let extensions = tbs.extensions.as_deref().unwrap_or_default();
        let mut values: BTreeMap<String, &[u8]> = BTreeMap::new();
        for extension in extensions {
            if values.insert(extension.extn_id.to_string(), extension.extn_value.as_bytes()).is_some() {
                return Err(wrong("has one extension twice"));
            }
        }
        if is_authority(&certificate) {
            return Err(wrong("is one of an authority"));
        }
        let usage = values.get("2.5.29.15").map(|der| KeyUsage::from_der(der)).transpose();
        if usage
            .map_err(|_| wrong("has key usages that do not parse"))?
            .is_some_and(|u| !u.0.contains(KeyUsages::DigitalSignature))
        {
            return Err(wrong("is not for signatures"));
        }
        let names = values.get("2.5.29.17").ok_or_else(|| wrong("has no identity"))?;
        let names =
            SubjectAltName::from_der(names).map_err(|_| wrong("has an identity that does not parse"))?;
        let identity = match names.0.as_slice() {
            [name] => identity(name).ok_or_else(|| wrong("has an identity of an unknown kind"))?,
            _ => return Err(wrong("does not have exactly one identity")),
        };
        let text = |number: u8| {
            values
                .get(&format!("{ARC}{number}"))
                .map(|der| Utf8StringRef::from_der(der).map(|text| text.as_str().to_owned()))
                .transpose()
                .map_err(|_| wrong("has a claim that does not parse"))
        };
        let mut claims = BTreeMap::new();
        for (number, name) in CLAIMS {
            if let Some(value) = text(number)? {
                claims.insert(name, value);
            }
        }
        // The first form of the issuer is plain text.
        let first =
            values.get("1.3.6.1.4.1.57264.1.1").map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let issuer = match (text(8)?, first) {
            (Some(issuer), Some(first)) if issuer != first => return Err(wrong("names two issuers")),
            (issuer, first) => issuer.or(first),
        };
        let time = |time: &x509_cert::time::Time| {
            Timestamp::try_from(time.to_system_time()).map_err(|_| wrong("has a time that cannot be"))
        };
        Ok(Self {
            identity,
            issuer,
            claims,
            not_before: time(&tbs.validity.not_before)?,
            not_after: time(&tbs.validity.not_after)?,
            key: tbs.subject_public_key_info.to_der().map_err(|_| wrong("has a key that does not parse"))?,
        })
    }
}

fn identity(name: &GeneralName) -> Option<Identity> {
    let (kind, value) = match name {
        GeneralName::Rfc822Name(email) => ("email", email.to_string()),
        GeneralName::UniformResourceIdentifier(uri) => ("uri", uri.to_string()),
        GeneralName::OtherName(other) if other.type_id.to_string() == "1.3.6.1.4.1.57264.1.7" => {
            ("username", other.value.decode_as::<Utf8StringRef<'_>>().ok()?.as_str().to_owned())
        }
        _ => return None,
    };
    (!value.is_empty()).then_some(Identity { kind, value })
}

/// Whether it is a certificate of an authority.
pub(crate) fn is_authority(certificate: &Certificate) -> bool {
    matches!(certificate.tbs_certificate.get::<BasicConstraints>(), Ok(Some((_, constraints))) if constraints.ca)
}

/// The SubjectPublicKeyInfo of an RSA key that is given in PKCS#1.
pub(crate) fn spki_of_rsa(pkcs1: &[u8]) -> Vec<u8> {
    const ALGORITHM: [u8; 15] =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let bits = tagged(0x03, &[&[0], pkcs1].concat());
    tagged(0x30, &[ALGORITHM.as_slice(), &bits].concat())
}

/// A DER value; of no more than 65,535 bytes, which no key is.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let [.., high, low] = content.len().to_be_bytes();
    let length = match (high, low) {
        (0, low @ 0..0x80) => vec![low],
        (0, low) => vec![0x81, low],
        (high, low) => vec![0x82, high, low],
    };
    [&[tag], length.as_slice(), content].concat()
}
