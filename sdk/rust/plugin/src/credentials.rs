//! Credentials by name: a plugin never sees a value.

use crate::Error;
use crate::bindings::waystation::host::credentials as host;

/// Whether the operator bound a credential of this name. A host that cannot say counts as no.
#[must_use]
pub fn bound(name: &str) -> bool {
    host::bound(name).unwrap_or(false)
}

/// HMAC-SHA-256 (RFC 2104) of `message`, keyed with the credential.
///
/// # Errors
/// `denied` where the binding does not allow it.
pub fn hmac_sha256(name: &str, message: &[u8]) -> Result<Vec<u8>, Error> {
    host::hmac_sha256(name, message)
}
