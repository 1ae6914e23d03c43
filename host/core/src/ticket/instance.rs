//! Instances: what an agent offers.

use jiff::Timestamp;

use super::ids::InstanceId;
use super::limits::TicketLimits;
use super::names::Capability;
use super::transport::Transport;
use crate::agent::AgentName;
use crate::time::later;

/// Whether somebody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceStatus {
    /// Heard of lately.
    Active,
    /// Silent: it gets no tickets until it is heard of.
    Stale,
    /// Silent for so long that it counts as gone.
    Dead,
}

impl InstanceStatus {
    /// Of an instance that was heard of last at that time.
    #[must_use]
    pub fn of(last_heartbeat: Timestamp, now: Timestamp, limits: &TicketLimits) -> Self {
        if now > later(last_heartbeat, limits.instance_dead) {
            Self::Dead
        } else if now > later(last_heartbeat, limits.instance_stale) {
            Self::Stale
        } else {
            Self::Active
        }
    }

    /// The word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Stale => "stale",
            Self::Dead => "dead",
        }
    }
}

/// One offer of one agent. There is one of each capability for each agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// What it is called.
    pub id: InstanceId,
    /// What it admits to.
    pub scope: Capability,
    /// Whose it is.
    pub owner: AgentName,
    /// Since when.
    pub registered_at: Timestamp,
    /// When it was heard of last.
    pub last_heartbeat: Timestamp,
    /// How it is reached.
    pub transport: Transport,
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn silence_has_two_edges() {
        let (limits, start) = (TicketLimits::DEFAULT, Timestamp::UNIX_EPOCH);
        let after = |ms| InstanceStatus::of(start, start + SignedDuration::from_millis(ms), &limits);
        for (ms, status) in [
            (0, InstanceStatus::Active),
            (300_000, InstanceStatus::Active),
            (300_001, InstanceStatus::Stale),
            (3_600_000, InstanceStatus::Stale),
            (3_600_001, InstanceStatus::Dead),
        ] {
            assert_eq!(after(ms), status, "{ms}");
        }
        // A clock that went back makes nobody silent.
        assert_eq!(after(-1_000_000), InstanceStatus::Active);
    }
}
