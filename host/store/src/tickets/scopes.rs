//! Scopes: registered, updated in place, removed.

use jiff::Timestamp;
use waystation_core::name::TenantName;
use waystation_core::ticket::{EndReason, Refusal, ScopeName, ScopeSpec, SubScope};

use super::Outcome;
use super::approval;
use super::caller::Caller;
use super::ending::{Ending, Which};
use super::people;
use super::tally::Tally;
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{clean, count, from_json, micros, parsed, time, to_json};
use crate::store::Store;

/// A scope as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredScope {
    /// As it was written last.
    pub spec: ScopeSpec,
    /// Since when.
    pub registered_at: Timestamp,
    /// When it was written last.
    pub updated_at: Timestamp,
}

struct Register {
    caller: Caller,
    spec: ScopeSpec,
    /// Whether the scope is there already.
    update: bool,
}

impl Change for Register {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.register(work).await?;
        let action = if self.update { "scope.update" } else { "scope.register" };
        self.caller.record(work, action, self.spec.name.as_str(), &done);
        Ok(done)
    }
}

impl Register {
    async fn register(&self, work: &mut Work<'_>) -> Result<Outcome<()>, StoreError> {
        let Self { caller, spec, update } = self;
        let there: Option<i64> =
            sqlx::query_scalar("SELECT registered_at FROM scopes WHERE tenant = $1 AND name = $2")
                .bind(caller.tenant.as_str())
                .bind(spec.name.as_str())
                .fetch_optional(work.db())
                .await?;
        match (there, update) {
            (Some(_), false) => return Ok(Err(Refusal::ScopeTaken)),
            (None, true) => return Ok(Err(Refusal::NoScope)),
            _ => {}
        }
        for sub in &spec.scopes {
            let owner: Option<String> =
                sqlx::query_scalar("SELECT scope FROM sub_scopes WHERE tenant = $1 AND name = $2")
                    .bind(caller.tenant.as_str())
                    .bind(sub.name.as_str())
                    .fetch_optional(work.db())
                    .await?;
            if owner.is_some_and(|owner| owner != spec.name.as_str()) {
                return Ok(Err(Refusal::SubScopeTaken));
            }
        }
        // What people look at, or said yes to, is the scope as it was.
        if *update {
            approval::end_of_scope(work, caller, &spec.name).await?;
        }
        let people = people::behind(work, caller.tenant.as_str(), &caller.actor).await?;
        sqlx::query(
            "INSERT INTO scopes (tenant, name, version, description, transport, registered_at, updated_at, approval,
               people)
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8) ON CONFLICT (tenant, name) DO UPDATE SET
               version = excluded.version, description = excluded.description,
               transport = excluded.transport, updated_at = excluded.updated_at,
               approval = excluded.approval, people = excluded.people",
        )
        .bind(caller.tenant.as_str())
        .bind(spec.name.as_str())
        .bind(clean(&spec.version))
        .bind(clean(&spec.description))
        .bind(to_json(&spec.transport)?)
        .bind(micros(caller.now))
        .bind(spec.approval.as_ref().map(to_json).transpose()?)
        .bind(people::column(&people))
        .execute(work.db())
        .await?;
        for name in sub_scopes(work, &caller.tenant, &spec.name).await? {
            if !spec.scopes.iter().any(|sub| sub.name.as_str() == name) {
                remove_sub_scope(work, caller, &name).await?;
            }
        }
        for (position, sub) in spec.scopes.iter().enumerate() {
            sqlx::query(
                "INSERT INTO sub_scopes (tenant, name, scope, position, description, instance_scoped)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, name) DO UPDATE SET
                   position = excluded.position, description = excluded.description,
                   instance_scoped = excluded.instance_scoped",
            )
            .bind(caller.tenant.as_str())
            .bind(sub.name.as_str())
            .bind(spec.name.as_str())
            .bind(count(position))
            .bind(clean(&sub.description))
            .bind(i64::from(sub.instance_scoped))
            .execute(work.db())
            .await?;
        }
        Ok(Ok(()))
    }
}

async fn sub_scopes(
    work: &mut Work<'_>,
    tenant: &TenantName,
    scope: &ScopeName,
) -> Result<Vec<String>, StoreError> {
    let found = sqlx::query_scalar("SELECT name FROM sub_scopes WHERE tenant = $1 AND scope = $2")
        .bind(tenant.as_str())
        .bind(scope.as_str())
        .fetch_all(work.db())
        .await?;
    Ok(found)
}

