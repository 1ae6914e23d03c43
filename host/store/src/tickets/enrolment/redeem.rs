//! A token is used: whoever has it becomes an agent, waits for a person, or is refused.

use jiff::Timestamp;
use waystation_core::agent::AgentName;
use waystation_core::enrolment::{
    Binding, Decision, Earlier, EnrolRefusal, EnrolmentLimits, Facts, Holder, Token, Waiting, decide,
};
use waystation_core::id::{AgentId, EnrolmentId};
use waystation_core::machine_uid::MachineUid;
use waystation_core::time::later;
use waystation_identity::{Agent, CredentialDigest, Enrolment};

use super::super::agents::{Enrol, IssuedCertificate};
use super::super::caller::Caller;
use super::super::facts::enrolled;
use super::super::people;
use super::super::rate::Rate;
use super::knock::refused;
use super::{Outcome, capabilities, record};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{micros, parsed, random, time};
use crate::store::Store;

/// What an agent is given, if it is enrolled.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// The certificate that was made for its key.
    pub certificate: Option<IssuedCertificate>,
    /// The digest of its key for requests.
    pub key: Option<CredentialDigest<Agent>>,
}

/// Somebody who wants to be enrolled.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Of the token.
    pub token: CredentialDigest<Enrolment>,
    /// What they would be called.
    pub name: AgentName,
    /// Who they are: see [`waystation_core::enrolment::binding`].
    pub binding: Binding,
    /// On which machine they say to be.
    pub machine: Option<MachineUid>,
    /// What they would get.
    pub credentials: Credentials,
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It is an agent now, for the first time or again.
    Enrolled {
        /// Which stays.
        id: AgentId,
        /// Nobody ever had that name.
        new: bool,
    },
    /// It was enrolled with this token before, and has another certificate for the same key now. It has no other key.
    Again(AgentId),
    /// A person has to say yes first. It has nothing until it comes again.
    Waiting {
        /// By which the person names it.
        id: EnrolmentId,
        /// Why.
        why: Waiting,
        /// Until when.
        until: Timestamp,
    },
}

struct Redeem {
    caller: Caller,
    attempt: Attempt,
    limits: EnrolmentLimits,
    agent: AgentId,
    id: EnrolmentId,
}

/// What the database knows of the token.
struct Found {
    id: String,
    facts: Token,
}

/// And of an earlier attempt.
struct Before {
    id: String,
    agent: Option<String>,
    facts: Earlier,
}

impl Change for Redeem {
    type Answer = Outcome<Came>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Some(token) = self.token(work).await? else {
            refused(work, &self.caller, String::new(), EnrolRefusal::Unknown).await?;
            return Ok(Err(EnrolRefusal::Unknown));
        };
        let caller = Caller { actor: format!("enrolment:{}", token.id), ..self.caller.clone() };
        let done = self.redeem(work, &caller, &token).await?;
        let target = self.attempt.name.to_string();
        match &done {
            Ok(Came::Enrolled { .. }) => record(work, &caller, "agent.enrol", target, "ok"),
            Ok(Came::Again(_)) => record(work, &caller, "agent.certificate", target, "ok"),
            Ok(Came::Waiting { id, why, .. }) if *id == self.id => {
                record(work, &caller, "enrolment.wait", format!("{id} {target}"), why.as_str());
            }
            // Whoever waits asks again and again.
            Ok(Came::Waiting { .. }) => {}
            Err(refusal) => refused(work, &caller, target, *refusal).await?,
        }
        Ok(done)
    }
}

impl Redeem {
    async fn token(&self, work: &mut Work<'_>) -> Result<Option<Found>, StoreError> {
        let Self { caller, attempt, .. } = self;
        type Columns = (String, Option<String>, Option<String>, i64, i64, i64, i64, i64);
        let found: Option<Columns> = sqlx::query_as(
            "SELECT id, label, delegated_by, approve, uses, used, created_at, expires_at
             FROM enrolment_tokens WHERE digest = $1 AND tenant = $2",
        )
        .bind(attempt.token.as_bytes().as_slice())
        .bind(caller.tenant.as_str())
        .fetch_optional(work.db())
        .await?;
        let Some((id, label, delegated, approve, uses, used, created, expires)) = found else {
            return Ok(None);
        };
        // Who is enrolled in the name of another stands on that other, whoever made the token.
        let delegator = match &attempt.name {
            AgentName::Agent { .. } => delegated.is_none(),
            AgentName::PluginAgent { delegator, .. } => {
                let owner = AgentName::Agent { label: delegator.clone() };
                let owner = enrolled(work, &caller.tenant, &owner, None).await?;
                owner.is_some_and(|owner| delegated.is_none_or(|by| by == owner.id))
            }
        };
        let admits = match &label {
            Some(label) => *label == attempt.name.label(),
            // Nobody enrols in the name of another with a token that does not say so.
            None => matches!(attempt.name, AgentName::Agent { .. }),
        };
        let facts = Token {
            created_at: time(created)?,
            expires_at: time(expires)?,
            uses_left: used < uses,
            approve: approve == 1,
            admits,
            delegator,
        };
        Ok(Some(Found { id, facts }))
    }

