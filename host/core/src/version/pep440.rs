//! Python package versions, PEP 440.

use std::{cmp::Ordering, str::FromStr};

use super::{Scheme, VersionError, gap::Shape, number::Number};

/// A thin layer over the crate that Python's own tools in Rust use.
#[derive(Debug, Clone)]
pub(super) struct Pep440(pep440_rs::Version);

impl Pep440 {
    pub(super) fn parse(text: &str) -> Result<Self, VersionError> {
        pep440_rs::Version::from_str(text)
            .map(Self)
            .map_err(|error| VersionError::malformed(Scheme::Pep440, text, error.to_string()))
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            epoch: Number::from(self.0.epoch()),
            numbers: self.0.release().iter().copied().map(Number::from).collect(),
            prerelease: self.0.any_prerelease(),
            revision: self.0.post().map(|post| post.to_string()).unwrap_or_default(),
        }
    }
}
