//! Logging in, staying logged in, and the end of it.
//!
//! An attempt is counted before the password is looked at, and taken back when it succeeds: many at the same time are
//! not all admitted on one count. Attempts count by name, whether or not somebody has it.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use waystation_core::id::{LoginId, UserId};
use waystation_core::name::{TenantName, UserName};
use waystation_core::neighbourhood::neighbourhood;
use waystation_core::time::later;
use waystation_core::user::{Login, UserRefusal};
use waystation_identity::{
    Attempts, IdentityError, Lockout, LoginState, Rate, RefreshRow, RefreshToken, Refreshed, refresh,
};

use super::factor::{Proven, SealedTotp, prove};
use super::{Outcome, word};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{clean, micros, parsed, random, time};
use crate::store::Store;
use crate::tickets::Caller;

/// How often somebody may try to log in, and for how long a login can be refreshed.
#[derive(Debug, Clone, Copy)]
pub struct Lives {
    /// Attempts from one address.
    pub rate: Rate,
    /// Failures under one name.
    pub lockout: Lockout,
    /// How long a refresh token can be used.
    pub refresh: Duration,
}

/// An attempt that may be made.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Who it is under the name, if anybody.
    pub user: Option<Admitted>,
    pub(super) before: Attempts,
    pub(super) after: Attempts,
}

/// Somebody whose password is to be looked at.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Who.
    pub id: UserId,
    /// Of their password, in PHC form.
    pub password: String,
    /// Their second factor, where one is asked for, and the last step that was used.
    pub totp: Option<(SealedTotp, Option<i64>)>,
}

/// A login that has begun, or goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// Which.
    pub login: LoginId,
    /// Whose.
    pub user: UserId,
    /// Until when its refresh token can be used.
    pub expires_at: Timestamp,
}

struct Begin {
    caller: Caller,
    name: UserName,
    lives: Lives,
}

type AdmittedColumns = (String, String, Option<Vec<u8>>, i64, Option<i64>);

impl Change for Begin {
    type Answer = Result<Begun, IdentityError>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, name, lives } = self;
        if let Err(refused) = take(work, "login", lives.rate, caller).await? {
            return Ok(Err(refused));
        }
        let before = attempts(work, &caller.tenant, name).await?;
        if let Err(refused) = lives.lockout.admit(before, caller.now) {
            return Ok(Err(refused));
        }
        let after = lives.lockout.failed(before, caller.now);
        keep(work, caller, name, after).await?;
        let found: Option<AdmittedColumns> = sqlx::query_as(
            "SELECT id, password, totp, totp_confirmed, totp_step FROM users
             WHERE tenant = $1 AND name = $2 AND password IS NOT NULL AND locked_at IS NULL",
        )
        .bind(caller.tenant.as_str())
        .bind(name.as_str())
        .fetch_optional(work.db())
        .await?;
        let user = match found {
            None => None,
            Some((id, password, totp, confirmed, step)) => {
                let totp = totp.filter(|_| confirmed == 1).map(|sealed| (SealedTotp(sealed), step));
                Some(Admitted { id: parsed(&id)?, password, totp })
            }
        };
        if after.locked_until.is_some() {
            caller.note(work, "login.lock", told(name, user.is_some()), "too-many-failures");
        }
        Ok(Ok(Begun { user, before, after }))
    }
}

/// A name for the record. What people type instead of one, a password for example, is not put there.
fn told(name: &UserName, known: bool) -> &str {
    if known { name.as_str() } else { "somebody unknown" }
}

