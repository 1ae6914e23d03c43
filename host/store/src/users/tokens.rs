//! API tokens.

use jiff::Timestamp;
use waystation_core::access::Scope;
use waystation_core::id::{ApiTokenId, UserId};
use waystation_core::name::{TenantName, TokenName, UserName};
use waystation_core::user::{MAX_TOKENS, TokenRecord, UserRefusal};

use super::people::find;
use super::{Outcome, word};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{from_json, micros, parsed, random, time, to_json};
use crate::store::Store;
use crate::tickets::Caller;

/// A token to make.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Whose.
    pub user: UserName,
    /// What it is called.
    pub name: TokenName,
    /// What it may be used for.
    pub scope: Scope,
    /// SHA-256 of it.
    pub digest: [u8; 32],
    /// Until when.
    pub expires_at: Timestamp,
}

struct Add {
    caller: Caller,
    id: ApiTokenId,
    new: NewToken,
}

impl Change for Add {
    type Answer = Outcome<TokenRecord>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.add(work).await?;
        self.caller.note(work, "token.add", format!("{}/{}", self.new.user, self.new.name), word(&done));
        Ok(done)
    }
}

impl Add {
    async fn add(&self, work: &mut Work<'_>) -> Result<Outcome<TokenRecord>, StoreError> {
        let Self { caller, id, new } = self;
        let Some(user) = find(work.db(), &caller.tenant, &new.user).await? else {
            return Ok(Err(UserRefusal::NoUser));
        };
        // What is over does not count, and does not keep its name.
        sqlx::query("DELETE FROM api_tokens WHERE user_id = $1 AND expires_at <= $2")
            .bind(user.id.to_string())
            .bind(micros(caller.now))
            .execute(work.db())
            .await?;
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM api_tokens WHERE user_id = $1")
            .bind(user.id.to_string())
            .fetch_one(work.db())
            .await?;
        if count >= i64::from(MAX_TOKENS) {
            return Ok(Err(UserRefusal::TooManyTokens));
        }
        let added = sqlx::query(
            "INSERT INTO api_tokens (id, digest, user_id, name, scope, created_at, created_by, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        )
        .bind(id.to_string())
        .bind(new.digest.as_slice())
        .bind(user.id.to_string())
        .bind(new.name.as_str())
        .bind(to_json(&new.scope)?)
        .bind(micros(caller.now))
        .bind(caller.actor.as_str())
        .bind(micros(new.expires_at))
        .execute(work.db())
        .await?;
        if added.rows_affected() == 0 {
            return Ok(Err(UserRefusal::TokenTaken));
        }
        Ok(Ok(TokenRecord {
            id: *id,
            user: new.user.clone(),
            name: new.name.clone(),
            scope: new.scope.clone(),
            fingerprint: fingerprint(&new.digest),
            created_at: caller.now,
            expires_at: new.expires_at,
            used_at: None,
        }))
    }
}

fn fingerprint(digest: &[u8]) -> String {
    digest.iter().take(3).map(|byte| format!("{byte:02x}")).collect()
}

struct Remove {
    caller: Caller,
    id: ApiTokenId,
    /// None for anybody's.
    of: Option<UserId>,
}

impl Change for Remove {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, id, of } = self;
        let gone = sqlx::query(
            "DELETE FROM api_tokens WHERE id = $1 AND ($2 = '' OR user_id = $2)
               AND user_id IN (SELECT id FROM users WHERE tenant = $3)",
        )
        .bind(id.to_string())
        .bind(of.map(|user| user.to_string()).unwrap_or_default())
        .bind(caller.tenant.as_str())
        .execute(work.db())
        .await?;
        let done = if gone.rows_affected() == 0 { Err(UserRefusal::NoToken) } else { Ok(()) };
        caller.note(work, "token.remove", id.to_string(), word(&done));
        Ok(done)
    }
}

/// Notes that a token was used.
pub(super) struct Used {
    pub(super) token: ApiTokenId,
    pub(super) now: Timestamp,
}

impl Change for Used {
    type Answer = ();

    async fn apply(&self, work: &mut Work<'_>) -> Result<(), StoreError> {
        sqlx::query("UPDATE api_tokens SET used_at = $2 WHERE id = $1")
            .bind(self.token.to_string())
            .bind(micros(self.now))
            .execute(work.db())
            .await?;
        Ok(())
    }
}

type TokenColumns = (String, String, String, String, Vec<u8>, i64, i64, Option<i64>);

impl Store {
    /// Keeps a new token.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoUser`, `TokenTaken`, `TooManyTokens`.
    pub async fn add_token(&self, caller: Caller, new: NewToken) -> Result<Outcome<TokenRecord>, StoreError> {
        let id = ApiTokenId::new(caller.now, &random());
        self.change(Add { caller, id, new }).await
    }

    /// Takes a token back: one of this user's, or anybody's.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoToken`.
    pub async fn remove_token(
        &self,
        caller: Caller,
        id: ApiTokenId,
        of: Option<UserId>,
    ) -> Result<Outcome<()>, StoreError> {
        self.change(Remove { caller, id, of }).await
    }

    /// Tokens that are not over, by id: of one user, or of all; after this one, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn tokens(
        &self,
        tenant: &TenantName,
        of: Option<UserId>,
        (after, limit): (Option<ApiTokenId>, u32),
        now: Timestamp,
    ) -> Result<Vec<TokenRecord>, StoreError> {
        let found: Vec<TokenColumns> = sqlx::query_as(
            "SELECT t.id, u.name, t.name, t.scope, t.digest, t.created_at, t.expires_at, t.used_at
             FROM api_tokens t JOIN users u ON u.id = t.user_id
             WHERE u.tenant = $1 AND ($2 = '' OR u.id = $2) AND t.id > $3 AND t.expires_at > $4
             ORDER BY t.id LIMIT $5",
        )
        .bind(tenant.as_str())
        .bind(of.map(|user| user.to_string()).unwrap_or_default())
        .bind(after.map(|id| id.to_string()).unwrap_or_default())
        .bind(micros(now))
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await?;
        let record = |columns: TokenColumns| {
            let (id, user, name, scope, digest, created_at, expires_at, used_at) = columns;
            Ok(TokenRecord {
                id: parsed(&id)?,
                user: parsed(&user)?,
                name: parsed(&name)?,
                scope: from_json(&scope)?,
                fingerprint: fingerprint(&digest),
                created_at: time(created_at)?,
                expires_at: time(expires_at)?,
                used_at: used_at.map(time).transpose()?,
            })
        };
        found.into_iter().map(record).collect()
    }
}
