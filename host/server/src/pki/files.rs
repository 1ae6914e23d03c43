//! The host's authorities on the disk: `pki/` in the data folder.
//!
//! ```text
//! pki/authorities.pem         the certificates of all that are trusted: for proxies and clients
//! pki/authority-ID.pem        the certificate of one
//! pki/authority-ID.key        its key, for the host's user alone
//! ```
//!
//! The youngest of those that are valid issues; the others are trusted until they end. So a rotation is one more pair of
//! files. A key is there before its certificate, and what has no certificate does not count, so a stop in between
//! leaves no half authority.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use waystation_files::Access;
use waystation_pki::{Authorities, Authority, Organization, PkiError};

use super::{unreadable, unusable};
use crate::error::StartError;
use crate::key_file::warn_if_open;

/// The folder in the data folder.
const FOLDER: &str = "pki";

/// The certificates of all authorities.
const BUNDLE: &str = "authorities.pem";

/// The most bytes of a file that is read here.
const MAX_FILE: u64 = 64 << 10;

/// Where the certificates are that clients of this host trust.
#[must_use]
pub fn bundle(data: &Path) -> PathBuf {
    data.join(FOLDER).join(BUNDLE)
}

/// Reads the authorities; makes the first one where there is none.
///
/// # Errors
/// When a file cannot be read or written, or what is in it cannot be used; and when all have ended.
pub fn open(data: &Path, organization: &Organization, now: Timestamp) -> Result<Authorities, StartError> {
    let folder = data.join(FOLDER);
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|e| unreadable(&folder, &e))?;
    let mut all = read(&folder, now)?;
    if all.is_empty() {
        all.push(add(&folder, organization, now)?);
    }
    finish(&folder, all, now)
}

/// The authorities that there are. Nothing is made or written.
///
/// # Errors
/// As [`open`].
pub fn existing(data: &Path, now: Timestamp) -> Result<Option<Authorities>, StartError> {
    let folder = data.join(FOLDER);
    match folder.is_dir() {
        true => together(&folder, read(&folder, now)?),
        false => Ok(None),
    }
}

/// Makes another authority, which issues from the next start on.
///
/// # Errors
/// As [`open`].
pub fn rotate(data: &Path, organization: &Organization, now: Timestamp) -> Result<Authorities, StartError> {
    let folder = data.join(FOLDER);
    open(data, organization, now)?;
    let next = add(&folder, organization, now)?;
    let mut all = read(&folder, now)?;
    // Of two of the same second it is the new one that issues.
    all.sort_by_key(|authority| authority.certificate().id() != next.certificate().id());
    finish(&folder, all, now)
}

/// Those that are valid, the youngest first.
fn read(folder: &Path, now: Timestamp) -> Result<Vec<Authority>, StartError> {
    let entries = fs::read_dir(folder).map_err(|e| unreadable(folder, &e))?;
    let (mut all, mut ended) = (Vec::new(), None);
    for entry in entries {
        let path = entry.map_err(|e| unreadable(folder, &e))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.starts_with("authority-") || !name.ends_with(".pem") {
            continue;
        }
        let key = path.with_extension("key");
        warn_if_open(&key);
        let key = SecretString::from(text(&key)?);
        match Authority::load(text(&path)?.as_bytes(), &key, now) {
            Ok(authority) => all.push(authority),
            Err(error @ PkiError::AuthorityExpired { .. }) => ended = Some((path, error)),
            Err(error) => return Err(unusable(&path, error)),
        }
    }
    match ended {
        // Every agent has to enrol again then: that is for a person to decide.
        Some((path, error)) if all.is_empty() => Err(unusable(&path, error)),
        _ => {
            all.sort_by_key(|authority| {
                std::cmp::Reverse(authority.certificate().certificate().not_before())
            });
            Ok(all)
        }
    }
}

fn add(folder: &Path, organization: &Organization, now: Timestamp) -> Result<Authority, StartError> {
    let authority = Authority::create(organization, now).map_err(|error| unusable(folder, error))?;
    let mut id = authority.certificate().id().to_string();
    id.truncate(16);
    let path = |extension| folder.join(format!("authority-{id}.{extension}"));
    write(&path("key"), authority.key_pem().expose_secret())?;
    write(&path("pem"), &authority.certificate().to_pem())?;
    tracing::info!(id, not_after = %authority.certificate().not_after(), "made a certificate authority");
    Ok(authority)
}