/// What attempts under a name are kept by: not the name, for the same reason.
pub(super) fn counted(name: &UserName) -> String {
    let digest =
        Sha256::new().chain_update(b"waystation attempts 1\0").chain_update(name.as_str()).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Forgets what failed under a name: whoever has it got in, or was let in again.
pub(super) async fn forget_attempts(
    work: &mut Work<'_>,
    tenant: &TenantName,
    name: &UserName,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM login_attempts WHERE tenant = $1 AND name = $2")
        .bind(tenant.as_str())
        .bind(counted(name))
        .execute(work.db())
        .await?;
    Ok(())
}

/// Counts one from the address of the caller.
pub(super) async fn take(
    work: &mut Work<'_>,
    what: &str,
    rate: Rate,
    caller: &Caller,
) -> Result<Result<(), IdentityError>, StoreError> {
    let name = format!("{what}:{}", neighbourhood(caller.address.as_deref().unwrap_or("unknown")));
    take_named(work, &name, rate, caller.now).await
}

/// Counts one under a name.
pub(super) async fn take_named(
    work: &mut Work<'_>,
    name: &str,
    rate: Rate,
    now: Timestamp,
) -> Result<Result<(), IdentityError>, StoreError> {
    let rate = crate::tickets::Rate { requests: rate.burst, window: rate.per };
    let taken = rate.take(work, name, now).await?;
    Ok(taken.map_err(|seconds| IdentityError::TooFast(Duration::from_secs(seconds.into()))))
}

pub(super) async fn attempts(
    work: &mut Work<'_>,
    tenant: &TenantName,
    name: &UserName,
) -> Result<Attempts, StoreError> {
    let found: Option<(i64, Option<i64>)> =
        sqlx::query_as("SELECT failures, locked_until FROM login_attempts WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(counted(name))
            .fetch_optional(work.db())
            .await?;
    let Some((failures, locked)) = found else { return Ok(Attempts::default()) };
    Ok(Attempts {
        failures: u32::try_from(failures).unwrap_or(u32::MAX),
        locked_until: locked.map(time).transpose()?,
    })
}

pub(super) async fn keep(
    work: &mut Work<'_>,
    caller: &Caller,
    name: &UserName,
    attempts: Attempts,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO login_attempts (tenant, name, failures, locked_until, at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant, name) DO UPDATE SET failures = $3, locked_until = $4, at = $5",
    )
    .bind(caller.tenant.as_str())
    .bind(counted(name))
    .bind(i64::from(attempts.failures))
    .bind(attempts.locked_until.map(micros))
    .bind(micros(caller.now))
    .execute(work.db())
    .await?;
    Ok(())
}

/// How an attempt ended that came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failed {
    /// It counts.
    Wrong(&'static str),
    /// The password was right, and a second factor is missing: it does not count.
    Halfway,
}

struct Fail {
    caller: Caller,
    name: UserName,
    begun: Begun,
    how: Failed,
}

impl Change for Fail {
    type Answer = ();

    async fn apply(&self, work: &mut Work<'_>) -> Result<(), StoreError> {
        let Self { caller, name, begun, how } = self;
        match how {
            Failed::Wrong(why) => {
                caller.note(work, "login", told(name, begun.user.is_some()), why);
            }
            Failed::Halfway => {
                if attempts(work, &caller.tenant, name).await? == begun.after {
                    keep(work, caller, name, begun.before).await?;
                }
            }
        }
        Ok(())
    }
}

struct Finish {
    caller: Caller,
    name: UserName,
    user: Admitted,
    proven: Option<Proven>,
    rehashed: Option<String>,
    new: NewLogin,
}

/// What a login begins with.
#[derive(Debug, Clone)]
pub(super) struct NewLogin {
    pub(super) id: LoginId,
    pub(super) refresh: RefreshToken,
    pub(super) client: Option<String>,
    pub(super) method: String,
    /// The identity at a provider that it came by.
    pub(super) identity: Option<String>,
    pub(super) life: Duration,
}

impl NewLogin {
    /// Keeps it, for a user.
    pub(super) async fn begin(
        &self,
        work: &mut Work<'_>,
        caller: &Caller,
        user: UserId,
    ) -> Result<Fresh, StoreError> {
        let expires_at = later(caller.now, self.life);
        sqlx::query(
            "INSERT INTO logins (id, user_id, method, address, client, started_at, expires_at, identity)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(self.id.to_string())
        .bind(user.to_string())
        .bind(self.method.as_str())
        .bind(caller.address.as_deref())
        .bind(self.client.as_deref().map(clean))
        .bind(micros(caller.now))
        .bind(micros(expires_at))
        .bind(self.identity.as_deref())
        .execute(work.db())
        .await?;
        give(work, self.id, &self.refresh, expires_at).await?;
        Ok(Fresh { login: self.id, user, expires_at })
    }
}

/// Keeps a refresh token.
async fn give(
    work: &mut Work<'_>,
    login: LoginId,
    token: &RefreshToken,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO refresh_tokens (digest, login_id, expires_at, used) VALUES ($1, $2, $3, 0)")
        .bind(token.digest().as_bytes().as_slice())
        .bind(login.to_string())
        .bind(micros(expires_at))
        .execute(work.db())
        .await?;
    Ok(())
}

impl Change for Finish {
    type Answer = Result<Fresh, IdentityError>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.finish(work).await?;
        let outcome = done.as_ref().map_or_else(IdentityError::code, |_| "ok");
        self.caller.note(work, "login", self.name.as_str(), outcome);
        Ok(done)
    }
}

impl Finish {
    async fn finish(&self, work: &mut Work<'_>) -> Result<Result<Fresh, IdentityError>, StoreError> {
        let Self { caller, name, user, proven, rehashed, new } = self;
        // What was found when it began must still be so.
        let same = sqlx::query(
            "UPDATE users SET password = $3 WHERE id = $1 AND password = $2 AND locked_at IS NULL AND totp_confirmed = $4",
        )
        .bind(user.id.to_string())
        .bind(user.password.as_str())
        .bind(rehashed.as_deref().unwrap_or(&user.password))
        .bind(i64::from(user.totp.is_some()))
        .execute(work.db())
        .await?;
        if same.rows_affected() == 0 || proven.is_some() != user.totp.is_some() {
            return Ok(Err(IdentityError::Ended));
        }
        if let Some(proven) = proven
            && let Err(refused) = prove(work, user.id, proven).await?
        {
            return Ok(Err(refused));
        }
        forget_attempts(work, &caller.tenant, name).await?;
        new.begin(work, caller, user.id).await.map(Ok)
    }
}

/// A refresh token in exchange for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Whose.
    pub tenant: TenantName,
    /// As it goes on.
    pub fresh: Fresh,
}

