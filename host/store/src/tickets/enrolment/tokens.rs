//! Tokens: made, listed without their text, deleted.

use std::collections::BTreeSet;

use jiff::Timestamp;
use waystation_core::agent::AgentName;
use waystation_core::enrolment::EnrolRefusal;
use waystation_core::id::EnrolmentId;
use waystation_core::name::TenantName;
use waystation_core::ticket::Capability;
use waystation_identity::{CredentialDigest, Enrolment};

use super::super::caller::Caller;
use super::super::facts::{enrolled, named};
use super::super::people;
use super::{Outcome, record_outcome};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{count, micros, parsed, random, time, unsigned};
use crate::store::Store;

/// A token to make.
#[derive(Debug, Clone)]
pub struct NewEnrolment {
    /// What to call the agent; without it, whoever comes says so.
    pub name: Option<AgentName>,
    /// What the agent may do.
    pub capabilities: BTreeSet<Capability>,
    /// How often it may be used, at least once.
    pub uses: u32,
    /// Until when.
    pub expires_at: Timestamp,
    /// Whether a person looks at who comes with it.
    pub approve: bool,
    /// Whether it takes the place of those that there are for the same name.
    pub replace: bool,
}

/// A token, as it is listed.
#[derive(Debug, Clone)]
pub struct EnrolmentToken {
    /// By which it is deleted.
    pub id: EnrolmentId,
    /// SHA-256 of it.
    pub digest: CredentialDigest<Enrolment>,
    /// What the agent is called, where that is said.
    pub name: Option<AgentName>,
    /// Whether an agent made it for another.
    pub delegated: bool,
    /// Whether a person looks at who comes with it.
    pub approve: bool,
    /// How often it may be used.
    pub uses: u32,
    /// How often it was.
    pub used: u32,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Until when it can be used.
    pub expires_at: Timestamp,
    /// What the agent may do.
    pub capabilities: BTreeSet<Capability>,
}

/// A token to put down, by whomever.
pub(super) struct Token<'a> {
    pub(super) caller: &'a Caller,
    pub(super) id: EnrolmentId,
    pub(super) digest: &'a CredentialDigest<Enrolment>,
    pub(super) new: &'a NewEnrolment,
    /// The row of the agent that makes it.
    pub(super) delegator: Option<&'a str>,
}

impl Token<'_> {
    pub(super) async fn put(&self, work: &mut Work<'_>) -> Result<Outcome<()>, StoreError> {
        let Self { caller, id, digest, new, delegator } = self;
        let tenant = caller.tenant.as_str();
        if let Some(name) = &new.name {
            if enrolled(work, &caller.tenant, name, None).await?.is_some() {
                return Ok(Err(EnrolRefusal::Taken));
            }
            if new.replace {
                sqlx::query("DELETE FROM enrolment_tokens WHERE tenant = $1 AND label = $2")
                    .bind(tenant)
                    .bind(name.label())
                    .execute(work.db())
                    .await?;
            }
        }
        let people = people::behind(work, tenant, &caller.actor).await?;
        sqlx::query(
            "INSERT INTO enrolment_tokens (id, tenant, digest, label, delegated_by, approve, uses, used, made_by,
               created_at, expires_at, people)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11)",
        )
        .bind(id.to_string())
        .bind(tenant)
        .bind(digest.as_bytes().as_slice())
        .bind(new.name.as_ref().map(AgentName::label))
        .bind(*delegator)
        .bind(i64::from(new.approve))
        .bind(i64::from(new.uses))
        .bind(caller.actor.as_str())
        .bind(micros(caller.now))
        .bind(micros(new.expires_at))
        .bind(people::column(&people))
        .execute(work.db())
        .await?;
        for capability in &new.capabilities {
            sqlx::query("INSERT INTO enrolment_capabilities (token_id, capability) VALUES ($1, $2)")
                .bind(id.to_string())
                .bind(capability.as_str())
                .execute(work.db())
                .await?;
        }
        Ok(Ok(()))
    }
}

/// How a token is called in the record.
pub(super) fn target(id: &str, name: Option<&AgentName>) -> String {
    format!("{id} {}", name.map_or_else(|| "any".to_owned(), ToString::to_string))
}

struct Make {
    caller: Caller,
    id: EnrolmentId,
    digest: CredentialDigest<Enrolment>,
    new: NewEnrolment,
}

