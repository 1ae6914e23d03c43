//! Logging in at providers: who was sent to one, and who came back. The code that they have then is turned into a login in
//! [`entry`](super::entry).
//!
//! ```text
//!   asked ──(10 min, once, same browser)──► came back ──► a code ──(30 s, once, same browser)──► a login
//!                                               │            │  ▲
//!                                               └► refused   └──┘ a second factor is asked for: 5 min
//! ```

use std::collections::BTreeSet;
use std::time::Duration;

use waystation_core::id::{IdentityId, UserId};
use waystation_core::name::{ProviderName, RoleName, UserName};
use waystation_core::neighbourhood::neighbourhood;
use waystation_core::time::later;
use waystation_core::user::{NotAdmitted, UserRefusal};
use waystation_identity::{AskedToken, BrowserToken, EntryCode, IdentityError, Rate, UserCode};

use super::identities::{self, NewIdentity};
use super::login::take;
use super::people::{NewUser, insert, new_id};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{micros, parsed, random};
use crate::store::Store;
use crate::tickets::Caller;

/// How long somebody may be away at a provider.
pub const WAIT_LIFE: Duration = Duration::from_secs(600);

/// How long the code is good with which somebody logs in who came back.
pub const ENTRY_LIFE: Duration = Duration::from_secs(30);

/// How many may be away, at most.
pub const WAITING: u32 = 10_000;

/// The same from one address, or one network of IPv6.
pub const WAITING_EACH: u32 = 100;

/// What is needed again when somebody comes back, encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedAsked(pub Vec<u8>);

impl std::fmt::Debug for SealedAsked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedAsked(…)")
    }
}

/// Somebody who is sent to a provider.
#[derive(Debug, Clone)]
pub struct NewAsked {
    /// To which.
    pub provider: ProviderName,
    /// What the provider sends back with them.
    pub state: AskedToken,
    /// What their browser is known by.
    pub browser: BrowserToken,
    /// See there.
    pub sealed: SealedAsked,
    /// The device that they want to let in.
    pub device: Option<UserCode>,
}

/// Somebody who came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// See [`NewAsked`].
    pub sealed: SealedAsked,
    /// See there.
    pub device: Option<UserCode>,
}

/// Whether somebody whom nobody knows becomes a user by coming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joining {
    /// Nobody does.
    Off,
    /// Some do, and they do not.
    Refused,
    /// They do. Whoever became one so has to be a member each time.
    Member {
        /// What they are called, where that is a name.
        name: Option<UserName>,
        /// What they are given, once.
        roles: BTreeSet<RoleName>,
    },
}

/// Somebody whom a provider vouches for.
#[derive(Debug, Clone)]
pub struct Came {
    /// Who they are there.
    pub identity: NewIdentity,
    /// See there.
    pub joining: Joining,
    /// A second factor of this host is asked for where the user has one.
    pub asks: bool,
    /// What they log in with.
    pub code: EntryCode,
    /// In which browser.
    pub browser: BrowserToken,
}

struct Ask {
    caller: Caller,
    new: NewAsked,
    rate: Rate,
}

impl Change for Ask {
    type Answer = Result<(), IdentityError>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, new, rate } = self;
        if let Err(refused) = take(work, "provider", *rate, caller).await? {
            return Ok(Err(refused));
        }
        sqlx::query("DELETE FROM provider_states WHERE expires_at <= $1")
            .bind(micros(caller.now))
            .execute(work.db())
            .await?;
        let address = neighbourhood(caller.address.as_deref().unwrap_or("unknown"));
        let (all, here): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM provider_states),
                    (SELECT COUNT(*) FROM provider_states WHERE address = $1)",
        )
        .bind(address.as_str())
        .fetch_one(work.db())
        .await?;
        if all >= i64::from(WAITING) || here >= i64::from(WAITING_EACH) {
            return Ok(Err(IdentityError::Crowded));
        }
        sqlx::query(
            "INSERT INTO provider_states (digest, tenant, provider, browser, sealed, device, address, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(new.state.digest().as_bytes().as_slice())
        .bind(caller.tenant.as_str())
        .bind(new.provider.as_str())
        .bind(new.browser.digest().as_bytes().as_slice())
        .bind(new.sealed.0.as_slice())
        .bind(new.device.map(|code| code.to_string()))
        .bind(address)
        .bind(micros(later(caller.now, WAIT_LIFE)))
        .execute(work.db())
        .await?;
        Ok(Ok(()))
    }
}

struct Return {
    caller: Caller,
    provider: ProviderName,
    state: AskedToken,
    browser: BrowserToken,
}

impl Change for Return {
    type Answer = Option<Returned>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, provider, state, browser } = self;
        // Whoever knows the state and is in another browser uses nothing up.
        let found: Option<(Vec<u8>, Option<String>)> = sqlx::query_as(
            "DELETE FROM provider_states
             WHERE digest = $1 AND browser = $2 AND tenant = $3 AND provider = $4 AND expires_at > $5
             RETURNING sealed, device",
        )
        .bind(state.digest().as_bytes().as_slice())
        .bind(browser.digest().as_bytes().as_slice())
        .bind(caller.tenant.as_str())
        .bind(provider.as_str())
        .bind(micros(caller.now))
        .fetch_optional(work.db())
        .await?;
        let Some((sealed, device)) = found else { return Ok(None) };
        let device = device.as_deref().map(parsed).transpose()?;
        Ok(Some(Returned { sealed: SealedAsked(sealed), device }))
    }
}

struct Fail {
    caller: Caller,
    target: String,
    why: &'static str,
}

impl Change for Fail {
    type Answer = ();

