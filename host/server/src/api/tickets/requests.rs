//! `/api/tickets`: tickets themselves.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;
use waystation_core::ticket::{Capability, InstanceId, Refusal, TicketDigest, TicketId};
use waystation_store::tickets::{Ask, ById, Pending, TicketRow, TicketState};

use super::answer::Answer;
use super::approvals;
use super::body::Body;
use super::caller::{Asker, of_agent};
use super::described as d;
use super::form::{Form, Issues};
use super::page::{Page, cursor, place, time};
use super::policy::{self, Between};
use super::scopes::next;
use super::stream::{Certificate, Ear, End};
use crate::config::HookPoint;
use crate::hooks::Question;
use crate::host::Host;

/// Tickets in one inbox answer.
pub(super) const INBOX: u32 = 1_000;

struct Request {
    scope: Capability,
    instance: InstanceId,
    target: String,
}

/// Hex of up to so many digits. Of another length than an id has, it is nobody's.
fn hex<'v>(form: &Form<'v>, key: &str, most: usize, issues: &mut Issues) -> Option<&'v str> {
    let text = form.text(key, most, issues)?;
    let good = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !good {
        issues.add(&form.path(key), "Invalid id");
    }
    good.then_some(text)
}

/// Issues a ticket to the owner of an instance.
#[utoipa::path(post, path = "/api/tickets", tag = "tickets", security(("certificate" = []), ("agent_key" = [])), request_body = d::TicketToIssue, responses(d::BodyRefusals, (status = 201, body = d::NewTicket), (status = 202, body = d::Refusal, description = "People are to approve it first; ask again"), (status = 404, body = d::Refusal, description = "It may not, or there is no such instance or target"), (status = 429, body = d::Refusal, description = "Too often; see Retry-After")))]
pub(super) async fn request(
    State(host): State<Host>,
    asker: Asker,
    Body(body): Body,
) -> Result<(StatusCode, Json<Value>), Answer> {
    let mut issues = Issues::default();
    let read = Form::of(body.as_ref(), &mut issues).and_then(|form| {
        let scope = form.parsed("scope", 100, &mut issues);
        let instance = hex(&form, "instanceId", 64, &mut issues);
        let target = form.text("target", 150, &mut issues);
        let instance = instance?.parse().unwrap_or_else(|_| InstanceId::new([0; 16]));
        Some(Request { scope: scope?, instance, target: target?.to_owned() })
    });
    let Request { scope, instance, target } = issues.done(read)?;
    let source = asker.agent()?;
    let (key, limits) = (&host.tickets().key, host.tickets().limits.clone());
    let what = (scope.clone(), instance);
    let done = if host.hooks().any(HookPoint::BeforeIssue) {
        let ask =
            Ask { caller: asker.caller(), source: source.clone(), what, target: target.clone(), limits };
        // What the host itself refuses is no question to anybody.
        if let Err(refusal) = host.store().look_at_request(ask.clone(), key).await? {
            return Err(unissued(&host, &asker, &refusal).await);
        }
        let between = Between { scope: &scope, instance, source: &source.label(), target: &target };
        let question = Question::Issue(policy::admission(&host, &asker, &between).await?);
        let on_record = ("ticket.issue", format!("{target} {scope}:{instance}"));
        policy::ask(&host, &asker, question, on_record, None).await?;
        host.store().issue_ticket(Ask { caller: asker.caller(), ..ask }, key).await?
    } else {
        host.store().request_ticket(asker.caller(), source.clone(), what, target.clone(), key, limits).await?
    };
    let issued = match done {
        Ok(issued) => issued,
        Err(refusal) => return Err(unissued(&host, &asker, &refusal).await),
    };
    let ticket = json!({
        "id": issued.id.reveal(), "scope": scope.as_str(), "instanceId": instance.to_string(),
        "source": source.label(), "target": target, "expiresAt": time(issued.expires_at),
    });
    Ok((StatusCode::CREATED, Json(json!({ "ok": true, "ticket": ticket }))))
}

