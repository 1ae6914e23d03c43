//! `Client-Cert` and `Client-Cert-Chain`: byte sequences of structured fields (RFC 9440, RFC 8941 section 3.3.5).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use super::one;
use crate::{Certificate, MAX_CERTIFICATE, PkiError};

pub(super) const CERT: &str = "client-cert";
pub(super) const CHAIN: &str = "client-cert-chain";

/// The most certificates of a chain.
const MAX_CHAIN: usize = 8;

/// The client's own certificate. The chain has to be readable, and is not used: our authorities issue to agents
/// directly.
pub(super) fn certificate(headers: &HeaderMap) -> Result<Option<Vec<u8>>, PkiError> {
    let wrong = |header| move |why| PkiError::Header { header, why };
    let leaf = one(headers, CERT)?.map(|value| bytes(value.trim_matches(' ')));
    let leaf = leaf.transpose().map_err(wrong("Client-Cert"))?;
    let chain = wrong("Client-Cert-Chain");
    match (leaf, one(headers, CHAIN)?) {
        (None, Some(_)) => Err(chain("it comes without Client-Cert")),
        (leaf, None) => Ok(leaf),
        (leaf, Some(value)) => {
            let entries: Vec<_> = value.split(',').map(|entry| entry.trim_matches([' ', '\t'])).collect();
            if entries.len() > MAX_CHAIN {
                return Err(chain("it holds more than 8 certificates"));
            }
            for entry in entries {
                Certificate::from_der(&bytes(entry).map_err(chain)?)?;
            }
            Ok(leaf)
        }
    }
}

/// `:BASE64:`, without parameters.
fn bytes(value: &str) -> Result<Vec<u8>, &'static str> {
    let inner = value.strip_prefix(':').and_then(|value| value.strip_suffix(':'));
    let inner = inner.ok_or("it is no byte sequence, `:BASE64:`")?;
    if inner.len() > MAX_CERTIFICATE * 4 / 3 + 4 {
        return Err("it is too long");
    }
    STANDARD.decode(inner).map_err(|_| "it is no base64")
}
