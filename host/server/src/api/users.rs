//! `/api/v1/users`: who may use the host.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waystation_core::access::RoleName;
use waystation_core::name::UserName;
use waystation_core::user::{User, UserRefusal};
use waystation_identity::LinkToken;
use waystation_store::users::NewUser;

use crate::api::body::{Body, parsed};
use crate::api::page::{Paging, next};
use crate::api::problem::Problem;
use crate::api::who::Who;
use crate::host::Host;

/// A user or a service.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    /// What they log in as.
    pub name: String,
    /// It acts with API tokens only.
    pub service: bool,
    /// What they may do.
    pub roles: Vec<String>,
    /// A password was set.
    pub password: bool,
    /// A second factor is asked for.
    pub second_factor: bool,
    /// How many identities they have at providers, to log in with.
    pub identities: u32,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when they are locked out.
    pub locked_at: Option<Timestamp>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            name: user.name.to_string(),
            service: user.service,
            roles: user.roles.iter().map(ToString::to_string).collect(),
            password: user.password,
            second_factor: user.totp,
            identities: user.identities,
            created_at: user.created_at,
            locked_at: user.locked_at,
        }
    }
}

/// A page of users, by name.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct UserPage {
    /// Those of this page.
    pub users: Vec<UserView>,
    /// Give this as `after` for the next page; none when this is the last.
    pub next: Option<String>,
}

/// Lists users.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", params(Paging),
    responses((status = 200, body = UserPage), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(host): State<Host>,
    who: Who,
    query: Result<Query<Paging>, QueryRejection>,
) -> Result<Json<UserPage>, Problem> {
    who.may("user:read")?;
    let (after, limit) = Paging::read(query, parsed)?;
    let users = host.store().users(who.tenant(), after.as_ref(), limit).await?;
    let next = next(&users, limit, |last| last.name.to_string());
    Ok(Json(UserPage { users: users.into_iter().map(UserView::from).collect(), next }))
}

/// Shows one user.
#[utoipa::path(get, path = "/api/v1/users/{name}", tag = "users", params(("name" = String, Path)),
    responses((status = 200, body = UserView), (status = "default", body = Problem)))]
pub(crate) async fn show(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Json<UserView>, Problem> {
    who.may("user:read")?;
    found(&host, &who, &parsed(&name)?).await.map(|user| Json(user.into()))
}

pub(super) async fn found(host: &Host, who: &Who, name: &UserName) -> Result<User, Problem> {
    Ok(host.store().user(who.tenant(), name).await?.ok_or(UserRefusal::NoUser)?)
}

/// Who gives somebody a way in gets what they may do. So it takes all of their roles, or the right to give out any.
pub(super) fn covers(who: &Who, user: &User) -> Result<(), Problem> {
    let own = |role: &RoleName| who.roles().iter().any(|known| known.name == *role);
    // A token may be for less than its user has.
    match who.token().is_none() && user.roles.iter().all(own) {
        true => Ok(()),
        false => Ok(who.may("user:assign")?),
    }
}

/// Somebody to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserToAdd {
    /// What they log in as; an address of mail is one.
    name: String,
    /// What they may do. Whoever gives roles needs `user:assign`.
    #[serde(default)]
    roles: BTreeSet<String>,
    /// It is a service, which acts with API tokens only.
    #[serde(default)]
    service: bool,
}

/// A link with which somebody chooses a password.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct PasswordLink {
    /// The end of the link, for that person only. It is shown here and never again.
    pub link: String,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// Somebody who was added.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct AddedUser {
    /// Who.
    pub user: UserView,
    /// With which they choose a password; none for a service.
    pub password_link: Option<PasswordLink>,
}

fn roles(given: &BTreeSet<String>) -> Result<BTreeSet<RoleName>, Problem> {
    given.iter().map(|role| parsed(role)).collect()
}

/// Adds a user or a service. A user chooses a password with the link that this answers with.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = UserToAdd,
    responses((status = 201, body = AddedUser), (status = "default", body = Problem)))]
