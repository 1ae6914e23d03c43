//! Why a text is not a version.

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::Scheme;

/// The longest version text that is read, in bytes. The longest real ones (Debian, OCI tags) stay below 130.
pub const MAX_VERSION: usize = 256;

/// A text that is no version of its scheme, or two versions that have no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VersionError {
    /// Nothing was given.
    #[error("a version is empty; give one such as 1.2.3")]
    Empty,
    /// Longer than [`MAX_VERSION`].
    #[error("a version has {bytes} bytes and at most {MAX_VERSION} are read; give the version alone")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// White space, a control character, or a letter outside ASCII in a scheme that has none.
    #[error(
        "{character:?} cannot stand in a {scheme} version; remove it, or choose the scheme `loose` for this item"
    )]
    Character {
        /// The scheme that was asked for.
        scheme: Scheme,
        /// The first character that does not belong.
        character: char,
    },
    /// It breaks a rule of the scheme.
    #[error(
        "{text:?} is not a {scheme} version: {why}; correct it, or choose a scheme that fits (`loose` takes most)"
    )]
    Malformed {
        /// The scheme that was asked for.
        scheme: Scheme,
        /// What was given.
        text: String,
        /// The rule that it breaks.
        why: String,
    },
    /// A name that moves, such as the tag `latest`, or a digest: it says which bytes, not how new.
    #[error(
        "{text:?} names a release without saying how new it is, so it has no place in the order of {scheme}; \
         give a version"
    )]
    NotAVersion {
        /// The scheme that was asked for.
        scheme: Scheme,
        /// What was given.
        text: String,
    },
    /// Versions of two schemes were compared.
    #[error("a {left} version and a {right} version have no common order; compare versions of one scheme")]
    SchemeMismatch {
        /// The scheme of the left one.
        left: Scheme,
        /// The scheme of the right one.
        right: Scheme,
    },
    /// No scheme has this name.
    #[error("there is no version scheme {text:?}; choose one of {}", Scheme::names())]
    UnknownScheme {
        /// What was given, cut after 64 characters.
        text: String,
    },
}

impl VersionError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "version-empty",
            Self::TooLong { .. } => "version-too-long",
            Self::Character { .. } => "version-character",
            Self::Malformed { .. } => "version-malformed",
            Self::NotAVersion { .. } => "not-a-version",
            Self::SchemeMismatch { .. } => "scheme-mismatch",
            Self::UnknownScheme { .. } => "unknown-scheme",
        }
    }

    /// Shorthand for the modules of the schemes.
    pub(super) fn malformed(scheme: Scheme, text: &str, why: impl Into<String>) -> Self {
        Self::Malformed { scheme, text: text.to_owned(), why: why.into() }
    }
}

/// As `{"code", "message"}`, the shape in which a client sees every error.
impl Serialize for VersionError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_struct("VersionError", 2)?;
        record.serialize_field("code", self.code())?;
        record.serialize_field("message", &self.to_string())?;
        record.end()
    }
}
