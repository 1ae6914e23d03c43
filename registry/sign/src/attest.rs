//! Sigstore bundles (version 0.3), made with a key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Signer;
use crate::error::SignError;
use crate::public::PublicKey;
use crate::timestamp::Stamp;

/// The media type of what is made.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What an envelope holds.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// What was signed, by which key, and who saw it when: a bundle that is being made.
///
/// Invariant: the signature is one over the content, by the key.
#[derive(Debug, Clone)]
pub struct Signed {
    content: Content,
    /// The bytes that the signature is over.
    message: Vec<u8>,
    signature: Vec<u8>,
    by: By,
    stamps: Vec<Stamp>,
    entries: Vec<serde_json::Value>,
}

/// Signs an in-toto statement, in its bytes.
///
/// # Errors
/// Those of the signer.
pub fn attest(statement: &[u8], signer: &dyn Signer) -> Result<Signed, SignError> {
    let message = pre_authentication(PAYLOAD_TYPE, statement);
    let signature = signer.sign(&message)?;
    let envelope = Envelope {
        payload: STANDARD.encode(statement),
        payload_type: PAYLOAD_TYPE,
        signatures: [Signature { sig: STANDARD.encode(&signature) }],
    };
    Ok(Signed::new(Content::Envelope(envelope), message, signature, signer.public()))
}

/// Signs the bytes of a file, as `cosign sign-blob` does.
///
/// # Errors
/// Those of the signer.
pub fn sign_file(bytes: &[u8], signer: &dyn Signer) -> Result<Signed, SignError> {
    let signature = signer.sign(bytes)?;
    let digest = STANDARD.encode(Sha256::digest(bytes));
    let message = Message {
        message_digest: Digest { algorithm: "SHA2_256", digest },
        signature: STANDARD.encode(&signature),
    };
    Ok(Signed::new(Content::Message(message), bytes.to_vec(), signature, signer.public()))
}

impl Signed {
    fn new(content: Content, message: Vec<u8>, signature: Vec<u8>, key: &PublicKey) -> Self {
        let by = By::PublicKey(Hint { hint: STANDARD.encode(key.digest()) });
        Self { content, message, signature, by, stamps: Vec::new(), entries: Vec::new() }
    }

    /// The signature: what timestamps are over.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// What the signature is over: the file, or the envelope's payload as DSSE has it signed.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The envelope alone (DSSE, JSON), if it is not a file that was signed.
    #[must_use]
    pub fn envelope(&self) -> Option<serde_json::Value> {
        match &self.content {
            Content::Envelope(envelope) => serde_json::to_value(envelope).ok(),
            Content::Message(_) => None,
        }
    }

    /// The same with an authority's word for when it was there.
    #[must_use]
    pub fn stamped(mut self, stamp: Stamp) -> Self {
        if !self.stamps.contains(&stamp) {
            self.stamps.push(stamp);
        }
        self
    }

    /// The same with the entry of a transparency log (`TransparencyLogEntry` of the bundle format, JSON).
    #[must_use]
    pub fn logged(mut self, entry: serde_json::Value) -> Self {
        self.entries.push(entry);
        self
    }

    /// The same with a certificate (DER) for the key, in place of the key's name.
    #[must_use]
    pub fn certified(mut self, certificate: &[u8]) -> Self {
        self.by = By::Certificate(Certificate { raw_bytes: STANDARD.encode(certificate) });
        self
    }

    /// Its timestamps.
    #[must_use]
    pub fn stamps(&self) -> &[Stamp] {
        &self.stamps
    }

    /// The bundle, JSON.
    ///
    /// # Errors
    /// `not-encodable`, which does not happen.
    pub fn to_json(&self) -> Result<Vec<u8>, SignError> {
        let stamps: Vec<_> = self
            .stamps
            .iter()
            .map(|stamp| SignedTimestamp { signed_timestamp: STANDARD.encode(stamp.as_bytes()) })
            .collect();
        let timestamps =
            (!stamps.is_empty()).then_some(TimestampVerificationData { rfc3161_timestamps: stamps });
        let verification_material = Material { by: &self.by, log_entries: &self.entries, timestamps };
        let bundle = Bundle { media_type: MEDIA_TYPE, verification_material, content: &self.content };
        serde_json::to_vec(&bundle).map_err(|e| SignError::Unencodable { why: e.to_string() })
    }
}

