//! `/api/v1/roles` and `/api/v1/access/explain`: what roles mean, and why somebody may or may not.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use waystation_core::access::{
    Action, Catalogue, Grant, Role, RoleName, Scope, Subject, Target, built_in_roles, decide, explain,
};
use waystation_core::name::UserName;
use waystation_core::user::UserRefusal;

use crate::api::body::{Body, parsed};
use crate::api::problem::Problem;
use crate::api::who::Who;
use crate::host::Host;

/// The longest sentence about a role, in bytes.
const MAX_ABOUT: usize = 500;

/// A role and what it allows.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RoleView {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// What it allows: actions, and on what.
    #[schema(value_type = Vec<Object>)]
    pub grants: Vec<Grant>,
    /// It is in the program, and stays as it is.
    pub built_in: bool,
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        Self {
            built_in: built_in_roles().iter().any(|known| known.name == role.name),
            name: role.name.to_string(),
            about: role.about,
            grants: role.grants.into(),
        }
    }
}

/// All roles.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RoleList {
    /// The built-in ones first.
    pub roles: Vec<RoleView>,
}

/// Lists roles.
#[utoipa::path(get, path = "/api/v1/roles", tag = "users",
    responses((status = 200, body = RoleList), (status = "default", body = Problem)))]
pub(crate) async fn list(State(host): State<Host>, who: Who) -> Result<Json<RoleList>, Problem> {
    who.may("role:read")?;
    let roles = host.store().roles(who.tenant()).await?;
    Ok(Json(RoleList { roles: roles.into_iter().map(RoleView::from).collect() }))
}

/// What a role allows.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRole {
    /// What it is for, in a sentence.
    #[serde(default)]
    about: String,
    /// What it allows: `[{"actions": ["item:read"], "on": {"item": ["apt/*"]}}]`.
    #[schema(value_type = Vec<Object>)]
    grants: Scope,
}

/// Makes a role, or gives one another meaning: then the logins of those who have it end.
#[utoipa::path(put, path = "/api/v1/roles/{name}", tag = "users", params(("name" = String, Path)),
    request_body = NewRole, responses((status = 200, body = RoleView), (status = "default", body = Problem)))]
pub(crate) async fn put(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
    Body(new): Body<NewRole>,
) -> Result<Json<RoleView>, Problem> {
    who.may("role:write")?;
    if new.about.len() > MAX_ABOUT {
        return Err(Problem::bad("too-long", format!("`about` has at most {MAX_ABOUT} bytes")));
    }
    let role = Role { name: parsed(&name)?, about: new.about, grants: new.grants };
    host.store().put_role(who.caller(), role.clone()).await??;
    Ok(Json(role.into()))
}

/// Removes a role that nobody has.
#[utoipa::path(delete, path = "/api/v1/roles/{name}", tag = "users", params(("name" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(crate) async fn remove(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    who.may("role:remove")?;
    let name: RoleName = parsed(&name)?;
    host.store().remove_role(who.caller(), name).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// What is asked.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    /// The user; oneself when left out.
    user: Option<String>,
    /// The action: `item:write`.
    action: String,
    /// On what: `host`, or `machine=web-1,tag=eu`.
    target: String,
}

/// Yes or no, and why.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Explained {
    /// Whether they may.
    pub allowed: bool,
    /// The stable word for why.
    pub because: String,
    /// A sentence that names the role and the grant that decided.
    pub explanation: String,
}

/// Says whether somebody may do something, and which rule decides. About oneself everybody may ask.
#[utoipa::path(get, path = "/api/v1/access/explain", tag = "users", params(Why),
    responses((status = 200, body = Explained), (status = "default", body = Problem)))]
pub(crate) async fn why(
    State(host): State<Host>,
    who: Who,
    query: Result<Query<Why>, QueryRejection>,
) -> Result<Json<Explained>, Problem> {
    let Query(why) = query.map_err(|e| Problem::bad("bad-query", e.body_text()))?;
    let (action, target): (Action, Target) = (parsed(&why.action)?, parsed(&why.target)?);
    let told = |subject: &Subject<'_>| {
        let decision = decide(&Catalogue::default(), subject, &action, &target);
        let explanation = explain(subject, &action, &target, &decision);
        Json(Explained { allowed: decision.allowed(), because: decision.code().into(), explanation })
    };
    match why.user.filter(|name| name != who.name().as_str()) {
        None => Ok(told(&who.subject())),
        Some(name) => {
            who.may("user:read")?;
            who.may("role:read")?;
            let name: UserName = parsed(&name)?;
            let user = host.store().standing_of(who.tenant(), &name).await?.ok_or(UserRefusal::NoUser)?;
            Ok(told(&Subject { name: user.name.as_str(), roles: &user.roles, token: None }))
        }
    }
}