pub(crate) async fn add(
    State(host): State<Host>,
    who: Who,
    Body(new): Body<UserToAdd>,
) -> Result<(StatusCode, Json<AddedUser>), Problem> {
    who.may("user:write")?;
    let new = NewUser { name: parsed(&new.name)?, service: new.service, roles: roles(&new.roles)? };
    if !new.roles.is_empty() {
        who.may("user:assign")?;
    }
    let name = new.name.clone();
    let user = host.store().add_user(who.caller(), new).await??;
    let password_link = if user.service { None } else { Some(make_link(&host, &who, name).await?) };
    Ok((StatusCode::CREATED, Json(AddedUser { user: user.into(), password_link })))
}

async fn make_link(host: &Host, who: &Who, name: UserName) -> Result<PasswordLink, Problem> {
    let token = LinkToken::generate();
    let expires_at = host.store().make_password_link(who.caller(), token.clone(), name).await??;
    Ok(PasswordLink { link: token.reveal().to_owned(), expires_at })
}

/// Makes a link with which a user chooses another password, in place of the link before.
#[utoipa::path(post, path = "/api/v1/users/{name}/password-link", tag = "users", params(("name" = String, Path)),
    responses((status = 201, body = PasswordLink), (status = "default", body = Problem)))]
pub(crate) async fn password_link(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<PasswordLink>), Problem> {
    who.may("user:write")?;
    who.just_logged_in()?;
    let user = found(&host, &who, &parsed(&name)?).await?;
    if user.id == who.user() {
        let detail = "this is you: change your password with `waystation account password`";
        return Err(Problem::new(StatusCode::CONFLICT, "own-password", detail));
    }
    covers(&who, &user)?;
    Ok((StatusCode::CREATED, Json(make_link(&host, &who, user.name).await?)))
}

/// Removes a user with their logins and tokens.
#[utoipa::path(delete, path = "/api/v1/users/{name}", tag = "users", params(("name" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(crate) async fn remove(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    who.may("user:remove")?;
    host.store().remove_user(who.caller(), parsed(&name)?).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Locks a user out: their logins end, their tokens speak for nobody.
#[utoipa::path(post, path = "/api/v1/users/{name}/lock", tag = "users", params(("name" = String, Path)),
    responses((status = 200, body = UserView), (status = "default", body = Problem)))]
pub(crate) async fn lock(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Json<UserView>, Problem> {
    who.may("user:lock")?;
    let name: UserName = parsed(&name)?;
    host.store().lock_user(who.caller(), name.clone()).await??;
    found(&host, &who, &name).await.map(|user| Json(user.into()))
}

/// Lets a user in again, whatever they were locked out by.
#[utoipa::path(post, path = "/api/v1/users/{name}/unlock", tag = "users", params(("name" = String, Path)),
    responses((status = 200, body = UserView), (status = "default", body = Problem)))]
pub(crate) async fn unlock(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Json<UserView>, Problem> {
    who.may("user:lock")?;
    let name: UserName = parsed(&name)?;
    host.store().unlock_user(who.caller(), name.clone()).await??;
    found(&host, &who, &name).await.map(|user| Json(user.into()))
}

/// Ends all that a user is logged in with.
#[utoipa::path(post, path = "/api/v1/users/{name}/logout", tag = "users", params(("name" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(crate) async fn logout(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    who.may("user:logout")?;
    host.store().logout_user(who.caller(), parsed(&name)?).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// The roles of a user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Roles {
    /// These and no others.
    roles: BTreeSet<String>,
}

/// Gives a user these roles and no others. Their logins end.
#[utoipa::path(put, path = "/api/v1/users/{name}/roles", tag = "users", params(("name" = String, Path)),
    request_body = Roles, responses((status = 200, body = UserView), (status = "default", body = Problem)))]
pub(crate) async fn assign(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
    Body(given): Body<Roles>,
) -> Result<Json<UserView>, Problem> {
    who.may("user:assign")?;
    let name: UserName = parsed(&name)?;
    host.store().assign_roles(who.caller(), name.clone(), roles(&given.roles)?).await??;
    found(&host, &who, &name).await.map(|user| Json(user.into()))
}