/// Why there is no ticket, with what became of it where people approve it.
async fn unissued(host: &Host, asker: &Asker, refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::Waiting(id) => approvals::waiting(host, asker, *id).await,
        Refusal::NotApproved(id) => approvals::not_approved(host, asker, *id).await,
        refusal => refused(refusal),
    }
}

fn refused(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::ApprovalLimit => Answer::new(StatusCode::SERVICE_UNAVAILABLE, "Approval limit reached"),
        Refusal::InstanceStale => Answer::new(StatusCode::SERVICE_UNAVAILABLE, "Instance is stale"),
        Refusal::TicketLimit => Answer::new(StatusCode::SERVICE_UNAVAILABLE, "Ticket limit reached"),
        // Who may not is told no more than who asks for what is not there.
        refusal => Answer::too_often(refusal).unwrap_or_else(Answer::not_found),
    }
}

/// What the agent that asks can redeem. With `?wait=` the answer comes when there is something, at the latest after so
/// many seconds.
#[utoipa::path(get, path = "/api/tickets/inbox", tag = "tickets", security(("certificate" = []), ("agent_key" = [])), params(d::Waiting), responses(d::Refusals, (status = 200, body = d::TicketInbox), (status = 429, body = d::Refusal, description = "It waits too often at once")))]
pub(super) async fn inbox(
    State(host): State<Host>,
    asker: Asker,
    certificate: Certificate,
    page: Page,
) -> Result<Json<Value>, Answer> {
    let (target, key) = (asker.agent()?, &host.tickets().key);
    let pending = || host.store().inbox(asker.tenant(), &target, key, Timestamp::now(), INBOX);
    let Some(wait) = page.wait.filter(|wait| *wait > 0) else {
        return Ok(Json(inbox_view(&pending().await?)));
    };
    let deadline = Instant::now() + Duration::from_secs(wait);
    let mut ear = Ear::open(&host, &asker, certificate).await?;
    loop {
        let found = pending().await?;
        if !found.is_empty() {
            return Ok(Json(inbox_view(&found)));
        }
        match tokio::time::timeout_at(deadline, ear.hear()).await {
            Ok(Ok(_)) | Ok(Err(End::Agent)) => {}
            Ok(Err(_)) | Err(_) => return Ok(Json(inbox_view(&[]))),
        }
        let revoked = Answer::new(StatusCode::FORBIDDEN, "Certificate has been revoked");
        match ear.admitted() {
            Ok(()) if ear.enrolled().await?.is_some() => {}
            Err(End::Stopping) => return Ok(Json(inbox_view(&[]))),
            Ok(()) | Err(_) => return Err(revoked),
        }
    }
}

/// The inbox as clients read it.
pub(super) fn inbox_view(found: &[Pending]) -> Value {
    let tickets: Vec<_> = found
        .iter()
        .map(|one| {
            json!({
                "id": one.id.reveal(), "scope": one.scope.as_str(), "instanceId": one.instance.to_string(),
                "source": one.source.label(), "expiresAt": time(one.expires_at), "transport": one.transport,
            })
        })
        .collect();
    json!({ "tickets": tickets })
}

/// The id of a ticket in a body.
pub(super) fn ticket(body: Option<&Value>) -> Result<Option<TicketId>, Answer> {
    let mut issues = Issues::default();
    let read = Form::of(body, &mut issues).and_then(|form| hex(&form, "ticketId", 128, &mut issues));
    Ok(issues.done(read)?.parse().ok())
}

