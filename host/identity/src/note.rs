//! Signed notes: a text of lines, and below it who signed it (C2SP signed-note, with Ed25519). The host signs the head of
//! its record in this form, so that other programs can tell it, too.

use std::fmt;
use std::str::FromStr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use secrecy::{ExposeSecret as _, SecretBox};
use sha2::{Digest as _, Sha256};

use crate::error::IdentityError;

/// The most bytes of a note.
pub const MAX_NOTE: usize = 64 << 10;

/// The most signatures that are looked at.
const MAX_SIGNATURES: usize = 16;

/// What stands before a key to say that it is one of Ed25519.
const ED25519: u8 = 1;

/// A key that verifies notes: `NAME+HASH+KEY`, as it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteVerifier {
    name: String,
    key: VerifyingKey,
}

impl NoteVerifier {
    /// The first bytes of a hash over name and key: which key a signature is of.
    fn hint(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        hash.first_chunk().copied().unwrap_or_default()
    }
}

impl fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[ED25519], self.key.as_bytes().as_slice()].concat());
        write!(f, "{}+{}+{key}", self.name, hex::encode(self.hint()))
    }
}

impl FromStr for NoteVerifier {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            // Base 64 has a plus as well.
            let mut parts = text.splitn(3, '+');
            let (name, _, key) = (parts.next()?, parts.next()?, parts.next()?);
            let key: [u8; 33] = STANDARD.decode(key).ok()?.try_into().ok()?;
            let (kind, key) = key.split_first_chunk()?;
            let key = VerifyingKey::from_bytes(key.try_into().ok()?).ok().filter(|_| *kind == [ED25519])?;
            let read = Self { name: name.to_owned(), key };
            // Also that the hash is its own.
            (is_name(name) && read.to_string() == text).then_some(read)
        };
        read().ok_or(IdentityError::Form("the key of signed notes: NAME+HASH+KEY"))
    }
}

/// A key that signs notes.
pub struct NoteSigner {
    seed: SecretBox<[u8; 32]>,
    verifier: NoteVerifier,
}

impl NoteSigner {
    /// The key of this seed, under a name.
    ///
    /// # Errors
    /// When the name is empty, or has spaces or pluses.
    pub fn new(name: &str, seed: [u8; 32]) -> Result<Self, IdentityError> {
        if !is_name(name) {
            return Err(IdentityError::Form("a name of a key: not empty, without spaces and pluses"));
        }
        let key = SigningKey::from_bytes(&seed).verifying_key();
        Ok(Self {
            seed: SecretBox::new(Box::new(seed)),
            verifier: NoteVerifier { name: name.to_owned(), key },
        })
    }

    /// The key that verifies what this signs.
    #[must_use]
    pub const fn verifier(&self) -> &NoteVerifier {
        &self.verifier
    }

    /// The text with the signature below it.
    ///
    /// # Errors
    /// When it is no text of whole lines.
    pub fn sign(&self, text: &str) -> Result<String, IdentityError> {
        if !is_text(text) {
            return Err(IdentityError::Form("a text of whole lines"));
        }
        let signature = SigningKey::from_bytes(self.seed.expose_secret()).sign(text.as_bytes()).to_bytes();
        let line = STANDARD.encode([self.verifier.hint().as_slice(), &signature].concat());
        Ok(format!("{text}\n— {} {line}\n", self.verifier.name))
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoteSigner").field("verifier", &self.verifier.to_string()).finish_non_exhaustive()
    }
}

/// The text of a note that one of these keys signed. Signatures of others are not looked at; one in the name of a key that
/// does not hold refuses the note.
///
/// # Errors
/// `Note` when it is no note, `NoteSigner` when none of the keys signed it, `NoteSignature` when one does not hold.
pub fn open_note<'a>(note: &'a str, keys: &[NoteVerifier]) -> Result<&'a str, IdentityError> {
    let (text, signatures) = parts(note).ok_or(IdentityError::Note)?;
    let mut signed = false;
    for (name, bytes) in signatures {
        let (hint, signature) = bytes.split_first_chunk::<4>().ok_or(IdentityError::Note)?;
        let Some(key) = keys.iter().find(|key| key.name == name && key.hint() == *hint) else { continue };
        let signature = Signature::from_slice(signature).map_err(|_| IdentityError::NoteSignature)?;
        key.key.verify_strict(text.as_bytes(), &signature).map_err(|_| IdentityError::NoteSignature)?;
        signed = true;
    }
    if signed { Ok(text) } else { Err(IdentityError::NoteSigner) }
}

