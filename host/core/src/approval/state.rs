//! What becomes of a request, and what asking again comes to.

use std::time::Duration;

use jiff::Timestamp;

use crate::time::later;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApprovalState {
    /// Not enough people said yes.
    Waiting,
    /// Enough did: whoever asked can come for the ticket.
    Approved,
    /// They came.
    Used,
    /// A person said no.
    Rejected,
    /// Not enough people said yes in time.
    Expired,
    /// Nobody came for the ticket in time.
    Lapsed,
    /// What it stood on is no more, or is not what it was.
    Ended,
}

impl ApprovalState {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Waiting, Self::Approved, Self::Used, Self::Rejected, Self::Expired, Self::Lapsed, Self::Ended];

    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Used => "used",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Lapsed => "lapsed",
            Self::Ended => "ended",
        }
    }

    /// The state of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether something can still come of it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Approved)
    }

    /// The state by the clock: one whose time is over is over, whether or not somebody wrote that down.
    #[must_use]
    pub fn at(self, until: Timestamp, now: Timestamp) -> Self {
        match self {
            Self::Waiting if until <= now => Self::Expired,
            Self::Approved if until <= now => Self::Lapsed,
            other => other,
        }
    }
}

/// The last request for the same, as it is by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latest {
    /// Where it stands.
    pub state: ApprovalState,
    /// Since when.
    pub since: Timestamp,
}

/// What a request for a ticket comes to that needs approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It waits from now on.
    Begin,
    /// It waits already.
    Wait,
    /// The ticket is made.
    PickUp,
    /// It is refused: a person said no, or nobody said yes, a moment ago.
    Refuse,
}

/// What asking comes to. For `quiet` after a no, or after nobody said yes in time, nobody is asked again.
#[must_use]
pub fn turn(latest: Option<Latest>, now: Timestamp, quiet: Duration) -> Turn {
    let Some(Latest { state, since }) = latest else { return Turn::Begin };
    match state {
        ApprovalState::Waiting => Turn::Wait,
        ApprovalState::Approved => Turn::PickUp,
        ApprovalState::Rejected | ApprovalState::Expired if now < later(since, quiet) => Turn::Refuse,
        _ => Turn::Begin,
    }
}
