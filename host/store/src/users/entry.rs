//! The last step of a login at a provider: the code that whoever came back has is turned into a login, with a second factor
//! where one is asked for.

use std::time::Duration;

use waystation_core::id::LoginId;
use waystation_core::name::UserName;
use waystation_core::time::later;
use waystation_identity::{Attempts, BrowserToken, EntryCode, IdentityError, RefreshToken};

use super::factor::{Proven, SealedTotp, prove};
use super::login::{Admitted, Begun, Fresh, Lives, NewLogin, attempts, forget_attempts, keep, take};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{micros, parsed, random};
use crate::store::Store;
use crate::tickets::Caller;

/// How long the code is good from when whoever has it is told that a second factor is asked for.
pub const FACTOR_LIFE: Duration = Duration::from_secs(300);

/// Somebody who came back and logs in.
#[derive(Debug, Clone)]
pub struct Entering {
    /// Who.
    pub name: UserName,
    /// The attempt; it counts only where a second factor is looked at.
    pub begun: Begun,
}

struct Begin {
    caller: Caller,
    code: EntryCode,
    browser: BrowserToken,
    /// They brought a second factor.
    second: bool,
    lives: Lives,
}

type EntryColumns = (String, String, Option<i64>, i64, i64, Option<Vec<u8>>, i64, Option<i64>);

impl Change for Begin {
    type Answer = Result<Entering, IdentityError>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, code, browser, second, lives } = self;
        let found: Option<EntryColumns> = sqlx::query_as(
            "SELECT u.id, u.name, u.locked_at, c.asks, c.halfway, u.totp, u.totp_confirmed, u.totp_step
             FROM provider_codes c JOIN users u ON u.id = c.user_id
             WHERE c.digest = $1 AND c.browser = $2 AND c.expires_at > $3 AND u.tenant = $4",
        )
        .bind(code.digest().as_bytes().as_slice())
        .bind(browser.digest().as_bytes().as_slice())
        .bind(micros(caller.now))
        .bind(caller.tenant.as_str())
        .fetch_optional(work.db())
        .await?;
        let Some((id, name, None, asks, halfway, totp, confirmed, step)) = found else {
            return Ok(Err(IdentityError::Gone));
        };
        let name: UserName = parsed(&name)?;
        let totp = totp.filter(|_| confirmed == 1 && asks == 1).map(|sealed| (SealedTotp(sealed), step));
        let (mut before, mut after) = (Attempts::default(), Attempts::default());
        if totp.is_some() {
            if !second {
                if halfway == 0 {
                    sqlx::query("UPDATE provider_codes SET halfway = 1, expires_at = $2 WHERE digest = $1")
                        .bind(code.digest().as_bytes().as_slice())
                        .bind(micros(later(caller.now, FACTOR_LIFE)))
                        .execute(work.db())
                        .await?;
                }
                return Ok(Err(IdentityError::SecondFactor));
            }
            // Six digits are guessed as passwords are: they count with those.
            if let Err(refused) = take(work, "login", lives.rate, caller).await? {
                return Ok(Err(refused));
            }
            before = attempts(work, &caller.tenant, &name).await?;
            if let Err(refused) = lives.lockout.admit(before, caller.now) {
                return Ok(Err(refused));
            }
            after = lives.lockout.failed(before, caller.now);
            keep(work, caller, &name, after).await?;
            if after.locked_until.is_some() {
                caller.note(work, "login.lock", name.as_str(), "too-many-failures");
            }
        }
        let user = Some(Admitted { id: parsed(&id)?, password: String::new(), totp });
        Ok(Ok(Entering { name, begun: Begun { user, before, after } }))
    }
}

struct Finish {
    caller: Caller,
    code: EntryCode,
    browser: BrowserToken,
    name: UserName,
    user: Admitted,
    proven: Option<Proven>,
    new: NewLogin,
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
        let Self { caller, code, browser, name, user, proven, new } = self;
        // What was found when it began must still be so.
        let same: Option<String> = sqlx::query_scalar(
            "SELECT c.identity FROM provider_codes c JOIN users u ON u.id = c.user_id
             WHERE c.digest = $1 AND c.browser = $2 AND c.expires_at > $3
               AND u.id = $4 AND u.locked_at IS NULL AND (c.asks = 0 OR u.totp_confirmed = $5)",
        )
        .bind(code.digest().as_bytes().as_slice())
        .bind(browser.digest().as_bytes().as_slice())
        .bind(micros(caller.now))
        .bind(user.id.to_string())
        .bind(i64::from(user.totp.is_some()))
        .fetch_optional(work.db())
        .await?;
        let Some(identity) = same.filter(|_| proven.is_some() == user.totp.is_some()) else {
            return Ok(Err(IdentityError::Gone));
        };
        // A second factor that is wrong leaves the code as it is: whoever mistyped tries again.
        if let Some(proven) = proven {
            if let Err(refused) = prove(work, user.id, proven).await? {
                return Ok(Err(refused));
            }
            forget_attempts(work, &caller.tenant, name).await?;
        }
        sqlx::query("DELETE FROM provider_codes WHERE digest = $1")
            .bind(code.digest().as_bytes().as_slice())
            .execute(work.db())
            .await?;
        let provider: String =
            sqlx::query_scalar("UPDATE user_identities SET used_at = $2 WHERE id = $1 RETURNING provider")
                .bind(identity.as_str())
                .bind(micros(caller.now))
                .fetch_one(work.db())
                .await?;
        let new = NewLogin { method: format!("oidc:{provider}"), identity: Some(identity), ..new.clone() };
        new.begin(work, caller, user.id).await.map(Ok)
    }
}

impl Store {
    /// Who logs in with the code that they came back with, and whether a second factor is to be looked at.
    ///
    /// # Errors
    /// Those of the database. Refused with `Gone`, `TooFast`, `Locked`; with `SecondFactor` where one is asked for and none
    /// was brought: then the code is good for longer, together with one.
    pub async fn begin_entry(
        &self,
        caller: Caller,
        (code, browser): (EntryCode, BrowserToken),
        second: bool,
        lives: Lives,
    ) -> Result<Result<Entering, IdentityError>, StoreError> {
        let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM provider_codes WHERE digest = $1")
            .bind(code.digest().as_bytes().as_slice())
            .fetch_one(self.reader())
            .await?;
        if known == 0 {
            return Ok(Err(IdentityError::Gone));
        }
        self.change(Begin { caller, code, browser, second, lives }).await
    }

    /// Logs them in, once.
    ///
    /// # Errors
    /// Those of the database. Refused with `Gone`, `CodeUsed`.
    pub async fn finish_entry(
        &self,
        caller: Caller,
        (code, browser): (EntryCode, BrowserToken),
        (name, user, proven): (UserName, Admitted, Option<Proven>),
        (refresh, client, life): (RefreshToken, Option<String>, Duration),
    ) -> Result<Result<Fresh, IdentityError>, StoreError> {
        let id = LoginId::new(caller.now, &random());
        let new = NewLogin { id, refresh, client, method: String::new(), identity: None, life };
        self.change(Finish { caller, code, browser, name, user, proven, new }).await
    }
}
