//! `/api/v1/agents`: who is enrolled, with what certificates and capabilities.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waystation_core::access::Target;
use waystation_core::agent::AgentName;
use waystation_core::ticket::{Capability, Refusal};
use waystation_store::tickets::{Agent, Caller, IssuedCertificate};

use crate::api::body::Body;
use crate::api::page::{Paging, next};
use crate::api::problem::Problem;
use crate::api::who::Who;
use crate::host::Host;
use crate::pki::{Issued, NotIssued};

/// The most capabilities of one agent.
const MAX_CAPABILITIES: usize = 256;

/// An agent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EnrolledAgent {
    /// Which stays, whatever it is called.
    pub id: String,
    /// What it is called: `LABEL`, or `plugin-agent:DELEGATOR:NAME`.
    pub label: String,
    /// Since when, the last time.
    pub enrolled_at: Timestamp,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
    /// What it may do.
    pub capabilities: Vec<String>,
    /// What its machine said to be when it enrolled. It proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_uid: Option<String>,
}

impl From<Agent> for EnrolledAgent {
    fn from(agent: Agent) -> Self {
        Self {
            id: agent.id.to_string(),
            label: agent.name.label(),
            enrolled_at: agent.enrolled_at,
            revoked_at: agent.revoked_at,
            capabilities: agent.capabilities.iter().map(ToString::to_string).collect(),
            machine_uid: agent.machine.as_ref().map(ToString::to_string),
        }
    }
}

/// A page of agents, by label.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AgentPage {
    /// Some of them.
    pub agents: Vec<EnrolledAgent>,
    /// Give this as `after` for the next page; none when this is the last.
    pub next: Option<String>,
}

/// A certificate that was just issued.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewCertificate {
    /// In PEM.
    pub certificate: String,
    /// The authorities that the host trusts, in PEM.
    pub authorities: String,
    /// Its number, by which it is revoked.
    pub serial: String,
    /// SHA-256 of it, in hex.
    pub fingerprint: String,
    /// Until when it is valid.
    pub expires: Timestamp,
}

/// An agent to enrol.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAgent {
    /// What to call it: `LABEL`, or `plugin-agent:DELEGATOR:NAME`.
    pub label: String,
    /// What it may do.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// A certificate request (PKCS#10, PEM) for its key. Without one it has no certificate of this host, but may have one
    /// of another authority behind a trusted proxy.
    pub csr: Option<String>,
}

/// An agent that was just enrolled.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Enrolled {
    /// The agent.
    #[serde(flatten)]
    pub agent: EnrolledAgent,
    /// Its certificate, where it asked for one.
    pub issued: Option<NewCertificate>,
}

/// What to change of an agent.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentChange {
    /// What it may do from now on, and nothing else.
    pub capabilities: Vec<String>,
}

/// A request for a further certificate.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// A certificate request (PKCS#10, PEM).
    pub csr: String,
}

/// Who was revoked.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RevokedAgents {
    /// The agent, and those that it had enrolled in its own name.
    pub revoked: Vec<String>,
    /// How many sessions ended by it.
    pub sessions: u64,
}

/// What selectors tell an agent by: its label, as the name of a machine; a plugin's agent is on its delegator's.
pub(super) fn target(name: &AgentName) -> Target {
    let label = match name {
        AgentName::Agent { label } => label,
        AgentName::PluginAgent { delegator, .. } => delegator,
    };
    Target { machine: label.as_str().parse().ok(), ..Target::default() }
}

pub(crate) fn named(label: &str) -> Result<AgentName, Problem> {
    AgentName::from_label(label).map_err(|e| Problem::bad(e.code(), e.to_string()))
}

pub(crate) fn capabilities(list: &[String]) -> Result<BTreeSet<Capability>, Problem> {
    if list.len() > MAX_CAPABILITIES {
        let detail = format!("an agent has at most {MAX_CAPABILITIES} capabilities");
        return Err(Problem::bad("too-many-capabilities", detail));
    }
    let parse = |text: &String| {
        text.parse().map_err(|e: waystation_core::ticket::InvalidScope| {
            Problem::bad(e.code(), format!("{text:?}: {e}"))
        })
    };
    list.iter().map(parse).collect()
}

fn refused(refusal: Refusal, name: &AgentName) -> Problem {
    match refusal {
        Refusal::AgentTaken => {
            let detail = format!("an agent `{}` is enrolled; revoke it first", name.label());
            Problem::new(StatusCode::CONFLICT, refusal.code(), detail)
        }
        _ => Problem::not_found("agent", &name.label()),
    }
}

