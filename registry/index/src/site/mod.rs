//! Copies of an index with its plugins: on another server, on a disk, in one file.
//!
//! A copy is an index like the first: it is read with the same root, and nothing about it has to be trusted.

mod carry;
mod check;
mod mirror;
mod place;

use semver::VersionReq;

pub use carry::{Imported, Included, import};
pub use check::{Found, Place, Report, check};
pub use mirror::{Absent, Mirrored};

use crate::catalog::Catalog;
use crate::entry::Entry;
use crate::error::IndexError;

/// Which plugins are copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Every version that is listed, withdrawn or not: who pinned one still finds it.
    All,
    /// Of every plugin, the newest version that is not withdrawn.
    Newest,
    /// Of these plugins, every version in the range that is not withdrawn; without a range, the newest.
    Of(Vec<(String, Option<VersionReq>)>),
}

impl Which {
    /// The versions that are meant, in the order of names and versions.
    ///
    /// # Errors
    /// `index-unknown-plugin`, `index-no-version`.
    pub fn pick<'c>(&self, catalog: &'c Catalog) -> Result<Vec<&'c Entry>, IndexError> {
        match self {
            Self::All => Ok(catalog.entries().collect()),
            Self::Newest => {
                let mut newest = catalog.search("");
                newest.sort_by(|a, b| a.name.cmp(&b.name));
                Ok(newest)
            }
            Self::Of(wanted) => {
                let mut picked: Vec<&Entry> = Vec::new();
                for (name, range) in wanted {
                    let versions = catalog.versions(name)?;
                    let offered = || versions.iter().copied().filter(|entry| entry.about.yanked.is_none());
                    let found: Vec<_> = match range {
                        Some(range) => offered().filter(|entry| range.matches(&entry.version)).collect(),
                        None => offered()
                            .find(|entry| entry.version.pre.is_empty())
                            .or_else(|| offered().next())
                            .into_iter()
                            .collect(),
                    };
                    if found.is_empty() {
                        let wanted = range.as_ref().map_or_else(|| "*".to_owned(), ToString::to_string);
                        let there: Vec<_> = versions.iter().map(|entry| entry.version.to_string()).collect();
                        let (name, there) = (name.clone(), there.join(", "));
                        return Err(IndexError::NoVersion { name, wanted, host: "any".into(), there });
                    }
                    picked.extend(found);
                }
                picked.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
                picked.dedup();
                Ok(picked)
            }
        }
    }
}
