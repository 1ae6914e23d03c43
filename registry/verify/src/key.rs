//! Public keys that rules pin.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::engine::{self, KeyKind};
use crate::error::{Code, Refusal};
use crate::subject::sha256;

/// A public key: ECDSA (P-256, P-384), Ed25519 or RSA (2,048 to 8,192 bits).
///
/// Two keys are one if their bytes are the same, whatever they are called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    spki: Vec<u8>,
}

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----`, of which there must be exactly one and nothing else.
    ///
    /// # Errors
    /// `key-unusable`.
    pub fn from_pem(text: &str) -> Result<Self, Refusal> {
        let unusable = |why: &str| Code::KeyUnusable.because(format!("the public key {why}"));
        match (text.matches("-----BEGIN").count(), pem(text.trim())) {
            (1, Some(("PUBLIC KEY", spki))) => Self::from_spki(spki),
            (1, Some((label, _))) => Err(unusable(&format!("is a {label}; give a PUBLIC KEY in PEM"))),
            _ => Err(unusable("does not parse; give one PUBLIC KEY in PEM")),
        }
    }

    /// Takes DER, SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// `key-unusable`.
    pub fn from_spki(spki: Vec<u8>) -> Result<Self, Refusal> {
        match engine::key_kind(&spki) {
            Some(_) => Ok(Self { spki }),
            None => {
                Err(Code::KeyUnusable
                    .because("the public key does not parse, or is of a kind that is not known"))
            }
        }
    }

    /// DER, SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// `sha256:` and the digest of the SubjectPublicKeyInfo, in hex.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("sha256:{}", hex::encode(sha256(&self.spki)))
    }

    /// Whether a digest by this algorithm goes with signatures of this key. What a bundle says of it decides
    /// nothing else.
    pub(crate) fn admits(spki: &[u8], algorithm: &str) -> bool {
        let admitted: &[&str] = match engine::key_kind(spki) {
            Some(KeyKind::P256 | KeyKind::Rsa) => &["SHA2_256"],
            Some(KeyKind::P384) => &["SHA2_256", "SHA2_384"],
            Some(KeyKind::Ed25519) => &["SHA2_256", "SHA2_512"],
            None => &[],
        };
        admitted.contains(&algorithm)
    }
}

/// The label and the bytes of the first block of a PEM document.
pub(crate) fn pem(text: &str) -> Option<(&str, Vec<u8>)> {
    let (label, rest) = text.trim_start().strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let end = format!("-----END {label}-----");
    let (body, _) = rest.split_once(end.as_str())?;
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    Some((label, STANDARD.decode(body).ok().filter(|der| !der.is_empty())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2G2Y+2tabdTV5BcGiBIx0a9fAFwr\n\
        kBbmLSGtks4L3qX6yYY0zufBnhC8Ur/iy55GhWP/9A/bY2LhC30M9+RYtw==\n\
        -----END PUBLIC KEY-----\n";

    #[test]
    fn one_key_and_nothing_else() {
        let key = PublicKey::from_pem(KEY).unwrap();
        assert!(key.fingerprint().starts_with("sha256:c0d23d6ad406973f"));
        let twice = [KEY, KEY].concat();
        let certificate = KEY.replace("PUBLIC KEY", "CERTIFICATE");
        let cut = KEY.replace("RYtw==", "");
        let edited = KEY.replace("2G2Y", "AAAA");
        for wrong in ["", "key", &twice, &certificate, &cut, &edited] {
            assert_eq!(PublicKey::from_pem(wrong).unwrap_err().code(), Code::KeyUnusable, "{wrong}");
        }
    }
}
