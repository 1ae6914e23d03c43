//! Holding an item to a version or to a line of versions.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::{PolicyError, shorten};
use crate::version::{Scheme, Shape, Version};

/// The only versions that are offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// This one version, by the scheme's equality. A tag without variant stands for all variants.
    Exact(String),
    /// Versions that start with these numbers: `1.27` admits 1.27.3 and not 1.28.0. Written as numbers and
    /// dots; an epoch does not count.
    Prefix(String),
    /// Versions whose numbers are those of the installed one down to this level. Nothing is held while
    /// nothing is installed.
    Same(Level),
}

/// How many leading numbers a line of versions shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The first: 1.27.3 moves to 1.28.0 and not to 2.0.0.
    Major,
    /// The first two: 1.27.3 moves to 1.27.4 and not to 1.28.0.
    Minor,
    /// The first three: 1.27.3-1 moves to 1.27.3-2 and not to 1.27.4.
    Patch,
}

impl Pin {
    pub(super) fn bind(&self, scheme: Scheme) -> Result<BoundPin, PolicyError> {
        let read = |text: &str| {
            Version::parse_bound(scheme, text)
                .map_err(|source| PolicyError::Version { place: "the pin".to_owned(), source })
        };
        Ok(match self {
            Self::Exact(text) => BoundPin::Exact(read(text)?),
            Self::Prefix(text) => {
                let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
                if !text.split('.').all(part) {
                    let why = "it is not a list of numbers between dots".to_owned();
                    return Err(PolicyError::Prefix { text: shorten(text), why });
                }
                let shape = read(text)?.shape();
                // As written (`1.0` is two numbers, though its zero may be trimmed), or as read (the date
                // 20241001 is three).
                let written = text.split('.').count();
                let count = match scheme {
                    Scheme::Semver => written.min(3),
                    _ => written.max(shape.numbers.len()),
                };
                BoundPin::Prefix { shape, count }
            }
            Self::Same(level) => BoundPin::Same(*level),
        })
    }
}

/// A pin that was read by a scheme.
#[derive(Debug, Clone)]
pub(super) enum BoundPin {
    Exact(Version),
    Prefix { shape: Shape, count: usize },
    Same(Level),
}

impl BoundPin {
    pub(super) fn admits(&self, version: &Version, installed: Option<&Version>) -> bool {
        match self {
            Self::Exact(pinned) => version.compare_bound(pinned).is_some_and(std::cmp::Ordering::is_eq),
            Self::Prefix { shape, count } => version.shape().same_numbers(shape, *count),
            Self::Same(level) => installed.is_none_or(|installed| {
                let (installed, version) = (installed.shape(), version.shape());
                let count = match level {
                    Level::Major => 1,
                    Level::Minor => 2,
                    Level::Patch => 3,
                };
                installed.epoch == version.epoch && installed.same_numbers(&version, count)
            }),
        }
    }
}

/// What it holds an item to: `version 1.27.3`, `1.27.*`, `the same minor version`.
impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(version) => write!(f, "version {version}"),
            Self::Prefix(prefix) => write!(f, "{prefix}.*"),
            Self::Same(Level::Major) => f.write_str("the same major version"),
            Self::Same(Level::Minor) => f.write_str("the same minor version"),
            Self::Same(Level::Patch) => f.write_str("the same patch version"),
        }
    }
}
