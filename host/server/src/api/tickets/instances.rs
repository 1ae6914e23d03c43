//! `/api/tickets/instances`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use waystation_core::ticket::{Capability, Direct, Instance, InstanceId, InstanceStatus, Refusal, Transport};
use waystation_store::tickets::ById;

use super::answer::Answer;
use super::body::Body;
use super::caller::{Asker, of_agent};
use super::described as d;
use super::form::{Form, Issues};
use super::page::{Page, time};
use super::scopes::{STRATEGIES, next};
use crate::host::Host;

struct Registration {
    scope: Capability,
    transport: Transport,
}

fn read(body: Option<&Value>, issues: &mut Issues) -> Option<Registration> {
    let form = Form::of(body, issues)?;
    let scope = form.parsed("scope", 100, issues);
    let transport = form.form("transport", issues).and_then(|form| {
        let strategies = form.words("strategies", 1_000, STRATEGIES, issues);
        let preferred = if form.has("preferred") {
            form.word("preferred", STRATEGIES, issues).map(Some)
        } else {
            Some(None)
        };
        let direct = if form.has("direct") {
            form.form("direct", issues).and_then(|form| {
                let host = form.text("host", 255, issues);
                let port = form.port("port", false, issues);
                Some(Some(Direct { host: host?.to_owned(), port: port? }))
            })
        } else {
            Some(None)
        };
        Some(Transport { strategies: strategies?, preferred: preferred?, direct: direct? })
    });
    Some(Registration { scope: scope?, transport: transport? })
}

/// Registers an instance of the agent that asks.
#[utoipa::path(post, path = "/api/tickets/instances", tag = "tickets", security(("certificate" = []), ("agent_key" = [])), request_body = d::TicketInstanceToRegister, responses(d::BodyRefusals, (status = 200, body = d::RegisteredInstance), (status = 201, body = d::RegisteredInstance), (status = 404, body = d::Refusal, description = "There is no such scope")))]
pub(super) async fn register(
    State(host): State<Host>,
    asker: Asker,
    Body(body): Body,
) -> Result<(StatusCode, Json<Value>), Answer> {
    let mut issues = Issues::default();
    let read = read(body.as_ref(), &mut issues);
    let Registration { scope, transport } = issues.done(read)?;
    let owner = asker.agent()?;
    if let Some(direct) = &transport.direct {
        let refused = |e| {
            let mut issues = Issues::default();
            issues.add(&["transport".into(), "direct".into(), "host".into()], e);
            issues.done::<()>(None).err().unwrap_or_else(Answer::not_found)
        };
        host.tickets().direct(&direct.host).await.map_err(refused)?;
    }
    let limits = host.tickets().limits.clone();
    let done =
        host.store().register_instance(asker.caller(), owner, scope.clone(), transport, limits).await?;
    let (id, new) = done.map_err(|refusal| match refusal {
        Refusal::CallerRevoked | Refusal::NotCapable => {
            Answer::new(StatusCode::FORBIDDEN, "Insufficient capability")
        }
        Refusal::NoScope => Answer::new(StatusCode::NOT_FOUND, "Scope not registered"),
        Refusal::InstanceLimit => Answer::new(StatusCode::SERVICE_UNAVAILABLE, "Instance limit reached"),
        _ => Answer::not_found(),
    })?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    let body = json!({ "ok": true, "instanceId": id.to_string(), "instanceScope": format!("{scope}:{id}") });
    Ok((status, Json(body)))
}

/// An id in a path: hex of any length is an id that nobody has, anything else is none.
pub(super) fn id<T: std::str::FromStr>(name: &str, text: &str, missing: &str) -> Result<T, Answer> {
    let hex = !text.is_empty()
        && text.len() <= 128
        && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !hex {
        return Err(Issues::one(name, "Invalid id"));
    }
    text.parse().map_err(|_| Answer::new(StatusCode::NOT_FOUND, missing))
}

const MISSING: &str = "Instance not found";

/// Removes an instance: of the agent that asks, or any, for an operator.
#[utoipa::path(delete, path = "/api/tickets/instances/{id}", tag = "tickets", security(("certificate" = []), ("agent_key" = []), ("token" = [])), params(("id" = String, Path)), responses(d::Refusals, (status = 200, body = d::RemovedInstance), (status = 404, body = d::Refusal, description = "There is none of theirs")))]
pub(super) async fn remove(
    State(host): State<Host>,
    asker: Asker,
    Path(instance): Path<String>,
    _: Body,
) -> Result<Json<Value>, Answer> {
    let missing = || Answer::new(StatusCode::NOT_FOUND, MISSING);
    let operates = asker.agent_if().is_none();
    if operates {
        asker.somewhere("instance:remove")?;
    }
    let id: InstanceId = id("instanceId", &instance, MISSING)?;
    if operates {
        asker.may_by_id(&host, ("instance:remove", "instance:read"), ById::Instance(id), missing).await?;
    }
    let done = host.store().remove_instance(asker.caller(), asker.agent_if(), id).await?;
    done.map_err(|_| missing())?;
    Ok(Json(json!({ "ok": true, "instanceId": id.to_string() })))
}

/// Keeps an instance alive.
#[utoipa::path(post, path = "/api/tickets/instances/{id}/heartbeat", tag = "tickets", security(("certificate" = []), ("agent_key" = [])), params(("id" = String, Path)), responses(d::Refusals, (status = 200, body = d::Done), (status = 404, body = d::Refusal, description = "There is none of theirs; register again")))]
pub(super) async fn heartbeat(
    State(host): State<Host>,
    asker: Asker,
    Path(instance): Path<String>,
    _: Body,
) -> Result<Json<Value>, Answer> {
    let id: InstanceId = id("instanceId", &instance, MISSING)?;
    let done = host.store().instance_heartbeat(asker.caller(), asker.agent()?, id).await?;
    done.map_err(|_| Answer::new(StatusCode::NOT_FOUND, MISSING))?;
    Ok(Json(json!({ "ok": true })))
}

/// Lists instances.
#[utoipa::path(get, path = "/api/tickets/instances", tag = "tickets", security(("token" = [])), params(d::Paged), responses(d::Refusals, (status = 200, body = d::TicketInstances), (status = 404, body = d::Refusal, description = "`after` is the id of nothing")))]
pub(super) async fn list(State(host): State<Host>, asker: Asker, page: Page) -> Result<Json<Value>, Answer> {
    asker.somewhere("instance:read")?;
    let after = page.after.as_deref().map(|text| id("after", text, MISSING)).transpose()?;
    let found = host.store().instances(asker.tenant(), after, page.limit).await?;
    let next = next(found.len(), page.limit, || found.last().map(|last| last.id.to_string()));
    let seen = |one: &&Instance| asker.sees("instance:read", &of_agent(&one.scope, &one.owner));
    let instances: Vec<_> = found.iter().filter(seen).map(|one| view(&host, one)).collect();
    Ok(Json(json!({ "instances": instances, "next": next })))
}

pub(super) fn view(host: &Host, one: &Instance) -> Value {
    let status = InstanceStatus::of(one.last_heartbeat, Timestamp::now(), &host.tickets().limits);
    json!({
        "scope": one.scope.as_str(), "instanceId": one.id.to_string(), "agentLabel": one.owner.label(),
        "registeredAt": time(one.registered_at), "lastHeartbeat": time(one.last_heartbeat),
        "status": status.as_str(), "transport": one.transport,
    })
}
