//! Agents: enrolled, given capabilities, revoked.

use std::collections::BTreeSet;

use jiff::Timestamp;
use waystation_core::agent::AgentName;
use waystation_core::id::AgentId;
use waystation_core::machine_uid::MachineUid;
use waystation_core::name::TenantName;
use waystation_core::ticket::{Capability, EndReason, Refusal};

use super::caller::Caller;
use super::ending::{Ending, Which};
use super::facts::{enrolled, known, named};
use super::people;
use super::{Bell, Outcome};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{micros, parsed, random, time};
use crate::store::Store;

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Which stays, whatever it is called.
    pub id: AgentId,
    /// What it is called.
    pub name: AgentName,
    /// Since when, the last time.
    pub enrolled_at: Timestamp,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
    /// What it may do.
    pub capabilities: BTreeSet<Capability>,
    /// On which machine it said to be when it enrolled.
    pub machine: Option<MachineUid>,
}

/// Who was revoked: the agent, and those that it had enrolled in its own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// The agent first.
    pub agents: Vec<AgentName>,
    /// How many sessions ended by it.
    pub sessions: u64,
}

/// A certificate that was issued to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// Its number, in the one spelling that certificates are compared by.
    pub serial: String,
    /// SHA-256 of it, in hex.
    pub fingerprint: String,
    /// Until when it is valid.
    pub expires_at: Timestamp,
}

/// A certificate that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedCertificate {
    /// Its number.
    pub serial: String,
    /// Since when.
    pub at: Timestamp,
    /// Whether that is because there is a newer one.
    pub superseded: bool,
}

impl IssuedCertificate {
    pub(super) async fn keep(
        &self,
        work: &mut Work<'_>,
        agent: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO certificates (serial, agent_id, fingerprint, issued_at, expires_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(self.serial.as_str())
        .bind(agent)
        .bind(self.fingerprint.as_str())
        .bind(micros(now))
        .bind(micros(self.expires_at))
        .execute(work.db())
        .await?;
        Ok(())
    }
}

pub(super) struct Enrol {
    pub(super) caller: Caller,
    pub(super) name: AgentName,
    pub(super) capabilities: BTreeSet<Capability>,
    pub(super) certificate: Option<IssuedCertificate>,
    pub(super) id: AgentId,
}

impl Change for Enrol {
    type Answer = Outcome<AgentId>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.enrol(work).await?;
        self.caller.record(work, "agent.enrol", self.name.to_string(), &done);
        Ok(done)
    }
}

impl Enrol {
    pub(super) async fn enrol(&self, work: &mut Work<'_>) -> Result<Outcome<AgentId>, StoreError> {
        let Self { caller, name, .. } = self;
        let delegator = match name {
            AgentName::Agent { .. } => None,
            AgentName::PluginAgent { delegator, .. } => {
                let delegator = AgentName::Agent { label: delegator.clone() };
                match enrolled(work, &caller.tenant, &delegator, None).await? {
                    Some(known) => Some(known.id),
                    None => return Ok(Err(Refusal::NoAgent)),
                }
            }
        };
        let id = match known(work, &caller.tenant, name, None).await? {
            Some(known) if !known.revoked => return Ok(Err(Refusal::AgentTaken)),
            Some(known) => {
                sqlx::query(
                    "UPDATE agents SET revoked_at = NULL, enrolled_at = $2, delegated_by = $3, people = '' WHERE id = $1",
                )
                .bind(known.id.as_str())
                .bind(micros(caller.now))
                .bind(delegator.as_deref())
                .execute(work.db())
                .await?;
                parsed(&known.id)?
            }
            None => {
                sqlx::query(
                    "INSERT INTO agents (id, tenant, label, delegated_by, enrolled_at) VALUES ($1, $2, $3, $4, $5)",
                )
                .bind(self.id.to_string())
                .bind(caller.tenant.as_str())
                .bind(name.label())
                .bind(delegator.as_deref())
                .bind(micros(caller.now))
                .execute(work.db())
                .await?;
                self.id
            }
        };
        let mut let_in = people::behind(work, caller.tenant.as_str(), &caller.actor).await?;
        if let Some(delegator) = &delegator {
            let theirs: String = sqlx::query_scalar("SELECT people FROM agents WHERE id = $1")
                .bind(delegator.as_str())
                .fetch_one(work.db())
                .await?;
            let_in.extend(people::read(&theirs));
        }
        people::let_in(work, &id.to_string(), let_in).await?;
        replace(work, &id.to_string(), &self.capabilities).await?;
        if let Some(certificate) = &self.certificate {
            certificate.keep(work, &id.to_string(), caller.now).await?;
        }
        Ok(Ok(id))
    }
}

