//! `/api/v1/auth`: logging in, staying logged in, logging out. Open to everybody, and counted by address.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waystation_core::id::UserId;
use waystation_core::name::{TenantName, UserName};
use waystation_identity::{IdentityError, RecoveryCode, RecoveryDigest, RefreshToken, Verdict};
use waystation_store::tickets::Caller;
use waystation_store::users::{Admitted, Fresh, Proven, Welcome};

use crate::api::body::{Body, parsed};
use crate::api::origin::Origin;
use crate::api::problem::Problem;
use crate::host::Host;
use crate::tickets::default_tenant;
use crate::users::forget_link;

/// The longest description of a client that is kept, in characters.
const MAX_CLIENT: usize = 200;

/// What somebody logs in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// The user.
    name: String,
    /// Their password.
    #[schema(value_type = String)]
    password: SecretString,
    /// The six digits of the app, or a recovery code, where a second factor is asked for.
    #[schema(value_type = Option<String>)]
    code: Option<SecretString>,
}

/// What somebody is logged in with.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Tokens {
    /// For `Authorization: Bearer`.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds for which the access token is good, if the login goes on.
    pub expires_in: i64,
    /// For `/api/v1/auth/refresh`: once.
    pub refresh_token: String,
    /// Until when the login goes on, if it is not refreshed.
    pub refresh_expires_at: Timestamp,
}

/// Makes what somebody gets whose login has begun, or goes on.
pub(super) fn tokens(
    host: &Host,
    tenant: TenantName,
    fresh: &Fresh,
    refresh: &RefreshToken,
    now: Timestamp,
) -> Result<Json<Tokens>, Problem> {
    let grant = host.users().access(tenant, fresh.user, fresh.login, now)?;
    Ok(Json(Tokens {
        access_token: grant.token.expose_secret().to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: grant.expires_at.as_second().saturating_sub(now.as_second()),
        refresh_token: refresh.reveal().to_owned(),
        refresh_expires_at: fresh.expires_at,
    }))
}

/// What a client says that it is.
pub(super) fn client(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(text.chars().filter(|c| !c.is_control()).take(MAX_CLIENT).collect())
}

/// Whoever is not logged in yet, from where they come.
pub(super) fn nobody(origin: &Origin) -> Result<Caller, Problem> {
    let tenant = default_tenant().ok_or_else(|| Problem::not_found("tenant", "default"))?;
    Ok(origin.caller(tenant, "nobody".into(), "api"))
}

/// The one answer to a wrong name, a wrong password, and somebody who is locked out by an operator.
fn wrong() -> Problem {
    let detail =
        "name and password do not go together; try again, or ask for a link to choose a new password";
    Problem::new(StatusCode::UNAUTHORIZED, "login-failed", detail)
}

/// Logs in. Whoever failed too often, from one address or under one name, is told when to try again.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "auth", request_body = Credentials, security(()),
    responses((status = 200, body = Tokens), (status = "default", body = Problem)))]
pub(crate) async fn login(
    State(host): State<Host>,
    origin: Origin,
    headers: HeaderMap,
    Body(credentials): Body<Credentials>,
) -> Result<Json<Tokens>, Problem> {
    let caller = nobody(&origin)?;
    // What is no name is nobody's; it is counted as any other.
    let name: UserName = credentials.name.parse().map_or_else(|_| parsed("nobody-of-that-name"), Ok)?;
    let users = host.users();
    let begun = host.store().begin_login(caller.clone(), name.clone(), users.lives).await??;
    let kept = begun.user.as_ref().map(|user| user.password.clone());
    let verdict = users.passwords.verify(credentials.password.clone(), kept).await?;
    let (Verdict::Right { rehash }, Some(user)) = (verdict, begun.user.clone()) else {
        host.store().fail_login(caller, name, begun, "wrong-password").await?;
        return Err(wrong());
    };
    let proven = match (&user.totp, &credentials.code) {
        (None, _) => None,
        (Some(_), None) => {
            host.store().halve_login(caller, name, begun).await?;
            return Err(IdentityError::SecondFactor.into());
        }
        (Some(_), Some(code)) => match second(&host, &user, code.expose_secret()).await? {
            Ok(proven) => Some(proven),
            Err(e) => {
                host.store().fail_login(caller, name, begun, e.code()).await?;
                return Err(e.into());
            }
        },
    };
    let rehashed = if rehash { Some(users.passwords.hash(credentials.password).await?) } else { None };
    let refresh = RefreshToken::generate();
    let caller = Caller { actor: format!("user:{name}"), ..caller };
    let (tenant, now) = (caller.tenant.clone(), caller.now);
    let with = (refresh.clone(), client(&headers), users.lives.refresh);
    let done = host.store().finish_login(caller, name, (user, proven, rehashed), with).await?;
    tokens(&host, tenant, &done?, &refresh, now)
}

