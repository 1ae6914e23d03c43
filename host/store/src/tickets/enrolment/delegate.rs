//! Tokens that an agent makes for others, in its own name.

use std::collections::BTreeSet;

use waystation_core::agent::{AgentName, ShortName};
use waystation_core::enrolment::{EnrolRefusal, EnrolmentLimits};
use waystation_core::id::EnrolmentId;
use waystation_core::ticket::{Capability, TicketLimits};
use waystation_core::time::later;
use waystation_identity::{CredentialDigest, Enrolment};

use super::super::caller::Caller;
use super::super::facts::enrolled;
use super::super::rate::Rate;
use super::tokens::{NewEnrolment, Token, target};
use super::{Outcome, record_outcome};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{micros, random};
use crate::store::Store;

struct Delegate {
    caller: Caller,
    id: EnrolmentId,
    digest: CredentialDigest<Enrolment>,
    delegator: AgentName,
    name: AgentName,
    scope: Capability,
    life: std::time::Duration,
    dead: std::time::Duration,
}

impl Change for Delegate {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.delegate(work).await?;
        if !matches!(done, Err(EnrolRefusal::TooOften { .. })) {
            let target = target(&self.id.to_string(), Some(&self.name));
            record_outcome(work, &self.caller, "enrolment.delegate", target, &done);
        }
        Ok(done)
    }
}

impl Delegate {
    async fn delegate(&self, work: &mut Work<'_>) -> Result<Outcome<()>, StoreError> {
        let Self { caller, id, digest, delegator, name, scope, life, dead } = self;
        let tenant = caller.tenant.as_str();
        let rate =
            Rate { requests: EnrolmentLimits::DELEGATIONS, window: std::time::Duration::from_secs(60) };
        let asks = format!("delegate {tenant} {delegator}");
        if let Err(retry_after) = rate.take(work, &asks, caller.now).await? {
            return Ok(Err(EnrolRefusal::TooOften { retry_after }));
        }
        let known: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM sub_scopes WHERE tenant = $1 AND name = $2")
                .bind(tenant)
                .bind(scope.as_str())
                .fetch_one(work.db())
                .await?;
        if known == 0 {
            return Ok(Err(EnrolRefusal::NoScope));
        }
        let owner = match enrolled(work, &caller.tenant, delegator, Some(scope)).await? {
            Some(owner) if owner.capable => owner,
            _ => return Ok(Err(EnrolRefusal::NotDelegator)),
        };
        let since = micros(caller.now).saturating_sub(crate::row::count(dead.as_micros()));
        let live: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM instances WHERE agent_id = $1 AND scope = $2 AND last_heartbeat > $3",
        )
        .bind(owner.id.as_str())
        .bind(scope.as_str())
        .bind(since)
        .fetch_one(work.db())
        .await?;
        if live == 0 {
            return Ok(Err(EnrolRefusal::NotDelegator));
        }
        let new = NewEnrolment {
            name: Some(name.clone()),
            capabilities: BTreeSet::from([scope.clone()]),
            uses: 1,
            expires_at: later(caller.now, *life),
            approve: false,
            replace: true,
        };
        Token { caller, id: *id, digest, new: &new, delegator: Some(&owner.id) }.put(work).await
    }
}

impl Store {
    /// Makes a token with which `short` is enrolled in the name of the agent `delegator`, for one scope of which that
    /// owns a live instance.
    ///
    /// # Errors
    /// Those of the database. Refused with `NotDelegator`, `NoScope`, `Taken`, `TooOften`.
    pub async fn delegate(
        &self,
        caller: Caller,
        digest: CredentialDigest<Enrolment>,
        delegator: AgentName,
        (short, scope): (ShortName, Capability),
        (limits, tickets): (&EnrolmentLimits, &TicketLimits),
    ) -> Result<Outcome<()>, StoreError> {
        let AgentName::Agent { label } = &delegator else { return Ok(Err(EnrolRefusal::NotDelegator)) };
        let name = AgentName::PluginAgent { delegator: label.clone(), name: short };
        let id = EnrolmentId::new(caller.now, &random());
        let (life, dead) = (limits.life, tickets.instance_dead);
        self.change(Delegate { caller, id, digest, delegator, name, scope, life, dead }).await
    }
}
