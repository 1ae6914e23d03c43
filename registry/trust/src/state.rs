//! What a plugin comes to, in the words that are used everywhere.

use std::fmt;

use serde::{Serialize, Serializer};

/// Whether a plugin may run. All but the first mean that it may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Enough signers of its namespace vouch for it.
    Verified,
    /// Nobody signed it.
    Unsigned,
    /// Somebody signed it whom the policy does not name for it, or not as it asks.
    UntrustedSigner,
    /// What was signed is another plugin, or says something else of it.
    Mismatch,
    /// The plugin, its version or its signer was withdrawn.
    Revoked,
    /// What would be needed to judge it is missing, cannot be read, or is too old.
    ExpiredTrust,
}

impl State {
    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unsigned => "unsigned",
            Self::UntrustedSigner => "untrusted-signer",
            Self::Mismatch => "mismatch",
            Self::Revoked => "revoked",
            Self::ExpiredTrust => "expired-trust",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why a plugin does not run: a reason of this crate, or the code with which the verification refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No rule is about its namespace.
    NamespaceUnknown,
    /// The namespace may not have plugins of this kind.
    KindNotAdmitted,
    /// It carries no signature.
    Unsigned,
    /// What is signed says something that is not true of it.
    StatementMismatch,
    /// It is older than the policy admits.
    BelowMinimum,
    /// Its digest is revoked.
    DigestRevoked,
    /// A signer that it needs is revoked.
    SignerRevoked,
    /// The policy asks for a list of revocations, and there is none.
    RevocationsMissing,
    /// The list of revocations is too old.
    RevocationsExpired,
    /// The signatures do not do.
    Verification(waystation_verify::Code),
}

impl Reason {
    /// The stable word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NamespaceUnknown => "namespace-unknown",
            Self::KindNotAdmitted => "kind-not-admitted",
            Self::Unsigned => "unsigned",
            Self::StatementMismatch => "statement-mismatch",
            Self::BelowMinimum => "below-minimum",
            Self::DigestRevoked => "digest-revoked",
            Self::SignerRevoked => "signer-revoked",
            Self::RevocationsMissing => "revocations-missing",
            Self::RevocationsExpired => "revocations-expired",
            Self::Verification(code) => code.as_str(),
        }
    }

    /// What a plugin with it comes to.
    #[must_use]
    pub const fn state(self) -> State {
        use waystation_verify::Code;
        match self {
            Self::NamespaceUnknown | Self::KindNotAdmitted => State::UntrustedSigner,
            Self::Unsigned => State::Unsigned,
            Self::StatementMismatch => State::Mismatch,
            Self::BelowMinimum | Self::DigestRevoked | Self::SignerRevoked => State::Revoked,
            Self::RevocationsMissing | Self::RevocationsExpired => State::ExpiredTrust,
            Self::Verification(code) => match code {
                Code::NoBundle => State::Unsigned,
                Code::DigestMismatch | Code::StatementSubjects => State::Mismatch,
                Code::KeyRevoked => State::Revoked,
                Code::RootMissing | Code::RootPin | Code::RootExpired | Code::RootLacks => {
                    State::ExpiredTrust
                }
                _ => State::UntrustedSigner,
            },
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}
