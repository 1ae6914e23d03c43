//! The decisions about belief: which documents, files and dates are good enough to act on.

use crate::cleartext::Cleartext;
use crate::day::day;
use crate::problem::Problem;
use crate::release_file::Listed;
use crate::seen::Seen;
use crate::settings::Trust;
use crate::signature;
use sha2::{Digest, Sha256};
use waystation_update_source::plugin::Error;

/// The text of an `InRelease` document, once it is known that it was signed by whom it should be, and the
/// time until which that holds.
pub(crate) fn inline(trust: &Trust, document: &str, now: u64) -> Result<(String, Option<u64>), Problem> {
    let parsed = match (trust, Cleartext::parse(document)) {
        (_, Ok(parsed)) => parsed,
        (Trust::Anybody, Err(_)) => return Ok((document.to_owned(), None)),
        (Trust::Keys(_), Err(problem)) => return Err(problem),
    };
    let until = match trust {
        Trust::Anybody => None,
        Trust::Keys(keys) => {
            let packets = signature::packets(parsed.signature.as_bytes())?;
            keys.verify(&parsed.signed_bytes(), &packets, now)?.good_until
        }
    };
    Ok((parsed.text, until))
}

/// The same for a document with its signature in a file of its own.
pub(crate) fn detached(
    trust: &Trust,
    document: &[u8],
    file: &[u8],
    now: u64,
) -> Result<Option<u64>, Problem> {
    match trust {
        Trust::Anybody => Ok(None),
        Trust::Keys(keys) => Ok(keys.verify(document, &signature::packets(file)?, now)?.good_until),
    }
}

/// The HTTP validator to ask with: only if every query would be answered by "not modified", and only as
/// long as the document seen last may still be used. Beyond that, "not modified" is what a mirror would
/// say that somebody holds back.
pub(crate) fn condition<'s>(seen: &[Option<&'s Seen>], now: u64) -> Option<&'s str> {
    let first = (*seen.first()?)?;
    let same = |seen: &Option<&Seen>| seen.is_some_and(|seen| seen.http == first.http && seen.current(now));
    seen.iter().all(same).then_some(first.http.as_deref()).flatten()
}

/// Refuses a Release document that is older than one seen before.
pub(crate) fn not_older(now: &Seen, before: &[Option<&Seen>]) -> Result<(), Problem> {
    match before.iter().flatten().map(|seen| seen.date).max() {
        Some(known) if now.date < known => Err(Problem::Stale(format!(
            "it was made on {}, but one of {} was seen before; the mirror went back in time",
            day(now.date),
            day(known)
        ))),
        _ => Ok(()),
    }
}

/// Whether the bytes are the listed file.
pub(crate) fn same_file(bytes: &[u8], listed: &Listed) -> Result<(), Problem> {
    if bytes.len() as u64 != listed.size {
        return Err(Problem::Mismatch(format!(
            "`{}` has {} bytes, not {}",
            listed.path,
            bytes.len(),
            listed.size
        )));
    }
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if digest != listed.sha256 {
        return Err(Problem::Mismatch(format!(
            "`{}` has the SHA-256 {digest}, not {}",
            listed.path, listed.sha256
        )));
    }
    Ok(())
}

/// A file that is longer than listed is not the listed one; nor is one that is not there.
pub(crate) fn not_listed(error: Error, listed: &Listed) -> Error {
    match error.code.as_str() {
        "too-large" => {
            Problem::Mismatch(format!("`{}` is longer than {} bytes", listed.path, listed.size)).into()
        }
        "not-found" => Problem::Mismatch(format!("`{}` is not there", listed.path)).into(),
        _ => error,
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