/// Whether a code is of somebody's second factor: six digits of the app, or a recovery code.
pub(super) async fn second(
    host: &Host,
    user: &Admitted,
    code: &str,
) -> Result<Result<Proven, IdentityError>, Problem> {
    let Some((sealed, last)) = &user.totp else { return Ok(Err(IdentityError::WrongCode)) };
    let code = code.trim();
    if code.len() == 6 {
        let secret = host.users().unseal(user.id, sealed)?;
        return Ok(secret.verify(code, *last, Timestamp::now()).map(Proven::Code));
    }
    recovery(host, user.id, code).await
}

/// Whether it is one of somebody's recovery codes.
pub(super) async fn recovery(
    host: &Host,
    user: UserId,
    code: &str,
) -> Result<Result<Proven, IdentityError>, Problem> {
    let Ok(code) = code.parse::<RecoveryCode>() else { return Ok(Err(IdentityError::WrongCode)) };
    let kept = host.store().recovery_codes(user).await?;
    let found = RecoveryDigest::find(&kept, &code).and_then(|n| kept.get(n).copied());
    Ok(found.map(Proven::Recovery).ok_or(IdentityError::WrongCode))
}

/// A refresh token to exchange.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    /// As it was got; used up by this.
    #[schema(value_type = String)]
    refresh_token: SecretString,
}

/// Exchanges a refresh token for new tokens. One that was used before ends the login: somebody else has it too.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "auth", request_body = Exchange, security(()),
    responses((status = 200, body = Tokens), (status = "default", body = Problem)))]
pub(crate) async fn refresh(
    State(host): State<Host>,
    origin: Origin,
    Body(exchange): Body<Exchange>,
) -> Result<Json<Tokens>, Problem> {
    let caller = nobody(&origin)?;
    let gone = || Problem::from(IdentityError::Ended);
    let presented: RefreshToken = exchange.refresh_token.expose_secret().parse().map_err(|_| gone())?;
    let (new, now) = (RefreshToken::generate(), caller.now);
    let life = host.users().lives.refresh;
    let done = host.store().refresh_login(caller, presented, (new.clone(), life)).await?;
    let rotated = done.map_err(|e| if e == IdentityError::Gone { gone() } else { e.into() })?;
    tokens(&host, rotated.tenant, &rotated.fresh, &new, now)
}

/// What a link is looked at with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkQuestion {
    /// The end of the link: `wsl_…`.
    #[schema(value_type = String)]
    link: SecretString,
}

/// What a link is for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct LinkView {
    /// `owner`: whoever uses it becomes owner. `password`: they choose a password.
    pub purpose: String,
    /// Whose password.
    pub name: Option<String>,
}

/// Says what a link is for, if it can be used.
#[utoipa::path(post, path = "/api/v1/auth/link", tag = "auth", request_body = LinkQuestion, security(()),
    responses((status = 200, body = LinkView), (status = "default", body = Problem)))]
pub(crate) async fn link(
    State(host): State<Host>,
    Body(question): Body<LinkQuestion>,
) -> Result<Json<LinkView>, Problem> {
    let link = question.link.expose_secret().trim().parse().map_err(|_| IdentityError::Gone)?;
    let welcome = host.store().link(&link, Timestamp::now()).await?.ok_or(IdentityError::Gone)?;
    Ok(Json(match welcome {
        Welcome::Owner => LinkView { purpose: "owner".into(), name: None },
        Welcome::Password(name) => LinkView { purpose: "password".into(), name: Some(name.to_string()) },
    }))
}

/// What somebody uses a link with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkUse {
    /// The end of the link: `wsl_…`.
    #[schema(value_type = String)]
    link: SecretString,
    /// What the owner wants to be called; nothing for a link to choose a password.
    name: Option<String>,
    /// The new password: 8 to 1,024 bytes.
    #[schema(value_type = String)]
    password: SecretString,
}

/// Uses a link, once: somebody becomes owner, or chooses a password, and is logged in.
#[utoipa::path(post, path = "/api/v1/auth/link/use", tag = "auth", request_body = LinkUse, security(()),
    responses((status = 201, body = Tokens), (status = "default", body = Problem)))]
pub(crate) async fn use_link(
    State(host): State<Host>,
    origin: Origin,
    headers: HeaderMap,
    Body(given): Body<LinkUse>,
) -> Result<(StatusCode, Json<Tokens>), Problem> {
    let caller = nobody(&origin)?;
    let link: waystation_identity::LinkToken =
        given.link.expose_secret().trim().parse().map_err(|_| IdentityError::Gone)?;
    let name: Option<UserName> = given.name.as_deref().map(parsed).transpose()?;
    // Before a password is hashed: that costs.
    let welcome = host.store().link(&link, caller.now).await?.ok_or(IdentityError::Gone)?;
    if welcome == Welcome::Owner && name.is_none() {
        return Err(Problem::bad("no-name", "say what the owner is called, as `name`"));
    }
    let password = host.users().passwords.hash(given.password).await?;
    let (refresh, now) = (RefreshToken::generate(), caller.now);
    let with = (refresh.clone(), client(&headers), host.users().lives.refresh);
    let (tenant, fresh) = host.store().redeem_link(caller, link, (name, password), with).await??;
    if welcome == Welcome::Owner {
        forget_link(&host);
    }
    Ok((StatusCode::CREATED, tokens(&host, tenant, &fresh, &refresh, now)?))
}
