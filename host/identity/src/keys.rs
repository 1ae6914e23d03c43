//! The one secret that a host is given, and the keys that follow from it: for access tokens, and for what has to be kept
//! as it is and is kept encrypted.
//!
//! A secret that was replaced still opens what it sealed, for as long as it is given, and verifies the tokens of its last
//! quarter of an hour.

use std::fmt;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use secrecy::SecretString;
use sha2::Sha256;
use waystation_core::time::later;

use crate::error::IdentityError;
use crate::jwt::{ACCESS_LIFE, JwtKey, KeyRing};
use crate::note::{NoteSigner, NoteVerifier};

/// Bytes of the secret.
pub const MASTER: usize = 32;

/// The first byte of what is sealed: how it is.
const VERSION: u8 = 1;

/// An access token to give out.
#[derive(Debug, Clone)]
pub struct AccessGrant {
    /// The token.
    pub token: SecretString,
    /// Until when it is good, if its login goes on.
    pub expires_at: Timestamp,
}

/// Bytes that tell which key sealed something, and of the nonce.
const ID: usize = 8;
const NONCE: usize = 12;

/// A key that seals.
struct SealKey {
    id: [u8; ID],
    cipher: Aes256Gcm,
}

impl SealKey {
    fn of(master: &[u8; MASTER]) -> Self {
        let mut id = [0; ID];
        let named = derived(master, b"waystation seal id 1");
        id.iter_mut().zip(named).for_each(|(to, from)| *to = from);
        Self { id, cipher: Aes256Gcm::new(&derived(master, b"waystation seal key 1").into()) }
    }
}

/// A key for one use (HMAC-SHA-256 as a pseudorandom function; the secret is uniformly random).
fn derived(master: &[u8; MASTER], what: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    block.iter_mut().zip(master).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(what);
    mac.finalize().into_bytes().into()
}

/// What the key that signs notes is called.
const NOTES: &str = "waystation";

/// See the module.
pub struct MasterKeys {
    ring: KeyRing,
    seals: Vec<SealKey>,
    notes: NoteSigner,
    /// Those of today and before.
    known: Vec<NoteVerifier>,
}

impl MasterKeys {
    /// Of the secret of today, and those before it. What these signed is good until a token's life after `now`.
    ///
    /// # Errors
    /// When one is given twice, or there are more than eight old ones.
    pub fn new(current: &[u8; MASTER], old: &[[u8; MASTER]], now: Timestamp) -> Result<Self, IdentityError> {
        let jwt = |master| JwtKey::hs256(&derived(master, b"waystation access tokens 1"));
        let mut ring = KeyRing::new(jwt(current)?);
        for master in old {
            ring = ring.with_retired(jwt(master)?, later(now, ACCESS_LIFE))?;
        }
        let seals = std::iter::once(current).chain(old).map(SealKey::of).collect();
        let signer = |master| NoteSigner::new(NOTES, derived(master, b"waystation notes 1"));
        let notes = signer(current)?;
        let mut known = vec![notes.verifier().clone()];
        for master in old {
            known.push(signer(master)?.verifier().clone());
        }
        Ok(Self { ring, seals, notes, known })
    }

    /// What signs notes.
    #[must_use]
    pub const fn notes(&self) -> &NoteSigner {
        &self.notes
    }

    /// The keys of notes: the first is that of today, the others those of replaced secrets.
    #[must_use]
    pub fn note_keys(&self) -> &[NoteVerifier] {
        &self.known
    }

    /// The keys of access tokens.
    #[must_use]
    pub const fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Encrypts something, for a place: it opens there only. `nonce` is random and used once.
    ///
    /// # Errors
    /// When it is too long for the cipher.
    pub fn seal(&self, plain: &[u8], place: &str, nonce: [u8; NONCE]) -> Result<Vec<u8>, IdentityError> {
        let key = self.seals.first().ok_or(IdentityError::Sealed)?;
        let payload = Payload { msg: plain, aad: place.as_bytes() };
        let hidden = key.cipher.encrypt(&nonce.into(), payload).map_err(|_| IdentityError::Sealed)?;
        Ok([&[VERSION], key.id.as_slice(), &nonce, &hidden].concat())
    }

    /// Decrypts what was sealed for a place.
    ///
    /// # Errors
    /// When no key is the one that sealed it, it was changed, or it is of another place.
    pub fn open(&self, sealed: &[u8], place: &str) -> Result<Vec<u8>, IdentityError> {
        let read = || {
            let rest = sealed.strip_prefix(&[VERSION])?;
            let (id, rest) = rest.split_first_chunk::<ID>()?;
            let (nonce, hidden) = rest.split_first_chunk::<NONCE>()?;
            let key = self.seals.iter().find(|key| key.id == *id)?;
            key.cipher.decrypt(&(*nonce).into(), Payload { msg: hidden, aad: place.as_bytes() }).ok()
        };
        read().ok_or(IdentityError::Sealed)
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKeys").field("ring", &self.ring).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::open_note;

    fn keys(current: u8, old: &[u8]) -> MasterKeys {
        let old: Vec<_> = old.iter().map(|n| [*n; MASTER]).collect();
        MasterKeys::new(&[current; MASTER], &old, Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_in_its_place_unchanged() {
        let sealed = keys(1, &[]).seal(b"secret", "user 1", [7; NONCE]).unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        for keys in [keys(1, &[]), keys(2, &[1]), keys(2, &[3, 1])] {
            assert_eq!(keys.open(&sealed, "user 1").unwrap(), b"secret");
            assert_eq!(keys.open(&sealed, "user 2"), Err(IdentityError::Sealed));
            for n in 0..sealed.len() {
                let mut other = sealed.clone();
                other[n] ^= 1;
                assert!(keys.open(&other, "user 1").is_err(), "{n}");
                assert!(keys.open(&sealed[..n], "user 1").is_err(), "{n}");
            }
        }
        assert_eq!(keys(2, &[]).open(&sealed, "user 1"), Err(IdentityError::Sealed));
        assert_eq!(keys(2, &[3]).open(&sealed, "user 1").unwrap_err().code(), "sealed-with-another-key");
    }

    #[test]
    fn notes_of_a_replaced_secret_are_known() {
        let note = keys(1, &[]).notes().sign("text\n").unwrap();
        for keys in [keys(1, &[]), keys(2, &[3, 1])] {
            assert_eq!(open_note(&note, keys.note_keys()), Ok("text\n"));
        }
        assert_eq!(open_note(&note, keys(2, &[]).note_keys()), Err(IdentityError::NoteSigner));
    }

    #[test]
    fn a_secret_is_given_once() {
        let twice = MasterKeys::new(&[1; MASTER], &[[1; MASTER]], Timestamp::UNIX_EPOCH);
        assert_eq!(twice.unwrap_err(), IdentityError::SecretTwice);
        let many: Vec<_> = (2..12).map(|n| [n; MASTER]).collect();
        assert!(MasterKeys::new(&[1; MASTER], &many, Timestamp::UNIX_EPOCH).is_err());
    }
}
