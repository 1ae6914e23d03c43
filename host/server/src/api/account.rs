//! `/api/v1/auth`: what those who are logged in do about themselves. Everybody may.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waystation_identity::{IdentityError, RecoveryCode, TotpSecret, Verdict};
use waystation_store::users::{Begun, Proven};

use crate::api::body::{Body, parsed};
use crate::api::login::recovery;
use crate::api::problem::Problem;
use crate::api::who::Who;
use crate::host::Host;

/// Who asks.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// The user.
    pub name: String,
    /// What they may do.
    pub roles: Vec<String>,
    /// The API token that they use, if it is one.
    pub token: Option<String>,
    /// The login, if it is one.
    pub login: Option<String>,
}

/// Says who asks.
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "auth",
    responses((status = 200, body = Me), (status = "default", body = Problem)))]
pub(crate) async fn me(who: Who) -> Json<Me> {
    Json(Me {
        name: who.name().to_string(),
        roles: who.roles().iter().map(|role| role.name.to_string()).collect(),
        token: who.token().map(ToString::to_string),
        login: who.login().map(|login| login.to_string()),
    })
}

/// Logs out: the access token is worth nothing from now on.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "auth",
    responses((status = 204), (status = "default", body = Problem)))]
pub(crate) async fn logout(State(host): State<Host>, who: Who) -> Result<StatusCode, Problem> {
    let login = who.person()?;
    host.store().logout(who.caller(), who.user(), login).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Something that somebody is logged in with.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct LoginView {
    /// Its id.
    pub id: String,
    /// By what: `password`, `link`, `device`, `oidc:PROVIDER`.
    pub method: String,
    /// Where it was begun from.
    pub address: Option<String>,
    /// What it was begun with, as that says of itself.
    pub client: Option<String>,
    /// Since when.
    pub started_at: Timestamp,
    /// Until when, if it is not refreshed.
    pub expires_at: Timestamp,
    /// It is the one that asks.
    pub current: bool,
}

/// What somebody is logged in with.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct LoginList {
    /// Oldest first.
    pub logins: Vec<LoginView>,
}

/// Lists one's own logins.
#[utoipa::path(get, path = "/api/v1/auth/logins", tag = "auth",
    responses((status = 200, body = LoginList), (status = "default", body = Problem)))]
pub(crate) async fn logins(State(host): State<Host>, who: Who) -> Result<Json<LoginList>, Problem> {
    who.person()?;
    let found = host.store().logins(who.user(), Timestamp::now()).await?;
    let logins = found.into_iter().map(|login| LoginView {
        current: who.login() == Some(login.id),
        id: login.id.to_string(),
        method: login.method,
        address: login.address,
        client: login.client,
        started_at: login.started_at,
        expires_at: login.expires_at,
    });
    Ok(Json(LoginList { logins: logins.collect() }))
}

/// Ends one of one's own logins.
#[utoipa::path(delete, path = "/api/v1/auth/logins/{id}", tag = "auth", params(("id" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(crate) async fn end_login(
    State(host): State<Host>,
    who: Who,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    who.person()?;
    host.store().logout(who.caller(), who.user(), parsed(&id)?).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    /// The one until now.
    #[schema(value_type = String)]
    current: SecretString,
    /// The one from now on: 8 to 1,024 bytes.
    #[schema(value_type = String)]
    new: SecretString,
}

/// That whoever is logged in knows the password as well: an open screen is not enough. Counted as a login.
async fn knows(host: &Host, who: &Who, password: SecretString) -> Result<String, Problem> {
    let (kept, begun) = tried(host, who, password).await?;
    host.store().halve_login(who.caller(), who.name().clone(), begun).await?;
    Ok(kept)
}

/// The same, and the attempt still counts: there is something else to show.
async fn tried(host: &Host, who: &Who, password: SecretString) -> Result<(String, Begun), Problem> {
    let (users, caller) = (host.users(), who.caller());
    let begun = host.store().begin_login(caller.clone(), who.name().clone(), users.lives).await??;
    let kept = begun.user.as_ref().map(|user| user.password.clone());
    match (users.passwords.verify(password, kept.clone()).await?, kept) {
        (Verdict::Right { .. }, Some(kept)) => Ok((kept, begun)),
        _ => {
            host.store().fail_login(caller, who.name().clone(), begun, "wrong-password").await?;
            Err(Problem::new(StatusCode::FORBIDDEN, "wrong-password", "this is not the password until now"))
        }
    }
}

/// Changes one's own password. All other logins end.
#[utoipa::path(put, path = "/api/v1/auth/password", tag = "auth", request_body = PasswordChange,
    responses((status = 204), (status = "default", body = Problem)))]
