//! What is signed, and how a signature is written (Standard Webhooks 1.0.0, "Signature scheme").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use waystation_notifier::plugin::Error;

/// The name that a call carries in `webhook-id`, the same for each attempt.
///
/// Between it and the timestamp stands a full stop in what is signed, so it must not contain one: two
/// different calls could have the same signature.
pub(crate) fn id(text: &str) -> Result<&str, Error> {
    let plain = |b: u8| b.is_ascii_graphic() && b != b'.';
    if !text.is_empty() && text.len() <= 256 && text.bytes().all(plain) {
        return Ok(text);
    }
    Err(Error::bad_input(
        "the message's id cannot be a `webhook-id`: it has to be plain text without full stops",
    ))
}

/// The bytes that are signed.
pub(crate) fn content(id: &str, timestamp: u64, body: &[u8]) -> Vec<u8> {
    let mut content = format!("{id}.{timestamp}.").into_bytes();
    content.extend_from_slice(body);
    content
}

/// The value of `webhook-signature`.
pub(crate) fn field(mac: &[u8]) -> String {
    format!("v1,{}", STANDARD.encode(mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the specification's libraries test against: with the secret
    /// `whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw` this content has this code.
    #[test]
    fn the_published_example() {
        let id = id("msg_p5jXN8AQM9LWM0D4loKWxJek").unwrap();
        assert_eq!(
            content(id, 1_614_265_330, br#"{"test": 2432232314}"#),
            br#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#
        );
        const MAC: [u8; 32] = [
            0x83, 0x48, 0x4c, 0xf5, 0x2b, 0x04, 0xf8, 0xe4, 0xcf, 0x25, 0x31, 0xad, 0xfe, 0xd9, 0x88, 0x2a,
            0xd4, 0xb2, 0x66, 0x51, 0x37, 0xb8, 0x52, 0x44, 0x2d, 0x59, 0x4d, 0x20, 0xe2, 0xc9, 0xd4, 0xe1,
        ];
        assert_eq!(field(&MAC), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn ids_that_could_be_misread_are_refused() {
        assert!(id("01992d2e-7c1b-7f5e-9d5c-0b6c8a1f2e3d").is_ok());
        for bad in ["", "a.b", "a b", "a\r\nx: y", "ä", &"a".repeat(257)] {
            assert_eq!(id(bad).unwrap_err().code, "bad-input", "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn different_calls_sign_different_content(a in "[a-z]{1,4}", b in "[a-z]{1,4}", t in 0..99_u64, u in 0..99_u64,
            x in "[0-9.]{0,4}", y in "[0-9.]{0,4}")
        {
            let same = content(&a, t, x.as_bytes()) == content(&b, u, y.as_bytes());
            proptest::prop_assert_eq!(same, (a, t, x) == (b, u, y));
        }
    }
}
