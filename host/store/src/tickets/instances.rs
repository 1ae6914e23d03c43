//! Instances: registered, kept alive, removed.

use std::sync::Arc;

use waystation_core::agent::AgentName;
use waystation_core::name::TenantName;
use waystation_core::ticket::{
    Capability, EndReason, Instance, InstanceId, Refusal, TicketLimits, Transport,
};

use super::Outcome;
use super::caller::Caller;
use super::ending::{Ending, Which};
use super::facts::{capable, enrolled, named};
use super::tally::Tally;
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{from_json, micros, parsed, time, to_json};
use crate::store::Store;

struct Register {
    caller: Caller,
    owner: AgentName,
    scope: Capability,
    transport: Transport,
    limits: Arc<TicketLimits>,
    id: InstanceId,
}

impl Change for Register {
    type Answer = Outcome<(InstanceId, bool)>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.register(work).await?;
        let target = match &done {
            Ok((id, _)) => format!("{}:{id}", self.scope),
            Err(_) => self.scope.to_string(),
        };
        // A registration that is repeated is a heartbeat.
        if !matches!(done, Ok((_, false))) {
            self.caller.record(work, "instance.register", target, &done);
        }
        Ok(done)
    }
}

impl Register {
    async fn register(&self, work: &mut Work<'_>) -> Result<Outcome<(InstanceId, bool)>, StoreError> {
        let Self { caller, owner, scope, transport, limits, id } = self;
        let Some(agent) = enrolled(work, &caller.tenant, owner, Some(scope)).await? else {
            return Ok(Err(Refusal::CallerRevoked));
        };
        if !agent.capable {
            return Ok(Err(Refusal::NotCapable));
        }
        let known: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM sub_scopes WHERE tenant = $1 AND name = $2")
                .bind(caller.tenant.as_str())
                .bind(scope.as_str())
                .fetch_one(work.db())
                .await?;
        if known == 0 {
            return Ok(Err(Refusal::NoScope));
        }
        let transport = to_json(transport)?;
        let there: Option<String> = sqlx::query_scalar(
            "UPDATE instances SET last_heartbeat = $3, transport = $4 WHERE agent_id = $1 AND scope = $2 RETURNING id",
        )
        .bind(agent.id.as_str())
        .bind(scope.as_str())
        .bind(micros(caller.now))
        .bind(transport.as_str())
        .fetch_optional(work.db())
        .await?;
        if let Some(there) = there {
            return Ok(Ok((parsed(&there)?, false)));
        }
        if !Tally::Instances.take(work, &caller.tenant, limits.instances).await? {
            return Ok(Err(Refusal::InstanceLimit));
        }
        sqlx::query(
            "INSERT INTO instances (id, tenant, scope, agent_id, registered_at, last_heartbeat, transport)
             VALUES ($1, $2, $3, $4, $5, $5, $6)",
        )
        .bind(id.to_string())
        .bind(caller.tenant.as_str())
        .bind(scope.as_str())
        .bind(agent.id.as_str())
        .bind(micros(caller.now))
        .bind(transport)
        .execute(work.db())
        .await?;
        Ok(Ok((*id, true)))
    }
}

struct Heartbeat {
    caller: Caller,
    owner: AgentName,
    id: InstanceId,
}

impl Change for Heartbeat {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let beaten = sqlx::query(concat!(
            "UPDATE instances SET last_heartbeat = $4 WHERE id = $1 AND tenant = $2 AND agent_id =
               (SELECT a.id FROM agents a WHERE a.tenant = $2 AND a.label = $3 AND a.revoked_at IS NULL)
               AND ",
            capable!("instances.agent_id", "instances.scope"),
            " > 0"
        ))
        .bind(self.id.to_string())
        .bind(self.caller.tenant.as_str())
        .bind(self.owner.label())
        .bind(micros(self.caller.now))
        .execute(work.db())
        .await?;
        Ok(if beaten.rows_affected() == 0 { Err(Refusal::NoInstance) } else { Ok(()) })
    }
}

struct Remove {
    caller: Caller,
    /// Of this agent; without, of anybody.
    owner: Option<AgentName>,
    id: InstanceId,
}