/// A name, and what stands behind it: the start of the key's hash and the signature.
type Signed<'a> = (&'a str, Vec<u8>);

/// The text with its last line break, and the signatures.
fn parts(note: &str) -> Option<(&str, Vec<Signed<'_>>)> {
    if note.len() > MAX_NOTE || !is_text(note) {
        return None;
    }
    // The last empty line parts them: the text may have others.
    let at = note.rfind("\n\n")?;
    let (text, lines) = (note.get(..=at)?, note.get(at + 2..)?);
    let signatures: Vec<_> = lines.lines().map(signature).collect::<Option<_>>()?;
    (!signatures.is_empty() && signatures.len() <= MAX_SIGNATURES).then_some((text, signatures))
}

fn signature(line: &str) -> Option<Signed<'_>> {
    let (name, bytes) = line.strip_prefix("— ")?.split_once(' ')?;
    let bytes = STANDARD.decode(bytes).ok()?;
    (is_name(name) && bytes.len() > 4).then_some((name, bytes))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c == '+' || c.is_whitespace() || c.is_control())
}

/// Whole lines, and no other control characters than those that end them.
fn is_text(text: &str) -> bool {
    text.ends_with('\n') && !text.chars().any(|c| c < ' ' && c != '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Go package golang.org/x/mod/sumdb/note.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn peter() -> NoteVerifier {
        PETER.parse().unwrap()
    }

    #[test]
    fn a_note_of_another_program_is_read() {
        assert_eq!(peter().to_string(), PETER);
        let text = open_note(NOTE, &[peter()]).unwrap();
        assert!(text.starts_with("If you think") && text.ends_with("problem is.\n"), "{text:?}");
        assert_eq!(open_note(NOTE, &[]), Err(IdentityError::NoteSigner));
    }

    #[test]
    fn what_is_signed_is_opened_with_its_key_unchanged() {
        let signer = NoteSigner::new("waystation", [7; 32]).unwrap();
        let other = NoteSigner::new("waystation", [8; 32]).unwrap();
        let named = NoteSigner::new("other", [7; 32]).unwrap();
        let text = "a line\n\nanother\n";
        let note = signer.sign(text).unwrap();
        let keys = [peter(), signer.verifier().clone()];
        assert_eq!(open_note(&note, &keys), Ok(text));
        for not in [&other, &named] {
            assert_eq!(open_note(&note, &[not.verifier().clone()]), Err(IdentityError::NoteSigner));
        }
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(open_note(&changed, &keys).is_err(), "{at}: {changed:?}");
        }
        // A second signature adds nothing and takes nothing; a wrong one in a known name refuses.
        let both = format!("{note}{}", other.sign(text).unwrap().lines().last().unwrap()) + "\n";
        assert_eq!(open_note(&both, &keys), Ok(text));
        assert_eq!(open_note(&both, &[other.verifier().clone()]), Ok(text));
        let moved = other.sign("another\n").unwrap();
        let forged = format!("{note}{}\n", moved.lines().last().unwrap());
        let known = [signer.verifier().clone(), other.verifier().clone()];
        assert_eq!(open_note(&forged, &known), Err(IdentityError::NoteSignature));
    }

    #[test]
    fn what_is_no_note_or_key_is_refused() {
        let line = NOTE.lines().last().unwrap();
        for bad in [
            "",
            "\n",
            "text\n",
            "text\n\n",
            "text\n\nno signature\n",
            "text\r\n\n— a AAAAAAA=\n",
            "text\n\n— a AAAAAA==\n",
            "text\n\n— a+b AAAAAAA=\n",
            "text\n\n— a AAAAAAA\n",
            &NOTE[..NOTE.len() - 1],
            &format!("{NOTE}{}", format!("{line}\n").repeat(MAX_SIGNATURES)),
            &format!("{}{NOTE}", "x".repeat(MAX_NOTE)),
        ] {
            assert_eq!(open_note(bad, &[peter()]), Err(IdentityError::Note), "{:?}", bad.get(..40));
        }
        for bad in ["", "+", "++", "a+b+c", &PETER.replace("c74f", "c74e"), &PETER.replace("Peter", "Pe ter")]
        {
            assert!(bad.parse::<NoteVerifier>().is_err(), "{bad}");
        }
        let signer = NoteSigner::new("waystation", [7; 32]).unwrap();
        for bad in ["", "no end", "a\tb\n", "a\r\n"] {
            assert!(signer.sign(bad).is_err(), "{bad:?}");
        }
        assert!(NoteSigner::new("way station", [7; 32]).is_err());
        assert!(!format!("{signer:?}").contains("7, 7"));
    }
}
