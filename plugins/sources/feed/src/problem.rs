//! What can be wrong with a feed, each with a stable code.

use thiserror::Error;
use waystation_update_source::plugin;

/// Why a document gave no entries.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It is no feed.
    #[error("the document is not an RSS or Atom feed: {0}")]
    NotAFeed(String),
    /// It is not well-formed.
    #[error("the feed is not well-formed XML: {0}")]
    Malformed(String),
    /// It declares entities of its own, or refers to declarations elsewhere.
    #[error(
        "the feed has a document type definition, which is not accepted: it can make small documents endless"
    )]
    HasDtd,
    /// It is in an encoding that is not read.
    #[error("the feed is encoded as `{0}`; UTF-8, UTF-16, US-ASCII, ISO-8859-1 and Windows-1252 are read")]
    Encoding(String),
    /// It nests deeper than anything that is a feed.
    #[error("the feed nests its elements deeper than {0} levels")]
    TooDeep(usize),
    /// No entry of it is a release.
    #[error("{0}")]
    NoRelease(String),
}

impl Problem {
    /// The word that programs match on; it never changes.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::TooDeep(_) => "too-large",
            Self::NotAFeed(_)
            | Self::Malformed(_)
            | Self::HasDtd
            | Self::Encoding(_)
            | Self::NoRelease(_) => "bad-response",
        }
    }
}

impl From<Problem> for plugin::Error {
    fn from(problem: Problem) -> Self {
        Self::new(problem.code(), problem.to_string())
    }
}