/// Gives an agent these capabilities and no others.
async fn replace(
    work: &mut Work<'_>,
    agent: &str,
    capabilities: &BTreeSet<Capability>,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM agent_capabilities WHERE agent_id = $1").bind(agent).execute(work.db()).await?;
    for capability in capabilities {
        sqlx::query("INSERT INTO agent_capabilities (agent_id, capability) VALUES ($1, $2)")
            .bind(agent)
            .bind(capability.as_str())
            .execute(work.db())
            .await?;
    }
    Ok(())
}

struct Capabilities {
    caller: Caller,
    name: AgentName,
    capabilities: BTreeSet<Capability>,
}

impl Change for Capabilities {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.set(work).await?;
        self.caller.record(work, "agent.capabilities", self.name.to_string(), &done);
        Ok(done)
    }
}

impl Capabilities {
    async fn set(&self, work: &mut Work<'_>) -> Result<Outcome<()>, StoreError> {
        let Self { caller, name, capabilities } = self;
        let Some(agent) = enrolled(work, &caller.tenant, name, None).await? else {
            return Ok(Err(Refusal::NoAgent));
        };
        let before: Vec<String> =
            sqlx::query_scalar("SELECT capability FROM agent_capabilities WHERE agent_id = $1")
                .bind(agent.id.as_str())
                .fetch_all(work.db())
                .await?;
        replace(work, &agent.id, capabilities).await?;
        let ending = Ending {
            tenant: caller.tenant.as_str(),
            now: caller.now,
            reason: EndReason::CapabilityRemoved,
            by: &caller.actor,
        };
        let lost = before.iter().filter(|one| !capabilities.iter().any(|kept| kept.as_str() == one.as_str()));
        for capability in lost {
            for which in [Which::SourceCapability, Which::TargetCapability] {
                ending.all(work, which, (&agent.id, capability)).await?;
            }
        }
        Ok(Ok(()))
    }
}

struct Certify {
    caller: Caller,
    name: AgentName,
    certificate: IssuedCertificate,
}

impl Change for Certify {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, name, certificate } = self;
        let done = match enrolled(work, &caller.tenant, name, None).await? {
            Some(agent) => {
                // Whoever has a certificate of an agent is that agent.
                let people = people::behind(work, caller.tenant.as_str(), &caller.actor).await?;
                people::let_in(work, &agent.id, people).await?;
                Ok(certificate.keep(work, &agent.id, caller.now).await?)
            }
            None => Err(Refusal::NoAgent),
        };
        caller.record(work, "agent.certificate", format!("{name} {}", certificate.serial), &done);
        Ok(done)
    }
}

struct Revoke {
    caller: Caller,
    name: AgentName,
}

impl Change for Revoke {
    type Answer = Outcome<Revoked>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.revoke(work).await?;
        self.caller.record(work, "agent.revoke", self.name.to_string(), &done);
        Ok(done)
    }
}

impl Revoke {
    async fn revoke(&self, work: &mut Work<'_>) -> Result<Outcome<Revoked>, StoreError> {
        let Self { caller, name } = self;
        let Some(agent) = enrolled(work, &caller.tenant, name, None).await? else {
            return Ok(Err(Refusal::NoAgent));
        };
        let revoked: Vec<(String, String)> = sqlx::query_as(
            "UPDATE agents SET revoked_at = $2 WHERE (id = $1 OR delegated_by = $1) AND revoked_at IS NULL
             RETURNING id, label",
        )
        .bind(agent.id.as_str())
        .bind(micros(caller.now))
        .fetch_all(work.db())
        .await?;
        let (mut agents, mut sessions) = (Vec::with_capacity(revoked.len()), 0);
        for (id, label) in revoked {
            // Those that were renewed would end later.
            sqlx::query(
                "UPDATE certificates SET revoked_at = $2, reason = 'withdrawn'
                 WHERE agent_id = $1 AND (revoked_at IS NULL OR revoked_at > $2)",
            )
            .bind(id.as_str())
            .bind(micros(caller.now))
            .execute(work.db())
            .await?;
            for with_it in [
                "DELETE FROM agent_keys WHERE agent_id = $1",
                "DELETE FROM enrolment_tokens WHERE delegated_by = $1",
            ] {
                sqlx::query(with_it).bind(id.as_str()).execute(work.db()).await?;
            }
            for (which, reason) in
                [(Which::Source, EndReason::SourceRevoked), (Which::Target, EndReason::TargetRevoked)]
            {
                let (tenant, now) = (caller.tenant.as_str(), caller.now);
                let ending = Ending { tenant, now, reason, by: &caller.actor };
                sessions += ending.all(work, which, (&id, "")).await?;
            }
            work.ring(id, Bell::Revoked);
            agents.push(named(&label)?);
        }
        agents.sort_by_key(|one| (one != name, one.clone()));
        Ok(Ok(Revoked { agents, sessions }))
    }
}

