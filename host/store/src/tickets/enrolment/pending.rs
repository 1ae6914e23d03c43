//! Enrolments that wait for a person.

use jiff::Timestamp;
use waystation_core::agent::AgentName;
use waystation_core::enrolment::{EnrolRefusal, EnrolmentLimits, Waiting};
use waystation_core::id::EnrolmentId;
use waystation_core::machine_uid::MachineUid;
use waystation_core::name::TenantName;
use waystation_core::time::later;

use super::super::caller::Caller;
use super::super::facts::named;
use super::super::people;
use super::{Outcome, record_outcome};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{micros, parsed, time};
use crate::store::Store;

/// An enrolment that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEnrolment {
    /// By which it is named.
    pub id: EnrolmentId,
    /// The token that was used.
    pub token: EnrolmentId,
    /// What the agent would be called.
    pub name: AgentName,
    /// On which machine it says to be.
    pub machine: Option<MachineUid>,
    /// Agents of other names that say to be there.
    pub elsewhere: Vec<AgentName>,
    /// From where it came.
    pub address: String,
    /// Why it waits.
    pub why: Waiting,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

struct Settle {
    caller: Caller,
    id: EnrolmentId,
    /// Until when the machine may come; none, when a person said no.
    until: Option<Timestamp>,
}

impl Change for Settle {
    type Answer = Outcome<AgentName>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, id, until } = self;
        let (state, action) = match until {
            Some(_) => ("approved", "enrolment.approve"),
            None => ("rejected", "enrolment.reject"),
        };
        let people = people::behind(work, caller.tenant.as_str(), &caller.actor).await?;
        let settled: Option<String> = sqlx::query_scalar(
            "UPDATE enrolments SET state = $4, decided_by = $5, until = $6, people = $7
             WHERE tenant = $1 AND id = $2 AND state = 'waiting' AND until > $3 RETURNING label",
        )
        .bind(caller.tenant.as_str())
        .bind(id.to_string())
        .bind(micros(caller.now))
        .bind(state)
        .bind(caller.actor.as_str())
        .bind(micros(until.unwrap_or(caller.now)))
        .bind(people::column(&people))
        .fetch_optional(work.db())
        .await?;
        let done = match settled {
            Some(label) => Ok(named(&label)?),
            None => {
                let there: i64 =
                    sqlx::query_scalar("SELECT COUNT(*) FROM enrolments WHERE tenant = $1 AND id = $2")
                        .bind(caller.tenant.as_str())
                        .bind(id.to_string())
                        .fetch_one(work.db())
                        .await?;
                Err(if there > 0 { EnrolRefusal::NotWaiting } else { EnrolRefusal::NotFound })
            }
        };
        let target = match &done {
            Ok(name) => format!("{id} {name}"),
            Err(_) => id.to_string(),
        };
        record_outcome(work, caller, action, target, &done);
        Ok(done)
    }
}

impl Store {
    /// Enrolments that wait, the oldest first, after this one, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn pending_enrolments(
        &self,
        tenant: &TenantName,
        now: Timestamp,
        after: Option<EnrolmentId>,
        limit: u32,
    ) -> Result<Vec<PendingEnrolment>, StoreError> {
        type Columns = (String, String, String, Option<String>, String, Option<String>, i64, i64);
        let found: Vec<Columns> = sqlx::query_as(
            "SELECT id, token_id, label, machine_uid, address, reason, created_at, until FROM enrolments
             WHERE tenant = $1 AND state = 'waiting' AND until > $2 AND id > $3 ORDER BY id LIMIT $4",
        )
        .bind(tenant.as_str())
        .bind(micros(now))
        .bind(after.map(|id| id.to_string()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await?;
        let mut pending = Vec::with_capacity(found.len());
        for (id, token, label, machine, address, reason, created_at, until) in found {
            let others: Vec<String> = sqlx::query_scalar(
                "SELECT label FROM agents WHERE tenant = $1 AND machine_uid = $2 AND revoked_at IS NULL
                   AND label <> $3 ORDER BY label LIMIT 100",
            )
            .bind(tenant.as_str())
            .bind(machine.as_deref())
            .bind(label.as_str())
            .fetch_all(self.reader())
            .await?;
            let why = reason.as_deref().and_then(Waiting::from_word);
            pending.push(PendingEnrolment {
                id: parsed(&id)?,
                token: parsed(&token)?,
                name: named(&label)?,
                machine: machine.as_deref().map(parsed).transpose()?,
                elsewhere: others.iter().map(|label| named(label)).collect::<Result<_, _>>()?,
                address,
                why: why.ok_or_else(|| StoreError::corrupt("an enrolment waits for no reason"))?,
                created_at: time(created_at)?,
                until: time(until)?,
            });
        }
        Ok(pending)
    }

    /// Says yes to an enrolment that waits: its machine is enrolled when it comes again. Gives its name.
    ///
    /// # Errors
    /// Those of the database. Refused with `NotFound`, `NotWaiting`.
    pub async fn approve_enrolment(
        &self,
        caller: Caller,
        id: EnrolmentId,
        limits: &EnrolmentLimits,
    ) -> Result<Outcome<AgentName>, StoreError> {
        let until = Some(later(caller.now, limits.pending));
        self.change(Settle { caller, id, until }).await
    }

    /// Says no to it.
    ///
    /// # Errors
    /// As [`Store::approve_enrolment`].
    pub async fn reject_enrolment(
        &self,
        caller: Caller,
        id: EnrolmentId,
    ) -> Result<Outcome<AgentName>, StoreError> {
        self.change(Settle { caller, id, until: None }).await
    }
}
