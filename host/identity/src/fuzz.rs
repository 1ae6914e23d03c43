//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is part of
//! tests and of `fuzz/` only.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;

use crate::{JwtKey, KeyRing, MAX_NOTE, NoteSigner, NoteVerifier, PurposeKind, Site, open_note};

const SITE: Site<'static> = Site { issuer: "https://fuzz.example", audience: "api" };

/// A token as it is presented; or, as two lines, a header and claims that are signed with the host's own key, as if
/// somebody had come by it: what holds is one of ours, reads the same when it is written anew, and is for one purpose.
pub fn jwt(data: &[u8]) {
    let now = Timestamp::from_second(1_795_305_600).unwrap_or(Timestamp::UNIX_EPOCH);
    for key in [JwtKey::hs256(&[b'k'; 32]), Ok(JwtKey::ed25519([7; 32]))] {
        let Ok(key) = key else { return };
        let ring = KeyRing::new(key);
        let text = match data.iter().position(|b| *b == b'\n') {
            Some(line) => {
                let (header, claims) = data.split_at(line);
                let message = [header, claims.get(1..).unwrap_or_default()]
                    .map(|part| URL_SAFE_NO_PAD.encode(part))
                    .join(".");
                format!("{message}.{}", URL_SAFE_NO_PAD.encode(ring.current().sign(message.as_bytes())))
            }
            None => String::from_utf8_lossy(data).into_owned(),
        };
        let read =
            [PurposeKind::Access, PurposeKind::Viewer].map(|purpose| ring.verify(&SITE, purpose, &text, now));
        assert!(read.iter().filter(|read| read.is_ok()).count() <= 1, "one purpose");
        for claims in read.into_iter().flatten() {
            let anew = ring.sign(&SITE, &claims);
            let again = anew.and_then(|text| ring.verify(&SITE, claims.purpose.kind(), &text, now));
            assert_eq!(again.as_ref(), Ok(&claims));
        }
    }
}

/// A signed note, as it is or with the host's own signature below: what is opened is what was signed, and none that the
/// host did not sign opens.
pub fn signed_note(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(key) = text.parse::<NoteVerifier>() {
        assert_eq!(key.to_string(), text, "there is one form");
    }
    let Ok(signer) = NoteSigner::new("fuzz", [7; 32]) else { return };
    let keys = [signer.verifier().clone()];
    let opened = open_note(&text, &keys);
    if let Ok(opened) = opened {
        assert!(
            signer
                .sign(opened)
                .is_ok_and(|note| text.starts_with(note.trim_end()) || text.contains("— fuzz "))
        );
    }
    if let Ok(note) = signer.sign(&text)
        && note.len() <= MAX_NOTE
    {
        assert_eq!(open_note(&note, &keys), Ok(&*text));
        assert!(open_note(&note.replace("— fuzz", "— fuzy"), &keys).is_err());
    }
}

#[cfg(test)]
mod tests {
    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        waystation_seeds::hold(&[("jwt", super::jwt), ("signed-note", super::signed_note)]);
    }

    /// The seeds reach what they are for: each kind of token is accepted once.
    #[test]
    fn a_seed_of_each_purpose_is_a_token() {
        let seeds = waystation_seeds::of("jwt");
        for word in ["\"purpose\":\"access\"", "\"purpose\":\"viewer\"", "EdDSA", "HS256"] {
            assert!(seeds.iter().any(|seed| String::from_utf8_lossy(seed).contains(word)), "{word}");
        }
    }
}
