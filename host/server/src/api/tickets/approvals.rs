//! What agents are told of requests that people approve: `/api/tickets/approvals/{id}`, and as answers to requests.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;
use waystation_core::approval::ApprovalState;
use waystation_core::id::ApprovalId;
use waystation_core::time::later;
use waystation_store::tickets::approval::Approval;

use super::answer::Answer;
use super::caller::Asker;
use super::described as d;
use super::page::{Page, time};
use super::stream::{Certificate, Ear, End};
use crate::host::Host;

/// When whoever waits asks again. Six times a minute is less often than agents may ask.
const AGAIN: u32 = 10;

/// A request as the agent that asked sees it: without the people.
pub(super) fn view(one: &Approval) -> Value {
    json!({
        "id": one.id.to_string(), "state": one.state.as_str(), "scope": one.scope.as_str(),
        "instanceId": one.instance.to_string(), "target": one.target.label(), "people": one.people,
        "approved": one.said.len(), "createdAt": time(one.created_at), "expiresAt": time(one.until),
        "reason": one.reason,
    })
}

async fn own(host: &Host, asker: &Asker, id: ApprovalId) -> Result<Option<Approval>, Answer> {
    Ok(host.store().own_approval(asker.tenant(), &asker.agent()?, id, Timestamp::now()).await?)
}

/// It waits: 202, without a ticket. For clients that do not know of approval that is no ticket, and no failure that makes
/// them try again at once.
pub(super) async fn waiting(host: &Host, asker: &Asker, id: ApprovalId) -> Answer {
    let shown = match own(host, asker, id).await {
        Ok(found) => found.as_ref().map(view),
        Err(answer) => return answer,
    };
    let details = json!({ "code": "approval-waiting", "approval": shown });
    let answer = Answer::new(StatusCode::ACCEPTED, "Waiting for approval").with(details);
    Answer { retry_after: Some(AGAIN), ..answer }
}

/// People did not approve it: 403, with why, and when they can be asked again.
pub(super) async fn not_approved(host: &Host, asker: &Asker, id: ApprovalId) -> Answer {
    let found = match own(host, asker, id).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let Some(one) = found else { return Answer::not_found() };
    let (code, reason) = match one.state {
        ApprovalState::Rejected => ("approval-rejected", one.reason.as_deref()),
        _ => ("approval-expired", Some("not enough people approved it in time")),
    };
    let details = json!({ "code": code, "reason": reason, "approval": view(&one) });
    let quiet = later(one.since, host.tickets().limits.approval_quiet).duration_since(Timestamp::now());
    let left = u32::try_from(quiet.as_secs()).unwrap_or_default().saturating_add(1);
    let answer = Answer::new(StatusCode::FORBIDDEN, "Not approved").with(details);
    Answer { retry_after: Some(left), ..answer }
}

/// Says how a request stands, to the agent that asked. With `?wait=` once it does not wait for people any more, at the latest
/// after so many seconds.
#[utoipa::path(get, path = "/api/tickets/approvals/{id}", tag = "tickets", security(("certificate" = []), ("agent_key" = [])), params(("id" = String, Path), d::Waiting), responses(d::Refusals, (status = 200, body = d::ShownApproval), (status = 404, body = d::Refusal, description = "There is none of theirs"), (status = 429, body = d::Refusal, description = "It waits too often at once")))]
pub(super) async fn show(
    State(host): State<Host>,
    asker: Asker,
    certificate: Certificate,
    Path(text): Path<String>,
    page: Page,
) -> Result<Json<Value>, Answer> {
    asker.agent()?;
    let missing = || Answer::new(StatusCode::NOT_FOUND, "Approval not found");
    let id: ApprovalId = text.parse().map_err(|_| missing())?;
    let found = async || own(&host, &asker, id).await?.ok_or_else(missing);
    let shown = |one: &Approval| Json(json!({ "approval": view(one) }));
    let one = found().await?;
    let Some(wait) = page.wait.filter(|wait| *wait > 0 && one.state == ApprovalState::Waiting) else {
        return Ok(shown(&one));
    };
    let deadline = Instant::now() + Duration::from_secs(wait);
    let mut ear = Ear::open(&host, &asker, certificate).await?;
    loop {
        let one = found().await?;
        // Its time may be over before anybody writes that down.
        let left = one.until.duration_since(Timestamp::now()).try_into().unwrap_or_default();
        let look = deadline.min(Instant::now() + left);
        if one.state != ApprovalState::Waiting || Instant::now() >= deadline {
            return Ok(shown(&one));
        }
        let heard = tokio::time::timeout_at(look, ear.hear()).await;
        if let Ok(Err(End::Stopping | End::Unavailable)) = heard {
            return Ok(shown(&one));
        }
        match ear.admitted() {
            Ok(()) if ear.enrolled().await?.is_some() => {}
            Err(End::Stopping) => return Ok(shown(&one)),
            Ok(()) | Err(_) => {
                return Err(Answer::new(StatusCode::FORBIDDEN, "Certificate has been revoked"));
            }
        }
    }
}
