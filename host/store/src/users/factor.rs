//! The second factor, and the password of somebody who is logged in.

use waystation_core::id::{LoginId, UserId};
use waystation_core::user::UserRefusal;
use waystation_identity::{IdentityError, RecoveryDigest, Step};

use super::login::{Ends, void_ways_in};
use super::{Outcome, word};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::micros;
use crate::store::Store;
use crate::tickets::Caller;

/// The secret of an authenticator app, encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedTotp(pub Vec<u8>);

impl std::fmt::Debug for SealedTotp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedTotp(…)")
    }
}

/// How a second factor was proven: to be used up.
#[derive(Debug, Clone, Copy)]
pub enum Proven {
    /// By the code of this step.
    Code(Step),
    /// By a recovery code.
    Recovery(RecoveryDigest),
}

/// What is kept of somebody's password and second factor.
#[derive(Debug, Clone)]
pub struct Factor {
    /// Of the password, in PHC form.
    pub password: Option<String>,
    /// The second factor, and whether it is asked for.
    pub totp: Option<(SealedTotp, bool)>,
    /// The last step that was used.
    pub step: Option<Step>,
}

/// Uses up what a second factor was proven by: once, whoever comes with it at the same time.
pub(super) async fn prove(
    work: &mut Work<'_>,
    user: UserId,
    proven: &Proven,
) -> Result<Result<(), IdentityError>, StoreError> {
    let done = match proven {
        Proven::Code(step) => {
            sqlx::query(
                "UPDATE users SET totp_step = $2 WHERE id = $1 AND (totp_step IS NULL OR totp_step < $2)",
            )
            .bind(user.to_string())
            .bind(*step)
            .execute(work.db())
            .await?
        }
        Proven::Recovery(digest) => {
            sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1 AND digest = $2")
                .bind(user.to_string())
                .bind(digest.as_bytes().as_slice())
                .execute(work.db())
                .await?
        }
    };
    Ok(if done.rows_affected() == 0 { Err(IdentityError::CodeUsed) } else { Ok(()) })
}

/// A change to how somebody proves themselves.
enum Deed {
    /// Sets up a second factor, which is not asked for yet.
    Begin(SealedTotp),
    /// Asks for it from now on: the code of this step showed that it works.
    Confirm(SealedTotp, Step, Vec<RecoveryDigest>),
    /// Asks for it no more: the one that is asked for, which is proven, or one that never was.
    Off(Option<(SealedTotp, Proven)>),
    /// Another password. Other logins than this one end.
    Password { before: String, after: String, keep: Option<LoginId> },
}

struct Do {
    caller: Caller,
    user: UserId,
    deed: Deed,
}

impl Change for Do {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.done(work).await?;
        let action = match self.deed {
            Deed::Begin(_) => "second-factor.begin",
            Deed::Confirm(..) => "second-factor.on",
            Deed::Off(_) => "second-factor.off",
            Deed::Password { .. } => "password.change",
        };
        self.caller.note(work, action, self.user.to_string(), word(&done));
        Ok(done)
    }
}

impl Do {
    async fn done(&self, work: &mut Work<'_>) -> Result<Outcome<()>, StoreError> {
        let Self { caller, user, deed } = self;
        let id = user.to_string();
        let (changed, refusal) = match deed {
            Deed::Begin(sealed) => {
                let set = sqlx::query(
                    "UPDATE users SET totp = $2, totp_step = NULL WHERE id = $1 AND totp_confirmed = 0 AND service = 0",
                );
                (set.bind(&id).bind(sealed.0.as_slice()).execute(work.db()).await?, UserRefusal::TotpOn)
            }
            Deed::Confirm(sealed, step, codes) => {
                let set = sqlx::query(
                    "UPDATE users SET totp_confirmed = 1, totp_step = $3
                     WHERE id = $1 AND totp_confirmed = 0 AND totp = $2",
                );
                let set = set.bind(&id).bind(sealed.0.as_slice()).bind(*step).execute(work.db()).await?;
                if set.rows_affected() == 1 {
                    replace(work, &id, codes).await?;
                }
                (set, UserRefusal::TotpOff)
            }
            Deed::Off(asked) => {
                if let Some((_, proven)) = asked
                    && prove(work, *user, proven).await?.is_err()
                {
                    return Ok(Err(UserRefusal::TotpOff));
                }
                let sealed = asked.as_ref().map(|(sealed, _)| sealed.0.as_slice());
                // Only what it was when the code was looked at.
                let set = sqlx::query(
                    "UPDATE users SET totp = NULL, totp_confirmed = 0, totp_step = NULL
                     WHERE id = $1 AND ((totp_confirmed = 1 AND totp = $2) OR (totp_confirmed = 0 AND $3 = 1 AND totp IS NOT NULL))",
                );
                let set = set.bind(&id).bind(sealed.unwrap_or_default()).bind(i64::from(asked.is_none()));
                let set = set.execute(work.db()).await?;
                if set.rows_affected() == 1 {
                    replace(work, &id, &[]).await?;
                }
                (set, UserRefusal::TotpOff)
            }
            Deed::Password { before, after, keep } => {
                let set = sqlx::query("UPDATE users SET password = $3 WHERE id = $1 AND password = $2");
                let set = set.bind(&id).bind(before.as_str()).bind(after.as_str()).execute(work.db()).await?;
                if set.rows_affected() == 1 {
                    void_ways_in(work, *user).await?;
                    let others = "UPDATE logins SET ended_at = $3, reason = $4
                                  WHERE user_id = $1 AND id <> $2 AND ended_at IS NULL";
                    sqlx::query(others)
                        .bind(&id)
                        .bind(keep.map(|login| login.to_string()).unwrap_or_default())
                        .bind(micros(caller.now))
                        .bind(Ends::Password.as_str())
                        .execute(work.db())
                        .await?;
                }
                (set, UserRefusal::NoUser)
            }
        };
        Ok(if changed.rows_affected() == 0 { Err(refusal) } else { Ok(()) })
    }
}

