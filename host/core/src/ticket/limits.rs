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
    /// Requests that wait for people, or were approved and wait for the agent that asked, at most.
    pub approvals: u64,
    /// The same of one agent.
    pub approvals_each: u64,
    /// How long an approved request can be picked up.
    pub approval_pickup: Duration,
    /// For how long nobody is asked again after a no, or after nobody said yes.
    pub approval_quiet: Duration,
    /// How long a request's row is kept after its end.
    pub approvals_kept: Duration,
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
        approvals: 1_000,
        approvals_each: 20,
        approval_pickup: Duration::from_secs(15 * 60),
        approval_quiet: Duration::from_secs(5 * 60),
        approvals_kept: Duration::from_secs(7 * 24 * 3_600),
    };
}

impl Default for TicketLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
