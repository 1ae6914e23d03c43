//! Tokens (RFC 3161, 2.4.2; RFC 5816): what an authority signs, in CMS.

use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::attr::Attribute;
use x509_cert::der::asn1::{Any, ObjectIdentifier, OctetString, OctetStringRef, SetOfVec};
use x509_cert::der::{self, Encode as _, Tag};

use super::certificate::ECDSA_SHA256;
use super::{SHA256, SIGNED_DATA, TST_INFO, algorithm, unencodable};
use crate::error::SignError;
use crate::{Key, Signer as _};

const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

/// Signs a `TSTInfo`. `chain` begins with the certificate of the key; all of it goes along.
pub(super) fn signed(info: &[u8], chain: &[Certificate], key: &Key) -> Result<Vec<u8>, SignError> {
    let attributes = attributes(info, chain).map_err(unencodable)?;
    // Under its own tag, not the one that it has in the structure (RFC 5652, 5.4).
    let signature = key.sign(&attributes.to_der().map_err(unencodable)?)?;
    token(info, chain, attributes, signature).map_err(unencodable)
}

fn attributes(info: &[u8], chain: &[Certificate]) -> der::Result<SetOfVec<Attribute>> {
    let leaf = chain.first().ok_or(der::ErrorKind::Failed)?;
    // SigningCertificateV2 with one ESSCertIDv2 that has nothing but its hash, of which SHA-256 is the default: each
    // of the three is a sequence around the next (RFC 5035, 3 and 4).
    let digest = OctetString::new(Sha256::digest(leaf.to_der()?).as_slice())?;
    let certificate = vec![vec![vec![digest]]];
    let content = Sha256::digest(info);
    SetOfVec::try_from(vec![
        attribute(CONTENT_TYPE, &TST_INFO)?,
        attribute(MESSAGE_DIGEST, &OctetStringRef::new(content.as_slice())?)?,
        attribute(SIGNING_CERTIFICATE, &certificate)?,
    ])
}

fn token(
    info: &[u8],
    chain: &[Certificate],
    attributes: SetOfVec<Attribute>,
    signature: Vec<u8>,
) -> der::Result<Vec<u8>> {
    let leaf = chain.first().ok_or(der::ErrorKind::Failed)?;
    let signer = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: leaf.tbs_certificate.issuer.clone(),
            serial_number: leaf.tbs_certificate.serial_number.clone(),
        }),
        digest_alg: algorithm(SHA256),
        signed_attrs: Some(attributes),
        signature_algorithm: algorithm(ECDSA_SHA256),
        signature: OctetString::new(signature)?,
        unsigned_attrs: None,
    };
    let certificates: Vec<_> = chain.iter().cloned().map(CertificateChoices::Certificate).collect();
    let data = SignedData {
        version: CmsVersion::V3,
        digest_algorithms: SetOfVec::try_from(vec![algorithm(SHA256)])?,
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: TST_INFO,
            econtent: Some(Any::new(Tag::OctetString, info)?),
        },
        certificates: Some(CertificateSet::try_from(certificates)?),
        crls: None,
        signer_infos: SignerInfos::try_from(vec![signer])?,
    };
    ContentInfo { content_type: SIGNED_DATA, content: Any::encode_from(&data)? }.to_der()
}

/// The answer that grants a token, and says nothing else.
pub(super) fn answer(token: &[u8]) -> der::Result<Vec<u8>> {
    // PKIStatusInfo: `granted`.
    let status = [0x30, 0x03, 0x02, 0x01, 0x00];
    Any::new(Tag::Sequence, [status.as_slice(), token].concat())?.to_der()
}

fn attribute(oid: ObjectIdentifier, value: &(impl der::EncodeValue + der::Tagged)) -> der::Result<Attribute> {
    Ok(Attribute { oid, values: SetOfVec::try_from(vec![Any::encode_from(value)?])? })
}
