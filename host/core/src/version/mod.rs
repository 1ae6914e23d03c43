//! Versions and their order, one scheme at a time.
//!
//! Reading is total: every text gives a [`Version`] or a [`VersionError`], whatever its bytes. Within one
//! scheme the order is total, and two versions are equal exactly when neither is newer; across schemes there
//! is no order.

mod calver;
mod debian;
mod error;
mod gap;
mod loose;
mod maven;
mod number;
mod oci;
mod pep440;
mod rpm;
mod scheme;
mod semver;
mod tokens;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

use std::{cmp::Ordering, fmt};

pub(crate) use self::gap::Shape;
pub use self::{
    error::{MAX_VERSION, VersionError},
    gap::Gap,
    scheme::Scheme,
};

/// A text that was read as a version of one scheme.
#[derive(Debug, Clone)]
pub struct Version {
    text: Box<str>,
    key: Key,
}

/// What a scheme compares.
#[derive(Debug, Clone)]
enum Key {
    Semver(semver::Semver),
    Debian(debian::Debian),
    Rpm(rpm::Rpm),
    Pep440(pep440::Pep440),
    Maven(maven::Maven),
    Calver(calver::Calver),
    OciTag(oci::OciTag),
    Loose(loose::Loose),
}

impl Version {
    /// Reads `text` by the rules of `scheme`.
    ///
    /// # Errors
    /// See [`VersionError`]: the text is empty, too long, holds a character that no version holds, or breaks
    /// a rule of the scheme.
    pub fn parse(scheme: Scheme, text: &str) -> Result<Self, VersionError> {
        check_characters(scheme, text)?;
        let key = match scheme {
            Scheme::Semver => Key::Semver(semver::Semver::parse(text)?),
            Scheme::Debian => Key::Debian(debian::Debian::parse(text)?),
            Scheme::Rpm => Key::Rpm(rpm::Rpm::parse(text)?),
            Scheme::Pep440 => Key::Pep440(pep440::Pep440::parse(text)?),
            Scheme::Maven => Key::Maven(maven::Maven::parse(text)),
            Scheme::Calver => Key::Calver(calver::Calver::parse(text)?),
            Scheme::OciTag => Key::OciTag(oci::OciTag::parse(text)?),
            Scheme::Loose => Key::Loose(loose::Loose::parse(text)?),
        };
        Ok(Self { text: text.into(), key })
    }

    /// Reads what a person writes as the edge of a range: like [`Version::parse`], and `semver` also takes
    /// `1` and `1.2`.
    ///
    /// # Errors
    /// As [`Version::parse`].
    pub fn parse_bound(scheme: Scheme, text: &str) -> Result<Self, VersionError> {
        match scheme {
            Scheme::Semver => {
                check_characters(scheme, text)?;
                Ok(Self { text: text.into(), key: Key::Semver(semver::Semver::parse_bound(text)?) })
            }
            _ => Self::parse(scheme, text),
        }
    }

