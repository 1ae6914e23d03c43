//! `/api/v1/tokens`: API tokens. Everybody makes and removes their own; those of services and others take a role.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use waystation_core::access::{Grant, Scope};
use waystation_core::id::ApiTokenId;
use waystation_core::name::UserName;
use waystation_core::time::later;
use waystation_core::user::{TokenRecord, UserRefusal};
use waystation_identity::ApiToken;
use waystation_store::users::NewToken;

use crate::api::body::{Body, parsed};
use crate::api::page::{limit, next};
use crate::api::problem::Problem;
use crate::api::users::covers;
use crate::api::who::Who;
use crate::host::Host;

/// How long a token lives when nothing is said: 90 days.
const LIFE: Duration = Duration::from_secs(90 * 86_400);

/// A token, without its text.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Its id.
    pub id: String,
    /// Whose.
    pub user: String,
    /// What it is called.
    pub name: String,
    /// What it may be used for, within what its user may do.
    #[schema(value_type = Vec<Object>)]
    pub scope: Vec<Grant>,
    /// Tells tokens apart: the start of the SHA-256 of its text.
    pub fingerprint: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// When it was last used, within a minute.
    pub used_at: Option<Timestamp>,
}

impl From<TokenRecord> for TokenView {
    fn from(token: TokenRecord) -> Self {
        Self {
            id: token.id.to_string(),
            user: token.user.to_string(),
            name: token.name.to_string(),
            scope: token.scope.into(),
            fingerprint: token.fingerprint,
            created_at: token.created_at,
            expires_at: token.expires_at,
            used_at: token.used_at,
        }
    }
}

/// A page of tokens, oldest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenPage {
    /// Those of this page.
    pub tokens: Vec<TokenView>,
    /// Give this as `after` for the next page; none when this is the last.
    pub next: Option<String>,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Paging {
    /// Those of everybody, not one's own: takes `token:read`.
    #[serde(default)]
    all: bool,
    /// The last id of the page before.
    after: Option<String>,
    /// 1 to 1000; 200 when left out.
    limit: Option<u32>,
}

/// Lists tokens.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "users", params(Paging),
    responses((status = 200, body = TokenPage), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(host): State<Host>,
    who: Who,
    query: Result<Query<Paging>, QueryRejection>,
) -> Result<Json<TokenPage>, Problem> {
    let Query(paging) = query.map_err(|e| Problem::bad("bad-query", e.body_text()))?;
    // With a token, what else its user has made is somebody else's.
    if paging.all || who.login().is_none() {
        who.may("token:read")?;
    }
    let of = if paging.all { None } else { Some(who.user()) };
    let after = paging.after.as_deref().map(parsed).transpose()?;
    let limit = limit(paging.limit);
    let tokens = host.store().tokens(who.tenant(), of, (after, limit), Timestamp::now()).await?;
    let next = next(&tokens, limit, |last| last.id.to_string());
    Ok(Json(TokenPage { tokens: tokens.into_iter().map(TokenView::from).collect(), next }))
}

/// A token to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenToAdd {
    /// What it is called.
    name: String,
    /// The service that it is for: takes `token:write`. One's own when left out.
    service: Option<String>,
    /// What it may be used for, within what its user may do: `[{"actions": ["item:read"]}]`.
    #[schema(value_type = Vec<Object>)]
    scope: Scope,
    /// Seconds for which it holds; 90 days when left out.
    expires_in: Option<u64>,
}

/// A token that was made.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct AddedToken {
    /// What is kept of it.
    #[serde(flatten)]
    pub record: TokenView,
    /// It. It is shown here and never again.
    pub token: String,
}

/// Makes a token: as a person who logged in lately, not with another token.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "users", request_body = TokenToAdd,
    responses((status = 201, body = AddedToken), (status = "default", body = Problem)))]
pub(crate) async fn add(
    State(host): State<Host>,
    who: Who,
    Body(new): Body<TokenToAdd>,
) -> Result<(StatusCode, Json<AddedToken>), Problem> {
    who.just_logged_in()?;
    let user = match &new.service {
        None => who.name().clone(),
        Some(service) => {
            who.may("token:write")?;
            let name: UserName = parsed(service)?;
            let user = host.store().user(who.tenant(), &name).await?.ok_or(UserRefusal::NoUser)?;
            if !user.service {
                let detail = format!("`{name}` is a person, who makes tokens of their own");
                return Err(Problem::new(StatusCode::CONFLICT, "not-a-service", detail));
            }
            covers(&who, &user)?;
            name
        }
    };
    let life = Duration::from_secs(new.expires_in.unwrap_or(LIFE.as_secs()));
    let most = host.users().token_life;
    if life.is_zero() || life > most {
        let detail = format!("`expires_in` is 1 to {} (`identity.token_life`)", most.as_secs());
        return Err(Problem::bad("token-life", detail));
    }
    let token = ApiToken::generate();
    let (caller, digest) = (who.caller(), *token.digest().as_bytes());
    let expires_at = later(caller.now, life);
    let new = NewToken { user, name: parsed(&new.name)?, scope: new.scope, digest, expires_at };
    let record = host.store().add_token(caller, new).await??;
    let added = AddedToken { record: record.into(), token: token.reveal().to_owned() };
    Ok((StatusCode::CREATED, Json(added)))
}

/// Takes a token back, at once. One of somebody else's takes `token:remove`.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "users", params(("id" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(crate) async fn remove(
    State(host): State<Host>,
    who: Who,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: ApiTokenId = parsed(&id)?;
    if who.login().is_none() {
        who.may("token:remove")?;
    }
    let anybodys = who.sees("token:remove", &waystation_core::access::Target::default());
    let of = if anybodys { None } else { Some(who.user()) };
    host.store().remove_token(who.caller(), id, of).await??;
    Ok(StatusCode::NO_CONTENT)
}