impl Store {
    /// Enrols an agent under a name that nobody has, or that only a revoked agent has: then it is that agent again.
    ///
    /// # Errors
    /// Those of the database. Refused with `AgentTaken`; with `NoAgent` where the delegator is not enrolled.
    pub async fn enrol_agent(
        &self,
        caller: Caller,
        name: AgentName,
        capabilities: BTreeSet<Capability>,
        certificate: Option<IssuedCertificate>,
    ) -> Result<Outcome<AgentId>, StoreError> {
        let id = AgentId::new(caller.now, &random());
        self.change(Enrol { caller, name, capabilities, certificate, id }).await
    }

    /// Notes a further certificate of an agent.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoAgent`.
    pub async fn add_certificate(
        &self,
        caller: Caller,
        name: AgentName,
        certificate: IssuedCertificate,
    ) -> Result<Outcome<()>, StoreError> {
        self.change(Certify { caller, name, certificate }).await
    }

    /// Revoked certificates that have not expired yet, of all tenants, by number.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn revoked_certificates(&self, now: Timestamp) -> Result<Vec<RevokedCertificate>, StoreError> {
        let found: Vec<(String, i64, Option<String>)> = sqlx::query_as(
            "SELECT serial, revoked_at, reason FROM certificates
             WHERE revoked_at IS NOT NULL AND revoked_at <= $1 AND expires_at > $1 ORDER BY serial",
        )
        .bind(micros(now))
        .fetch_all(self.reader())
        .await?;
        let revoked = |(serial, at, reason): (String, i64, Option<String>)| {
            let superseded = reason.as_deref() == Some("superseded");
            Ok(RevokedCertificate { serial, at: time(at)?, superseded })
        };
        found.into_iter().map(revoked).collect()
    }

    /// Gives an agent these capabilities and no others. Tickets and sessions that need one that it lost end.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoAgent`.
    pub async fn set_capabilities(
        &self,
        caller: Caller,
        name: AgentName,
        capabilities: BTreeSet<Capability>,
    ) -> Result<Outcome<()>, StoreError> {
        self.change(Capabilities { caller, name, capabilities }).await
    }

    /// Revokes an agent, with those that it enrolled in its own name. Its tickets and sessions end.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoAgent`.
    pub async fn revoke_agent(
        &self,
        caller: Caller,
        name: AgentName,
    ) -> Result<Outcome<Revoked>, StoreError> {
        self.change(Revoke { caller, name }).await
    }

    /// The agent of a name, revoked or not.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn agent(&self, tenant: &TenantName, name: &AgentName) -> Result<Option<Agent>, StoreError> {
        let found: Option<AgentColumns> = sqlx::query_as(
            "SELECT id, label, enrolled_at, revoked_at, machine_uid FROM agents WHERE tenant = $1 AND label = $2",
        )
        .bind(tenant.as_str())
        .bind(name.label())
        .fetch_optional(self.reader())
        .await?;
        match found {
            Some(columns) => self.with_capabilities(columns).await.map(Some),
            None => Ok(None),
        }
    }

    /// Agents by label, after this one, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn agents(
        &self,
        tenant: &TenantName,
        after: Option<&AgentName>,
        limit: u32,
    ) -> Result<Vec<Agent>, StoreError> {
        let found: Vec<AgentColumns> = sqlx::query_as(
            "SELECT id, label, enrolled_at, revoked_at, machine_uid FROM agents WHERE tenant = $1 AND label > $2
             ORDER BY label LIMIT $3",
        )
        .bind(tenant.as_str())
        .bind(after.map(AgentName::label).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await?;
        let mut agents = Vec::with_capacity(found.len());
        for columns in found {
            agents.push(self.with_capabilities(columns).await?);
        }
        Ok(agents)
    }

    async fn with_capabilities(&self, columns: AgentColumns) -> Result<Agent, StoreError> {
        let (id, label, enrolled_at, revoked_at, machine) = columns;
        let capabilities: Vec<String> =
            sqlx::query_scalar("SELECT capability FROM agent_capabilities WHERE agent_id = $1")
                .bind(id.as_str())
                .fetch_all(self.reader())
                .await?;
        Ok(Agent {
            id: parsed(&id)?,
            name: named(&label)?,
            enrolled_at: time(enrolled_at)?,
            revoked_at: revoked_at.map(time).transpose()?,
            capabilities: capabilities.iter().map(|one| parsed(one)).collect::<Result<_, _>>()?,
            machine: machine.as_deref().map(parsed).transpose()?,
        })
    }
}

type AgentColumns = (String, String, i64, Option<i64>, Option<String>);
