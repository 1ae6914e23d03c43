//! What time ends: done a little at a time, by index, whoever of several hosts does it.

use std::sync::Arc;

use waystation_core::approval::ApprovalState;
use waystation_core::ticket::{EndReason, InstanceId, TicketLimits};
use waystation_core::time::later;

use super::approval;
use super::caller::Caller;
use super::tally::Tally;
use super::{instances, sessions};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{micros, parsed};
use crate::store::Store;

/// Rows of each kind that one sweep takes, so that others get their turn.
const BATCH: i64 = 200;

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Instances that were not heard of for too long.
    pub instances: u64,
    /// Tickets that nobody redeemed in time.
    pub expired: u64,
    /// Sessions that were not heard of for too long.
    pub idle: u64,
    /// Requests that were not approved in time, or not picked up.
    pub approvals: u64,
    /// Rows that were kept long enough.
    pub removed: u64,
    /// There may be more of it.
    pub more: bool,
}

struct Sweep {
    caller: Caller,
    limits: Arc<TicketLimits>,
}

impl Change for Sweep {
    type Answer = Swept;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Swept, StoreError> {
        let mut swept = Swept {
            instances: self.instances(work).await?,
            expired: self.expired(work).await?,
            idle: self.idle(work).await?,
            approvals: self.approvals(work).await?,
            ..Swept::default()
        };
        swept.removed = self.removed(work).await?;
        let full = BATCH.unsigned_abs();
        swept.more = [swept.instances, swept.expired, swept.idle].contains(&full)
            || swept.approvals >= full
            || swept.removed >= full;
        Ok(swept)
    }
}

impl Sweep {
    /// The time before which something happened that is `wait` ago.
    fn before(&self, wait: std::time::Duration) -> i64 {
        let now = self.caller.now;
        let wait = later(now, wait).as_microsecond().saturating_sub(micros(now));
        micros(now).saturating_sub(wait)
    }

    /// For a row of another tenant, as that tenant's.
    fn of(&self, tenant: &str) -> Result<Caller, StoreError> {
        Ok(Caller { tenant: parsed(tenant)?, ..self.caller.clone() })
    }

    async fn instances(&self, work: &mut Work<'_>) -> Result<u64, StoreError> {
        let dead: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT tenant, id, scope FROM instances WHERE last_heartbeat < $1 ORDER BY last_heartbeat LIMIT $2",
        )
        .bind(self.before(self.limits.instance_dead))
        .bind(BATCH)
        .fetch_all(work.db())
        .await?;
        for (tenant, id, scope) in &dead {
            let (caller, id): (_, InstanceId) = (self.of(tenant)?, parsed(id)?);
            instances::remove(work, &caller, &id, EndReason::InstanceGone).await?;
            caller.record(work, "instance.gone", format!("{scope}:{id}"), &Ok(()));
        }
        Ok(dead.len() as u64)
    }

    async fn expired(&self, work: &mut Work<'_>) -> Result<u64, StoreError> {
        let expired: Vec<String> = sqlx::query_scalar(
            "UPDATE tickets SET state = 'expired' WHERE digest IN
               (SELECT digest FROM tickets WHERE state = 'pending' AND at < $1 ORDER BY at LIMIT $2)
             RETURNING tenant",
        )
        .bind(micros(self.caller.now))
        .bind(BATCH)
        .fetch_all(work.db())
        .await?;
        let mut tenants = std::collections::BTreeMap::new();
        for tenant in &expired {
            *tenants.entry(tenant).or_insert(0) += 1;
        }
        for (tenant, fewer) in tenants {
            Tally::Tickets.give(work, tenant, fewer);
        }
        Ok(expired.len() as u64)
    }

    async fn idle(&self, work: &mut Work<'_>) -> Result<u64, StoreError> {
        let mut count = 0;
        for state in ["active", "grace"] {
            let idle: Vec<(String, String)> = sqlx::query_as(
                "SELECT tenant, id FROM sessions WHERE state = $1 AND at < $2 ORDER BY at LIMIT $3",
            )
            .bind(state)
            .bind(self.before(self.limits.session_idle))
            .bind(BATCH)
            .fetch_all(work.db())
            .await?;
            for (tenant, id) in &idle {
                sessions::end(work, &self.of(tenant)?, id, EndReason::Idle, "host").await?;
            }
            count += idle.len() as u64;
        }
        Ok(count)
    }

    async fn approvals(&self, work: &mut Work<'_>) -> Result<u64, StoreError> {
        let mut count = 0;
        for state in [ApprovalState::Waiting, ApprovalState::Approved] {
            let due: Vec<String> = sqlx::query_scalar(
                "SELECT id FROM approvals WHERE state = $1 AND until <= $2 ORDER BY until LIMIT $3",
            )
            .bind(state.as_str())
            .bind(micros(self.caller.now))
            .bind(BATCH)
            .fetch_all(work.db())
            .await?;
            for id in &due {
                approval::run_out(work, id, self.caller.now).await?;
            }
            count += due.len() as u64;
        }
        Ok(count)
    }

    async fn removed(&self, work: &mut Work<'_>) -> Result<u64, StoreError> {
        let mut count = 0;
        for state in ["redeemed", "revoked", "expired"] {
            count += sqlx::query(
                "DELETE FROM tickets WHERE digest IN
                   (SELECT digest FROM tickets WHERE state = $1 AND at < $2 ORDER BY at LIMIT $3)",
            )
            .bind(state)
            .bind(self.before(self.limits.tickets_kept))
            .bind(BATCH)
            .execute(work.db())
            .await?
            .rows_affected();
        }
        // Whoever asks again within the quiet time is told what became of it.
        let kept = self.limits.approvals_kept.max(self.limits.approval_quiet);
        for state in ApprovalState::ALL.into_iter().filter(|state| !state.is_open()) {
            count += sqlx::query(
                "DELETE FROM approvals WHERE id IN
                   (SELECT id FROM approvals WHERE state = $1 AND until < $2 ORDER BY until LIMIT $3)",
            )
            .bind(state.as_str())
            .bind(self.before(kept))
            .bind(BATCH)
            .execute(work.db())
            .await?
            .rows_affected();
        }
        count += sqlx::query(
            "DELETE FROM sessions WHERE id IN
               (SELECT id FROM sessions WHERE state = 'ended' AND at < $1 ORDER BY at LIMIT $2)",
        )
        .bind(self.before(self.limits.sessions_kept))
        .bind(BATCH)
        .execute(work.db())
        .await?
        .rows_affected();
        // Who may ask again is not remembered.
        count += sqlx::query(
            "DELETE FROM rate_limits WHERE name IN (SELECT name FROM rate_limits WHERE tat < $1 ORDER BY tat LIMIT $2)",
        )
        .bind(micros(self.caller.now))
        .bind(BATCH)
        .execute(work.db())
        .await?
        .rows_affected();
        Ok(count)
    }
}

impl Store {
    /// Ends and removes what time has come for, a bounded number of each kind.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sweep_tickets(
        &self,
        caller: Caller,
        limits: Arc<TicketLimits>,
    ) -> Result<Swept, StoreError> {
        self.change(Sweep { caller, limits }).await
    }
}
