//! What can be wrong with options and documents, each with a stable code.

use thiserror::Error;
use waystation_update_source::plugin;

/// Why there was no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The document is not JSON.
    #[error("the document is not JSON: {0}")]
    NotJson(String),
    /// It holds more values than this plugin keeps in memory.
    #[error("the document holds more than {0} values")]
    TooManyValues(usize),
    /// A path selected nothing, or what cannot be used.
    #[error("{0}")]
    Mismatch(String),
}

impl Problem {
    /// The word that programs match on; it never changes.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NotJson(_) | Self::Mismatch(_) => "bad-response",
            Self::TooManyValues(_) => "too-large",
        }
    }
}

impl From<Problem> for plugin::Error {
    fn from(problem: Problem) -> Self {
        Self::new(problem.code(), problem.to_string())
    }
}
