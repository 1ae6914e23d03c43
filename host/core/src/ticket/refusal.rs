//! Why an operation on tickets is refused.

use crate::id::ApprovalId;

/// A refusal, as the host knows it. What a client is told is less: on agents' paths, what is missing and what is not
/// theirs look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// No scope of that name, or no sub-scope.
    #[error("no such scope is registered")]
    NoScope,
    /// The name is taken, by a scope or by another scope's sub-scope.
    #[error("a scope of that name is registered already")]
    ScopeTaken,
    /// A sub-scope belongs to another scope.
    #[error("a sub-scope of that name belongs to another scope")]
    SubScopeTaken,
    /// No instance, or somebody else's.
    #[error("no such instance")]
    NoInstance,
    /// Nothing was heard of the instance lately.
    #[error("nothing was heard of the instance lately")]
    InstanceStale,
    /// No agent of that name, or a revoked one.
    #[error("no such agent, or it is revoked")]
    NoAgent,
    /// An agent of that name is enrolled.
    #[error("an agent of that name is enrolled already")]
    AgentTaken,
    /// The caller is not enrolled, or revoked.
    #[error("the caller is not enrolled, or revoked")]
    CallerRevoked,
    /// The caller, or the other party, does not have the capability.
    #[error("the capability is missing")]
    NotCapable,
    /// No such assignment.
    #[error("no such assignment")]
    NotAssigned,
    /// A ticket to oneself.
    #[error("nobody needs a ticket to themselves")]
    OneSelf,
    /// No ticket, one that is used, revoked or expired, or somebody else's.
    #[error("no such ticket")]
    NoTicket,
    /// The ticket opened a session already.
    #[error("the ticket opened a session already")]
    SessionExists,
    /// No session, or somebody else's.
    #[error("no such session")]
    NoSession,
    /// The session is over.
    #[error("the session is over")]
    SessionOver,
    /// As many instances as may be.
    #[error("there are as many instances as may be")]
    InstanceLimit,
    /// As many tickets as may be.
    #[error("there are as many tickets as may be")]
    TicketLimit,
    /// As many sessions as may be.
    #[error("there are as many sessions as may be")]
    SessionLimit,
    /// As many listeners as one agent may have.
    #[error("this agent listens as often as it may")]
    StreamLimit,
    /// A hook refused it.
    #[error("a hook refused it")]
    Denied,
    /// A hook that had to be asked failed.
    #[error("a hook that had to be asked failed")]
    HookFailed,
    /// It waits for people to approve it.
    #[error("it waits for approval")]
    Waiting(ApprovalId),
    /// A person said no to it, or nobody said yes in time.
    #[error("it was not approved")]
    NotApproved(ApprovalId),
    /// As many requests wait for people as may.
    #[error("as many requests wait for approval as may")]
    ApprovalLimit,
    /// Asked too often.
    #[error("asked too often")]
    TooOften {
        /// Seconds until the next is admitted, at least 1.
        retry_after: u32,
    },
}

impl Refusal {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoScope => "ticket-no-scope",
            Self::ScopeTaken => "ticket-scope-taken",
            Self::SubScopeTaken => "ticket-sub-scope-taken",
            Self::NoInstance => "ticket-no-instance",
            Self::InstanceStale => "ticket-instance-stale",
            Self::NoAgent => "ticket-no-agent",
            Self::AgentTaken => "ticket-agent-taken",
            Self::CallerRevoked => "ticket-caller-revoked",
            Self::NotCapable => "ticket-not-capable",
            Self::NotAssigned => "ticket-not-assigned",
            Self::OneSelf => "ticket-one-self",
            Self::NoTicket => "ticket-unknown",
            Self::SessionExists => "ticket-session-exists",
            Self::NoSession => "ticket-no-session",
            Self::SessionOver => "ticket-session-over",
            Self::InstanceLimit => "ticket-instance-limit",
            Self::TicketLimit => "ticket-limit",
            Self::SessionLimit => "ticket-session-limit",
            Self::StreamLimit => "ticket-stream-limit",
            Self::Denied => "ticket-policy-denied",
            Self::HookFailed => "hook-failed",
            Self::Waiting(_) => "ticket-waiting",
            Self::NotApproved(_) => "ticket-not-approved",
            Self::ApprovalLimit => "ticket-approval-limit",
            Self::TooOften { .. } => "ticket-too-often",
        }
    }
}
