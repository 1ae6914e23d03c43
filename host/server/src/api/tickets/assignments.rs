//! `/api/tickets/assignments`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use waystation_core::agent::AgentName;
use waystation_core::ticket::{Capability, InstanceId, Refusal};
use waystation_store::tickets::{Assignment, AssignmentFilter};

use super::answer::Answer;
use super::body::Body;
use super::caller::{Asker, of_agent};
use super::described as d;
use super::form::{Form, Issues};
use super::page::{Page, time};
use super::scopes::next;
use crate::host::Host;

/// `scope:sub:instance`: which instance of which capability.
struct InstanceScope {
    scope: Capability,
    /// None for hex that is the id of no instance.
    instance: Option<InstanceId>,
}

impl std::str::FromStr for InstanceScope {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.rsplit_once(':').filter(|_| text.len() <= 200);
        let (scope, id) = parts.ok_or("Invalid instance scope")?;
        let hex = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let scope = scope.parse().ok().filter(|_| hex).ok_or("Invalid instance scope")?;
        Ok(Self { scope, instance: id.parse().ok() })
    }
}

fn missing(what: &str) -> Answer {
    Answer::new(StatusCode::NOT_FOUND, what)
}

/// Assigns an agent to an instance.
#[utoipa::path(post, path = "/api/tickets/assignments", tag = "tickets", security(("token" = [])), request_body = d::AssignmentToAdd, responses(d::BodyRefusals, (status = 200, body = d::AddedAssignment), (status = 201, body = d::AddedAssignment), (status = 404, body = d::Refusal, description = "There is no such agent or instance")))]
pub(super) async fn add(
    State(host): State<Host>,
    asker: Asker,
    Body(body): Body,
) -> Result<(StatusCode, Json<Value>), Answer> {
    asker.somewhere("assignment:write")?;
    let mut issues = Issues::default();
    let read = Form::of(body.as_ref(), &mut issues).and_then(|form| {
        let label = form.text("agentLabel", 150, &mut issues);
        let at = form.parsed::<InstanceScope>("instanceScope", 200, &mut issues);
        Some((label?.to_owned(), at?))
    });
    let (label, at) = issues.done(read)?;
    let no_agent = || missing("Agent not found or revoked");
    let no_instance = || missing("Instance not found or not active");
    let agent = AgentName::from_label(&label).map_err(|_| no_agent())?;
    asker.may_on("assignment:write", &of_agent(&at.scope, &agent))?;
    let instance = at.instance.unwrap_or_else(|| InstanceId::new([0; 16]));
    let limits = host.tickets().limits.clone();
    let done = host.store().assign(asker.caller(), agent, at.scope.clone(), instance, limits).await?;
    let (assignment, new) = done.map_err(|refusal| match refusal {
        Refusal::NotCapable => Answer::bad(format!("Agent \"{label}\" lacks capability \"{}\"", at.scope)),
        Refusal::NoInstance => no_instance(),
        _ => no_agent(),
    })?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(json!({ "ok": true, "assignment": view(&assignment) }))))
}

/// Takes an assignment back.
#[utoipa::path(delete, path = "/api/tickets/assignments/{agent}/{instance}", tag = "tickets", security(("token" = [])), params(("agent" = String, Path), ("instance" = String, Path)), responses(d::Refusals, (status = 200, body = d::Done), (status = 404, body = d::Refusal, description = "There is none")))]
pub(super) async fn remove(
    State(host): State<Host>,
    asker: Asker,
    Path((label, at)): Path<(String, String)>,
    _: Body,
) -> Result<Json<Value>, Answer> {
    asker.somewhere("assignment:remove")?;
    let agent = filtered(&label)?;
    let at: InstanceScope = at.parse().map_err(|e| Issues::one("instanceScope", e))?;
    let gone = || missing("Assignment not found");
    let (Some(agent), Some(instance)) = (agent, at.instance) else { return Err(gone()) };
    asker.may_on("assignment:remove", &of_agent(&at.scope, &agent))?;
    host.store().unassign(asker.caller(), agent, at.scope, instance).await?.map_err(|_| gone())?;
    Ok(Json(json!({ "ok": true })))
}

