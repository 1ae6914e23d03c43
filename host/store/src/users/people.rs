//! Users and services: added, given roles, locked out, removed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::AnyConnection;
use waystation_core::access::{MAX_ROLES, RoleName};
use waystation_core::id::UserId;
use waystation_core::name::{TenantName, UserName};
use waystation_core::user::{User, UserRefusal};

use super::login::{Ends, end_logins, forget_attempts};
use super::standing::BUILT_IN;
use super::{Outcome, word};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{micros, parsed, random, time};
use crate::store::Store;
use crate::tickets::Caller;

/// The role that may do everything. There is always somebody who has it, once there was.
pub(super) const OWNER: &str = "owner";

/// Somebody to add.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// What they log in as.
    pub name: UserName,
    /// It is a service.
    pub service: bool,
    /// What they may do.
    pub roles: BTreeSet<RoleName>,
}

pub(super) type UserColumns = (String, String, i64, i64, i64, i64, Option<i64>, i64);

/// What is read of a user, whatever comes after.
macro_rules! user_columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, service, CASE WHEN password IS NULL THEN 0 ELSE 1 END, totp_confirmed, created_at, locked_at,
             (SELECT COUNT(*) FROM user_identities WHERE user_id = users.id) FROM users ",
            $rest
        )
    };
}

async fn user(db: &mut AnyConnection, columns: UserColumns) -> Result<User, StoreError> {
    let (id, name, service, password, totp, created_at, locked_at, identities) = columns;
    let roles: Vec<String> =
        sqlx::query_scalar("SELECT role FROM user_roles WHERE user_id = $1 ORDER BY role")
            .bind(id.as_str())
            .fetch_all(db)
            .await?;
    Ok(User {
        id: parsed(&id)?,
        name: parsed(&name)?,
        service: service == 1,
        roles: roles.iter().map(|role| parsed(role)).collect::<Result<_, _>>()?,
        password: password == 1,
        totp: totp == 1,
        identities: u32::try_from(identities).unwrap_or(u32::MAX),
        created_at: time(created_at)?,
        locked_at: locked_at.map(time).transpose()?,
    })
}

pub(super) async fn find(
    db: &mut AnyConnection,
    tenant: &TenantName,
    name: &UserName,
) -> Result<Option<User>, StoreError> {
    let found: Option<UserColumns> = sqlx::query_as(user_columns!("WHERE tenant = $1 AND name = $2"))
        .bind(tenant.as_str())
        .bind(name.as_str())
        .fetch_optional(&mut *db)
        .await?;
    match found {
        Some(columns) => user(db, columns).await.map(Some),
        None => Ok(None),
    }
}

/// Adds somebody who can do nothing yet but have roles.
pub(super) async fn insert(
    work: &mut Work<'_>,
    caller: &Caller,
    id: UserId,
    new: &NewUser,
) -> Result<Outcome<()>, StoreError> {
    let added = sqlx::query(
        "INSERT INTO users (id, tenant, name, service, totp_confirmed, created_at) VALUES ($1, $2, $3, $4, 0, $5)
         ON CONFLICT DO NOTHING",
    )
    .bind(id.to_string())
    .bind(caller.tenant.as_str())
    .bind(new.name.as_str())
    .bind(i64::from(new.service))
    .bind(micros(caller.now))
    .execute(work.db())
    .await?;
    match added.rows_affected() {
        0 => Ok(Err(UserRefusal::UserTaken)),
        _ => give(work, &caller.tenant, id, &new.roles).await,
    }
}

/// Gives a user these roles and no others.
async fn give(
    work: &mut Work<'_>,
    tenant: &TenantName,
    user: UserId,
    roles: &BTreeSet<RoleName>,
) -> Result<Outcome<()>, StoreError> {
    if roles.len() > MAX_ROLES {
        return Ok(Err(UserRefusal::TooManyRoles));
    }
    for role in roles {
        if BUILT_IN.iter().any(|known| known.name == *role) {
            continue;
        }
        let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM roles WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(role.as_str())
            .fetch_one(work.db())
            .await?;
        if known == 0 {
            return Ok(Err(UserRefusal::NoRole(role.clone())));
        }
    }
    sqlx::query("DELETE FROM user_roles WHERE user_id = $1")
        .bind(user.to_string())
        .execute(work.db())
        .await?;
    for role in roles {
        sqlx::query("INSERT INTO user_roles (user_id, role) VALUES ($1, $2)")
            .bind(user.to_string())
            .bind(role.as_str())
            .execute(work.db())
            .await?;
    }
    Ok(Ok(()))
}

