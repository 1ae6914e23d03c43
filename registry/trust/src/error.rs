//! Why a trust policy or a list of revocations cannot be used.

use waystation_verify::{Code, Refusal};

/// A failure, with a stable code. Whoever meets one trusts nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// `trust.toml` does not parse, or has a key that is not known.
    #[error("the trust policy cannot be used: {why}")]
    Malformed {
        /// Where and what.
        why: String,
    },
    /// It is of another version.
    #[error("trust policies of version {version} are not known; this host reads version 1")]
    Version {
        /// What it says.
        version: i64,
    },
    /// A namespace is described twice.
    #[error("the namespace `{name}` is there twice; one entry says all of it")]
    DuplicateNamespace {
        /// Which.
        name: String,
    },
    /// A domain names no trusted root.
    #[error("the domain `{name}` names no `root`; a signature can be verified only against trusted roots")]
    NoRoot {
        /// Which.
        name: String,
    },
    /// The signers of a rule, or a domain, cannot be used.
    #[error("{place}: {refusal}")]
    Signers {
        /// Of which part of the policy.
        place: String,
        /// Why not.
        refusal: Refusal,
    },
    /// A list of revocations does not parse.
    #[error("the list of revocations cannot be used: {why}")]
    RevocationsMalformed {
        /// What is wrong.
        why: String,
    },
    /// A list of revocations is not signed by whom the policy names.
    #[error("the list of revocations is not signed as the policy asks: {why}")]
    RevocationsUntrusted {
        /// With which code the verification refused.
        code: Option<Code>,
        /// Why.
        why: String,
    },
    /// A list of revocations is older than one that was seen before.
    #[error(
        "the list of revocations has number {found}, and number {seen} was seen before; get the current one, or issue the \
         next with a higher number: `waystation trust revoke renew --number`"
    )]
    RevocationsRolledBack {
        /// Its number.
        found: u64,
        /// The highest one seen.
        seen: u64,
    },
}

impl TrustError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "trust-malformed",
            Self::Version { .. } => "trust-version",
            Self::DuplicateNamespace { .. } => "trust-duplicate-namespace",
            Self::NoRoot { .. } => "trust-no-root",
            Self::Signers { .. } => "trust-signers",
            Self::RevocationsMalformed { .. } => "revocations-malformed",
            Self::RevocationsUntrusted { .. } => "revocations-untrusted",
            Self::RevocationsRolledBack { .. } => "revocations-rolled-back",
        }
    }
}
