//! `[tickets]`: how much agents may ask of each other, and for how long.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use waystation_core::ticket::TicketLimits;

use super::text::TimeSpan;

/// How agents admit each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tickets {
    /// The key that tickets are made with: 64 hex digits. By default the file `ticket-key` in `server.data_dir`, which
    /// the host makes. Hosts that share a database share this key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub key_file: Option<PathBuf>,
    /// Whether an instance may be reached directly at an address that is not public, as in a network of one's own.
    pub private_addresses: bool,
    /// How long a ticket can be redeemed. Clients drop tickets that have less than 5 s left.
    #[schemars(extend("x-min" = "10s", "x-max" = "10m"))]
    pub life: TimeSpan,
    /// How long a redeemed ticket can open its session.
    #[schemars(extend("x-min" = "1s", "x-max" = "1h"))]
    pub open_within: TimeSpan,
    /// How long a ticket's row is kept after its end.
    #[schemars(extend("x-min" = "0s", "x-max" = "90d"))]
    pub kept: TimeSpan,
    /// Tickets that one agent may ask for within `request_window`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests: u32,
    /// See `requests`.
    #[schemars(extend("x-min" = "1s", "x-max" = "1d"))]
    pub request_window: TimeSpan,
    /// Silence after which an instance gets no more tickets.
    #[schemars(extend("x-min" = "1s", "x-max" = "1d"))]
    pub instance_stale: TimeSpan,
    /// Silence after which an instance is removed, with its assignments.
    #[schemars(extend("x-min" = "1s", "x-max" = "90d"))]
    pub instance_dead: TimeSpan,
    /// Silence after which a session ends.
    #[schemars(extend("x-min" = "1s", "x-max" = "30d"))]
    pub session_idle: TimeSpan,
    /// How long the row of a session that ended is kept.
    #[schemars(extend("x-min" = "0s", "x-max" = "90d"))]
    pub sessions_kept: TimeSpan,
    /// Instances of one tenant.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_instances: u32,
    /// Tickets of one tenant that are not redeemed.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_tickets: u32,
    /// Open sessions of one tenant.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_sessions: u32,
    /// Requests of one tenant that wait for people to approve them, or were approved and wait for the agent that asked.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_approvals: u32,
    /// The same of one agent.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_approvals_per_agent: u32,
    /// How long an approved request waits for the agent that asked.
    #[schemars(extend("x-min" = "1s", "x-max" = "1d"))]
    pub approval_pickup: TimeSpan,
    /// For how long nobody is asked again for the same, after a person said no or nobody said yes in time.
    #[schemars(extend("x-min" = "0s", "x-max" = "1d"))]
    pub approval_quiet: TimeSpan,
    /// How long a request's row is kept after its end.
    #[schemars(extend("x-min" = "0s", "x-max" = "90d"))]
    pub approvals_kept: TimeSpan,
    /// How often one agent may wait for its tickets at the same time, on streams and with `?wait=`.
    #[schemars(range(min = 1, max = 1_000))]
    pub max_streams: u32,
}

impl Default for Tickets {
    fn default() -> Self {
        let limits = TicketLimits::DEFAULT;
        let span = |time: std::time::Duration| TimeSpan::seconds(time.as_secs());
        let most = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            key_file: None,
            private_addresses: false,
            life: span(limits.ticket_life),
            open_within: span(limits.open_within),
            kept: span(limits.tickets_kept),
            requests: limits.requests,
            request_window: span(limits.request_window),
            instance_stale: span(limits.instance_stale),
            instance_dead: span(limits.instance_dead),
            session_idle: span(limits.session_idle),
            sessions_kept: span(limits.sessions_kept),
            max_instances: most(limits.instances),
            max_tickets: most(limits.tickets),
            max_sessions: most(limits.sessions),
            max_approvals: most(limits.approvals),
            max_approvals_per_agent: most(limits.approvals_each),
            approval_pickup: span(limits.approval_pickup),
            approval_quiet: span(limits.approval_quiet),
            approvals_kept: span(limits.approvals_kept),
            max_streams: 8,
        }
    }
}

impl Tickets {
    /// The same for the store.
    #[must_use]
    pub fn limits(&self) -> TicketLimits {
        TicketLimits {
            ticket_life: self.life.duration(),
            open_within: self.open_within.duration(),
            tickets_kept: self.kept.duration(),
            requests: self.requests,
            request_window: self.request_window.duration(),
            instance_stale: self.instance_stale.duration(),
            instance_dead: self.instance_dead.duration(),
            session_idle: self.session_idle.duration(),
            sessions_kept: self.sessions_kept.duration(),
            instances: self.max_instances.into(),
            tickets: self.max_tickets.into(),
            sessions: self.max_sessions.into(),
            approvals: self.max_approvals.into(),
            approvals_each: self.max_approvals_per_agent.into(),
            approval_pickup: self.approval_pickup.duration(),
            approval_quiet: self.approval_quiet.duration(),
            approvals_kept: self.approvals_kept.duration(),
        }
    }

    pub(super) fn rebase(&mut self, base: &Path) {
        self.key_file = self.key_file.take().map(|file| base.join(file));
    }
}
