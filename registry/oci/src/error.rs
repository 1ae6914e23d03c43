//! Why a registry did not give or take a plugin.

use waystation_bundle::{BundleError, ContentDigest};

/// Why a plugin was not pulled, pushed or stored.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// Not the name of an artifact.
    #[error(
        "`{text}` is no reference: {why}; write `registry.example/name:tag` or `registry.example/name@sha256:…`"
    )]
    BadReference {
        /// As it was given.
        text: String,
        /// What is wrong.
        why: &'static str,
    },
    /// No certificates to check the registry with.
    #[error("{0}")]
    Roots(String),
    /// No connection, or none that lasts.
    #[error("{registry} cannot be reached: {why}")]
    Unreachable {
        /// Which registry.
        registry: String,
        /// What happened.
        why: String,
    },
    /// No credentials, or none that are accepted.
    #[error("{registry} wants other credentials for {repository}")]
    Unauthorized {
        /// Which registry.
        registry: String,
        /// What was asked for.
        repository: String,
    },
    /// A challenge that cannot be answered safely.
    #[error("{registry} asks for credentials in a way that is not answered: {why}")]
    Challenge {
        /// Which registry.
        registry: String,
        /// What is wrong.
        why: &'static str,
    },
    /// It is not there.
    #[error("{registry} has no {what}")]
    NotFound {
        /// Which registry.
        registry: String,
        /// What was asked for.
        what: String,
    },
    /// Another answer than it should give.
    #[error("{registry} answered {status} to {what}")]
    Refused {
        /// Which registry.
        registry: String,
        /// The status.
        status: u16,
        /// What was asked for.
        what: String,
    },
    /// An answer that contradicts itself.
    #[error("{registry} says {told} of what has the digest {actual}")]
    Lies {
        /// Which registry.
        registry: String,
        /// What it says.
        told: String,
        /// What it is.
        actual: ContentDigest,
    },
    /// A redirect that is not followed.
    #[error("{registry} redirects {why}")]
    Redirect {
        /// Which registry.
        registry: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Content ended early, however often it was asked for.
    #[error("{registry} sent {got} of {size} bytes of {digest}; pull again to go on from there")]
    Truncated {
        /// Which registry.
        registry: String,
        /// What.
        digest: ContentDigest,
        /// How much came.
        got: u64,
        /// How much there is.
        size: u64,
    },
    /// What was pulled is no plugin, or not a whole one.
    #[error("{0}")]
    Package(#[from] BundleError),
    /// The store cannot be read or written.
    #[error("{path}: {why}")]
    Store {
        /// Which file.
        path: String,
        /// What the system said.
        why: String,
    },
}

impl OciError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadReference { .. } => "bad-reference",
            Self::Roots(_) => "bad-roots",
            Self::Unreachable { .. } => "registry-unreachable",
            Self::Unauthorized { .. } => "registry-unauthorized",
            Self::Challenge { .. } => "registry-challenge",
            Self::NotFound { .. } => "registry-not-found",
            Self::Refused { .. } => "registry-refused",
            Self::Lies { .. } => "registry-lies",
            Self::Redirect { .. } => "registry-redirect",
            Self::Truncated { .. } => "truncated-pull",
            Self::Package(e) => e.code(),
            Self::Store { .. } => "store",
        }
    }
}
