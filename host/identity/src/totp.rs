//! The second factor: six digits that an authenticator app counts from a shared secret and the time (RFC 6238, with
//! SHA-1 and steps of 30 seconds, since that is what every app reads).
//!
//! A step is accepted once: who keeps the last one that was, keeps a code from being used again by somebody who looked
//! on.

use std::{fmt, fmt::Write as _, str::FromStr};

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretBox};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

use crate::error::IdentityError;

/// Seconds of a step.
pub const STEP: i64 = 30;

/// How many steps a clock may be off, either way.
pub const SKEW: i64 = 1;

/// Bytes of a secret: 160 bits, as RFC 4226 section 4 recommends.
const SECRET: usize = 20;

/// The number of a step: seconds since 1970 over 30. Kept of the last accepted code.
pub type Step = i64;

/// What an app and the host share. It is kept as it is, so where it is kept must be encrypted.
pub struct TotpSecret(SecretBox<[u8; SECRET]>);

impl TotpSecret {
    /// Of random bytes.
    #[must_use]
    pub fn new(random: [u8; SECRET]) -> Self {
        Self(SecretBox::new(Box::new(random)))
    }

    /// A new one, from the random numbers of the operating system.
    #[must_use]
    pub fn generate() -> Self {
        Self::new(rand::random())
    }

    /// As people type it: 32 characters of base 32.
    #[must_use]
    pub fn reveal(&self) -> String {
        BASE32_NOPAD.encode(self.0.expose_secret())
    }

    /// What apps read from a QR code: an `otpauth` URI, in the form of Google Authenticator's Key Uri Format.
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        let (issuer, account) = (escape(issuer), escape(account));
        format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", self.reveal())
    }

    /// The six digits of a step.
    fn code(&self, step: Step) -> [u8; 6] {
        // A key that is shorter than a block is filled up with zeros: RFC 2104, section 2.
        let mut block = [0; 64];
        block.iter_mut().zip(self.0.expose_secret()).for_each(|(to, from)| *to = *from);
        let mut mac = Hmac::<Sha1>::new(&block.into());
        mac.update(&step.to_be_bytes());
        let hash: [u8; 20] = mac.finalize().into_bytes().into();
        // RFC 4226, section 5.3: the last four bits say where the number begins.
        let start = usize::from(hash[19] & 0xf);
        let number =
            hash.iter().skip(start).take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        let mut rest = number & 0x7fff_ffff;
        let mut digits = [b'0'; 6];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        digits
    }

    /// The step that `code` is of: one at most off the time. To be kept; `last` is what was kept before.
    ///
    /// # Errors
    /// When it is not six digits, of no such step, or of one that is not after the last.
    pub fn verify(&self, code: &str, last: Option<Step>, now: Timestamp) -> Result<Step, IdentityError> {
        let code =
            <[u8; 6]>::try_from(code.as_bytes()).ok().filter(|code| code.iter().all(u8::is_ascii_digit));
        let code = code.ok_or(IdentityError::Form("a code of six digits"))?;
        let step = now.as_second().div_euclid(STEP);
        // All are looked at, and the latest that fits counts: by how long it takes nobody learns which.
        let mut found = None;
        for step in step.saturating_sub(SKEW)..=step.saturating_add(SKEW) {
            if bool::from(self.code(step).ct_eq(&code)) {
                found = Some(step);
            }
        }
        match found {
            Some(step) if last.is_none_or(|last| step > last) => Ok(step),
            Some(_) => Err(IdentityError::CodeUsed),
            None => Err(IdentityError::WrongCode),
        }
    }
}

impl FromStr for TotpSecret {
    type Err = IdentityError;

    /// Reads what [`TotpSecret::reveal`] wrote.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = BASE32_NOPAD.decode(text.as_bytes()).ok();
        let secret = bytes.and_then(|bytes| <[u8; SECRET]>::try_from(bytes).ok());
        secret.map(Self::new).ok_or(IdentityError::Form("a secret of an authenticator app"))
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986, so that a name cannot add to a URI.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            // Writing to a string does not fail.
            _ => drop(write!(escaped, "%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn text(secret: &TotpSecret, second: i64) -> String {
        String::from_utf8(secret.code(second.div_euclid(STEP)).to_vec()).unwrap()
    }

    /// RFC 6238, appendix B, for SHA-1; of its eight digits the last six.
    #[test]
    fn the_vectors_of_the_rfc() {
        let secret = TotpSecret::new(*b"12345678901234567890");
        for (second, digits) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(text(&secret, second), &digits[2..], "{second}");
            assert_eq!(secret.verify(&digits[2..], None, at(second)), Ok(second / 30));
        }
    }

