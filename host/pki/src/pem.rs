//! PEM (RFC 7468): one object in a text, or DER as it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::{PemObject as _, SectionKind};

/// What `input` holds: the one PEM section of that kind, or the input itself where it is DER, a SEQUENCE.
///
/// Text around the section is skipped, as tools write some; a second section of any kind is refused.
pub(crate) fn one(input: &[u8], kind: SectionKind) -> Result<Vec<u8>, &'static str> {
    if input.first() == Some(&0x30) {
        return Ok(input.to_vec());
    }
    let mut sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(input);
    let found = match sections.next() {
        Some(Ok((found, der))) if found == kind => der,
        Some(Ok(_)) => return Err("it holds something else"),
        Some(Err(_)) => return Err("the PEM is damaged"),
        None => return Err("it is neither PEM nor DER"),
    };
    match sections.next() {
        None => Ok(found),
        Some(_) => Err("it holds more than one thing"),
    }
}

/// One or more sections of a kind, as a chain of certificates.
pub(crate) fn all(input: &[u8], kind: SectionKind) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut found = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(input) {
        match section {
            Ok((section, der)) if section == kind => found.push(der),
            Ok(_) => return Err("it holds something else"),
            Err(_) => return Err("the PEM is damaged"),
        }
    }
    if found.is_empty() { Err("it holds no PEM") } else { Ok(found) }
}

/// Writes a section, in lines of 64 characters.
pub(crate) fn write(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in STANDARD.encode(der).as_bytes().chunks(64) {
        text.extend(line.iter().map(|b| char::from(*b)));
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}
