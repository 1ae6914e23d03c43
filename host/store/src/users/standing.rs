//! Who somebody is, when they show what they were given: looked up each time, so that what is taken back is gone.

use std::sync::LazyLock;

use jiff::Timestamp;
use sqlx::AnyConnection;
use waystation_core::access::{Role, RoleName, Scope, built_in_roles};
use waystation_core::id::{ApiTokenId, LoginId, UserId};
use waystation_core::name::{TenantName, TokenName, UserName};
use waystation_core::time::later;

use crate::error::StoreError;
use crate::row::{from_json, micros, parsed, time};
use crate::store::Store;

/// Between two notes of when a token was used.
const NOTE: std::time::Duration = std::time::Duration::from_secs(60);

/// The roles that are in the program.
pub(super) static BUILT_IN: LazyLock<Vec<Role>> = LazyLock::new(built_in_roles);

/// Who somebody is now, and what they have.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Whose.
    pub tenant: TenantName,
    /// The user.
    pub user: UserId,
    /// What they are called.
    pub name: UserName,
    /// The roles that they have.
    pub roles: Vec<Role>,
    /// The login, where it is one that they act with.
    pub login: Option<LoginId>,
    /// The token, where it is one.
    pub token: Option<(TokenName, Scope)>,
}

/// The roles of a user, as they are now. One that there is not any more allows nothing.
pub(crate) async fn roles_of(
    db: &mut AnyConnection,
    tenant: &str,
    user: &str,
) -> Result<Vec<Role>, StoreError> {
    let found: Vec<(String, Option<String>, Option<String>)> = sqlx::query_as(
        "SELECT r.role, d.about, d.grants FROM user_roles r
         LEFT JOIN roles d ON d.tenant = $1 AND d.name = r.role WHERE r.user_id = $2 ORDER BY r.role",
    )
    .bind(tenant)
    .bind(user)
    .fetch_all(db)
    .await?;
    let mut roles = Vec::with_capacity(found.len());
    for (name, about, grants) in found {
        let name: RoleName = parsed(&name)?;
        if let Some(role) = BUILT_IN.iter().find(|role| role.name == name) {
            roles.push(role.clone());
        } else if let (Some(about), Some(grants)) = (about, grants) {
            roles.push(Role { name, about, grants: from_json(&grants)? });
        }
    }
    Ok(roles)
}

type TokenColumns = (String, String, String, String, String, String, Option<i64>);

impl Store {
    /// Who a login is of, while it goes on, is not over, and its user is not locked out.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn login_standing(
        &self,
        tenant: &TenantName,
        (user, login): (UserId, LoginId),
        now: Timestamp,
    ) -> Result<Option<Standing>, StoreError> {
        let mut db = self.reader().acquire().await?;
        let name: Option<String> = sqlx::query_scalar(
            "SELECT u.name FROM logins l JOIN users u ON u.id = l.user_id
             WHERE l.id = $1 AND u.id = $2 AND u.tenant = $3 AND l.ended_at IS NULL AND u.locked_at IS NULL
               AND l.expires_at > $4",
        )
        .bind(login.to_string())
        .bind(user.to_string())
        .bind(tenant.as_str())
        .bind(micros(now))
        .fetch_optional(&mut *db)
        .await?;
        let Some(name) = name else { return Ok(None) };
        let roles = roles_of(&mut db, tenant.as_str(), &user.to_string()).await?;
        let (tenant, name) = (tenant.clone(), parsed(&name)?);
        Ok(Some(Standing { tenant, user, name, roles, login: Some(login), token: None }))
    }

    /// Who the API token of this digest speaks for, while it holds and its user is not locked out. That it was used is
    /// noted at most once a minute.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn token_standing(
        &self,
        digest: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Standing>, StoreError> {
        let mut db = self.reader().acquire().await?;
        let found: Option<TokenColumns> = sqlx::query_as(
            "SELECT t.id, t.name, t.scope, u.id, u.tenant, u.name, t.used_at
             FROM api_tokens t JOIN users u ON u.id = t.user_id
             WHERE t.digest = $1 AND t.expires_at > $2 AND u.locked_at IS NULL",
        )
        .bind(digest.as_slice())
        .bind(micros(now))
        .fetch_optional(&mut *db)
        .await?;
        let Some((id, token, scope, user, tenant, name, used)) = found else { return Ok(None) };
        let roles = roles_of(&mut db, &tenant, &user).await?;
        drop(db);
        let used = used.map(time).transpose()?;
        if used.is_none_or(|used| later(used, NOTE) <= now) {
            self.note_use(parsed(&id)?, now).await;
        }
        let token = Some((parsed(&token)?, from_json(&scope)?));
        let (tenant, user, name) = (parsed(&tenant)?, parsed(&user)?, parsed(&name)?);
        Ok(Some(Standing { tenant, user, name, roles, login: None, token }))
    }

    /// Only a note: who comes with a good token is not refused because it cannot be made.
    async fn note_use(&self, token: ApiTokenId, now: Timestamp) {
        if let Err(e) = self.change(super::tokens::Used { token, now }).await {
            tracing::debug!(code = e.code(), "when a token was used is not noted");
        }
    }

    /// The roles of a user, as they are now.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn standing_of(
        &self,
        tenant: &TenantName,
        name: &UserName,
    ) -> Result<Option<Standing>, StoreError> {
        let mut db = self.reader().acquire().await?;
        let found: Option<String> =
            sqlx::query_scalar("SELECT id FROM users WHERE tenant = $1 AND name = $2")
                .bind(tenant.as_str())
                .bind(name.as_str())
                .fetch_optional(&mut *db)
                .await?;
        let Some(id) = found else { return Ok(None) };
        let roles = roles_of(&mut db, tenant.as_str(), &id).await?;
        let (user, tenant, name) = (parsed(&id)?, tenant.clone(), name.clone());
        Ok(Some(Standing { tenant, user, name, roles, login: None, token: None }))
    }
}