/// Asks this user for no second factor any more, whatever it was.
pub(super) async fn end_factor(work: &mut Work<'_>, user: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET totp = NULL, totp_confirmed = 0, totp_step = NULL WHERE id = $1")
        .bind(user)
        .execute(work.db())
        .await?;
    replace(work, user, &[]).await
}

/// Keeps these recovery codes and no others.
async fn replace(work: &mut Work<'_>, user: &str, codes: &[RecoveryDigest]) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1").bind(user).execute(work.db()).await?;
    for code in codes {
        sqlx::query("INSERT INTO recovery_codes (user_id, digest) VALUES ($1, $2)")
            .bind(user)
            .bind(code.as_bytes().as_slice())
            .execute(work.db())
            .await?;
    }
    Ok(())
}

type FactorColumns = (Option<String>, Option<Vec<u8>>, i64, Option<i64>);

impl Store {
    async fn factor_of(&self, caller: Caller, user: UserId, deed: Deed) -> Result<Outcome<()>, StoreError> {
        self.change(Do { caller, user, deed }).await
    }

    /// What is kept of somebody's password and second factor; none, if there is nobody or they are locked out.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn factor(&self, user: UserId) -> Result<Option<Factor>, StoreError> {
        let found: Option<FactorColumns> = sqlx::query_as(
            "SELECT password, totp, totp_confirmed, totp_step FROM users WHERE id = $1 AND locked_at IS NULL",
        )
        .bind(user.to_string())
        .fetch_optional(self.reader())
        .await?;
        Ok(found.map(|(password, totp, confirmed, step)| Factor {
            password,
            totp: totp.map(|sealed| (SealedTotp(sealed), confirmed == 1)),
            step,
        }))
    }

    /// What is kept of somebody's recovery codes.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn recovery_codes(&self, user: UserId) -> Result<Vec<RecoveryDigest>, StoreError> {
        let found: Vec<Vec<u8>> = sqlx::query_scalar("SELECT digest FROM recovery_codes WHERE user_id = $1")
            .bind(user.to_string())
            .fetch_all(self.reader())
            .await?;
        let digest = |bytes: &Vec<u8>| RecoveryDigest::from_bytes(bytes);
        found
            .iter()
            .map(digest)
            .collect::<Option<_>>()
            .ok_or_else(|| StoreError::corrupt("a recovery code has another length"))
    }

    /// Sets up a second factor, in place of one that was not confirmed.
    ///
    /// # Errors
    /// Those of the database. Refused with `TotpOn`.
    pub async fn begin_totp(
        &self,
        caller: Caller,
        user: UserId,
        sealed: SealedTotp,
    ) -> Result<Outcome<()>, StoreError> {
        self.factor_of(caller, user, Deed::Begin(sealed)).await
    }

    /// Asks for the second factor from now on, since it was shown to work.
    ///
    /// # Errors
    /// Those of the database. Refused with `TotpOff` when it is not the one that is being set up.
    pub async fn confirm_totp(
        &self,
        caller: Caller,
        user: UserId,
        (sealed, step, codes): (SealedTotp, Step, Vec<RecoveryDigest>),
    ) -> Result<Outcome<()>, StoreError> {
        self.factor_of(caller, user, Deed::Confirm(sealed, step, codes)).await
    }

    /// Asks for no second factor any more: for the one that was asked for only with a proof of it, which is used up.
    ///
    /// # Errors
    /// Those of the database. Refused with `TotpOff`.
    pub async fn end_totp(
        &self,
        caller: Caller,
        user: UserId,
        asked: Option<(SealedTotp, Proven)>,
    ) -> Result<Outcome<()>, StoreError> {
        self.factor_of(caller, user, Deed::Off(asked)).await
    }

    /// Another password, if it is still the one before. Logins other than this one end.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoUser` when the password is another by now.
    pub async fn change_password(
        &self,
        caller: Caller,
        user: UserId,
        (before, after): (String, String),
        keep: Option<LoginId>,
    ) -> Result<Outcome<()>, StoreError> {
        self.factor_of(caller, user, Deed::Password { before, after, keep }).await
    }
}
