//! Who users are at the providers that they log in at.

use jiff::Timestamp;
use waystation_core::id::{IdentityId, UserId};
use waystation_core::name::{ProviderName, TenantName, UserName};
use waystation_core::user::{Identity, MAX_IDENTITIES, Subject, UserRefusal};

use super::login::Ends;
use super::people::find;
use super::{Outcome, word};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{micros, parsed, random, time};
use crate::store::Store;
use crate::tickets::Caller;

/// Who somebody is at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdentity {
    /// The provider, as the configuration calls it.
    pub provider: ProviderName,
    /// As it calls itself.
    pub issuer: String,
    /// Who they are to it.
    pub subject: Subject,
}

impl NewIdentity {
    /// For the record.
    pub(super) fn told(&self) -> String {
        format!("{}/{}", self.provider, self.subject)
    }
}

/// Keeps one. False where somebody has it.
pub(super) async fn insert(
    work: &mut Work<'_>,
    caller: &Caller,
    (id, user): (IdentityId, UserId),
    new: &NewIdentity,
    joined: bool,
) -> Result<bool, StoreError> {
    let added = sqlx::query(
        "INSERT INTO user_identities (id, tenant, user_id, provider, issuer, subject, joined, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
    )
    .bind(id.to_string())
    .bind(caller.tenant.as_str())
    .bind(user.to_string())
    .bind(new.provider.as_str())
    .bind(new.issuer.as_str())
    .bind(new.subject.as_str())
    .bind(i64::from(joined))
    .bind(micros(caller.now))
    .bind(caller.actor.as_str())
    .execute(work.db())
    .await?;
    Ok(added.rows_affected() == 1)
}

struct Bind {
    caller: Caller,
    id: IdentityId,
    name: UserName,
    new: NewIdentity,
}

impl Change for Bind {
    type Answer = Outcome<Identity>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.bind(work).await?;
        self.caller.note(work, "identity.bind", format!("{} {}", self.name, self.new.told()), word(&done));
        Ok(done)
    }
}

impl Bind {
    async fn bind(&self, work: &mut Work<'_>) -> Result<Outcome<Identity>, StoreError> {
        let Self { caller, id, name, new } = self;
        let user = match find(work.db(), &caller.tenant, name).await? {
            None => return Ok(Err(UserRefusal::NoUser)),
            Some(user) if user.service => return Ok(Err(UserRefusal::Service)),
            Some(user) if user.identities >= MAX_IDENTITIES => {
                return Ok(Err(UserRefusal::TooManyIdentities));
            }
            Some(user) => user,
        };
        if !insert(work, caller, (*id, user.id), new, false).await? {
            return Ok(Err(UserRefusal::IdentityTaken));
        }
        let NewIdentity { provider, issuer, subject } = new.clone();
        let (created_at, used_at) = (caller.now, None);
        Ok(Ok(Identity { id: *id, provider, issuer, subject, joined: false, created_at, used_at }))
    }
}

struct Unbind {
    caller: Caller,
    name: UserName,
    id: IdentityId,
}

impl Change for Unbind {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.unbind(work).await?;
        let what = done.as_ref().map_or_else(|_| self.id.to_string(), Clone::clone);
        let done = done.map(drop);
        self.caller.note(work, "identity.unbind", format!("{} {what}", self.name), word(&done));
        Ok(done)
    }
}

impl Unbind {
    /// Gives which it was.
    async fn unbind(&self, work: &mut Work<'_>) -> Result<Outcome<String>, StoreError> {
        let Self { caller, name, id } = self;
        let Some(user) = find(work.db(), &caller.tenant, name).await? else {
            return Ok(Err(UserRefusal::NoUser));
        };
        let gone: Option<(String, String)> = sqlx::query_as(
            "DELETE FROM user_identities WHERE id = $1 AND user_id = $2 AND tenant = $3 RETURNING provider, subject",
        )
        .bind(id.to_string())
        .bind(user.id.to_string())
        .bind(caller.tenant.as_str())
        .fetch_optional(work.db())
        .await?;
        let Some((provider, subject)) = gone else { return Ok(Err(UserRefusal::NoIdentity)) };
        // With it goes what it opened, also for devices that were let in by it.
        sqlx::query("UPDATE logins SET ended_at = $2, reason = $3 WHERE identity = $1 AND ended_at IS NULL")
            .bind(id.to_string())
            .bind(micros(caller.now))
            .bind(Ends::Identity.as_str())
            .execute(work.db())
            .await?;
        sqlx::query("DELETE FROM device_logins WHERE identity = $1 AND state = 'approved'")
            .bind(id.to_string())
            .execute(work.db())
            .await?;
        Ok(Ok(format!("{provider}/{subject}")))
    }
}

type IdentityColumns = (String, String, String, String, i64, i64, Option<i64>);

impl Store {
    /// Lets somebody log in as this user whom a provider vouches for.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoUser`, `Service`, `IdentityTaken`, `TooManyIdentities`.
    pub async fn bind_identity(
        &self,
        caller: Caller,
        name: UserName,
        new: NewIdentity,
    ) -> Result<Outcome<Identity>, StoreError> {
        let id = IdentityId::new(caller.now, &random());
        self.change(Bind { caller, id, name, new }).await
    }

    /// Takes that back: the logins that came by it end.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoUser`, `NoIdentity`.
    pub async fn unbind_identity(
        &self,
        caller: Caller,
        name: UserName,
        id: IdentityId,
    ) -> Result<Outcome<()>, StoreError> {
        self.change(Unbind { caller, name, id }).await
    }

    /// Who a user is at providers, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn identities(&self, tenant: &TenantName, user: UserId) -> Result<Vec<Identity>, StoreError> {
        let found: Vec<IdentityColumns> = sqlx::query_as(
            "SELECT id, provider, issuer, subject, joined, created_at, used_at FROM user_identities
             WHERE tenant = $1 AND user_id = $2 ORDER BY id",
        )
        .bind(tenant.as_str())
        .bind(user.to_string())
        .fetch_all(self.reader())
        .await?;
        let identity = |columns: IdentityColumns| {
            let (id, provider, issuer, subject, joined, created_at, used_at) = columns;
            let used_at: Option<Timestamp> = used_at.map(time).transpose()?;
            Ok(Identity {
                id: parsed(&id)?,
                provider: parsed(&provider)?,
                issuer,
                subject: parsed(&subject)?,
                joined: joined == 1,
                created_at: time(created_at)?,
                used_at,
            })
        };
        found.into_iter().map(identity).collect()
    }
}
