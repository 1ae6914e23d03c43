//! The form of a timestamp (RFC 3161 over RFC 5652).
//!
//! The engine verifies what the authority signed. Around that lie fields that nobody signed, and certificates that
//! came along; what is here gives them the one form that they can have, so that nothing can be changed in them.

use cms::cert::CertificateChoices;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{SignedData, SignerIdentifier};
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier};
use x509_cert::der::{Decode as _, Encode as _, Reader as _, SliceReader, Tag, Tagged as _};
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::error::{Code, Refusal};
use crate::root::TrustRoot;

const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");

/// Whether everything around what is signed is as it has to be.
pub(crate) fn check(token: &[u8], root: &TrustRoot) -> Result<(), Refusal> {
    read(token, root).ok_or_else(|| {
        Code::TimestampInvalid
            .because("a timestamp is not of the form that it must have, or brings certificates of others")
    })
}

fn read(token: &[u8], root: &TrustRoot) -> Option<()> {
    let content = ContentInfo::from_der(&content(token)?).ok()?;
    (content.content_type == SIGNED_DATA).then_some(())?;
    let data = SignedData::from_der(&content.content.to_der().ok()?).ok()?;
    let [signer] = data.signer_infos.0.as_slice() else { return None };
    let version = match signer.sid {
        SignerIdentifier::IssuerAndSerialNumber(_) => CmsVersion::V1,
        SignerIdentifier::SubjectKeyIdentifier(_) => CmsVersion::V3,
    };
    let named = signer.signed_attrs.as_ref()?.iter().find(|attribute| attribute.oid == CONTENT_TYPE)?;
    let named = named.values.as_slice();
    let of_type = matches!(named, [value] if value.decode_as::<ObjectIdentifier>().ok() == Some(TST_INFO));
    let algorithms = data.digest_algorithms.as_slice();
    let whole = of_type
        && data.version == CmsVersion::V3
        && data.encap_content_info.econtent_type == TST_INFO
        // The engine takes the content of whatever is there.
        && data.encap_content_info.econtent.as_ref().is_some_and(|inner| inner.tag() == Tag::OctetString)
        && data.crls.is_none()
        && signer.version == version
        && signer.unsigned_attrs.is_none()
        && plain(&signer.digest_alg)
        && plain(&signer.signature_algorithm)
        && matches!(algorithms, [one] if plain(one) && one.oid == signer.digest_alg.oid)
        && goes_with(&signer.signature_algorithm, &signer.digest_alg);
    let certificates = data.certificates.as_ref().map(|set| set.0.as_slice()).unwrap_or_default();
    let own = certificates.iter().all(|certificate| match certificate {
        CertificateChoices::Certificate(certificate) => certificate
            .to_der()
            .is_ok_and(|der| root.timestamp_authorities.iter().any(|chain| chain.contains(&der))),
        CertificateChoices::Other(_) => false,
    });
    (whole && own).then_some(())
}

/// The token of an answer that grants it, or the token alone.
fn content(token: &[u8]) -> Option<Vec<u8>> {
    let outer = AnyRef::from_der(token).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
    let mut reader = SliceReader::new(outer.value()).ok()?;
    let first = AnyRef::decode(&mut reader).ok()?;
    if first.tag() == Tag::ObjectIdentifier {
        return Some(token.to_vec());
    }
    let content = AnyRef::decode(&mut reader).ok()?;
    // `granted`, and nothing beside it.
    (first.tag() == Tag::Sequence && first.value() == [0x02, 0x01, 0x00] && reader.is_finished())
        .then_some(())?;
    content.to_der().ok()
}

/// Without parameters, or with those that stand for none.
fn plain(algorithm: &AlgorithmIdentifierOwned) -> bool {
    algorithm.parameters.as_ref().is_none_or(x509_cert::der::Any::is_null)
}

/// ECDSA with the digest that is named beside it.
fn goes_with(signature: &AlgorithmIdentifierOwned, digest: &AlgorithmIdentifierOwned) -> bool {
    let expected = match digest.oid.to_string().as_str() {
        "2.16.840.1.101.3.4.2.1" => "1.2.840.10045.4.3.2",
        "2.16.840.1.101.3.4.2.2" => "1.2.840.10045.4.3.3",
        "2.16.840.1.101.3.4.2.3" => "1.2.840.10045.4.3.4",
        _ => return false,
    };
    signature.oid.to_string() == expected
}
