//! Codes of an app for a second factor, computed without the host.

use anyhow::{Context as _, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};

/// The six digits of a step of 30 s (RFC 6238), of a secret in base 32.
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
    let hash: [u8; 20] = mac.finalize().into_bytes().into();
    let at = usize::from(hash[19] & 15);
    let four = hash.get(at..at + 4).and_then(|four| four.try_into().ok()).context("too short")?;
    Ok(format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000))
}
