//! Sessions: what became of a ticket.

use jiff::Timestamp;

use super::ids::{InstanceId, SessionId, TicketDigest};
use super::limits::TicketLimits;
use super::names::Capability;
use super::reason::EndReason;
use crate::agent::AgentName;
use crate::time::later;

/// How a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionStatus {
    /// In use.
    Active,
    /// One of the parties said that it lost the other.
    Grace,
    /// Over, for good.
    Ended {
        /// When.
        at: Timestamp,
        /// Why.
        reason: EndReason,
    },
}

impl SessionStatus {
    /// The word for programs, that of the reference API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Grace => "grace",
            Self::Ended { .. } => "dead",
        }
    }
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What it is called.
    pub id: SessionId,
    /// The ticket that opened it.
    pub ticket: TicketDigest,
    /// What it admits to.
    pub scope: Capability,
    /// Of which instance.
    pub instance: InstanceId,
    /// Who owns the instance.
    pub source: AgentName,
    /// Who redeemed the ticket.
    pub target: AgentName,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was heard of last.
    pub last_activity: Timestamp,
    /// How it is.
    pub status: SessionStatus,
}

/// What a session stands on, as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Facts {
    /// The source is enrolled and not revoked.
    pub source: bool,
    /// The source has the capability.
    pub source_capable: bool,
    /// The target is enrolled and not revoked.
    pub target: bool,
    /// The target has the capability.
    pub target_capable: bool,
    /// The target is assigned to the instance.
    pub assigned: bool,
}

impl Facts {
    /// All is well.
    pub const GOOD: Self =
        Self { source: true, source_capable: true, target: true, target_capable: true, assigned: true };

    /// The first of these that is not so, in the order of the reference API (its section 7).
    #[must_use]
    pub const fn broken(&self) -> Option<EndReason> {
        if !self.source {
            Some(EndReason::SourceRevoked)
        } else if !self.source_capable {
            Some(EndReason::CapabilityRemoved)
        } else if !self.target {
            Some(EndReason::TargetRevoked)
        } else if !self.target_capable {
            Some(EndReason::CapabilityRemoved)
        } else if !self.assigned {
            Some(EndReason::AssignmentRemoved)
        } else {
            None
        }
    }
}

/// Why a session is over, if it is: because it ended, because nothing was heard of it for too long, or because what it
/// stands on is no more.
#[must_use]
pub fn standing(
    status: SessionStatus,
    last_activity: Timestamp,
    facts: &Facts,
    now: Timestamp,
    limits: &TicketLimits,
) -> Option<EndReason> {
    match status {
        SessionStatus::Ended { reason, .. } => Some(reason),
        SessionStatus::Active | SessionStatus::Grace if now > later(last_activity, limits.session_idle) => {
            Some(EndReason::Idle)
        }
        SessionStatus::Active | SessionStatus::Grace => facts.broken(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn the_first_broken_fact_is_the_reason() {
        let good = Facts::GOOD;
        assert_eq!(good.broken(), None);
        let none = Facts {
            source: false,
            source_capable: false,
            target: false,
            target_capable: false,
            assigned: false,
        };
        assert_eq!(none.broken(), Some(EndReason::SourceRevoked));
        for (facts, reason) in [
            (Facts { source: false, ..good }, EndReason::SourceRevoked),
            (Facts { source_capable: false, ..good }, EndReason::CapabilityRemoved),
            (Facts { target: false, ..good }, EndReason::TargetRevoked),
            (Facts { target_capable: false, ..good }, EndReason::CapabilityRemoved),
            (Facts { assigned: false, ..good }, EndReason::AssignmentRemoved),
        ] {
            assert_eq!(facts.broken(), Some(reason));
        }
    }

    #[test]
    fn what_ended_stays_ended_and_silence_ends() {
        let (limits, start) = (TicketLimits::DEFAULT, Timestamp::UNIX_EPOCH);
        let after = |ms| start + SignedDuration::from_millis(ms);
        let at = |status, ms| standing(status, start, &Facts::GOOD, after(ms), &limits);
        let ended = SessionStatus::Ended { at: start, reason: EndReason::AdminKilled };
        assert_eq!(at(ended, 0), Some(EndReason::AdminKilled));
        for status in [SessionStatus::Active, SessionStatus::Grace] {
            assert_eq!(at(status, 600_000), None);
            assert_eq!(at(status, 600_001), Some(EndReason::Idle));
        }
    }
}