fn together(folder: &Path, all: Vec<Authority>) -> Result<Option<Authorities>, StartError> {
    let mut all = all.into_iter();
    let Some(issuing) = all.next() else { return Ok(None) };
    Authorities::new(issuing, all.collect()).map(Some).map_err(|error| unusable(folder, error))
}

/// Writes the file of all certificates, where it is another.
fn finish(folder: &Path, all: Vec<Authority>, now: Timestamp) -> Result<Authorities, StartError> {
    let none = PkiError::Authority { why: "there is none" };
    let authorities = together(folder, all)?.ok_or_else(|| unusable(folder, none))?;
    let (path, bundle) = (folder.join(BUNDLE), authorities.bundle(now));
    if fs::read_to_string(&path).ok().as_ref() != Some(&bundle) {
        write(&path, &bundle)?;
    }
    Ok(authorities)
}

pub(super) fn text(path: &Path) -> Result<String, StartError> {
    use std::io::Read as _;
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|e| unreadable(path, &e))?;
    file.take(MAX_FILE).read_to_string(&mut text).map_err(|e| unreadable(path, &e))?;
    Ok(text)
}

fn write(path: &Path, text: &str) -> Result<(), StartError> {
    waystation_files::replace(path, text.as_bytes(), Access::Private).map_err(|e| unreadable(path, &e))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use jiff::SignedDuration;

    use super::*;

    fn ids(authorities: &Authorities, now: Timestamp) -> Vec<String> {
        authorities.trusted(now).map(|authority| authority.id().to_string()).collect()
    }

    #[test]
    fn an_authority_stays_over_restarts_and_a_rotation_adds_one() {
        let data = tempfile::tempdir().unwrap();
        let (now, name) = (Timestamp::now(), Organization::default());
        assert!(existing(data.path(), now).unwrap().is_none());
        let first = ids(&open(data.path(), &name, now).unwrap(), now);
        assert_eq!(ids(&open(data.path(), &name, now).unwrap(), now), first);
        let later = now.checked_add(SignedDuration::from_hours(1)).unwrap();
        let rotated = ids(&rotate(data.path(), &name, later).unwrap(), later);
        let [second, rest] = rotated.as_slice() else { panic!("{rotated:?}") };
        assert!(*second != first[0] && *rest == first[0]);
        assert_eq!(ids(&open(data.path(), &name, later).unwrap(), later), rotated, "the new one issues");
        let text = fs::read_to_string(bundle(data.path())).unwrap();
        assert_eq!(text.matches("BEGIN CERTIFICATE").count(), 2);
        assert!(!text.contains("PRIVATE"));
        for entry in fs::read_dir(data.path().join(FOLDER)).unwrap() {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0);
        }
    }

    #[test]
    fn half_an_authority_does_not_count_and_a_wrong_one_stops_the_start() {
        let data = tempfile::tempdir().unwrap();
        let (now, name) = (Timestamp::now(), Organization::default());
        let folder = data.path().join(FOLDER);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("authority-x.key"), "left by a stop").unwrap();
        let first = ids(&open(data.path(), &name, now).unwrap(), now);
        assert_eq!(first.len(), 1);
        fs::write(folder.join("authority-x.pem"), fs::read(bundle(data.path())).unwrap()).unwrap();
        assert_eq!(open(data.path(), &name, now).map_err(|e| e.code()).err(), Some("authority-unusable"));
        fs::remove_file(folder.join("authority-x.key")).unwrap();
        assert_eq!(open(data.path(), &name, now).map_err(|e| e.code()).err(), Some("pki-file"));
        fs::remove_file(folder.join("authority-x.pem")).unwrap();
        let end = now.checked_add(SignedDuration::from_hours(6 * 365 * 24)).unwrap();
        assert_eq!(open(data.path(), &name, end).map_err(|e| e.code()).err(), Some("authority-expired"));
    }
}
