//! The version schemes by name.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::VersionError;

/// The rules by which a text is read as a version and two versions have an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Semantic Versioning 2.0.0, strict.
    Semver,
    /// Debian and Ubuntu packages: deb-version(7), Policy 5.6.12.
    Debian,
    /// RPM packages: `[epoch:]version[-release]` in the order of `rpmvercmp`.
    Rpm,
    /// Python packages: PEP 440.
    Pep440,
    /// Maven artifacts: the order of Maven's `ComparableVersion`.
    Maven,
    /// Calendar versions: calver.org.
    Calver,
    /// Container image tags such as `1.27.3-alpine3.20`.
    OciTag,
    /// Anything with a digit in it, read as numbers and words.
    Loose,
}

impl Scheme {
    /// Every scheme, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Semver,
        Self::Debian,
        Self::Rpm,
        Self::Pep440,
        Self::Maven,
        Self::Calver,
        Self::OciTag,
        Self::Loose,
    ];

    /// The name in configuration, WIT and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Semver => "semver",
            Self::Debian => "debian",
            Self::Rpm => "rpm",
            Self::Pep440 => "pep440",
            Self::Maven => "maven",
            Self::Calver => "calver",
            Self::OciTag => "oci-tag",
            Self::Loose => "loose",
        }
    }

    /// All names in one line, for help and errors.
    pub(super) fn names() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scheme {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scheme| scheme.as_str() == text)
            .ok_or_else(|| VersionError::UnknownScheme { text: text.chars().take(64).collect() })
    }
}