impl Change for Remove {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, owner, id } = self;
        let found: Option<(String, String)> = sqlx::query_as(
            "SELECT a.label, i.scope FROM instances i JOIN agents a ON a.id = i.agent_id
             WHERE i.id = $1 AND i.tenant = $2",
        )
        .bind(id.to_string())
        .bind(caller.tenant.as_str())
        .fetch_optional(work.db())
        .await?;
        let mine = |label: &String| owner.as_ref().is_none_or(|owner| owner.label() == *label);
        let (done, target) = match found.filter(|(label, _)| mine(label)) {
            Some((_, scope)) => {
                remove(work, caller, id, EndReason::InstanceGone).await?;
                (Ok(()), format!("{scope}:{id}"))
            }
            None => (Err(Refusal::NoInstance), id.to_string()),
        };
        caller.record(work, "instance.remove", target, &done);
        Ok(done)
    }
}

/// Removes an instance with its assignments; its tickets and sessions end.
pub(super) async fn remove(
    work: &mut Work<'_>,
    caller: &Caller,
    id: &InstanceId,
    reason: EndReason,
) -> Result<(), StoreError> {
    let (tenant, id) = (caller.tenant.as_str(), id.to_string());
    let ending = Ending { tenant, now: caller.now, reason, by: &caller.actor };
    ending.all(work, Which::Instance, (&id, "")).await?;
    let gone = sqlx::query("DELETE FROM instances WHERE id = $1").bind(id).execute(work.db()).await?;
    Tally::Instances.give(work, tenant, gone.rows_affected());
    Ok(())
}

pub(super) type InstanceColumns = (String, String, String, i64, i64, String);

pub(super) fn instance(columns: InstanceColumns) -> Result<Instance, StoreError> {
    let (id, scope, owner, registered_at, last_heartbeat, transport) = columns;
    Ok(Instance {
        id: parsed(&id)?,
        scope: parsed(&scope)?,
        owner: named(&owner)?,
        registered_at: time(registered_at)?,
        last_heartbeat: time(last_heartbeat)?,
        transport: from_json(&transport)?,
    })
}

impl Store {
    /// Registers an instance of an agent, which has one of each capability: with one there already, that one is heard
    /// of, and gets the transport. Whether it is new.
    ///
    /// # Errors
    /// Those of the database. Refused with `CallerRevoked`, `NotCapable`, `NoScope`, `InstanceLimit`.
    pub async fn register_instance(
        &self,
        caller: Caller,
        owner: AgentName,
        scope: Capability,
        transport: Transport,
        limits: Arc<TicketLimits>,
    ) -> Result<Outcome<(InstanceId, bool)>, StoreError> {
        let id = InstanceId::new(rand::random());
        self.change(Register { caller, owner, scope, transport, limits, id }).await
    }

    /// Notes that an instance was heard of.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoInstance` where it is not this agent's, or the agent is revoked or lost
    /// the capability.
    pub async fn instance_heartbeat(
        &self,
        caller: Caller,
        owner: AgentName,
        id: InstanceId,
    ) -> Result<Outcome<()>, StoreError> {
        self.change(Heartbeat { caller, owner, id }).await
    }

    /// Removes an instance, of this agent or, without one, of anybody.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoInstance`.
    pub async fn remove_instance(
        &self,
        caller: Caller,
        owner: Option<AgentName>,
        id: InstanceId,
    ) -> Result<Outcome<()>, StoreError> {
        self.change(Remove { caller, owner, id }).await
    }

    /// Instances by id, after this one, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn instances(
        &self,
        tenant: &TenantName,
        after: Option<InstanceId>,
        limit: u32,
    ) -> Result<Vec<Instance>, StoreError> {
        let found: Vec<InstanceColumns> = sqlx::query_as(
            "SELECT i.id, i.scope, a.label, i.registered_at, i.last_heartbeat, i.transport
             FROM instances i JOIN agents a ON a.id = i.agent_id
             WHERE i.tenant = $1 AND i.id > $2 ORDER BY i.id LIMIT $3",
        )
        .bind(tenant.as_str())
        .bind(after.map(|id| id.to_string()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await?;
        found.into_iter().map(instance).collect()
    }
}
