//! Links that are used once: to become owner, and to choose a password.

use std::time::Duration;

use jiff::Timestamp;
use waystation_core::id::{LoginId, UserId};
use waystation_core::name::{TenantName, UserName};
use waystation_core::user::UserRefusal;
use waystation_identity::{IdentityError, LINK_LIFE, LinkToken, RefreshToken};

use super::login::{Ends, Fresh, NewLogin, end_logins, forget_attempts};
use super::people::{self, NewUser, OWNER, find, insert};
use super::{Outcome, word};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{micros, parsed, random, time};
use crate::store::Store;
use crate::tickets::Caller;

/// What a link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Welcome {
    /// To become owner, under a name of one's own choice.
    Owner,
    /// To choose a password, for this user.
    Password(UserName),
}

pub(super) struct Make {
    pub(super) caller: Caller,
    pub(super) token: LinkToken,
    /// None for an owner.
    pub(super) of: Option<UserName>,
}

impl Change for Make {
    type Answer = Outcome<Timestamp>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.make(work).await?;
        let target = self.of.as_ref().map_or(OWNER, UserName::as_str);
        self.caller.note(work, "link.make", target, word(&done));
        Ok(done)
    }
}

impl Make {
    pub(super) async fn make(&self, work: &mut Work<'_>) -> Result<Outcome<Timestamp>, StoreError> {
        let Self { caller, token, of } = self;
        let user = match of {
            None => None,
            Some(name) => match find(work.db(), &caller.tenant, name).await? {
                None => return Ok(Err(UserRefusal::NoUser)),
                Some(user) if user.service => return Ok(Err(UserRefusal::Service)),
                Some(user) => Some(user.id.to_string()),
            },
        };
        // In place of the one before.
        let before = match &user {
            Some(user) => sqlx::query("DELETE FROM links WHERE user_id = $1").bind(user.as_str()),
            None => sqlx::query("DELETE FROM links WHERE tenant = $1 AND user_id IS NULL")
                .bind(caller.tenant.as_str()),
        };
        before.execute(work.db()).await?;
        let expires_at = waystation_core::time::later(caller.now, LINK_LIFE);
        sqlx::query(
            "INSERT INTO links (digest, tenant, user_id, expires_at, used) VALUES ($1, $2, $3, $4, 0)",
        )
        .bind(token.digest().as_bytes().as_slice())
        .bind(caller.tenant.as_str())
        .bind(user)
        .bind(micros(expires_at))
        .execute(work.db())
        .await?;
        Ok(Ok(expires_at))
    }
}

type LinkColumns = (String, Option<String>, i64, i64, Option<String>, Option<i64>);

/// What is kept of a link: the tenant, the user's id and name, and whether it can be used.
struct Kept {
    tenant: TenantName,
    user: Option<(UserId, UserName)>,
    good: bool,
}

fn kept(columns: LinkColumns, now: Timestamp) -> Result<Kept, StoreError> {
    let (tenant, user, expires_at, used, name, locked) = columns;
    let good = used == 0 && time(expires_at)? > now && locked.is_none();
    let user = match (user, name) {
        (Some(user), Some(name)) => Some((parsed(&user)?, parsed(&name)?)),
        _ => None,
    };
    Ok(Kept { tenant: parsed(&tenant)?, user, good })
}

const FIND: &str = "SELECT k.tenant, k.user_id, k.expires_at, k.used, u.name, u.locked_at
    FROM links k LEFT JOIN users u ON u.id = k.user_id WHERE k.digest = $1";

struct Redeem {
    caller: Caller,
    token: LinkToken,
    /// What the owner wants to be called; what a user is called is known.
    name: Option<UserName>,
    password: String,
    id: UserId,
    new: NewLogin,
}

