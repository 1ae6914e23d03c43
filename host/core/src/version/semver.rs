//! Semantic Versioning 2.0.0, <https://semver.org>.

use std::cmp::Ordering;

use super::{Scheme, VersionError, gap::Shape, number::Number};

/// Ordered by precedence: build metadata does not count (section 10), where the crate's own `Ord` counts it.
#[derive(Debug, Clone)]
pub(super) struct Semver(semver::Version);

impl Semver {
    /// Strict: three numbers, no `v`. A number over 2^64 - 1 is refused.
    pub(super) fn parse(text: &str) -> Result<Self, VersionError> {
        semver::Version::parse(text)
            .map(Self)
            .map_err(|error| VersionError::malformed(Scheme::Semver, text, error.to_string()))
    }

    /// Like [`Self::parse`], and takes `1` and `1.2` for `1.0.0` and `1.2.0`: what people write in a range.
    pub(super) fn parse_bound(text: &str) -> Result<Self, VersionError> {
        let short = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match text.matches('.').count() {
            0 if short => Self::parse(&format!("{text}.0.0")),
            1 if short => Self::parse(&format!("{text}.0")),
            _ => Self::parse(text),
        }
        .map_err(|error| match error {
            VersionError::Malformed { scheme, why, .. } => VersionError::malformed(scheme, text, why),
            other => other,
        })
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.0.cmp_precedence(&other.0)
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            numbers: [self.0.major, self.0.minor, self.0.patch].map(Number::from).into(),
            prerelease: !self.0.pre.is_empty(),
            ..Shape::default()
        }
    }
}
