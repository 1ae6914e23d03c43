//! Percent-encoding, and the certificate that nginx encodes so.

use http::HeaderMap;
use rustls::pki_types::pem::SectionKind;

use super::one;
use crate::{PkiError, pem};

pub(super) const CERT: &str = "x-ssl-client-cert";

pub(super) fn certificate(headers: &HeaderMap) -> Result<Option<Vec<u8>>, PkiError> {
    let wrong = |why| PkiError::Header { header: "X-SSL-Client-Cert", why };
    let Some(value) = one(headers, CERT)?.filter(|value| !value.is_empty()) else { return Ok(None) };
    pem(value).map(Some).map_err(wrong)
}

/// A certificate in percent-encoded PEM. Nothing but PEM: DER does not begin with a hyphen.
pub(super) fn pem(value: &str) -> Result<Vec<u8>, &'static str> {
    let text = decode(value)?;
    if !text.starts_with(b"-----BEGIN CERTIFICATE-----") {
        return Err("it is not one certificate in PEM, percent-encoded");
    }
    pem::one(&text, SectionKind::Certificate)
}

/// `%XX` is a byte; all else stands for itself, also `+`.
fn decode(value: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or("it ends within an escape")?;
        let mut byte = [0];
        hex::decode_to_slice(digits, &mut byte).map_err(|_| "an escape in it is no hex")?;
        bytes.extend(byte);
        rest = after;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_whole_and_plus_is_plus() {
        assert_eq!(decode("a%20b%2B+%2f").unwrap(), b"a b++/");
        for bad in ["%", "%2", "a%", "%zz", "%+1", "%%"] {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }
}
