//! `/api/v1/enrolments`: invitations, with which machines become agents, and enrolments that wait for a person.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waystation_core::agent::AgentName;
use waystation_core::enrolment::{EnrolRefusal, MAX_USES};
use waystation_core::id::EnrolmentId;
use waystation_core::time::later;
use waystation_identity::EnrolmentToken as Token;
use waystation_store::enrolment::{EnrolmentToken, NewEnrolment, PendingEnrolment};

use crate::api::agents::{capabilities, named};
use crate::api::body::Body;
use crate::api::page::{Paging, next};
use crate::api::problem::Problem;
use crate::api::who::Who;
use crate::host::Host;

/// An invitation, without its token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Invitation {
    /// By which it is deleted.
    pub id: String,
    /// Tells tokens apart for people: six hex digits of the SHA-256 of this one.
    pub fingerprint: String,
    /// What the agent is called; whoever comes says so where this is not there.
    pub label: Option<String>,
    /// What the agent may do.
    pub capabilities: Vec<String>,
    /// How often it may be used.
    pub uses: u32,
    /// How often it was.
    pub used: u32,
    /// Whether a person looks at who comes with it.
    pub approve: bool,
    /// Whether an agent made it for another.
    pub delegated: bool,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// A page of invitations, the oldest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct InvitationPage {
    /// Some of them; used and expired ones for an hour after their end.
    pub enrolments: Vec<Invitation>,
    /// Give this as `after` for the next page; none when this is the last.
    pub next: Option<String>,
}

/// An invitation to make.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// What to call the agent: `LABEL`, or `plugin-agent:DELEGATOR:NAME`. Whoever comes says so when left out.
    pub label: Option<String>,
    /// What the agent may do.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// How often it may be used, 1 to 10,000; once when left out.
    pub uses: Option<u32>,
    /// For how many seconds; `enrolment.life` when left out.
    pub ttl_s: Option<u64>,
    /// Whether each that comes with it waits for a person.
    #[serde(default)]
    pub approve: bool,
}

/// An invitation that was just made. It does not print.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Invited {
    /// By which it is deleted.
    pub id: String,
    /// The token. It is not shown again.
    pub token: String,
    /// Six hex digits of its SHA-256, by which people tell it from others.
    pub fingerprint: String,
    /// How a machine knows this host: the SHA-256 of the key of its authority, or of the server. None where somebody
    /// else speaks TLS for it.
    pub pin: Option<String>,
    /// Where the host is, if its configuration says so.
    pub host: Option<String>,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for Invited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invited").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An enrolment that waits for a person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Pending {
    /// By which it is approved or rejected.
    pub id: String,
    /// The invitation that was used.
    pub enrolment: String,
    /// What the agent would be called.
    pub label: String,
    /// `approval`: the invitation asks for it. `collision`: agents of other names say to be on that machine.
    pub reason: String,
    /// Those agents.
    pub elsewhere: Vec<String>,
    /// What its machine says to be. It proves nothing.
    pub machine_uid: Option<String>,
    /// Where it came from.
    pub address: String,
    /// Since when it waits.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A page of them, the oldest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PendingPage {
    /// Some of them.
    pub pending: Vec<Pending>,
    /// Give this as `after` for the next page; none when this is the last.
    pub next: Option<String>,
}

/// An enrolment that does not wait any more.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SettledEnrolment {
    /// Which.
    pub id: String,
    /// Of which agent.
    pub label: String,
    /// `approved`: its machine gets its certificate when it comes again. `rejected`: it never does.
    pub state: String,
}

/// What a page begins after.
fn place(text: &str) -> Result<EnrolmentId, Problem> {
    text.parse().map_err(|e: waystation_core::id::InvalidId| Problem::bad(e.code(), e.to_string()))
}

/// What is no id is nobody's.
fn id(what: &str, text: &str) -> Result<EnrolmentId, Problem> {
    text.parse().map_err(|_| Problem::not_found(what, text))
}

fn refused(refusal: EnrolRefusal, what: &str, name: &str) -> Problem {
    match refusal {
        EnrolRefusal::NotFound => Problem::not_found(what, name),
        EnrolRefusal::Taken => {
            let detail = format!("an agent `{name}` is enrolled; revoke it first");
            Problem::new(StatusCode::CONFLICT, refusal.code(), detail)
        }
        _ => Problem::new(StatusCode::CONFLICT, refusal.code(), refusal.to_string()),
    }
}

impl From<EnrolmentToken> for Invitation {
    fn from(token: EnrolmentToken) -> Self {
        Self {
            id: token.id.to_string(),
            fingerprint: token.digest.fingerprint(),
            label: token.name.as_ref().map(AgentName::label),
            capabilities: token.capabilities.iter().map(ToString::to_string).collect(),
            uses: token.uses,
            used: token.used,
            approve: token.approve,
            delegated: token.delegated,
            made_by: token.made_by,
            created_at: token.created_at,
            expires_at: token.expires_at,
        }
    }
}

impl From<PendingEnrolment> for Pending {
    fn from(one: PendingEnrolment) -> Self {
        Self {
            id: one.id.to_string(),
            enrolment: one.token.to_string(),
            label: one.name.label(),
            reason: one.why.as_str().to_owned(),
            elsewhere: one.elsewhere.iter().map(AgentName::label).collect(),
            machine_uid: one.machine.as_ref().map(ToString::to_string),
            address: one.address,
            created_at: one.created_at,
            expires_at: one.until,
        }
    }
}

