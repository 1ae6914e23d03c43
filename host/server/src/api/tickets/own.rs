//! Sessions as their parties see them: `/api/tickets/sessions/{id}` and `/api/tickets/sessions/own`.
//!
//! The source owns what a session admits to, so it has to be able to ask whether a peer's session is alive, and with
//! what certificates that peer may come.

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use serde_json::{Value, json};
use waystation_core::agent::AgentName;
use waystation_core::ticket::{EndReason, Session, SessionId, SessionStatus};
use waystation_store::tickets::{Role, Standing};

use super::answer::Answer;
use super::caller::Asker;
use super::described as d;
use super::form::Issues;
use super::page::Page;
use super::scopes::next;
use super::sessions;
use crate::host::Host;

/// Says whether a session is alive, to its parties.
#[utoipa::path(get, path = "/api/tickets/sessions/{id}", tag = "tickets", security(("certificate" = []), ("agent_key" = [])), params(("id" = String, Path)), responses(d::Refusals, (status = 200, body = d::SessionStanding), (status = 404, body = d::Refusal, description = "There is none of theirs")))]
pub(super) async fn show(
    State(host): State<Host>,
    asker: Asker,
    Path(session): Path<String>,
) -> Result<Json<Value>, Answer> {
    let id = sessions::named(&session)?;
    let (party, now) = (asker.agent()?, Timestamp::now());
    let limits = &host.tickets().limits;
    let found = host.store().session_standing(asker.tenant(), &party, id, now, limits).await?;
    let Standing { session, over, certificates } = found.map_err(|_| sessions::missing())?;
    let mut view = view(&session, &party);
    if let (Some(reason), SessionStatus::Active | SessionStatus::Grace, Some(fields)) =
        (over, session.status, view.as_object_mut())
    {
        // It is over, and nobody came by to write that down.
        fields.insert("status".into(), "dead".into());
        fields.insert("reason".into(), reason.as_str().into());
    }
    let reason = over.map(EndReason::as_str);
    Ok(Json(json!({
        "alive": over.is_none(), "reason": reason, "peerCertificates": certificates, "session": view,
    })))
}

/// Lists the open sessions of the agent that asks, in one role or both.
#[utoipa::path(get, path = "/api/tickets/sessions/own", tag = "tickets", security(("certificate" = []), ("agent_key" = [])), params(d::Paged, d::AsWhat), responses(d::Refusals, (status = 200, body = d::TicketSessions)))]
pub(super) async fn list(State(host): State<Host>, asker: Asker, page: Page) -> Result<Json<Value>, Answer> {
    let party = asker.agent()?;
    let wrong = || Issues::one("role", "Expected one of source, target");
    let role = page.role.as_deref().map(|word| Role::from_word(word).ok_or_else(wrong)).transpose()?;
    let after = page.after.as_deref().map(str::parse::<SessionId>);
    let after = after.transpose().map_err(|e| Issues::one("after", e))?;
    let found = host.store().own_sessions(asker.tenant(), &party, role, after, page.limit).await?;
    let next = next(found.len(), page.limit, || found.last().map(|last| last.id.to_string()));
    let sessions: Vec<_> = found.iter().map(|one| view(one, &party)).collect();
    Ok(Json(json!({ "sessions": sessions, "next": next })))
}

/// A session as one of its parties sees it.
pub(super) fn view(session: &Session, party: &AgentName) -> Value {
    let mut view = sessions::view(session, &session.ticket.to_string());
    let (role, peer) = match session.source == *party {
        true => (Role::Source, &session.target),
        false => (Role::Target, &session.source),
    };
    if let Some(fields) = view.as_object_mut() {
        fields.insert("role".into(), role.as_str().into());
        fields.insert("peer".into(), peer.label().into());
    }
    view
}
