//! What an authenticator app shows (RFC 6238), computed by the tests themselves.

use anyhow::{Context as _, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;

/// The six digits of now.
///
/// # Errors
/// When the secret is none.
pub fn now(secret: &str) -> Result<String> {
    digits(secret, Timestamp::now().as_second() / 30)
}

/// The six digits of a step.
///
/// # Errors
/// When the secret is none.
pub fn digits(secret: &str, step: i64) -> Result<String> {
    let mut bits = (0_u64, 0);
    let mut key = Vec::new();
    for letter in secret.bytes() {
        let at = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == letter);
        bits = (bits.0 << 5 | at.context("no base 32")? as u64, bits.1 + 5);
        if bits.1 >= 8 {
            bits.1 -= 8;
            key.push((bits.0 >> bits.1) as u8);
        }
    }
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&key)?;
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes([hash[at] & 0x7f, hash[at + 1], hash[at + 2], hash[at + 3]]);
    Ok(format!("{:06}", number % 1_000_000))
}
