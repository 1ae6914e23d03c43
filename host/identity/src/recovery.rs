//! Codes for the one who has lost the second factor: ten, shown once, each good for one login.

use std::{fmt, str::FromStr};

use data_encoding::BASE32_NOPAD;
use secrecy::{ExposeSecret as _, SecretBox};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::error::IdentityError;

/// How many are made at a time.
pub const RECOVERY_CODES: usize = 10;

/// Random bytes of a code: 80 bits, 16 characters of base 32.
const BYTES: usize = 10;

/// The longest text that is looked at: people type with dashes and spaces.
const MAX_TEXT: usize = 64;

/// One code.
pub struct RecoveryCode(SecretBox<[u8; BYTES]>);

impl RecoveryCode {
    /// Of random bytes that are used for nothing else.
    #[must_use]
    pub fn new(random: [u8; BYTES]) -> Self {
        Self(SecretBox::new(Box::new(random)))
    }

    /// A new set, from the random numbers of the operating system. It takes the place of the one before.
    #[must_use]
    pub fn generate() -> [Self; RECOVERY_CODES] {
        std::array::from_fn(|_| Self::new(rand::random()))
    }

    /// As it is shown, once: `abcd-efgh-ijkl-mnop`.
    #[must_use]
    pub fn reveal(&self) -> String {
        let text = BASE32_NOPAD.encode(self.0.expose_secret()).to_ascii_lowercase();
        text.char_indices().fold(String::new(), |mut grouped, (n, character)| {
            if n > 0 && n % 4 == 0 {
                grouped.push('-');
            }
            grouped.push(character);
            grouped
        })
    }

    /// What to keep. 80 random bits are not found again by trying, so one SHA-256 is enough.
    #[must_use]
    pub fn digest(&self) -> RecoveryDigest {
        RecoveryDigest(
            Sha256::new()
                .chain_update(b"waystation recovery 1\0")
                .chain_update(self.0.expose_secret())
                .finalize()
                .into(),
        )
    }
}

impl FromStr for RecoveryCode {
    type Err = IdentityError;

    /// Reads what a person types: in any case, with dashes and spaces anywhere or nowhere.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |c: &char| !matches!(c, '-' | ' ');
        let read = || -> Option<[u8; BYTES]> {
            let text: String = text.chars().filter(plain).map(|c| c.to_ascii_uppercase()).collect();
            BASE32_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()
        };
        let bytes = if text.len() > MAX_TEXT { None } else { read() };
        bytes.map(Self::new).ok_or(IdentityError::Form("a recovery code"))
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

/// What is kept of a code.
#[derive(Clone, Copy)]
pub struct RecoveryDigest([u8; 32]);

impl RecoveryDigest {
    /// Of 32 bytes that were kept.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Which of those that are `kept` is of `code`. That one is to be removed, in the transaction that logs in. All are
    /// looked at, whichever it is.
    #[must_use]
    pub fn find(kept: &[Self], code: &RecoveryCode) -> Option<usize> {
        let digest = code.digest();
        let mut found = None;
        for (n, one) in kept.iter().enumerate() {
            if bool::from(one.0.ct_eq(&digest.0)) {
                found = Some(n);
            }
        }
        found
    }
}

impl fmt::Debug for RecoveryDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryDigest(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_set_opens_ten_times_and_no_more() {
        let codes = RecoveryCode::generate();
        let mut kept: Vec<RecoveryDigest> = codes.iter().map(RecoveryCode::digest).collect();
        for (n, code) in codes.iter().enumerate() {
            let typed: RecoveryCode = code.reveal().parse().unwrap();
            let found = RecoveryDigest::find(&kept, &typed);
            kept.remove(found.unwrap_or_else(|| panic!("{n}")));
            assert_eq!(RecoveryDigest::find(&kept, &typed), None, "used once");
        }
        assert!(kept.is_empty());
    }

    #[test]
    fn a_code_is_read_as_people_type() {
        let code = RecoveryCode::new([0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x11, 0x22]);
        assert_eq!(code.reveal(), "ci2f-m6e2-xtpp-aejc");
        for same in ["CI2F-M6E2-XTPP-AEJC", "ci2fm6e2xtppaejc", " ci2f m6e2 xtpp aejc ", "c-i2fm6e2xtppaej-c"]
        {
            assert_eq!(same.parse::<RecoveryCode>().unwrap().reveal(), code.reveal(), "{same:?}");
        }
        for bad in [
            "",
            "ci2f-m6e2-xtpp",
            "ci2f-m6e2-xtpp-aejc-a",
            "ci2f-m6e2-xtpp-aej1",
            "ci2f_m6e2_xtpp_aejc",
            &"-".repeat(65),
        ] {
            assert_eq!(bad.parse::<RecoveryCode>().unwrap_err().code(), "invalid-credential", "{bad:?}");
        }
        assert!(!format!("{code:?} {:?}", code.digest()).contains("ci2f"));
    }

    proptest! {
        #[test]
        fn only_the_very_code_is_found(one: [u8; BYTES], at in 0..BYTES, bit in 0u8..8) {
            let code = RecoveryCode::new(one);
            let kept = [RecoveryCode::new([0; BYTES]).digest(), RecoveryDigest::from_bytes(code.digest().as_bytes()).unwrap()];
            prop_assert_eq!(RecoveryDigest::find(&kept[1..], &code), Some(0));
            let mut other = one;
            other[at] ^= 1 << bit;
            prop_assert_eq!(RecoveryDigest::find(&kept[1..], &RecoveryCode::new(other)), None);
            prop_assert_eq!(RecoveryDigest::find(&[], &code), None);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,70}") {
            if let Ok(code) = text.parse::<RecoveryCode>() {
                prop_assert_eq!(code.reveal().parse::<RecoveryCode>().unwrap().reveal(), code.reveal());
            }
        }
    }
}