/// Whether an owner would be left who can log in, if it were not for this user.
async fn another_owner(work: &mut Work<'_>, caller: &Caller, but: UserId) -> Result<bool, StoreError> {
    let others: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM users u JOIN user_roles r ON r.user_id = u.id
         WHERE u.tenant = $1 AND u.id <> $2 AND r.role = $3 AND u.locked_at IS NULL AND u.password IS NOT NULL",
    )
    .bind(caller.tenant.as_str())
    .bind(but.to_string())
    .bind(OWNER)
    .fetch_one(work.db())
    .await?;
    Ok(others > 0)
}

/// What is done to a user.
#[derive(Debug, Clone)]
enum Deed {
    Remove,
    Lock,
    Unlock,
    Assign(BTreeSet<RoleName>),
    Logout,
}

impl Deed {
    const fn action(&self) -> &'static str {
        match self {
            Self::Remove => "user.remove",
            Self::Lock => "user.lock",
            Self::Unlock => "user.unlock",
            Self::Assign(_) => "user.assign",
            Self::Logout => "user.logout",
        }
    }

    /// Whether an owner is none any more by it.
    fn unmakes_an_owner(&self) -> bool {
        match self {
            Self::Remove | Self::Lock => true,
            Self::Assign(roles) => !roles.iter().any(|role| role.as_str() == OWNER),
            Self::Unlock | Self::Logout => false,
        }
    }
}

struct Do {
    caller: Caller,
    name: UserName,
    deed: Deed,
}

impl Change for Do {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.done(work).await?;
        let target = match &self.deed {
            Deed::Assign(roles) => {
                let roles: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
                format!("{} {}", self.name, roles.join(","))
            }
            _ => self.name.to_string(),
        };
        self.caller.note(work, self.deed.action(), target, word(&done));
        Ok(done)
    }
}

impl Do {
    async fn done(&self, work: &mut Work<'_>) -> Result<Outcome<()>, StoreError> {
        let Self { caller, name, deed } = self;
        let Some(user) = find(work.db(), &caller.tenant, name).await? else {
            return Ok(Err(UserRefusal::NoUser));
        };
        let owner =
            user.password && user.locked_at.is_none() && user.roles.iter().any(|role| role.as_str() == OWNER);
        if owner && deed.unmakes_an_owner() && !another_owner(work, caller, user.id).await? {
            return Ok(Err(UserRefusal::LastOwner));
        }
        let id = user.id.to_string();
        match deed {
            Deed::Remove => {
                sqlx::query("DELETE FROM users WHERE id = $1").bind(&id).execute(work.db()).await?;
            }
            Deed::Lock => {
                sqlx::query("UPDATE users SET locked_at = $2 WHERE id = $1 AND locked_at IS NULL")
                    .bind(&id)
                    .bind(micros(caller.now))
                    .execute(work.db())
                    .await?;
                end_logins(work, user.id, None, Ends::Locked, caller.now).await?;
            }
            Deed::Unlock => unlock(work, caller, (user.id, name)).await?,
            Deed::Assign(roles) => {
                if let Err(refused) = give(work, &caller.tenant, user.id, roles).await? {
                    return Ok(Err(refused));
                }
                end_logins(work, user.id, None, Ends::Roles, caller.now).await?;
            }
            Deed::Logout => {
                end_logins(work, user.id, None, Ends::LoggedOut, caller.now).await?;
            }
        }
        Ok(Ok(()))
    }
}

/// Lets somebody in again who was locked out, by somebody or by failing.
pub(super) async fn unlock(
    work: &mut Work<'_>,
    caller: &Caller,
    (user, name): (UserId, &UserName),
) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET locked_at = NULL WHERE id = $1")
        .bind(user.to_string())
        .execute(work.db())
        .await?;
    forget_attempts(work, &caller.tenant, name).await
}

struct Add {
    caller: Caller,
    id: UserId,
    new: NewUser,
}