    async fn earlier(&self, work: &mut Work<'_>, token: &str) -> Result<Option<Before>, StoreError> {
        type Columns =
            (String, String, Option<String>, i64, Option<String>, Option<i64>, i64, Option<i64>, Option<i64>);
        let found: Option<Columns> = sqlx::query_as(
            "SELECT e.id, e.state, e.reason, e.until, e.agent_id, e.at, e.certificate, a.enrolled_at, a.revoked_at
             FROM enrolments e LEFT JOIN agents a ON a.id = e.agent_id
             WHERE e.token_id = $1 AND e.binding = $2",
        )
        .bind(token)
        .bind(self.attempt.binding.as_slice())
        .fetch_optional(work.db())
        .await?;
        let Some((id, state, reason, until, agent, at, certificate, enrolled_at, revoked_at)) = found else {
            return Ok(None);
        };
        let facts = match state.as_str() {
            "waiting" => {
                let why = reason.as_deref().and_then(Waiting::from_word);
                let why = why.ok_or_else(|| StoreError::corrupt("an enrolment waits for no reason"))?;
                Earlier::Waiting(why, time(until)?)
            }
            "approved" => Earlier::Approved(time(until)?),
            "rejected" => Earlier::Rejected,
            _ => Earlier::Done {
                current: revoked_at.is_none() && enrolled_at == at,
                certificate: certificate == 1,
            },
        };
        Ok(Some(Before { id, agent, facts }))
    }

    async fn redeem(
        &self,
        work: &mut Work<'_>,
        caller: &Caller,
        token: &Found,
    ) -> Result<Outcome<Came>, StoreError> {
        let Self { attempt, .. } = self;
        let before = self.earlier(work, &token.id).await?;
        let holder: Option<Option<i64>> =
            sqlx::query_scalar("SELECT revoked_at FROM agents WHERE tenant = $1 AND label = $2")
                .bind(caller.tenant.as_str())
                .bind(attempt.name.label())
                .fetch_optional(work.db())
                .await?;
        let new = holder.is_none();
        let holder = match holder {
            None => Holder::Nobody,
            Some(None) => Holder::Live,
            Some(Some(at)) => Holder::Revoked(time(at)?),
        };
        let elsewhere = match self.machine() {
            None => false,
            Some(machine) => {
                let others: i64 = sqlx::query_scalar(
                    "SELECT COUNT(*) FROM agents
                     WHERE tenant = $1 AND machine_uid = $2 AND revoked_at IS NULL AND label <> $3",
                )
                .bind(caller.tenant.as_str())
                .bind(machine.as_str())
                .bind(attempt.name.label())
                .fetch_one(work.db())
                .await?;
                others > 0
            }
        };
        let earlier = before.as_ref().map(|before| before.facts);
        let facts = Facts { now: caller.now, token: Some(token.facts), earlier, holder, elsewhere };
        match decide(&facts) {
            Decision::Refuse(refusal) => Ok(Err(refusal)),
            Decision::StillWaiting(why, until) => {
                let id = before.map(|before| parsed(&before.id)).transpose()?.unwrap_or(self.id);
                Ok(Ok(Came::Waiting { id, why, until }))
            }
            Decision::Again => self.again(work, caller, before).await,
            Decision::Wait(why) => self.wait(work, caller, token, why).await,
            Decision::Enrol { take } => {
                if take && !self.take(work, caller, token).await? {
                    return Ok(Err(EnrolRefusal::Used));
                }
                self.enrol(work, caller, token, new).await
            }
        }
    }

    /// The machine that counts: what an agent enrolled in its own name is on its machine.
    fn machine(&self) -> Option<&MachineUid> {
        match self.attempt.name {
            AgentName::Agent { .. } => self.attempt.machine.as_ref(),
            AgentName::PluginAgent { .. } => None,
        }
    }

    /// Takes one use: a single statement decides, whoever else is at it.
    async fn take(&self, work: &mut Work<'_>, caller: &Caller, token: &Found) -> Result<bool, StoreError> {
        let taken = sqlx::query(
            "UPDATE enrolment_tokens SET used = used + 1 WHERE id = $1 AND used < uses AND expires_at > $2",
        )
        .bind(token.id.as_str())
        .bind(micros(caller.now))
        .execute(work.db())
        .await?;
        Ok(taken.rows_affected() == 1)
    }

    async fn again(
        &self,
        work: &mut Work<'_>,
        caller: &Caller,
        before: Option<Before>,
    ) -> Result<Outcome<Came>, StoreError> {
        let agent = before.and_then(|before| before.agent);
        let (Some(agent), Some(certificate)) = (agent, &self.attempt.credentials.certificate) else {
            return Ok(Err(EnrolRefusal::Used));
        };
        // Each leaves a row.
        let rate = Rate { requests: 10, window: std::time::Duration::from_secs(3_600) };
        if let Err(retry_after) = rate.take(work, &format!("again {agent}"), caller.now).await? {
            return Ok(Err(EnrolRefusal::TooOften { retry_after }));
        }
        certificate.keep(work, &agent, caller.now).await?;
        Ok(Ok(Came::Again(parsed(&agent)?)))
    }

