//! A small durable store that belongs to this plugin alone. Grant: `kv`.

use crate::Error;
use crate::bindings::waystation::host::kv as host;

/// The value under `key`, if there is one.
///
/// # Errors
/// Whatever the host answers.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    host::get(key)
}

/// Stores `value` under `key`.
///
/// # Errors
/// `too-large` over the store's limits; whatever else the host answers.
pub fn set(key: &str, value: &[u8]) -> Result<(), Error> {
    host::set(key, value)
}

/// Removes `key`; one that is not there is fine.
///
/// # Errors
/// Whatever the host answers.
pub fn delete(key: &str) -> Result<(), Error> {
    host::delete(key)
}

/// All keys that start with `prefix`, in byte order.
///
/// # Errors
/// Whatever the host answers.
pub fn keys(prefix: &str) -> Result<Vec<String>, Error> {
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = host::keys(prefix, cursor.as_deref())?;
        all.extend(page.keys);
        match page.cursor {
            Some(next) if cursor.as_deref() != Some(&next) => cursor = Some(next),
            _ => return Ok(all),
        }
    }
}
