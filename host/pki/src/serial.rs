//! Serial numbers of certificates.

use std::fmt;
use std::str::FromStr;

use crate::PkiError;

/// The most bytes that a serial number has (RFC 5280, section 4.1.2.2).
const MAX: usize = 20;

/// A serial number, in the one form in which it is compared: positive, without leading zeros. It is written in
/// lower-case hex, two digits a byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Vec<u8>);

impl Serial {
    /// A new one: 159 random bits, so that it is positive in 20 bytes and nobody guesses it.
    #[must_use]
    pub fn random() -> Self {
        Self::of_random(rand::random())
    }

    /// The one that is made of these random bytes.
    fn of_random(mut bytes: [u8; MAX]) -> Self {
        let [first, .., last] = &mut bytes;
        *first &= 0x7f;
        // All zeros are no number; this is as rare as a collision.
        *last |= u8::from(*first == 0);
        Self::from_bytes(&bytes).unwrap_or_else(|_| Self(vec![1]))
    }

    /// The number with these bytes, the highest first.
    ///
    /// # Errors
    /// `certificate-serial`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PkiError> {
        let zeros = bytes.iter().take_while(|b| **b == 0).count();
        match bytes.get(zeros..).unwrap_or_default() {
            [] => Err(PkiError::Serial { why: "this one is empty or zero" }),
            significant if significant.len() > MAX => Err(PkiError::Serial { why: "this one is longer" }),
            significant => Ok(Self(significant.to_vec())),
        }
    }

    /// Its bytes, the highest first, without leading zeros.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Reads hex of either case, with leading zeros, as proxies write it; without signs, colons or spaces.
impl FromStr for Serial {
    type Err = PkiError;

    fn from_str(text: &str) -> Result<Self, PkiError> {
        if text.len() > 4 * MAX {
            return Err(PkiError::Serial { why: "this one is longer" });
        }
        if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(PkiError::Serial { why: "this one holds something else than hex digits" });
        }
        let even = if text.len().is_multiple_of(2) { text.to_owned() } else { format!("0{text}") };
        let bytes = hex::decode(even).map_err(|_| PkiError::Serial { why: "this one is not hex" })?;
        Self::from_bytes(&bytes)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_form_for_each_number() {
        for (text, same) in
            [("0B98", "0b98"), ("b98", "0b98"), ("000000b98", "0b98"), ("1", "01"), ("FF", "ff")]
        {
            assert_eq!(text.parse::<Serial>().unwrap().to_string(), same);
        }
        let most = format!("{}{}", "0".repeat(20), "f".repeat(40));
        assert_eq!(most.parse::<Serial>().unwrap().as_bytes().len(), 20);
        for bad in [
            "",
            "0",
            "0000",
            "-1",
            "+1",
            "0x1",
            "a:b",
            " 1",
            "1 ",
            "g",
            "١",
            &"f".repeat(41),
            &"0".repeat(99),
        ] {
            assert_eq!(bad.parse::<Serial>().unwrap_err().code(), "certificate-serial", "{bad:?}");
        }
    }

    #[test]
    fn new_ones_are_positive_long_and_of_159_bits() {
        assert_eq!(Serial::of_random([0xff; 20]).to_string(), format!("7f{}", "ff".repeat(19)));
        assert_eq!(Serial::of_random([0; 20]).to_string(), "01");
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1_000 {
            let serial = Serial::random();
            assert!(serial.as_bytes().len() > 10 && serial.as_bytes().len() <= 20);
            assert!(seen.insert(serial));
        }
    }

    proptest! {
        #[test]
        fn hex_and_bytes_agree(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
            let of_text = hex::encode(&bytes).parse::<Serial>();
            prop_assert_eq!(&of_text, &Serial::from_bytes(&bytes));
            if let Ok(serial) = of_text {
                prop_assert_eq!(serial.to_string().to_uppercase().parse::<Serial>().unwrap(), serial);
            }
        }
    }
}
