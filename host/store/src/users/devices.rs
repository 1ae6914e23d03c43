//! Devices that somebody lets in from elsewhere (RFC 8628).

use std::time::Duration;

use jiff::Timestamp;
use waystation_core::id::{LoginId, UserId};
use waystation_core::name::TenantName;
use waystation_identity::{
    DEVICE_LIFE, DeviceCode, DeviceLogin, DeviceState, IdentityError, Poll, Rate, RefreshToken, UserCode,
    decide_device, poll,
};

use super::login::{Fresh, NewLogin, take, take_named};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{clean, count, micros, parsed, random, time};
use crate::store::Store;
use crate::tickets::Caller;

/// A device that asks to be let in.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// What it asks with.
    pub code: DeviceCode,
    /// What it shows.
    pub user_code: UserCode,
    /// What it says that it is.
    pub client: Option<String>,
}

/// What a person is shown before they let a device in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRequest {
    /// What it says that it is.
    pub client: Option<String>,
    /// Where it asks from.
    pub address: Option<String>,
    /// Until when.
    pub expires_at: Timestamp,
}

/// What a device is told that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceAnswer {
    /// Not this time; the word is in it.
    Wait(Poll),
    /// It is let in.
    In(TenantName, Fresh),
}

struct Start {
    caller: Caller,
    new: NewDevice,
    rate: Rate,
}

impl Change for Start {
    type Answer = Result<Timestamp, IdentityError>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, new, rate } = self;
        if let Err(refused) = take(work, "device", *rate, caller).await? {
            return Ok(Err(refused));
        }
        let device = DeviceLogin::new(caller.now);
        // One in 10¹⁰ has the short code of another: it is refused by the index, and the device asks again.
        sqlx::query(
            "INSERT INTO device_logins (digest, tenant, user_code, client, address, state, expires_at, wait_us)
             VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7)",
        )
        .bind(new.code.digest().as_bytes().as_slice())
        .bind(caller.tenant.as_str())
        .bind(new.user_code.to_string())
        .bind(new.client.as_deref().map(clean))
        .bind(caller.address.as_deref())
        .bind(micros(device.expires_at))
        .bind(count(device.interval.as_micros()))
        .execute(work.db())
        .await?;
        Ok(Ok(device.expires_at))
    }
}

/// The same, with its tenant and what it says that it is.
type AskedColumns = (String, Option<String>, i64, i64, Option<i64>, String, Option<String>, Option<String>);

type DeviceColumns = (String, Option<String>, i64, i64, Option<i64>);

fn device((state, user, expires_at, wait, asked_at): DeviceColumns) -> Result<DeviceLogin, StoreError> {
    let state = match (state.as_str(), user) {
        ("pending", _) => DeviceState::Pending,
        ("approved", Some(user)) => DeviceState::Approved(parsed(&user)?),
        ("denied", _) => DeviceState::Denied,
        ("redeemed", _) => DeviceState::Redeemed,
        _ => return Err(StoreError::corrupt("the state of a device")),
    };
    Ok(DeviceLogin {
        state,
        expires_at: time(expires_at)?,
        interval: Duration::from_micros(u64::try_from(wait).unwrap_or_default()),
        asked_at: asked_at.map(time).transpose()?,
    })
}

/// How often one user may look at short codes, and say something to one: they are not found by trying.
const GUESSES: Rate = Rate { burst: 8, per: Duration::from_secs(60) };

struct Look {
    caller: Caller,
    user: UserId,
    code: UserCode,
}

impl Change for Look {
    type Answer = Result<DeviceRequest, IdentityError>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, user, code } = self;
        if let Err(refused) = take_named(work, &format!("device-look:{user}"), GUESSES, caller.now).await? {
            return Ok(Err(refused));
        }
        let found: Option<(Option<String>, Option<String>, i64)> = sqlx::query_as(
            "SELECT client, address, expires_at FROM device_logins
             WHERE user_code = $1 AND tenant = $2 AND state = 'pending' AND expires_at > $3",
        )
        .bind(code.to_string())
        .bind(caller.tenant.as_str())
        .bind(micros(caller.now))
        .fetch_optional(work.db())
        .await?;
        let Some((client, address, expires_at)) = found else { return Ok(Err(IdentityError::Gone)) };
        Ok(Ok(DeviceRequest { client, address, expires_at: time(expires_at)? }))
    }
}

struct Decide {
    caller: Caller,
    user: UserId,
    login: LoginId,
    code: UserCode,
    approve: bool,
}

