//! `/api/tickets/sessions`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use waystation_core::ticket::{EndReason, Refusal, Session, SessionId, SessionStatus};
use waystation_store::tickets::{ById, Mark};

use super::answer::Answer;
use super::body::Body;
use super::caller::{Asker, of_agent};
use super::described as d;
use super::form::{Form, Issues};
use super::page::{Page, cursor, place, time};
use super::policy;
use super::requests::ticket;
use super::scopes::next;
use crate::host::Host;

/// What the reference API says beside each session, and nobody enforces.
const GRACE: u32 = 60;

pub(super) fn missing() -> Answer {
    Answer::new(StatusCode::NOT_FOUND, "Session not found")
}

/// An id in a path: what is well written and nobody's is not found.
pub(super) fn named(text: &str) -> Result<SessionId, Answer> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
    if text.is_empty() || text.len() > 128 || !text.bytes().all(plain) {
        return Err(Issues::one("sessionId", "Invalid id"));
    }
    text.parse().map_err(|_| missing())
}

/// Opens the session of a ticket that was redeemed.
#[utoipa::path(post, path = "/api/tickets/sessions", tag = "tickets", security(("certificate" = []), ("agent_key" = [])), request_body = d::TicketById, responses(d::BodyRefusals, (status = 201, body = d::OpenedSession), (status = 409, body = d::Refusal, description = "The ticket has one")))]
pub(super) async fn open(
    State(host): State<Host>,
    asker: Asker,
    Body(body): Body,
) -> Result<(StatusCode, Json<Value>), Answer> {
    let invalid = || Answer::bad("Invalid ticket");
    let id = ticket(body.as_ref())?;
    let target = asker.agent()?;
    let id = id.ok_or_else(invalid)?;
    let limits = host.tickets().limits.clone();
    let done = host.store().open_session(asker.caller(), target, &id, limits).await?;
    let session = done.map_err(|refusal| match refusal {
        Refusal::SessionExists => Answer::new(StatusCode::CONFLICT, "Session already exists for this ticket"),
        Refusal::SessionLimit => Answer::new(StatusCode::SERVICE_UNAVAILABLE, "Session limit reached"),
        _ => invalid(),
    })?;
    // Whoever redeemed it knows the id.
    let session = view(&session, &id.reveal());
    Ok((StatusCode::CREATED, Json(json!({ "ok": true, "session": session }))))
}

/// The target says that a session is alive, and hears whether it is.
#[utoipa::path(post, path = "/api/tickets/sessions/{id}/heartbeat", tag = "tickets", security(("certificate" = []), ("agent_key" = [])), params(("id" = String, Path)), responses(d::Refusals, (status = 200, body = d::Beat), (status = 404, body = d::Refusal, description = "There is none of theirs")))]
pub(super) async fn heartbeat(
    State(host): State<Host>,
    asker: Asker,
    Path(session): Path<String>,
    _: Body,
) -> Result<Json<Value>, Answer> {
    let id = named(&session)?;
    let limits = host.tickets().limits.clone();
    let beat = host.store().session_heartbeat(asker.caller(), asker.agent()?, id, limits).await?;
    let alive = match beat.map_err(|_| missing())? {
        // What the host itself ends is no question to anybody.
        Ok(()) => policy::stays(&host, &asker, id).await?,
        Err(reason) => Err(reason),
    };
    Ok(Json(match alive {
        Ok(()) => json!({ "authorized": true }),
        // Clients know five words; the sixth key says more to those that look.
        Err(reason) => {
            json!({ "authorized": false, "reason": reason.compatible().as_str(), "cause": reason.as_str() })
        }
    }))
}

