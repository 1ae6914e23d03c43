//! Asking an authority, and whether what came is an answer to that.

use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use sha2::{Digest as _, Sha256};
use x509_cert::der::asn1::{AnyRef, Int, OctetString};
use x509_cert::der::{Decode as _, Encode as _, Reader as _, SliceReader, Tag, Tagged as _};
use x509_tsp::{MessageImprint, TimeStampReq, TspVersion, TstInfo};

use super::token;
use super::{SHA256, SIGNED_DATA, Stamp, TST_INFO, random_number, unencodable};
use crate::error::SignError;

/// What an authority is asked: when this signature was there. Good for one answer.
#[derive(Debug)]
pub struct Query {
    der: Vec<u8>,
    imprint: MessageImprint,
    nonce: Int,
}

impl Query {
    /// The type of what is sent.
    pub const CONTENT_TYPE: &'static str = "application/timestamp-query";
    /// The type of what comes back.
    pub const ANSWER_TYPE: &'static str = "application/timestamp-reply";
    /// The longest answer that is read, in bytes.
    pub const MAX_ANSWER: usize = 64 << 10;

    /// Asks for a timestamp over a signature, by its SHA-256, with the authority's certificate in it.
    ///
    /// # Errors
    /// `not-encodable`.
    pub fn new(signature: &[u8]) -> Result<Self, SignError> {
        let hashed = OctetString::new(Sha256::digest(signature).as_slice()).map_err(unencodable)?;
        // Parameters are left out as RFC 5754 (2) has it.
        let hash = x509_cert::spki::AlgorithmIdentifier { oid: SHA256, parameters: None };
        let imprint = MessageImprint { hash_algorithm: hash, hashed_message: hashed };
        let nonce = random_number()?;
        let request = TimeStampReq {
            version: TspVersion::V1,
            message_imprint: imprint.clone(),
            req_policy: None,
            nonce: Some(nonce.clone()),
            cert_req: true,
            extensions: None,
        };
        Ok(Self { der: request.to_der().map_err(unencodable)?, imprint, nonce })
    }

    /// What is sent, DER.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.der
    }

    /// Takes an answer that is one to this very question. Whether its authority is believed, and what it signed, is
    /// for the verification with a trusted root.
    ///
    /// # Errors
    /// `timestamp-malformed`, `timestamp-refused`, `timestamp-mismatch`.
    pub fn accept(&self, answer: &[u8]) -> Result<Stamp, SignError> {
        let token = granted(answer)?;
        let info = info(&token).ok_or(SignError::TimestampMalformed)?;
        let mismatch = |what| SignError::TimestampMismatch { what };
        let same_hash = info.message_imprint.hash_algorithm.oid == self.imprint.hash_algorithm.oid
            && info.message_imprint.hashed_message == self.imprint.hashed_message;
        if !same_hash {
            return Err(mismatch("another signature"));
        }
        // That it is new: an old answer to somebody else's question has another one.
        if info.nonce.as_ref() != Some(&self.nonce) {
            return Err(mismatch("another question"));
        }
        let at = jiff::Timestamp::try_from(info.gen_time.to_system_time());
        let at = at.map_err(|_| SignError::TimestampMalformed)?;
        // What the answer says beside the token is not signed; verification admits nothing there.
        Ok(Stamp { der: token::answer(&token).map_err(unencodable)?, at })
    }
}

/// The token of an answer that grants one.
fn granted(answer: &[u8]) -> Result<Vec<u8>, SignError> {
    let malformed = SignError::TimestampMalformed;
    if answer.len() > Query::MAX_ANSWER {
        return Err(malformed);
    }
    let read = || -> x509_cert::der::Result<(Vec<u8>, Option<Vec<u8>>)> {
        let outer = AnyRef::from_der(answer)?;
        outer.tag().assert_eq(Tag::Sequence)?;
        let mut reader = SliceReader::new(outer.value())?;
        let status = AnyRef::decode(&mut reader)?;
        status.tag().assert_eq(Tag::Sequence)?;
        let code = AnyRef::decode(&mut SliceReader::new(status.value())?)?;
        code.tag().assert_eq(Tag::Integer)?;
        let token = if reader.is_finished() { None } else { Some(AnyRef::decode(&mut reader)?.to_der()?) };
        reader.finish(())?;
        Ok((code.value().to_vec(), token))
    };
    let (code, token) = read().map_err(|_| SignError::TimestampMalformed)?;
    match (code.as_slice(), token) {
        // `granted`, `grantedWithMods`: what was changed would be seen in the token.
        ([0 | 1], Some(token)) => Ok(token),
        ([0 | 1], None) => Err(malformed),
        ([status], _) => Err(SignError::TimestampRefused { status: *status }),
        _ => Err(malformed),
    }
}

fn info(token: &[u8]) -> Option<TstInfo> {
    let content = ContentInfo::from_der(token).ok().filter(|content| content.content_type == SIGNED_DATA)?;
    let data = SignedData::from_der(&content.content.to_der().ok()?).ok()?;
    let inner = data.encap_content_info;
    (inner.econtent_type == TST_INFO).then_some(())?;
    TstInfo::from_der(inner.econtent?.value()).ok()
}
