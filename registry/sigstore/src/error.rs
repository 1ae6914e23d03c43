//! Why nothing was signed.

use waystation_sign::SignError;
use waystation_verify::Refusal;

/// A failure, with a stable code. Nothing was handed out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The configuration of services does not parse.
    #[error("the signing configuration cannot be used: {why}")]
    ConfigMalformed {
        /// What is wrong.
        why: String,
    },
    /// The configuration names no service that is needed.
    #[error("the signing configuration has no {what} that is good now and of a version that is spoken here")]
    ConfigLacks {
        /// What is missing.
        what: &'static str,
    },
    /// An address that is not asked.
    #[error("{url} is not asked: {why}")]
    Address {
        /// The address.
        url: String,
        /// Why not.
        why: &'static str,
    },
    /// No certificates to check services with.
    #[error("{0}")]
    Roots(String),
    /// No connection, or none that lasts.
    #[error("{service} cannot be reached: {why}")]
    Unreachable {
        /// Which.
        service: String,
        /// What happened.
        why: String,
    },
    /// No answer, or not all of it, in time.
    #[error("{service} did not answer in time; try again later")]
    Timeout {
        /// Which.
        service: String,
    },
    /// A redirect. None is followed: a token could go with it.
    #[error("{service} redirects elsewhere, which is not followed; name the right address")]
    Redirect {
        /// Which.
        service: String,
    },
    /// Another status than one of success.
    #[error("{service} answered with status {status}")]
    Refused {
        /// Which.
        service: String,
        /// Its status.
        status: u16,
    },
    /// The answer is longer than any good one.
    #[error("{service} answered more than {limit} bytes, which is no answer")]
    TooLarge {
        /// Which.
        service: String,
        /// The most, in bytes.
        limit: usize,
    },
    /// The answer is not one.
    #[error("{service} gave an answer that is none: {why}")]
    Malformed {
        /// Which.
        service: String,
        /// What is wrong.
        why: &'static str,
    },
    /// There is no identity token.
    #[error(
        "there is no identity token: give --identity-token-file or SIGSTORE_ID_TOKEN, --sign-in to get one with a browser, \
         or run where GitHub Actions may issue one (`permissions: id-token: write`)"
    )]
    TokenMissing,
    /// The identity token is none.
    #[error("the identity token is no JSON web token with `sub` and `exp`")]
    TokenMalformed,
    /// The identity token is too old.
    #[error("the identity token expired at {at}; get a new one")]
    TokenExpired {
        /// When.
        at: jiff::Timestamp,
    },
    /// The authority does not take the identity token.
    #[error(
        "{service} does not take the identity token (status {status}); its issuer or audience may not be known there, or \
         it may have expired"
    )]
    TokenRefused {
        /// The authority.
        service: String,
        /// Its status.
        status: u16,
    },
    /// Nobody came back from the browser.
    #[error("nobody signed in; try again")]
    SignInTimeout,
    /// Signing in did not work.
    #[error("signing in did not work: {why}")]
    SignInRefused {
        /// What happened.
        why: &'static str,
    },
    /// The certificate is for another key.
    #[error(
        "{service} issued a certificate for another key than the one that was asked for; nothing is signed with it"
    )]
    CertificateMismatch {
        /// The authority.
        service: String,
    },
    /// What was signed does not verify.
    #[error("what was signed does not hold against the trusted root, and nothing was handed out: {0}")]
    Unverified(Refusal),
    /// A key, or a timestamp.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl ServiceError {
    /// The stable word for programs; for what does not verify, that of the verification.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ConfigMalformed { .. } => "signing-config-malformed",
            Self::ConfigLacks { .. } => "signing-config-lacks",
            Self::Address { .. } => "service-address",
            Self::Roots(_) => "bad-roots",
            Self::Unreachable { .. } => "service-unreachable",
            Self::Timeout { .. } => "service-timeout",
            Self::Redirect { .. } => "service-redirect",
            Self::Refused { .. } => "service-refused",
            Self::TooLarge { .. } => "service-too-large",
            Self::Malformed { .. } => "service-malformed",
            Self::TokenMissing => "token-missing",
            Self::TokenMalformed => "token-malformed",
            Self::TokenExpired { .. } => "token-expired",
            Self::TokenRefused { .. } => "token-refused",
            Self::SignInTimeout => "sign-in-timeout",
            Self::SignInRefused { .. } => "sign-in-refused",
            Self::CertificateMismatch { .. } => "certificate-mismatch",
            Self::Unverified(refusal) => refusal.code().as_str(),
            Self::Sign(e) => e.code(),
        }
    }
}