/// A party says how a session is.
#[utoipa::path(patch, path = "/api/tickets/sessions/{id}", tag = "tickets", security(("certificate" = []), ("agent_key" = [])), params(("id" = String, Path)), request_body = d::SessionMark, responses(d::BodyRefusals, (status = 200, body = d::Done), (status = 404, body = d::Refusal, description = "There is none of theirs"), (status = 409, body = d::Refusal, description = "It is over")))]
pub(super) async fn mark(
    State(host): State<Host>,
    asker: Asker,
    Path(session): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>, Answer> {
    let id = named(&session)?;
    let mut issues = Issues::default();
    let read =
        Form::of(body.as_ref(), &mut issues).and_then(|form| match form.text("status", 16, &mut issues)? {
            "active" => Some(Mark::Active),
            "grace" => Some(Mark::Grace),
            _ => {
                issues.add(&form.path("status"), "Expected one of active, grace");
                None
            }
        });
    let mark = issues.done(read)?;
    let limits = host.tickets().limits.clone();
    let over = || Answer::new(StatusCode::CONFLICT, "Session is terminated");
    let done = host.store().mark_session(asker.caller(), asker.agent()?, id, mark, limits).await?;
    done.map_err(|refusal| match refusal {
        Refusal::SessionOver => over(),
        _ => missing(),
    })?;
    // It keeps the session alive as a heartbeat does, so whoever decides on that decides on this.
    policy::stays(&host, &asker, id).await?.map_err(|_| over())?;
    Ok(Json(json!({ "ok": true })))
}

/// Ends a session.
#[utoipa::path(delete, path = "/api/tickets/sessions/{id}", tag = "tickets", security(("token" = [])), params(("id" = String, Path)), responses(d::Refusals, (status = 200, body = d::Done), (status = 404, body = d::Refusal, description = "There is none")))]
pub(super) async fn end(
    State(host): State<Host>,
    asker: Asker,
    Path(session): Path<String>,
    _: Body,
) -> Result<Json<Value>, Answer> {
    asker.somewhere("session:end")?;
    let id = named(&session)?;
    asker.may_by_id(&host, ("session:end", "session:read"), ById::Session(id), missing).await?;
    host.store().end_session(asker.caller(), id).await?.map_err(|_| missing())?;
    Ok(Json(json!({ "ok": true })))
}

/// Lists sessions.
#[utoipa::path(get, path = "/api/tickets/sessions", tag = "tickets", security(("token" = [])), params(d::Paged), responses(d::Refusals, (status = 200, body = d::TicketSessions)))]
pub(super) async fn list(State(host): State<Host>, asker: Asker, page: Page) -> Result<Json<Value>, Answer> {
    asker.somewhere("session:read")?;
    let after = page.after.as_deref().map(place).transpose()?;
    let found = host.store().sessions(asker.tenant(), after, page.limit).await?;
    let next = next(found.len(), page.limit, || found.last().map(|last| cursor(last.created_at, last.id)));
    let both = |one: &&Session| {
        [&one.source, &one.target]
            .iter()
            .all(|agent| asker.sees("session:read", &of_agent(&one.scope, agent)))
    };
    let sessions: Vec<_> = found.iter().filter(both).map(|one| view(one, &one.ticket.to_string())).collect();
    Ok(Json(json!({ "sessions": sessions, "next": next })))
}

pub(super) fn view(session: &Session, ticket: &str) -> Value {
    let mut view = json!({
        "sessionId": session.id.to_string(), "ticketId": ticket, "scope": session.scope.as_str(),
        "instanceId": session.instance.to_string(), "source": session.source.label(),
        "target": session.target.label(), "createdAt": time(session.created_at),
        "lastActivityAt": time(session.last_activity), "status": session.status.as_str(),
        "reconnectGraceSeconds": GRACE,
    });
    if let (SessionStatus::Ended { at, reason }, Some(fields)) = (session.status, view.as_object_mut()) {
        let by = if reason == EndReason::AdminKilled { "admin" } else { "system" };
        fields.insert("terminatedBy".into(), by.into());
        fields.insert("terminatedAt".into(), time(at).into());
        fields.insert("reason".into(), reason.as_str().into());
    }
    view
}
