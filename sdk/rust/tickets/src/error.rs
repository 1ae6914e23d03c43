//! Why something did not work.

use std::time::Duration;

use crate::direct::DirectError;
use crate::model::Approval;

/// Why something did not work. [`Error::code`] is for programs.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What the client was given cannot be used.
    #[error("the client cannot be made: {0}")]
    Config(String),
    /// The host did not answer: it is not there, or the connection broke, or TLS refused one of the two.
    #[error("the host was not reached: {0}")]
    Network(String),
    /// The host took too long.
    #[error("the host did not answer in time")]
    Timeout,
    /// The host answered, and it is a no.
    #[error("the host refused: {status} {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the host says.
        message: String,
        /// When to ask again, where the host says so.
        retry_after: Option<Duration>,
    },
    /// There is no ticket yet: people have to approve it. Asking again is the same request.
    #[error("people have to approve it: {} of {} did", .0.approved, .0.people)]
    Waiting(Box<Approval>),
    /// There is no ticket: people did not approve it.
    #[error("it was not approved: {reason}")]
    NotApproved {
        /// A person said no; otherwise nobody said yes in time.
        rejected: bool,
        /// Why.
        reason: String,
        /// When people can be asked again.
        retry_after: Option<Duration>,
    },
    /// The host answered something else than it should.
    #[error("the host's answer is not understood: {0}")]
    Answer(String),
    /// This target was asked for a moment ago, or the host said to wait.
    #[error("wait for {} s before asking again", left.as_secs())]
    CoolingDown {
        /// For so long.
        left: Duration,
    },
    /// Nothing is registered yet.
    #[error("the instance is not registered yet")]
    NotReady,
    /// A `direct` host is none to go to.
    #[error(transparent)]
    Direct(#[from] DirectError),
}

impl Error {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Config(_) => "config",
            Self::Network(_) => "network",
            Self::Timeout => "timeout",
            Self::Refused { status, .. } => match *status {
                400 | 413 | 415 => "invalid",
                401 => "invalid-ticket",
                403 => "forbidden",
                404 => "not-found",
                409 => "conflict",
                429 => "too-often",
                _ => "unavailable",
            },
            Self::Waiting(_) => "approval-waiting",
            Self::NotApproved { rejected: true, .. } => "approval-rejected",
            Self::NotApproved { rejected: false, .. } => "approval-expired",
            Self::Answer(_) => "unexpected-answer",
            Self::CoolingDown { .. } => "cooling-down",
            Self::NotReady => "not-ready",
            Self::Direct(e) => e.code(),
        }
    }

    /// The HTTP status, where the host answered.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::NotApproved { .. } => Some(403),
            _ => None,
        }
    }

    /// Whether the same may work a moment later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Network(_) | Self::Timeout => true,
            Self::Refused { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// Whether it is not known if the host did what it was asked for.
    pub(crate) const fn is_uncertain(&self) -> bool {
        matches!(self, Self::Network(_) | Self::Timeout | Self::Answer(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_word_and_says_whether_to_try_again() {
        let refused = |status| Error::Refused { status, message: String::new(), retry_after: None };
        let not_approved =
            |rejected| Error::NotApproved { rejected, reason: String::new(), retry_after: None };
        for (error, code, transient) in [
            (Error::Network(String::new()), "network", true),
            (Error::Timeout, "timeout", true),
            (refused(404), "not-found", false),
            (refused(401), "invalid-ticket", false),
            (refused(429), "too-often", false),
            (refused(503), "unavailable", true),
            (Error::NotReady, "not-ready", false),
            (not_approved(true), "approval-rejected", false),
            (not_approved(false), "approval-expired", false),
        ] {
            assert_eq!((error.code(), error.is_transient()), (code, transient), "{error}");
        }
    }
}