impl Change for Redeem {
    type Answer = Result<(TenantName, Fresh), IdentityError>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, token, name, password, id, new } = self;
        let digest = token.digest();
        let found: Option<LinkColumns> =
            sqlx::query_as(FIND).bind(digest.as_bytes().as_slice()).fetch_optional(work.db()).await?;
        let link = found.map(|columns| kept(columns, caller.now)).transpose()?.filter(|link| link.good);
        let Some(link) = link else { return Ok(Err(IdentityError::Gone)) };
        let caller = Caller { tenant: link.tenant.clone(), ..caller.clone() };
        let (user, called) = match (link.user, name) {
            (Some((user, called)), _) => (user, called),
            (None, Some(name)) => {
                if people::has_owner(work.db(), &link.tenant).await? {
                    return Ok(Err(IdentityError::OwnerExists));
                }
                let roles = [parsed(OWNER)?].into();
                let owner = NewUser { name: name.clone(), service: false, roles };
                if insert(work, &caller, *id, &owner).await?.is_err() {
                    // Somebody of that name is there, but no owner: they are added by nobody yet.
                    return Ok(Err(IdentityError::NameTaken));
                }
                (*id, name.clone())
            }
            (None, None) => return Ok(Err(IdentityError::Form("a name for the owner"))),
        };
        sqlx::query("UPDATE links SET used = 1 WHERE digest = $1")
            .bind(digest.as_bytes().as_slice())
            .execute(work.db())
            .await?;
        sqlx::query("UPDATE users SET password = $2 WHERE id = $1")
            .bind(user.to_string())
            .bind(password.as_str())
            .execute(work.db())
            .await?;
        // Whoever was locked for guessing is let in by what they have.
        forget_attempts(work, &caller.tenant, &called).await?;
        end_logins(work, user, None, Ends::Password, caller.now).await?;
        let caller = Caller { actor: format!("user:{called}"), ..caller };
        caller.note(work, "link.use", called.as_str(), "ok");
        // Somebody with a second factor has to show it: then the password is set, and they log in with both.
        let second: i64 = sqlx::query_scalar("SELECT totp_confirmed FROM users WHERE id = $1")
            .bind(user.to_string())
            .fetch_one(work.db())
            .await?;
        if second == 1 {
            return Ok(Err(IdentityError::SecondFactor));
        }
        let fresh = new.begin(work, &caller, user).await?;
        Ok(Ok((link.tenant, fresh)))
    }
}

impl Store {
    /// Keeps a link to become owner, in place of the one before. Gives until when it can be used.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn make_owner_link(
        &self,
        caller: Caller,
        token: LinkToken,
    ) -> Result<Outcome<Timestamp>, StoreError> {
        self.change(Make { caller, token, of: None }).await
    }

    /// Keeps a link with which a user chooses a password, in place of the one before.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoUser`, `Service`.
    pub async fn make_password_link(
        &self,
        caller: Caller,
        token: LinkToken,
        of: UserName,
    ) -> Result<Outcome<Timestamp>, StoreError> {
        self.change(Make { caller, token, of: Some(of) }).await
    }

    /// What a link is for, if it can be used.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn link(&self, token: &LinkToken, now: Timestamp) -> Result<Option<Welcome>, StoreError> {
        let found: Option<LinkColumns> = sqlx::query_as(FIND)
            .bind(token.digest().as_bytes().as_slice())
            .fetch_optional(self.reader())
            .await?;
        let link = found.map(|columns| kept(columns, now)).transpose()?.filter(|link| link.good);
        Ok(link.map(|link| link.user.map_or(Welcome::Owner, |(_, name)| Welcome::Password(name))))
    }

    /// Uses a link: somebody becomes owner, or chooses a password (then their logins end), and is logged in.
    ///
    /// # Errors
    /// Those of the database. Refused with `Gone`, `OwnerExists`, `NameTaken`; with `SecondFactor` when the password is
    /// set and they have to log in with it and their second factor.
    pub async fn redeem_link(
        &self,
        caller: Caller,
        token: LinkToken,
        (name, password): (Option<UserName>, String),
        (refresh, client, life): (RefreshToken, Option<String>, Duration),
    ) -> Result<Result<(TenantName, Fresh), IdentityError>, StoreError> {
        let id = people::new_id(caller.now);
        let login = LoginId::new(caller.now, &random());
        let new = NewLogin { id: login, refresh, client, method: "link".into(), identity: None, life };
        self.change(Redeem { caller, token, name, password, id, new }).await
    }
}
