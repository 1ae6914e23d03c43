//! Trusted roots that name authorities of a site's own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use waystation_sign::{Authority, SignError};

/// Of version 0.1, which every Sigstore client reads.
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";

/// A trusted root that believes these timestamp authorities, and nobody else.
///
/// # Errors
/// `not-encodable`.
pub fn trusted_root(authorities: &[&Authority]) -> Result<String, SignError> {
    let entries = authorities.iter().map(|authority| entry(authority)).collect::<Result<Vec<_>, _>>()?;
    let root = json!({
        "mediaType": MEDIA_TYPE,
        "tlogs": [],
        "certificateAuthorities": [],
        "ctlogs": [],
        "timestampAuthorities": entries,
    });
    Ok(format!("{root:#}\n"))
}

fn entry(authority: &Authority) -> Result<Value, SignError> {
    let chain = authority.chain()?;
    let certificates: Vec<_> = chain.iter().map(|der| json!({ "rawBytes": STANDARD.encode(der) })).collect();
    let since = authority.since().map(|since| since.to_string());
    // Some readers want to know who it is.
    Ok(json!({
        "subject": { "organization": "", "commonName": authority.name() },
        "uri": "",
        "certChain": { "certificates": certificates },
        "validFor": { "start": since },
    }))
}
