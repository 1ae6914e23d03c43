//! `/api/v1/users/{name}/identities`: who users are at the providers that they log in at.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waystation_core::user::Identity;
use waystation_store::users::NewIdentity;

use crate::api::body::{Body, parsed};
use crate::api::problem::Problem;
use crate::api::users::{covers, found};
use crate::api::who::Who;
use crate::host::Host;

/// Who a user is at a provider.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct IdentityView {
    /// Its id.
    pub id: String,
    /// The provider, as the configuration calls it.
    pub provider: String,
    /// As it calls itself.
    pub issuer: String,
    /// Who they are there.
    pub subject: String,
    /// They became a user by coming.
    pub joined: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// When somebody last logged in by it.
    pub used_at: Option<Timestamp>,
}

impl From<Identity> for IdentityView {
    fn from(identity: Identity) -> Self {
        Self {
            id: identity.id.to_string(),
            provider: identity.provider.to_string(),
            issuer: identity.issuer,
            subject: identity.subject.to_string(),
            joined: identity.joined,
            created_at: identity.created_at,
            used_at: identity.used_at,
        }
    }
}

/// Who a user is at providers.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct IdentityList {
    /// Oldest first.
    pub identities: Vec<IdentityView>,
}

impl IdentityList {
    fn of(found: Vec<Identity>) -> Json<Self> {
        Json(Self { identities: found.into_iter().map(IdentityView::from).collect() })
    }
}

/// Says at which providers a user can log in, and as whom.
#[utoipa::path(get, path = "/api/v1/users/{name}/identities", tag = "users", params(("name" = String, Path)),
    responses((status = 200, body = IdentityList), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Json<IdentityList>, Problem> {
    who.may("user:read")?;
    let user = found(&host, &who, &parsed(&name)?).await?;
    Ok(IdentityList::of(host.store().identities(who.tenant(), user.id).await?))
}

/// Says at which providers one can log in oneself, and as whom.
#[utoipa::path(get, path = "/api/v1/auth/identities", tag = "auth",
    responses((status = 200, body = IdentityList), (status = "default", body = Problem)))]
pub(crate) async fn own(State(host): State<Host>, who: Who) -> Result<Json<IdentityList>, Problem> {
    Ok(IdentityList::of(host.store().identities(who.tenant(), who.user()).await?))
}

/// Whom a user is to be at a provider.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityToBind {
    /// The provider, as the configuration calls it.
    provider: String,
    /// Who they are there: `sub` of its ID tokens, letter by letter.
    subject: String,
}

/// Lets a user log in at a provider.
#[utoipa::path(post, path = "/api/v1/users/{name}/identities", tag = "users", params(("name" = String, Path)),
    request_body = IdentityToBind, responses((status = 201, body = IdentityView), (status = "default", body = Problem)))]
pub(crate) async fn bind(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
    Body(new): Body<IdentityToBind>,
) -> Result<(StatusCode, Json<IdentityView>), Problem> {
    who.may("user:write")?;
    who.just_logged_in()?;
    let user = found(&host, &who, &parsed(&name)?).await?;
    covers(&who, &user)?;
    let provider = host.providers().get(&new.provider).ok_or_else(|| {
        Problem::bad(
            "no-such-provider",
            "there is no such provider in `[identity.oidc]` of the configuration",
        )
    })?;
    let (provider, issuer) = (provider.name().clone(), provider.issuer().to_owned());
    let new = NewIdentity { provider, issuer, subject: parsed(&new.subject)? };
    let bound = host.store().bind_identity(who.caller(), user.name, new).await??;
    Ok((StatusCode::CREATED, Json(bound.into())))
}

/// Takes that back. The logins that came by it end.
#[utoipa::path(delete, path = "/api/v1/users/{name}/identities/{id}", tag = "users",
    params(("name" = String, Path), ("id" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(crate) async fn unbind(
    State(host): State<Host>,
    who: Who,
    Path((name, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    who.may("user:write")?;
    let user = found(&host, &who, &parsed(&name)?).await?;
    covers(&who, &user)?;
    host.store().unbind_identity(who.caller(), user.name, parsed(&id)?).await??;
    Ok(StatusCode::NO_CONTENT)
}
