//! Public keys as TUF writes them.
//!
//! Source: TUF specification 1.0, section 4.2; securesystemslib for the identifiers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sigstore_tuf::canonical_json::to_canonical_bytes;
use waystation_sign::PublicKey;

use crate::error::IndexError;

/// What is before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo. Source: RFC 8410, section 4.
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The key object: P-256 in PEM, Ed25519 in hex.
pub(crate) fn object(key: &PublicKey) -> Result<Value, IndexError> {
    Ok(match key.spki().strip_prefix(&ED25519) {
        Some(raw) => {
            json!({ "keytype": "ed25519", "scheme": "ed25519", "keyval": { "public": hex::encode(raw) } })
        }
        None => {
            json!({ "keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": { "public": key.to_pem()? } })
        }
    })
}

/// The identifier of a key object: SHA-256 of its canonical form.
pub(crate) fn id(object: &Value) -> Option<String> {
    let named = json!({
        "keytype": object.get("keytype")?, "scheme": object.get("scheme")?,
        "keyval": { "public": object.get("keyval")?.get("public")? },
    });
    Some(hex::encode(Sha256::digest(to_canonical_bytes(&named).ok()?)))
}

/// The identifier of a key.
pub(crate) fn id_of(key: &PublicKey) -> Result<String, IndexError> {
    let unusable = || IndexError::Keys { what: "a key".into(), why: "it has no canonical form".into() };
    id(&object(key)?).ok_or_else(unusable)
}

/// Reads a key object. Other kinds than the two that are written are not read.
pub(crate) fn read(object: &Value) -> Option<PublicKey> {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let public = object.get("keyval")?.get("public")?.as_str()?;
    match (text("keytype")?, text("scheme")?) {
        ("ed25519", "ed25519") => {
            let raw: [u8; 32] = hex::decode(public).ok()?.try_into().ok()?;
            let spki = STANDARD.encode([&ED25519[..], &raw].concat());
            PublicKey::from_pem(&format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n"))
                .ok()
        }
        ("ecdsa" | "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256") => {
            // An Ed25519 key in PEM is none of this kind.
            PublicKey::from_pem(public).ok().filter(|key| !key.spki().starts_with(&ED25519))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use waystation_sign::{Algorithm, Key, Signer as _};

    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        waystation_verify::ready();
        for algorithm in [Algorithm::P256, Algorithm::Ed25519] {
            let key = Key::generate(algorithm);
            let written = object(key.public()).unwrap();
            assert_eq!(read(&written).as_ref(), Some(key.public()));
            assert_eq!(id(&written).unwrap(), id_of(key.public()).unwrap());
            let engine: sigstore_tuf::Key = serde_json::from_value(written).unwrap();
            assert_eq!(engine.key_id().unwrap(), id_of(key.public()).unwrap());
        }
        let p256 = object(Key::generate(Algorithm::P256).public()).unwrap();
        for (key, value) in [("keytype", "rsa"), ("scheme", "ed25519"), ("keytype", "ed25519")] {
            let mut other = p256.clone();
            other[key] = value.into();
            assert_eq!(read(&other), None, "{key} {value}");
        }
    }
}