/// With all instances of it, their tickets and sessions.
async fn remove_sub_scope(work: &mut Work<'_>, caller: &Caller, name: &str) -> Result<(), StoreError> {
    let tenant = caller.tenant.as_str();
    let ending = Ending { tenant, now: caller.now, reason: EndReason::ScopeRemoved, by: &caller.actor };
    ending.all(work, Which::SubScope, (name, "")).await?;
    let gone = sqlx::query("DELETE FROM instances WHERE tenant = $1 AND scope = $2")
        .bind(tenant)
        .bind(name)
        .execute(work.db())
        .await?;
    Tally::Instances.give(work, tenant, gone.rows_affected());
    sqlx::query("DELETE FROM sub_scopes WHERE tenant = $1 AND name = $2")
        .bind(tenant)
        .bind(name)
        .execute(work.db())
        .await?;
    Ok(())
}

struct Remove {
    caller: Caller,
    name: ScopeName,
}

impl Change for Remove {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, name } = self;
        for sub in sub_scopes(work, &caller.tenant, name).await? {
            remove_sub_scope(work, caller, &sub).await?;
        }
        let gone = sqlx::query("DELETE FROM scopes WHERE tenant = $1 AND name = $2")
            .bind(caller.tenant.as_str())
            .bind(name.as_str())
            .execute(work.db())
            .await?;
        let done = if gone.rows_affected() == 0 { Err(Refusal::NoScope) } else { Ok(()) };
        caller.record(work, "scope.remove", name.as_str(), &done);
        Ok(done)
    }
}

impl Store {
    /// Registers a scope. Its sub-scopes are its own.
    ///
    /// # Errors
    /// Those of the database. Refused with `ScopeTaken` or `SubScopeTaken`.
    pub async fn register_scope(&self, caller: Caller, spec: ScopeSpec) -> Result<Outcome<()>, StoreError> {
        self.change(Register { caller, spec, update: false }).await
    }

    /// Writes a scope anew, in place: instances of sub-scopes that stay are not touched, those of sub-scopes that are
    /// no more go.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoScope` or `SubScopeTaken`.
    pub async fn update_scope(&self, caller: Caller, spec: ScopeSpec) -> Result<Outcome<()>, StoreError> {
        self.change(Register { caller, spec, update: true }).await
    }

    /// Removes a scope with its instances, their assignments, tickets and sessions.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoScope`.
    pub async fn remove_scope(&self, caller: Caller, name: ScopeName) -> Result<Outcome<()>, StoreError> {
        self.change(Remove { caller, name }).await
    }

    /// Scopes by name, after this one, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn scopes(
        &self,
        tenant: &TenantName,
        after: Option<&ScopeName>,
        limit: u32,
    ) -> Result<Vec<RegisteredScope>, StoreError> {
        type Columns = (String, String, String, String, i64, i64, Option<String>);
        let found: Vec<Columns> = sqlx::query_as(
            "SELECT name, version, description, transport, registered_at, updated_at, approval FROM scopes
             WHERE tenant = $1 AND name > $2 ORDER BY name LIMIT $3",
        )
        .bind(tenant.as_str())
        .bind(after.map_or("", ScopeName::as_str))
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await?;
        let mut scopes = Vec::with_capacity(found.len());
        for (name, version, description, transport, registered_at, updated_at, terms) in found {
            let subs: Vec<(String, String, i64)> = sqlx::query_as(
                "SELECT name, description, instance_scoped FROM sub_scopes WHERE tenant = $1 AND scope = $2
                 ORDER BY position",
            )
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_all(self.reader())
            .await?;
            let sub = |(name, description, scoped): (String, String, i64)| {
                Ok::<_, StoreError>(SubScope {
                    name: parsed(&name)?,
                    description,
                    instance_scoped: scoped != 0,
                })
            };
            let spec = ScopeSpec {
                name: parsed(&name)?,
                version,
                description,
                scopes: subs.into_iter().map(sub).collect::<Result<_, _>>()?,
                transport: from_json(&transport)?,
                approval: terms.as_deref().map(from_json).transpose()?,
            };
            let (registered_at, updated_at) = (time(registered_at)?, time(updated_at)?);
            scopes.push(RegisteredScope { spec, registered_at, updated_at });
        }
        Ok(scopes)
    }
}