impl Change for Make {
    type Answer = Outcome<EnrolmentId>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, id, digest, new } = self;
        let token = Token { caller, id: *id, digest, new, delegator: None };
        let done = token.put(work).await?.map(|()| *id);
        let target = target(&id.to_string(), new.name.as_ref());
        record_outcome(work, caller, "enrolment.invite", target, &done);
        Ok(done)
    }
}

/// Which token is meant.
enum Which {
    Id(EnrolmentId),
    Name(AgentName),
}

struct Delete {
    caller: Caller,
    which: Which,
}

impl Change for Delete {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, which } = self;
        let (text, what) = match which {
            Which::Id(id) => ("DELETE FROM enrolment_tokens WHERE tenant = $1 AND id = $2", id.to_string()),
            Which::Name(name) => {
                ("DELETE FROM enrolment_tokens WHERE tenant = $1 AND label = $2", name.label())
            }
        };
        let gone = sqlx::query(text)
            .bind(caller.tenant.as_str())
            .bind(what.as_str())
            .execute(work.db())
            .await?
            .rows_affected();
        let done = if gone > 0 { Ok(()) } else { Err(EnrolRefusal::NotFound) };
        record_outcome(work, caller, "enrolment.uninvite", what, &done);
        Ok(done)
    }
}

type TokenColumns = (String, Vec<u8>, Option<String>, Option<String>, i64, i64, i64, String, i64, i64);

impl Store {
    /// Makes a token, whose digest this is.
    ///
    /// # Errors
    /// Those of the database. Refused with `Taken` where an agent of that name is enrolled.
    pub async fn invite(
        &self,
        caller: Caller,
        digest: CredentialDigest<Enrolment>,
        new: NewEnrolment,
    ) -> Result<Outcome<EnrolmentId>, StoreError> {
        let id = EnrolmentId::new(caller.now, &random());
        self.change(Make { caller, id, digest, new }).await
    }

    /// Deletes a token: from now on nobody enrols with it, nor does who waits with it.
    ///
    /// # Errors
    /// Those of the database. Refused with `NotFound`.
    pub async fn uninvite(&self, caller: Caller, id: EnrolmentId) -> Result<Outcome<()>, StoreError> {
        self.change(Delete { caller, which: Which::Id(id) }).await
    }

    /// The same of all tokens for a name.
    ///
    /// # Errors
    /// As there.
    pub async fn uninvite_name(&self, caller: Caller, name: AgentName) -> Result<Outcome<()>, StoreError> {
        self.change(Delete { caller, which: Which::Name(name) }).await
    }

    /// Tokens in the order in which they were made, after this one, at most `limit`; used and expired ones for a while.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn invites(
        &self,
        tenant: &TenantName,
        after: Option<EnrolmentId>,
        limit: u32,
    ) -> Result<Vec<EnrolmentToken>, StoreError> {
        let found: Vec<TokenColumns> = sqlx::query_as(
            "SELECT id, digest, label, delegated_by, approve, uses, used, made_by, created_at, expires_at
             FROM enrolment_tokens WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3",
        )
        .bind(tenant.as_str())
        .bind(after.map(|id| id.to_string()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await?;
        let mut tokens = Vec::with_capacity(found.len());
        for columns in found {
            tokens.push(self.token(columns).await?);
        }
        Ok(tokens)
    }

    async fn token(&self, columns: TokenColumns) -> Result<EnrolmentToken, StoreError> {
        let (id, digest, label, delegated, approve, uses, used, made_by, created_at, expires_at) = columns;
        let capabilities: Vec<String> =
            sqlx::query_scalar("SELECT capability FROM enrolment_capabilities WHERE token_id = $1")
                .bind(id.as_str())
                .fetch_all(self.reader())
                .await?;
        let many = |number| Ok::<_, StoreError>(u32::try_from(unsigned(number)?).unwrap_or(u32::MAX));
        Ok(EnrolmentToken {
            id: parsed(&id)?,
            digest: CredentialDigest::from_bytes(&digest)
                .ok_or_else(|| StoreError::corrupt("a digest has another length"))?,
            name: label.as_deref().map(named).transpose()?,
            delegated: delegated.is_some(),
            approve: approve == count(1),
            uses: many(uses)?,
            used: many(used)?,
            made_by,
            created_at: time(created_at)?,
            expires_at: time(expires_at)?,
            capabilities: capabilities.iter().map(|one| parsed(one)).collect::<Result<_, _>>()?,
        })
    }
}
