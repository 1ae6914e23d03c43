//! The errors of the domain under one type.

use crate::{policy::PolicyError, release::InvalidDigest, version::VersionError};

/// What the domain refuses. Each variant is the error of one module and keeps its code and its sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoreError {
    /// A text is no version, or two versions have no order.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// A policy cannot be carried out.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A text is no digest.
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
}

impl CoreError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Version(error) => error.code(),
            Self::Policy(error) => error.code(),
            Self::Digest(error) => error.code(),
        }
    }
}