    async fn apply(&self, work: &mut Work<'_>) -> Result<(), StoreError> {
        self.caller.note(work, "login", self.target.as_str(), self.why);
        Ok(())
    }
}

struct Admit {
    caller: Caller,
    came: Came,
    ids: (UserId, IdentityId),
}

type KnownColumns = (String, String, i64, Option<i64>);

impl Change for Admit {
    type Answer = Result<(), NotAdmitted>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, came, .. } = self;
        let (identity, user) = match self.admit(work).await? {
            Ok(found) => found,
            Err(refused) => {
                caller.note(work, "login", came.identity.told(), refused.code());
                return Ok(Err(refused));
            }
        };
        sqlx::query(
            "INSERT INTO provider_codes (digest, browser, identity, user_id, asks, halfway, expires_at)
             VALUES ($1, $2, $3, $4, $5, 0, $6)",
        )
        .bind(came.code.digest().as_bytes().as_slice())
        .bind(came.browser.digest().as_bytes().as_slice())
        .bind(identity)
        .bind(user)
        .bind(i64::from(came.asks))
        .bind(micros(later(caller.now, ENTRY_LIFE)))
        .execute(work.db())
        .await?;
        Ok(Ok(()))
    }
}

impl Admit {
    /// The identity and its user.
    async fn admit(&self, work: &mut Work<'_>) -> Result<Result<(String, String), NotAdmitted>, StoreError> {
        let Self { caller, came, .. } = self;
        let found: Option<KnownColumns> = sqlx::query_as(
            "SELECT i.id, u.id, i.joined, u.locked_at FROM user_identities i JOIN users u ON u.id = i.user_id
             WHERE i.tenant = $1 AND i.provider = $2 AND i.issuer = $3 AND i.subject = $4",
        )
        .bind(caller.tenant.as_str())
        .bind(came.identity.provider.as_str())
        .bind(came.identity.issuer.as_str())
        .bind(came.identity.subject.as_str())
        .fetch_optional(work.db())
        .await?;
        match (found, &came.joining) {
            (Some((.., Some(_))), _) => Ok(Err(NotAdmitted::Locked)),
            // Who is no member any more is out again, unless somebody bound them.
            (Some((_, _, 1, None)), Joining::Refused) => Ok(Err(NotAdmitted::NotAMember)),
            (Some((identity, user, ..)), _) => Ok(Ok((identity, user))),
            (None, Joining::Off) => Ok(Err(NotAdmitted::Unknown)),
            (None, Joining::Refused) => Ok(Err(NotAdmitted::NotAMember)),
            (None, Joining::Member { name: None, .. }) => Ok(Err(NotAdmitted::NoName)),
            (None, Joining::Member { name: Some(name), roles }) => self.join(work, name, roles).await,
        }
    }

    async fn join(
        &self,
        work: &mut Work<'_>,
        name: &UserName,
        roles: &BTreeSet<RoleName>,
    ) -> Result<Result<(String, String), NotAdmitted>, StoreError> {
        let Self { caller, came, ids: (user, identity) } = self;
        let caller = Caller { actor: format!("oidc:{}", came.identity.provider), ..caller.clone() };
        let new = NewUser { name: name.clone(), service: false, roles: roles.clone() };
        // Somebody of that name is somebody else, whatever else is the same: names and addresses are given out anew.
        if let Err(refused) = insert(work, &caller, *user, &new).await? {
            sqlx::query("DELETE FROM users WHERE id = $1").bind(user.to_string()).execute(work.db()).await?;
            return Ok(Err(match refused {
                UserRefusal::UserTaken => NotAdmitted::NameTaken,
                _ => NotAdmitted::NoRole,
            }));
        }
        identities::insert(work, &caller, (*identity, *user), &came.identity, true).await?;
        caller.note(work, "user.add", name.as_str(), "ok");
        caller.note(work, "identity.bind", format!("{name} {}", came.identity.told()), "ok");
        Ok(Ok((identity.to_string(), user.to_string())))
    }
}

impl Store {
    /// Keeps that somebody is sent to a provider.
    ///
    /// # Errors
    /// Those of the database. Refused with `TooFast`, `Crowded`.
    pub async fn ask_provider(
        &self,
        caller: Caller,
        new: NewAsked,
        rate: Rate,
    ) -> Result<Result<(), IdentityError>, StoreError> {
        self.change(Ask { caller, new, rate }).await
    }

    /// What was kept of somebody who comes back, once; nothing for whoever was not sent to this provider in this browser,
    /// or too long ago.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn return_from_provider(
        &self,
        caller: Caller,
        provider: ProviderName,
        (state, browser): (AskedToken, BrowserToken),
    ) -> Result<Option<Returned>, StoreError> {
        let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM provider_states WHERE digest = $1")
            .bind(state.digest().as_bytes().as_slice())
            .fetch_one(self.reader())
            .await?;
        // As with refresh tokens.
        if known == 0 {
            return Ok(None);
        }
        self.change(Return { caller, provider, state, browser }).await
    }

    /// Puts on record that a login at a provider came to nothing, and why.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn fail_provider(
        &self,
        caller: Caller,
        target: String,
        why: &'static str,
    ) -> Result<(), StoreError> {
        self.change(Fail { caller, target, why }).await
    }

    /// Keeps the code with which somebody logs in whom a provider vouches for, if they are one of our users or become one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn admit_from_provider(
        &self,
        caller: Caller,
        came: Came,
    ) -> Result<Result<(), NotAdmitted>, StoreError> {
        let ids = (new_id(caller.now), IdentityId::new(caller.now, &random()));
        self.change(Admit { caller, came, ids }).await
    }
}
