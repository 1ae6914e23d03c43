//! Assignments: which agents may get tickets to which instance.

use std::sync::Arc;

use jiff::Timestamp;
use waystation_core::agent::AgentName;
use waystation_core::name::TenantName;
use waystation_core::ticket::{Capability, EndReason, InstanceId, InstanceStatus, Refusal, TicketLimits};

use super::Outcome;
use super::caller::Caller;
use super::ending::{Ending, Which};
use super::facts::{enrolled, known, named};
use super::people;
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{clean, micros, parsed, time};
use crate::store::Store;

/// One agent may get tickets to one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Who.
    pub agent: AgentName,
    /// The capability of the instance.
    pub scope: Capability,
    /// To which.
    pub instance: InstanceId,
    /// Since when.
    pub at: Timestamp,
    /// Who said so.
    pub by: String,
}

/// Which assignments are asked for.
#[derive(Debug, Clone, Default)]
pub struct AssignmentFilter {
    /// Of this agent.
    pub agent: Option<AgentName>,
    /// To this instance.
    pub instance: Option<InstanceId>,
}

struct Assign {
    caller: Caller,
    agent: AgentName,
    scope: Capability,
    instance: InstanceId,
    limits: Arc<TicketLimits>,
}

impl Change for Assign {
    type Answer = Outcome<(Assignment, bool)>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.assign(work).await?;
        if !matches!(done, Ok((_, false))) {
            self.caller.record(work, "assignment.add", self.target(), &done);
        }
        Ok(done)
    }
}

impl Assign {
    fn target(&self) -> String {
        format!("{} {}:{}", self.agent, self.scope, self.instance)
    }

    async fn assign(&self, work: &mut Work<'_>) -> Result<Outcome<(Assignment, bool)>, StoreError> {
        let Self { caller, agent, scope, instance, limits } = self;
        let Some(there) = enrolled(work, &caller.tenant, agent, Some(scope)).await? else {
            return Ok(Err(Refusal::NoAgent));
        };
        if !there.capable {
            return Ok(Err(Refusal::NotCapable));
        }
        let heard: Option<i64> = sqlx::query_scalar(
            "SELECT last_heartbeat FROM instances WHERE id = $1 AND tenant = $2 AND scope = $3",
        )
        .bind(instance.to_string())
        .bind(caller.tenant.as_str())
        .bind(scope.as_str())
        .fetch_optional(work.db())
        .await?;
        let alive = |heard| Ok::<_, StoreError>(InstanceStatus::of(time(heard)?, caller.now, limits));
        if matches!(heard.map(alive).transpose()?, None | Some(InstanceStatus::Dead)) {
            return Ok(Err(Refusal::NoInstance));
        }
        let people = people::behind(work, caller.tenant.as_str(), &caller.actor).await?;
        let new = sqlx::query(
            "INSERT INTO assignments (instance_id, agent_id, tenant, assigned_at, assigned_by, people)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (instance_id, agent_id) DO NOTHING",
        )
        .bind(instance.to_string())
        .bind(there.id.as_str())
        .bind(caller.tenant.as_str())
        .bind(micros(caller.now))
        .bind(clean(&caller.actor))
        .bind(people::column(&people))
        .execute(work.db())
        .await?;
        let (at, by): (i64, String) = sqlx::query_as(
            "SELECT assigned_at, assigned_by FROM assignments WHERE instance_id = $1 AND agent_id = $2",
        )
        .bind(instance.to_string())
        .bind(there.id)
        .fetch_one(work.db())
        .await?;
        let assignment =
            Assignment { agent: agent.clone(), scope: scope.clone(), instance: *instance, at: time(at)?, by };
        Ok(Ok((assignment, new.rows_affected() == 1)))
    }
}

struct Unassign {
    caller: Caller,
    agent: AgentName,
    scope: Capability,
    instance: InstanceId,
}

impl Change for Unassign {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, agent, scope, instance } = self;
        let (tenant, id) = (caller.tenant.as_str(), instance.to_string());
        let there = known(work, &caller.tenant, agent, None).await?;
        let agent_id = there.map(|known| known.id).unwrap_or_default();
        let gone = sqlx::query(
            "DELETE FROM assignments WHERE instance_id = $1 AND agent_id = $2 AND tenant = $3 AND
               (SELECT i.scope FROM instances i WHERE i.id = $1) = $4",
        )
        .bind(id.as_str())
        .bind(agent_id.as_str())
        .bind(tenant)
        .bind(scope.as_str())
        .execute(work.db())
        .await?;
        let done = if gone.rows_affected() == 0 { Err(Refusal::NotAssigned) } else { Ok(()) };
        if done.is_ok() {
            let reason = EndReason::AssignmentRemoved;
            let ending = Ending { tenant, now: caller.now, reason, by: &caller.actor };
            ending.all(work, Which::Assignment, (&agent_id, &id)).await?;
        }
        caller.record(work, "assignment.remove", format!("{agent} {scope}:{instance}"), &done);
        Ok(done)
    }
}

impl Store {
    /// Assigns an agent to an instance. Whether that is new.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoAgent`, `NotCapable`, `NoInstance`, in this order.
    pub async fn assign(
        &self,
        caller: Caller,
        agent: AgentName,
        scope: Capability,
        instance: InstanceId,
        limits: Arc<TicketLimits>,
    ) -> Result<Outcome<(Assignment, bool)>, StoreError> {
        self.change(Assign { caller, agent, scope, instance, limits }).await
    }

    /// Takes an assignment back. Tickets and sessions that stand on it end.
    ///
    /// # Errors
    /// Those of the database. Refused with `NotAssigned`.
    pub async fn unassign(
        &self,
        caller: Caller,
        agent: AgentName,
        scope: Capability,
        instance: InstanceId,
    ) -> Result<Outcome<()>, StoreError> {
        self.change(Unassign { caller, agent, scope, instance }).await
    }

    /// Assignments by instance and agent, after this one, at most `limit` of those that match.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn assignments(
        &self,
        tenant: &TenantName,
        filter: &AssignmentFilter,
        after: Option<&(InstanceId, AgentName)>,
        limit: u32,
    ) -> Result<Vec<Assignment>, StoreError> {
        let (instance, label) =
            after.map(|(instance, name)| (instance.to_string(), name.label())).unwrap_or_default();
        let found: Vec<(String, String, String, i64, String)> = sqlx::query_as(
            "SELECT a.label, i.scope, i.id, x.assigned_at, x.assigned_by
             FROM assignments x JOIN instances i ON i.id = x.instance_id JOIN agents a ON a.id = x.agent_id
             WHERE x.tenant = $1 AND ($2 = '' OR a.label = $2) AND ($3 = '' OR x.instance_id = $3)
               AND (x.instance_id > $4 OR (x.instance_id = $4 AND a.label > $5))
             ORDER BY x.instance_id, a.label LIMIT $6",
        )
        .bind(tenant.as_str())
        .bind(filter.agent.as_ref().map(AgentName::label).unwrap_or_default())
        .bind(filter.instance.map(|id| id.to_string()).unwrap_or_default())
        .bind(instance)
        .bind(label)
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await?;
        let assignment = |(label, scope, instance, at, by): (String, String, String, i64, String)| {
            let (scope, instance) = (parsed(&scope)?, parsed(&instance)?);
            Ok(Assignment { agent: named(&label)?, scope, instance, at: time(at)?, by })
        };
        found.into_iter().map(assignment).collect()
    }
}
