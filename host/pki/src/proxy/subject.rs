//! Subject and serial of a certificate that the proxy verified.

use std::sync::Arc;

use http::HeaderMap;

use super::one;
use crate::{DistinguishedName, DnForm, Identities, Peer, PkiError};

pub(super) const VERIFY: &str = "x-ssl-client-verify";
pub(super) const DN: &str = "x-ssl-client-dn";
pub(super) const SERIAL: &str = "x-ssl-client-serial";

/// What nginx says of a client that showed no certificate.
const NONE: &str = "NONE";

/// Invariant: without `SUCCESS`, to the letter, and a subject, and a serial, there is no agent.
pub(super) fn identify(headers: &HeaderMap, form: DnForm, identities: &Identities) -> Result<Peer, PkiError> {
    // An empty header is what a proxy sends whose variable is empty.
    let filled = |header| Ok::<_, PkiError>(one(headers, header)?.filter(|value| !value.is_empty()));
    match (filled(VERIFY)?, filled(DN)?, filled(SERIAL)?) {
        (None | Some(NONE), None, None) => Ok(Peer::Anonymous),
        (Some("SUCCESS"), Some(subject), Some(serial)) => {
            let subject = DistinguishedName::parse(subject, form)?;
            Ok(Peer::Agent(Arc::new(identities.of_subject(&subject, serial.parse()?)?)))
        }
        (Some("SUCCESS"), None, _) => {
            Err(PkiError::Header { header: "X-SSL-Client-DN", why: "it is missing" })
        }
        (Some("SUCCESS"), _, None) => {
            Err(PkiError::Header { header: "X-SSL-Client-Serial", why: "it is missing" })
        }
        _ => Err(PkiError::NotVerified),
    }
}