struct Refresh {
    caller: Caller,
    presented: RefreshToken,
    new: RefreshToken,
    life: Duration,
}

type RefreshColumns = (String, i64, i64, Option<i64>, String, String, String, Option<i64>);

impl Change for Refresh {
    type Answer = Result<Rotated, IdentityError>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, presented, new, life } = self;
        let digest = presented.digest();
        let found: Option<RefreshColumns> = sqlx::query_as(
            "SELECT r.login_id, r.expires_at, r.used, l.ended_at, u.id, u.name, u.tenant, u.locked_at
                 FROM refresh_tokens r JOIN logins l ON l.id = r.login_id JOIN users u ON u.id = l.user_id
                 WHERE r.digest = $1",
        )
        .bind(digest.as_bytes().as_slice())
        .fetch_optional(work.db())
        .await?;
        let (row, of) = match found {
            None => (None, None),
            Some((login, expires_at, used, ended, user, name, tenant, locked)) => {
                let over = ended.is_some() || locked.is_some();
                let login_state = if over { LoginState::Ended } else { LoginState::Live };
                let row = RefreshRow { login: login_state, expires_at: time(expires_at)?, used: used == 1 };
                let login: LoginId = parsed(&login)?;
                (Some(row), Some((login, parsed::<UserId>(&user)?, name, parsed::<TenantName>(&tenant)?)))
            }
        };
        match (refresh(row.as_ref(), caller.now), of) {
            (Refreshed::Rotate(_), Some((login, user, _, tenant))) => {
                sqlx::query("UPDATE refresh_tokens SET used = 1 WHERE digest = $1")
                    .bind(digest.as_bytes().as_slice())
                    .execute(work.db())
                    .await?;
                let expires_at = later(caller.now, *life);
                give(work, login, new, expires_at).await?;
                sqlx::query("UPDATE logins SET expires_at = $2 WHERE id = $1")
                    .bind(login.to_string())
                    .bind(micros(expires_at))
                    .execute(work.db())
                    .await?;
                Ok(Ok(Rotated { tenant, fresh: Fresh { login, user, expires_at } }))
            }
            (Refreshed::EndLogin(refused), Some((login, user, name, tenant))) => {
                end_logins(work, user, Some(login), Ends::Reused, caller.now).await?;
                let caller = Caller { tenant, ..caller.clone() };
                caller.note(work, "login.reused", name, refused.code());
                Ok(Err(refused))
            }
            (Refreshed::Refuse(refused) | Refreshed::EndLogin(refused), _) => Ok(Err(refused)),
            (Refreshed::Rotate(_), None) => Ok(Err(IdentityError::Gone)),
        }
    }
}

/// Why logins end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    LoggedOut,
    Locked,
    Roles,
    Password,
    Reused,
    Identity,
}

impl Ends {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged-out",
            Self::Locked => "locked",
            Self::Roles => "roles-changed",
            Self::Password => "password-changed",
            Self::Reused => "refresh-reused",
            Self::Identity => "identity-removed",
        }
    }
}

/// Takes back what somebody could still get in with that was made before: links, devices that were let in and did not
/// come yet, and codes of those who came back from a provider.
pub(super) async fn void_ways_in(work: &mut Work<'_>, user: UserId) -> Result<(), StoreError> {
    for text in [
        "DELETE FROM links WHERE user_id = $1 AND used = 0",
        "DELETE FROM device_logins WHERE user_id = $1 AND state = 'approved'",
        "DELETE FROM provider_codes WHERE user_id = $1",
    ] {
        sqlx::query(text).bind(user.to_string()).execute(work.db()).await?;
    }
    Ok(())
}