pub(crate) async fn password(
    State(host): State<Host>,
    who: Who,
    Body(change): Body<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let login = who.person()?;
    let before = knows(&host, &who, change.current).await?;
    let after = host.users().passwords.hash(change.new).await?;
    host.store().change_password(who.caller(), who.user(), (before, after), Some(login)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// One's password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Password {
    /// It.
    #[schema(value_type = String)]
    password: SecretString,
}

/// What to put into an authenticator app.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct SecondFactor {
    /// To type.
    pub secret: String,
    /// To show as a QR code.
    pub uri: String,
}

/// Begins to set up a second factor. It is asked for once it was shown to work.
#[utoipa::path(post, path = "/api/v1/auth/second-factor", tag = "auth", request_body = Password,
    responses((status = 200, body = SecondFactor), (status = "default", body = Problem)))]
pub(crate) async fn begin_totp(
    State(host): State<Host>,
    who: Who,
    Body(given): Body<Password>,
) -> Result<Json<SecondFactor>, Problem> {
    who.person()?;
    knows(&host, &who, given.password).await?;
    let secret = TotpSecret::generate();
    let sealed = host.users().seal(who.user(), &secret)?;
    host.store().begin_totp(who.caller(), who.user(), sealed).await??;
    let uri = secret.uri("Waystation", who.name().as_str());
    Ok(Json(SecondFactor { secret: secret.reveal(), uri }))
}

/// The digits that an app shows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Code {
    /// Six digits.
    #[schema(value_type = String)]
    code: SecretString,
}

/// What lets one in without the app.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct RecoveryCodes {
    /// Each works once. They are shown here and never again.
    pub recovery_codes: Vec<String>,
}

/// Shows that the second factor works. It is asked for from now on.
#[utoipa::path(post, path = "/api/v1/auth/second-factor/confirm", tag = "auth", request_body = Code,
    responses((status = 200, body = RecoveryCodes), (status = "default", body = Problem)))]
pub(crate) async fn confirm_totp(
    State(host): State<Host>,
    who: Who,
    Body(given): Body<Code>,
) -> Result<Json<RecoveryCodes>, Problem> {
    who.person()?;
    let factor = host.store().factor(who.user()).await?;
    let factor = factor.ok_or(IdentityError::Ended)?;
    let Some((sealed, false)) = factor.totp else {
        return Err(waystation_core::user::UserRefusal::TotpOff.into());
    };
    let secret = host.users().unseal(who.user(), &sealed)?;
    let step = secret.verify(given.code.expose_secret().trim(), factor.step, Timestamp::now());
    let wrong = |e: IdentityError| Problem::bad(e.code(), e.to_string());
    let step = step.map_err(wrong)?;
    let codes = RecoveryCode::generate();
    let digests = codes.iter().map(RecoveryCode::digest).collect();
    host.store().confirm_totp(who.caller(), who.user(), (sealed, step, digests)).await??;
    Ok(Json(RecoveryCodes { recovery_codes: codes.iter().map(RecoveryCode::reveal).collect() }))
}

/// What turns a second factor off.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TotpOff {
    /// One's password.
    #[schema(value_type = String)]
    password: SecretString,
    /// Six digits, or a recovery code.
    #[schema(value_type = String)]
    code: SecretString,
}

/// Asks for no second factor any more.
#[utoipa::path(post, path = "/api/v1/auth/second-factor/off", tag = "auth", request_body = TotpOff,
    responses((status = 204), (status = "default", body = Problem)))]
pub(crate) async fn end_totp(
    State(host): State<Host>,
    who: Who,
    Body(given): Body<TotpOff>,
) -> Result<StatusCode, Problem> {
    who.person()?;
    let (_, begun) = tried(&host, &who, given.password).await?;
    let factor = host.store().factor(who.user()).await?.ok_or(IdentityError::Ended)?;
    // One that was never confirmed is asked for by nobody.
    let mut asked = None;
    if let Some((sealed, true)) = factor.totp {
        let code = given.code.expose_secret().trim();
        let shown = match code.len() {
            6 => {
                let secret = host.users().unseal(who.user(), &sealed)?;
                secret.verify(code, factor.step, Timestamp::now()).map(Proven::Code)
            }
            _ => recovery(&host, who.user(), code).await?,
        };
        match shown {
            Ok(proven) => asked = Some((sealed, proven)),
            Err(e) => {
                host.store().fail_login(who.caller(), who.name().clone(), begun, e.code()).await?;
                return Err(Problem::bad(e.code(), e.to_string()));
            }
        }
    }
    host.store().halve_login(who.caller(), who.name().clone(), begun).await?;
    host.store().end_totp(who.caller(), who.user(), asked).await??;
    Ok(StatusCode::NO_CONTENT)
}