    async fn wait(
        &self,
        work: &mut Work<'_>,
        caller: &Caller,
        token: &Found,
        why: Waiting,
    ) -> Result<Outcome<Came>, StoreError> {
        if !self.take(work, caller, token).await? {
            return Ok(Err(EnrolRefusal::Used));
        }
        let until = later(caller.now, self.limits.pending);
        self.note(work, caller, token, (&self.id.to_string(), Some(why)), until, None).await?;
        Ok(Ok(Came::Waiting { id: self.id, why, until }))
    }

    async fn enrol(
        &self,
        work: &mut Work<'_>,
        caller: &Caller,
        token: &Found,
        new: bool,
    ) -> Result<Outcome<Came>, StoreError> {
        let Attempt { name, credentials, .. } = &self.attempt;
        let enrol = Enrol {
            caller: caller.clone(),
            name: name.clone(),
            capabilities: capabilities(work, &token.id).await?,
            certificate: credentials.certificate.clone(),
            id: self.agent,
        };
        // Looked at before, in this transaction.
        let Ok(id) = enrol.enrol(work).await? else { return Ok(Err(EnrolRefusal::Taken)) };
        let agent = id.to_string();
        self.let_in(work, token, &agent).await?;
        sqlx::query("UPDATE agents SET machine_uid = $2 WHERE id = $1")
            .bind(agent.as_str())
            .bind(self.machine().map(MachineUid::as_str))
            .execute(work.db())
            .await?;
        if let Some(key) = &credentials.key {
            sqlx::query("INSERT INTO agent_keys (digest, agent_id, created_at) VALUES ($1, $2, $3)")
                .bind(key.as_bytes().as_slice())
                .bind(agent.as_str())
                .bind(micros(caller.now))
                .execute(work.db())
                .await?;
        }
        let until = token.facts.expires_at;
        self.note(work, caller, token, (&self.id.to_string(), None), until, Some(&agent)).await?;
        Ok(Ok(Came::Enrolled { id, new }))
    }

    /// Remembers who made the token, and who said yes to whoever came with it.
    async fn let_in(&self, work: &mut Work<'_>, token: &Found, agent: &str) -> Result<(), StoreError> {
        let found: Vec<String> = sqlx::query_scalar(
            "SELECT people FROM enrolment_tokens WHERE id = $1
             UNION ALL SELECT people FROM enrolments WHERE token_id = $1 AND binding = $2",
        )
        .bind(token.id.as_str())
        .bind(self.attempt.binding.as_slice())
        .fetch_all(work.db())
        .await?;
        people::let_in(work, agent, found.iter().flat_map(|people| people::read(people)).collect()).await
    }

    /// Notes a use of the token: that it waits, or the agent that it came to.
    async fn note(
        &self,
        work: &mut Work<'_>,
        caller: &Caller,
        token: &Found,
        (id, why): (&str, Option<Waiting>),
        until: Timestamp,
        agent: Option<&str>,
    ) -> Result<(), StoreError> {
        let Attempt { name, binding, credentials, .. } = &self.attempt;
        let state = if agent.is_some() { "done" } else { "waiting" };
        sqlx::query(
            "INSERT INTO enrolments (id, tenant, token_id, binding, label, machine_uid, address, reason, state,
               created_at, until, agent_id, at, certificate)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $10, $13)
             ON CONFLICT (token_id, binding) DO UPDATE SET
               id = CASE WHEN enrolments.state = 'done' THEN excluded.id ELSE enrolments.id END,
               state = excluded.state, reason = excluded.reason,
               until = excluded.until, agent_id = excluded.agent_id, at = excluded.at,
               certificate = excluded.certificate",
        )
        .bind(id)
        .bind(caller.tenant.as_str())
        .bind(token.id.as_str())
        .bind(binding.as_slice())
        .bind(name.label())
        .bind(self.machine().map(MachineUid::as_str))
        .bind(caller.address.as_deref().unwrap_or_default())
        .bind(why.map(Waiting::as_str))
        .bind(state)
        .bind(micros(caller.now))
        .bind(micros(until))
        .bind(agent)
        .bind(i64::from(credentials.certificate.is_some()))
        .execute(work.db())
        .await?;
        Ok(())
    }
}

impl Store {
    /// Uses a token: see [`decide`]. What was made for the agent counts only if it is [`Came::Enrolled`], and of
    /// [`Came::Again`] the certificate.
    ///
    /// # Errors
    /// Those of the database. Refused as [`decide`] says.
    pub async fn redeem_enrolment(
        &self,
        caller: Caller,
        attempt: Attempt,
        limits: EnrolmentLimits,
    ) -> Result<Outcome<Came>, StoreError> {
        let (agent, id) = (AgentId::new(caller.now, &random()), EnrolmentId::new(caller.now, &random()));
        self.change(Redeem { caller, attempt, limits, agent, id }).await
    }
}
