//! What a signature is about: bytes, or their digests, which we computed ourselves.

use std::fmt;

use sha2::{Digest as _, Sha256, Sha512};

/// The digests of what is to be verified, and the bytes where they are at hand.
///
/// Invariant: a digest that is here was computed over the bytes, or was given in place of them by whoever asks.
/// None is ever taken from a bundle.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    bytes: Option<Vec<u8>>,
    sha256: Option<[u8; 32]>,
    sha512: Option<[u8; 64]>,
}

impl Subject {
    /// Bytes, which are kept: signatures of some kinds need all of them.
    #[must_use]
    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        let sha256 = Some(Sha256::digest(&bytes).into());
        let sha512 = Some(Sha512::digest(&bytes).into());
        Self { bytes: Some(bytes), sha256, sha512 }
    }

    /// `sha256:` or `sha512:` and lower-case hex.
    #[must_use]
    pub fn of_digest(text: &str) -> Option<Self> {
        let (algorithm, value) = text.split_once(':')?;
        if value.bytes().any(|b| b.is_ascii_uppercase()) {
            return None;
        }
        let value = hex::decode(value).ok()?;
        match algorithm {
            "sha256" => Some(Self { bytes: None, sha256: Some(value.try_into().ok()?), sha512: None }),
            "sha512" => Some(Self { bytes: None, sha256: None, sha512: Some(value.try_into().ok()?) }),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }

    pub(crate) const fn sha256(&self) -> Option<&[u8; 32]> {
        self.sha256.as_ref()
    }

    pub(crate) const fn sha512(&self) -> Option<&[u8; 64]> {
        self.sha512.as_ref()
    }

    /// The digest by which it is named: SHA-256 where that is known.
    #[must_use]
    pub fn digest(&self) -> String {
        match (&self.sha256, &self.sha512) {
            (Some(digest), _) => format!("sha256:{}", hex::encode(digest)),
            (None, Some(digest)) => format!("sha512:{}", hex::encode(digest)),
            (None, None) => String::new(),
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subject").field(&self.digest()).finish()
    }
}

/// Computes the digests of bytes that come in pieces, and keeps them up to a bound.
#[derive(Debug)]
pub struct SubjectHasher {
    sha256: Sha256,
    sha512: Sha512,
    kept: Option<Vec<u8>>,
    most: usize,
}

impl SubjectHasher {
    /// Keeps the bytes while they are no more than `most`.
    #[must_use]
    pub fn keeping(most: usize) -> Self {
        Self { sha256: Sha256::new(), sha512: Sha512::new(), kept: Some(Vec::new()), most }
    }

    /// The next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.sha256.update(piece);
        self.sha512.update(piece);
        if let Some(kept) = &mut self.kept {
            if kept.len().saturating_add(piece.len()) > self.most {
                self.kept = None;
            } else {
                kept.extend_from_slice(piece);
            }
        }
    }

    /// What the pieces were.
    #[must_use]
    pub fn finish(self) -> Subject {
        Subject {
            bytes: self.kept,
            sha256: Some(self.sha256.finalize().into()),
            sha512: Some(self.sha512.finalize().into()),
        }
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole() {
        let mut hasher = SubjectHasher::keeping(11);
        hasher.update(b"hello ");
        hasher.update(b"world");
        assert_eq!(hasher.finish(), Subject::of_bytes(b"hello world".to_vec()));
        let mut hasher = SubjectHasher::keeping(10);
        hasher.update(b"hello ");
        hasher.update(b"world");
        let subject = hasher.finish();
        assert_eq!(subject.bytes(), None);
        assert_eq!(subject.digest(), Subject::of_bytes(b"hello world".to_vec()).digest());
    }

    #[test]
    fn a_digest_has_one_form() {
        let hex = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
        let text = format!("sha256:{hex}");
        assert_eq!(Subject::of_digest(&text).map(|s| s.digest()), Some(text));
        for wrong in [hex, "sha256:", "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", "sha512:00"] {
            assert_eq!(Subject::of_digest(wrong), None, "{wrong}");
        }
        assert_eq!(Subject::of_digest(&format!("sha256:{}", hex.to_uppercase())), None);
    }
}
