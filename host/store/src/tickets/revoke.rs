//! Tickets that are taken back.

use waystation_core::ticket::{Refusal, TicketDigest};

use super::Bell;
use super::Outcome;
use super::caller::Caller;
use super::request::TicketState;
use super::tally::Tally;
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::micros;
use crate::store::Store;

struct Revoke {
    caller: Caller,
    digest: TicketDigest,
}

impl Change for Revoke {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.revoke(work).await?;
        self.caller.record(work, "ticket.revoke", self.digest.to_string(), &done);
        Ok(done)
    }
}

impl Revoke {
    async fn revoke(&self, work: &mut Work<'_>) -> Result<Outcome<()>, StoreError> {
        let Self { caller, digest } = self;
        let (tenant, now) = (caller.tenant.as_str(), caller.now);
        let found: Option<(String, Option<String>, String)> =
            sqlx::query_as("SELECT state, session_id, target FROM tickets WHERE digest = $1 AND tenant = $2")
                .bind(digest.as_bytes().as_slice())
                .bind(tenant)
                .fetch_optional(work.db())
                .await?;
        let Some((state, session, target)) = found else { return Ok(Err(Refusal::NoTicket)) };
        work.ring(target, Bell::Inbox);
        // One that was redeemed and opened nothing yet must not do so any more.
        sqlx::query(
            "UPDATE tickets SET state = 'revoked', at = $2 WHERE digest = $1 AND state IN ('pending', 'redeemed')",
        )
        .bind(digest.as_bytes().as_slice())
        .bind(micros(now))
        .execute(work.db())
        .await?;
        if state == TicketState::Pending.as_str() {
            Tally::Tickets.give(work, tenant, 1);
        }
        if let Some(session) = session {
            super::sessions::end_by_operator(work, caller, &session).await?;
        }
        Ok(Ok(()))
    }
}

impl Store {
    /// Takes a ticket back, whatever became of it; its session ends.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoTicket`.
    pub async fn revoke_ticket(
        &self,
        caller: Caller,
        digest: TicketDigest,
    ) -> Result<Outcome<()>, StoreError> {
        self.change(Revoke { caller, digest }).await
    }
}