/// Ends one login of a user, or all, and then also what would be a login soon. Gives how many ended.
pub(super) async fn end_logins(
    work: &mut Work<'_>,
    user: UserId,
    login: Option<LoginId>,
    why: Ends,
    now: Timestamp,
) -> Result<u64, StoreError> {
    if login.is_none() {
        void_ways_in(work, user).await?;
    }
    let ended = sqlx::query(
        "UPDATE logins SET ended_at = $3, reason = $4
         WHERE user_id = $1 AND ($2 = '' OR id = $2) AND ended_at IS NULL",
    )
    .bind(user.to_string())
    .bind(login.map(|login| login.to_string()).unwrap_or_default())
    .bind(micros(now))
    .bind(why.as_str())
    .execute(work.db())
    .await?;
    Ok(ended.rows_affected())
}

struct Logout {
    caller: Caller,
    user: UserId,
    login: LoginId,
}

impl Change for Logout {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, user, login } = self;
        let ended = end_logins(work, *user, Some(*login), Ends::LoggedOut, caller.now).await?;
        let done = if ended == 0 { Err(UserRefusal::NoLogin) } else { Ok(()) };
        caller.note(work, "logout", login.to_string(), word(&done));
        Ok(done)
    }
}

type LoginColumns = (String, String, Option<String>, Option<String>, i64, i64);

impl Store {
    /// Counts an attempt to log in, and gives what to look at.
    ///
    /// # Errors
    /// Those of the database. Refused with `TooFast`, `Locked`.
    pub async fn begin_login(
        &self,
        caller: Caller,
        name: UserName,
        lives: Lives,
    ) -> Result<Result<Begun, IdentityError>, StoreError> {
        self.change(Begin { caller, name, lives }).await
    }

    /// Notes that an attempt failed, and by what.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn fail_login(
        &self,
        caller: Caller,
        name: UserName,
        begun: Begun,
        why: &'static str,
    ) -> Result<(), StoreError> {
        self.change(Fail { caller, name, begun, how: Failed::Wrong(why) }).await
    }

    /// Takes an attempt back whose password was right, and which has to come again with a second factor.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn halve_login(&self, caller: Caller, name: UserName, begun: Begun) -> Result<(), StoreError> {
        self.change(Fail { caller, name, begun, how: Failed::Halfway }).await
    }

    /// Logs somebody in whose password is right, and who has proven their second factor where one is asked for.
    ///
    /// # Errors
    /// Those of the database. Refused with `Ended` when something changed meanwhile, `CodeUsed`.
    pub async fn finish_login(
        &self,
        caller: Caller,
        name: UserName,
        (user, proven, rehashed): (Admitted, Option<Proven>, Option<String>),
        (refresh, client, life): (RefreshToken, Option<String>, Duration),
    ) -> Result<Result<Fresh, IdentityError>, StoreError> {
        let id = LoginId::new(caller.now, &random());
        let new = NewLogin { id, refresh, client, method: "password".into(), identity: None, life };
        self.change(Finish { caller, name, user, proven, rehashed, new }).await
    }

    /// Exchanges a refresh token for a new one. One that was used before ends its login.
    ///
    /// # Errors
    /// Those of the database. Refused with `Gone`, `Ended`, `Expired`, `Reused`.
    pub async fn refresh_login(
        &self,
        caller: Caller,
        presented: RefreshToken,
        (new, life): (RefreshToken, Duration),
    ) -> Result<Result<Rotated, IdentityError>, StoreError> {
        // Whoever makes tokens up is turned away without keeping others from changing anything.
        let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM refresh_tokens WHERE digest = $1")
            .bind(presented.digest().as_bytes().as_slice())
            .fetch_one(self.reader())
            .await?;
        if known == 0 {
            return Ok(Err(IdentityError::Gone));
        }
        self.change(Refresh { caller, presented, new, life }).await
    }

    /// Ends one login of a user.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoLogin`.
    pub async fn logout(
        &self,
        caller: Caller,
        user: UserId,
        login: LoginId,
    ) -> Result<Outcome<()>, StoreError> {
        self.change(Logout { caller, user, login }).await
    }

    /// What a user is logged in with, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn logins(&self, user: UserId, now: Timestamp) -> Result<Vec<Login>, StoreError> {
        let found: Vec<LoginColumns> = sqlx::query_as(
            "SELECT id, method, address, client, started_at, expires_at FROM logins
             WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 ORDER BY id LIMIT 1000",
        )
        .bind(user.to_string())
        .bind(micros(now))
        .fetch_all(self.reader())
        .await?;
        let login = |(id, method, address, client, started, expires): LoginColumns| {
            let (started_at, expires_at) = (time(started)?, time(expires)?);
            Ok(Login { id: parsed(&id)?, method, address, client, started_at, expires_at })
        };
        found.into_iter().map(login).collect()
    }
}
