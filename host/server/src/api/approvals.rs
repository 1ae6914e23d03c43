//! `/api/v1/approvals`: requests for tickets that people approve.
//!
//! Only somebody who is logged in decides: an API token, also of a person, does not.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use waystation_core::approval::{ApprovalRefusal, ApprovalState, DECIDE, Hand, READ, target};
use waystation_core::id::ApprovalId;
use waystation_store::tickets::approval::{Approval, ApprovalFilter, Person};

use crate::api::body::Body;
use crate::api::page::{limit, next};
use crate::api::problem::Problem;
use crate::api::who::Who;
use crate::host::Host;

const WHAT: &str = "request for approval";

/// Which requests.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// The `next` of the page before.
    after: Option<String>,
    /// 1 to 1000; 200 when left out.
    limit: Option<u32>,
    /// In this state, such as `waiting`.
    state: Option<String>,
    /// Of this scope, such as `shell`.
    scope: Option<String>,
    /// Asked for by this agent.
    source: Option<String>,
    /// For this agent.
    target: Option<String>,
}

/// A request for a ticket that people approve.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApprovalView {
    /// By which it is named.
    pub id: String,
    /// `waiting` for people, `approved` and to be picked up, `used`, `rejected`, `expired` (not enough people said yes),
    /// `lapsed` (nobody picked it up), `ended` (what it stood on is no more).
    pub state: String,
    /// The scope that was registered.
    pub scope: String,
    /// To what the ticket is to admit.
    pub sub_scope: String,
    /// Of which instance.
    pub instance: String,
    /// The agent whose that is, and who asked.
    pub source: String,
    /// The agent that would be admitted.
    pub target: String,
    /// How many people have to say yes.
    pub people: u8,
    /// Who did, in that order.
    pub approved_by: Vec<Vote>,
    /// Who cannot, since they had a hand in it.
    pub not_by: Vec<HandView>,
    /// Since when it is there.
    pub created_at: Timestamp,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// Until when it waits for people, or for the agent that asked; when it ended, if it did.
    pub until: Timestamp,
    /// Who said no.
    pub rejected_by: Option<String>,
    /// Why somebody said no; or what it stood on that is no more.
    pub reason: Option<String>,
}

/// Somebody's yes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Vote {
    /// Whose.
    pub user: String,
    /// When.
    pub at: Timestamp,
}

/// Somebody who had a hand in a request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HandView {
    /// Who.
    pub user: String,
    /// Which: `assignment`, `scope`, `agent`.
    pub because: Vec<String>,
}

/// A page of requests, the oldest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ApprovalPage {
    /// Some of them.
    pub approvals: Vec<ApprovalView>,
    /// Give this as `after` for the next page; none when this is the last.
    pub next: Option<String>,
}

/// A no.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// Why: 1 to 500 characters on one line. The agent that asked is told.
    pub reason: String,
}

impl From<Approval> for ApprovalView {
    fn from(one: Approval) -> Self {
        let hand =
            |(user, hands): (waystation_core::name::UserName, std::collections::BTreeSet<Hand>)| HandView {
                user: user.to_string(),
                because: hands.iter().map(|hand| hand.as_str().to_owned()).collect(),
            };
        Self {
            id: one.id.to_string(),
            state: one.state.as_str().to_owned(),
            scope: one.registered.to_string(),
            sub_scope: one.scope.to_string(),
            instance: one.instance.to_string(),
            source: one.source.label(),
            target: one.target.label(),
            people: one.people,
            approved_by: one.said.into_iter().map(|(user, at)| Vote { user: user.to_string(), at }).collect(),
            not_by: one.hands.into_iter().map(hand).collect(),
            created_at: one.created_at,
            since: one.since,
            until: one.until,
            rejected_by: one.decided_by.map(|name| name.to_string()),
            reason: one.reason,
        }
    }
}

fn refused(refusal: ApprovalRefusal, id: &str) -> Problem {
    let status = match refusal {
        ApprovalRefusal::NotFound => return Problem::not_found(WHAT, id),
        ApprovalRefusal::Over | ApprovalRefusal::AlreadyGiven => StatusCode::CONFLICT,
        ApprovalRefusal::OwnHand(_) | ApprovalRefusal::NotAPerson | ApprovalRefusal::NotAllowed => {
            StatusCode::FORBIDDEN
        }
    };
    Problem::new(status, refusal.code(), refusal.to_string())
}

/// What is no id is nobody's.
fn named(text: &str) -> Result<ApprovalId, Problem> {
    text.parse().map_err(|_| Problem::not_found(WHAT, text))
}

/// Whether somebody sees it: who may decide on something sees what that is.
fn sees(who: &Who, one: &Approval) -> bool {
    let target = target(&one.registered);
    who.sees(READ, &target) || who.sees(DECIDE, &target)
}

