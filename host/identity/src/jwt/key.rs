//! The keys that tokens are signed with.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretBox};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::error::IdentityError;

/// The shortest secret, in bytes: as long as the hash (RFC 7518, section 3.2).
pub const MIN_SECRET: usize = 32;

/// Keys that were replaced and still verify, at most.
const MAX_RETIRED: usize = 8;

/// The name of a key (`kid`): 16 hex digits that follow from the key, so that no two keys share one by mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyId(String);

impl KeyId {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

enum Algorithm {
    /// HMAC-SHA-256; the key as the block that it fills.
    Hs256(SecretBox<[u8; 64]>),
    /// Ed25519: the seed, and the public key.
    EdDsa(SecretBox<[u8; 32]>, VerifyingKey),
}

/// A key and its algorithm, which are not to be had apart.
pub struct JwtKey {
    id: KeyId,
    algorithm: Algorithm,
}

impl JwtKey {
    /// HMAC-SHA-256 with a secret: every byte of it counts, also a line end. A host that gets an error from here does not
    /// start.
    ///
    /// # Errors
    /// Under 32 bytes.
    pub fn hs256(secret: &[u8]) -> Result<Self, IdentityError> {
        if secret.len() < MIN_SECRET {
            return Err(IdentityError::WeakSecret(secret.len()));
        }
        // RFC 2104, section 2: longer than a block is hashed first, shorter is filled up with zeros.
        let hashed: [u8; 32];
        let key = if secret.len() > 64 {
            hashed = Sha256::digest(secret).into();
            &hashed
        } else {
            secret
        };
        let mut block = Box::new([0; 64]);
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        let block = SecretBox::new(block);
        let id = hmac(&block, b"waystation jwt key 1");
        Ok(Self { id: name(&id), algorithm: Algorithm::Hs256(block) })
    }

    /// Ed25519 with the key of this seed.
    #[must_use]
    pub fn ed25519(seed: [u8; 32]) -> Self {
        let public = SigningKey::from_bytes(&seed).verifying_key();
        let id =
            Sha256::new().chain_update(b"waystation jwt key 1\0").chain_update(public.as_bytes()).finalize();
        Self { id: name(&id.into()), algorithm: Algorithm::EdDsa(SecretBox::new(Box::new(seed)), public) }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// The algorithm as RFC 7518 and RFC 8037 call it.
    pub(super) const fn algorithm(&self) -> &'static str {
        match self.algorithm {
            Algorithm::Hs256(_) => "HS256",
            Algorithm::EdDsa(..) => "EdDSA",
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.algorithm {
            Algorithm::Hs256(block) => hmac(block, message).to_vec(),
            Algorithm::EdDsa(seed, _) => {
                SigningKey::from_bytes(seed.expose_secret()).sign(message).to_bytes().to_vec()
            }
        }
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.algorithm {
            Algorithm::Hs256(block) => hmac(block, message).ct_eq(signature).into(),
            Algorithm::EdDsa(_, public) => Signature::from_slice(signature)
                .is_ok_and(|signature| public.verify_strict(message, &signature).is_ok()),
        }
    }
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JwtKey({} {})", self.algorithm(), self.id.0)
    }
}

fn hmac(block: &SecretBox<[u8; 64]>, message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new(block.expose_secret().into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn name(hash: &[u8; 32]) -> KeyId {
    KeyId(hex::encode(hash).chars().take(16).collect())
}

/// The key that signs, and those before it that still verify until what they signed is over.
#[derive(Debug)]
pub struct KeyRing {
    current: JwtKey,
    retired: Vec<(JwtKey, Timestamp)>,
}

impl KeyRing {
    /// With one key.
    #[must_use]
    pub const fn new(current: JwtKey) -> Self {
        Self { current, retired: Vec::new() }
    }

    /// With a key that was replaced, which verifies until `until`: the time of the change and the life of a token.
    ///
    /// # Errors
    /// When the key is there already, or there are too many.
    pub fn with_retired(mut self, key: JwtKey, until: Timestamp) -> Result<Self, IdentityError> {
        if self.find(key.id.as_str(), Timestamp::MIN).is_some() {
            return Err(IdentityError::SecretTwice);
        }
        if self.retired.len() >= MAX_RETIRED {
            return Err(IdentityError::TooManySecrets);
        }
        self.retired.push((key, until));
        Ok(self)
    }

    /// The key that signs.
    #[must_use]
    pub const fn current(&self) -> &JwtKey {
        &self.current
    }

    /// The key of that name, if it verifies now.
    pub(super) fn find(&self, id: &str, now: Timestamp) -> Option<&JwtKey> {
        let retired = self.retired.iter().filter(|(_, until)| now < *until).map(|(key, _)| key);
        std::iter::once(&self.current).chain(retired).find(|key| key.id.as_str() == id)
    }
}
