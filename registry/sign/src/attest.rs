//! Sigstore bundles (version 0.3), made with a key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::Signer;
use crate::error::SignError;
use crate::public::PublicKey;

/// The media type of what is made.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What an envelope holds.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Signs an in-toto statement, in its bytes.
///
/// # Errors
/// Those of the signer.
pub fn attest(statement: &[u8], signer: &dyn Signer) -> Result<Vec<u8>, SignError> {
    let signature = signer.sign(&pre_authentication(PAYLOAD_TYPE, statement))?;
    let envelope = Envelope {
        payload: STANDARD.encode(statement),
        payload_type: PAYLOAD_TYPE,
        signatures: [Signature { sig: STANDARD.encode(signature) }],
    };
    written(signer.public(), Content::Envelope(envelope))
}

/// Signs the bytes of a file, as `cosign sign-blob` does.
///
/// # Errors
/// Those of the signer.
pub fn sign_file(bytes: &[u8], signer: &dyn Signer) -> Result<Vec<u8>, SignError> {
    let signature = signer.sign(bytes)?;
    let digest = STANDARD.encode(Sha256::digest(bytes));
    let message = Message {
        message_digest: Digest { algorithm: "SHA2_256", digest },
        signature: STANDARD.encode(signature),
    };
    written(signer.public(), Content::Message(message))
}

/// What of an envelope is signed (DSSE, protocol, "PAE").
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

fn written(key: &PublicKey, content: Content) -> Result<Vec<u8>, SignError> {
    let hint = STANDARD.encode(key.digest());
    let verification_material = Material { public_key: Hint { hint }, log_entries: [] };
    serde_json::to_vec(&Bundle { media_type: MEDIA_TYPE, verification_material, content })
        .map_err(|e| refused(&e))
}

fn refused(e: &serde_json::Error) -> SignError {
    SignError::Refused { why: e.to_string() }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    media_type: &'static str,
    verification_material: Material,
    #[serde(flatten)]
    content: Content,
}

#[derive(Serialize)]
struct Material {
    #[serde(rename = "publicKey")]
    public_key: Hint,
    #[serde(rename = "tlogEntries")]
    log_entries: [(); 0],
}

/// Which key it was, for people; verifiers look it up in what they trust.
#[derive(Serialize)]
struct Hint {
    hint: String,
}

#[derive(Serialize)]
enum Content {
    #[serde(rename = "dsseEnvelope")]
    Envelope(Envelope),
    #[serde(rename = "messageSignature")]
    Message(Message),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: &'static str,
    signatures: [Signature; 1],
}

#[derive(Serialize)]
struct Signature {
    sig: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_digest: Digest,
    signature: String,
}

#[derive(Serialize)]
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
            let bundle = attest(statement, &key).unwrap();
            assert_eq!(bundle, attest(statement, &key).unwrap());
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
        let read: serde_json::Value = serde_json::from_slice(&sign_file(b"file", &key).unwrap()).unwrap();
        let message = &read["messageSignature"];
        let signature = STANDARD.decode(message["signature"].as_str().unwrap()).unwrap();
        assert!(key.public().verifies(b"file", &signature));
        assert_eq!(message["messageDigest"]["algorithm"], "SHA2_256");
    }
}