/// One that this user sees.
async fn seen(host: &Host, who: &Who, id: ApprovalId) -> Result<Approval, Problem> {
    let found = host.store().approval(who.tenant(), id, Timestamp::now()).await?;
    found.filter(|one| sees(who, one)).ok_or_else(|| Problem::not_found(WHAT, &id.to_string()))
}

/// Lists requests that wait for people, and what became of others.
#[utoipa::path(get, path = "/api/v1/approvals", tag = "approvals", params(Wanted),
    responses((status = 200, body = ApprovalPage), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(host): State<Host>,
    who: Who,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<ApprovalPage>, Problem> {
    who.somewhere(READ)?;
    let Query(wanted) = query.map_err(|e| Problem::bad("bad-query", e.body_text()))?;
    let state = |word: String| {
        let words = ApprovalState::ALL.map(ApprovalState::as_str).join(", ");
        let unknown = || Problem::bad("bad-query", format!("a state is one of {words}"));
        ApprovalState::from_word(&word).ok_or_else(unknown)
    };
    let after = wanted.after.as_deref().map(str::parse::<ApprovalId>).transpose();
    let after = after.map_err(|e| Problem::bad(e.code(), e.to_string()))?;
    let filter = ApprovalFilter {
        state: wanted.state.map(state).transpose()?,
        scope: wanted.scope,
        source: wanted.source,
        target: wanted.target,
    };
    let limit = limit(wanted.limit);
    let found = host.store().approvals(who.tenant(), &filter, Timestamp::now(), after, limit).await?;
    let next = next(&found, limit, |one| one.id.to_string());
    let approvals = found.into_iter().filter(|one| sees(&who, one)).map(ApprovalView::from).collect();
    Ok(Json(ApprovalPage { approvals, next }))
}

/// Shows one request.
#[utoipa::path(get, path = "/api/v1/approvals/{id}", tag = "approvals", params(("id" = String, Path)),
    responses((status = 200, body = ApprovalView), (status = "default", body = Problem)))]
pub(crate) async fn show(
    State(host): State<Host>,
    who: Who,
    Path(id): Path<String>,
) -> Result<Json<ApprovalView>, Problem> {
    who.somewhere(READ)?;
    Ok(Json(seen(&host, &who, named(&id)?).await?.into()))
}

/// Who decides: somebody who is logged in, and may decide on this.
async fn decides(host: &Host, who: &Who, text: &str) -> Result<(Person, ApprovalId), Problem> {
    who.somewhere(DECIDE)?;
    let one = seen(host, who, named(text)?).await?;
    who.may_on(DECIDE, &target(&one.registered))?;
    let Some(login) = who.login() else {
        let refusal = ApprovalRefusal::NotAPerson;
        host.store().note_denied(who.caller(), format!("{DECIDE} on {}", one.id), refusal.code()).await?;
        return Err(refused(refusal, text));
    };
    Ok((Person { user: who.user(), login }, one.id))
}

/// Says yes to a request that waits. With the last yes that it takes, the agent that asked can come for its ticket.
#[utoipa::path(post, path = "/api/v1/approvals/{id}/approve", tag = "approvals", params(("id" = String, Path)),
    responses((status = 200, body = ApprovalView), (status = "default", body = Problem)))]
pub(crate) async fn approve(
    State(host): State<Host>,
    who: Who,
    Path(text): Path<String>,
) -> Result<Json<ApprovalView>, Problem> {
    let (person, id) = decides(&host, &who, &text).await?;
    let pickup = host.tickets().limits.approval_pickup;
    let done = host.store().approve(who.caller(), person, id, pickup).await?;
    Ok(Json(done.map_err(|refusal| refused(refusal, &text))?.into()))
}

/// Says no to a request that waits: that ends it, whoever said yes.
#[utoipa::path(post, path = "/api/v1/approvals/{id}/reject", tag = "approvals", params(("id" = String, Path)),
    request_body = Rejection,
    responses((status = 200, body = ApprovalView), (status = "default", body = Problem)))]
pub(crate) async fn reject(
    State(host): State<Host>,
    who: Who,
    Path(text): Path<String>,
    Body(body): Body<Rejection>,
) -> Result<Json<ApprovalView>, Problem> {
    let (person, id) = decides(&host, &who, &text).await?;
    let reason = body.reason.parse::<waystation_core::approval::Reason>();
    let reason = reason.map_err(|e| Problem::bad(e.code(), e.to_string()))?;
    let done = host.store().reject(who.caller(), person, id, reason).await?;
    Ok(Json(done.map_err(|refusal| refused(refusal, &text))?.into()))
}
