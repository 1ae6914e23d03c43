//! Whether an index on a disk is whole.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use semver::Version;
use serde::Serialize;
use waystation_bundle::Package;

use super::mirror::has;
use crate::catalog::Signed;
use crate::clock::Clock;
use crate::engine;
use crate::error::IndexError;
use crate::index::admit;
use crate::limits::Limits;
use crate::names;
use crate::source::Folder;
use crate::update::update;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Its signed files, by role.
    pub signed: BTreeMap<String, Signed>,
    /// Namespaces whose keepers have to sign again, and since when.
    pub lapsed: BTreeMap<String, Timestamp>,
    /// Every version of every plugin.
    pub plugins: Vec<Found>,
}

/// One version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(serialize_with = "crate::entry::text::serialize")]
    pub version: Version,
    /// Where it is.
    pub place: Place,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Where a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In the folder, undamaged.
    Here,
    /// Not in the folder; a registry that the index names should have it.
    Registry,
    /// Not in the folder, nor in any registry that the index names.
    Missing,
    /// In the folder, and not what the index names.
    Damaged,
}

/// Reads an index on a disk as a client does that has seen nothing, and holds every plugin in it against the index.
///
/// # Errors
/// What a client refuses it for. What is wrong with a plugin is in the report.
pub async fn check(
    folder: &Path,
    pinned: &[u8],
    clock: &Clock,
    limits: &Limits,
) -> Result<Report, IndexError> {
    let folder = Folder(folder.to_owned());
    let material = update(pinned, None, &folder, clock, limits).await?;
    let catalog = engine::verify(pinned, &material, clock, limits)?;
    let mut plugins = Vec::new();
    for entry in catalog.entries() {
        let (place, why) = if has(&folder, entry.digest) {
            let bytes = folder.read(&names::bundle(entry.digest), limits.bundle.archive);
            let package =
                bytes.and_then(|bytes| Ok(Package::parse(bytes.unwrap_or_default(), &limits.bundle)?));
            match package.and_then(|package| admit("the file", entry, &package)) {
                Ok(_) => (Place::Here, None),
                Err(e) => (Place::Damaged, Some(e.to_string())),
            }
        } else if entry.about.references.is_empty() {
            (Place::Missing, None)
        } else {
            (Place::Registry, None)
        };
        plugins.push(Found { name: entry.name.clone(), version: entry.version.clone(), place, why });
    }
    let lapsed = catalog.lapsed().map(|(role, since)| (role.to_owned(), since)).collect();
    Ok(Report { signed: catalog.signed().clone(), lapsed, plugins })
}