    /// RFC 4226, appendix D: the first ten counts.
    #[test]
    fn the_vectors_of_the_counter() {
        let secret = TotpSecret::new(*b"12345678901234567890");
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (step, code) in (0..).zip(codes) {
            assert_eq!(text(&secret, step * STEP), code, "{step}");
        }
    }

    #[test]
    fn a_code_holds_one_step_either_way() {
        let secret = TotpSecret::new([7; SECRET]);
        let code = text(&secret, 3_000);
        for (second, holds) in
            [(2_969, false), (2_970, true), (3_000, true), (3_029, true), (3_059, true), (3_060, false)]
        {
            let answer = secret.verify(&code, None, at(second));
            assert_eq!(answer.is_ok(), holds, "{second} {answer:?}");
            assert!(holds || answer == Err(IdentityError::WrongCode));
        }
    }

    #[test]
    fn a_code_is_used_once_and_none_before_it_after_that() {
        let secret = TotpSecret::new([9; SECRET]);
        let (before, code, next) = (text(&secret, 2_970), text(&secret, 3_000), text(&secret, 3_030));
        let last = secret.verify(&code, None, at(3_000)).unwrap();
        for used in [&code, &before] {
            assert_eq!(secret.verify(used, Some(last), at(3_000)).unwrap_err().code(), "code-used");
        }
        assert_eq!(secret.verify(&next, Some(last), at(3_000)), Ok(last + 1));
    }

    #[test]
    fn whatever_is_not_six_digits_is_refused() {
        let secret = TotpSecret::new([7; SECRET]);
        let code = text(&secret, 3_000);
        for bad in [
            "",
            "1",
            &code[1..],
            &format!("{code}0"),
            &format!(" {}", &code[1..]),
            "12 345",
            "+12345",
            "-12345",
            "١٢٣",
            "abcdef",
        ] {
            let error = secret.verify(bad, None, at(3_000)).unwrap_err();
            assert_eq!(error.code(), "invalid-credential", "{bad:?}");
        }
    }

    #[test]
    fn a_secret_has_one_spelling_and_does_not_print() {
        let secret = TotpSecret::new(*b"12345678901234567890");
        assert_eq!(secret.reveal(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(secret.reveal().parse::<TotpSecret>().unwrap().reveal(), secret.reveal());
        assert_eq!(format!("{secret:?}"), "TotpSecret(…)");
        for bad in [
            "",
            "GEZDGNBV",
            "gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ=",
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGE",
        ] {
            assert!(bad.parse::<TotpSecret>().is_err(), "{bad}");
        }
        assert_ne!(TotpSecret::generate().reveal(), TotpSecret::generate().reveal());
    }

    #[test]
    fn a_name_does_not_add_to_the_uri() {
        let secret = TotpSecret::new([0; SECRET]);
        assert_eq!(
            secret.uri("Way station", "ann&secret=x:é"),
            "otpauth://totp/Way%20station:ann%26secret%3Dx%3A%C3%A9?secret=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&issuer=Way%20station",
        );
    }

    proptest! {
        /// In whatever order codes of whatever steps come, each accepted step is later than the one before.
        #[test]
        fn steps_only_go_forward(random: [u8; SECRET], tries in prop::collection::vec((-3i64..4, 0i64..100), 1..40)) {
            let secret = TotpSecret::new(random);
            let (mut last, mut now) = (None, 1_000_000);
            for (off, gap) in tries {
                now += gap;
                if let Ok(step) = secret.verify(&text(&secret, now + off * STEP), last, at(now)) {
                    prop_assert!(last.is_none_or(|last| step > last));
                    prop_assert!((step - now / STEP).abs() <= SKEW);
                    last = Some(step);
                }
            }
        }

        #[test]
        fn any_time_and_text_is_borne(second in -377_705_023_201i64..=253_402_207_200, code in "[0-9]{6}|\\PC{0,8}", last: Option<i64>) {
            drop(TotpSecret::new([1; SECRET]).verify(&code, last, at(second)));
        }
    }
}