/// Whether a bundle holds an attestation that was signed with this key. For telling what is there already; it says
/// nothing about times.
#[must_use]
pub fn is_signed_by(bundle: &[u8], key: &PublicKey) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Read {
        dsse_envelope: ReadEnvelope,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ReadEnvelope {
        payload: String,
        payload_type: String,
        signatures: Vec<ReadSignature>,
    }
    #[derive(Deserialize)]
    struct ReadSignature {
        sig: String,
    }
    let Ok(Read { dsse_envelope: envelope }) = serde_json::from_slice::<Read>(bundle) else { return false };
    let Ok(payload) = STANDARD.decode(envelope.payload) else { return false };
    let message = pre_authentication(&envelope.payload_type, &payload);
    envelope.signatures.iter().any(|signature| {
        STANDARD.decode(&signature.sig).is_ok_and(|signature| key.verifies(&message, &signature))
    })
}

/// What of an envelope is signed (DSSE, protocol, "PAE").
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bundle<'a> {
    media_type: &'static str,
    verification_material: Material<'a>,
    #[serde(flatten)]
    content: &'a Content,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Material<'a> {
    #[serde(flatten)]
    by: &'a By,
    #[serde(rename = "tlogEntries")]
    log_entries: &'a [serde_json::Value],
    #[serde(rename = "timestampVerificationData", skip_serializing_if = "Option::is_none")]
    timestamps: Option<TimestampVerificationData>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
enum By {
    PublicKey(Hint),
    Certificate(Certificate),
}

/// Which key it was, for people; verifiers look it up in what they trust.
#[derive(Debug, Clone, Serialize)]
struct Hint {
    hint: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    raw_bytes: String,
}

#[derive(Serialize)]
struct TimestampVerificationData {
    #[serde(rename = "rfc3161Timestamps")]
    rfc3161_timestamps: Vec<SignedTimestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignedTimestamp {
    signed_timestamp: String,
}

#[derive(Debug, Clone, Serialize)]
enum Content {
    #[serde(rename = "dsseEnvelope")]
    Envelope(Envelope),
    #[serde(rename = "messageSignature")]
    Message(Message),
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: &'static str,
    signatures: [Signature; 1],
}

#[derive(Debug, Clone, Serialize)]
struct Signature {
    sig: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_digest: Digest,
    signature: String,
}

#[derive(Debug, Clone, Serialize)]
struct Digest {
    algorithm: &'static str,
    digest: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, Key};

    #[test]
    fn what_is_signed_is_what_the_protocol_says() {
        // The example of the DSSE specification.
        let signed = pre_authentication("http://example.com/HelloWorld", b"hello world");
        assert_eq!(signed, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn the_same_statement_and_key_make_the_same_bundle() {
        for algorithm in [Algorithm::P256, Algorithm::Ed25519] {
            let key = Key::generate(algorithm);
            let statement = br#"{"_type":"https://in-toto.io/Statement/v1"}"#;
            let bundle = attest(statement, &key).unwrap().to_json().unwrap();
            assert_eq!(bundle, attest(statement, &key).unwrap().to_json().unwrap());
            assert!(is_signed_by(&bundle, key.public()));
            assert!(!is_signed_by(&bundle, Key::generate(algorithm).public()));
            let read: serde_json::Value = serde_json::from_slice(&bundle).unwrap();
            let text = |pointer: &str| read.pointer(pointer).and_then(|v| v.as_str()).unwrap().to_owned();
            let payload = STANDARD.decode(text("/dsseEnvelope/payload")).unwrap();
            assert_eq!(payload, statement);
            let signature = STANDARD.decode(text("/dsseEnvelope/signatures/0/sig")).unwrap();
            let signed = pre_authentication(&text("/dsseEnvelope/payloadType"), &payload);
            assert!(key.public().verifies(&signed, &signature));
            assert!(!key.public().verifies(&payload, &signature));
            assert_eq!(text("/verificationMaterial/publicKey/hint"), STANDARD.encode(key.public().digest()));
        }
    }

    #[test]
    fn a_file_is_signed_as_it_is() {
        let key = Key::generate(Algorithm::P256);
        let read: serde_json::Value =
            serde_json::from_slice(&sign_file(b"file", &key).unwrap().to_json().unwrap()).unwrap();
        let message = &read["messageSignature"];
        let signature = STANDARD.decode(message["signature"].as_str().unwrap()).unwrap();
        assert!(key.public().verifies(b"file", &signature));
        assert_eq!(message["messageDigest"]["algorithm"], "SHA2_256");
    }
}