impl Change for Add {
    type Answer = Outcome<User>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, id, new } = self;
        let done = match insert(work, caller, *id, new).await? {
            Ok(()) => find(work.db(), &caller.tenant, &new.name).await?.ok_or(UserRefusal::NoUser),
            Err(refused) => {
                // One that was added before its roles were found wanting.
                sqlx::query("DELETE FROM users WHERE id = $1")
                    .bind(id.to_string())
                    .execute(work.db())
                    .await?;
                Err(refused)
            }
        };
        caller.note(work, "user.add", new.name.as_str(), word(&done));
        Ok(done)
    }
}

impl Store {
    /// Adds somebody, who has no password yet.
    ///
    /// # Errors
    /// Those of the database. Refused with `UserTaken`, `NoRole`, `TooManyRoles`.
    pub async fn add_user(&self, caller: Caller, new: NewUser) -> Result<Outcome<User>, StoreError> {
        let id = UserId::new(caller.now, &random());
        self.change(Add { caller, id, new }).await
    }

    async fn do_to(&self, caller: Caller, name: UserName, deed: Deed) -> Result<Outcome<()>, StoreError> {
        self.change(Do { caller, name, deed }).await
    }

    /// Removes somebody with their logins and tokens.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoUser`, `LastOwner`.
    pub async fn remove_user(&self, caller: Caller, name: UserName) -> Result<Outcome<()>, StoreError> {
        self.do_to(caller, name, Deed::Remove).await
    }

    /// Locks somebody out until they are let in again: their logins end, their tokens speak for nobody.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoUser`, `LastOwner`.
    pub async fn lock_user(&self, caller: Caller, name: UserName) -> Result<Outcome<()>, StoreError> {
        self.do_to(caller, name, Deed::Lock).await
    }

    /// Lets somebody in again who was locked out, by whom or what ever.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoUser`.
    pub async fn unlock_user(&self, caller: Caller, name: UserName) -> Result<Outcome<()>, StoreError> {
        self.do_to(caller, name, Deed::Unlock).await
    }

    /// Ends all logins of somebody.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoUser`.
    pub async fn logout_user(&self, caller: Caller, name: UserName) -> Result<Outcome<()>, StoreError> {
        self.do_to(caller, name, Deed::Logout).await
    }

    /// Gives somebody these roles and no others. Their logins end.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoUser`, `NoRole`, `TooManyRoles`, `LastOwner`.
    pub async fn assign_roles(
        &self,
        caller: Caller,
        name: UserName,
        roles: BTreeSet<RoleName>,
    ) -> Result<Outcome<()>, StoreError> {
        self.do_to(caller, name, Deed::Assign(roles)).await
    }

    /// The user of a name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn user(&self, tenant: &TenantName, name: &UserName) -> Result<Option<User>, StoreError> {
        find(&mut *self.reader().acquire().await?, tenant, name).await
    }

    /// Users by name, after this one, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn users(
        &self,
        tenant: &TenantName,
        after: Option<&UserName>,
        limit: u32,
    ) -> Result<Vec<User>, StoreError> {
        let mut db = self.reader().acquire().await?;
        let found: Vec<UserColumns> =
            sqlx::query_as(user_columns!("WHERE tenant = $1 AND name > $2 ORDER BY name LIMIT $3"))
                .bind(tenant.as_str())
                .bind(after.map(UserName::as_str).unwrap_or_default())
                .bind(i64::from(limit))
                .fetch_all(&mut *db)
                .await?;
        let mut users = Vec::with_capacity(found.len());
        for columns in found {
            users.push(user(&mut db, columns).await?);
        }
        Ok(users)
    }

    /// Whether there is an owner who has a password.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn has_owner(&self, tenant: &TenantName) -> Result<bool, StoreError> {
        has_owner(&mut *self.reader().acquire().await?, tenant).await
    }
}

/// Whether there is an owner who has a password.
pub(super) async fn has_owner(db: &mut AnyConnection, tenant: &TenantName) -> Result<bool, StoreError> {
    let owners: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM users u JOIN user_roles r ON r.user_id = u.id
         WHERE u.tenant = $1 AND r.role = $2 AND u.password IS NOT NULL",
    )
    .bind(tenant.as_str())
    .bind(OWNER)
    .fetch_one(db)
    .await?;
    Ok(owners > 0)
}

/// Since when somebody exists, for those that make users in other ways.
pub(super) fn new_id(now: Timestamp) -> UserId {
    UserId::new(now, &random())
}