/// A label in a path or query: one that is well written and nobody's is none.
fn filtered(label: &str) -> Result<Option<AgentName>, Answer> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_:-".contains(&b);
    if label.is_empty() || label.len() > 150 || !label.bytes().all(plain) {
        return Err(Issues::one("agentLabel", "Invalid agent label"));
    }
    Ok(AgentName::from_label(label).ok())
}

/// The place after an assignment in the list of all.
fn cursor(instance: InstanceId, agent: &AgentName) -> String {
    format!("{instance}.{}", agent.label())
}

/// Reads what [`cursor`] writes.
fn place(text: &str) -> Result<(InstanceId, AgentName), Answer> {
    let parts = text.split_once('.');
    let place = parts.and_then(|(id, label)| Some((id.parse().ok()?, AgentName::from_label(label).ok()?)));
    place.ok_or_else(|| Issues::one("after", "Give what the page before said as `next`"))
}

/// What fuzzing asks of them: see [`crate::fuzz`].
#[cfg(any(test, fuzzing))]
pub(super) fn holds(text: &str) {
    if let Ok((instance, agent)) = place(text) {
        let written = cursor(instance, &agent);
        assert_eq!(place(&written).ok(), Some((instance, agent)), "{written}");
    }
    if let Ok(InstanceScope { scope, instance: Some(instance) }) = text.parse() {
        let again = format!("{scope}:{instance}").parse::<InstanceScope>();
        assert!(again.is_ok_and(|again| again.scope == scope && again.instance == Some(instance)), "{text}");
    }
}

/// Lists assignments, of an agent or to an instance.
#[utoipa::path(get, path = "/api/tickets/assignments", tag = "tickets", security(("token" = [])), params(d::Paged, d::OfAssignments), responses(d::Refusals, (status = 200, body = d::TicketAssignments)))]
pub(super) async fn list(State(host): State<Host>, asker: Asker, page: Page) -> Result<Json<Value>, Answer> {
    asker.somewhere("assignment:read")?;
    let empty = || Ok(Json(json!({ "assignments": [], "next": null })));
    let agent = match page.agent.as_deref().map(filtered).transpose()? {
        Some(None) => return empty(),
        found => found.flatten(),
    };
    let at = page.instance.as_deref().map(str::parse::<InstanceScope>).transpose();
    let at = at.map_err(|e| Issues::one("instanceScope", e))?;
    let instance = match &at {
        Some(InstanceScope { instance: None, .. }) => return empty(),
        Some(InstanceScope { instance, .. }) => *instance,
        None => None,
    };
    let after = page.after.as_deref().map(place).transpose()?;
    let filter = AssignmentFilter { agent, instance };
    let found = host.store().assignments(asker.tenant(), &filter, after.as_ref(), page.limit).await?;
    let last = || found.last().map(|last| cursor(last.instance, &last.agent));
    let next = next(found.len(), page.limit, last);
    let of_scope = |one: &&Assignment| at.as_ref().is_none_or(|at| at.scope == one.scope);
    let seen = |one: &&Assignment| asker.sees("assignment:read", &of_agent(&one.scope, &one.agent));
    let assignments: Vec<_> = found.iter().filter(of_scope).filter(seen).map(view).collect();
    Ok(Json(json!({ "assignments": assignments, "next": next })))
}

pub(super) fn view(one: &Assignment) -> Value {
    // The reference API knows one operator, `admin`; who it was is in `assignedByActor`.
    json!({
        "agentLabel": one.agent.label(), "instanceScope": format!("{}:{}", one.scope, one.instance),
        "assignedAt": time(one.at), "assignedBy": "admin", "assignedByActor": one.by,
    })
}