/// Lists invitations, without their tokens.
#[utoipa::path(get, path = "/api/v1/enrolments", tag = "agents", params(Paging),
    responses((status = 200, body = InvitationPage), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(host): State<Host>,
    who: Who,
    query: Result<Query<Paging>, QueryRejection>,
) -> Result<Json<InvitationPage>, Problem> {
    who.may("enrolment:read")?;
    let (after, limit) = Paging::read(query, place)?;
    let found = host.store().invites(who.tenant(), after, limit).await?;
    let next = next(&found, limit, |one| one.id.to_string());
    Ok(Json(InvitationPage { enrolments: found.into_iter().map(Invitation::from).collect(), next }))
}

/// Makes an invitation. Its token is in the answer, and nowhere else.
#[utoipa::path(post, path = "/api/v1/enrolments", tag = "agents", request_body = NewInvitation,
    responses((status = 201, body = Invited), (status = "default", body = Problem)))]
pub(crate) async fn invite(
    State(host): State<Host>,
    who: Who,
    Body(body): Body<NewInvitation>,
) -> Result<(StatusCode, Json<Invited>), Problem> {
    who.may("enrolment:write")?;
    let caller = who.caller();
    let limits = &host.tickets().enrolment;
    let name = body.label.as_deref().map(named).transpose()?;
    let uses = body.uses.unwrap_or(1);
    if !(1..=MAX_USES).contains(&uses) {
        let detail = format!("an invitation is used 1 to {MAX_USES} times");
        return Err(Problem::bad("enrolment-uses", detail));
    }
    let life = body.ttl_s.map_or(limits.life, std::time::Duration::from_secs);
    if life.is_zero() || life > limits.max_life {
        let most = limits.max_life.as_secs();
        let detail = format!("an invitation lasts 1 to {most} seconds; `enrolment.max_life` says so");
        return Err(Problem::bad("enrolment-ttl", detail));
    }
    let token = Token::generate();
    let new = NewEnrolment {
        name,
        capabilities: capabilities(&body.capabilities)?,
        uses,
        expires_at: later(caller.now, life),
        approve: body.approve,
        replace: false,
    };
    // As it is kept.
    let expires_at = Timestamp::from_microsecond(new.expires_at.as_microsecond()).unwrap_or(new.expires_at);
    let done = host.store().invite(caller, token.digest(), new).await?;
    let id = done.map_err(|refusal| refused(refusal, "agent", body.label.as_deref().unwrap_or_default()))?;
    let invited = Invited {
        id: id.to_string(),
        token: token.reveal().to_owned(),
        fingerprint: token.digest().fingerprint(),
        pin: host.pki().pin().map(|pin| pin.to_string()),
        host: host.config().server.public_url.as_ref().map(ToString::to_string),
        expires_at,
    };
    Ok((StatusCode::CREATED, Json(invited)))
}

/// Deletes an invitation: from now on nobody enrols with it, nor does who waits with it.
#[utoipa::path(delete, path = "/api/v1/enrolments/{id}", tag = "agents", params(("id" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(crate) async fn uninvite(
    State(host): State<Host>,
    who: Who,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    who.may("enrolment:remove")?;
    const WHAT: &str = "invitation";
    let done = host.store().uninvite(who.caller(), id(WHAT, &text)?).await?;
    done.map_err(|refusal| refused(refusal, WHAT, &text))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists enrolments that wait for a person.
#[utoipa::path(get, path = "/api/v1/enrolments/pending", tag = "agents", params(Paging),
    responses((status = 200, body = PendingPage), (status = "default", body = Problem)))]
pub(crate) async fn pending(
    State(host): State<Host>,
    who: Who,
    query: Result<Query<Paging>, QueryRejection>,
) -> Result<Json<PendingPage>, Problem> {
    who.may("enrolment:read")?;
    let (after, limit) = Paging::read(query, place)?;
    let found = host.store().pending_enrolments(who.tenant(), Timestamp::now(), after, limit).await?;
    let next = next(&found, limit, |one| one.id.to_string());
    Ok(Json(PendingPage { pending: found.into_iter().map(Pending::from).collect(), next }))
}

const WAITING: &str = "enrolment that waits";

fn settled(id: EnrolmentId, name: &AgentName, state: &str) -> Json<SettledEnrolment> {
    Json(SettledEnrolment { id: id.to_string(), label: name.label(), state: state.to_owned() })
}

/// Says yes to an enrolment that waits. Its machine gets its certificate when it comes again.
#[utoipa::path(post, path = "/api/v1/enrolments/pending/{id}/approve", tag = "agents", params(("id" = String, Path)),
    responses((status = 200, body = SettledEnrolment), (status = "default", body = Problem)))]
pub(crate) async fn approve(
    State(host): State<Host>,
    who: Who,
    Path(text): Path<String>,
) -> Result<Json<SettledEnrolment>, Problem> {
    who.may("agent:approve")?;
    let id = id(WAITING, &text)?;
    let done = host.store().approve_enrolment(who.caller(), id, &host.tickets().enrolment).await?;
    Ok(settled(id, &done.map_err(|refusal| refused(refusal, WAITING, &text))?, "approved"))
}

/// Says no to an enrolment that waits.
#[utoipa::path(post, path = "/api/v1/enrolments/pending/{id}/reject", tag = "agents", params(("id" = String, Path)),
    responses((status = 200, body = SettledEnrolment), (status = "default", body = Problem)))]
pub(crate) async fn reject(
    State(host): State<Host>,
    who: Who,
    Path(text): Path<String>,
) -> Result<Json<SettledEnrolment>, Problem> {
    who.may("agent:approve")?;
    let id = id(WAITING, &text)?;
    let done = host.store().reject_enrolment(who.caller(), id).await?;
    Ok(settled(id, &done.map_err(|refusal| refused(refusal, WAITING, &text))?, "rejected"))
}
