//! Why a site's trust was not made or changed.

use waystation_sign::SignError;
use waystation_trust::TrustError;

/// A failure, with a stable code. Nothing was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// A namespace, a kind or a signer has a name that none can have.
    #[error("`{name}` is no name for {what}: use lower-case letters, digits and hyphens")]
    BadName {
        /// For what.
        what: &'static str,
        /// As it was given.
        name: String,
    },
    /// The policy has such a thing already.
    #[error("the trust policy has {what} `{name}` already; choose another name, or edit it by hand")]
    Taken {
        /// What.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The policy has no such namespace.
    #[error("the trust policy has no namespace `{name}`; it has {has}")]
    NoNamespace {
        /// Which.
        name: String,
        /// Those that there are.
        has: String,
    },
    /// The policy does not parse as TOML, or is written in a way that cannot be edited here.
    #[error("the trust policy cannot be edited here: {why}")]
    Uneditable {
        /// Why not.
        why: String,
    },
    /// The policy names no signer with this key.
    #[error(
        "the trust policy names no signer with the key {fingerprint}; `waystation trust add-key` adds one"
    )]
    NotASigner {
        /// Of the key.
        fingerprint: String,
    },
    /// The list of revocations cannot be continued.
    #[error("the list of revocations cannot be continued: {why}")]
    ListUnusable {
        /// Why not.
        why: String,
    },
    /// It is revoked already.
    #[error("{what} is revoked already")]
    AlreadyRevoked {
        /// What.
        what: String,
    },
    /// A key or an authority.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// What came out would not be a policy.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

impl SiteError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadName { .. } => "bad-name",
            Self::Taken { .. } => "name-taken",
            Self::NoNamespace { .. } => "namespace-unknown",
            Self::Uneditable { .. } => "trust-uneditable",
            Self::NotASigner { .. } => "not-a-signer",
            Self::ListUnusable { .. } => "revocations-malformed",
            Self::AlreadyRevoked { .. } => "already-revoked",
            Self::Sign(e) => e.code(),
            Self::Trust(e) => e.code(),
        }
    }
}
