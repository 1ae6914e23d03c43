//! What can go wrong here, each with a stable code.

use thiserror::Error;
use waystation_update_source::plugin;

/// Why an archive gave no answer.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Problem {
    /// The operator's configuration cannot be used.
    #[error("{0}")]
    BadConfig(String),
    /// The locator or the item's options cannot be used.
    #[error("{0}")]
    BadInput(String),
    /// The Release document is not signed by a key that was configured, or not in a way that can be relied on.
    #[error("the Release document of this archive is not to be believed: {0}")]
    BadSignature(String),
    /// The Release document is genuine but out of date: the mirror stands still or plays back old documents.
    #[error("the mirror serves an outdated Release document: {0}")]
    Stale(String),
    /// The Release document belongs to another suite than the one that was asked for.
    #[error("the Release document is of another suite: {0}")]
    WrongSuite(String),
    /// An index is not the one that the Release document lists.
    #[error("the package index is not the one that the Release document lists: {0}")]
    Mismatch(String),
    /// A document breaks its own format.
    #[error("the archive sent a document that cannot be read: {0}")]
    BadResponse(String),
    /// A document is larger than this plugin reads.
    #[error("the archive sent too much: {0}")]
    TooLarge(String),
    /// The archive has no such document, component, architecture or package.
    #[error("{0}")]
    NotFound(String),
}

impl Problem {
    /// The word that programs match on; it never changes.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadConfig(_) => "bad-config",
            Self::BadInput(_) => "bad-input",
            Self::BadSignature(_) => "bad-signature",
            Self::Stale(_) => "stale-release",
            Self::WrongSuite(_) => "wrong-suite",
            Self::Mismatch(_) => "digest-mismatch",
            Self::BadResponse(_) => "bad-response",
            Self::TooLarge(_) => "too-large",
            Self::NotFound(_) => "not-found",
        }
    }

    /// Whether the same question may be answered later: a mirror in the middle of an update shows an old
    /// Release document, or an index that is not yet or no longer the listed one.
    pub const fn retryable(&self) -> bool {
        matches!(self, Self::Stale(_) | Self::Mismatch(_))
    }
}

impl From<Problem> for plugin::Error {
    fn from(problem: Problem) -> Self {
        Self::new(problem.code(), problem.to_string()).retryable(problem.retryable())
    }
}
