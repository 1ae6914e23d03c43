//! How much, and for how long.

use std::time::Duration;

/// Bounds on tickets and what belongs to them, each for one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketLimits {
    /// How long a ticket can be redeemed.
    pub ticket_life: Duration,
    /// How long a redeemed ticket can open its session.
    pub open_within: Duration,
    /// How long a ticket's row is kept after its end.
    pub tickets_kept: Duration,
    /// Tickets that one agent may ask for within `request_window`.
    pub requests: u32,
    /// See `requests`.
    pub request_window: Duration,
    /// Silence after which an instance gets no more tickets.
    pub instance_stale: Duration,
    /// Silence after which it is removed with all that is its.
    pub instance_dead: Duration,
    /// Silence after which a session ends.
    pub session_idle: Duration,
    /// How long the row of a session that ended is kept.
    pub sessions_kept: Duration,
    /// Instances at most.
    pub instances: u64,
    /// Tickets that are not redeemed, at most.
    pub tickets: u64,
    /// Sessions that did not end, at most.
    pub sessions: u64,
}

impl TicketLimits {
    /// What an operator who says nothing gets.
    pub const DEFAULT: Self = Self {
        ticket_life: Duration::from_secs(30),
        open_within: Duration::from_secs(60),
        tickets_kept: Duration::from_secs(3_600),
        requests: 10,
        request_window: Duration::from_secs(60),
        instance_stale: Duration::from_secs(5 * 60),
        instance_dead: Duration::from_secs(3_600),
        session_idle: Duration::from_secs(10 * 60),
        sessions_kept: Duration::from_secs(24 * 3_600),
        instances: 100_000,
        tickets: 1_000_000,
        sessions: 100_000,
    };
}

impl Default for TicketLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