impl Change for Decide {
    type Answer = Result<(), IdentityError>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, user, login, code, approve } = self;
        if let Err(refused) = take_named(work, &format!("device-code:{user}"), GUESSES, caller.now).await? {
            return Ok(Err(refused));
        }
        let found: Option<DeviceColumns> = sqlx::query_as(
            "SELECT state, user_id, expires_at, wait_us, asked_at FROM device_logins
             WHERE user_code = $1 AND tenant = $2",
        )
        .bind(code.to_string())
        .bind(caller.tenant.as_str())
        .fetch_optional(work.db())
        .await?;
        let by = approve.then_some(*user);
        let decided = match found.map(device).transpose()? {
            None => Err(IdentityError::Gone),
            Some(kept) => decide_device(&kept, by, caller.now),
        };
        if decided.is_ok() {
            let update = "UPDATE device_logins SET state = $2, user_id = $3,
                 identity = (SELECT identity FROM logins WHERE id = $4) WHERE user_code = $1";
            sqlx::query(update)
                .bind(code.to_string())
                .bind(if *approve { "approved" } else { "denied" })
                .bind(by.map(|user| user.to_string()))
                .bind(login.to_string())
                .execute(work.db())
                .await?;
        }
        let outcome = decided.as_ref().map_or_else(IdentityError::code, |_| "ok");
        caller.note(work, if *approve { "device.approve" } else { "device.deny" }, "device", outcome);
        Ok(decided.map(drop))
    }
}

struct Ask {
    caller: Caller,
    code: DeviceCode,
    new: NewLogin,
}

impl Change for Ask {
    type Answer = Result<DeviceAnswer, IdentityError>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, code, new } = self;
        let digest = code.digest();
        let found: Option<AskedColumns> = sqlx::query_as(
            "SELECT state, user_id, expires_at, wait_us, asked_at, tenant, client, identity FROM device_logins
                 WHERE digest = $1",
        )
        .bind(digest.as_bytes().as_slice())
        .fetch_optional(work.db())
        .await?;
        let Some((state, user, expires_at, wait, asked_at, tenant, client, identity)) = found else {
            return Ok(Err(IdentityError::Gone));
        };
        let (told, kept) = poll(&device((state, user, expires_at, wait, asked_at))?, caller.now);
        let state = match kept.state {
            DeviceState::Pending => "pending",
            DeviceState::Approved(_) => "approved",
            DeviceState::Denied => "denied",
            DeviceState::Redeemed => "redeemed",
        };
        sqlx::query("UPDATE device_logins SET state = $2, wait_us = $3, asked_at = $4 WHERE digest = $1")
            .bind(digest.as_bytes().as_slice())
            .bind(state)
            .bind(count(kept.interval.as_micros()))
            .bind(kept.asked_at.map(micros))
            .execute(work.db())
            .await?;
        let Poll::Granted(user) = told else { return Ok(Ok(DeviceAnswer::Wait(told))) };
        // Who let it in may have been locked out since.
        let name: Option<String> =
            sqlx::query_scalar("SELECT name FROM users WHERE id = $1 AND locked_at IS NULL")
                .bind(user.to_string())
                .fetch_optional(work.db())
                .await?;
        let Some(name) = name else { return Ok(Ok(DeviceAnswer::Wait(Poll::Denied))) };
        let tenant: TenantName = parsed(&tenant)?;
        let caller = Caller { tenant: tenant.clone(), actor: format!("user:{name}"), ..caller.clone() };
        let fresh = NewLogin { client, identity, ..new.clone() }.begin(work, &caller, user).await?;
        caller.note(work, "login", name, "ok");
        Ok(Ok(DeviceAnswer::In(tenant, fresh)))
    }
}

impl Store {
    /// Keeps that a device asks to be let in. Gives until when it can be.
    ///
    /// # Errors
    /// Those of the database. Refused with `TooFast`.
    pub async fn start_device(
        &self,
        caller: Caller,
        new: NewDevice,
        rate: Rate,
    ) -> Result<Result<Timestamp, IdentityError>, StoreError> {
        self.change(Start { caller, new, rate }).await
    }

    /// What asks under a short code, and waits for somebody to say something; for this user.
    ///
    /// # Errors
    /// Those of the database. Refused with `Gone`, `TooFast`.
    pub async fn device(
        &self,
        caller: Caller,
        user: UserId,
        code: UserCode,
    ) -> Result<Result<DeviceRequest, IdentityError>, StoreError> {
        self.change(Look { caller, user, code }).await
    }

    /// Lets a device in as this user, who says so by this login, or keeps it out.
    ///
    /// # Errors
    /// Those of the database. Refused with `Gone`.
    pub async fn decide_device(
        &self,
        caller: Caller,
        (user, login): (UserId, LoginId),
        code: UserCode,
        approve: bool,
    ) -> Result<Result<(), IdentityError>, StoreError> {
        self.change(Decide { caller, user, login, code, approve }).await
    }

    /// What a device is told that asks whether it was let in.
    ///
    /// # Errors
    /// Those of the database. Refused with `Gone`.
    pub async fn ask_device(
        &self,
        caller: Caller,
        code: DeviceCode,
        (refresh, life): (RefreshToken, Duration),
    ) -> Result<Result<DeviceAnswer, IdentityError>, StoreError> {
        let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM device_logins WHERE digest = $1")
            .bind(code.digest().as_bytes().as_slice())
            .fetch_one(self.reader())
            .await?;
        // As with refresh tokens.
        if known == 0 {
            return Ok(Err(IdentityError::Gone));
        }
        let id = LoginId::new(caller.now, &random());
        let new = NewLogin { id, refresh, client: None, method: "device".into(), identity: None, life };
        self.change(Ask { caller, code, new }).await
    }
}

/// How long what a device asks for is kept after its end.
pub(super) const KEPT: Duration = DEVICE_LIFE;
