//! Why somebody does not come from a provider. The words are for the record, the sentences for the log; whoever tries to
//! log in sees neither.

use super::http::HttpError;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OidcError {
    /// It does not answer as it should, or not at all.
    #[error("the provider cannot be asked: {0}")]
    Http(#[from] HttpError),
    /// What it says of itself cannot be used.
    #[error("what the provider says of itself cannot be used: {0}")]
    Discovery(String),
    /// It failed a moment ago.
    #[error("the provider failed a moment ago, and is not asked again at once")]
    Resting,
    /// It sent somebody back without a code.
    #[error("the provider sent them back with `{0}`")]
    Said(String),
    /// Somebody came back with what another provider said (RFC 9207).
    #[error("they were sent back by another provider")]
    MixedUp,
    /// It does not take the code.
    #[error("the provider does not exchange the code: {0}")]
    Token(String),
    /// No ID token came.
    #[error("the provider gave no ID token")]
    NoIdToken,
    /// The ID token says something else than what was asked for, or is not the provider's.
    #[error("the ID token is refused: {why}")]
    IdToken {
        /// For the record.
        code: &'static str,
        /// For the log.
        why: String,
    },
}

impl OidcError {
    /// The stable word for the record.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Http(e) => e.code(),
            Self::Discovery(_) => "provider-metadata",
            Self::Resting => "provider-resting",
            Self::Said(_) => "provider-said-no",
            Self::MixedUp => "provider-mixed-up",
            Self::Token(_) => "provider-token",
            Self::NoIdToken => "no-id-token",
            Self::IdToken { code, .. } => code,
        }
    }

    /// Whether it is the provider that does not work, and not somebody who does not get in.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self, Self::Http(_) | Self::Discovery(_) | Self::Resting)
    }
}
