//! Why somebody's yes or no does not count.

use super::vote::Hand;

/// A refusal. [`ApprovalRefusal::code`] is for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalRefusal {
    /// There is no such request.
    #[error("there is no such request")]
    NotFound,
    /// It does not wait any more.
    #[error("this request does not wait any more; look at what became of it")]
    Over,
    /// This person said yes to it before.
    #[error("you said yes to this request already; it waits for somebody else")]
    AlreadyGiven,
    /// This person had a hand in it.
    #[error("{0}; somebody else has to say yes")]
    OwnHand(Hand),
    /// It is no person who says so: a service, or somebody who is gone or locked out.
    #[error("a person has to decide; log in as one")]
    NotAPerson,
    /// This person may not decide on it.
    #[error("you may not decide on this request; ask whoever gives out roles")]
    NotAllowed,
}

impl ApprovalRefusal {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "approval-not-found",
            Self::Over => "approval-over",
            Self::AlreadyGiven => "approval-already-given",
            Self::OwnHand(_) => "approval-four-eyes",
            Self::NotAPerson => "approval-not-a-person",
            Self::NotAllowed => "approval-not-allowed",
        }
    }
}
