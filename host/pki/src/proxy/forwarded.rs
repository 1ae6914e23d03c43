//! `X-Forwarded-Client-Cert` of Envoy: elements with commas between them, of pairs with semicolons between them.
//!
//! Each proxy on the way may add an element. With one proxy before the host there is one element, and with several it
//! is not known which of them is believed: so exactly one is taken (`forward_client_cert_details: SANITIZE_SET`), and it
//! has to hold the certificate (`set_current_client_cert_details: {cert: true}`).

use http::HeaderMap;

use super::{escaped, one};
use crate::{Fingerprint, PkiError};

pub(super) const XFCC: &str = "x-forwarded-client-cert";

/// The most pairs.
const MAX_PAIRS: usize = 256;

pub(super) fn certificate(headers: &HeaderMap) -> Result<Option<Vec<u8>>, PkiError> {
    let Some(value) = one(headers, XFCC)?.filter(|value| !value.is_empty()) else { return Ok(None) };
    element(value).map(Some).map_err(|why| PkiError::Header { header: "X-Forwarded-Client-Cert", why })
}

fn element(value: &str) -> Result<Vec<u8>, &'static str> {
    let mut certificate = None;
    let mut hash = None;
    for (key, value) in pairs(value)? {
        let place = match key.to_ascii_lowercase().as_str() {
            "cert" => &mut certificate,
            "hash" => &mut hash,
            // By, Chain, Subject, URI, DNS, and what comes after this was written.
            _ => continue,
        };
        if place.replace(value).is_some() {
            return Err("a key is there twice");
        }
    }
    let certificate =
        certificate.ok_or("it has no `Cert`; set `cert: true` in `set_current_client_cert_details`")?;
    let der = escaped::pem(&certificate)?;
    match hash.map(|hash| hash.parse::<Fingerprint>()) {
        None => Ok(der),
        Some(Ok(hash)) if hash == Fingerprint::of(&der) => Ok(der),
        Some(_) => Err("its `Hash` is not that of its `Cert`"),
    }
}

/// `Key=Value;Key="quoted \" value"`, of one element.
fn pairs(text: &str) -> Result<Vec<(&str, String)>, &'static str> {
    let mut pairs = Vec::new();
    let mut rest = text;
    loop {
        let (key, after) = rest.split_once('=').ok_or("a part of it is not of the form KEY=VALUE")?;
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err("a key of it is none");
        }
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = after.find([';', ',', '"']).unwrap_or(after.len());
                let (value, after) = after.split_at(end);
                (value.to_owned(), after)
            }
        };
        if pairs.len() == MAX_PAIRS {
            return Err("it has too many parts");
        }
        pairs.push((key, value));
        let mut characters = after.chars();
        match characters.next() {
            None => return Ok(pairs),
            Some(';') => rest = characters.as_str(),
            Some(',') => return Err("it holds several elements; let the proxy replace what clients send"),
            Some(_) => return Err("it holds a quote within a value"),
        }
    }
}

/// What is up to the closing quote, and what follows it.
fn unquoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next() {
            None => return Err("a quote is not closed"),
            Some('"') => return Ok((value, characters.as_str())),
            Some('\\') => match characters.next() {
                Some(c @ ('"' | '\\')) => value.push(c),
                _ => return Err("it holds a backslash that escapes nothing"),
            },
            Some(c) => value.push(c),
        }
    }
}