    /// The text that was read.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme by which it was read.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        match self.key {
            Key::Semver(_) => Scheme::Semver,
            Key::Debian(_) => Scheme::Debian,
            Key::Rpm(_) => Scheme::Rpm,
            Key::Pep440(_) => Scheme::Pep440,
            Key::Maven(_) => Scheme::Maven,
            Key::Calver(_) => Scheme::Calver,
            Key::OciTag(_) => Scheme::OciTag,
            Key::Loose(_) => Scheme::Loose,
        }
    }

    /// The order of two versions of one scheme.
    ///
    /// # Errors
    /// [`VersionError::SchemeMismatch`] for versions of different schemes.
    pub fn compare(&self, other: &Self) -> Result<Ordering, VersionError> {
        self.partial_cmp(other)
            .ok_or_else(|| VersionError::SchemeMismatch { left: self.scheme(), right: other.scheme() })
    }

    /// Like [`Version::compare`], but without the variant of a tag: which of two builds is of the newer
    /// software. None for versions of different schemes.
    #[must_use]
    pub fn precedence(&self, other: &Self) -> Option<Ordering> {
        match (&self.key, &other.key) {
            (Key::OciTag(a), Key::OciTag(b)) => Some(a.precedence(b)),
            _ => self.partial_cmp(other),
        }
    }

    /// The order against what a person wrote as the edge of a range: a tag without variant stands for all
    /// variants.
    #[must_use]
    pub fn compare_bound(&self, bound: &Self) -> Option<Ordering> {
        if bound.variant().is_some() { self.partial_cmp(bound) } else { self.precedence(bound) }
    }

    /// Whether its own text says that it comes before a release: `-rc.1`, `~beta`, `.dev1`, `-SNAPSHOT`.
    #[must_use]
    pub fn is_prerelease(&self) -> bool {
        self.shape().prerelease
    }

    /// Which build of the software a tag names: `alpine3.20` of `1.27.3-alpine3.20`. None in other schemes.
    #[must_use]
    pub fn variant(&self) -> Option<&str> {
        match &self.key {
            Key::OciTag(tag) => tag.variant(),
            _ => None,
        }
    }

    /// How many numbers a tag was written with: 2 for `1.27-alpine`, which follows the patches of 1.27. None
    /// in other schemes, where `1.27` is no more a moving name than `1.27.0`.
    #[must_use]
    pub const fn precision(&self) -> Option<usize> {
        match &self.key {
            Key::OciTag(tag) => Some(tag.precision()),
            _ => None,
        }
    }

    /// In what `newer` differs first. None unless it is newer, by [`Version::precedence`].
    #[must_use]
    pub fn gap(&self, newer: &Self) -> Option<Gap> {
        let behind = self.precedence(newer) == Some(Ordering::Less);
        behind.then(|| Gap::between(&self.shape(), &newer.shape()))
    }

    pub(crate) fn shape(&self) -> Shape {
        match &self.key {
            Key::Semver(version) => version.shape(),
            Key::Debian(version) => version.shape(),
            Key::Rpm(version) => version.shape(),
            Key::Pep440(version) => version.shape(),
            Key::Maven(version) => version.shape(),
            Key::Calver(version) => version.shape(),
            Key::OciTag(version) => version.shape(),
            Key::Loose(version) => version.shape(),
        }
    }
}

/// What holds in every scheme: something is there, of bounded length, without white space and control
/// characters. Only `loose` takes letters outside ASCII.
fn check_characters(scheme: Scheme, text: &str) -> Result<(), VersionError> {
    if text.is_empty() {
        return Err(VersionError::Empty);
    }
    if text.len() > MAX_VERSION {
        return Err(VersionError::TooLong { bytes: text.len() });
    }
    let wrong = |c: char| match scheme {
        Scheme::Loose => c.is_control() || (c.is_whitespace() && c != ' '),
        _ => !c.is_ascii_graphic(),
    };
    match text.chars().find(|&c| wrong(c)) {
        Some(character) => Err(VersionError::Character { scheme, character }),
        None => Ok(()),
    }
}

/// None across schemes; total within one.
impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (&self.key, &other.key) {
            (Key::Semver(a), Key::Semver(b)) => Some(a.compare(b)),
            (Key::Debian(a), Key::Debian(b)) => Some(a.compare(b)),
            (Key::Rpm(a), Key::Rpm(b)) => Some(a.compare(b)),
            (Key::Pep440(a), Key::Pep440(b)) => Some(a.compare(b)),
            (Key::Maven(a), Key::Maven(b)) => Some(a.compare(b)),
            (Key::Calver(a), Key::Calver(b)) => Some(a.cmp(b)),
            (Key::OciTag(a), Key::OciTag(b)) => Some(a.compare(b)),
            (Key::Loose(a), Key::Loose(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// By order, not by text: `1.0` and `1.0.0` are one Python version.
impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}