/// Redeems a ticket.
#[utoipa::path(post, path = "/api/tickets/validate", tag = "tickets", security(("certificate" = []), ("agent_key" = [])), request_body = d::TicketById, responses(d::BodyRefusals, (status = 200, body = d::RedeemedTicket)))]
pub(super) async fn validate(
    State(host): State<Host>,
    asker: Asker,
    Body(body): Body,
) -> Result<Json<Value>, Answer> {
    let invalid = || Answer::new(StatusCode::UNAUTHORIZED, "Invalid ticket");
    let id = ticket(body.as_ref())?.ok_or_else(invalid)?;
    let target = asker.agent_if().ok_or_else(invalid)?;
    let redeemed = if host.hooks().any(HookPoint::AfterValidate) {
        // Used up first, so that hooks are asked once for each ticket; it opens nothing before they allowed it.
        let held = host.store().hold_ticket(asker.caller(), target.clone(), &id).await?;
        let held = held.map_err(|_| invalid())?;
        let (source, label) = (held.source.label(), target.label());
        let between =
            Between { scope: &held.scope, instance: held.instance, source: &source, target: &label };
        let question = Question::Validate(policy::admission(&host, &asker, &between).await?);
        let on_record = ("ticket.redeem", id.digest().to_string());
        policy::ask(&host, &asker, question, on_record, Some(id.digest())).await?;
        let released = host.store().release_ticket(asker.caller(), target.clone(), &id).await?;
        released.map_err(|_| invalid())?;
        held
    } else {
        let done = host.store().redeem_ticket(asker.caller(), target.clone(), &id).await?;
        done.map_err(|_| invalid())?
    };
    Ok(Json(json!({
        "valid": true, "scope": redeemed.scope.as_str(), "instanceId": redeemed.instance.to_string(),
        "source": redeemed.source.label(), "target": target.label(), "transport": redeemed.transport,
    })))
}

/// Takes a ticket back: by its id, or by what lists call it.
#[utoipa::path(delete, path = "/api/tickets/{id}", tag = "tickets", security(("token" = [])), params(("id" = String, Path)), responses(d::Refusals, (status = 200, body = d::Done), (status = 404, body = d::Refusal, description = "There is none")))]
pub(super) async fn revoke(
    State(host): State<Host>,
    asker: Asker,
    Path(text): Path<String>,
    _: Body,
) -> Result<Json<Value>, Answer> {
    const MISSING: &str = "Ticket not found";
    asker.somewhere("ticket:revoke")?;
    let listed: TicketDigest = super::instances::id("ticketId", &text, MISSING)?;
    let secret: TicketId = super::instances::id("ticketId", &text, MISSING)?;
    let missing = || Answer::new(StatusCode::NOT_FOUND, MISSING);
    for digest in [listed, secret.digest()] {
        asker.may_by_id(&host, ("ticket:revoke", "ticket:read"), ById::Ticket(digest), missing).await?;
        match host.store().revoke_ticket(asker.caller(), digest).await? {
            Ok(()) => return Ok(Json(json!({ "ok": true }))),
            Err(_) => continue,
        }
    }
    Err(missing())
}

/// Lists tickets, without what they are redeemed with: `id` is the SHA-256 of that.
#[utoipa::path(get, path = "/api/tickets", tag = "tickets", security(("token" = [])), params(d::Paged), responses(d::Refusals, (status = 200, body = d::TicketList)))]
pub(super) async fn list(State(host): State<Host>, asker: Asker, page: Page) -> Result<Json<Value>, Answer> {
    asker.somewhere("ticket:read")?;
    let after = page.after.as_deref().map(place).transpose()?;
    let found = host.store().tickets(asker.tenant(), after, page.limit).await?;
    let next =
        next(found.len(), page.limit, || found.last().map(|last| cursor(last.created_at, last.digest)));
    let both = |row: &&TicketRow| {
        [&row.source, &row.target].iter().all(|agent| asker.sees("ticket:read", &of_agent(&row.scope, agent)))
    };
    Ok(Json(json!({ "tickets": found.iter().filter(both).map(view).collect::<Vec<_>>(), "next": next })))
}

fn view(row: &TicketRow) -> Value {
    let used = matches!(row.state, TicketState::Redeemed | TicketState::Revoked);
    json!({
        "id": row.digest.to_string(), "scope": row.scope.as_str(), "instanceId": row.instance.to_string(),
        "source": row.source.label(), "target": row.target.label(), "createdAt": time(row.created_at),
        "expiresAt": time(row.expires_at), "used": used,
        "usedAt": row.ended_at.filter(|_| used).map(time), "state": row.state.as_str(),
        "sessionId": row.session.map(|id| id.to_string()), "transport": row.transport,
    })
}
