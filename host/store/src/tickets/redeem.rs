//! Redeeming a ticket: once, in time, by the one it is for.

use waystation_core::agent::AgentName;
use waystation_core::ticket::{Capability, InstanceId, Refusal, TicketDigest, TicketId, Transport};

use super::caller::Caller;
use super::facts::named;
use super::tally::Tally;
use super::{Bell, Outcome};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{from_json, micros, parsed};
use crate::store::Store;

/// What a redeemed ticket admits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// The capability.
    pub scope: Capability,
    /// Of which instance.
    pub instance: InstanceId,
    /// Whose that is.
    pub source: AgentName,
    /// How it is reached.
    pub transport: Transport,
}

struct Redeem {
    caller: Caller,
    target: AgentName,
    digest: TicketDigest,
    /// It opens nothing before it is released.
    held: bool,
}

impl Change for Redeem {
    type Answer = Outcome<Redeemed>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, target, digest, held } = self;
        // One statement decides: of all who try, it changes the row for one.
        let found: Option<(String, String, String, String, String)> = sqlx::query_as(
            "UPDATE tickets SET state = 'redeemed', held = $5, at = $4
             WHERE digest = $1 AND tenant = $2 AND state = 'pending' AND expires_at >= $4 AND target =
               (SELECT a.id FROM agents a WHERE a.tenant = $2 AND a.label = $3 AND a.revoked_at IS NULL)
             RETURNING scope, instance_id, (SELECT s.label FROM agents s WHERE s.id = tickets.source), transport, target",
        )
        .bind(digest.as_bytes().as_slice())
        .bind(caller.tenant.as_str())
        .bind(target.label())
        .bind(micros(caller.now))
        .bind(i64::from(*held))
        .fetch_optional(work.db())
        .await?;
        let done = match found {
            None => Err(Refusal::NoTicket),
            Some((scope, instance, source, transport, target)) => {
                work.ring(target, Bell::Inbox);
                Tally::Tickets.give(work, caller.tenant.as_str(), 1);
                Ok(Redeemed {
                    scope: parsed(&scope)?,
                    instance: parsed(&instance)?,
                    source: named(&source)?,
                    transport: from_json(&transport)?,
                })
            }
        };
        let action = if *held && done.is_ok() { "ticket.hold" } else { "ticket.redeem" };
        caller.record(work, action, digest.to_string(), &done);
        Ok(done)
    }
}

impl Store {
    /// Redeems a ticket. Of all who try, one gets it.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoTicket`, whatever is wrong.
    pub async fn redeem_ticket(
        &self,
        caller: Caller,
        target: AgentName,
        id: &TicketId,
    ) -> Result<Outcome<Redeemed>, StoreError> {
        self.change(Redeem { caller, target, digest: id.digest(), held: false }).await
    }

    /// The same, and the ticket opens nothing before [`Store::release_ticket`]. It is used up all the same.
    ///
    /// # Errors
    /// As [`Store::redeem_ticket`].
    pub async fn hold_ticket(
        &self,
        caller: Caller,
        target: AgentName,
        id: &TicketId,
    ) -> Result<Outcome<Redeemed>, StoreError> {
        self.change(Redeem { caller, target, digest: id.digest(), held: true }).await
    }
}