/// Issues a certificate for the key of a request.
fn issue(
    host: &Host,
    name: &AgentName,
    caller: &Caller,
    csr: &str,
) -> Result<(NewCertificate, IssuedCertificate), Problem> {
    let issued = host.pki().issue(name, &caller.tenant, csr, caller.now).map_err(|e| {
        let status = match e {
            NotIssued::NoAuthority => StatusCode::CONFLICT,
            NotIssued::Pki(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Problem::new(status, e.code(), e.to_string())
    })?;
    let kept = issued.kept();
    let Issued { certificate, authorities, serial, fingerprint, expires, .. } = issued;
    Ok((NewCertificate { certificate, authorities, serial, fingerprint, expires }, kept))
}

/// Lists agents, revoked ones too.
#[utoipa::path(get, path = "/api/v1/agents", tag = "agents", params(Paging),
    responses((status = 200, body = AgentPage), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(host): State<Host>,
    who: Who,
    query: Result<Query<Paging>, QueryRejection>,
) -> Result<Json<AgentPage>, Problem> {
    who.somewhere("agent:read")?;
    let (after, limit) = Paging::read(query, named)?;
    let agents = host.store().agents(who.tenant(), after.as_ref(), limit).await?;
    let next = next(&agents, limit, |last| last.name.label());
    let seen = agents.into_iter().filter(|agent| who.sees("agent:read", &target(&agent.name)));
    Ok(Json(AgentPage { agents: seen.map(EnrolledAgent::from).collect(), next }))
}

/// Shows one agent.
#[utoipa::path(get, path = "/api/v1/agents/{label}", tag = "agents", params(("label" = String, Path)),
    responses((status = 200, body = EnrolledAgent), (status = "default", body = Problem)))]
pub(crate) async fn show(
    State(host): State<Host>,
    who: Who,
    Path(label): Path<String>,
) -> Result<Json<EnrolledAgent>, Problem> {
    let name = named(&label)?;
    who.may_on("agent:read", &target(&name))?;
    found(&host, &who, &name).await.map(Json)
}

async fn found(host: &Host, who: &Who, name: &AgentName) -> Result<EnrolledAgent, Problem> {
    let agent = host.store().agent(who.tenant(), name).await?;
    agent.map(EnrolledAgent::from).ok_or_else(|| Problem::not_found("agent", &name.label()))
}

/// Enrols an agent, and issues a certificate for its key. One that was revoked is enrolled again, as the same agent.
#[utoipa::path(post, path = "/api/v1/agents", tag = "agents", request_body = NewAgent,
    responses((status = 201, body = Enrolled), (status = "default", body = Problem)))]
pub(crate) async fn enrol(
    State(host): State<Host>,
    who: Who,
    Body(body): Body<NewAgent>,
) -> Result<(StatusCode, Json<Enrolled>), Problem> {
    let (name, caller) = (named(&body.label)?, who.caller());
    who.may_on("agent:write", &target(&name))?;
    let capabilities = capabilities(&body.capabilities)?;
    let issued = body.csr.as_deref().map(|csr| issue(&host, &name, &caller, csr)).transpose()?;
    let (issued, certificate) = issued.unzip();
    let done = host.store().enrol_agent(caller, name.clone(), capabilities, certificate).await?;
    done.map_err(|refusal| refused(refusal, &name))?;
    Ok((StatusCode::CREATED, Json(Enrolled { agent: found(&host, &who, &name).await?, issued })))
}

/// Gives an agent these capabilities and no others. Tickets and sessions that need one that it lost end.
#[utoipa::path(patch, path = "/api/v1/agents/{label}", tag = "agents", params(("label" = String, Path)),
    request_body = AgentChange, responses((status = 200, body = EnrolledAgent), (status = "default", body = Problem)))]
pub(crate) async fn change(
    State(host): State<Host>,
    who: Who,
    Path(label): Path<String>,
    Body(body): Body<AgentChange>,
) -> Result<Json<EnrolledAgent>, Problem> {
    let name = named(&label)?;
    who.may_on("agent:write", &target(&name))?;
    let capabilities = capabilities(&body.capabilities)?;
    let done = host.store().set_capabilities(who.caller(), name.clone(), capabilities).await?;
    done.map_err(|refusal| refused(refusal, &name))?;
    found(&host, &who, &name).await.map(Json)
}

/// Issues a further certificate to an agent.
#[utoipa::path(post, path = "/api/v1/agents/{label}/certificates", tag = "agents", params(("label" = String, Path)),
    request_body = Renewal, responses((status = 201, body = NewCertificate), (status = "default", body = Problem)))]
pub(crate) async fn certify(
    State(host): State<Host>,
    who: Who,
    Path(label): Path<String>,
    Body(body): Body<Renewal>,
) -> Result<(StatusCode, Json<NewCertificate>), Problem> {
    let (name, caller) = (named(&label)?, who.caller());
    who.may_on("agent:write", &target(&name))?;
    let (issued, kept) = issue(&host, &name, &caller, &body.csr)?;
    let done = host.store().add_certificate(caller, name.clone(), kept).await?;
    done.map_err(|refusal| refused(refusal, &name))?;
    Ok((StatusCode::CREATED, Json(issued)))
}

/// Revokes an agent with those that it enrolled in its own name: their certificates, tickets and sessions end at once.
#[utoipa::path(delete, path = "/api/v1/agents/{label}", tag = "agents", params(("label" = String, Path)),
    responses((status = 200, body = RevokedAgents), (status = "default", body = Problem)))]
pub(crate) async fn revoke(
    State(host): State<Host>,
    who: Who,
    Path(label): Path<String>,
) -> Result<Json<RevokedAgents>, Problem> {
    let name = named(&label)?;
    who.may_on("agent:revoke", &target(&name))?;
    let done = host.store().revoke_agent(who.caller(), name.clone()).await?;
    let revoked = done.map_err(|refusal| refused(refusal, &name))?;
    host.look_at_revocations().await?;
    let labels = revoked.agents.iter().map(AgentName::label).collect();
    Ok(Json(RevokedAgents { revoked: labels, sessions: revoked.sessions }))
}
